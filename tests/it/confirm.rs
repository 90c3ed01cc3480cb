//! How a payment becomes a paid order, by webhook or by verify, whatever happens around it.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, event, fee_inside, text};

/// A shop, what it sells, and a guest's checkout of one.
async fn shop_with_checkout(app: &TestApp, stock: Option<i64>) -> (Shop, String, Checkout) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, stock).await;
    let checkout = app.checkout(&lamp).await;
    (shop, lamp, checkout)
}

#[tokio::test]
async fn the_webhook_confirms_when_the_browser_is_closed_before_the_redirect() {
    let app = TestApp::start().await;
    let (_, lamp, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_total": 2500 }));
    assert_eq!(app.stock(&lamp).await, 2);
}

#[tokio::test]
async fn verify_confirms_when_no_webhook_comes_and_the_late_webhook_changes_nothing() {
    let app = TestApp::start().await;
    let (_, lamp, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    let events = app.intercept().await;
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "success": true, "status": "paid" }));
    app.settle().await;
    app.advance(3 * 86_400).await;
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 2);
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
}

#[tokio::test]
async fn a_completed_event_waits_until_its_sessions_id_is_stored() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    // Stripe makes the session, and its answers get lost.
    app.fault(
        "POST",
        "/v1/checkout/sessions",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "guest@example.com" });
    app.post("/v1/checkout_sessions", body)
        .refused(503, "stripe_unavailable")
        .await;
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(
        books["checkout_sessions"]
            .as_array()
            .expect("sessions")
            .len(),
        1,
        "one key, one session"
    );
    let session = text(&books["checkout_sessions"][0], "id");
    app.simulate(&format!("/checkout/sessions/{session}/pay"), json!({}))
        .await;
    let completed = app.pending_one("checkout.session.completed").await;
    assert_eq!(app.deliver(&completed).await, "deferred");
    app.simulator.clear_faults().await;
    app.advance(20).await;
    app.settle().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "paid");
    assert_eq!(app.stock(&lamp).await, 2);
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(
        books["checkout_sessions"]
            .as_array()
            .expect("sessions")
            .len(),
        1,
        "one key, one session"
    );
}

#[tokio::test]
async fn a_code_of_20_percent_changes_the_total_and_the_order_is_paid() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.percent_off(&shop, "WELCOME20", 20).await;
    app.pay_with(&checkout, json!({ "promotion_code": "WELCOME20" }))
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_subtotal": 2500, "amount_discount": 500, "amount_total": 2000 }));
}

#[tokio::test]
async fn a_code_of_100_percent_confirms_without_a_payment_intent() {
    let app = TestApp::start().await;
    let (shop, lamp, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.percent_off(&shop, "GIFT", 100).await;
    app.pay_with(&checkout, json!({ "promotion_code": "GIFT" }))
        .await;
    let verified = app.verify(&checkout).await;
    assert_eq!(verified["status"], "paid");
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "amount_discount": 2500, "amount_total": 0 }));
    assert_eq!(app.stock(&lamp).await, 2);
    let intent: Option<String> = app.query("SELECT payment_intent AS it FROM payments").await;
    assert_eq!(intent, None);
    let refund = json!({ "order_id": checkout.order });
    app.post("/v1/refunds", refund)
        .by(&shop.owner)
        .refused(409, "order_not_paid")
        .await;
}

/// A German shop's checkout in euro, paid by debit: complete, and unpaid.
pub async fn debit(app: &TestApp) -> Checkout {
    let shop = app.shop_in("greta", "DE").await;
    let lamp = app.product_in(&shop, 2500, "eur", Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay_with(&checkout, json!({ "method": "sepa_debit" }))
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    assert_eq!(order["status"], "processing", "{order}");
    assert_eq!(
        app.stock(&lamp).await,
        3,
        "nothing is taken before it is paid"
    );
    checkout
}

#[tokio::test]
async fn an_asynchronous_method_that_succeeds_makes_the_order_processing_and_then_paid() {
    let app = TestApp::start().await;
    let checkout = debit(&app).await;
    assert_eq!(app.verify(&checkout).await["status"], "processing");
    app.simulate(
        &format!("/checkout/sessions/{}/settle", checkout.id),
        json!({ "outcome": "succeed" }),
    )
    .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_total": 2500 }));
}

#[tokio::test]
async fn an_asynchronous_method_that_fails_makes_the_order_processing_and_then_failed() {
    let app = TestApp::start().await;
    let checkout = debit(&app).await;
    app.simulate(
        &format!("/checkout/sessions/{}/settle", checkout.id),
        json!({ "outcome": "fail" }),
    )
    .await;
    let events = app.intercept().await;
    // Only verify can find out.
    app.advance(5).await;
    assert_eq!(app.verify(&checkout).await["status"], "failed");
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "failed");
}

/// A second payment of the same order, as another attempt would make it, with a session of its own at Stripe.
pub async fn second_attempt(app: &TestApp, shop: &Shop, checkout: &Checkout) -> Checkout {
    let form = [
        ("mode", "payment"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", "2500"),
        (
            "line_items[0][price_data][product_data][name]",
            "Brass lamp",
        ),
        ("line_items[0][quantity]", "1"),
        ("payment_intent_data[application_fee_amount]", "250"),
        ("success_url", "http://shop.test/"),
    ];
    let session = app
        .stripe_api("POST", "/checkout/sessions", &shop.account, &form)
        .await;
    let (id, payment) = (text(&session, "id"), format!("{}x", checkout.payment));
    app.sql(&format!(
        "INSERT INTO payments (id, charge_account, livemode, kind, stripe_object, status, currency, amount_subtotal,
           amount_refunded, application_fee, allow_discounts, attempt, request, success_url, cancel_url, expires_at,
           created_at, updated_at)
         SELECT '{payment}', charge_account, livemode, kind, '{id}', 'pending', currency, amount_subtotal, 0,
           application_fee, allow_discounts, 'session:{payment}', request, success_url, cancel_url, expires_at,
           created_at, updated_at
         FROM payments WHERE id = '{}'",
        checkout.payment
    ))
    .await;
    app.sql(&format!(
        "INSERT INTO payment_orders (payment_id, order_id, amount_subtotal, application_fee)
         SELECT id, '{}', amount_subtotal, application_fee FROM payments WHERE id = '{payment}'",
        checkout.order
    ))
    .await;
    Checkout {
        id,
        payment,
        ..checkout.clone()
    }
}

#[tokio::test]
async fn one_of_two_payments_of_the_same_order_is_refunded() {
    let app = TestApp::start().await;
    let (shop, lamp, first) = shop_with_checkout(&app, Some(3)).await;
    let second = second_attempt(&app, &shop, &first).await;
    app.pay(&first).await;
    app.pay(&second).await;
    app.settle().await;
    assert_eq!(app.order(&first).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 2);
    let refunds = app.refunds(&shop, &first.order).await;
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    refunds[0].has(json!({
        "origin": "duplicate_payment", "amount": 2500, "status": "succeeded", "payment_id": second.payment,
    }));
}

#[tokio::test]
async fn an_order_of_two_lines_with_one_sold_out_takes_nothing_and_goes_back_whole() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (lamp, vase) = (
        app.product(&shop, 2500, Some(5)).await,
        app.product(&shop, 1000, Some(1)).await,
    );
    let checkout = app.checkout_of(&[(&lamp, 2), (&vase, 1)]).await;
    app.sale(&vase).await;
    app.pay(&checkout).await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order
        .has(json!({ "status": "refunded", "refund_reason": "oversold", "amount_refunded": 6000 }));
    assert_eq!(app.stock(&lamp).await, 5);
    assert_eq!(app.stock(&vase).await, 0);
    let verified = app.verify(&checkout).await;
    verified.has(json!({ "success": false, "status": "refunded" }));
    let refunds = app.refunds(&shop, &checkout.order).await;
    refunds.has(json!([{ "application_fee_refunded": fee_inside(600) }]));
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(books["refunds"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_free_order_of_something_sold_out_is_cancelled_and_nothing_is_refunded() {
    let app = TestApp::start().await;
    let (shop, lamp, checkout) = shop_with_checkout(&app, Some(1)).await;
    app.percent_off(&shop, "GIFT", 100).await;
    app.sale(&lamp).await;
    app.pay_with(&checkout, json!({ "promotion_code": "GIFT" }))
        .await;
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "cancelled_sold_out", "amount_total": 0 }));
    assert!(app.refunds(&shop, &checkout.order).await.is_empty());
}

#[tokio::test]
async fn a_refund_made_at_stripe_before_completed_arrives_is_found() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    let intent = text(
        &app.stripe_books(&shop.account).await["payment_intents"][0],
        "id",
    );
    app.stripe_api(
        "POST",
        "/refunds",
        &shop.account,
        &[("payment_intent", &intent), ("amount", "1000")],
    )
    .await;
    let mut events = app.intercept().await;
    events.reverse();
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid", "amount_refunded": 1000 }));
    let refunds = app.refunds(&shop, &checkout.order).await;
    refunds.has(json!([{ "origin": "stripe" }]));
}

#[tokio::test]
async fn verify_confirms_at_the_next_try_after_a_network_failure() {
    let app = TestApp::start().await;
    let (_, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    app.intercept().await;
    app.fault("GET", "/v1/checkout/sessions", FaultKind::Reset, None)
        .await;
    let path = format!("/v1/checkout_sessions/{}/verify", checkout.id);
    app.post(&path, json!({}))
        .refused(503, "stripe_unavailable")
        .await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
    app.simulator.clear_faults().await;
    // Stripe is asked about a payment every two seconds at most.
    assert_eq!(app.verify(&checkout).await["status"], "pending");
    app.advance(2).await;
    assert_eq!(app.verify(&checkout).await["status"], "paid");
    app.settle().await;
}

#[tokio::test]
async fn an_expired_event_after_a_completed_one_changes_nothing() {
    let app = TestApp::start().await;
    let (shop, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.settle().await;
    let mut session = completed["data"]["object"].clone();
    session["status"] = json!("expired");
    session["payment_status"] = json!("unpaid");
    app.deliver(&crate::harness::event(
        "evt_late",
        "checkout.session.expired",
        &shop.account,
        session,
    ))
    .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn a_session_that_expires_lets_its_order_expire() {
    let app = TestApp::start().await;
    let (_, lamp, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.advance(86_401).await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "expired");
    assert_eq!(app.stock(&lamp).await, 3);
    assert_eq!(app.verify(&checkout).await["status"], "expired");
}

/// A paid session, and its completed event, which has not been delivered.
async fn undelivered(app: &TestApp) -> (Shop, Checkout, Value) {
    let (shop, _, checkout) = shop_with_checkout(app, Some(3)).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    app.intercept().await;
    (shop, checkout, completed)
}

#[tokio::test]
async fn an_event_of_one_account_about_a_session_of_another_changes_nothing() {
    let app = TestApp::start().await;
    let (_, checkout, mut completed) = undelivered(&app).await;
    let other = app.shop("omar").await;
    completed["account"] = json!(other.account);
    assert_eq!(app.deliver(&completed).await, "ignored");
    app.run_jobs().await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
    assert_eq!(
        app.count("findings").await,
        0,
        "nobody can raise findings about another's sales"
    );
}

#[tokio::test]
async fn an_event_with_another_amount_or_currency_changes_nothing_and_raises_a_finding() {
    // The first adds up in itself, and is still not what was asked for.
    for (said, kind) in [
        (
            json!({ "amount_subtotal": 2400, "amount_total": 2400 }),
            "amount_mismatch",
        ),
        (json!({ "amount_subtotal": 2400 }), "amount_mismatch"),
        (json!({ "amount_total": 2400 }), "amount_mismatch"),
        (json!({ "currency": "eur" }), "currency_mismatch"),
    ] {
        let app = TestApp::start().await;
        let (_, checkout, mut completed) = undelivered(&app).await;
        for (field, value) in said.as_object().expect("fields") {
            completed["data"]["object"][field] = value.clone();
        }
        assert_eq!(app.deliver(&completed).await, "ignored", "{said}");
        app.run_jobs().await;
        assert_eq!(app.order(&checkout).await["status"], "pending", "{said}");
        let admin = app.admin().await;
        let findings = app
            .get("/v1/ledger/findings?state=open")
            .by(&admin)
            .expect(200)
            .await;
        assert_eq!(findings["data"][0]["kind"], kind, "{findings}");
        assert_eq!(findings["data"][0]["subject"], checkout.payment);
    }
}

#[tokio::test]
async fn a_live_event_changes_nothing_in_test_mode() {
    let app = TestApp::start().await;
    let (_, checkout, mut completed) = undelivered(&app).await;
    completed["livemode"] = json!(true);
    completed["data"]["object"]["livemode"] = json!(true);
    assert_eq!(app.deliver(&completed).await, "ignored");
    app.run_jobs().await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
}

#[tokio::test]
async fn a_discount_where_codes_were_not_allowed_changes_nothing() {
    let app = TestApp::start().await;
    let (_, checkout, mut completed) = undelivered(&app).await;
    app.sql("UPDATE payments SET allow_discounts = FALSE").await;
    completed["data"]["object"]["amount_total"] = json!(2000);
    completed["data"]["object"]["total_details"]["amount_discount"] = json!(500);
    assert_eq!(app.deliver(&completed).await, "ignored");
    app.run_jobs().await;
    assert_eq!(app.order(&checkout).await["status"], "pending");
}

#[tokio::test]
async fn a_stranger_who_verifies_confirms_the_payment_and_learns_nothing_but_its_status() {
    let app = TestApp::start().await;
    let (_, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    app.pay(&checkout).await;
    app.intercept().await;
    let path = format!("/v1/checkout_sessions/{}", checkout.id);
    let verified = app
        .post(format!("{path}/verify"), json!({}))
        .expect(200)
        .await;
    verified.has(json!({ "success": true, "order": null }));
    let seen = app.get(&path).with_secret("ors_guess").expect(200).await;
    assert_eq!(seen["object"], "checkout_session_status");
    let stranger = app.member("stranger").await;
    let seen = app.get(&path).by(&stranger).expect(200).await;
    assert_eq!(seen["object"], "checkout_session_status");
    app.get(format!("/v1/orders/{}", checkout.order))
        .by(&stranger)
        .refused(404, "not_found")
        .await;
    app.get(format!("/v1/orders/{}", checkout.order))
        .with_secret("ors_guess")
        .refused(404, "not_found")
        .await;
    app.settle().await;
}

#[tokio::test]
async fn a_payment_after_its_order_was_cancelled_is_refunded() {
    let app = TestApp::start().await;
    let (shop, lamp, checkout) = shop_with_checkout(&app, Some(3)).await;
    // A cancel that Stripe doesn't know of, as after a lost race.
    app.sql("UPDATE orders SET status = 'cancelled'").await;
    app.pay(&checkout).await;
    app.settle().await;
    // Stripe's own fee is gone, so the money waits at Stripe until the seller has enough again.
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "refund_due", "refund_reason": "late" }));
    assert_eq!(
        app.refunds(&shop, &checkout.order).await[0]["status"],
        "pending"
    );
    app.sale(&lamp).await;
    assert_eq!(app.order(&checkout).await["status"], "refunded");
    let refunds = app.refunds(&shop, &checkout.order).await;
    refunds.has(json!([{ "amount": 2500, "status": "succeeded" }]));
    assert_eq!(app.stock(&lamp).await, 2);
}

#[tokio::test]
async fn a_declined_card_leaves_the_order_pending_and_another_card_pays_it() {
    let app = TestApp::start().await;
    let (_, _, checkout) = shop_with_checkout(&app, Some(3)).await;
    for card in ["4000000000000002", "4000000000009995"] {
        let tried = app.pay_with(&checkout, json!({ "card": card })).await;
        assert_eq!(tried["status"], "open", "{tried}");
    }
    app.settle().await;
    assert_eq!(app.verify(&checkout).await["status"], "pending");
    app.pay_with(
        &checkout,
        json!({ "card": "4000002500003155", "challenge": "complete" }),
    )
    .await;
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
}

#[tokio::test]
async fn a_paid_session_of_an_unknown_payment_raises_one_finding() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let session = |id: &str, status: &str, payment: &str| {
        json!({
            "id": id, "object": "checkout.session", "status": "complete", "payment_status": status, "currency": "usd",
            "amount_subtotal": 2500, "amount_total": 2500, "metadata": { "souk_payment": payment },
        })
    };
    let kind = "checkout.session.completed";
    for (event_id, id, status) in [
        ("evt_1", "cs_lost", "paid"),
        ("evt_2", "cs_lost", "paid"),
        ("evt_3", "cs_unpaid", "unpaid"),
    ] {
        let told = event(
            event_id,
            kind,
            &shop.account,
            session(id, status, "pay_lost"),
        );
        assert_eq!(app.deliver(&told).await, "ignored");
    }
    let subject: String = app
        .query("SELECT subject AS it FROM findings WHERE kind = 'orphan_payment'")
        .await;
    assert_eq!(subject, "cs_lost");
    assert_eq!(app.count("findings").await, 1);

    // Anybody may write somebody else's payment into metadata.
    let checkout = {
        let lamp = app.product(&shop, 2500, None).await;
        app.checkout(&lamp).await
    };
    let other = app.shop("ben").await;
    let lie = session("cs_lie", "paid", &checkout.payment);
    assert_eq!(
        app.deliver(&event("evt_4", kind, &other.account, lie))
            .await,
        "ignored"
    );
    assert_eq!(app.count("findings").await, 1);
}
