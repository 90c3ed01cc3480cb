//! Subscriptions: what begins by Checkout is renewed by Stripe, each period an order of its own, and one question answers who may use it.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, User, checkout_from, text};

pub const DAY: i64 = 24 * 3_600;

/// A buyer goes to the checkout with a price.
pub async fn subscribe(app: &TestApp, buyer: &User, price: &str, quantity: i64) -> Checkout {
    let body =
        json!({ "mode": "subscription", "lines": [{ "price_id": price, "quantity": quantity }] });
    let made = app.post("/v1/checkout_sessions", body).by(buyer);
    checkout_from(&made.expect(201).await)
}

/// The buyer's only subscription.
pub async fn only(app: &TestApp, buyer: &User) -> Value {
    let list = app.get("/v1/subscriptions").by(buyer).expect(200).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    list["data"][0].clone()
}

pub async fn access(app: &TestApp, buyer: &User, subscription: &Value) -> Value {
    let path = format!("/v1/subscriptions/{}/access", text(subscription, "id"));
    app.get(path).by(buyer).expect(200).await
}

pub async fn orders_of(app: &TestApp, shop: &Shop) -> Vec<Value> {
    let path = format!("/v1/orders?seller_id={}", shop.id);
    let list = app.get(path).by(&shop.owner).expect(200).await;
    list["data"].as_array().expect("a list").clone()
}

/// Lets time pass by days, so that whatever is due happens on its day. The buyer and the seller log in again: their tokens are over.
pub async fn days(app: &TestApp, days: i64, buyer: User, shop: Shop) -> (User, Shop) {
    for _ in 0..days {
        app.advance(DAY).await;
        app.settle().await;
    }
    let owner = app.login(&shop.owner).await;
    (app.login(&buyer).await, Shop { owner, ..shop })
}

#[tokio::test]
async fn a_subscription_is_paid_each_month_and_each_month_is_an_order() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (bea, eve) = (app.member("bea").await, app.member("eve").await);
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let product = format!("/v1/products/{coffee}/access");
    app.get(&product)
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "entitled": false, "reason": "not_subscribed" }));
    let checkout = subscribe(&app, &bea, &price, 2).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = only(&app, &bea).await;
    made.has(json!({
        "status": "active", "currency": "usd", "order_id": checkout.order, "cancel_at_period_end": false,
    }));
    made["items"][0]
        .has(json!({ "price_id": price, "product_id": coffee, "quantity": 2, "unit_amount": 900 }));
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": true, "reason": "active", "until": made["current_period_end"] }));
    app.get(&product)
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "entitled": true, "subscription_id": made["id"] }));
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    app.get(&path).by(&eve).refused(404, "not_found").await;
    app.get(&path).by(&shop.owner).expect(200).await;
    let (bea, shop) = days(&app, 65, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    assert_eq!(orders.len(), 3, "{orders:?}");
    for order in &orders {
        order.has(json!({ "status": "paid", "amount_subtotal": 1800, "buyer_id": bea.id }));
    }
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": true }));
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn who_cancels_may_use_it_until_the_period_ends_and_resume_it_until_then() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = only(&app, &bea).await;
    let path = |action: &str| format!("/v1/subscriptions/{}/{action}", text(&made, "id"));
    let canceled = app
        .post(path("cancel"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    canceled.has(json!({ "status": "active", "cancel_at_period_end": true }));
    access(&app, &bea, &made).await.has(
        json!({ "entitled": true, "reason": "ending", "until": canceled["current_period_end"] }),
    );
    app.post(path("resume"), json!({}))
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "cancel_at_period_end": false }));
    app.post(path("cancel"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    let (bea, shop) = days(&app, 32, bea, shop).await;
    only(&app, &bea).await.has(json!({ "status": "canceled" }));
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": false, "reason": "ended" }));
    app.post(path("resume"), json!({}))
        .by(&bea)
        .refused(409, "subscription_ended")
        .await;
    assert_eq!(orders_of(&app, &shop).await.len(), 1);
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn what_can_not_be_subscribed_to_together_or_now_is_refused_by_name() {
    let app = TestApp::start().await;
    let (shop, other) = (app.shop("mira").await, app.shop("noor").await);
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let recurring = async |shop: &Shop, product: &str, recurring: Value| {
        let body = json!({ "product_id": product, "unit_amount": 900, "recurring": recurring });
        let made = app.post("/v1/prices", body).by(&shop.owner).expect(201);
        text(&made.await, "id")
    };
    let yearly = recurring(&shop, &coffee, json!({ "interval": "year" })).await;
    let tried = json!({ "interval": "month", "trial_period_days": 7 });
    let tried = recurring(&shop, &coffee, tried).await;
    let rug = app.product(&other, 900, None).await;
    let of_other = app.price(&other, &rug, 900).await;
    let tea = app.product_in(&shop, 900, "eur", None).await;
    let in_euros = app.price(&shop, &tea, 900).await;
    let archived = app.price(&shop, &coffee, 1900).await;
    app.patch(format!("/v1/prices/{archived}"), json!({ "active": false }))
        .by(&shop.owner)
        .expect(200)
        .await;
    let open = |lines: Value| {
        let body = json!({ "mode": "subscription", "lines": lines });
        app.post("/v1/checkout_sessions", body).by(&bea)
    };
    let with = |id: &str| {
        open(json!([{ "price_id": price, "quantity": 1 }, { "price_id": id, "quantity": 1 }]))
    };
    with(&yearly).refused(422, "mixed_intervals").await;
    with(&tried).refused(422, "mixed_trials").await;
    with(&of_other).refused(422, "mixed_sellers").await;
    with(&in_euros).refused(422, "mixed_currencies").await;
    with(&archived).refused(409, "price_archived").await;
    with("prc_0").refused(404, "not_found").await;
    with(&price).refuses_field("lines[1].price_id").await;
    open(json!([{ "product_id": coffee, "quantity": 1 }]))
        .refuses_field("lines[0].product_id")
        .await;
    open(json!([{ "quantity": 1 }]))
        .refuses_field("lines[0].price_id")
        .await;
    let line = json!([{ "price_id": price, "quantity": 1 }]);
    for (field, value) in [
        ("customer_email", json!("aunt@example.com")),
        ("capture_method", json!("manual")),
        ("save_payment_method", json!(false)),
    ] {
        let mut body = json!({ "mode": "subscription", "lines": line });
        body[field] = value;
        let refused = app.post("/v1/checkout_sessions", body).by(&bea);
        refused.refuses_field(field).await;
    }
    let once = json!({ "lines": line, "customer_email": "guest@example.com" });
    app.post("/v1/checkout_sessions", once)
        .refuses_field("lines[0].price_id")
        .await;
    let nobody = json!({ "mode": "subscription", "lines": line });
    app.post("/v1/checkout_sessions", nobody)
        .refused(401, "unauthenticated")
        .await;
    assert_eq!(app.count("orders").await, 0);
    app.settle().await;
}

#[tokio::test]
async fn what_stripe_refuses_or_does_not_answer_leaves_a_subscription_as_it_is() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = only(&app, &bea).await;
    let there = format!("/v1/subscriptions/{}", text(&made, "id"));
    for action in ["cancel", "resume"] {
        let ask = || app.post(format!("{there}/{action}"), json!({})).by(&bea);
        app.fault("POST", &there, FaultKind::TimeoutBeforeCommit, Some(3))
            .await;
        ask().refused(503, "stripe_unavailable").await;
    }
    only(&app, &bea)
        .await
        .has(json!({ "status": "active", "cancel_at_period_end": false }));
    let leave = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&leave, json!({})).await;
    app.settle().await;
    for action in ["cancel", "resume"] {
        app.post(format!("{there}/{action}"), json!({}))
            .by(&bea)
            .refused(409, "seller_not_active")
            .await;
    }
    app.settle().await;
}

#[tokio::test]
async fn a_trial_costs_nothing_until_it_is_over() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let body = json!({
        "product_id": coffee, "unit_amount": 900, "recurring": { "interval": "month", "trial_period_days": 7 },
    });
    let price = app.post("/v1/prices", body).by(&shop.owner).expect(201);
    let price = text(&price.await, "id");
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = only(&app, &bea).await;
    made.has(json!({ "status": "trialing" }));
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": true, "reason": "trialing", "until": made["trial_end"] }));
    let first = orders_of(&app, &shop).await;
    assert_eq!(first.len(), 1);
    first[0].has(json!({ "status": "paid", "amount_subtotal": 0 }));
    let (bea, shop) = days(&app, 9, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    assert_eq!(orders.len(), 2, "{orders:?}");
    orders[0].has(json!({ "status": "paid", "amount_subtotal": 900 }));
    access(&app, &bea, &made)
        .await
        .has(json!({ "entitled": true, "reason": "active" }));
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_period_is_one_order_whether_its_events_never_come_or_twice_and_backwards() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, Some(1)).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let paid = "orders WHERE status = 'paid' AND amount_subtotal = 900";
    app.advance(31 * DAY).await;
    app.advance(DAY).await;
    let events = app.intercept().await;
    app.run_jobs().await;
    assert_eq!(app.count(paid).await, 1);
    souk::subscriptions::sweep(&app.app).await.expect("looks");
    app.run_jobs().await;
    app.advance(4 * 3_600).await;
    app.run_jobs().await;
    assert_eq!(app.count(paid).await, 2);
    let kinds: Vec<&str> = events
        .iter()
        .filter_map(|one| one["type"].as_str())
        .collect();
    assert!(kinds.contains(&"invoice.paid"), "{kinds:?}");
    for event in events.iter().rev().chain(&events) {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.count(paid).await, 2);
    // The one piece went with the first order.
    assert_eq!(app.stock(&coffee).await, 0);
    let bea = app.login(&bea).await;
    only(&app, &bea).await.has(json!({ "status": "active" }));
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn each_period_is_refunded_for_itself() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let (_, shop) = days(&app, 32, bea, shop).await;
    for (n, order) in orders_of(&app, &shop).await.iter().enumerate() {
        let mut body = json!({ "order_id": order["id"] });
        if n == 0 {
            body["amount"] = json!(400);
        }
        app.post("/v1/refunds", body)
            .by(&shop.owner)
            .expect(201)
            .await;
    }
    app.settle().await;
    let orders = orders_of(&app, &shop).await;
    orders[0].has(json!({ "status": "paid", "amount_refunded": 400 }));
    orders[1].has(json!({ "amount_refunded": 900 }));
    for order in &orders {
        let refunds = app.refunds(&shop, &text(order, "id")).await;
        assert_eq!(refunds.len(), 1);
        assert!(
            text(&refunds[0], "stripe_refund").starts_with("re_"),
            "{refunds:?}"
        );
    }
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn whoever_came_too_late_gets_their_money_back_and_no_subscription() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (bea, sam) = (app.member("bea").await, app.member("sam").await);
    let box_of_tea = app.product(&shop, 900, Some(1)).await;
    let price = app.price(&shop, &box_of_tea, 900).await;
    let first = subscribe(&app, &bea, &price, 1).await;
    let late = subscribe(&app, &sam, &price, 1).await;
    for checkout in [&first, &late] {
        app.pay(checkout).await;
        app.settle().await;
    }
    only(&app, &bea).await.has(json!({ "status": "active" }));
    let ended = only(&app, &sam).await;
    ended.has(json!({ "status": "canceled", "order_id": late.order }));
    access(&app, &sam, &ended)
        .await
        .has(json!({ "entitled": false, "reason": "ended" }));
    let due = "orders WHERE refund_reason = 'oversold'";
    assert_eq!(app.count(due).await, 1);
    let (_, shop) = days(&app, 35, bea, shop).await;
    let orders = orders_of(&app, &shop).await;
    assert_eq!(
        orders.len(),
        3,
        "two of the first, one of the other: {orders:?}"
    );
    let refunds = app.refunds(&shop, &late.order).await;
    assert_eq!(refunds.len(), 1);
    refunds[0].has(json!({ "amount": 900 }));
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn an_invoice_with_a_copied_mark_waits_for_nothing() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    let checkout = subscribe(&app, &bea, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    app.advance(31 * DAY).await;
    app.advance(DAY).await;
    let events = app.intercept().await;
    let paid = events.iter().find(|event| event["type"] == "invoice.paid");
    let mut forged = paid.expect("a renewal").clone();
    forged["id"] = json!("evt_forged");
    let invoice = &mut forged["data"]["object"];
    invoice["id"] = json!("in_forged");
    invoice["parent"]["subscription_details"]["subscription"] = json!("sub_forged");
    assert_eq!(app.deliver(&forged).await, "ignored");
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 2);
    let payments = "payments WHERE stripe_object = 'in_forged'";
    assert_eq!(app.count(payments).await, 0);
}
