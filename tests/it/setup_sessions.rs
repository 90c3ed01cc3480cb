//! Cards that are saved on Stripe's own page, by a Checkout Session with `mode=setup`.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, text};

const HOUR: i64 = 3_600;

/// A shop whose own page buyers come back to, and a buyer.
async fn scene() -> (TestApp, Shop, User) {
    let app = TestApp::with(&[("ALLOWED_REDIRECT_ORIGINS", "https://app.example")]).await;
    let shop = app.shop("mira").await;
    let sam = app.member("sam").await;
    (app, shop, sam)
}

fn body(shop: &Shop) -> Value {
    json!({
        "seller_id": shop.id, "mandate_text": "You may charge this card.", "ui_mode": "hosted_page",
        "success_url": "https://app.example/saved?session={CHECKOUT_SESSION_ID}",
    })
}

async fn open(app: &TestApp, shop: &Shop, buyer: &User) -> Value {
    let made = app.post("/v1/setup_intents", body(shop)).by(buyer);
    made.expect(201).await
}

async fn save_at_stripe(app: &TestApp, session: &str, card: &str) {
    let path = format!("/checkout/sessions/{session}/pay");
    app.simulate(&path, json!({ "card": card })).await;
}

async fn read(app: &TestApp, session: &str, buyer: &User) -> Value {
    let path = format!("/v1/setup_intents/{session}");
    app.get(path).by(buyer).expect(200).await
}

#[tokio::test]
async fn a_card_is_saved_on_stripes_page_and_nothing_is_ordered_by_it() {
    let (app, shop, sam) = scene().await;
    let setup = open(&app, &shop, &sam).await;
    setup.has(json!({ "status": "open", "client_secret": null, "payment_method": null }));
    assert!(text(&setup, "url").starts_with("http"), "{setup}");
    let session = text(&setup, "checkout_session");
    save_at_stripe(&app, &session, "4242424242424242").await;
    app.settle().await;
    let saved = read(&app, &session, &sam).await;
    saved.has(json!({ "status": "succeeded", "url": null, "checkout_session": session }));
    let id = text(&saved, "id");
    assert_eq!(read(&app, &id, &sam).await, saved);
    let cards = app.get(format!("/v1/payment_methods?seller_id={}", shop.id));
    let cards = cards.by(&sam).expect(200).await;
    cards["data"].has(json!([{ "id": saved["payment_method"], "last4": "4242" }]));
    // Its `no_payment_required` is no free order.
    assert_eq!(app.count("orders").await, 0);
    assert_eq!(app.count("payments").await, 0);
    // What the buyer has agreed to counts.
    let lamp = app.product(&shop, 5000, Some(5)).await;
    let charge = json!({
        "customer_id": saved["customer_id"], "payment_method": saved["payment_method"],
        "lines": [{ "product_id": lamp, "quantity": 1 }],
    });
    let charge = app.post("/v1/off_session_payments", charge).by(&shop.owner);
    let charge = charge.expect(201).await;
    app.settle().await;
    let path = format!("/v1/off_session_payments/{}", text(&charge, "id"));
    let charge = app.get(path).by(&shop.owner).expect(200).await;
    charge.has(json!({ "status": "succeeded" }));
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_card_whose_events_are_lost_is_found_by_verify() {
    let (app, shop, sam) = scene().await;
    let setup = open(&app, &shop, &sam).await;
    let session = text(&setup, "checkout_session");
    save_at_stripe(&app, &session, "4242424242424242").await;
    app.simulator.drop_pending().await;
    let path = format!("/v1/setup_intents/{session}/verify");
    let verified = app.post(path, json!({})).by(&sam).expect(200).await;
    verified.has(json!({ "status": "succeeded" }));
    assert!(verified["payment_method"].is_string());
    app.settle().await;
}

#[tokio::test]
async fn a_page_that_nobody_finishes_ends_after_a_day_or_when_its_buyer_cancels() {
    let (app, shop, sam) = scene().await;
    let left = text(&open(&app, &shop, &sam).await, "checkout_session");
    let canceled = text(&open(&app, &shop, &sam).await, "checkout_session");
    let cancel = format!("/v1/setup_intents/{canceled}/cancel");
    let answer = app.post(&cancel, json!({})).by(&sam).expect(200).await;
    answer.has(json!({ "status": "canceled", "url": null }));
    app.settle().await;
    let late = app
        .try_simulate(
            &format!("/checkout/sessions/{canceled}/pay"),
            json!({ "card": "4242424242424242" }),
        )
        .await;
    assert!(late.is_err(), "{late:?}");
    app.post(&cancel, json!({}))
        .by(&sam)
        .refused(409, "setup_intent_not_open")
        .await;
    app.advance(25 * HOUR).await;
    app.settle().await;
    let sam = app.login(&sam).await;
    read(&app, &left, &sam)
        .await
        .has(json!({ "status": "canceled" }));
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_declined_card_can_be_followed_by_another() {
    let (app, shop, sam) = scene().await;
    let session = text(&open(&app, &shop, &sam).await, "checkout_session");
    let path = format!("/checkout/sessions/{session}/pay");
    app.try_simulate(&path, json!({ "card": "4000000000000002" }))
        .await
        .ok();
    app.settle().await;
    read(&app, &session, &sam)
        .await
        .has(json!({ "status": "open" }));
    save_at_stripe(&app, &session, "5555555555554444").await;
    app.settle().await;
    read(&app, &session, &sam)
        .await
        .has(json!({ "status": "succeeded" }));
}

#[tokio::test]
async fn a_page_whose_creation_got_no_answer_is_made_once() {
    for kind in [FaultKind::CommitThenTimeout, FaultKind::TimeoutBeforeCommit] {
        let (app, shop, sam) = scene().await;
        app.fault("POST", "/v1/checkout/sessions", kind, None).await;
        let ask = || {
            let made = app.post("/v1/setup_intents", body(&shop));
            made.by(&sam).keyed("one")
        };
        ask().refused(503, "stripe_unavailable").await;
        app.simulator.clear_faults().await;
        app.advance(60).await;
        app.settle().await;
        let setup = ask().expect(201).await;
        let list = app.stripe_api("GET", "/checkout/sessions", &shop.account, &[]);
        let list = list.await;
        list["data"].has(json!([{ "id": setup["checkout_session"] }]));
        assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{kind:?}");
        assert_eq!(app.count("setup_intents").await, 1);
    }
}

#[tokio::test]
async fn a_setup_session_of_the_sellers_own_concerns_nobody_here() {
    let (app, shop, _) = scene().await;
    let customer = app.stripe_api("POST", "/customers", &shop.account, &[("name", "Ann")]);
    let customer = text(&customer.await, "id");
    let form = [
        ("mode", "setup"),
        ("customer", customer.as_str()),
        ("currency", "usd"),
        ("success_url", "https://shop.test/"),
    ];
    let session = app.stripe_api("POST", "/checkout/sessions", &shop.account, &form);
    let session = text(&session.await, "id");
    save_at_stripe(&app, &session, "4242424242424242").await;
    app.settle().await;
    assert_eq!(app.count("orders").await, 0);
    assert_eq!(app.count("setup_intents").await, 0);
    assert_eq!(app.count("inbox_events WHERE state = 'deferred'").await, 0);
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn addresses_that_a_page_does_not_have_are_refused_by_name() {
    let (app, shop, sam) = scene().await;
    for (field, value) in [
        ("success_url", json!("https://evil.example/")),
        ("cancel_url", json!("https://evil.example/")),
        ("cancel_url", json!("evil://cards")),
    ] {
        let mut wrong = body(&shop);
        wrong[field] = value;
        app.post("/v1/setup_intents", wrong)
            .by(&sam)
            .refuses_field(field)
            .await;
    }
    for field in ["success_url", "cancel_url"] {
        let wrong = json!({ "seller_id": shop.id, field: "https://app.example/" });
        app.post("/v1/setup_intents", wrong)
            .by(&sam)
            .refuses_field(field)
            .await;
    }
    assert_eq!(app.count("setup_intents").await, 0);
    let setup = open(&app, &shop, &sam).await;
    let path = format!("/v1/setup_intents/{}", text(&setup, "checkout_session"));
    let eve = app.member("eve").await;
    app.get(path).by(&eve).refused(404, "not_found").await;
}
