//! Pauses, renewals that are paid by hand, and what ends a subscription by itself.

use serde_json::json;
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, text};

/// A shop, a buyer, a product and its monthly price of 9.00.
async fn scene(app: &TestApp) -> (Shop, User, String, String) {
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let coffee = app.product(&shop, 900, None).await;
    let price = app.price(&shop, &coffee, 900).await;
    (shop, bea, coffee, price)
}

/// The shop has money, so that it can refund.
async fn with_money(app: &TestApp, shop: &Shop) {
    let lamp = app.product(shop, 50_000, None).await;
    app.sale(&lamp).await;
}

fn action(id: &str, action: &str) -> String {
    format!("/v1/subscriptions/{id}/{action}")
}

async fn books_are_right(app: &TestApp, shop: &Shop) {
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

/// What Stripe's invoice of a subscription came to.
async fn latest_total(app: &TestApp, shop: &Shop, buyer: &User, id: &str) -> i64 {
    let invoice = text(&app.subscription(buyer, id).await, "latest_invoice");
    let path = format!("/invoices/{invoice}");
    let invoice = app.stripe_api("GET", &path, &shop.account, &[]).await;
    invoice["total"].as_i64().expect("a total")
}

#[tokio::test]
async fn a_paused_subscription_entitles_nobody_and_is_paid_when_it_goes_on() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.days(15, &mut bea, &mut shop).await;
    let paused = app.post(action(&id, "pause"), json!({})).by(&bea);
    paused.expect(200).await.has(json!({ "status": "paused" }));
    app.post(action(&id, "pause"), json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(app.access_to(&bea, &id).await, "paused");
    let body = json!({ "items": [{ "quantity": 2 }] });
    app.post(action(&id, "change"), body)
        .by(&bea)
        .refused(409, "subscription_paused")
        .await;
    app.days(40, &mut bea, &mut shop).await;
    assert_eq!(app.access_to(&bea, &id).await, "paused");
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 1);
    let resumed = app.post(action(&id, "resume"), json!({})).by(&bea);
    resumed.expect(200).await.has(json!({ "status": "active" }));
    app.settle().await;
    assert_eq!(app.access_to(&bea, &id).await, "active");
    // Half a month was paid already.
    let total = latest_total(&app, &shop, &bea, &id).await;
    assert!((440..460).contains(&total), "{total}");
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 2);
    for (headline, times) in [
        ("Your subscription is paused", 1),
        ("Your subscription goes on", 1),
    ] {
        assert_eq!(app.mails_called(headline), times, "{headline}");
    }
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn a_resumption_that_is_declined_waits_for_a_card() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.days(15, &mut bea, &mut shop).await;
    app.post(action(&id, "pause"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    app.days(40, &mut bea, &mut shop).await;
    let waits = app.post(action(&id, "resume"), json!({})).by(&bea);
    waits.expect(200).await.has(json!({ "status": "paused" }));
    app.settle().await;
    let failed = app.post(action(&id, "pay"), json!({})).by(&bea);
    failed.expect(200).await.has(json!({
        "status": "requires_payment_method", "subscription_status": "paused", "last_error": { "code": "card_declined" },
    }));
    app.pays_by(&shop, &id, "pm_card_visa").await;
    let paid = app.post(action(&id, "pay"), json!({})).by(&bea);
    paid.expect(200)
        .await
        .has(json!({ "status": "paid", "subscription_status": "active" }));
    app.settle().await;
    assert_eq!(app.access_to(&bea, &id).await, "active");
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn what_is_not_paid_is_not_credited_by_a_pause_and_a_trial_is_not_paused() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, coffee, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    app.days(32, &mut bea, &mut shop).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "past_due" }));
    let body = json!({ "items": [{ "quantity": 2 }] });
    app.post(action(&id, "change"), body)
        .by(&bea)
        .refused(409, "subscription_unpaid")
        .await;
    app.post(action(&id, "pause"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    app.settle().await;
    app.pays_by(&shop, &id, "pm_card_visa").await;
    app.post(action(&id, "resume"), json!({}))
        .by(&bea)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(latest_total(&app, &shop, &bea, &id).await, 900);
    let often = json!({ "interval": "month", "trial_period_days": 7 });
    let tried = app.price_every(&shop, &coffee, 900, often).await;
    let eve = app.member("eve").await;
    let trial = app.subscribed(&eve, &tried, 1).await;
    app.post(action(&trial, "pause"), json!({}))
        .by(&eve)
        .refused(409, "subscription_trialing")
        .await;
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn a_renewal_that_was_declined_is_paid_by_a_new_card() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let eve = app.member("eve").await;
    let id = app.subscribed(&bea, &price, 1).await;
    let nothing = app.post(action(&id, "pay"), json!({})).by(&bea);
    nothing.expect(200).await.has(json!({ "status": "paid" }));
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    app.days(32, &mut bea, &mut shop).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "past_due" }));
    assert_eq!(app.access_to(&bea, &id).await, "grace");
    let declined = app.post(action(&id, "pay"), json!({})).by(&bea);
    let declined = declined.expect(200).await;
    declined.has(json!({
        "status": "requires_payment_method", "subscription_status": "past_due", "amount_due": 900, "currency": "usd",
        "last_error": { "code": "card_declined" },
    }));
    let page = text(&declined, "hosted_invoice_url");
    assert!(page.contains("/i/"), "{page}");
    let setup = app.save_card(&bea, &shop, "pm_card_visa").await;
    let setup = app.get(format!("/v1/setup_intents/{setup}")).by(&bea);
    let card = text(&setup.expect(200).await, "payment_method");
    let eve = app.login(&eve).await;
    app.post(action(&id, "pay"), json!({}))
        .by(&eve)
        .refused(404, "not_found")
        .await;
    app.post(action(&id, "pay"), json!({}))
        .by(&shop.owner)
        .refused(403, "forbidden")
        .await;
    let other = app.save_card(&eve, &shop, "pm_card_visa").await;
    let other = app.get(format!("/v1/setup_intents/{other}")).by(&eve);
    let other = text(&other.expect(200).await, "payment_method");
    let stolen = app
        .post(action(&id, "pay"), json!({ "payment_method": other }))
        .by(&bea);
    let refused = stolen.refused(404, "not_found").await;
    assert_eq!(refused["param"], "payment_method");
    let pay = || {
        app.post(action(&id, "pay"), json!({ "payment_method": card }))
            .by(&bea)
    };
    pay()
        .expect(200)
        .await
        .has(json!({ "status": "paid", "subscription_status": "active" }));
    pay().expect(200).await.has(json!({ "status": "paid" }));
    app.settle().await;
    assert_eq!(app.access_to(&bea, &id).await, "active");
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 2);
    // The new card pays the next one, too.
    app.days(32, &mut bea, &mut shop).await;
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 3);
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn an_unpaid_subscription_comes_back_by_paying_its_latest_invoice() {
    let app = TestApp::start().await;
    let (mut shop, mut bea, _, price) = scene(&app).await;
    let settings = json!({ "retry_days": [1, 2], "retries_end": "unpaid" });
    let path = format!("/accounts/{}/billing_settings", shop.account);
    app.simulate(&path, settings).await;
    let id = app.subscribed(&bea, &price, 1).await;
    app.pays_by(&shop, &id, "pm_card_chargeCustomerFail").await;
    app.days(36, &mut bea, &mut shop).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "unpaid" }));
    assert_eq!(app.access_to(&bea, &id).await, "unpaid");
    app.days(31, &mut bea, &mut shop).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "unpaid" }));
    app.pays_by(&shop, &id, "pm_card_visa").await;
    app.post(action(&id, "pay"), json!({}))
        .by(&bea)
        .expect(200)
        .await
        .has(json!({ "status": "paid", "subscription_status": "active" }));
    app.settle().await;
    assert_eq!(app.access_to(&bea, &id).await, "active");
    books_are_right(&app, &shop).await;
}

async fn ends_on(app: &TestApp, shop: &Shop, what: &str) {
    let path = format!("/v1/sellers/{}", shop.id);
    app.patch(path, json!({ "subscription_ends_on": what }))
        .by(&shop.owner)
        .expect(200)
        .await
        .has(json!({ "subscription_ends_on": what }));
}

/// The order with which a subscription began is refunded.
async fn refund(app: &TestApp, shop: &Shop, buyer: &User, id: &str, amount: i64) {
    let order = text(&app.subscription(buyer, id).await, "order_id");
    let body = json!({ "order_id": order, "amount": amount });
    app.post("/v1/refunds", body)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
}

#[tokio::test]
async fn a_refund_ends_a_subscription_if_its_seller_has_chosen_that() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    with_money(&app, &shop).await;
    let (eve, sam) = (app.member("eve").await, app.member("sam").await);
    let kept = app.subscribed(&eve, &price, 1).await;
    refund(&app, &shop, &eve, &kept, 900).await;
    app.subscription(&eve, &kept)
        .await
        .has(json!({ "status": "active" }));
    let by_dispute = app.subscribed(&sam, &price, 1).await;
    ends_on(&app, &shop, "dispute").await;
    refund(&app, &shop, &sam, &by_dispute, 900).await;
    app.subscription(&sam, &by_dispute)
        .await
        .has(json!({ "status": "active" }));
    ends_on(&app, &shop, "refund").await;
    let id = app.subscribed(&bea, &price, 1).await;
    refund(&app, &shop, &bea, &id, 400).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "active" }));
    refund(&app, &shop, &bea, &id, 500).await;
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "canceled" }));
    assert_eq!(app.access_to(&bea, &id).await, "ended");
    app.settle().await;
    let noted = "audit_log WHERE action = 'subscription.canceled' AND actor = 'system'";
    assert_eq!(app.count(noted).await, 1);
    assert_eq!(app.count("jobs WHERE kind = 'end_subscription'").await, 1);
    assert_eq!(app.mails_called("Your subscription has ended"), 1);
    books_are_right(&app, &shop).await;
}

#[tokio::test]
async fn a_dispute_ends_a_subscription_if_its_seller_has_chosen_that_and_an_inquiry_does_not() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    with_money(&app, &shop).await;
    let eve = app.member("eve").await;
    ends_on(&app, &shop, "refund_or_dispute").await;
    let (id, kept) = (
        app.subscribed(&bea, &price, 1).await,
        app.subscribed(&eve, &price, 1).await,
    );
    for (who, id, how) in [
        (&bea, &id, json!({})),
        (&eve, &kept, json!({ "inquiry": true })),
    ] {
        let order = text(&app.subscription(who, id).await, "order_id");
        let charge = format!(
            "SELECT p.charge AS it FROM payments p JOIN payment_orders o ON o.payment_id = p.id WHERE o.order_id = '{order}'"
        );
        let charge: String = app.query(&charge).await;
        app.simulate(&format!("/charges/{charge}/dispute"), how)
            .await;
        app.settle().await;
    }
    app.subscription(&bea, &id)
        .await
        .has(json!({ "status": "canceled" }));
    app.subscription(&eve, &kept)
        .await
        .has(json!({ "status": "active" }));
    assert_eq!(app.count("jobs WHERE kind = 'end_subscription'").await, 1);
    app.settle().await;
}

#[tokio::test]
async fn a_subscription_that_should_end_and_can_not_be_is_a_finding_until_it_has() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    with_money(&app, &shop).await;
    ends_on(&app, &shop, "refund").await;
    let id = app.subscribed(&bea, &price, 1).await;
    let there = format!("/v1/subscriptions/{id}");
    app.fault("DELETE", &there, FaultKind::Error500, None).await;
    let order = text(&app.subscription(&bea, &id).await, "order_id");
    app.post("/v1/refunds", json!({ "order_id": order }))
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    for _ in 0..14 {
        app.advance(3 * 3_600).await;
        app.run_jobs().await;
    }
    let finding = ("subscription_not_ended".to_owned(), id.clone());
    assert_eq!(app.open_findings().await, vec![finding]);
    app.simulator.clear_faults().await;
    let bea = app.login(&bea).await;
    app.post(action(&id, "cancel"), json!({ "at_period_end": false }))
        .by(&bea)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(app.open_findings().await, vec![]);
    app.allow_unfinished_work();
}

#[tokio::test]
async fn nobody_subscribes_twice_to_a_product_by_mistake() {
    let app = TestApp::start().await;
    let (shop, bea, coffee, price) = scene(&app).await;
    let yearly = app
        .price_every(&shop, &coffee, 9000, json!({ "interval": "year" }))
        .await;
    let once = json!({
        "lines": [{ "product_id": coffee, "quantity": 1 }], "customer_email": "sam@example.com",
        "allow_another_subscription": true,
    });
    app.post("/v1/checkout_sessions", once)
        .refuses_field("allow_another_subscription")
        .await;
    // Two that are open at once.
    let first = app.checkout_of_price(&bea, &price, 1).await;
    let second = app.checkout_of_price(&bea, &price, 1).await;
    app.pay(&first).await;
    app.settle().await;
    for price in [&price, &yearly] {
        let body =
            json!({ "mode": "subscription", "lines": [{ "price_id": price, "quantity": 1 }] });
        let refused = app.post("/v1/checkout_sessions", body).by(&bea);
        let refused = refused.refused(409, "already_subscribed").await;
        assert_eq!(refused["param"], "lines[0].price_id");
        let body = json!({ "lines": [{ "price_id": price, "quantity": 1 }] });
        let refused = app.post("/v1/subscriptions", body).by(&bea);
        let refused = refused.refused(409, "already_subscribed").await;
        assert_eq!(refused["param"], "lines[0].price_id");
    }
    app.advance(60).await;
    app.pay(&second).await;
    app.settle().await;
    let list = app.get("/v1/subscriptions").by(&bea).expect(200).await;
    let all = list["data"].as_array().expect("a list");
    assert_eq!(all.len(), 2);
    let finding = ("subscribed_twice".to_owned(), text(&all[0], "id"));
    assert_eq!(app.open_findings().await, vec![finding]);
    let end = action(&text(&all[1], "id"), "cancel");
    app.post(end, json!({ "at_period_end": false }))
        .by(&bea)
        .expect(200)
        .await;
    app.settle().await;
    assert_eq!(app.open_findings().await, vec![]);
    // Who asks for it has two, and that is no finding.
    app.advance(1).await;
    let body = json!({
        "mode": "subscription", "lines": [{ "price_id": price, "quantity": 1 }], "allow_another_subscription": true,
    });
    let asked = app.post("/v1/checkout_sessions", body).by(&bea);
    let asked = crate::harness::checkout_from(&asked.expect(201).await);
    app.pay(&asked).await;
    app.settle().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn a_subscription_whose_customer_was_deleted_at_stripe_has_ended() {
    let app = TestApp::start().await;
    let (shop, bea, _, price) = scene(&app).await;
    let checkout = app.checkout_of_price(&bea, &price, 1).await;
    app.pay(&checkout).await;
    // Nobody has read the subscription when its customer goes.
    let paid = app.intercept().await;
    let customer = "SELECT stripe_customer AS it FROM customers";
    let customer: String = app.query(customer).await;
    app.stripe_api(
        "DELETE",
        &format!("/customers/{customer}"),
        &shop.account,
        &[],
    )
    .await;
    app.settle().await;
    for event in &paid {
        app.deliver(event).await;
    }
    app.settle().await;
    let list = app.get("/v1/subscriptions").by(&bea).expect(200).await;
    list["data"].as_array().expect("a list")[..]
        .has(json!([{ "status": "canceled", "order_id": checkout.order }]));
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
}

#[tokio::test]
async fn what_stripe_does_not_answer_is_said_and_asked_again() {
    let app = TestApp::start().await;
    let (_, bea, _, price) = scene(&app).await;
    let id = app.subscribed(&bea, &price, 1).await;
    let there = format!("/v1/subscriptions/{id}/pause");
    for (what, path, body) in [
        (
            "preview",
            "/v1/invoices/create_preview",
            json!({ "items": [{ "quantity": 2 }] }),
        ),
        ("pause", there.as_str(), json!({})),
    ] {
        app.fault("POST", path, FaultKind::TimeoutBeforeCommit, Some(3))
            .await;
        let ask = || app.post(action(&id, what), body.clone()).by(&bea);
        ask().refused(503, "stripe_unavailable").await;
        ask().expect(200).await;
    }
    app.fault(
        "GET",
        "/v1/invoices/",
        FaultKind::TimeoutBeforeCommit,
        Some(3),
    )
    .await;
    let ask = || app.post(action(&id, "pay"), json!({})).by(&bea);
    ask().refused(503, "stripe_unavailable").await;
    ask().expect(200).await.has(json!({ "status": "paid" }));
    app.settle().await;
}
