//! Accounts by `/v2`: the same accounts that v1 has.

use serde_json::{Value, json};

use super::{direct, events, marketplace, read};
use crate::support::{DAY, START, Stripe};

pub(super) async fn made(s: &Stripe, body: Value) -> String {
    let account = s.post_v2("/v2/core/accounts", body).await;
    account["id"].as_str().expect("id").to_owned()
}

pub(super) fn status<'a>(account: &'a Value, path: &str) -> &'a str {
    account
        .pointer(&format!("/configuration/{path}/status"))
        .and_then(Value::as_str)
        .unwrap_or("none")
}

/// The types of the events since `from`.
pub(super) async fn types_since(s: &Stripe, account: &str, from: usize) -> Vec<String> {
    let all = events(s, account).await;
    all.into_iter().skip(from).map(|(name, _)| name).collect()
}

#[tokio::test]
async fn what_is_not_asked_for_is_null_and_what_is_asked_for_is_there() {
    let s = Stripe::start().await;
    let mut body = direct();
    let bare = s.post_v2("/v2/core/accounts", body.clone()).await;
    for part in [
        "configuration",
        "defaults",
        "identity",
        "requirements",
        "future_requirements",
    ] {
        assert!(bare[part].is_null(), "{part}");
    }
    assert_eq!(bare["object"], "v2.core.account");
    assert_eq!(bare["applied_configurations"], json!(["merchant"]));
    assert_eq!(bare["created"], "2026-09-21T14:13:20.000Z");
    assert_eq!(
        (&bare["closed"], &bare["dashboard"]),
        (&json!(false), &json!("full"))
    );
    assert_eq!(bare["metadata"], json!({ "seller": "7" }));
    body["include"] = json!(["configuration.merchant", "requirements"]);
    let full = s.post_v2("/v2/core/accounts", body).await;
    assert_eq!(
        status(&full, "merchant/capabilities/card_payments"),
        "restricted"
    );
    assert_eq!(
        full["configuration"]["merchant"]["capabilities"]["card_payments"]["status_details"],
        json!([{ "code": "requirements_past_due", "resolution": "provide_info" }])
    );
    assert!(full["configuration"]["recipient"].is_null());
    assert!(full["defaults"].is_null(), "that wasn't asked for");
    assert_eq!(
        full["requirements"]["summary"]["minimum_deadline"]["status"],
        "past_due"
    );
}

#[tokio::test]
async fn both_namespaces_see_one_account() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    let v1 = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(v1["controller"]["stripe_dashboard"]["type"], "full");
    assert_eq!(v1["controller"]["fees"]["payer"], "account");
    assert_eq!(v1["controller"]["losses"]["payments"], "stripe");
    assert_eq!(
        (&v1["email"], &v1["country"]),
        (&json!("mira@example.com"), &json!("DE"))
    );
    assert_eq!(v1["capabilities"], json!({ "card_payments": "inactive" }));
    assert_eq!(v1["business_profile"]["name"], "Mira's Lamps");
    assert_eq!(
        (&v1["business_type"], &v1["charges_enabled"]),
        (&json!("individual"), &json!(false))
    );

    s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
        .await;
    let v1 = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(
        v1["capabilities"],
        json!({ "card_payments": "active" }),
        "no configuration asks for transfers"
    );
    assert_eq!(
        (&v1["charges_enabled"], &v1["payouts_enabled"]),
        (&json!(true), &json!(true))
    );
    let v2 = read(&s, &id).await;
    assert_eq!(status(&v2, "merchant/capabilities/card_payments"), "active");
    assert_eq!(
        status(&v2, "merchant/capabilities/stripe_balance/payouts"),
        "active"
    );
    assert_eq!(
        v2["requirements"],
        json!({ "entries": [], "summary": null })
    );
    assert_eq!(v2["identity"]["country"], "de");
    assert_eq!(
        v2["defaults"]["responsibilities"]["requirements_collector"],
        "stripe"
    );

    // A change by either is seen by the other.
    s.post(
        &format!("/v1/accounts/{id}"),
        "business_profile[name]=New name&metadata[a]=b",
    )
    .await;
    let v2 = read(&s, &id).await;
    assert_eq!(v2["defaults"]["profile"]["doing_business_as"], "New name");
    assert_eq!(v2["metadata"], json!({ "seller": "7", "a": "b" }));
    let path = format!("/v2/core/accounts/{id}");
    s.post_v2(
        &path,
        json!({ "contact_email": "new@example.com", "metadata": { "a": null } }),
    )
    .await;
    let v1 = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(
        (&v1["email"], &v1["metadata"]),
        (&json!("new@example.com"), &json!({ "seller": "7" }))
    );
}

#[tokio::test]
async fn an_account_that_v1_made_has_the_configurations_of_its_capabilities() {
    let s = Stripe::start().await;
    made(&s, direct()).await;
    let seller = s.seller().await;
    let v2 = read(&s, &seller).await;
    assert_eq!(
        v2["applied_configurations"],
        json!(["merchant", "recipient"])
    );
    assert_eq!(
        status(
            &v2,
            "recipient/capabilities/stripe_balance/stripe_transfers"
        ),
        "active"
    );
    let listed = s
        .get_v2("/v2/core/accounts?applied_configurations[0]=recipient")
        .await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn money_moves_on_accounts_of_v2_as_on_those_of_v1() {
    let s = Stripe::start().await;
    let merchant = made(&s, direct()).await;
    let early = s
        .send("POST", "/v1/payment_intents", "amount=1000&currency=eur&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card", &[("Stripe-Account", &merchant)])
        .await;
    assert_eq!(early.status, 400, "before onboarding: {}", early.body);
    s.post(&format!("/_simulator/accounts/{merchant}/onboard"), "")
        .await;
    s.sale(&merchant, 10_000, 1_000).await;
    let balance = s.get_on(&merchant, "/v1/balance").await;
    assert!(
        balance["pending"][0]["amount"]
            .as_i64()
            .is_some_and(|n| n > 8_000),
        "{balance}"
    );
    // It has no transfers capability, and a recipient no card payments.
    let transfer = format!("amount=1&currency=eur&destination={merchant}");
    let refused = s.send("POST", "/v1/transfers", &transfer, &[]).await;
    assert_eq!(
        refused.error("code"),
        "insufficient_capabilities_for_transfer"
    );
    let recipient = made(&s, marketplace()).await;
    s.post(&format!("/_simulator/accounts/{recipient}/onboard"), "")
        .await;
    let v1 = s.get(&format!("/v1/accounts/{recipient}")).await;
    assert_eq!(v1["capabilities"], json!({ "transfers": "active" }));
    assert_eq!(
        (&v1["charges_enabled"], &v1["payouts_enabled"]),
        (&json!(false), &json!(true))
    );
    let refused = s.send("POST", "/v1/payment_intents", "amount=1000&currency=eur&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card", &[("Stripe-Context", &recipient)]).await;
    assert!(
        refused
            .error("message")
            .contains("cannot currently make charges"),
        "{}",
        refused.body
    );
}

/// Dashboard, fees collector, losses collector, and the code that refuses them together.
const COMBINATIONS: [(&str, &str, &str, &str); 11] = [
    ("full", "stripe", "stripe", ""),
    ("express", "application", "application", ""),
    ("none", "application", "application", ""),
    (
        "express",
        "stripe",
        "stripe",
        "account_controller_express_dash_without_application_losses_or_fees",
    ),
    (
        "express",
        "application",
        "stripe",
        "account_controller_express_dash_without_application_losses_or_fees",
    ),
    (
        "full",
        "stripe",
        "application",
        "account_controller_stripe_pricing_platform_liable",
    ),
    (
        "none",
        "stripe",
        "application",
        "account_controller_stripe_pricing_platform_liable",
    ),
    (
        "full",
        "application",
        "application",
        "account_controller_unsupported_configuration",
    ),
    (
        "full",
        "application",
        "stripe",
        "account_controller_unsupported_configuration",
    ),
    (
        "none",
        "stripe",
        "stripe",
        "account_controller_unsupported_configuration",
    ),
    (
        "none",
        "application",
        "stripe",
        "account_controller_unsupported_configuration",
    ),
];

#[tokio::test]
async fn dashboards_and_responsibilities_go_together_as_stripe_allows() {
    for (dashboard, fees, losses, code) in COMBINATIONS {
        let s = Stripe::start().await;
        let mut body = direct();
        body["dashboard"] = json!(dashboard);
        body["defaults"]["responsibilities"] =
            json!({ "fees_collector": fees, "losses_collector": losses });
        let answer = s.v2("POST", "/v2/core/accounts", &body, &[]).await;
        assert_eq!(answer.error("code"), code, "{dashboard} {fees} {losses}");
        assert_eq!(
            answer.body["error"]["user_message"].is_string(),
            !code.is_empty()
        );
    }
    let s = Stripe::under("none_dashboard", "any_losses").await;
    let mut body = direct();
    body["dashboard"] = json!("none");
    let id = made(&s, body).await;
    let v1 = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(v1["controller"]["losses"]["payments"], "stripe");
}

#[tokio::test]
async fn a_new_account_lacks_nothing_that_is_required() {
    let s = Stripe::start().await;
    for (path, code) in [
        ("/contact_email", "parameter_missing"),
        ("/dashboard", "parameter_missing"),
        ("/defaults/responsibilities", "parameter_missing"),
        ("/identity/country", "identity_country_required"),
    ] {
        let mut body = direct();
        *body.pointer_mut(path).expect("there") = Value::Null;
        let refused = s.v2("POST", "/v2/core/accounts", &body, &[]).await;
        assert_eq!(
            (refused.status, refused.error("code")),
            (400, code),
            "{path}"
        );
    }
    let mut body = direct();
    body["contact_email"] = json!("mira at example");
    assert_eq!(
        s.v2("POST", "/v2/core/accounts", &body, &[])
            .await
            .error("code"),
        "email_invalid"
    );
    let mut body = direct();
    body["identity"]["country"] = json!("tr");
    assert_eq!(
        s.v2("POST", "/v2/core/accounts", &body, &[])
            .await
            .error("code"),
        "country_unsupported"
    );
    // A customer needs nothing, and has no responsibilities.
    let customer = s
        .post_v2("/v2/core/accounts", json!({ "configuration": { "customer": { "shipping": { "name": "Ana" } } }, "include": ["configuration.customer"] }))
        .await;
    assert_eq!(
        customer["configuration"]["customer"]["shipping"]["name"],
        "Ana"
    );
    let refused = s
        .v2(
            "POST",
            "/v2/core/accounts",
            &json!({ "dashboard": "full" }),
            &[],
        )
        .await;
    assert_eq!(refused.error("code"), "unsupported_field_for_configs");
}

#[tokio::test]
async fn a_capability_is_restricted_by_a_deadline_and_active_again() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
        .await;
    let mark = events(&s, &id).await.len();
    let deadline = START + 30 * DAY;
    let due = json!({ "currently_due": ["individual.verification.document"], "current_deadline": deadline });
    s.post(
        &format!("/_simulator/accounts/{id}/restrict"),
        &due.to_string(),
    )
    .await;
    let warned = read(&s, &id).await;
    assert_eq!(
        status(&warned, "merchant/capabilities/card_payments"),
        "active",
        "until the deadline"
    );
    assert_eq!(
        warned["requirements"]["summary"]["minimum_deadline"],
        json!({ "status": "currently_due", "time": "2026-10-21T14:13:20.000Z" })
    );
    let entry = &warned["requirements"]["entries"][0];
    assert_eq!(
        entry["description"],
        "identity.individual.documents.primary_verification"
    );
    assert_eq!(entry["awaiting_action_from"], "user");
    assert_eq!(
        entry["impact"]["restricts_capabilities"],
        json!([
            { "capability": "card_payments", "configuration": "merchant", "deadline": { "status": "currently_due" } },
            { "capability": "stripe_balance.payouts", "configuration": "merchant", "deadline": { "status": "currently_due" } },
        ])
    );
    assert_eq!(
        types_since(&s, &id, mark).await,
        ["v2.core.account[requirements].updated"]
    );

    let mark = events(&s, &id).await.len();
    s.post(
        &format!("/_simulator/accounts/{id}/restrict"),
        "{\"currently_due\":[\"individual.verification.document\"]}",
    )
    .await;
    let restricted = read(&s, &id).await;
    assert_eq!(
        status(&restricted, "merchant/capabilities/card_payments"),
        "restricted"
    );
    assert_eq!(
        status(&restricted, "merchant/capabilities/stripe_balance/payouts"),
        "restricted"
    );
    let since = events(&s, &id).await.split_off(mark);
    let capability = "v2.core.account[configuration.merchant].capability_status_updated";
    let of = |name: &str| (capability.to_owned(), json!({ "updated_capability": name }));
    assert!(since.contains(&of("card_payments")), "{since:?}");
    assert!(since.contains(&of("stripe_balance.payouts")), "{since:?}");

    s.post(&format!("/_simulator/accounts/{id}/unrestrict"), "")
        .await;
    let mended = read(&s, &id).await;
    assert_eq!(
        status(&mended, "merchant/capabilities/card_payments"),
        "active"
    );
    assert_eq!(mended["requirements"]["entries"], json!([]));
}

#[tokio::test]
async fn payouts_alone_stop_and_an_entry_says_what_is_wrong_and_who_must_act() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
        .await;
    let how = json!({
        "capabilities": ["payouts"], "currently_due": ["external_account"], "eventually_due": ["individual.id_number"],
        "pending_verification": ["individual.verification.document"],
        "errors": [{ "code": "verification_document_expired", "reason": "It has expired.", "requirement": "external_account" }],
    });
    s.post(
        &format!("/_simulator/accounts/{id}/restrict"),
        &how.to_string(),
    )
    .await;
    let v1 = s.get(&format!("/v1/accounts/{id}")).await;
    assert_eq!(
        (&v1["charges_enabled"], &v1["payouts_enabled"]),
        (&json!(true), &json!(false))
    );
    let v2 = read(&s, &id).await;
    assert_eq!(status(&v2, "merchant/capabilities/card_payments"), "active");
    assert_eq!(
        status(&v2, "merchant/capabilities/stripe_balance/payouts"),
        "restricted"
    );
    let told: Vec<[&Value; 3]> = v2["requirements"]["entries"]
        .as_array()
        .expect("entries")
        .iter()
        .map(|e| {
            [
                &e["description"],
                &e["awaiting_action_from"],
                &e["minimum_deadline"]["status"],
            ]
        })
        .collect();
    assert_eq!(
        json!(told),
        json!([
            ["external_account", "user", "past_due"],
            [
                "identity.individual.documents.primary_verification",
                "stripe",
                "currently_due"
            ],
            ["identity.individual.id_numbers", "user", "eventually_due"],
        ])
    );
    assert_eq!(
        v2["requirements"]["entries"][0]["errors"],
        json!([{ "code": "verification_document_expired", "description": "It has expired." }])
    );
}

#[tokio::test]
async fn every_change_is_an_event_of_its_part_whichever_namespace_made_it() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    assert_eq!(types_since(&s, &id, 0).await, ["v2.core.account.created"]);
    let (v1, v2) = (
        format!("/v1/accounts/{id}"),
        format!("/v2/core/accounts/{id}"),
    );
    for (by_v1, by_v2, event) in [
        (
            "email=a@example.com",
            json!({ "contact_email": "b@example.com" }),
            "v2.core.account.updated",
        ),
        (
            "metadata[a]=1",
            json!({ "metadata": { "a": "2" } }),
            "v2.core.account.updated",
        ),
        (
            "business_profile[url]=https://a.example",
            json!({ "defaults": { "profile": { "business_url": "https://b.example" } } }),
            "v2.core.account[defaults].updated",
        ),
        (
            "business_profile[mcc]=5712",
            json!({ "configuration": { "merchant": { "mcc": "5713" } } }),
            "v2.core.account[configuration.merchant].updated",
        ),
        (
            "company[name]=Lamps",
            json!({ "identity": { "business_details": { "registered_name": "Lamps Ltd" } } }),
            "v2.core.account[identity].updated",
        ),
    ] {
        let mark = events(&s, &id).await.len();
        s.post(&v1, by_v1).await;
        assert_eq!(types_since(&s, &id, mark).await, [event], "{by_v1}");
        s.post_v2(&v2, by_v2).await;
        assert_eq!(types_since(&s, &id, mark).await, [event, event], "{event}");
        s.post_v2(&v2, json!({})).await;
        assert_eq!(
            types_since(&s, &id, mark).await.len(),
            2,
            "nothing has changed"
        );
    }
    let oracle = s.simulator.oracle().await;
    let last = oracle["accounts"][&id]["core_events"]
        .as_array()
        .and_then(|e| e.last())
        .expect("event")
        .clone();
    assert_eq!(
        last["related_object"],
        json!({ "id": id, "type": "v2.core.account", "url": v2 })
    );
    assert_eq!(
        (&last["context"], &last["reason"]["type"]),
        (&json!(id), &json!("request"))
    );
    assert_eq!(last["created"], "2026-09-21T14:13:20.000Z");
}

#[tokio::test]
async fn a_closed_account_is_only_remembered() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    let path = format!("/v2/core/accounts/{id}");
    let refused = s
        .v2("POST", &format!("{path}/close"), &json!({}), &[])
        .await;
    assert_eq!(refused.error("code"), "configs_must_match_to_close");
    assert_eq!(
        refused.body["error"]["applied_configurations"],
        json!(["merchant"])
    );
    s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
        .await;
    s.sale(&id, 5_000, 0).await;
    let all = json!({ "applied_configurations": ["merchant"] });
    let refused = s.v2("POST", &format!("{path}/close"), &all, &[]).await;
    assert_eq!(refused.error("code"), "cannot_delete_account_with_balance");
    s.simulator.advance(10 * DAY).await;
    let body = json!({
        "name": "mine", "type": "webhook_endpoint", "event_payload": "thin", "events_from": ["@accounts", "@self"],
        "enabled_events": ["v2.core.account.closed"], "webhook_endpoint": { "url": "https://a.example" },
    });
    s.post_v2("/v2/core/event_destinations", body).await;
    let closed = s.post_v2(&format!("{path}/close"), all).await;
    assert_eq!(closed["closed"], true);
    assert_eq!(
        events(&s, &id).await.pop().map(|e| e.0).as_deref(),
        Some("v2.core.account.closed")
    );
    let told = s.simulator.pending_events().await;
    assert_eq!(told.len(), 1, "the last that is heard of it: {told:?}");
    assert_eq!(s.get_v2(&path).await["closed"], true);
    assert_eq!(
        s.v2("POST", &path, &json!({}), &[]).await.error("code"),
        "account_closed"
    );
    let v1 = s.send("GET", &format!("/v1/accounts/{id}"), "", &[]).await;
    assert_eq!((v1.status, v1.error("code")), (403, "account_invalid"));
    let ids = async |query: &str| {
        let list = s.get_v2(&format!("/v2/core/accounts{query}")).await;
        list["data"].as_array().map(Vec::len)
    };
    assert_eq!(
        (ids("").await, ids("?closed=true").await),
        (Some(0), Some(1))
    );

    // Deleted in v1, it is closed in v2.
    let id = made(&s, marketplace()).await;
    s.send("DELETE", &format!("/v1/accounts/{id}"), "", &[])
        .await;
    assert_eq!(
        s.get_v2(&format!("/v2/core/accounts/{id}")).await["closed"],
        true
    );
    assert_eq!(
        events(&s, &id).await.pop().map(|e| e.0).as_deref(),
        Some("v2.core.account.closed")
    );
}
