//! The application fee after the payment: what the platform keeps follows what the buyer pays.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Between, Checkout, Has, Shop, TestApp, assumed, text};

/// A shop whose buyer has paid for a lamp with this much off, by a code that was entered at Stripe. Another sale covers
/// Stripe's fees.
async fn discounted(app: &TestApp, unit_amount: i64, percent: i64) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "LESS", percent).await;
    let lamp = app.product(&shop, unit_amount, None).await;
    let cover = app.product(&shop, 50_000, None).await;
    app.sale(&cover).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "promotion_code": "LESS" }))
        .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    (shop, checkout)
}

/// The fee of an order's payment at Stripe: its amount, and what of that went back.
async fn at_stripe(app: &TestApp, checkout: &Checkout) -> (i64, i64) {
    let fee = fee(app, checkout).await;
    let amount = |name: &str| fee[name].as_i64().expect("an amount");
    (amount("amount"), amount("amount_refunded"))
}

async fn fee(app: &TestApp, checkout: &Checkout) -> Value {
    let find = format!(
        "SELECT charge AS it FROM payments WHERE id = '{}'",
        checkout.payment
    );
    let charge: String = app.query(&find).await;
    let path = format!("/application_fees?charge={charge}");
    let list = app.platform_api("GET", &path, &[]).await;
    list["data"][0].clone()
}

async fn kept(app: &TestApp, checkout: &Checkout) -> Value {
    app.order(checkout).await["application_fee_amount"].clone()
}

async fn refund(app: &TestApp, shop: &Shop, checkout: &Checkout, amount: i64) -> Value {
    let body = json!({ "order_id": checkout.order, "amount": amount });
    let made = app
        .post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    made
}

#[tokio::test]
async fn the_fee_of_a_discounted_order_is_a_share_of_what_was_paid() {
    let app = TestApp::start().await;
    let (_, checkout) = discounted(&app, 1000, 95).await;
    let order = app.order(&checkout).await;
    order.has(json!({ "amount_total": 50, "application_fee_amount": 5 }));
    assert_eq!(at_stripe(&app, &checkout).await, (50, 45));
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn the_old_base_stays_where_it_is_set() {
    let app = TestApp::with(&[("APPLICATION_FEE_BASE", "subtotal")]).await;
    let (_, checkout) = discounted(&app, 1000, 95).await;
    assert_eq!(kept(&app, &checkout).await, 50);
    assert_eq!(at_stripe(&app, &checkout).await, (50, 0));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn refunds_return_their_share_of_the_fee_that_was_kept_and_all_of_them_the_whole() {
    let app = TestApp::start().await;
    let (shop, checkout) = discounted(&app, 2000, 50).await;
    assert_eq!(at_stripe(&app, &checkout).await, (200, 100));
    for (amount, left) in [(333, 67), (333, 33), (1, 33), (333, 0)] {
        refund(&app, &shop, &checkout, amount).await;
        assert_eq!(kept(&app, &checkout).await, left, "after {amount}");
        assert_eq!(at_stripe(&app, &checkout).await, (200, 200 - left));
    }
    app.order(&checkout)
        .await
        .has(json!({ "status": "refunded" }));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_fee_that_went_back_with_a_refund_that_failed_does_not_go_back_twice() {
    let app = TestApp::start().await;
    let (shop, checkout) = discounted(&app, 2000, 50).await;
    refund(&app, &shop, &checkout, 400).await;
    let stripe_refund = text(
        &app.refunds(&shop, &checkout.order).await[0],
        "stripe_refund",
    );
    app.simulate(&format!("/refunds/{stripe_refund}/fail"), json!({}))
        .await;
    app.settle().await;
    assert_eq!(kept(&app, &checkout).await, 60);
    refund(&app, &shop, &checkout, 500).await;
    assert_eq!(kept(&app, &checkout).await, 50);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn the_excess_goes_back_once_whatever_stripe_fails_to_answer() {
    for kind in [
        FaultKind::CommitThenTimeout,
        FaultKind::CommitThenError500,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::Error500,
    ] {
        let app = TestApp::start().await;
        app.fault("POST", "/v1/application_fees", kind, Some(3))
            .await;
        let (_, checkout) = discounted(&app, 1000, 50).await;
        for _ in 0..6 {
            app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
                .await;
            app.settle().await;
        }
        assert_eq!(at_stripe(&app, &checkout).await, (100, 50), "{kind:?}");
        assert_eq!(kept(&app, &checkout).await, 50);
        assert_eq!(app.open_findings().await, []);
    }
}

#[tokio::test]
async fn an_excess_that_stripe_refuses_to_return_is_a_finding() {
    let app = TestApp::start().await;
    app.fault("POST", "/v1/application_fees", FaultKind::Error402, Some(1))
        .await;
    let (_, checkout) = discounted(&app, 1000, 50).await;
    let open = app.open_findings().await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].0, "fee_refund_missing");
    assert_eq!(at_stripe(&app, &checkout).await, (100, 0));
    assert_eq!(kept(&app, &checkout).await, 100);
}

#[tokio::test]
async fn an_order_shows_what_is_left_of_the_fee_whoever_returned_it() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2000, None).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    assert_eq!(kept(&app, &checkout).await, 200);
    refund(&app, &shop, &checkout, 500).await;
    assert_eq!(kept(&app, &checkout).await, 150);
    assert_eq!(
        app.count("fee_refunds").await,
        0,
        "Stripe returns its share"
    );
    // Somebody returns a part in the dashboard.
    let fee = text(&fee(&app, &checkout).await, "id");
    let path = format!("/application_fees/{fee}/refunds");
    app.platform_api("POST", &path, &[("amount", "30")]).await;
    app.settle().await;
    assert_eq!(kept(&app, &checkout).await, 120);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn an_order_shows_what_stripe_does_with_the_fee_of_a_refund_that_fails() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2000, None).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    refund(&app, &shop, &checkout, 500).await;
    let stripe_refund = text(
        &app.refunds(&shop, &checkout.order).await[0],
        "stripe_refund",
    );
    app.simulate(&format!("/refunds/{stripe_refund}/fail"), json!({}))
        .await;
    app.settle().await;
    let left = match assumed("failed_refund_fee") {
        "taken_again" => 200,
        _ => 150,
    };
    assert_eq!(kept(&app, &checkout).await, left);
    // A new attempt returns what is left, and no more.
    refund(&app, &shop, &checkout, 2000).await;
    assert_eq!(kept(&app, &checkout).await, 0);
    assert_eq!(at_stripe(&app, &checkout).await, (200, 200));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn stripe_is_asked_to_return_the_fee_only_where_none_of_it_went_back_by_us() {
    let (app, between) = Between::start().await;
    let (shop, checkout) = discounted(&app, 2000, 50).await;
    refund(&app, &shop, &checkout, 100).await;
    let sent = between.sent("/v1/refunds");
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].contains("refund_application_fee"), "{sent:?}");
    let lamp = app.product(&shop, 2000, None).await;
    let whole = app.sale(&lamp).await;
    refund(&app, &shop, &whole, 100).await;
    let sent = between.sent("/v1/refunds");
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("refund_application_fee=true"), "{sent:?}");
    app.books_equal_stripe().await;
}
