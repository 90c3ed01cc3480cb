//! Payments that an invoice collects, and sessions and intents whose money is held until it is captured. No route makes them
//! yet; their rows are made here, and pass through the one confirm.

use serde_json::{Value, json};

use crate::harness::{Checkout, Has, Shop, TestApp, text};

const DAY: i64 = 86_400;

/// A shop with a product of 50.00, and a checkout of two pieces.
async fn begin(app: &TestApp) -> (Shop, String, Checkout) {
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    let checkout = app.checkout_of(&[(&product, 2)]).await;
    app.settle().await;
    (shop, product, checkout)
}

/// Puts another Stripe object in the place of a checkout's session.
async fn collect_by(app: &TestApp, checkout: &mut Checkout, kind: &str, object: &str, more: &str) {
    let payment = &checkout.payment;
    app.sql(&format!(
        "UPDATE payments SET stripe_object = '{object}', kind = '{kind}'{more} WHERE id = '{payment}'"
    ))
    .await;
    checkout.id = object.to_owned();
}

/// A session over 100.00 whose money is only held.
async fn held(app: &TestApp) -> (Shop, String, Checkout) {
    let (shop, product, mut checkout) = begin(app).await;
    let form = [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "10000"),
        ("line_items[0][price_data][product_data][name]", "Lamps"),
        ("line_items[0][quantity]", "1"),
        ("payment_intent_data[capture_method]", "manual"),
        ("payment_intent_data[application_fee_amount]", "1000"),
        ("success_url", "http://shop.test/"),
    ];
    let session = app
        .stripe_api("POST", "/checkout/sessions", &shop.account, &form)
        .await;
    let manual = ", capture_method = 'manual'";
    collect_by(app, &mut checkout, "session", &text(&session, "id"), manual).await;
    app.pay(&checkout).await;
    app.settle().await;
    (shop, product, checkout)
}

async fn intent_of(app: &TestApp, checkout: &Checkout) -> String {
    let payment = &checkout.payment;
    app.query(&format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{payment}'"
    ))
    .await
}

/// The payment's state, and what could be captured.
async fn payment(app: &TestApp, checkout: &Checkout) -> (String, Option<i64>) {
    let of = format!("FROM payments WHERE id = '{}'", checkout.payment);
    (
        app.query(&format!("SELECT status AS it {of}")).await,
        app.query(&format!("SELECT amount_capturable AS it {of}"))
            .await,
    )
}

async fn capture(app: &TestApp, shop: &Shop, checkout: &Checkout, form: &[(&str, &str)]) {
    let path = format!(
        "/payment_intents/{}/capture",
        intent_of(app, checkout).await
    );
    app.stripe_api("POST", &path, &shop.account, form).await;
}

#[tokio::test]
async fn a_session_whose_money_is_held_is_authorized_and_paid_when_it_is_captured() {
    let app = TestApp::start().await;
    let (shop, product, checkout) = held(&app).await;
    assert_eq!(
        payment(&app, &checkout).await,
        ("authorized".into(), Some(10_000))
    );
    app.order(&checkout)
        .await
        .has(json!({ "status": "processing" }));
    app.verify(&checkout)
        .await
        .has(json!({ "success": false, "status": "processing" }));
    assert_eq!(app.stock(&product).await, 5);

    capture(&app, &shop, &checkout, &[]).await;
    app.settle().await;
    assert_eq!(payment(&app, &checkout).await, ("paid".into(), None));
    app.order(&checkout).await.has(json!({
        "status": "paid", "amount_total": 10_000, "application_fee_amount": 1000,
    }));
    assert_eq!(app.stock(&product).await, 3);
    let refund = json!({ "order_id": checkout.order, "amount": 2500 });
    app.post("/v1/refunds", refund)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn verify_alone_sees_that_held_money_was_captured() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = held(&app).await;
    app.advance(10).await;
    capture(&app, &shop, &checkout, &[]).await;
    // No event has come.
    app.verify(&checkout)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    app.settle().await;
}

#[tokio::test]
async fn held_money_that_is_released_ends_the_payment_and_nothing_was_ever_taken() {
    let app = TestApp::start().await;
    let (shop, product, checkout) = held(&app).await;
    let path = format!(
        "/payment_intents/{}/cancel",
        intent_of(&app, &checkout).await
    );
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    app.settle().await;
    assert_eq!(payment(&app, &checkout).await, ("canceled".into(), None));
    app.order(&checkout)
        .await
        .has(json!({ "status": "expired", "amount_total": null, "amount_refunded": 0 }));
    assert_eq!(
        app.refunds(&shop, &checkout.order).await,
        Vec::<Value>::new()
    );
    assert_eq!(app.stock(&product).await, 5);
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn an_authorization_that_lapses_ends_the_payment() {
    let app = TestApp::start().await;
    let (_, _, checkout) = held(&app).await;
    app.advance(8 * DAY).await;
    app.settle().await;
    assert_eq!(payment(&app, &checkout).await, ("canceled".into(), None));
    app.order(&checkout)
        .await
        .has(json!({ "status": "expired" }));
}

#[tokio::test]
async fn a_part_of_held_money_that_somebody_captures_at_stripe_is_a_finding_and_no_sale() {
    let app = TestApp::start().await;
    let (shop, product, checkout) = held(&app).await;
    let part = [
        ("amount_to_capture", "4000"),
        ("application_fee_amount", "400"),
    ];
    capture(&app, &shop, &checkout, &part).await;
    app.settle().await;
    assert_eq!(payment(&app, &checkout).await.0, "authorized");
    assert_eq!(app.stock(&product).await, 5);
    let mismatch = ("amount_mismatch".to_owned(), checkout.payment.clone());
    assert_eq!(app.open_findings().await, vec![mismatch]);
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings?state=open").by(&admin);
    let found = &list.expect(200).await["data"][0];
    found.has(json!({ "amount": 4000, "currency": "usd" }));
    assert!(
        text(found, "message").contains("has collected 40.00 USD"),
        "{found}"
    );
}

#[tokio::test]
async fn intents_of_ordinary_sessions_are_ignored_since_their_sessions_tell() {
    let app = TestApp::start().await;
    let (_, _, checkout) = begin(&app).await;
    app.pay(&checkout).await;
    app.settle().await;
    app.order(&checkout).await.has(json!({ "status": "paid" }));
    let of = "inbox_events WHERE kind = 'payment_intent.succeeded'";
    assert_eq!(app.count(of).await, 1);
    assert_eq!(app.count(&format!("{of} AND state = 'ignored'")).await, 1);
}

/// No event of an invoice has an effect yet.
async fn reread(app: &TestApp, checkout: &Checkout) {
    let id = checkout.payment.as_str().into();
    let reread = souk::payments::reread::payment(&app.app, &id).await;
    reread.expect("reads");
}

#[tokio::test]
async fn a_payments_invoice_is_read_and_confirmed_as_any_other() {
    let app = TestApp::start().await;
    let (shop, product, mut checkout) = begin(&app).await;
    let customer = app
        .stripe_api(
            "POST",
            "/customers",
            &shop.account,
            &[("email", "sam@example.com")],
        )
        .await;
    let customer = text(&customer, "id");
    let form = [
        ("customer", customer.as_str()),
        ("collection_method", "send_invoice"),
        ("days_until_due", "7"),
        ("application_fee_amount", "1000"),
    ];
    let invoice = app
        .stripe_api("POST", "/invoices", &shop.account, &form)
        .await;
    let invoice = text(&invoice, "id");
    let item = [
        ("customer", customer.as_str()),
        ("invoice", &invoice),
        ("amount", "10000"),
        ("currency", "usd"),
    ];
    app.stripe_api("POST", "/invoiceitems", &shop.account, &item)
        .await;
    collect_by(&app, &mut checkout, "invoice", &invoice, "").await;
    let at = |what: &str| format!("/invoices/{invoice}/{what}");
    app.stripe_api("POST", &at("finalize"), &shop.account, &[])
        .await;
    app.settle().await;
    reread(&app, &checkout).await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "pending" }));

    let card = [("type", "card"), ("card[token]", "tok_visa")];
    let card = app
        .stripe_api("POST", "/payment_methods", &shop.account, &card)
        .await;
    let card = text(&card, "id");
    let to = [("customer", customer.as_str())];
    app.stripe_api(
        "POST",
        &format!("/payment_methods/{card}/attach"),
        &shop.account,
        &to,
    )
    .await;
    app.stripe_api(
        "POST",
        &at("pay"),
        &shop.account,
        &[("payment_method", &card)],
    )
    .await;
    reread(&app, &checkout).await;
    app.settle().await;
    app.order(&checkout).await.has(json!({
        "status": "paid", "amount_total": 10_000, "application_fee_amount": 1000,
    }));
    assert!(intent_of(&app, &checkout).await.starts_with("pi_"));
    assert_eq!(app.stock(&product).await, 3);
    app.books_equal_stripe().await;
}
