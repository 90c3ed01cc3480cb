//! Refunds by line, their preview, and what Stripe says of those that are under way.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, text};

async fn ask(app: &TestApp, shop: &Shop, body: Value) -> Value {
    let asked = app.post("/v1/refunds", body).by(&shop.owner);
    asked.expect(201).await
}

async fn preview(app: &TestApp, shop: &Shop, body: Value) -> Value {
    let asked = app.post("/v1/refunds/preview", body).by(&shop.owner);
    asked.expect(200).await
}

async fn lines(app: &TestApp, checkout: &Checkout) -> Vec<String> {
    let order = app.order(checkout).await;
    let lines = order["lines"].as_array().expect("lines").iter();
    lines.map(|line| text(line, "id")).collect()
}

fn of(checkout: &Checkout, lines: &[(&String, i64)]) -> Value {
    let lines = lines.iter();
    let lines =
        lines.map(|(line, quantity)| json!({ "order_line_id": line, "quantity": quantity }));
    json!({ "order_id": checkout.order, "lines": lines.collect::<Vec<_>>() })
}

/// Three lamps at 3.33 and two vases at 10.00, a tenth off: 26.99 were paid.
async fn discounted(app: &TestApp) -> (Shop, Checkout, Vec<String>) {
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "TENTH", 10).await;
    let lamp = app.product(&shop, 333, Some(10)).await;
    let vase = app.product(&shop, 1000, Some(10)).await;
    // Covers Stripe's fees.
    app.sale(&vase).await;
    let checkout = app.checkout_of(&[(&lamp, 3), (&vase, 2)]).await;
    app.pay_with_code(&checkout, "TENTH").await;
    app.settle().await;
    let lines = lines(app, &checkout).await;
    assert_eq!(app.order(&checkout).await["amount_total"], 2699);
    (shop, checkout, lines)
}

/// What the platform has kept of the order's fee, by the fee itself at Stripe.
async fn fee_at_stripe(app: &TestApp, checkout: &Checkout) -> i64 {
    let charge = format!(
        "SELECT charge AS it FROM payments WHERE id = '{}'",
        checkout.payment
    );
    let charge: String = app.query(&charge).await;
    let fees = app
        .platform_api("GET", "/application_fees", &[("charge", &charge)])
        .await;
    let fee = &fees["data"][0];
    fee["amount"].as_i64().expect("an amount") - fee["amount_refunded"].as_i64().expect("an amount")
}

#[tokio::test]
async fn units_cost_what_was_paid_for_them_to_the_cent_over_any_series() {
    let app = TestApp::start().await;
    let (shop, checkout, lines) = discounted(&app).await;
    let mut sum = 0;
    for units in [
        vec![(&lines[0], 1)],
        vec![(&lines[1], 1), (&lines[0], 1)],
        vec![(&lines[0], 1)],
        vec![(&lines[1], 1)],
    ] {
        let body = of(&checkout, &units);
        let told = preview(&app, &shop, body.clone()).await;
        let kept = fee_at_stripe(&app, &checkout).await;
        let refund = ask(&app, &shop, body).await;
        assert_eq!(told["amount"], refund["amount"]);
        refund.has(json!({ "restock": false }));
        assert_eq!(
            refund["lines"].as_array().expect("lines").len(),
            units.len()
        );
        let costs = told["lines"].as_array().expect("lines").iter();
        let costs: i64 = costs
            .map(|line| line["amount"].as_i64().expect("a cost"))
            .sum();
        assert_eq!(told["amount"], costs);
        app.settle().await;
        let returned = kept - fee_at_stripe(&app, &checkout).await;
        assert_eq!(told["application_fee_refunded"], returned, "{told}");
        sum += costs;
    }
    assert_eq!(sum, 2699);
    app.order(&checkout)
        .await
        .has(json!({ "status": "refunded", "amount_refunded": 2699, "application_fee_amount": 0 }));
    assert_eq!(
        app.count("stock_movements WHERE reason = 'returned'").await,
        0
    );
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn more_than_was_bought_or_is_left_is_refused_by_its_line() {
    let app = TestApp::start().await;
    let (shop, checkout, lines) = discounted(&app).await;
    let refused = async |body: Value, code: &str, param: &str| {
        for path in ["/v1/refunds", "/v1/refunds/preview"] {
            let refused = app.post(path, body.clone()).by(&shop.owner);
            let problem = refused.refused(409, code).await;
            assert_eq!(problem["param"], param, "{problem}");
        }
    };
    let too_many = of(&checkout, &[(&lines[0], 1), (&lines[1], 3)]);
    refused(too_many, "refund_exceeds_bought", "lines[1].quantity").await;
    ask(&app, &shop, of(&checkout, &[(&lines[1], 2)])).await;
    let again = of(&checkout, &[(&lines[1], 1)]);
    refused(again, "refund_exceeds_bought", "lines[0].quantity").await;
    app.settle().await;
    // Of what the lamps cost a part went back as an amount.
    ask(
        &app,
        &shop,
        json!({ "order_id": checkout.order, "amount": 100 }),
    )
    .await;
    app.settle().await;
    let all = of(&checkout, &[(&lines[0], 3)]);
    refused(all, "refund_exceeds_paid", "lines").await;
    // A refund that fails frees its units.
    let rows = app.refunds(&shop, &checkout.order).await;
    let vases = rows
        .iter()
        .find(|row| row["amount"] == 1800)
        .expect("the vases");
    let path = format!("/refunds/{}/fail", text(vases, "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    ask(&app, &shop, of(&checkout, &[(&lines[1], 2)])).await;
    app.settle().await;
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_preview_tells_the_balance_that_results_and_stores_nothing() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.sale(&lamp).await;
    let body = json!({ "order_id": checkout.order });
    let told = preview(&app, &shop, body.clone()).await;
    told.has(json!({
        "object": "refund_preview", "amount": 2500, "amount_left": 0, "funded_by": "seller",
        "application_fee_refunded": 250, "lines": [],
    }));
    let balance = &told["balance"];
    let number = |name: &str| balance[name].as_i64().expect("an amount");
    assert_eq!(
        number("after"),
        number("available") + number("pending") - 2500 + 250
    );
    assert!(number("after") < 0, "Stripe keeps its fee: {balance}");
    let warnings = told["warnings"].to_string();
    assert!(warnings.contains("negative"), "{warnings}");
    let part = json!({ "order_id": checkout.order, "amount": 100 });
    let told = preview(&app, &shop, part).await;
    assert!(!told["warnings"].to_string().contains("negative"), "{told}");
    for kind in [FaultKind::TimeoutBeforeCommit] {
        app.fault("GET", "/v1/balance", kind, None).await;
    }
    let told = preview(&app, &shop, body).await;
    told.has(json!({ "balance": null, "amount": 2500 }));
    app.simulator.clear_faults().await;
    assert_eq!(app.count("refunds").await, 0);
    let buyer = app.post("/v1/refunds/preview", json!({ "order_id": "ord_none" }));
    buyer.by(&shop.owner).refused(404, "not_found").await;
}

#[tokio::test]
async fn a_refund_that_waits_says_what_for_and_what_helps() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let first = app.sale(&lamp).await;
    let second = app.sale(&lamp).await;
    // The balance doesn't suffice for both, since Stripe keeps its fees.
    for checkout in [&first, &second] {
        ask(&app, &shop, json!({ "order_id": checkout.order })).await;
        app.settle().await;
    }
    let rows = app.refunds(&shop, &second.order).await;
    rows[0].has(json!({ "status": "pending", "pending_reason": "insufficient_funds" }));
    assert!(
        text(&rows[0], "pending_help").contains("balance"),
        "{rows:?}"
    );
    app.sale(&lamp).await;
    app.advance(3 * 86_400).await;
    app.settle().await;
    let owner = app.login(&shop.owner).await;
    let path = format!("/v1/refunds/{}", text(&rows[0], "id"));
    let now = app.get(path).by(&owner).expect(200).await;
    now.has(json!({ "status": "succeeded", "pending_reason": null, "pending_help": null }));
}

#[tokio::test]
async fn only_a_refund_that_waits_for_the_buyer_is_canceled_and_its_money_can_go_back_again() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    // Its refunds are pending at first.
    app.pay_with(&checkout, json!({ "card": "4000000000007726" }))
        .await;
    app.settle().await;
    let email = "buyer@example.com";
    let body = json!({ "order_id": checkout.order, "amount": 1000, "instructions_email": email });
    let refund = ask(&app, &shop, body).await;
    let path = format!("/v1/refunds/{}/cancel", text(&refund, "id"));
    let cancel = || app.post(&path, json!({})).by(&shop.owner);
    cancel().refused(409, "refund_not_cancelable").await;
    app.settle().await;
    cancel().refused(409, "refund_not_cancelable").await;
    let rows = app.refunds(&shop, &checkout.order).await;
    let stripes = text(&rows[0], "stripe_refund");
    let waits = format!("/refunds/{stripes}/require_action");
    app.simulate(&waits, json!({})).await;
    app.settle().await;
    let rows = app.refunds(&shop, &checkout.order).await;
    rows[0].has(json!({ "status": "requires_action", "instructions_email": email }));
    assert!(text(&rows[0], "pending_help").contains("buyer"), "{rows:?}");
    let stripes_path = format!("/v1/refunds/{stripes}/cancel");
    app.fault("POST", &stripes_path, FaultKind::TimeoutBeforeCommit, None)
        .await;
    cancel().refused(503, "stripe_unavailable").await;
    app.simulator.clear_faults().await;
    for _ in 0..2 {
        cancel()
            .expect(200)
            .await
            .has(json!({ "status": "canceled" }));
    }
    app.settle().await;
    assert_eq!(
        app.count("audit_log WHERE action = 'refund.canceled'")
            .await,
        1
    );
    app.order(&checkout)
        .await
        .has(json!({ "status": "paid", "amount_refunded": 0 }));
    let rest = ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    rest.has(json!({ "amount": 2500 }));
    app.settle().await;
    let rows = app.refunds(&shop, &checkout.order).await;
    let pending = rows
        .iter()
        .find(|row| row["amount"] == 2500)
        .expect("the rest");
    pending.has(json!({ "status": "pending", "pending_reason": "processing" }));
    app.simulate(
        &format!("/refunds/{}/succeed", text(pending, "stripe_refund")),
        json!({}),
    )
    .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, vec![]);
}
