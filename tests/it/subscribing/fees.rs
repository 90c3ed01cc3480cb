//! The application fee of a subscription: a share of each invoice, a fixed part of each draft, and what goes back of either.

use serde_json::{Value, json};

use super::{HOUR, Scene, scene, scene_with};
use crate::harness::{Has, checkout_from};

impl Scene {
    /// What Stripe took as application fees and gave back, newest first.
    async fn fees(&self) -> Vec<(Value, Value)> {
        let list = self.app.platform_api("GET", "/application_fees", &[]).await;
        let fees = list["data"].as_array().expect("a list").iter();
        fees.map(|fee| (fee["amount"].clone(), fee["amount_refunded"].clone()))
            .collect()
    }

    /// Lets the period end. The invoice of the next one is a draft for an hour.
    async fn to_next_draft(&self) {
        let end: i64 = self
            .app
            .query("SELECT current_period_end AS it FROM subscriptions")
            .await;
        self.app.advance(end / 1000 - self.app.now() + 60).await;
    }
}

#[tokio::test]
async fn the_fixed_part_of_a_fee_is_taken_of_each_draft_and_not_of_the_first_invoice() {
    let mut scene = scene_with(&[("APPLICATION_FEE_FIXED", "30 usd")], None).await;
    let made = scene.subscribe().await;
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    assert_eq!(scene.fees().await, [(json!(90), json!(0))]);
    scene
        .order(&made)
        .await
        .has(json!({ "application_fee_amount": 90 }));
    scene.to_next_draft().await;
    scene.app.settle().await;
    scene.app.advance(2 * HOUR).await;
    scene.app.settle().await;
    scene.app.advance(2 * HOUR).await;
    scene.app.settle().await;
    assert_eq!(scene.fees().await[0], (json!(120), json!(0)));
    scene.days(0).await;
    scene.orders().await[0].has(json!({ "status": "paid", "application_fee_amount": 120 }));
    // Of a draft that is final before anybody could set it the share is taken alone.
    scene.days(35).await;
    assert_eq!(scene.fees().await[0], (json!(90), json!(0)));
    scene.orders().await[0].has(json!({ "status": "paid", "application_fee_amount": 90 }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn a_refund_of_a_subscriptions_payment_returns_its_share_of_what_was_taken() {
    let scene = scene_with(&[("APPLICATION_FEE_FIXED", "30 usd")], None).await;
    // It covers Stripe's fees, which stay with the refund.
    let lamp = scene.app.product(&scene.shop, 5000, None).await;
    scene.app.sale(&lamp).await;
    scene.app.percent_off(&scene.shop, "HALF", 50).await;
    let mut wish = scene.wish();
    wish["promotion_code"] = json!("half");
    let made = scene.subscribe_to(wish).await;
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    scene.order(&made).await.has(json!({
        "amount_subtotal": 900, "amount_discount": 450, "amount_total": 450, "application_fee_amount": 45,
    }));
    assert_eq!(scene.fees().await[0], (json!(45), json!(0)));
    let body = json!({ "order_id": made["order_id"] });
    let refund = scene.app.post("/v1/refunds", body).by(&scene.shop.owner);
    refund.expect(201).await;
    scene.app.settle().await;
    assert_eq!(scene.fees().await[0], (json!(45), json!(45)));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn a_code_that_is_typed_on_the_page_returns_nothing_of_a_share_that_followed_it() {
    let mut scene = scene(None).await;
    scene.app.percent_off(&scene.shop, "HALF", 50).await;
    let mut body = scene.wish();
    body["mode"] = json!("subscription");
    let opened = scene.app.post("/v1/checkout_sessions", body);
    let opened = opened.by(&scene.bea).expect(201).await;
    scene
        .app
        .pay_with_code(&checkout_from(&opened), "HALF")
        .await;
    scene.app.settle().await;
    assert_eq!(scene.fees().await, [(json!(45), json!(0))]);
    scene.days(0).await;
    scene
        .order(&opened)
        .await
        .has(json!({ "amount_total": 450, "application_fee_amount": 45 }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn what_the_share_of_a_first_invoice_took_too_much_goes_back() {
    let mut scene = scene(None).await;
    let isk = scene.app.product_in(&scene.shop, 4400, "isk", None).await;
    let price = scene.app.price(&scene.shop, &isk, 4400).await;
    let made = scene
        .subscribe_to(json!({ "lines": [{ "price_id": price, "quantity": 1 }] }))
        .await;
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    // Stripe knows no steps of a fee: a tenth of 44 crowns, of which the rule takes 4.
    assert_eq!(scene.fees().await, [(json!(440), json!(40))]);
    scene.days(0).await;
    scene
        .order(&made)
        .await
        .has(json!({ "application_fee_amount": 400 }));
    scene.books_are_equal().await;
}
