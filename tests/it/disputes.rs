//! Disputes: seen as Stripe shows them, and no money paid twice for them.

use std::sync::Arc;

use serde_json::{Value, json};
use souk::reconciliation;
use tokio::sync::Notify;

use crate::harness::{Answer, Between, Checkout, Has, Shop, TestApp, text};

const DAY: i64 = 24 * 3600;

/// A card whose payment is disputed at once.
const DISPUTED: &str = "4000000000000259";

/// A shop with an order that was paid with this card, and another sale that covers Stripe's fees.
async fn sold(app: &TestApp, card: &str) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "card": card })).await;
    app.settle().await;
    (shop, checkout)
}

/// A shop with an order whose buyer's bank asks about it.
async fn inquired(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    dispute(app, &shop, &checkout, json!({ "inquiry": true })).await;
    (shop, checkout)
}

/// A shop whose last lamp was sold to another while this buyer paid, with a dispute of that payment that came before the
/// refund could be sent.
async fn oversold_and_disputed(app: &TestApp) -> (Shop, Checkout, String) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let late = app.checkout(&lamp).await;
    app.sale(&lamp).await;
    app.pay(&late).await;
    app.apply_events().await;
    let dispute = dispute(app, &shop, &late, json!({})).await;
    (shop, late, text(&dispute, "id"))
}

/// The order's one dispute, as the order shows it.
async fn dispute_of(app: &TestApp, checkout: &Checkout) -> Value {
    let order = app.order(checkout).await;
    let disputes = order["disputes"].as_array().expect("disputes");
    assert_eq!(disputes.len(), 1, "{order}");
    disputes[0].clone()
}

async fn decide(app: &TestApp, dispute: &str, how: &str) {
    let path = format!("/disputes/{dispute}/decide");
    app.simulate(&path, json!({ "outcome": how })).await;
    app.settle().await;
}

async fn refund(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Answer {
    app.post("/v1/refunds", json!({ "order_id": checkout.order }))
        .by(&shop.owner)
        .await
}

async fn timeline(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Vec<String> {
    let path = format!("/v1/orders/{}/timeline", checkout.order);
    let list = app.get(path).by(&shop.owner).expect(200).await;
    let entries = list["data"].as_array().expect("entries").iter();
    entries.map(|entry| text(entry, "type")).collect()
}

#[tokio::test]
async fn a_disputed_order_says_so_and_is_neither_fulfilled_nor_refunded_by_mistake() {
    let app = TestApp::start().await;
    let (shop, checkout) = sold(&app, DISPUTED).await;
    let dispute = dispute_of(&app, &checkout).await;
    dispute.has(json!({
        "object": "dispute", "amount": 2500, "currency": "usd", "reason": "fraudulent", "status": "needs_response",
        "is_charge_refundable": false,
    }));
    assert!(dispute["evidence_due_by"].is_string());
    assert!(
        timeline(&app, &shop, &checkout)
            .await
            .contains(&"dispute_created".to_owned())
    );
    let id = text(&dispute, "id");
    let open = app.open_findings().await;
    assert_eq!(open, [("dispute_needs_response".to_owned(), id.clone())]);
    assert_eq!(app.mails_called("A payment is disputed"), 1);

    refund(&app, &shop, &checkout)
        .await
        .refused(409, "payment_disputed");
    assert_eq!(app.count("refunds").await, 0, "Stripe was not asked");
    let fulfil = format!("/v1/orders/{}/fulfil", checkout.order);
    app.post(&fulfil, json!({}))
        .by(&shop.owner)
        .refused(409, "order_disputed")
        .await;
    let done = app
        .post(&fulfil, json!({ "despite_dispute": true }))
        .by(&shop.owner)
        .expect(200)
        .await;
    assert!(done["fulfilled_at"].is_string());

    decide(&app, &id, "lost").await;
    assert_eq!(dispute_of(&app, &checkout).await["status"], "lost");
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.mails_called("A dispute is lost"), 1);
    refund(&app, &shop, &checkout)
        .await
        .refused(409, "payment_disputed");
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_refunded": 0 }));
    app.until_transactions_show(&shop.account).await;
    let (id, order) = (id.as_str(), checkout.order.as_str());
    let of_order = format!("balance_transactions WHERE source = '{id}' AND order_id = '{order}'");
    assert_eq!(app.count(&of_order).await, 1);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn an_inquiry_leaves_the_payment_refundable_and_a_refund_ends_it() {
    let app = TestApp::start().await;
    let (shop, checkout) = inquired(&app).await;
    let dispute = dispute_of(&app, &checkout).await;
    dispute.has(json!({ "status": "warning_needs_response", "is_charge_refundable": true }));
    assert_eq!(app.mails_called("A bank asks about a payment"), 1);
    refund(&app, &shop, &checkout).await.expect(201);
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(
        dispute_of(&app, &checkout).await["status"],
        "warning_closed"
    );
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn an_inquiry_that_is_escalated_is_a_dispute() {
    let app = TestApp::start().await;
    let (shop, checkout) = inquired(&app).await;
    let id = text(&dispute_of(&app, &checkout).await, "id");
    decide(&app, &id, "escalated").await;
    let dispute = dispute_of(&app, &checkout).await;
    dispute.has(json!({ "status": "needs_response", "is_charge_refundable": false }));
    assert_eq!(app.mails_called("A payment is disputed"), 1);
    refund(&app, &shop, &checkout)
        .await
        .refused(409, "payment_disputed");
    decide(&app, &id, "won").await;
    assert_eq!(app.mails_called("A dispute is won"), 1);
    let fulfil = format!("/v1/orders/{}/fulfil", checkout.order);
    app.post(&fulfil, json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    refund(&app, &shop, &checkout).await.expect(201);
    app.settle().await;
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_refund_that_we_owe_waits_for_the_bank_and_is_sent_when_the_dispute_is_won() {
    let app = TestApp::start().await;
    let (shop, checkout, id) = oversold_and_disputed(&app).await;
    let waiting = app.refunds(&shop, &checkout.order).await.remove(0);
    waiting.has(json!({ "status": "requested", "origin": "oversold" }));
    let mut expected = vec![
        ("dispute_needs_response".to_owned(), id.clone()),
        ("refund_disputed".to_owned(), text(&waiting, "id")),
    ];
    expected.sort();
    let mut open = app.open_findings().await;
    open.sort();
    assert_eq!(open, expected);
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "status": "refund_due", "refund_failed": false, "disputed": true }));
    let message = text(&verified, "message");
    assert!(message.contains("bank"), "{message}");
    app.advance(3600).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    app.settle().await;
    assert_eq!(app.open_findings().await.len(), 2);

    decide(&app, &id, "won").await;
    app.settle().await;
    let shop = Shop {
        owner: app.login(&shop.owner).await,
        ..shop
    };
    let sent = app.refunds(&shop, &checkout.order).await.remove(0);
    sent.has(json!({ "status": "succeeded", "amount": 2500 }));
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_refund_refused_for_a_dispute_that_is_won_meanwhile_is_made() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let late = app.checkout(&lamp).await;
    app.sale(&lamp).await;
    app.pay(&late).await;
    app.apply_events().await;
    let path = format!("/charges/{}/dispute", charge(&app, &shop, &late).await);
    let dispute = text(&app.simulate(&path, json!({})).await, "id");
    // Stripe has refused by the time that its answer is held back.
    let refused = Arc::new(Notify::new());
    let told = refused.clone();
    between.delay(move |path| match path == "/v1/refunds" {
        true => {
            told.notify_one();
            std::time::Duration::from_secs(1)
        }
        false => std::time::Duration::ZERO,
    });
    let won = async {
        refused.notified().await;
        let path = format!("/disputes/{dispute}/decide");
        app.simulate(&path, json!({ "outcome": "won" })).await;
        between.be_honest();
    };
    tokio::join!(app.run_jobs(), won);
    app.settle().await;
    let sent = app.refunds(&shop, &late.order).await.remove(0);
    sent.has(json!({ "status": "succeeded", "amount": 2500 }));
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_refund_that_we_owe_is_not_paid_again_when_the_dispute_is_lost() {
    let app = TestApp::start().await;
    let (shop, checkout, id) = oversold_and_disputed(&app).await;
    decide(&app, &id, "lost").await;
    let ended = app.refunds(&shop, &checkout.order).await.remove(0);
    ended.has(json!({ "status": "canceled" }));
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn of_a_lost_dispute_about_a_part_only_the_rest_is_owed() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let late = app.checkout(&lamp).await;
    app.sale(&lamp).await;
    app.pay(&late).await;
    app.apply_events().await;
    let dispute = dispute(&app, &shop, &late, json!({ "amount": 1000 })).await;
    decide(&app, &text(&dispute, "id"), "lost").await;
    let refund = app.refunds(&shop, &late.order).await.remove(0);
    // Stripe refuses a charge that was charged back, so a person must pay the rest.
    refund.has(json!({ "status": "blocked", "amount": 1500 }));
    let open = app.open_findings().await;
    assert_eq!(open, [("refund_missing".to_owned(), text(&refund, "id"))]);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn disputes_are_listed_by_whatever_status_stripe_gives_them() {
    let app = TestApp::start().await;
    let (shop, _) = sold(&app, DISPUTED).await;
    app.sql("UPDATE disputes SET status = 'arbitration_pending'")
        .await;
    let list = async |status: &str| {
        let path = format!("/v1/disputes?status={status}");
        let list = app.get(path).by(&shop.owner).expect(200).await;
        list["data"].as_array().expect("a list").clone()
    };
    let found = list("arbitration_pending").await;
    assert_eq!(found.len(), 1);
    found[0].has(json!({ "status": "arbitration_pending", "seconds_left": null }));
    assert_eq!(list("needs_response").await, [] as [Value; 0]);
    app.get("/v1/disputes?status=%20")
        .by(&shop.owner)
        .refuses_field("status")
        .await;
}

#[tokio::test]
async fn a_dispute_whose_events_were_lost_is_found_by_reading_again() {
    let app = TestApp::start().await;
    let (_, checkout) = sold(&app, DISPUTED).await;
    let id = text(&dispute_of(&app, &checkout).await, "id");
    app.sql("DELETE FROM disputes").await;
    let payment = souk_entity::PaymentId::from(checkout.payment.as_str());
    souk::payments::reread::payment(&app.app, &payment)
        .await
        .expect("reads");
    assert_eq!(text(&dispute_of(&app, &checkout).await, "id"), id);
    // Nobody has told us that it is under review.
    app.sql("UPDATE disputes SET status = 'under_review'").await;
    app.advance(DAY).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    app.settle().await;
    assert_eq!(
        dispute_of(&app, &checkout).await["status"],
        "needs_response"
    );
}

/// The charge that an order was paid with.
async fn charge(app: &TestApp, shop: &Shop, checkout: &Checkout) -> String {
    let find = format!(
        "SELECT payment_intent AS it FROM payments WHERE id = '{}'",
        checkout.payment
    );
    let intent: String = app.query(&find).await;
    let path = format!("/payment_intents/{intent}");
    let intent = app.stripe_api("GET", &path, &shop.account, &[]).await;
    text(&intent, "latest_charge")
}

/// The dispute of an order's charge, by the buyer's bank.
async fn dispute(app: &TestApp, shop: &Shop, checkout: &Checkout, how: Value) -> Value {
    let path = format!("/charges/{}/dispute", charge(app, shop, checkout).await);
    let dispute = app.simulate(&path, how).await;
    app.settle().await;
    dispute
}

// As in woocommerce/woocommerce-gateway-stripe#2598, where the order was put on hold and its stock came back.
#[tokio::test]
async fn a_dispute_of_a_refunded_order_changes_neither_its_status_nor_its_stock() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    refund(&app, &shop, &checkout).await.expect(201);
    app.settle().await;
    let (before, stock) = (app.order(&checkout).await, app.stock(&lamp).await);
    let disputed = dispute(&app, &shop, &checkout, json!({})).await;
    let after = app.order(&checkout).await;
    assert_eq!(after["status"], "refunded");
    assert_eq!(after["amount_refunded"], before["amount_refunded"]);
    assert_eq!(app.stock(&lamp).await, stock);
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings?state=open").by(&admin);
    let list = list.expect(200).await;
    list["data"].has(json!([{ "kind": "dispute_needs_response", "subject": disputed["id"] }]));
    let advice = text(&list["data"][0], "message");
    assert!(advice.contains("refunded already"), "{advice}");
    decide(&app, &text(&disputed, "id"), "lost").await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    let twice = ("returned_twice".to_owned(), checkout.payment.clone());
    assert_eq!(app.open_findings().await, [twice]);
}

// As in mollie/WooCommerce#1049, where a late webhook set a charged-back order as paid again.
#[tokio::test]
async fn events_that_come_again_after_a_lost_dispute_sell_nothing_anew() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.settle().await;
    let disputed = dispute(&app, &shop, &checkout, json!({})).await;
    decide(&app, &text(&disputed, "id"), "lost").await;
    let (before, stock) = (app.order(&checkout).await, app.stock(&lamp).await);
    let mut again = completed.clone();
    again["id"] = json!("evt_again");
    for event in [&completed, &again] {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.order(&checkout).await, before);
    assert_eq!(app.stock(&lamp).await, stock);
    assert_eq!(dispute_of(&app, &checkout).await["status"], "lost");
    app.books_equal_stripe().await;
}
