//! Money that is held until the seller captures it, by an intent and by a Checkout Session.

mod races;
mod released;

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::carts::cart_with;
use crate::harness::{Checkout, Has, Shop, TestApp, checkout_from, lines_of, text};

/// By what the money is held.
#[derive(Clone, Copy, Debug)]
enum By {
    Session,
    Intent,
}

const WAYS: [By; 2] = [By::Session, By::Intent];

/// A shop with five lamps of 50.00.
async fn lamps(app: &TestApp) -> (Shop, String) {
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    (shop, product)
}

/// A guest's checkout of two of them.
async fn open(app: &TestApp, by: By, product: &str) -> Checkout {
    let path = match by {
        By::Session => "/v1/checkout_sessions",
        By::Intent => "/v1/payment_intents",
    };
    let body = json!({
        "lines": lines_of(&[(product, 2)]), "customer_email": "sam@example.com", "capture_method": "manual",
    });
    let opened = app.post(path, body).expect(201).await;
    opened.has(
        json!({ "capture_method": "manual", "amount_capturable": null, "capture_before": null }),
    );
    checkout_from(&opened)
}

/// The buyer's part.
async fn authorize(app: &TestApp, by: By, shop: &Shop, checkout: &Checkout) {
    match by {
        By::Session => app.pay(checkout).await,
        By::Intent => {
            let path = format!("/payment_intents/{}/confirm", checkout.id);
            let form = [
                ("payment_method", "pm_card_visa"),
                ("return_url", "http://shop.test/"),
            ];
            app.stripe_api("POST", &path, &shop.account, &form).await;
        }
    }
}

/// A checkout of two lamps whose 100.00 are held.
async fn held(app: &TestApp, by: By, shop: &Shop, product: &str) -> Checkout {
    let checkout = open(app, by, product).await;
    authorize(app, by, shop, &checkout).await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "authorized" }));
    checkout
}

async fn intent_of(app: &TestApp, checkout: &Checkout) -> String {
    let payment = &checkout.payment;
    app.query(&format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{payment}'"
    ))
    .await
}

/// The intent at Stripe.
async fn at_stripe(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Value {
    let path = format!("/payment_intents/{}", intent_of(app, checkout).await);
    app.stripe_api("GET", &path, &shop.account, &[]).await
}

async fn path(app: &TestApp, checkout: &Checkout, action: &str) -> String {
    format!(
        "/v1/payment_intents/{}/{action}",
        intent_of(app, checkout).await
    )
}

async fn capture(app: &TestApp, shop: &Shop, checkout: &Checkout, body: Value) -> Value {
    let path = path(app, checkout, "capture").await;
    app.post(path, body).by(&shop.owner).expect(200).await
}

async fn cancel(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Value {
    let path = path(app, checkout, "cancel").await;
    app.post(path, json!({})).by(&shop.owner).expect(200).await
}

/// What the platform has kept of the payment's fee, by the fee itself at Stripe.
async fn fee_at_stripe(app: &TestApp, shop: &Shop, checkout: &Checkout) -> i64 {
    let charge = text(&at_stripe(app, shop, checkout).await, "latest_charge");
    let fees = app
        .platform_api("GET", "/application_fees", &[("charge", &charge)])
        .await;
    let fee = &fees["data"][0];
    fee["amount"].as_i64().expect("an amount") - fee["amount_refunded"].as_i64().expect("an amount")
}

async fn books_equal(app: &TestApp, shop: &Shop) {
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn held_money_takes_the_goods_at_once_and_is_captured_when_the_seller_asks() {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let checkout = held(&app, by, &shop, &product).await;
        assert_eq!(app.stock(&product).await, 3);
        let intent = intent_of(&app, &checkout).await;
        let order = app.order(&checkout).await;
        order.has(json!({ "status": "authorized", "amount_total": null, "paid_at": null, "authorization": {
            "payment_intent": intent, "amount_capturable": 10_000, "capture_amount": null, "capture_refusal": null,
        } }));
        let before = text(&order["authorization"], "capture_before");
        let charge = text(&at_stripe(&app, &shop, &checkout).await, "latest_charge");
        let charge = format!("/charges/{charge}");
        let charge = app.stripe_api("GET", &charge, &shop.account, &[]).await;
        let said = &charge["payment_method_details"]["card"]["capture_before"];
        let said = souk_entity::Timestamp::from_seconds(said.as_i64().expect("a time"));
        assert_eq!(before, said.to_string());
        let verify = match by {
            By::Session => format!("/v1/checkout_sessions/{}/verify", checkout.id),
            By::Intent => format!("/v1/payment_intents/{}/verify", checkout.id),
        };
        app.post(&verify, json!({}))
            .expect(200)
            .await
            .has(json!({ "success": true, "status": "authorized" }));
        assert_eq!(app.mails_called("You have an order to ship"), 1);

        let captured = capture(&app, &shop, &checkout, json!({})).await;
        captured.has(json!({
            "id": intent, "status": "succeeded", "amount_received": 10_000, "amount_capturable": null, "capture_before": null,
            "application_fee_amount": 1000, "client_secret": null,
        }));
        app.settle().await;
        app.order(&checkout).await.has(json!({
            "status": "paid", "amount_total": 10_000, "application_fee_amount": 1000, "authorization": null,
        }));
        assert_eq!(app.stock(&product).await, 3);
        assert_eq!(fee_at_stripe(&app, &shop, &checkout).await, 1000);
        // The same again changes nothing.
        capture(&app, &shop, &checkout, json!({ "amount": 10_000 }))
            .await
            .has(json!({ "status": "succeeded" }));
        app.settle().await;
        assert_eq!(app.mails_called("You have sold something"), 1);
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn of_held_money_a_part_is_captured_with_its_part_of_the_fee_and_the_rest_is_released() {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        // Covers Stripe's fees.
        app.sale(&product).await;
        let checkout = held(&app, by, &shop, &product).await;
        let part = json!({ "order_id": checkout.order, "amount": 6667 });
        let refund = app.post("/v1/refunds", part).by(&shop.owner);
        let problem = refund.refused(409, "order_not_paid").await;
        let words = "The buyer's money is only held. Capture less of it, and the rest is released.";
        assert_eq!(problem["detail"], words);
        capture(&app, &shop, &checkout, json!({ "amount": 3333 }))
            .await
            .has(json!({ "status": "succeeded", "amount": 10_000, "amount_received": 3333, "application_fee_amount": 333 }));
        app.settle().await;
        app.order(&checkout).await.has(json!({
            "status": "paid", "amount_subtotal": 10_000, "amount_total": 3333, "application_fee_amount": 333,
        }));
        assert_eq!(fee_at_stripe(&app, &shop, &checkout).await, 333);
        assert_eq!(app.count("fee_refunds").await, 0);
        let path = path(&app, &checkout, "capture").await;
        app.post(&path, json!({ "amount": 100 }))
            .by(&shop.owner)
            .refused(409, "payment_not_authorized")
            .await;
        let too_much = json!({ "order_id": checkout.order, "amount": 3334 });
        app.post("/v1/refunds", too_much)
            .by(&shop.owner)
            .refused(409, "refund_exceeds_paid")
            .await;
        app.post("/v1/refunds", json!({ "order_id": checkout.order }))
            .by(&shop.owner)
            .expect(201)
            .await;
        app.settle().await;
        app.order(&checkout).await.has(json!({
            "status": "refunded", "amount_refunded": 3333, "application_fee_amount": 0,
        }));
        assert_eq!(fee_at_stripe(&app, &shop, &checkout).await, 0);
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn the_fee_of_a_part_follows_what_a_code_has_left() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    app.percent_off(&shop, "FIFTH", 20).await;
    for (amount, fee) in [(None, 800), (Some(4000), 400)] {
        let checkout = open(&app, By::Session, &product).await;
        app.pay_with_code(&checkout, "FIFTH").await;
        app.settle().await;
        let body = amount.map_or(json!({}), |amount| json!({ "amount": amount }));
        capture(&app, &shop, &checkout, body)
            .await
            .has(json!({ "application_fee_amount": fee }));
        app.settle().await;
        let paid = amount.unwrap_or(8000);
        app.order(&checkout).await.has(json!({
            "status": "paid", "amount_discount": 2000, "amount_total": paid, "application_fee_amount": fee,
        }));
        assert_eq!(fee_at_stripe(&app, &shop, &checkout).await, fee);
    }
    assert_eq!(app.count("fee_refunds").await, 0);
    books_equal(&app, &shop).await;
}

#[tokio::test]
async fn a_part_that_is_captured_in_the_dashboard_is_a_sale_of_that_part_and_the_fee_that_was_too_much_goes_back()
 {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let checkout = held(&app, by, &shop, &product).await;
        let path = format!(
            "/payment_intents/{}/capture",
            intent_of(&app, &checkout).await
        );
        app.stripe_api(
            "POST",
            &path,
            &shop.account,
            &[("amount_to_capture", "4000")],
        )
        .await;
        app.settle().await;
        app.order(&checkout).await.has(json!({
            "status": "paid", "amount_total": 4000, "application_fee_amount": 400,
        }));
        assert_eq!(app.stock(&product).await, 3);
        assert_eq!(fee_at_stripe(&app, &shop, &checkout).await, 400);
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn verify_alone_sees_that_money_was_captured_at_stripe() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = held(&app, By::Session, &shop, &product).await;
    app.advance(10).await;
    let path = format!(
        "/payment_intents/{}/capture",
        intent_of(&app, &checkout).await
    );
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    // No event has come.
    app.verify(&checkout)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    app.settle().await;
}

#[tokio::test]
async fn a_capture_that_stripe_does_not_answer_is_repeated_and_made_once() {
    for kind in [FaultKind::TimeoutBeforeCommit, FaultKind::CommitThenTimeout] {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let checkout = held(&app, By::Session, &shop, &product).await;
        let path = path(&app, &checkout, "capture").await;
        let there = format!(
            "/v1/payment_intents/{}/capture",
            intent_of(&app, &checkout).await
        );
        app.fault("POST", &there, kind, None).await;
        app.post(&path, json!({ "amount": 4000 }))
            .by(&shop.owner)
            .refused(503, "stripe_unavailable")
            .await;
        app.order(&checkout)
            .await
            .has(json!({ "authorization": { "capture_amount": 4000 } }));
        // Until it is known what became of it, nothing else is done with the money.
        for (action, body) in [
            ("capture", json!({ "amount": 5000 })),
            ("cancel", json!({})),
        ] {
            let path = format!(
                "/v1/payment_intents/{}/{action}",
                intent_of(&app, &checkout).await
            );
            app.post(&path, body)
                .by(&shop.owner)
                .refused(409, "capture_in_progress")
                .await;
        }
        app.post(format!("/v1/orders/{}/cancel", checkout.order), json!({}))
            .by(&shop.owner)
            .refused(409, "capture_in_progress")
            .await;
        app.simulator.clear_faults().await;
        app.advance(60).await;
        app.settle().await;
        app.order(&checkout).await.has(json!({
            "status": "paid", "amount_total": 4000, "application_fee_amount": 400, "authorization": null,
        }));
        assert_eq!(app.stock(&product).await, 3);
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn a_capture_that_comes_too_late_says_so_and_the_goods_come_back() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = held(&app, By::Intent, &shop, &product).await;
    let there = format!("/payment_intents/{}/cancel", checkout.id);
    app.stripe_api("POST", &there, &shop.account, &[]).await;
    // Its event has not come.
    let path = path(&app, &checkout, "capture").await;
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "payment_not_authorized")
        .await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "expired" }));
    assert_eq!(app.stock(&product).await, 5);
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_capture_that_stripe_refuses_is_a_finding_until_the_money_is_captured() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = held(&app, By::Intent, &shop, &product).await;
    let there = format!("/v1/payment_intents/{}/capture", checkout.id);
    app.fault("POST", &there, FaultKind::Error402, None).await;
    let path = path(&app, &checkout, "capture").await;
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "stripe_refused")
        .await;
    let failed = ("capture_failed".to_owned(), checkout.payment.clone());
    assert_eq!(app.open_findings().await, vec![failed]);
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "authorized", "authorization": { "capture_amount": null } }));
    assert!(
        order["authorization"]["capture_refusal"].is_string(),
        "{order}"
    );
    app.simulator.clear_faults().await;
    capture(&app, &shop, &checkout, json!({ "amount": 9000 })).await;
    app.settle().await;
    souk::reconciliation::reconcile(&app.app)
        .await
        .expect("looks");
    books_equal(&app, &shop).await;
}

#[tokio::test]
async fn only_what_is_held_can_be_captured() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = held(&app, By::Session, &shop, &product).await;
    let path = path(&app, &checkout, "capture").await;
    let refused = async |body: Value, status, code: &str, param: Value| {
        let answer = app
            .post(&path, body)
            .by(&shop.owner)
            .refused(status, code)
            .await;
        answer.has(json!({ "param": param }));
    };
    refused(
        json!({ "amount": 10_001 }),
        409,
        "capture_exceeds_authorized",
        json!("amount"),
    )
    .await;
    for amount in [0, -1] {
        refused(
            json!({ "amount": amount }),
            422,
            "invalid_request",
            json!("amount"),
        )
        .await;
    }
    refused(
        json!({ "amount": "all" }),
        422,
        "invalid_request",
        json!("amount"),
    )
    .await;
    let stranger = app.shop("omar").await;
    for action in ["cancel", "capture"] {
        let path = format!(
            "/v1/payment_intents/{}/{action}",
            intent_of(&app, &checkout).await
        );
        app.post(&path, json!({}))
            .by(&stranger.owner)
            .refused(404, "not_found")
            .await;
    }
    // Of a session whose money is not held there is no intent to capture.
    let plain = app.sale(&product).await;
    let intent = intent_of(&app, &plain).await;
    app.post(format!("/v1/payment_intents/{intent}/capture"), json!({}))
        .by(&shop.owner)
        .refused(404, "not_found")
        .await;
    app.settle().await;
}

#[tokio::test]
async fn an_amount_that_was_changed_at_stripe_holds_no_goods_and_is_a_finding() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = open(&app, By::Intent, &product).await;
    let there = format!("/payment_intents/{}", checkout.id);
    app.stripe_api("POST", &there, &shop.account, &[("amount", "9000")])
        .await;
    authorize(&app, By::Intent, &shop, &checkout).await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "pending" }));
    assert_eq!(app.stock(&product).await, 5);
    let mismatch = ("amount_mismatch".to_owned(), checkout.payment.clone());
    assert_eq!(app.open_findings().await, vec![mismatch]);
}

#[tokio::test]
async fn of_a_cart_only_those_orders_are_captured_whose_goods_were_there() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let there = app.product(&shop, 500, Some(5)).await;
    let scarce = app.product(&shop, 1750, Some(2)).await;
    let third = app.product(&shop, 250, Some(5)).await;
    let products = [(there.as_str(), 500), (&scarce, 1750), (&third, 250)];
    let cart = cart_with(&app, &shop, products, "manual").await;
    app.sale(&scarce).await;
    app.pay(cart.session()).await;
    app.settle().await;
    let states = async || {
        let mut states = Vec::new();
        for checkout in &cart.orders {
            let order = app.order(checkout).await;
            states.push((text(&order, "status"), order["amount_total"].clone()));
        }
        states
    };
    let state = |status: &str, paid: Value| (status.to_owned(), paid);
    let held = state("authorized", Value::Null);
    let sold_out = state("cancelled_sold_out", Value::Null);
    assert_eq!(states().await, [held.clone(), sold_out, held]);
    assert_eq!(app.stock(&scarce).await, 1);
    let path = path(&app, cart.session(), "capture").await;
    app.post(&path, json!({ "amount": 1501 }))
        .by(&shop.owner)
        .refused(409, "capture_exceeds_authorized")
        .await;
    let captured = capture(&app, &shop, cart.session(), json!({})).await;
    captured.has(json!({ "amount_received": 1500, "application_fee_amount": 150 }));
    app.settle().await;
    let paid = |amount: i64| state("paid", json!(amount));
    let nothing = state("cancelled_sold_out", json!(0));
    assert_eq!(states().await, [paid(1000), nothing, paid(500)]);
    for (checkout, fee) in cart.orders.iter().zip([100, 0, 50]) {
        app.order(checkout)
            .await
            .has(json!({ "application_fee_amount": fee }));
    }
    assert_eq!(app.count("refunds").await, 0);
    books_equal(&app, &shop).await;
}
