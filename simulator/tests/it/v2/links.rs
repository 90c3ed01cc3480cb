//! Links into accounts, and what the sellers may change through them.

use serde_json::{Value, json};

use super::accounts::{made, status};
use super::{direct, events, read};
use crate::support::Stripe;

fn link(id: &str, kind: &str, configurations: &[&str]) -> Value {
    json!({ "account": id, "use_case": { "type": kind, kind: {
        "configurations": configurations,
        "refresh_url": "https://shop.example/refresh",
        "return_url": "https://shop.example/back",
    } } })
}

#[tokio::test]
async fn a_link_leads_through_the_hosted_form_and_back() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    let made_link = s
        .post_v2(
            "/v2/core/account_links",
            link(&id, "account_onboarding", &["merchant"]),
        )
        .await;
    assert_eq!(made_link["object"], "v2.core.account_link");
    assert_eq!(made_link["expires_at"], "2026-09-21T14:18:20.000Z");
    assert_eq!(
        made_link["use_case"]["account_onboarding"]["configurations"],
        json!(["merchant"])
    );
    let url = made_link["url"].as_str().expect("url");
    let opened = s.http.get(url).send().await.expect("opens");
    let form = opened.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let sent = s
        .http
        .post(s.url(&form))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("first_name=Mira&bank_account=DE89370400440532013000&tos=yes&outcome=complete")
        .send()
        .await
        .expect("sent");
    assert_eq!(sent.headers()["location"], "https://shop.example/back");
    let (name, data) = events(&s, &id)
        .await
        .into_iter()
        .find(|e| e.0.ends_with("returned"))
        .expect("event");
    assert_eq!(name, "v2.core.account_link.returned");
    assert_eq!(
        data,
        json!({ "account_id": id, "configurations": ["merchant"], "use_case": "account_onboarding" })
    );
    assert_eq!(
        status(&read(&s, &id).await, "merchant/capabilities/card_payments"),
        "active"
    );
    // It is used up.
    let again = s.http.get(url).send().await.expect("opens");
    assert_eq!(again.headers()["location"], "https://shop.example/refresh");
}

#[tokio::test]
async fn a_link_names_all_configurations_and_updates_what_the_platform_collects() {
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    let path = "/v2/core/account_links";
    let refused = s
        .v2(
            "POST",
            path,
            &link(&id, "account_onboarding", &["recipient"]),
            &[],
        )
        .await;
    assert_eq!(
        refused.error("code"),
        "configs_must_match_to_use_account_links"
    );
    assert_eq!(
        refused.body["error"]["applied_configurations"],
        json!(["merchant"])
    );
    let mut body = link(&id, "account_onboarding", &["merchant"]);
    body["use_case"]["account_onboarding"]["refresh_url"] = json!("nowhere");
    assert_eq!(
        s.v2("POST", path, &body, &[]).await.error("code"),
        "url_invalid"
    );
    let stranger = link("acct_1stranger", "account_onboarding", &["merchant"]);
    assert_eq!(s.v2("POST", path, &stranger, &[]).await.status, 404);
    let none = s.post_v2(path, link(&id, "account_onboarding", &[])).await;
    assert_eq!(
        none["use_case"]["account_onboarding"]["configurations"],
        json!(["merchant"])
    );
    let update = link(&id, "account_update", &["merchant"]);
    assert_eq!(
        s.v2("POST", path, &update, &[]).await.error("code"),
        "account_configuration_not_supported"
    );
    let s = Stripe::under("v2_update_links", "any").await;
    let id = made(&s, direct()).await;
    s.post_v2(path, link(&id, "account_update", &["merchant"]))
        .await;
}

#[tokio::test]
async fn after_its_first_link_the_profile_is_the_sellers_own() {
    for (answer, status) in [("theirs", 400), ("ours_too", 200)] {
        let s = Stripe::under("linked_profile", answer).await;
        let id = made(&s, direct()).await;
        let path = format!("/v2/core/accounts/{id}");
        let rename = json!({ "defaults": { "profile": { "doing_business_as": "Other" } } });
        assert_eq!(
            s.v2(
                "POST",
                &path,
                &json!({ "defaults": { "profile": { "doing_business_as": "First" } } }),
                &[]
            )
            .await
            .status,
            200
        );
        s.post_v2(
            "/v2/core/account_links",
            link(&id, "account_onboarding", &["merchant"]),
        )
        .await;
        let answer = s.v2("POST", &path, &rename, &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(
            s.v2("POST", &path, &json!({ "display_name": "Ours" }), &[])
                .await
                .status,
            200
        );
    }
    let s = Stripe::start().await;
    let id = made(&s, direct()).await;
    let path = format!("/v2/core/accounts/{id}");
    for (body, code) in [
        (
            json!({ "dashboard": "express" }),
            "unsupported_field_for_configs",
        ),
        (
            json!({ "identity": { "country": "fr" } }),
            "immutable_identity_param",
        ),
        (
            json!({ "identity": { "attestations": { "terms_of_service": { "account": { "date": "2026-09-21T14:13:20Z", "ip": "127.0.0.1" } } } } }),
            "tos_acceptance_on_behalf_not_allowed",
        ),
    ] {
        assert_eq!(
            s.v2("POST", &path, &body, &[]).await.error("code"),
            code,
            "{body}"
        );
    }
}
