//! Goods that come back to stock: with a free order that is cancelled, and with a refund that has succeeded.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, on_postgres, text};

/// A guest has bought these by a code that takes all of it off.
async fn free_sale(app: &TestApp, lines: &[(&str, i64)]) -> Checkout {
    let checkout = app.checkout_of(lines).await;
    app.pay_with(&checkout, json!({ "promotion_code": "FREE" }))
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_total": 0 }));
    checkout
}

/// A guest has bought these and paid. Stripe's fees of its refund are covered by another sale.
async fn sale_of(app: &TestApp, lines: &[(&str, i64)]) -> Checkout {
    let other = app.checkout_of(&[(lines[0].0, 1)]).await;
    let checkout = app.checkout_of(lines).await;
    for one in [&other, &checkout] {
        app.pay(one).await;
    }
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    checkout
}

async fn ask(app: &TestApp, shop: &Shop, body: Value) -> Value {
    let asked = app.post("/v1/refunds", body).by(&shop.owner);
    asked.expect(201).await
}

/// The ids of an order's lines.
async fn lines(app: &TestApp, checkout: &Checkout) -> Vec<String> {
    let order = app.order(checkout).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    lines.map(|line| text(line, "id")).collect()
}

async fn returned(app: &TestApp, checkout: &Checkout) -> Vec<i64> {
    let order = app.order(checkout).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    let back = lines.map(|line| line["quantity_returned"].as_i64().expect("units"));
    back.collect()
}

fn wanted(line: &str, quantity: i64) -> Value {
    json!({ "order_line_id": line, "quantity": quantity })
}

#[tokio::test]
async fn a_free_order_is_cancelled_by_whoever_is_concerned_and_its_goods_come_back_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "FREE", 100).await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let endless = app.product(&shop, 100, None).await;
    let admin = app.admin().await;
    for who in ["buyer", "seller", "admin"] {
        let sold = free_sale(&app, &[(&lamp, 2), (&endless, 3)]).await;
        assert_eq!(app.stock(&lamp).await, 8);
        let path = format!("/v1/orders/{}/cancel", sold.order);
        let cancel = || {
            let call = app.post(&path, json!({ "reason": "Changed my mind" }));
            match who {
                "buyer" => call.with_secret(sold.secret.as_deref().expect("a guest's")),
                "seller" => call.by(&shop.owner),
                _ => call.by(&admin),
            }
        };
        let order = cancel().expect(200).await;
        order.has(
            json!({ "status": "cancelled", "cancel_reason": "Changed my mind", "amount_total": 0 }),
        );
        assert_eq!(app.stock(&lamp).await, 10);
        assert_eq!(returned(&app, &sold).await, [2, 3]);
        // Again, and the event of the payment again: nothing more comes back, and nothing is taken again.
        cancel().expect(200).await;
        app.verify(&sold).await;
        app.settle().await;
        assert_eq!(app.stock(&lamp).await, 10);
        let verified = app.verify(&sold).await;
        verified.has(json!({ "success": false, "status": "cancelled" }));
    }
    let path = format!("/v1/products/{endless}/stock_adjustments");
    let list = app.get(path).by(&shop.owner).expect(200).await;
    list["data"][0].has(json!({ "delta": 3, "reason": "returned" }));
    assert_eq!(
        app.count("stock_movements WHERE reason = 'returned'").await,
        6
    );
}

#[tokio::test]
async fn an_order_that_was_fulfilled_or_cost_something_is_not_cancelled() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "FREE", 100).await;
    app.percent_off(&shop, "HALF", 50).await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let sold = free_sale(&app, &[(&lamp, 1)]).await;
    let path = format!("/v1/orders/{}/fulfil", sold.order);
    app.post(path, json!({})).by(&shop.owner).expect(200).await;
    let path = format!("/v1/orders/{}/cancel", sold.order);
    let fulfilled = app.post(path, json!({})).by(&shop.owner);
    fulfilled.refused(409, "order_fulfilled").await;
    let half = app.checkout(&lamp).await;
    app.pay_with(&half, json!({ "promotion_code": "HALF" }))
        .await;
    app.settle().await;
    let path = format!("/v1/orders/{}/cancel", half.order);
    let paid = app.post(path, json!({})).by(&shop.owner);
    paid.refused(409, "order_already_paid").await;
    assert_eq!(app.stock(&lamp).await, 8);
    assert_eq!(app.order(&sold).await["status"], "paid");
}

#[tokio::test]
async fn a_refund_brings_its_goods_back_when_it_succeeds_and_only_then_and_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let endless = app.product(&shop, 100, None).await;
    let sold = sale_of(&app, &[(&lamp, 2), (&endless, 3)]).await;
    assert_eq!(app.stock(&lamp).await, 7);
    let refund = ask(
        &app,
        &shop,
        json!({ "order_id": sold.order, "restock": true }),
    )
    .await;
    refund.has(json!({ "restock": true, "status": "requested" }));
    assert_eq!(refund["lines"].as_array().expect("lines").len(), 2);
    assert_eq!(app.stock(&lamp).await, 7, "not before it has succeeded");
    app.run_jobs().await;
    // Stripe's events come more than once.
    let events = app.intercept().await;
    for event in events.iter().chain(&events) {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 9);
    assert_eq!(returned(&app, &sold).await, [2, 3]);
    assert_eq!(app.count("order_events WHERE kind = 'restocked'").await, 1);

    // It fails after all: the goods stay, and no later refund brings them once more.
    let refunds = app.refunds(&shop, &sold.order).await;
    let path = format!("/refunds/{}/fail", text(&refunds[0], "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    app.order(&sold).await.has(json!({ "status": "paid" }));
    assert_eq!(app.stock(&lamp).await, 9);
    let again = json!({ "order_id": sold.order, "restock": true });
    let problem = app
        .post("/v1/refunds", again)
        .by(&shop.owner)
        .refused(409, "restock_exceeds_sold")
        .await;
    assert_eq!(problem["param"], "restock");
    ask(&app, &shop, json!({ "order_id": sold.order })).await;
    app.settle().await;
    assert_eq!(app.order(&sold).await["status"], "refunded");
    assert_eq!(app.stock(&lamp).await, 9);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn lines_that_were_not_sold_so_are_refused_by_their_names() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let vase = app.product(&shop, 900, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 3), (&vase, 1)]).await;
    let other = sale_of(&app, &[(&lamp, 1)]).await;
    let (ids, foreign) = (lines(&app, &sold).await, lines(&app, &other).await);
    let body = |lines: Value| json!({ "order_id": sold.order, "amount": 100, "restock": true, "lines": lines });
    for (wrong, status, code, param) in [
        (
            body(json!([wanted(&ids[0], 4)])),
            409,
            "restock_exceeds_sold",
            "lines[0].quantity",
        ),
        (
            body(json!([wanted(&ids[1], 1), wanted(&ids[0], 4)])),
            409,
            "restock_exceeds_sold",
            "lines[1].quantity",
        ),
        (
            body(json!([wanted(&foreign[0], 1)])),
            404,
            "not_found",
            "lines[0].order_line_id",
        ),
        (
            body(json!([wanted(&ids[0], 1), wanted(&ids[0], 1)])),
            422,
            "invalid_request",
            "lines[1].order_line_id",
        ),
        (
            json!({ "order_id": sold.order, "amount": 100, "restock": true }),
            422,
            "invalid_request",
            "lines",
        ),
    ] {
        let refused = app.post("/v1/refunds", wrong).by(&shop.owner);
        let problem = refused.refused(status, code).await;
        assert_eq!(problem["param"], param);
    }
    assert_eq!(app.count("refunds").await, 0, "nothing is half written");
}

#[tokio::test]
async fn units_come_back_by_line_and_never_more_than_were_sold() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let vase = app.product(&shop, 900, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 3), (&vase, 1)]).await;
    sale_of(&app, &[(&lamp, 1)]).await;
    let ids = lines(&app, &sold).await;
    let before = (app.stock(&lamp).await, app.stock(&vase).await);
    assert_eq!(before, (json!(4), json!(9)));
    let body = |lines: Value| json!({ "order_id": sold.order, "amount": 100, "restock": true, "lines": lines });
    ask(&app, &shop, body(json!([wanted(&ids[0], 2)]))).await;
    // Two are promised to that refund, so one is left.
    let refused = app.post("/v1/refunds", body(json!([wanted(&ids[0], 2)])));
    refused
        .by(&shop.owner)
        .refused(409, "restock_exceeds_sold")
        .await;
    app.settle().await;
    assert_eq!(returned(&app, &sold).await, [2, 0]);
    let rest = ask(
        &app,
        &shop,
        json!({ "order_id": sold.order, "restock": true }),
    )
    .await;
    let mut rest = rest["lines"].as_array().expect("lines").clone();
    rest.sort_by_key(|line| text(line, "order_line_id"));
    let mut left = vec![wanted(&ids[0], 1), wanted(&ids[1], 1)];
    left.sort_by_key(|line| text(line, "order_line_id"));
    assert_eq!(rest, left);
    app.settle().await;
    assert_eq!(returned(&app, &sold).await, [3, 1]);
    let after = (app.stock(&lamp).await, app.stock(&vase).await);
    assert_eq!(after, (json!(7), json!(10)));
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_refund_that_never_succeeds_brings_nothing_unless_the_buyer_is_paid_otherwise() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 2)]).await;
    let path = format!("/accounts/{}/deauthorize", shop.account);
    let refund = ask(
        &app,
        &shop,
        json!({ "order_id": sold.order, "restock": true }),
    )
    .await;
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let id = text(&refund, "id");
    let path = format!("/v1/refunds/{id}");
    let blocked = app.get(&path).by(&shop.owner).expect(200).await;
    blocked.has(json!({ "status": "blocked", "restock": true }));
    assert_eq!(app.stock(&lamp).await, 7);
    let settle = format!("/v1/refunds/{id}/settle_outside_stripe");
    for _ in 0..2 {
        app.post(&settle, json!({ "note": "By bank transfer" }))
            .by(&shop.owner)
            .expect(200)
            .await;
        assert_eq!(app.stock(&lamp).await, 9);
    }
}

#[tokio::test]
async fn an_order_that_was_never_sold_has_nothing_to_bring_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let late = app.checkout(&lamp).await;
    app.sale(&lamp).await;
    app.pay(&late).await;
    app.settle().await;
    assert_eq!(app.order(&late).await["status"], "refunded");
    let refunds = app.refunds(&shop, &late.order).await;
    let path = format!("/refunds/{}/fail", text(&refunds[0], "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let body = json!({ "order_id": late.order, "restock": true });
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .refused(409, "restock_exceeds_sold")
        .await;
    assert_eq!(app.stock(&lamp).await, 0);
}

#[tokio::test]
async fn two_refunds_at_once_bring_a_unit_back_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 1)]).await;
    let line = lines(&app, &sold).await.remove(0);
    let body = json!({ "order_id": sold.order, "amount": 100, "restock": true, "lines": [wanted(&line, 1)] });
    let ask = || async {
        app.post("/v1/refunds", body.clone())
            .by(&shop.owner)
            .await
            .status
    };
    let (a, b) = tokio::join!(ask(), ask());
    let mut statuses = [a, b];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 9);
}

#[tokio::test]
async fn a_free_order_is_fulfilled_or_cancelled_but_not_both() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "FREE", 100).await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    for _ in 0..3 {
        let sold = free_sale(&app, &[(&lamp, 1)]).await;
        let ask = async |what: &str| {
            let path = format!("/v1/orders/{}/{what}", sold.order);
            app.post(path, json!({})).by(&shop.owner).await.status
        };
        let (fulfil, cancel) = tokio::join!(ask("fulfil"), ask("cancel"));
        assert!(
            matches!((fulfil, cancel), (200, 409) | (409, 200)),
            "{fulfil} {cancel}"
        );
        let order = app.order(&sold).await;
        let is_cancelled = order["status"] == "cancelled";
        assert_eq!(is_cancelled, order["fulfilled_at"].is_null());
        assert_eq!(is_cancelled, returned(&app, &sold).await == [1]);
        app.settle().await;
    }
}

#[tokio::test]
async fn goods_that_are_back_come_no_second_time_with_the_refund_that_brought_them() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "FREE", 100).await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 3)]).await;
    let line = lines(&app, &sold).await.remove(0);
    let body = json!({ "order_id": sold.order, "amount": 100, "restock": true, "lines": [wanted(&line, 1)] });
    let id = text(&ask(&app, &shop, body).await, "id");
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 7);
    // The refund fails later, and is settled in another way: its unit is back already, though others are out.
    let refunds = app.refunds(&shop, &sold.order).await;
    let path = format!("/refunds/{}/fail", text(&refunds[0], "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    let settle = format!("/v1/refunds/{id}/settle_outside_stripe");
    let note = json!({ "note": "By bank transfer" });
    app.post(settle, note).by(&shop.owner).expect(200).await;
    assert_eq!(app.stock(&lamp).await, 7);
    assert_eq!(returned(&app, &sold).await, [1]);

    // The database holds that, too, for a refund and for a cancellation, whatever statement is tried.
    let free = free_sale(&app, &[(&lamp, 1)]).await;
    let path = format!("/v1/orders/{}/cancel", free.order);
    app.post(path, json!({})).by(&shop.owner).expect(200).await;
    let insert = match on_postgres() {
        true => "INSERT",
        false => "INSERT OR REPLACE",
    };
    for which in ["refund_id IS NOT NULL", "refund_id IS NULL"] {
        let columns =
            "id, product_id, delta, reason, returned_line_id, refund_id, actor, created_at";
        let sql = format!(
            "{insert} INTO stock_movements ({columns})
             SELECT 'x', product_id, 9, reason, returned_line_id, refund_id, actor, 9 FROM stock_movements
             WHERE returned_line_id IS NOT NULL AND {which}"
        );
        assert!(app.try_sql(&sql).await.is_err(), "{which}");
    }
    assert_eq!(
        app.count("stock_movements WHERE reason = 'returned'").await,
        2
    );
}

#[tokio::test]
async fn a_refund_that_waits_or_fails_at_once_brings_nothing_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(10)).await;
    let sold = sale_of(&app, &[(&lamp, 2)]).await;
    let body = json!({ "order_id": sold.order, "restock": true });
    ask(&app, &shop, body).await;
    // Stripe makes it, and only its events say so.
    let (method, path) = ("POST", "/v1/refunds");
    app.fault(method, path, FaultKind::CommitThenTimeout, Some(3))
        .await;
    app.run_jobs().await;
    let mut told = app.pending_one("refund.created").await;
    app.intercept().await;
    for status in ["pending", "requires_action", "failed", "succeeded"] {
        told["id"] = json!(format!("evt_{status}"));
        told["data"]["object"]["status"] = json!(status);
        app.deliver(&told).await;
        assert_eq!(app.stock(&lamp).await, 7, "{status}");
    }
    app.advance(5).await;
    app.settle().await;
    app.order(&sold).await.has(json!({ "status": "paid" }));
    assert_eq!(app.stock(&lamp).await, 7);
}
