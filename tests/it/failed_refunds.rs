//! Refunds that fail after they succeeded: nobody is told that the money is on its way when it isn't.

use serde_json::{Value, json};
use souk::{payments, reconciliation};
use souk_entity::PaymentId;

use crate::harness::{Checkout, Has, Shop, TestApp, text};

const DAY: i64 = 24 * 3600;

/// A shop with an order that was oversold, and whose money has gone back. Stripe's fees are covered by another sale.
async fn oversold(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let late = app.checkout(&lamp).await;
    app.sale(&lamp).await;
    app.pay(&late).await;
    app.settle().await;
    assert_eq!(app.order(&late).await["status"], "refunded");
    (shop, late)
}

/// A shop with a paid order that the seller has refunded.
async fn refunded(app: &TestApp) -> (Shop, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    ask(app, &shop, json!({ "order_id": checkout.order })).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    (shop, checkout)
}

async fn ask(app: &TestApp, shop: &Shop, body: Value) -> Value {
    let asked = app.post("/v1/refunds", body).by(&shop.owner);
    asked.expect(201).await
}

/// The order's newest refund fails at Stripe. Returns it.
async fn fail(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Value {
    let refunds = app.refunds(shop, &checkout.order).await;
    let newest = refunds.iter().max_by_key(|refund| text(refund, "id"));
    let newest = newest.expect("a refund").clone();
    let path = format!("/refunds/{}/fail", text(&newest, "stripe_refund"));
    app.simulate(&path, json!({})).await;
    app.settle().await;
    newest
}

fn about_failure(app: &TestApp) -> usize {
    app.mails_called("Your refund did not arrive") + app.mails_called("A refund failed")
}

#[tokio::test]
async fn a_refund_we_owed_that_fails_is_a_finding_two_mails_and_the_truth_for_the_buyer() {
    let app = TestApp::start().await;
    let (shop, checkout) = oversold(&app).await;
    let refund = fail(&app, &shop, &checkout).await;
    let id = text(&refund, "id");
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "refund_due", "refund_reason": "oversold", "amount_refunded": 0 }));
    assert_eq!(
        app.open_findings().await,
        [("refund_failed".to_owned(), id.clone())]
    );
    assert_eq!(about_failure(&app), 2);
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "success": false, "status": "refund_due", "refund_failed": true }));
    let message = text(&verified, "message");
    assert!(
        message.contains("failed") && !message.contains("is going back"),
        "{message}"
    );

    // A new attempt, which fails as well and is another finding; the third comes through.
    let again = ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    assert_eq!(again["amount"], 2500);
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "refund_failed": false }));
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, []);
    fail(&app, &shop, &checkout).await;
    assert_eq!(
        app.open_findings().await.len(),
        2,
        "none of the two is made good"
    );
    assert_eq!(about_failure(&app), 4);
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.count("order_events WHERE kind = 'refund_due'").await, 1);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_sale_stands_again_as_it_was_when_its_refund_fails() {
    let app = TestApp::start().await;
    let (shop, checkout) = refunded(&app).await;
    let before = app.order(&checkout).await;
    app.advance(60).await;
    let refund = fail(&app, &shop, &checkout).await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_refunded": 0, "paid_at": before["paid_at"] }));
    let path = format!("/v1/orders/{}/timeline", checkout.order);
    let timeline = app.get(path).by(&shop.owner).expect(200).await;
    let kinds = timeline["data"].as_array().expect("entries").iter();
    let kinds: Vec<String> = kinds.map(|entry| text(entry, "type")).collect();
    let count = |kind: &str| kinds.iter().filter(|its| *its == kind).count();
    assert_eq!((count("paid"), count("refund_failed")), (1, 1), "{kinds:?}");
    assert_eq!(
        app.open_findings().await,
        [("refund_failed".to_owned(), text(&refund, "id"))]
    );
    assert_eq!(
        app.verify(&checkout).await["refund_failed"],
        false,
        "nothing is due"
    );
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_failed_refund_is_settled_outside_stripe_once_and_its_money_is_not_paid_twice() {
    let app = TestApp::start().await;
    let (shop, checkout) = oversold(&app).await;
    let done = text(&app.refunds(&shop, &checkout.order).await[0], "id");
    let settle = |id: &str| format!("/v1/refunds/{id}/settle_outside_stripe");
    let note = json!({ "note": "Paid by bank transfer" });
    app.post(settle(&done), note.clone())
        .by(&shop.owner)
        .refused(409, "refund_not_failed")
        .await;
    let refund = fail(&app, &shop, &checkout).await;
    let path = settle(&text(&refund, "id"));
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refuses_field("note")
        .await;
    let stranger = app.member("stranger").await;
    app.post(&path, note.clone())
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    for _ in 0..2 {
        let settled = app
            .post(&path, note.clone())
            .by(&shop.owner)
            .expect(200)
            .await;
        settled.has(json!({ "status": "failed", "settled_note": "Paid by bank transfer" }));
        assert!(settled["settled_at"].is_string());
    }
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    assert_eq!(app.open_findings().await, []);
    assert_eq!(
        app.count("audit_log WHERE action = 'refund.settled_outside_stripe'")
            .await,
        1
    );
    assert_eq!(
        app.count("order_events WHERE kind = 'refund_settled_outside_stripe'")
            .await,
        1
    );
    app.post("/v1/refunds", json!({ "order_id": checkout.order }))
        .by(&shop.owner)
        .refused(409, "already_refunded")
        .await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn only_what_a_later_refund_returned_is_made_good() {
    let app = TestApp::start().await;
    let (shop, checkout) = refunded(&app).await;
    let refund = fail(&app, &shop, &checkout).await;
    app.advance(1).await;
    ask(
        &app,
        &shop,
        json!({ "order_id": checkout.order, "amount": 2400 }),
    )
    .await;
    app.settle().await;
    let open = ("refund_failed".to_owned(), text(&refund, "id"));
    assert_eq!(app.open_findings().await, [open]);
    ask(&app, &shop, json!({ "order_id": checkout.order })).await;
    app.settle().await;
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn a_finding_that_was_resolved_though_money_is_owed_opens_again_and_keeps_its_note() {
    let app = TestApp::start().await;
    let (shop, checkout) = oversold(&app).await;
    fail(&app, &shop, &checkout).await;
    let admin = app.admin().await;
    let list = app.get("/v1/ledger/findings").by(&admin).expect(200).await;
    let path = format!(
        "/v1/ledger/findings/{}/resolve",
        text(&list["data"][0], "id")
    );
    let note = json!({ "note": "Looked at" });
    app.post(path, note).by(&admin).expect(200).await;
    assert_eq!(app.open_findings().await, []);
    reconciliation::reconcile(&app.app).await.expect("looks");
    let list = app.get("/v1/ledger/findings").by(&admin).expect(200).await;
    list["data"][0].has(json!({ "kind": "refund_failed", "state": "open", "note": "Looked at" }));
}

#[tokio::test]
async fn an_order_whose_money_is_due_without_a_refund_is_found() {
    let app = TestApp::start().await;
    let (_, checkout) = oversold(&app).await;
    app.sql("UPDATE orders SET status = 'refund_due' WHERE refund_reason IS NOT NULL")
        .await;
    app.sql("UPDATE refunds SET status = 'canceled', failed_at = 1, origin = 'requested'")
        .await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(
        app.open_findings().await,
        [("refund_due".to_owned(), checkout.order.clone())]
    );
    app.sql("UPDATE orders SET status = 'refunded' WHERE refund_reason IS NOT NULL")
        .await;
    app.sql("UPDATE refunds SET status = 'succeeded', failed_at = NULL")
        .await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_refused_refund_that_stripe_has_made_after_all_has_not_failed() {
    let app = TestApp::start().await;
    let (shop, checkout) = refunded(&app).await;
    app.sql("UPDATE refunds SET status = 'blocked', failed_at = 1, stripe_refund = NULL")
        .await;
    app.sql("UPDATE orders SET status = 'paid'").await;
    let payment = PaymentId::from(checkout.payment.as_str());
    let reread = payments::reread::payment(&app.app, &payment).await;
    reread.expect("reads");
    let refund = app.refunds(&shop, &checkout.order).await.remove(0);
    refund.has(json!({ "status": "succeeded", "failed_at": null }));
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
}

#[tokio::test]
async fn a_refund_that_is_pending_for_a_week_is_found_and_asked_about_again() {
    let app = TestApp::start().await;
    let (shop, checkout) = refunded(&app).await;
    let refund = app.refunds(&shop, &checkout.order).await.remove(0);
    // As if no event had ever said what became of it.
    app.sql("UPDATE refunds SET status = 'pending'").await;
    app.sql("UPDATE orders SET status = 'paid'").await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(
        app.count("jobs WHERE kind = 'sync_refund' AND state = 'ready'")
            .await,
        0
    );
    app.advance(7 * DAY).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(
        app.open_findings().await,
        [("refund_pending".to_owned(), text(&refund, "id"))]
    );
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    app.advance(3600).await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_refund_that_was_settled_outside_stripe_and_then_made_there_is_found() {
    let app = TestApp::start().await;
    let (shop, checkout) = refunded(&app).await;
    app.sql("UPDATE refunds SET status = 'blocked', failed_at = 1, stripe_refund = NULL")
        .await;
    app.sql("UPDATE orders SET status = 'paid'").await;
    let refund = app.refunds(&shop, &checkout.order).await.remove(0);
    let path = format!("/v1/refunds/{}/settle_outside_stripe", text(&refund, "id"));
    let note = json!({ "note": "In cash" });
    app.post(path, note).by(&shop.owner).expect(200).await;
    assert_eq!(app.open_findings().await, []);
    let payment = PaymentId::from(checkout.payment.as_str());
    let reread = payments::reread::payment(&app.app, &payment).await;
    reread.expect("reads");
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    let twice = ("returned_twice".to_owned(), checkout.payment.clone());
    assert_eq!(app.open_findings().await, [twice]);
}
