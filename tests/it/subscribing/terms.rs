//! Trials without a card, and anchors: what is to be paid before the first whole period.

use serde_json::{Value, json};

use super::{DAY, HOUR, scene};
use crate::harness::{Has, TestApp, checkout_from, text};

/// Ten days from now, as the API has it.
fn in_ten_days(app: &TestApp) -> Value {
    json!(souk_entity::Timestamp::from_seconds(app.now() + 10 * DAY))
}

#[tokio::test]
async fn the_time_before_an_anchor_costs_what_stripe_says_and_nothing_else() {
    let mut scene = scene(Some(2)).await;
    let mut wish = scene.wish();
    wish["billing_cycle_anchor"] = in_ten_days(&scene.app);
    let made = scene.subscribe_to(wish).await;
    let there = &scene.at_stripe().await[0];
    let path = format!("/invoices/{}", text(there, "latest_invoice"));
    let invoice = scene.app.stripe_api("GET", &path, &scene.shop.account, &[]);
    let total = invoice.await["total"].as_i64().expect("a total");
    assert!((285..=325).contains(&total), "ten days of a month: {total}");
    scene.confirm(&made, "pm_card_visa").await;
    let events = scene.app.intercept().await;
    let paid = events.iter().find(|event| event["type"] == "invoice.paid");
    let paid = paid.expect("it is paid");
    for wrong in [900, 1800, total - 1, total + 1] {
        let mut forged = paid.clone();
        forged["id"] = json!(format!("evt_forged_{wrong}"));
        let invoice = &mut forged["data"]["object"];
        for field in ["subtotal", "total", "amount_due", "amount_paid"] {
            invoice[field] = json!(wrong);
        }
        assert_eq!(scene.app.deliver(&forged).await, "ignored", "{wrong}");
    }
    let found = scene.app.open_findings().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "amount_mismatch");
    scene.order(&made).await.has(json!({ "status": "pending" }));
    for event in &events {
        scene.app.deliver(event).await;
    }
    scene.app.settle().await;
    scene.order(&made).await.has(json!({
        "status": "paid", "amount_subtotal": 900, "amount_total": total, "amount_discount": 900 - total,
    }));
    souk::payments::reread::review::review(&scene.app.app)
        .await
        .expect("looks again");
    assert_eq!(scene.app.open_findings().await, vec![]);
    scene.days(12).await;
    let orders = scene.orders().await;
    assert_eq!(orders.len(), 2, "{orders:?}");
    orders[0].has(json!({ "status": "paid", "amount_subtotal": 900, "amount_total": 900 }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn a_day_of_the_month_is_an_anchor_too() {
    let scene = scene(None).await;
    let mut wish = scene.wish();
    wish["billing_cycle_anchor_config"] = json!({ "day_of_month": 5, "hour": 9 });
    wish["proration_behavior"] = json!("create_prorations");
    let made = scene.subscribe_to(wish).await;
    let there = &scene.at_stripe().await[0];
    there["billing_cycle_anchor_config"].has(json!({ "day_of_month": 5, "hour": 9 }));
    scene.confirm(&made, "pm_card_visa").await;
    scene
        .verify(&made)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    let order = scene.order(&made).await;
    let (total, off) = (&order["amount_total"], &order["amount_discount"]);
    let sum = total.as_i64().expect("a total") + off.as_i64().expect("a discount");
    assert_eq!(sum, 900, "{order}");
    scene.app.settle().await;
    scene.books_are_equal().await;
}

#[tokio::test]
async fn a_session_with_an_anchor_costs_what_is_left_when_it_is_paid_or_nothing() {
    for proration in ["create_prorations", "none"] {
        let mut scene = scene(None).await;
        let mut body = scene.wish();
        body["mode"] = json!("subscription");
        body["billing_cycle_anchor"] = in_ten_days(&scene.app);
        body["proration_behavior"] = json!(proration);
        let opened = scene.app.post("/v1/checkout_sessions", body);
        let opened = opened.by(&scene.bea).expect(201).await;
        let checkout = checkout_from(&opened);
        scene.app.advance(12 * HOUR).await;
        scene.app.pay(&checkout).await;
        scene.app.settle().await;
        scene.bea = scene.app.login(&scene.bea).await;
        let order = scene.order(&opened).await;
        order.has(json!({ "status": "paid" }));
        let total = order["amount_total"].as_i64().expect("a total");
        match proration {
            "none" => assert_eq!((total, &order["amount_subtotal"]), (0, &json!(0))),
            // Nine and a half days of thirty or thirty-one.
            _ => {
                assert!((270..=290).contains(&total), "{total}");
                order.has(json!({ "amount_subtotal": 900, "amount_discount": 900 - total }));
            }
        }
        scene.days(11).await;
        let orders = scene.orders().await;
        assert_eq!(orders.len(), 2, "{orders:?}");
        orders[0].has(json!({ "status": "paid", "amount_total": 900 }));
        scene.books_are_equal().await;
    }
}

#[tokio::test]
async fn a_trial_without_a_card_ends_as_was_agreed() {
    for (agreed, status, by_session) in [
        ("cancel", "canceled", true),
        ("pause", "paused", true),
        ("create_invoice", "past_due", true),
        ("cancel", "canceled", false),
        ("pause", "paused", false),
        ("create_invoice", "past_due", false),
    ] {
        let mut scene = scene(None).await;
        let price = scene.with_trial().await;
        let mut body = json!({
            "lines": [{ "price_id": price, "quantity": 1 }],
            "trial_settings": { "end_behavior": { "missing_payment_method": agreed } },
        });
        if by_session {
            body["mode"] = json!("subscription");
            body["payment_method_collection"] = json!("if_required");
            let opened = scene.app.post("/v1/checkout_sessions", body);
            let opened = opened.by(&scene.bea).expect(201).await;
            scene.app.pay(&checkout_from(&opened)).await;
        } else {
            scene.subscribe_to(body).await;
        }
        scene.app.settle().await;
        let there = &scene.at_stripe().await[0];
        assert!(there["default_payment_method"].is_null(), "{there}");
        let begun = json!({ "id": there["id"] });
        scene
            .read(&begun)
            .await
            .has(json!({ "status": "trialing" }));
        scene.days(9).await;
        scene.read(&begun).await.has(json!({ "status": status }));
        assert_eq!(scene.orders().await.len(), 1, "{agreed}");
        scene.books_are_equal().await;
    }
}
