//! Charge profiles: what an account is made with, and what a seller can do with it.

use serde_json::{Value, json};

use crate::harness::{Has, TestApp, text};
use crate::sellers::{change_account, get_seller, new_seller};

/// Each profile with its dashboard, its fee payer and its loss bearer.
const PROFILES: [(&str, &str, &str, &str); 4] = [
    ("direct", "full", "account", "stripe"),
    ("direct_express", "express", "application", "application"),
    ("marketplace", "express", "application", "application"),
    ("white_label", "none", "application", "application"),
];

#[tokio::test]
async fn an_account_is_made_as_its_profile_says_and_the_seller_keeps_it() {
    for (profile, dashboard, fees, losses) in PROFILES {
        let app = TestApp::with(&[("CHARGE_PROFILE", profile)]).await;
        let shop = new_seller(&app).await;
        let seller = get_seller(&app, &shop).await;
        seller.has(json!({ "charge_profile": profile, "dashboard": dashboard, "accounts_api": crate::harness::accounts_api() }));
        let account = app
            .platform_api("GET", &format!("/accounts/{}", shop.account), &[])
            .await;
        let controller = &account["controller"];
        assert_eq!(
            controller["stripe_dashboard"]["type"], dashboard,
            "{profile}"
        );
        assert_eq!(controller["fees"]["payer"], fees, "{profile}");
        assert_eq!(controller["losses"]["payments"], losses, "{profile}");
        let cards = &account["capabilities"]["card_payments"];
        assert_eq!(
            cards.is_string(),
            profile != "marketplace",
            "{profile}: {account}"
        );
        // A later start with another profile changes no seller.
        app.sql("UPDATE sellers SET synced_at = NULL").await;
        change_account(&app, &shop, "onboard", json!({})).await;
        assert_eq!(get_seller(&app, &shop).await["charge_profile"], profile);
    }
}

#[tokio::test]
async fn a_marketplaces_seller_can_be_onboarded_and_its_checkout_is_refused_with_the_reason() {
    let app = TestApp::with(&[("CHARGE_PROFILE", "marketplace")]).await;
    let shop = new_seller(&app).await;
    change_account(&app, &shop, "onboard", json!({})).await;
    let lamp = app.product(&shop, 2500, None).await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "g@example.com" });
    let refused = app
        .post("/v1/checkout_sessions", body)
        .refused(409, "charges_unsupported")
        .await;
    assert!(text(&refused, "detail").contains("marketplace"));
    let product = app.get(format!("/v1/products/{lamp}")).expect(200).await;
    assert_eq!(product["purchasable"], false);
}

#[tokio::test]
async fn a_sessions_secret_is_given_once_and_kept_nowhere() {
    let app = TestApp::start().await;
    let shop = new_seller(&app).await;
    let path = format!("/v1/sellers/{}/account_sessions", shop.id);
    let wanted = json!({ "components": ["account_onboarding", "notification_banner", "payments"] });
    let session = app
        .post(&path, wanted.clone())
        .by(&shop.owner)
        .expect(201)
        .await;
    session.has(json!({ "object": "account_session", "components": wanted["components"] }));
    let secret = text(&session, "client_secret");
    let again = app.post(&path, wanted).by(&shop.owner).expect(201).await;
    assert_ne!(
        text(&again, "client_secret"),
        secret,
        "each is a session of its own"
    );
    let like = |table: &str, column: &str| {
        format!("{table} WHERE CAST({column} AS TEXT) LIKE '%{secret}%'")
    };
    assert_eq!(app.count(&like("audit_log", "data")).await, 0);
    assert_eq!(
        app.count("audit_log WHERE action = 'seller.account_session_created'")
            .await,
        2
    );
    for (wrong, field) in [
        (json!({ "components": [] }), "components"),
        (
            json!({ "components": ["payments", "payments"] }),
            "components[1]",
        ),
        (json!({ "components": ["issuing_card"] }), "components[0]"),
        (json!({}), "components"),
    ] {
        app.post(&path, wrong)
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    let stranger = app.member("stranger").await;
    let wanted = json!({ "components": ["payments"] });
    app.post(&path, wanted.clone())
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    change_account(&app, &shop, "deauthorize", json!({})).await;
    app.post(&path, wanted)
        .by(&shop.owner)
        .refused(409, "seller_deauthorized")
        .await;
}

#[tokio::test]
async fn a_marketplaces_seller_has_no_components_for_disputes_and_taxes() {
    let app = TestApp::with(&[("CHARGE_PROFILE", "marketplace")]).await;
    let shop = new_seller(&app).await;
    let path = format!("/v1/sellers/{}/account_sessions", shop.id);
    for name in [
        "disputes_list",
        "payment_disputes",
        "tax_registrations",
        "tax_settings",
    ] {
        let wrong = json!({ "components": ["payouts", name] });
        app.post(&path, wrong)
            .by(&shop.owner)
            .refuses_field("components[1]")
            .await;
    }
    let right = json!({ "components": ["payouts", "balances"] });
    app.post(&path, right).by(&shop.owner).expect(201).await;
}

async fn link(app: &TestApp, shop: &crate::harness::Shop, body: Value) -> crate::harness::Answer {
    let path = format!("/v1/sellers/{}/onboarding_links", shop.id);
    app.post(path, body).by(&shop.owner).await
}

#[tokio::test]
async fn only_a_seller_without_a_dashboard_is_given_a_link_to_change_its_details() {
    for (profile, ..) in PROFILES {
        let app = TestApp::with(&[("CHARGE_PROFILE", profile)]).await;
        let shop = new_seller(&app).await;
        change_account(&app, &shop, "onboard", json!({})).await;
        let answer = link(&app, &shop, json!({ "type": "account_update" })).await;
        if profile == "white_label" {
            answer.expect(201);
            assert!(text(&answer.body, "url").starts_with("http"));
            let path = format!("/v1/sellers/{}/dashboard_links", shop.id);
            app.post(path, json!({}))
                .by(&shop.owner)
                .refused(409, "dashboard_not_express")
                .await;
        } else {
            answer.refused(409, "account_update_unavailable");
        }
        app.settle().await;
    }
}

#[tokio::test]
async fn a_seller_comes_back_to_the_callers_page_after_the_account_was_read() {
    let app = TestApp::with(&[("ALLOWED_REDIRECT_ORIGINS", "https://shop.example")]).await;
    let shop = new_seller(&app).await;
    let url = "https://shop.example/selling?tab=money";
    let made = link(&app, &shop, json!({ "return_url": url })).await;
    made.expect(201);
    // Stripe knows more than we do: no event has come.
    app.simulate(&format!("/accounts/{}/onboard", shop.account), json!({}))
        .await;
    app.intercept().await;
    let subject = format!("{} onboarding {url}", shop.id);
    let state = |purpose| souk::identity::sign_state(&app.app, purpose, &subject, 60_000);
    let back = app
        .get(format!(
            "/onboarding/return?state={}",
            state("onboarding_return")
        ))
        .await;
    back.expect(303);
    assert_eq!(back.header("location"), Some(url));
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    // A link that is used up leads to a login, and the new link knows the way, too.
    let state = state("onboarding_refresh");
    let fields = [
        ("state", state.as_str()),
        ("email", shop.owner.email.as_str()),
        ("password", crate::harness::PASSWORD),
    ];
    app.submit("/onboarding/refresh", &fields).await.expect(303);
    for elsewhere in [
        "https://evil.example/",
        "javascript:alert(1)",
        "shop.example",
    ] {
        let refused = link(&app, &shop, json!({ "return_url": elsewhere })).await;
        assert_eq!(
            refused.refused(422, "invalid_request")["param"],
            "return_url"
        );
    }
    app.settle().await;
}
