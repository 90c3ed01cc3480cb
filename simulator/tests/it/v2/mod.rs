//! The namespace v2: what its requests, errors, keys and pages have of their own.

mod accounts;
mod destinations;
mod links;
mod persons;

use serde_json::{Value, json};
use souk_simulator::API_VERSION;

use crate::support::{DAY, Stripe};

/// An account that takes direct charges.
pub(crate) fn direct() -> Value {
    json!({
        "display_name": "Mira's Lamps",
        "contact_email": "mira@example.com",
        "dashboard": "full",
        "defaults": {
            "currency": "eur",
            "profile": { "doing_business_as": "Mira's Lamps" },
            "responsibilities": { "fees_collector": "stripe", "losses_collector": "stripe" },
        },
        "identity": { "country": "de", "entity_type": "individual" },
        "configuration": { "merchant": { "capabilities": { "card_payments": { "requested": true } } } },
        "metadata": { "seller": "7" },
    })
}

/// An account that gets transfers.
pub(crate) fn marketplace() -> Value {
    let mut body = direct();
    body["dashboard"] = json!("express");
    body["defaults"]["responsibilities"] =
        json!({ "fees_collector": "application", "losses_collector": "application" });
    body["configuration"] = json!({ "recipient": { "capabilities": { "stripe_balance": { "stripe_transfers": { "requested": true } } } } });
    body
}

/// The whole account.
pub(crate) async fn read(s: &Stripe, id: &str) -> Value {
    let parts = [
        "configuration.customer",
        "configuration.merchant",
        "configuration.recipient",
        "defaults",
        "future_requirements",
        "identity",
        "requirements",
    ];
    let query: Vec<String> = parts
        .iter()
        .enumerate()
        .map(|(at, part)| format!("include[{at}]={part}"))
        .collect();
    s.get_v2(&format!("/v2/core/accounts/{id}?{}", query.join("&")))
        .await
}

/// The types of the events of `/v2` on an account, oldest first, and what more they say.
pub(crate) async fn events(s: &Stripe, account: &str) -> Vec<(String, Value)> {
    let oracle = s.simulator.oracle().await;
    oracle["accounts"][account]["core_events"]
        .as_array()
        .expect("events")
        .iter()
        .map(|e| {
            let name = e["type"].as_str().expect("type").to_owned();
            (name, e["data"].clone())
        })
        .collect()
}

/// How many accounts the platform has made.
async fn count(s: &Stripe) -> usize {
    let oracle = s.simulator.oracle().await;
    oracle["accounts"].as_object().expect("accounts").len() - 1
}

#[tokio::test]
async fn a_request_names_its_version_and_sends_json() {
    let s = Stripe::start().await;
    let send = async |version: Option<&str>, kind: &str, body: &str| {
        let mut request = s
            .http
            .post(s.url("/v2/core/accounts"))
            .header("Authorization", "Bearer sk_test_anything")
            .header("Content-Type", kind)
            .body(body.to_owned());
        if let Some(version) = version {
            request = request.header("Stripe-Version", version);
        }
        let answer = request.send().await.expect("answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("text");
        let body: Value = serde_json::from_str(&text).expect("JSON");
        (
            status,
            body["error"]["code"].as_str().unwrap_or("").to_owned(),
        )
    };
    let (now, json) = (Some(API_VERSION), "application/json");
    for (version, kind, body, code) in [
        (None, json, "{}", "api_version_required"),
        (Some("yesterday"), json, "{}", "invalid_request"),
        (
            now,
            "application/x-www-form-urlencoded",
            "dashboard=full",
            "invalid_request",
        ),
        (now, json, "dashboard=full", "invalid_json"),
        (now, json, "[]", "invalid_json"),
        (
            now,
            json,
            "{\"display_name\":\"a\\u0000b\"}",
            "invalid_json",
        ),
        (now, json, "{\"colour\":\"red\"}", "parameter_unknown"),
        (now, json, "{\"dashboard\":true}", "parameter_invalid_type"),
        (
            now,
            json,
            "{\"dashboard\":\"half\"}",
            "parameter_invalid_enum",
        ),
    ] {
        assert_eq!(
            send(version, kind, body).await,
            (400, code.to_owned()),
            "{body}"
        );
    }
    let nobody = s
        .v2("GET", "/v2/core/accounts/acct_1nobody", &Value::Null, &[])
        .await;
    assert_eq!((nobody.status, nobody.error("code")), (404, "not_found"));
    assert!(
        nobody.body["error"]["request_log_url"].is_null(),
        "that is v1's"
    );
    let nothing = s.v2("GET", "/v2/core/nothing", &Value::Null, &[]).await;
    assert_eq!((nothing.status, nothing.error("code")), (404, "not_found"));
    assert_eq!(count(&s).await, 0);
    // A version newer than ours and preview versions are known.
    assert_eq!(
        send(Some("2026-11-18.preview"), json, &direct().to_string())
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn a_key_has_the_answer_of_work_that_was_done_and_tries_failed_work_again() {
    let s = Stripe::start().await;
    let path = "/v2/core/accounts";
    let ask = async |key: &str, fault: &str, body: &Value| {
        let mut headers = vec![("Idempotency-Key", key)];
        if !fault.is_empty() {
            headers.push(("Simulator-Fault", fault));
        }
        s.v2("POST", path, body, &headers).await
    };
    let body = direct();
    // Nothing was done: the same key does it.
    assert_eq!(ask("a", "error500", &body).await.status, 500);
    let first = ask("a", "", &body).await;
    assert_eq!((first.status, count(&s).await), (200, 1));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    let again = ask("a", "", &body).await;
    assert_eq!(again.body, first.body);
    assert!(again.headers.contains_key("idempotent-replayed"));
    // It was done, and the answer was a 500 all the same: the key has the work's answer.
    assert_eq!(ask("b", "commit_then_error500", &body).await.status, 500);
    assert_eq!(count(&s).await, 2);
    assert_eq!(ask("b", "", &body).await.status, 200);
    assert_eq!(count(&s).await, 2, "made once");
    // Other parameters under a key that was used.
    let other = ask("a", "", &marketplace()).await;
    assert_eq!(
        (other.status, other.error("code")),
        (400, "idempotency_error")
    );
    assert_eq!(other.error("type"), "idempotency_error");
    // A key lives for thirty days.
    s.simulator.advance(29 * DAY).await;
    assert_eq!(ask("a", "", &body).await.body, first.body);
    s.simulator.advance(2 * DAY).await;
    assert_ne!(ask("a", "", &body).await.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_definite_refusal_is_replayed_or_tried_again() {
    for (answer, replayed) in [("replayed", true), ("tried_again", false)] {
        let s = Stripe::under("v2_refusals", answer).await;
        let mut body = direct();
        body["dashboard"] = json!("express");
        let key = [("Idempotency-Key", "a")];
        for again in [false, true] {
            let refused = s.v2("POST", "/v2/core/accounts", &body, &key).await;
            assert_eq!(
                (refused.status, refused.error("code")),
                (
                    400,
                    "account_controller_express_dash_without_application_losses_or_fees"
                )
            );
            let from_key = refused.headers.contains_key("idempotent-replayed");
            assert_eq!(from_key, again && replayed, "{answer}");
        }
    }
}

#[tokio::test]
async fn lists_are_paged_both_ways_by_url() {
    let s = Stripe::start().await;
    for n in 0..5 {
        let mut body = direct();
        body["display_name"] = json!(format!("Shop {n}"));
        s.post_v2("/v2/core/accounts", body).await;
    }
    let names = |page: &Value| -> Vec<String> {
        let data = page["data"].as_array().expect("data");
        data.iter()
            .map(|a| a["display_name"].as_str().expect("name").to_owned())
            .collect()
    };
    let follow =
        async |page: &Value, way: &str| s.get_v2(page[way].as_str().expect("a page")).await;
    let first = s
        .get_v2("/v2/core/accounts?limit=2&applied_configurations[0]=merchant")
        .await;
    assert_eq!(names(&first), ["Shop 4", "Shop 3"]);
    assert!(first["previous_page_url"].is_null());
    let second = follow(&first, "next_page_url").await;
    assert_eq!(names(&second), ["Shop 2", "Shop 1"]);
    let third = follow(&second, "next_page_url").await;
    assert_eq!(names(&third), ["Shop 0"]);
    assert!(third["next_page_url"].is_null());
    let back = follow(&third, "previous_page_url").await;
    assert_eq!(back["data"], second["data"]);
    assert_eq!(
        follow(&back, "previous_page_url").await["data"],
        first["data"]
    );
    for (query, code) in [
        ("page=nonsense", "invalid_page_token"),
        ("limit=0", "parameter_invalid_integer"),
        ("limit=101", "parameter_invalid_integer"),
        ("starting_after=acct_1", "parameter_unknown"),
    ] {
        let path = format!("/v2/core/accounts?{query}");
        let refused = s.v2("GET", &path, &Value::Null, &[]).await;
        assert_eq!(
            (refused.status, refused.error("code")),
            (400, code),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_platform_without_v1_accounts_is_refused_by_a_message_and_since_november_by_a_code() {
    let s = Stripe::start().await;
    s.post("/_simulator/platform", "{\"accounts_v1\":false}")
        .await;
    for (version, code) in [
        (API_VERSION, ""),
        (
            "2026-11-18.endive",
            "inactive_api_operation_confirmation_required",
        ),
    ] {
        let refused = s
            .send(
                "POST",
                "/v1/accounts",
                "country=DE",
                &[("Stripe-Version", version)],
            )
            .await;
        assert_eq!((refused.status, refused.error("code")), (400, code));
        assert!(
            refused
                .error("message")
                .contains("feat_accounts_v1_support")
        );
        assert!(refused.body["error"]["param"].is_null());
    }
    s.post_v2("/v2/core/accounts", direct()).await;
    s.post("/_simulator/platform", "").await;
    s.post("/v1/accounts", "country=DE").await;
}

#[tokio::test]
async fn a_platform_without_v2_or_connect_or_a_sandbox_is_refused_in_v2() {
    let s = Stripe::start().await;
    for (platform, code, v1) in [
        ("{\"accounts_v2\":false}", "accounts_v2_access_blocked", 200),
        (
            "{\"connect\":false}",
            "non_connect_platform_accounts_v2_access_blocked",
            400,
        ),
        ("{\"sandbox\":false}", "test_mode_not_supported", 200),
    ] {
        s.post("/_simulator/platform", platform).await;
        let refused = s.v2("POST", "/v2/core/accounts", &direct(), &[]).await;
        assert_eq!(
            (refused.status, refused.error("code")),
            (400, code),
            "{platform}"
        );
        let made = s.send("POST", "/v1/accounts", "country=DE", &[]).await;
        assert_eq!(made.status, v1, "{platform}: {}", made.body);
    }
    let unknown = s
        .send("POST", "/_simulator/platform", "{\"colour\":1}", &[])
        .await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_platform_that_is_not_ready_makes_no_accounts_by_either() {
    let s = Stripe::start().await;
    for code in [
        "account_create_activation_required",
        "account_creation_liability_unacknowledged",
        "account_creation_requirement_collection_unacknowledged",
        "account_token_required",
        "cannot_create_new_account_rejected",
        "connect_identity_not_verified",
        "connect_profile_not_submitted",
    ] {
        s.post(
            "/_simulator/platform",
            &json!({ "not_ready": code }).to_string(),
        )
        .await;
        let v2 = s.v2("POST", "/v2/core/accounts", &direct(), &[]).await;
        assert_eq!((v2.status, v2.error("code")), (400, code));
        let v1 = s.send("POST", "/v1/accounts", "country=DE", &[]).await;
        assert_eq!((v1.status, v1.error("code")), (400, ""));
        assert_eq!(v1.error("message"), v2.error("message"));
    }
    assert_eq!(count(&s).await, 0);
}

#[tokio::test]
async fn restricted_keys_are_refused_in_v2_or_accepted() {
    for (answer, status) in [("refused", 403), ("accepted", 200)] {
        let s = Stripe::under("v2_restricted_keys", answer).await;
        let ask = async |path: &str| {
            let request = s
                .http
                .get(s.url(path))
                .header("Stripe-Version", API_VERSION);
            let request = request.header("Authorization", "Bearer rk_test_anything");
            request.send().await.expect("answer").status().as_u16()
        };
        assert_eq!(ask("/v2/core/accounts").await, status, "{answer}");
        assert_eq!(ask("/v1/accounts").await, 200);
    }
}

#[tokio::test]
async fn new_platforms_make_no_direct_charges_on_accounts_of_legacy_types() {
    let s = Stripe::start().await;
    s.post("/_simulator/platform", "{\"legacy_direct_charges\":false}")
        .await;
    let legacy = s.post("/v1/accounts", "country=DE&type=express").await;
    let legacy = legacy["id"].as_str().expect("id");
    let mut body = marketplace();
    body["configuration"] = direct()["configuration"].clone();
    let new = s.post_v2("/v2/core/accounts", body).await;
    let new = new["id"].as_str().expect("id");
    for (account, refused) in [(legacy, true), (new, false)] {
        s.post(&format!("/_simulator/accounts/{account}/onboard"), "")
            .await;
        let pay = "amount=1000&currency=eur&confirm=true&payment_method=pm_card_visa&allowed_payment_method_types[]=card";
        let answer = s
            .send(
                "POST",
                "/v1/payment_intents",
                pay,
                &[("Stripe-Account", account)],
            )
            .await;
        assert_eq!(answer.status == 400, refused, "{}", answer.body);
        assert_eq!(answer.error("message").contains("legacy types"), refused);
    }
}

#[tokio::test]
async fn an_account_of_v1_is_known_to_v2_at_once_or_after_ten_minutes_or_never() {
    let s = Stripe::under("v1_in_v2", "never").await;
    let path = format!("/v2/core/accounts/{}", s.seller().await);
    s.simulator.advance(DAY).await;
    let refused = s.v2("GET", &path, &Value::Null, &[]).await;
    assert_eq!(refused.error("code"), "v1_account_instead_of_v2_account");
    let listed = s.get_v2("/v2/core/accounts").await;
    assert_eq!(listed["data"], json!([]));
    for (answer, young) in [("at_once", 200), ("after_ten_minutes", 400)] {
        let s = Stripe::under("v1_in_v2", answer).await;
        let path = format!("/v2/core/accounts/{}", s.seller().await);
        let first = s.v2("GET", &path, &Value::Null, &[]).await;
        assert_eq!(first.status, young, "{answer}");
        if young == 400 {
            assert_eq!(first.error("code"), "account_not_yet_compatible_with_v2");
        }
        s.simulator.advance(601).await;
        s.get_v2(&path).await;
        let own = s.post_v2("/v2/core/accounts", direct()).await;
        let own = own["id"].as_str().expect("id");
        s.get_v2(&format!("/v2/core/accounts/{own}")).await;
    }
}

#[tokio::test]
async fn snapshots_come_of_accounts_of_v2_too_or_of_those_of_v1_only() {
    for (answer, sent) in [("sent", true), ("silent", false)] {
        let s = Stripe::under("v2_snapshots", answer).await;
        let made = s.post_v2("/v2/core/accounts", direct()).await;
        let id = made["id"].as_str().expect("id");
        s.post(&format!("/_simulator/accounts/{id}/onboard"), "")
            .await;
        let types = s.event_types(id).await;
        assert_eq!(
            types.iter().any(|t| t == "account.updated"),
            sent,
            "{types:?}"
        );
        assert!(events(&s, id).await.len() > 2, "thin ones always");
        let seller = s.seller().await;
        assert!(
            s.event_types(&seller)
                .await
                .contains(&"account.updated".to_owned())
        );
    }
}
