//! Checkout Sessions in a page of one's own: in a frame with Stripe's page, or as elements.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, checkout_from, lines_of, text};

const SESSIONS: &str = "/v1/checkout_sessions";

/// A shop with five lamps of 50.00, whose pages have a publishable key.
async fn lamps() -> (TestApp, Shop, String) {
    let app = TestApp::with(&[("STRIPE_PUBLISHABLE_KEY", "pk_test_suite")]).await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    (app, shop, product)
}

/// A guest's body over two of them.
fn body(product: &str, more: Value) -> Value {
    let mut body =
        json!({ "lines": lines_of(&[(product, 2)]), "customer_email": "sam@example.com" });
    for (name, value) in more.as_object().expect("fields") {
        body[name] = value.clone();
    }
    body
}

async fn read(app: &TestApp, checkout: &Checkout) -> Value {
    let secret = checkout.secret.clone().expect("a guest's");
    let path = format!("{SESSIONS}/{}", checkout.id);
    app.get(path).with_secret(&secret).expect(200).await
}

/// How often a text stands in our rows.
async fn stored(app: &TestApp, secret: &str) -> i64 {
    let payments = format!("payments WHERE request LIKE '%{secret}%'");
    let timeline = format!("order_events WHERE data LIKE '%{secret}%'");
    app.count(&payments).await + app.count(&timeline).await
}

#[tokio::test]
async fn a_session_in_a_page_of_ones_own_is_paid_by_its_client_secret_and_confirmed_once() {
    let (app, shop, product) = lamps().await;
    for (ui_mode, left) in [("embedded_page", 3), ("elements", 1)] {
        let session = body(&product, json!({ "ui_mode": ui_mode }));
        let session = app.post(SESSIONS, session).expect(201).await;
        let back = "http://shop.test/checkout/success?session_id={CHECKOUT_SESSION_ID}";
        session.has(json!({
            "status": "open", "ui_mode": ui_mode, "url": null, "success_url": null, "cancel_url": null,
            "return_url": back, "redirect_on_completion": null, "publishable_key": "pk_test_suite",
            "stripe_account": shop.account, "amount_subtotal": 10_000, "application_fee_amount": 1000,
        }));
        let checkout = checkout_from(&session);
        let secret = text(&session, "client_secret");
        assert!(
            secret.starts_with(&format!("{}_secret_", checkout.id)),
            "{secret}"
        );
        let path = format!("/checkout/sessions/{}", checkout.id);
        let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
        there.has(json!({ "ui_mode": ui_mode, "return_url": back, "client_secret": secret }));

        app.pay(&checkout).await;
        app.settle().await;
        app.verify(&checkout)
            .await
            .has(json!({ "success": true, "status": "paid" }));
        read(&app, &checkout).await.has(json!({
            "status": "complete", "payment_status": "paid", "client_secret": null, "amount_total": 10_000,
        }));
        assert_eq!(app.stock(&product).await, left);
        assert_eq!(stored(&app, &secret).await, 0);
    }
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn only_the_buyer_of_an_open_session_is_given_its_client_secret_again() {
    let (app, shop, product) = lamps().await;
    let sam = app.member("sam").await;
    let lines = json!({ "lines": lines_of(&[(&product, 1)]), "ui_mode": "elements" });
    let session = app.post(SESSIONS, lines).by(&sam).expect(201).await;
    let path = format!("{SESSIONS}/{}", text(&session, "id"));
    let again = app.get(&path).by(&sam).expect(200).await;
    again.has(json!({ "client_secret": session["client_secret"], "order_secret": null }));
    for other in [&shop.owner, &app.admin().await] {
        let seen = app.get(&path).by(other).expect(200).await;
        seen.has(json!({ "ui_mode": "elements", "client_secret": null }));
    }
    let stranger = app.get(&path).expect(200).await;
    assert_eq!(stranger["object"], "checkout_session_status");

    // A guest too, whose order secret isn't told twice.
    let guest = app.post(
        SESSIONS,
        body(&product, json!({ "ui_mode": "embedded_page" })),
    );
    let guest = guest.expect(201).await;
    let checkout = checkout_from(&guest);
    read(&app, &checkout)
        .await
        .has(json!({ "client_secret": guest["client_secret"], "order_secret": null }));
    app.fault(
        "GET",
        "/v1/checkout/sessions",
        FaultKind::TimeoutBeforeCommit,
        None,
    )
    .await;
    let secret = checkout.secret.as_deref().expect("a guest's");
    let path = format!("{SESSIONS}/{}", checkout.id);
    app.get(&path)
        .with_secret(secret)
        .refused(503, "stripe_unavailable")
        .await;
    // Of Stripe's own page nothing is asked.
    let hosted = app.checkout(&product).await;
    read(&app, &hosted)
        .await
        .has(json!({ "ui_mode": "hosted_page", "client_secret": null, "stripe_account": null }));
    app.simulator.clear_faults().await;

    let expire = format!("{path}/expire");
    let expired = app.post(expire, json!({})).with_secret(secret).expect(200);
    expired
        .await
        .has(json!({ "status": "expired", "client_secret": null }));
    read(&app, &checkout)
        .await
        .has(json!({ "status": "expired", "client_secret": null }));
    app.settle().await;
}

#[tokio::test]
async fn a_session_whose_answer_is_lost_is_made_once_and_its_secret_told_under_the_same_key() {
    let (app, shop, product) = lamps().await;
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let wanted = body(&product, json!({ "ui_mode": "embedded_page" }));
    let call = || app.post(SESSIONS, wanted.clone()).keyed("one");
    call().refused(503, "stripe_unavailable").await;
    app.simulator.clear_faults().await;
    let (session, again) = (call().expect(201).await, call().expect(201).await);
    assert_eq!(session, again);
    let secret = text(&session, "client_secret");
    let list = app
        .stripe_api("GET", "/checkout/sessions", &shop.account, &[])
        .await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    assert_eq!(list["data"][0]["client_secret"], secret.as_str());
    assert_eq!(stored(&app, &secret).await, 0);
    let checkout = checkout_from(&session);
    app.pay(&checkout).await;
    // No event has come.
    app.verify(&checkout).await.has(json!({ "success": true }));
    call().expect(201).await.has(json!({
        "status": "complete", "client_secret": null, "url": null,
    }));
    app.settle().await;
    assert_eq!(app.stock(&product).await, 3);
}

#[tokio::test]
async fn a_promotion_code_and_the_redirect_are_as_on_stripes_own_page() {
    let (app, shop, product) = lamps().await;
    app.percent_off(&shop, "TENTH", 10).await;
    for when in ["always", "if_required", "never"] {
        let wanted = json!({ "ui_mode": "embedded_page", "redirect_on_completion": when });
        let session = app.post(SESSIONS, body(&product, wanted)).expect(201).await;
        let path = format!("/checkout/sessions/{}", text(&session, "id"));
        let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
        there.has(json!({ "redirect_on_completion": when }));
        session.has(json!({ "redirect_on_completion": when }));
        assert_eq!(
            session["return_url"].is_null(),
            when == "never",
            "{session}"
        );
    }
    let back = "http://shop.test/done?s={CHECKOUT_SESSION_ID}";
    let wanted = json!({ "ui_mode": "elements", "return_url": back });
    let session = app.post(SESSIONS, body(&product, wanted)).expect(201).await;
    let checkout = checkout_from(&session);
    session.has(json!({ "return_url": back }));
    app.pay_with_code(&checkout, "TENTH").await;
    app.settle().await;
    read(&app, &checkout)
        .await
        .has(json!({ "amount_discount": 1000, "amount_total": 9000, "return_url": back }));
}

#[tokio::test]
async fn addresses_that_a_mode_does_not_have_are_refused_by_name() {
    let app = TestApp::with(&[("ALLOWED_REDIRECT_ORIGINS", "https://app.example")]).await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, None).await;
    let (ours, evil) = ("https://app.example/back", "https://evil.example/");
    for (wanted, param) in [
        (json!({ "ui_mode": "embedded" }), "ui_mode"),
        (json!({ "ui_mode": "custom" }), "ui_mode"),
        (json!({ "ui_mode": null }), "ui_mode"),
        (json!({ "return_url": ours }), "return_url"),
        (
            json!({ "ui_mode": "hosted_page", "return_url": ours }),
            "return_url",
        ),
        (
            json!({ "redirect_on_completion": "never" }),
            "redirect_on_completion",
        ),
        (
            json!({ "ui_mode": "elements", "success_url": ours, "return_url": ours }),
            "success_url",
        ),
        (
            json!({ "ui_mode": "embedded_page", "success_url": ours }),
            "success_url",
        ),
        (
            json!({ "ui_mode": "embedded_page", "cancel_url": ours }),
            "cancel_url",
        ),
        (
            json!({ "ui_mode": "elements", "cancel_url": ours }),
            "cancel_url",
        ),
        (
            json!({ "ui_mode": "elements", "redirect_on_completion": "always" }),
            "redirect_on_completion",
        ),
        (
            json!({ "ui_mode": "embedded_page", "redirect_on_completion": "sometimes" }),
            "redirect_on_completion",
        ),
        (
            json!({ "ui_mode": "embedded_page", "redirect_on_completion": "never", "return_url": ours }),
            "return_url",
        ),
        (
            json!({ "ui_mode": "elements", "return_url": evil }),
            "return_url",
        ),
        (
            json!({ "ui_mode": "embedded_page", "return_url": "myapp://done" }),
            "return_url",
        ),
    ] {
        app.post(SESSIONS, body(&product, wanted))
            .refuses_field(param)
            .await;
    }
    assert_eq!(app.count("orders").await, 0);
    let wanted = json!({ "ui_mode": "elements", "return_url": ours });
    app.post(SESSIONS, body(&product, wanted)).expect(201).await;
}
