//! How orders end: fulfilled, cancelled, expired, and what late money does.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Endpoint, Has, TestApp, text};

/// A guest's open checkout of one of three, and what it is of.
async fn open(app: &TestApp) -> (crate::harness::Shop, String, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    (shop, lamp, checkout)
}

#[tokio::test]
async fn an_order_is_fulfilled_once_and_a_refunded_one_never() {
    let app = TestApp::start().await;
    let (shop, lamp, checkout) = open(&app).await;
    app.pay(&checkout).await;
    app.settle().await;
    let path = format!("/v1/orders/{}/fulfil", checkout.order);
    for (field, value) in [
        ("tracking_number", json!("")),
        ("tracking_number", json!("x".repeat(101))),
        ("note", json!("x".repeat(501))),
        ("note", json!(7)),
        ("status", json!("fulfilled")),
    ] {
        app.post(&path, json!({ field: value }))
            .by(&shop.owner)
            .refuses_field(field)
            .await;
    }
    let body = json!({ "tracking_number": "1Z999" });
    let order = app
        .post(&path, body.clone())
        .by(&shop.owner)
        .expect(200)
        .await;
    order.has(json!({ "status": "paid", "fulfilled_at": "2026-11-18T11:06:40.000Z" }));
    app.advance(60).await;
    assert_eq!(
        app.post(&path, body).by(&shop.owner).expect(200).await,
        order
    );
    assert_eq!(app.count("order_events WHERE kind = 'fulfilled'").await, 1);
    assert_eq!(
        app.count("audit_log WHERE action = 'order.fulfilled'")
            .await,
        1
    );
    let second = app.sale(&lamp).await;
    app.post("/v1/refunds", json!({ "order_id": second.order }))
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    let path = format!("/v1/orders/{}/fulfil", second.order);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "order_not_paid")
        .await;
}

#[tokio::test]
async fn buyer_guest_seller_and_admin_may_cancel_what_is_not_paid_and_nobody_else() {
    let app = TestApp::start().await;
    let (shop, lamp, guests) = open(&app).await;
    let (buyer, admin, stranger) = (
        app.member("buyer").await,
        app.admin().await,
        app.member("stranger").await,
    );
    let path = |order: &str| format!("/v1/orders/{order}/cancel");
    app.post(path(&guests.order), json!({}))
        .refused(401, "unauthenticated")
        .await;
    app.post(path(&guests.order), json!({}))
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    app.post(path(&guests.order), json!({}))
        .with_secret("ors_guess")
        .refused(404, "not_found")
        .await;
    let long = json!({ "reason": "x".repeat(501) });
    app.post(path(&guests.order), long)
        .by(&shop.owner)
        .refuses_field("reason")
        .await;
    assert_eq!(app.order(&guests).await["status"], "pending");
    let secret = guests.secret.clone().expect("a guest's");
    app.post(path(&guests.order), json!({}))
        .with_secret(&secret)
        .expect(200)
        .await;
    for who in [&buyer, &shop.owner, &admin] {
        let checkout = app.checkout_by(&buyer, &lamp).await;
        let order = app
            .post(path(&checkout.order), json!({}))
            .by(who)
            .expect(200)
            .await;
        order.has(json!({
            "status": "cancelled", "cancel_reason": null, "cancelled_at": "2026-11-18T11:06:40.000Z",
        }));
    }
    app.settle().await;
    assert_eq!(app.count("orders WHERE status = 'cancelled'").await, 4);
    assert_eq!(app.count("payments WHERE status = 'expired'").await, 4);
    assert_eq!(app.stock(&lamp).await, 3);
}

#[tokio::test]
async fn cancelling_an_order_whose_session_stripe_never_confirmed_closes_that_session() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    let buyer = app.member("buyer").await;
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }] });
    app.post("/v1/checkout_sessions", body)
        .by(&buyer)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let orders = app.get("/v1/orders").by(&buyer).expect(200).await;
    let order = text(&orders["data"][0], "id");
    let cancelled = app
        .post(format!("/v1/orders/{order}/cancel"), json!({}))
        .by(&buyer)
        .expect(200)
        .await;
    assert_eq!(cancelled["status"], "cancelled");
    let sessions = app.stripe_books(&shop.account).await["checkout_sessions"].clone();
    sessions.has(json!([{ "status": "expired" }]));
    app.settle().await;
    assert_eq!(app.count("orders WHERE status = 'cancelled'").await, 1);
}

#[tokio::test]
async fn an_order_whose_money_is_on_its_way_is_not_cancelled() {
    let app = TestApp::start().await;
    let shop = app.shop_in("greta", "DE").await;
    let lamp = app.product_in(&shop, 2500, "eur", Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "method": "sepa_debit" }))
        .await;
    let cancel = async || {
        let path = format!("/v1/orders/{}/cancel", checkout.order);
        app.post(path, json!({}))
            .by(&shop.owner)
            .refused(409, "order_already_paid")
            .await
    };
    // Before its event came, and after.
    cancel().await;
    assert_eq!(app.order(&checkout).await["status"], "processing");
    app.settle().await;
    cancel().await;
    app.simulate(
        &format!("/checkout/sessions/{}/settle", checkout.id),
        json!({ "outcome": "succeed" }),
    )
    .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn an_expired_order_stays_expired_when_it_is_cancelled_or_fulfilled() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = open(&app).await;
    app.advance(86_401).await;
    app.settle().await;
    let secret = checkout.secret.clone().expect("a guest's");
    let path = format!("/v1/orders/{}/cancel", checkout.order);
    let order = app
        .post(path, json!({ "reason": "late" }))
        .with_secret(&secret)
        .expect(200)
        .await;
    order.has(json!({ "status": "expired", "cancel_reason": null }));
    let path = format!("/v1/orders/{}/fulfil", checkout.order);
    app.post(path, json!({}))
        .by(&app.admin().await)
        .refused(409, "order_not_paid")
        .await;
    assert_eq!(
        app.stripe_books(&shop.account).await["checkout_sessions"][0]["status"],
        "expired"
    );
}

/// The refunds at Stripe on the shop's account.
async fn sent_back(app: &TestApp, account: &str) -> Vec<Value> {
    app.stripe_books(account).await["refunds"]
        .as_array()
        .expect("a list")
        .clone()
}

#[tokio::test]
async fn a_session_paid_after_its_order_was_cancelled_is_refunded_once_however_often_that_is_reported()
 {
    let app = TestApp::start().await;
    let (shop, lamp, checkout) = open(&app).await;
    // Something for the seller to refund from, since Stripe keeps its own fee.
    app.sale(&lamp).await;
    // Another replica has cancelled the order while the buyer was on Stripe's page.
    app.sql("UPDATE orders SET status = 'cancelled' WHERE status = 'pending'")
        .await;
    app.pay(&checkout).await;
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "success": false, "status": "refund_due" }));
    let order = app.order(&checkout).await;
    order.has(json!({ "refund_reason": "late", "amount_refunded": 0 }));
    for event in app.intercept().await {
        for _ in 0..3 {
            app.deliver(&event).await;
        }
    }
    app.fault("POST", "/v1/refunds", FaultKind::CommitThenTimeout, Some(2))
        .await;
    app.run_jobs().await;
    app.advance(300).await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "refunded", "amount_refunded": 2500 }));
    let back = sent_back(&app, &shop.account).await;
    back.has(json!([{ "amount": 2500 }]));
    assert_eq!(app.count("refunds").await, 1);
    assert_eq!(app.stock(&lamp).await, 2);
    assert_eq!(app.verify(&checkout).await["status"], "refunded");
}

#[tokio::test]
async fn only_buyer_seller_and_admin_may_expire_a_session() {
    let app = TestApp::start().await;
    let (shop, lamp, _) = open(&app).await;
    let (buyer, other) = (app.member("buyer").await, app.shop("omar").await);
    let admin = app.admin().await;
    for who in [&buyer, &shop.owner, &admin] {
        let checkout = app.checkout_by(&buyer, &lamp).await;
        let path = format!("/v1/checkout_sessions/{}/expire", checkout.id);
        app.post(&path, json!({}))
            .by(&other.owner)
            .refused(404, "not_found")
            .await;
        let session = app.post(&path, json!({})).by(who).expect(200).await;
        session.has(json!({ "status": "expired", "payment_status": "unpaid" }));
        app.post(&path, json!({}))
            .by(who)
            .refused(409, "session_not_open")
            .await;
        let order = app
            .get(format!("/v1/orders/{}", checkout.order))
            .by(&buyer)
            .expect(200)
            .await;
        assert_eq!(order["status"], "expired");
    }
    app.settle().await;
}

#[tokio::test]
async fn an_expired_event_of_another_account_ends_no_order() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = open(&app).await;
    let other = app.shop("omar").await;
    let session = json!({ "id": checkout.id, "object": "checkout.session", "status": "expired", "livemode": false });
    let foreign = crate::harness::event(
        "evt_foreign",
        "checkout.session.expired",
        &other.account,
        session.clone(),
    );
    assert_eq!(app.deliver(&foreign).await, "ignored");
    assert_eq!(app.order(&checkout).await["status"], "pending");
    let own = crate::harness::event(
        "evt_own",
        "checkout.session.expired",
        &shop.account,
        session,
    );
    let answer = app
        .post_event(
            Endpoint::Connect,
            &own.to_string(),
            &app.connect.secret,
            app.now(),
        )
        .await;
    answer.expect(200);
    app.run_jobs().await;
}

#[tokio::test]
async fn money_that_comes_after_its_payment_had_expired_or_failed_is_refunded() {
    for (kind, ends_as) in [
        ("checkout.session.expired", "expired"),
        ("checkout.session.async_payment_failed", "failed"),
    ] {
        println!("{kind}");
        let app = TestApp::start().await;
        let (shop, lamp, checkout) = open(&app).await;
        // Something for the seller to refund from, since Stripe keeps its own fee.
        app.sale(&lamp).await;
        app.pay(&checkout).await;
        let completed = app.pending_one("checkout.session.completed").await;
        // Stripe should never say this of a session that is paid; if it did, the money must not be lost sight of.
        let mut ended = completed.clone();
        ended["id"] = json!("evt_ended");
        ended["type"] = json!(kind);
        ended["data"]["object"]["status"] = json!("expired");
        assert_eq!(app.deliver(&ended).await, "processed");
        assert_eq!(app.order(&checkout).await["status"], ends_as);
        assert_eq!(app.deliver(&completed).await, "processed");
        app.settle().await;
        let order = app.order(&checkout).await;
        order.has(json!({ "status": "refunded", "refund_reason": "late" }));
        assert_eq!(sent_back(&app, &shop.account).await.len(), 1);
        assert_eq!(app.stock(&lamp).await, 2);
    }
}
