//! Connected accounts: what they must tell, what they may do, their people and their banks.

use serde_json::{Value, json};

use crate::support::{Answer, DAY, Stripe};

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("id")
}

async fn refused(stripe: &Stripe, path: &str, body: &str) -> Answer {
    let answer = stripe.send("POST", path, body, &[]).await;
    assert_eq!(answer.status, 400, "{path} {body}: {}", answer.body);
    answer
}

fn texts(value: &Value) -> Vec<&str> {
    let list = value.as_array().expect("list").iter();
    list.filter_map(Value::as_str).collect()
}

const CUSTOM: &str = "type=custom&capabilities[card_payments][requested]=true&capabilities[transfers][requested]=true";
const BANK: &str = "&external_account[object]=bank_account&external_account[country]=US&external_account[currency]=usd&external_account[account_number]=000123456789&external_account[routing_number]=110000000";
const TERMS: &str = "&tos_acceptance[date]=1790000000&tos_acceptance[ip]=203.0.113.7";
const PROFILE: &str = "&business_profile[mcc]=5734&business_profile[url]=https://shop.example";

fn somebody(prefix: &str, day: i64, year: i64) -> String {
    let fields = [
        ("[first_name]", "Jenny".to_owned()),
        ("[last_name]", "Rosen".to_owned()),
        ("[email]", "jenny@shop.example".to_owned()),
        ("[phone]", "+15555550100".to_owned()),
        ("[ssn_last_4]", "0000".to_owned()),
        ("[dob][day]", day.to_string()),
        ("[dob][month]", "1".to_owned()),
        ("[dob][year]", year.to_string()),
        ("[address][line1]", "address_full_match".to_owned()),
        ("[address][city]", "Denver".to_owned()),
        ("[address][state]", "CO".to_owned()),
        ("[address][postal_code]", "80202".to_owned()),
    ];
    fields
        .iter()
        .map(|(name, value)| {
            let name = if prefix.is_empty() {
                name.replacen('[', "", 1).replacen(']', "", 1)
            } else {
                format!("{prefix}{name}")
            };
            format!("&{name}={}", value.replace('+', "%2B"))
        })
        .collect()
}

/// What is due of a custom account of which nothing is known.
const DUE_AT_FIRST: [&str; 8] = [
    "business_profile.mcc",
    "business_profile.url",
    "business_type",
    "external_account",
    "representative.first_name",
    "representative.last_name",
    "tos_acceptance.date",
    "tos_acceptance.ip",
];

#[tokio::test]
async fn a_custom_account_tells_what_is_missing_until_it_may_trade() {
    let s = Stripe::start().await;
    let new = s
        .post("/v1/accounts", &format!("{CUSTOM}&country=US"))
        .await;
    assert_eq!(texts(&new["requirements"]["currently_due"]), DUE_AT_FIRST);
    assert_eq!(
        new["requirements"]["disabled_reason"],
        "requirements.past_due"
    );
    assert_eq!(
        new["requirements"]["alternatives"][0]["original_fields_due"],
        json!(["business_profile.url"])
    );
    let path = format!("/v1/accounts/{}", id(&new));
    let typed = s
        .post(&path, &format!("business_type=individual{PROFILE}{BANK}"))
        .await;
    let due = texts(&typed["requirements"]["currently_due"]);
    assert!(due.contains(&"individual.dob.day"), "{due:?}");
    assert!(due.contains(&"individual.ssn_last_4"), "{due:?}");
    assert!(!due.contains(&"external_account"), "{due:?}");
    assert_eq!(typed["details_submitted"], false);
    let told = s
        .post(
            &path,
            &format!("x=y{TERMS}{}", somebody("individual", 1, 1901)).replace("x=y&", ""),
        )
        .await;
    assert_eq!(told["requirements"]["currently_due"], json!([]), "{told}");
    assert_eq!(told["details_submitted"], true);
    assert_eq!(
        texts(&told["requirements"]["eventually_due"]),
        ["individual.id_number"]
    );
    // The check takes a moment; nothing is enabled before it ends.
    assert_eq!(
        (&told["charges_enabled"], &told["capabilities"]["transfers"]),
        (&json!(false), &json!("pending"))
    );
    assert_eq!(
        told["requirements"]["disabled_reason"],
        "requirements.pending_verification"
    );
    s.simulator.advance(10).await;
    let ready = s.get(&path).await;
    assert_eq!(
        (&ready["charges_enabled"], &ready["payouts_enabled"]),
        (&json!(true), &json!(true)),
        "{ready}"
    );
    assert_eq!(ready["individual"]["verification"]["status"], "verified");
    assert_eq!(ready["individual"]["ssn_last_4_provided"], true);
    assert_eq!(ready["requirements"]["disabled_reason"], Value::Null);
    let heard = s.event_types(id(&new)).await;
    for name in ["account.updated", "capability.updated", "person.updated"] {
        assert!(heard.iter().any(|t| t == name), "{name}: {heard:?}");
    }
    let body = "amount=1000&currency=usd&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card";
    let sale = s.on(id(&new), "/v1/payment_intents", body).await;
    assert_eq!(sale["status"], "succeeded");
}

#[tokio::test]
async fn the_test_values_fail_until_a_document_proves_the_person() {
    let s = Stripe::start().await;
    let base = format!("{CUSTOM}&country=US&business_type=individual{PROFILE}{BANK}{TERMS}");
    let body = format!("{base}{}", somebody("individual", 2, 1980));
    let doubted = s.post("/v1/accounts", &body).await;
    assert_eq!(
        texts(&doubted["requirements"]["currently_due"]),
        ["individual.verification.document"]
    );
    let error = &doubted["requirements"]["errors"][0];
    assert_eq!(error["code"], "verification_failed_keyed_identity");
    assert_eq!(doubted["charges_enabled"], false);
    let path = format!("/v1/accounts/{}", id(&doubted));
    let document = "individual[verification][document][front]=file_identity_document_success";
    s.post(&path, document).await;
    s.simulator.advance(10).await;
    assert_eq!(s.get(&path).await["charges_enabled"], true);

    // 1 January 1902 needs no moment.
    let body = format!("{base}{}", somebody("individual", 1, 1902));
    let at_once = s.post("/v1/accounts", &body).await;
    assert_eq!(at_once["charges_enabled"], true, "{at_once}");
    let path = format!("/v1/accounts/{}", id(&at_once));
    let moved = s
        .post(&path, "individual[address][line1]=address_no_match")
        .await;
    assert_eq!(
        moved["requirements"]["errors"][0]["code"],
        "verification_failed_residential_address"
    );
    assert_eq!(moved["capabilities"]["card_payments"], "inactive");
    let wrong = refused(
        &s,
        &path,
        "individual[dob][day]=31&individual[dob][month]=2&individual[dob][year]=1990",
    )
    .await;
    assert_eq!(wrong.error("param"), "dob");
}

#[tokio::test]
async fn a_company_needs_its_people() {
    let s = Stripe::start().await;
    let company = "&company[name]=Tea&company[phone]=%2B15555550100&company[tax_id]=000000000&company[address][line1]=address_full_match&company[address][city]=Denver&company[address][state]=CO&company[address][postal_code]=80202";
    let body = format!("{CUSTOM}&country=US&business_type=company{company}{PROFILE}{BANK}{TERMS}");
    let account = s.post("/v1/accounts", &body).await;
    assert_eq!(account["company"]["tax_id_provided"], true);
    assert!(account["company"].get("tax_id").is_none());
    let due = texts(&account["requirements"]["currently_due"]);
    assert!(due.contains(&"company.owners_provided"), "{due:?}");
    assert!(due.contains(&"representative.dob.day"), "{due:?}");
    let path = format!("/v1/accounts/{}", id(&account));
    let people = format!("{path}/persons");
    let jenny = s
        .post(
            &people,
            "first_name=Jenny&relationship[representative]=true",
        )
        .await;
    let first = format!("{}.last_name", id(&jenny));
    let now = s.get(&path).await;
    assert!(texts(&now["requirements"]["currently_due"]).contains(&first.as_str()));
    assert!(texts(&jenny["requirements"]["currently_due"]).contains(&"last_name"));
    let second = refused(&s, &people, "relationship[representative]=true").await;
    assert_eq!(second.error("param"), "relationship[representative]");
    let one = format!("{people}/{}", id(&jenny));
    let body = format!(
        "relationship[title]=CEO&relationship[percent_ownership]=60.5{}",
        somebody("", 1, 1902)
    );
    let told = s.post(&one, &body).await;
    assert_eq!(told["relationship"]["percent_ownership"], 60.5);
    assert_eq!(told["verification"]["status"], "verified", "{told}");
    let ready = s.post(&path, "company[owners_provided]=true").await;
    assert_eq!(ready["charges_enabled"], true, "{}", ready["requirements"]);
    let owner = s
        .post(
            &format!("{path}/people"),
            "relationship[owner]=true&first_name=A&last_name=B",
        )
        .await;
    assert_eq!(s.get(&path).await["charges_enabled"], false);
    let owners = s.get(&format!("{people}?relationship[owner]=true")).await;
    assert_eq!(owners["data"][0]["id"], owner["id"]);
    assert_eq!(owners["data"].as_array().expect("list").len(), 1);
    let gone = s
        .send("DELETE", &format!("{people}/{}", id(&owner)), "", &[])
        .await;
    assert_eq!(gone.body["deleted"], true);
    assert_eq!(s.get(&path).await["charges_enabled"], true);
    let missing = s
        .send("GET", &format!("{people}/{}", id(&owner)), "", &[])
        .await;
    assert_eq!(
        (missing.status, missing.error("code")),
        (404, "resource_missing")
    );
    let failing = s.post(&path, "company[tax_id]=111111111").await;
    assert_eq!(
        texts(&failing["requirements"]["currently_due"]),
        ["company.verification.document"]
    );
    let heard = s.event_types(id(&account)).await;
    for name in ["person.created", "person.updated", "person.deleted"] {
        assert!(heard.iter().any(|t| t == name), "{name}: {heard:?}");
    }
}

#[tokio::test]
async fn germany_asks_for_directors_and_no_social_security_number() {
    let s = Stripe::start().await;
    let body = format!("{CUSTOM}&country=DE&business_type=company");
    let account = s.post("/v1/accounts", &body).await;
    let due = texts(&account["requirements"]["currently_due"]);
    assert!(due.contains(&"company.directors_provided"), "{due:?}");
    assert!(
        !due.iter()
            .any(|f| f.contains("ssn") || f.ends_with("address.state")),
        "{due:?}"
    );
    let gov = s
        .post(
            "/v1/accounts",
            &format!("{CUSTOM}&country=US&business_type=government_entity"),
        )
        .await;
    let due = texts(&gov["requirements"]["currently_due"]);
    assert!(!due.contains(&"company.owners_provided"), "{due:?}");
}

#[tokio::test]
async fn capabilities_are_asked_for_and_given_up() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let path = format!("/v1/accounts/{acct}/capabilities");
    let none = s.get(&format!("{path}/sepa_debit_payments")).await;
    assert_eq!(
        (&none["status"], &none["requested"], &none["requested_at"]),
        (&json!("unrequested"), &json!(false), &Value::Null)
    );
    let got = s
        .post(&format!("{path}/sepa_debit_payments"), "requested=true")
        .await;
    assert_eq!(
        (&got["status"], &got["requested"]),
        (&json!("active"), &json!(true))
    );
    let all = s.get(&path).await;
    let names: Vec<_> = all["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(id)
        .collect();
    assert_eq!(names, ["card_payments", "sepa_debit_payments", "transfers"]);
    s.post(&format!("{path}/sepa_debit_payments"), "requested=false")
        .await;
    let account = s.get(&format!("/v1/accounts/{acct}")).await;
    assert!(account["capabilities"].get("sepa_debit_payments").is_none());
    let unknown = s.send("GET", &format!("{path}/flying"), "", &[]).await;
    assert_eq!(unknown.error("code"), "resource_missing");
    let heard = s.get_on(&acct, "/v1/events?type=capability.updated").await;
    let last = &heard["data"][0]["data"];
    assert_eq!(
        (
            &last["object"]["status"],
            &last["previous_attributes"]["status"]
        ),
        (&json!("unrequested"), &json!("active"))
    );
    let new = s
        .post("/v1/accounts", &format!("{CUSTOM}&country=US"))
        .await;
    let one = s
        .get(&format!(
            "/v1/accounts/{}/capabilities/card_payments",
            id(&new)
        ))
        .await;
    assert_eq!(one["status"], "inactive");
    assert_eq!(
        one["requirements"]["disabled_reason"],
        "requirements.fields_needed"
    );
    let recipient = "type=custom&country=US&tos_acceptance[service_agreement]=recipient&capabilities[card_payments][requested]=true";
    let no = refused(&s, "/v1/accounts", recipient).await;
    assert_eq!(no.error("param"), "capabilities");
}

#[tokio::test]
async fn external_accounts_have_one_default_a_currency() {
    let s = Stripe::start().await;
    let account = s
        .post("/v1/accounts", &format!("{CUSTOM}&country=US{BANK}"))
        .await;
    let first = account["external_accounts"]["data"][0].clone();
    assert_eq!(first["default_for_currency"], true);
    let path = format!("/v1/accounts/{}/external_accounts", id(&account));
    let only = s
        .send("DELETE", &format!("{path}/{}", id(&first)), "", &[])
        .await;
    assert_eq!(only.status, 400);
    let token = s
        .post("/v1/tokens", "bank_account[country]=US&bank_account[currency]=usd&bank_account[account_number]=000111111116&bank_account[routing_number]=110000000")
        .await;
    let body = format!("external_account={}&metadata[a]=b", id(&token));
    let second = s.post(&path, &body).await;
    assert_eq!(
        (
            &second["last4"],
            &second["default_for_currency"],
            &second["metadata"]["a"]
        ),
        (&json!("1116"), &json!(false), &json!("b"))
    );
    let twice = refused(&s, &path, &body).await;
    assert_eq!(twice.error("code"), "token_already_used");
    let told = s
        .post(
            &format!("{path}/{}", id(&second)),
            "default_for_currency=true&account_holder_name=Jenny",
        )
        .await;
    assert_eq!(told["account_holder_name"], "Jenny");
    let first_now = s.get(&format!("{path}/{}", id(&first))).await;
    assert_eq!(first_now["default_for_currency"], false);
    let gone = s
        .send("DELETE", &format!("{path}/{}", id(&first)), "", &[])
        .await;
    assert_eq!((gone.status, &gone.body["deleted"]), (200, &json!(true)));
    let card = s.post(&path, "external_account=tok_visa_debit").await;
    assert_eq!(
        (&card["object"], &card["funding"]),
        (&json!("card"), &json!("debit"))
    );
    let credit = refused(&s, &path, "external_account=tok_visa").await;
    assert_eq!(credit.error("param"), "external_account");
    let cards = s.get(&format!("{path}?object=card")).await;
    assert_eq!(cards["data"].as_array().expect("list").len(), 1);
    let test = s
        .post(&path, "external_account=btok_us_verified_accountClosed")
        .await;
    assert_eq!(test["last4"], "1113");
    let unknown = s
        .send("POST", &path, "external_account=btok_unknown", &[])
        .await;
    assert_eq!(unknown.error("code"), "resource_missing");
    let heard = s.event_types(id(&account)).await;
    for name in ["created", "updated", "deleted"] {
        let name = format!("account.external_account.{name}");
        assert!(heard.contains(&name), "{name}: {heard:?}");
    }
}

#[tokio::test]
async fn tokens_tell_what_the_platform_shall_not_see() {
    let s = Stripe::start().await;
    let token = s
        .post("/v1/tokens", "account[business_type]=individual&account[individual][first_name]=Jenny&account[tos_shown_and_accepted]=true")
        .await;
    let body = format!("{CUSTOM}&country=US&account_token={}", id(&token));
    let account = s.post("/v1/accounts", &body).await;
    assert_eq!(account["individual"]["first_name"], "Jenny");
    assert!(account["tos_acceptance"]["date"].is_i64());
    let token = s
        .post(
            "/v1/tokens",
            "person[first_name]=Kathleen&person[last_name]=Banks",
        )
        .await;
    let path = format!("/v1/accounts/{}/persons", id(&account));
    let person = s.post(&path, &format!("person_token={}", id(&token))).await;
    assert_eq!(person["last_name"], "Banks");
}

#[tokio::test]
async fn what_stripe_collects_the_platform_cannot_accept() {
    let s = Stripe::start().await;
    let no = refused(&s, "/v1/accounts", &format!("type=express{TERMS}")).await;
    assert_eq!(no.error("param"), "tos_acceptance");
    let profile = "type=express&country=US&business_profile[annual_revenue][amount]=5000&business_profile[annual_revenue][currency]=usd&business_profile[annual_revenue][fiscal_year_end]=2025-12-31&business_profile[minority_owned_business_designation][]=none_of_these_apply&business_profile[support_address][city]=Denver";
    let express = s.post("/v1/accounts", profile).await;
    let told = &express["business_profile"];
    assert_eq!(told["annual_revenue"]["amount"], 5000);
    assert_eq!(
        told["minority_owned_business_designation"],
        json!(["none_of_these_apply"])
    );
    let acct = id(&express);
    let person = s
        .post(
            &format!("/v1/accounts/{acct}/persons"),
            "relationship[representative]=true",
        )
        .await;
    let path = format!("/v1/accounts/{acct}/persons/{}", id(&person));
    let opener = s.send("DELETE", &path, "", &[]).await;
    assert_eq!(opener.status, 400);
}

#[tokio::test]
async fn account_sessions_name_their_components() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    let body = format!(
        "account={acct}&components[payments][enabled]=true&components[payments][features][refund_management]=false"
    );
    let session = s.post("/v1/account_sessions", &body).await;
    let payments = &session["components"]["payments"];
    assert_eq!(
        (
            &payments["enabled"],
            &payments["features"]["refund_management"],
            &payments["features"]["dispute_management"]
        ),
        (&json!(true), &json!(false), &json!(true))
    );
    assert_eq!(session["components"]["payouts"]["enabled"], false);
    assert!(
        session["client_secret"]
            .as_str()
            .expect("secret")
            .starts_with("accs_")
    );
    let none = refused(
        &s,
        "/v1/account_sessions",
        &format!("account={acct}&components[payments][enabled]=false"),
    )
    .await;
    assert_eq!(none.error("param"), "components");
    let body = format!(
        "account={acct}&components[account_onboarding][enabled]=true&components[account_onboarding][features][disable_stripe_user_authentication]=true"
    );
    let no = refused(&s, "/v1/account_sessions", &body).await;
    assert_eq!(
        no.error("param"),
        "components[account_onboarding][features][disable_stripe_user_authentication]"
    );
    let other = s
        .send(
            "POST",
            "/v1/account_sessions",
            "account=acct_x&components[payments][enabled]=true",
            &[],
        )
        .await;
    assert_eq!(other.error("code"), "resource_missing");
}

#[tokio::test]
async fn a_connected_account_reads_itself_and_nobody_else() {
    let s = Stripe::start().await;
    let (one, two) = (s.seller().await, s.seller().await);
    assert_eq!(s.get_on(&one, "/v1/account").await["id"], one.as_str());
    let path = format!("/v1/accounts/{two}");
    for path in [
        path.clone(),
        format!("{path}/persons"),
        format!("{path}/capabilities"),
        format!("{path}/external_accounts"),
    ] {
        let other = s.send("GET", &path, "", &[("Stripe-Account", &one)]).await;
        assert_eq!(
            (other.status, other.error("code")),
            (403, "account_invalid"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn accounts_are_deleted_without_money_and_rejected_for_a_reason() {
    let s = Stripe::start().await;
    let (rich, poor) = (s.seller().await, s.seller().await);
    s.sale(&rich, 1000, 0).await;
    let no = s
        .send("DELETE", &format!("/v1/accounts/{rich}"), "", &[])
        .await;
    assert_eq!(no.status, 400);
    s.post(
        "/_simulator/assumptions",
        r#"{"account_deletion":"live_rules"}"#,
    )
    .await;
    let full = s
        .send("DELETE", &format!("/v1/accounts/{poor}"), "", &[])
        .await;
    assert_eq!(full.status, 400);
    s.post(
        "/_simulator/assumptions",
        r#"{"account_deletion":"any_time"}"#,
    )
    .await;
    let gone = s
        .send("DELETE", &format!("/v1/accounts/{rich}"), "", &[])
        .await;
    assert_eq!((gone.status, &gone.body["deleted"]), (200, &json!(true)));
    let own = s.get("/v1/account").await;
    let own = s
        .send("DELETE", &format!("/v1/accounts/{}", id(&own)), "", &[])
        .await;
    assert_eq!(own.status, 400);

    let account = s
        .post("/v1/accounts", &format!("{CUSTOM}&country=US"))
        .await;
    let path = format!("/v1/accounts/{}", id(&account));
    let bad = refused(&s, &format!("{path}/reject"), "reason=boredom").await;
    assert_eq!(bad.error("param"), "reason");
    let out = s.post(&format!("{path}/reject"), "reason=fraud").await;
    assert_eq!(out["requirements"]["disabled_reason"], "rejected.fraud");
    // Nothing that is told brings it back.
    let still = s.post(&path, "business_type=individual").await;
    assert_eq!(still["requirements"]["disabled_reason"], "rejected.fraud");
}

#[tokio::test]
async fn a_payout_shows_the_bank_account_it_goes_to() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 5000, 0).await;
    s.simulator.advance(4 * DAY).await;
    let list = s
        .get_on(&acct, "/v1/payouts?expand[]=data.destination")
        .await;
    assert_eq!(list["data"][0]["destination"]["object"], "bank_account");
}
