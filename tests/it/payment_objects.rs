//! Payments that an invoice collects, of which no route makes any yet: their rows are made here, and pass through the one confirm.
//! And the intents of sessions.

use serde_json::json;

use crate::harness::{Checkout, Has, Shop, TestApp, text};

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

async fn intent_of(app: &TestApp, checkout: &Checkout) -> String {
    let payment = &checkout.payment;
    app.query(&format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{payment}'"
    ))
    .await
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
