//! Payments of several orders. No route makes them yet; their rows are made here, and pass through everything that exists.

use serde_json::{Value, json};

use crate::harness::{Checkout, Has, Shop, TestApp, text};

/// One payment of one session for three orders.
pub struct Cart {
    /// By the orders' ids, all with the one session and payment.
    pub orders: [Checkout; 3],
}

impl Cart {
    pub fn session(&self) -> &Checkout {
        &self.orders[0]
    }
}

/// Three orders, of two pieces of each product, with one payment. The fee is a tenth.
pub async fn cart(app: &TestApp, shop: &Shop, products: [(&str, i64); 3]) -> Cart {
    cart_with(app, shop, products, "automatic").await
}

/// As `cart`, with a capture method.
pub async fn cart_with(
    app: &TestApp,
    shop: &Shop,
    products: [(&str, i64); 3],
    capture_method: &str,
) -> Cart {
    let mut orders = Vec::new();
    for (product, _) in products {
        orders.push(app.checkout_of(&[(product, 2)]).await);
        // Ids of the same moment are in no order.
        app.advance(1).await;
    }
    app.settle().await;
    let total: i64 = products.iter().map(|(_, price)| 2 * price).sum();
    let (amount, fee) = (total.to_string(), (total / 10).to_string());
    let form = [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", amount.as_str()),
        ("line_items[0][price_data][product_data][name]", "A cart"),
        ("line_items[0][quantity]", "1"),
        ("allow_promotion_codes", "true"),
        ("payment_intent_data[application_fee_amount]", fee.as_str()),
        ("payment_intent_data[capture_method]", capture_method),
        ("success_url", "http://shop.test/"),
    ];
    let session = app
        .stripe_api("POST", "/checkout/sessions", &shop.account, &form)
        .await;
    let session = text(&session, "id");
    let payment = orders[0].payment.clone();
    for checkout in &orders {
        app.sql(&format!(
            "DELETE FROM payment_orders WHERE order_id = '{}'",
            checkout.order
        ))
        .await;
        if checkout.payment != payment {
            app.sql(&format!(
                "DELETE FROM payments WHERE id = '{}'",
                checkout.payment
            ))
            .await;
        }
    }
    app.sql(&format!(
        "UPDATE payments SET stripe_object = '{session}', amount_subtotal = {total}, application_fee = {fee}, \
             capture_method = '{capture_method}' \
         WHERE id = '{payment}'"
    ))
    .await;
    for (checkout, (_, price)) in orders.iter_mut().zip(products) {
        let order = &checkout.order;
        let (subtotal, fee) = (2 * price, 2 * price / 10);
        app.sql(&format!(
            "INSERT INTO payment_orders (payment_id, order_id, amount_subtotal, application_fee) \
             VALUES ('{payment}', '{order}', {subtotal}, {fee})"
        ))
        .await;
        checkout.id.clone_from(&session);
        checkout.payment.clone_from(&payment);
    }
    orders.sort_by(|a, b| a.order.cmp(&b.order));
    let orders = <[Checkout; 3]>::try_from(orders);
    let orders = orders.unwrap_or_else(|_| panic!("three orders"));
    Cart { orders }
}

/// The orders' states, with what was paid and what went back.
async fn states(app: &TestApp, cart: &Cart) -> Vec<(String, Value, Value)> {
    let mut states = Vec::new();
    for checkout in &cart.orders {
        let order = app.order(checkout).await;
        let amounts = (
            order["amount_total"].clone(),
            order["amount_refunded"].clone(),
        );
        states.push((text(&order, "status"), amounts.0, amounts.1));
    }
    states
}

fn state(status: &str, paid: i64, refunded: i64) -> (String, Value, Value) {
    (status.to_owned(), json!(paid), json!(refunded))
}

async fn refund(app: &TestApp, shop: &Shop, body: Value) -> Value {
    let made = app.post("/v1/refunds", body).by(&shop.owner).expect(201);
    let made = made.await;
    app.settle().await;
    made
}

/// A cart of 1000, 3500 and 500, paid. Of the second's product only one piece is left.
async fn with_one_sold_out(app: &TestApp) -> (Shop, Cart, [String; 3]) {
    let shop = app.shop("mira").await;
    let products = [
        app.product(&shop, 500, Some(5)).await,
        app.product(&shop, 1750, Some(2)).await,
        app.product(&shop, 250, None).await,
    ];
    // Covers Stripe's fees.
    app.sale(&products[0]).await;
    let priced = [
        (products[0].as_str(), 500),
        (&products[1], 1750),
        (&products[2], 250),
    ];
    let cart = cart(app, &shop, priced).await;
    app.sale(&products[1]).await;
    app.pay(cart.session()).await;
    app.settle().await;
    (shop, cart, products)
}

#[tokio::test]
async fn one_order_is_sold_out_one_is_refunded_in_part_and_each_keeps_its_own_share() {
    let app = TestApp::start().await;
    let (shop, cart, products) = with_one_sold_out(&app).await;
    let paid = [
        state("paid", 1000, 0),
        state("refunded", 3500, 3500),
        state("paid", 500, 0),
    ];
    assert_eq!(states(&app, &cart).await, paid);
    assert_eq!(app.stock(&products[0]).await, 2);
    assert_eq!(app.stock(&products[1]).await, 1);
    let back = app.refunds(&shop, &cart.orders[1].order).await;
    assert_eq!(back.len(), 1);
    back[0].has(json!({ "amount": 3500, "origin": "oversold", "status": "succeeded" }));
    assert!(app.refunds(&shop, &cart.orders[0].order).await.is_empty());

    let order = &cart.orders[0].order;
    refund(&app, &shop, json!({ "order_id": order, "amount": 400 })).await;
    let too_much = json!({ "order_id": order, "amount": 601 });
    let said = app.post("/v1/refunds", too_much).by(&shop.owner);
    let said = said.refused(409, "refund_exceeds_paid").await;
    assert!(text(&said, "detail").contains("6.00 USD"), "{said}");
    refund(&app, &shop, json!({ "order_id": cart.orders[2].order })).await;
    let after = [
        state("paid", 1000, 400),
        state("refunded", 3500, 3500),
        state("refunded", 500, 500),
    ];
    assert_eq!(states(&app, &cart).await, after);
    let fees: Vec<Value> = [
        app.order(&cart.orders[0]).await,
        app.order(&cart.orders[1]).await,
        app.order(&cart.orders[2]).await,
    ]
    .map(|order| order["application_fee_amount"].clone())
    .into();
    // Of the fee of 500, 440 went back with 4400 of 5000; what is left is shared as it was asked for.
    assert_eq!(fees, [json!(12), json!(42), json!(6)]);
    let verified = app.verify(cart.session()).await;
    verified.has(json!({ "success": true, "status": "paid" }));
    assert!(text(&verified, "message").starts_with("A part of what you ordered"));
    let orders = verified["orders"].as_array().expect("orders").iter();
    let said: Vec<_> = orders
        .map(|one| (text(one, "status"), text(one, "message")))
        .collect();
    let sold_out = "It sold out before your payment arrived. Your money has been refunded.";
    let expected = [
        ("paid", "The payment is confirmed."),
        ("refunded", sold_out),
        ("refunded", "The order has been refunded."),
    ];
    assert_eq!(said, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
    assert_eq!(app.open_findings().await, vec![]);
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    assert_eq!(app.open_findings().await, vec![]);
    // Each refund's transaction carries its order; the charge's is of all three.
    let of = |order: &str| format!("balance_transactions WHERE order_id = '{order}'");
    for (checkout, refunds) in cart.orders.iter().zip([1, 1, 1]) {
        assert_eq!(
            app.count(&of(&checkout.order)).await,
            refunds,
            "{}",
            checkout.order
        );
    }
}

#[tokio::test]
async fn a_discount_is_shared_by_the_largest_remainder() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let mut products = Vec::new();
    for price in [333, 1000, 51] {
        products.push((app.product(&shop, price, None).await, price));
    }
    app.percent_off(&shop, "TENTH", 10).await;
    let priced = [0, 1, 2].map(|n: usize| (products[n].0.as_str(), products[n].1));
    let cart = cart(&app, &shop, priced).await;
    app.pay_with(cart.session(), json!({ "promotion_code": "TENTH" }))
        .await;
    app.settle().await;
    let mut discounts = Vec::new();
    for checkout in &cart.orders {
        let order = app.order(checkout).await;
        let (subtotal, discount) = (&order["amount_subtotal"], &order["amount_discount"]);
        discounts.push((
            subtotal.as_i64(),
            discount.as_i64(),
            order["amount_total"].as_i64(),
        ));
    }
    let share = |subtotal, discount| (Some(subtotal), Some(discount), Some(subtotal - discount));
    assert_eq!(
        discounts,
        [share(666, 67), share(2000, 200), share(102, 10)]
    );
}

#[tokio::test]
async fn a_refund_made_at_stripe_is_borne_by_each_order_as_far_as_something_is_left() {
    let app = TestApp::start().await;
    let (shop, cart, _) = with_one_sold_out(&app).await;
    let intent = format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{}'",
        cart.session().payment
    );
    let intent: String = app.query(&intent).await;
    let at_stripe = async |amount: &str| {
        let form = [("payment_intent", intent.as_str()), ("amount", amount)];
        app.stripe_api("POST", "/refunds", &shop.account, &form)
            .await;
        app.settle().await;
    };
    at_stripe("100").await;
    let after = [
        state("paid", 1000, 67),
        state("refunded", 3500, 3500),
        state("paid", 500, 33),
    ];
    assert_eq!(states(&app, &cart).await, after);
    let kinds = "order_events WHERE kind = 'refund_succeeded'";
    assert_eq!(app.count(kinds).await, 3);
    at_stripe("1400").await;
    let after = [
        state("refunded", 1000, 1000),
        state("refunded", 3500, 3500),
        state("refunded", 500, 500),
    ];
    assert_eq!(states(&app, &cart).await, after);
    for checkout in &cart.orders {
        let body = json!({ "order_id": checkout.order });
        app.post("/v1/refunds", body)
            .by(&shop.owner)
            .refused(409, "already_refunded")
            .await;
    }
    // The list shows a refund under each of its orders.
    assert_eq!(app.refunds(&shop, &cart.orders[0].order).await.len(), 2);
    assert_eq!(app.refunds(&shop, &cart.orders[2].order).await.len(), 2);
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_failed_refund_is_owed_to_its_own_order_only() {
    let app = TestApp::start().await;
    let (shop, cart, _) = with_one_sold_out(&app).await;
    let back = app.refunds(&shop, &cart.orders[1].order).await;
    let stripes = text(&back[0], "stripe_refund");
    app.simulate(&format!("/refunds/{stripes}/fail"), json!({}))
        .await;
    app.settle().await;
    let failed = [
        state("paid", 1000, 0),
        state("refund_due", 3500, 0),
        state("paid", 500, 0),
    ];
    assert_eq!(states(&app, &cart).await, failed);
    let found: Vec<String> = app
        .open_findings()
        .await
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(found, ["refund_failed"]);
    // Money of another order makes nothing good.
    refund(&app, &shop, json!({ "order_id": cart.orders[0].order })).await;
    assert_eq!(app.open_findings().await.len(), 1);
    refund(&app, &shop, json!({ "order_id": cart.orders[1].order })).await;
    let after = [
        state("refunded", 1000, 1000),
        state("refunded", 3500, 3500),
        state("paid", 500, 0),
    ];
    assert_eq!(states(&app, &cart).await, after);
    assert_eq!(app.open_findings().await, vec![]);
}

/// The refund of the order that was sold out, failed; and the payment's intent.
async fn with_a_debt(app: &TestApp) -> (Shop, Cart, Value, String) {
    let (shop, cart, _) = with_one_sold_out(app).await;
    let back = app.refunds(&shop, &cart.orders[1].order).await;
    let failed = back[0].clone();
    let path = format!("/refunds/{}/fail", text(&failed, "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let intent = format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{}'",
        cart.session().payment
    );
    let intent = app.query(&intent).await;
    (shop, cart, failed, intent)
}

async fn refund_in_dashboard(app: &TestApp, shop: &Shop, intent: &str, amount: i64) {
    let amount = amount.to_string();
    let form = [("payment_intent", intent), ("amount", amount.as_str())];
    app.stripe_api("POST", "/refunds", &shop.account, &form)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn a_refund_in_the_dashboard_makes_an_orders_debt_good_only_by_its_part() {
    let app = TestApp::start().await;
    let (shop, cart, _, intent) = with_a_debt(&app).await;
    // 2800 and 3500 are owed to and paid for the order; together they return 4000, and 2800 of that is its own.
    for amount in [2500, 1500] {
        refund_in_dashboard(&app, &shop, &intent, amount).await;
    }
    assert_eq!(states(&app, &cart).await[1].2, json!(2800));
    let open: Vec<_> = app.open_findings().await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].0, "refund_failed");
    refund_in_dashboard(&app, &shop, &intent, 1000).await;
    assert_eq!(app.open_findings().await, vec![]);
    assert_eq!(states(&app, &cart).await[1], state("refunded", 3500, 3500));
}

#[tokio::test]
async fn what_went_back_twice_is_the_sum_of_what_each_order_got_too_much() {
    let app = TestApp::start().await;
    let (shop, cart, failed, intent) = with_a_debt(&app).await;
    let path = format!("/v1/refunds/{}/settle_outside_stripe", text(&failed, "id"));
    let settle = app.post(path, json!({ "note": "in cash" }));
    settle.by(&shop.owner).expect(200).await;
    // Somebody returns all in the dashboard. The order that was settled has nothing left, so the other two bear it.
    refund_in_dashboard(&app, &shop, &intent, 5000).await;
    let refunded = states(&app, &cart).await.into_iter().map(|(.., back)| back);
    let expected = [json!(3333), json!(0), json!(1667)];
    assert_eq!(refunded.collect::<Vec<_>>(), expected);
    let excess =
        "SELECT amount AS it FROM findings WHERE kind = 'returned_twice' AND state = 'open'";
    assert_eq!(app.query::<i64>(excess).await, 3333 - 1000 + 1667 - 500);
    let message = excess.replace("amount", "message");
    let message: String = app.query(&message).await;
    for (at, named) in [(0, true), (1, false), (2, true)] {
        assert_eq!(message.contains(&cart.orders[at].order), named, "{message}");
    }
}

#[tokio::test]
async fn a_dispute_of_a_cart_is_one_of_each_of_its_orders_and_holds_back_their_goods() {
    let app = TestApp::start().await;
    let (shop, cart, _) = with_one_sold_out(&app).await;
    let send = |checkout: &Checkout, body: Value| {
        let path = format!("/v1/orders/{}/shipments", checkout.order);
        app.post(path, body).by(&shop.owner)
    };
    let [first, sold_out, last] = &cart.orders;
    send(sold_out, json!({}))
        .refused(409, "order_not_paid")
        .await;
    send(first, json!({})).expect(201).await;
    let charge: String = app
        .query(&format!(
            "SELECT charge AS it FROM payments WHERE id = '{}'",
            cart.session().payment
        ))
        .await;
    let of_it = json!({ "amount": 1500 });
    app.simulate(&format!("/charges/{charge}/dispute"), of_it)
        .await;
    app.settle().await;
    for checkout in &cart.orders {
        let order = app.order(checkout).await;
        let disputes = order["disputes"].as_array().expect("disputes");
        assert_eq!(disputes.len(), 1, "{order}");
    }
    send(last, json!({})).refused(409, "order_disputed").await;
    send(last, json!({ "despite_dispute": true }))
        .expect(201)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn verify_shows_of_a_carts_orders_those_that_the_caller_may_read() {
    let app = TestApp::start().await;
    let (shop, cart, _) = with_one_sold_out(&app).await;
    let path = format!("/v1/checkout_sessions/{}/verify", cart.session().id);
    let ids = |verified: &Value| -> Vec<Value> {
        let orders = verified["orders"].as_array().expect("orders").iter();
        orders.map(|one| one["order"]["id"].clone()).collect()
    };
    let by_secret = |checkout: &Checkout| {
        let secret = checkout.secret.clone().expect("a guest's");
        app.post(&path, json!({})).with_secret(&secret)
    };
    let third = &cart.orders[2];
    let verified = by_secret(third).expect(200).await;
    assert_eq!(
        ids(&verified),
        [Value::Null, Value::Null, json!(third.order)]
    );
    assert_eq!(verified["order"]["id"], json!(third.order));
    let verified = app.post(&path, json!({})).by(&shop.owner).expect(200).await;
    let all = cart.orders.iter().map(|one| json!(one.order));
    assert_eq!(ids(&verified), all.collect::<Vec<_>>());
    let verified = app.post(&path, json!({})).expect(200).await;
    assert_eq!(ids(&verified), vec![Value::Null; 3]);
    assert_eq!(verified["order"], Value::Null);
}
