//! Payment intents, for a page of one's own.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, User, checkout_from, lines_of, text};

const HOUR: i64 = 3_600;

/// A shop with five lamps of 50.00.
async fn lamps(app: &TestApp) -> (Shop, String) {
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 5000, Some(5)).await;
    (shop, product)
}

/// A guest's intent over two of them.
async fn open(app: &TestApp, product: &str) -> (Value, Checkout) {
    let body = json!({ "lines": lines_of(&[(product, 2)]), "customer_email": "sam@example.com" });
    let intent = app.post("/v1/payment_intents", body).expect(201).await;
    let checkout = checkout_from(&intent);
    (intent, checkout)
}

/// As Stripe.js does, with the client secret alone.
async fn confirm(app: &TestApp, shop: &Shop, intent: &str, method: &str) {
    let path = format!("/payment_intents/{intent}/confirm");
    let form = [
        ("payment_method", method),
        ("return_url", "http://shop.test/"),
    ];
    app.attempt_stripe("POST", &path, &shop.account, &form)
        .await
        .ok();
}

async fn read(app: &TestApp, checkout: &Checkout) -> Value {
    let secret = checkout.secret.clone().expect("a guest's");
    let path = format!("/v1/payment_intents/{}", checkout.id);
    app.get(path).with_secret(&secret).expect(200).await
}

async fn verify(app: &TestApp, checkout: &Checkout) -> Value {
    let path = format!("/v1/payment_intents/{}/verify", checkout.id);
    app.post(path, json!({})).expect(200).await
}

#[tokio::test]
async fn an_intent_is_paid_on_the_sellers_account_and_confirmed_once() {
    let app = TestApp::with(&[("STRIPE_PUBLISHABLE_KEY", "pk_test_suite")]).await;
    let (shop, product) = lamps(&app).await;
    let (intent, checkout) = open(&app, &product).await;
    intent.has(json!({
        "object": "payment_intent", "status": "open", "amount": 10_000, "amount_received": 0, "currency": "usd",
        "application_fee_amount": 1000, "stripe_account": shop.account, "publishable_key": "pk_test_suite",
        "last_error": null,
    }));
    let secret = text(&intent, "client_secret");
    assert!(secret.starts_with(&checkout.id), "{secret}");
    app.settle().await;
    verify(&app, &checkout)
        .await
        .has(json!({ "success": false, "status": "pending" }));

    confirm(&app, &shop, &checkout.id, "pm_card_visa").await;
    app.settle().await;
    read(&app, &checkout).await.has(json!({
        "status": "succeeded", "amount_received": 10_000, "client_secret": null, "order_secret": null,
    }));
    verify(&app, &checkout)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    app.order(&checkout).await.has(json!({
        "status": "paid", "amount_total": 10_000, "application_fee_amount": 1000,
    }));
    assert_eq!(app.stock(&product).await, 3);
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn verify_alone_confirms_an_intent() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    confirm(&app, &shop, &checkout.id, "pm_card_visa").await;
    // No event has come.
    verify(&app, &checkout)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    assert_eq!(app.stock(&product).await, 3);
    app.settle().await;
    assert_eq!(app.stock(&product).await, 3);
}

#[tokio::test]
async fn a_decline_leaves_the_order_open_with_a_reason_that_helps_and_the_next_try_pays_it() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    let tries = [
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "insufficient_funds",
            "There isn't enough money",
        ),
        (
            "pm_card_chargeDeclinedStolenCard",
            "generic_decline",
            "The bank declined the payment",
        ),
        (
            "pm_card_chargeDeclined",
            "generic_decline",
            "The bank declined the payment",
        ),
    ];
    for (method, code, words) in tries {
        confirm(&app, &shop, &checkout.id, method).await;
        app.settle().await;
        let intent = read(&app, &checkout).await;
        intent.has(json!({ "status": "open" }));
        intent["last_error"].has(json!({ "code": "card_declined", "decline_code": code }));
        assert!(
            text(&intent["last_error"], "message").starts_with(words),
            "{intent}"
        );
        let verified = verify(&app, &checkout).await;
        verified.has(json!({ "success": false, "status": "pending" }));
        assert!(text(&verified, "message").starts_with(words), "{verified}");
        app.advance(3).await;
    }
    confirm(
        &app,
        &shop,
        &checkout.id,
        "pm_card_chargeDeclinedStolenCard",
    )
    .await;
    app.settle().await;
    let seen = app.get(format!("/v1/payment_intents/{}", checkout.id));
    let seen = seen.by(&shop.owner).expect(200).await;
    seen.has(json!({ "client_secret": null }));
    seen["last_error"].has(json!({ "decline_code": "stolen_card" }));

    confirm(&app, &shop, &checkout.id, "pm_card_visa").await;
    app.settle().await;
    read(&app, &checkout)
        .await
        .has(json!({ "status": "succeeded", "last_error": null }));
    let verified = verify(&app, &checkout).await;
    assert_eq!(text(&verified, "message"), "The payment is confirmed.");
}

#[tokio::test]
async fn an_intent_that_is_canceled_ends_its_order_and_one_that_was_paid_meanwhile_does_not() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    let secret = checkout.secret.clone().expect("a guest's");
    let path = format!("/v1/payment_intents/{}/cancel", checkout.id);
    let canceled = app.post(&path, json!({})).with_secret(&secret).expect(200);
    canceled
        .await
        .has(json!({ "status": "canceled", "client_secret": null }));
    app.order(&checkout)
        .await
        .has(json!({ "status": "expired" }));
    app.post(&path, json!({}))
        .with_secret(&secret)
        .refused(409, "payment_intent_not_open")
        .await;

    let (_, paid) = open(&app, &product).await;
    confirm(&app, &shop, &paid.id, "pm_card_visa").await;
    let path = format!("/v1/payment_intents/{}/cancel", paid.id);
    app.post(&path, json!({}))
        .by(&shop.owner)
        .refused(409, "payment_intent_not_open")
        .await;
    app.order(&paid).await.has(json!({ "status": "paid" }));
    app.settle().await;
}

#[tokio::test]
async fn cancelling_the_order_cancels_its_intent() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    let path = format!("/v1/orders/{}/cancel", checkout.order);
    app.post(path, json!({})).by(&shop.owner).expect(200).await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "cancelled" }));
    let path = format!("/payment_intents/{}", checkout.id);
    let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
    assert_eq!(there["status"], "canceled");
    app.settle().await;
}

#[tokio::test]
async fn an_intent_that_nobody_pays_is_canceled_at_stripe_after_a_day_and_a_late_one_is_paid() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, left) = open(&app, &product).await;
    let (_, paid) = open(&app, &product).await;
    app.settle().await;
    app.advance(23 * HOUR).await;
    let id = left.payment.as_str().into();
    souk::payments::reread::payment(&app.app, &id)
        .await
        .expect("reads");
    read(&app, &left).await.has(json!({ "status": "open" }));
    app.advance(2 * HOUR).await;
    confirm(&app, &shop, &paid.id, "pm_card_visa").await;
    // Its event never comes.
    app.intercept().await;
    souk::payments::reread::sweep(&app.app)
        .await
        .expect("sweeps");
    app.settle().await;
    app.order(&left).await.has(json!({ "status": "expired" }));
    let path = format!("/payment_intents/{}", left.id);
    let there = app.stripe_api("GET", &path, &shop.account, &[]).await;
    assert_eq!(there["status"], "canceled");
    app.order(&paid).await.has(json!({ "status": "paid" }));
}

#[tokio::test]
async fn an_intent_whose_creation_is_not_answered_is_made_once() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    app.fault(
        "POST",
        "/v1/payment_intents",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let body = json!({ "lines": lines_of(&[(&product, 1)]), "customer_email": "sam@example.com" });
    let key = "one-intent";
    app.post("/v1/payment_intents", body.clone())
        .keyed(key)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let intent = app.post("/v1/payment_intents", body.clone()).keyed(key);
    let intent = intent.expect(201).await;
    let again = app.post("/v1/payment_intents", body).keyed(key);
    let again = again.expect(201).await;
    assert_eq!(intent["id"], again["id"]);
    assert_eq!(intent["client_secret"], again["client_secret"]);
    let list = app
        .stripe_api("GET", "/payment_intents", &shop.account, &[])
        .await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{list}");
    let stored: i64 = app
        .count(&format!(
            "payments WHERE request LIKE '%{}%'",
            text(&intent, "client_secret")
        ))
        .await;
    assert_eq!(stored, 0);
    app.settle().await;
}

#[tokio::test]
async fn an_event_that_comes_before_the_answer_waits_for_it() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    app.fault(
        "POST",
        "/v1/payment_intents",
        FaultKind::CommitThenTimeout,
        None,
    )
    .await;
    let body = json!({ "lines": lines_of(&[(&product, 1)]), "customer_email": "sam@example.com" });
    app.post("/v1/payment_intents", body)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let list = app
        .stripe_api("GET", "/payment_intents", &shop.account, &[])
        .await;
    let intent = text(&list["data"][0], "id");
    confirm(&app, &shop, &intent, "pm_card_visa").await;
    app.apply_events().await;
    assert!(app.count("inbox_events WHERE state = 'deferred'").await > 0);
    app.advance(20).await;
    app.settle().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "paid");
    assert_eq!(app.count("inbox_events WHERE state = 'deferred'").await, 0);
}

#[tokio::test]
async fn an_intent_over_another_amount_is_a_finding_and_no_sale() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    let path = format!("/payment_intents/{}", checkout.id);
    app.stripe_api("POST", &path, &shop.account, &[("amount", "9000")])
        .await;
    confirm(&app, &shop, &checkout.id, "pm_card_visa").await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "pending" }));
    assert_eq!(app.stock(&product).await, 5);
    let mismatch = ("amount_mismatch".to_owned(), checkout.payment.clone());
    assert!(app.open_findings().await.contains(&mismatch));
}

#[tokio::test]
async fn an_intent_for_something_that_sells_out_is_refunded() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let other = app.product(&shop, 50_000, None).await;
    app.sale(&other).await;
    let product = app.product(&shop, 5000, Some(2)).await;
    let (_, checkout) = open(&app, &product).await;
    let first = app.checkout(&product).await;
    app.pay(&first).await;
    app.settle().await;
    confirm(&app, &shop, &checkout.id, "pm_card_visa").await;
    app.settle().await;
    let verified = verify(&app, &checkout).await;
    verified.has(json!({ "success": false }));
    assert!(
        text(&verified, "message").starts_with("It sold out"),
        "{verified}"
    );
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "refunded", "amount_refunded": 10_000 }));
}

#[tokio::test]
async fn what_can_not_be_paid_by_an_intent_is_refused_by_name() {
    let app = TestApp::start().await;
    let (_, product) = lamps(&app).await;
    let buyer: User = app.member("sam").await;
    let to = "/v1/payment_intents";
    let unknown = json!({ "lines": lines_of(&[(&product, 1)]), "payment_method_types": ["card"] });
    app.post(to, unknown)
        .by(&buyer)
        .refuses_field("payment_method_types")
        .await;
    let guest = json!({ "lines": lines_of(&[(&product, 1)]) });
    app.post(to, guest).refuses_field("customer_email").await;
    let (_, checkout) = open(&app, &product).await;
    // A stranger, and the routes of the other kind.
    for path in [
        format!("/v1/payment_intents/{}", checkout.id),
        format!("/v1/checkout_sessions/{}", checkout.id),
    ] {
        app.get(path).by(&buyer).expect(404).await;
    }
    let session = app.checkout(&product).await;
    let path = format!("/v1/payment_intents/{}", session.id);
    let secret = session.secret.clone().expect("a guest's");
    app.get(&path).with_secret(&secret).expect(404).await;
    let path = format!("{path}/verify");
    app.post(path, json!({})).expect(404).await;
    app.settle().await;
}

#[tokio::test]
async fn while_stripe_does_not_answer_nothing_is_known_and_nothing_has_changed() {
    let app = TestApp::start().await;
    let (_, product) = lamps(&app).await;
    let (_, checkout) = open(&app, &product).await;
    app.settle().await;
    let secret = checkout.secret.clone().expect("a guest's");
    let path = format!("/v1/payment_intents/{}", checkout.id);
    for method in ["GET", "POST"] {
        app.fault(
            method,
            "/v1/payment_intents",
            FaultKind::TimeoutBeforeCommit,
            None,
        )
        .await;
    }
    for call in [
        app.get(&path),
        app.post(format!("{path}/verify"), json!({})),
        app.post(format!("{path}/cancel"), json!({})),
    ] {
        let call = call.with_secret(&secret);
        call.refused(503, "stripe_unavailable").await;
    }
    app.simulator.clear_faults().await;
    read(&app, &checkout).await.has(json!({ "status": "open" }));
    let many = json!({ "lines": lines_of(&[(&product, 6)]), "customer_email": "sam@example.com" });
    app.post("/v1/payment_intents", many)
        .refused(409, "sold_out")
        .await;
}

#[tokio::test]
async fn a_paid_intent_whose_payment_was_lost_with_a_backup_is_a_finding_until_its_money_is_back() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let (_, lost) = open(&app, &product).await;
    let session = app.checkout(&product).await;
    app.settle().await;
    for payment in [&lost.payment, &session.payment] {
        let links = format!("DELETE FROM payment_orders WHERE payment_id = '{payment}'");
        app.sql(&links).await;
        app.sql(&format!("DELETE FROM payments WHERE id = '{payment}'"))
            .await;
    }
    confirm(&app, &shop, &lost.id, "pm_card_visa").await;
    app.pay(&session).await;
    app.settle().await;
    // Of a session and its intent the session tells.
    let kind = || "orphan_payment".to_owned();
    let mut open = vec![(kind(), lost.id.clone()), (kind(), session.id.clone())];
    open.sort();
    assert_eq!(app.open_findings().await, open);
    let back = [("payment_intent", lost.id.as_str())];
    app.stripe_api("POST", "/refunds", &shop.account, &back)
        .await;
    souk::payments::reread::review::review(&app.app)
        .await
        .expect("looks again");
    assert_eq!(app.open_findings().await, vec![(kind(), session.id)]);
    app.settle().await;
}

#[tokio::test]
async fn intents_are_listed_for_their_buyer_their_seller_and_admins_without_secrets() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let other = app.shop("olga").await;
    let others = app.product(&other, 700, Some(9)).await;
    let (sam, admin) = (app.member("sam").await, app.admin().await);
    let mut own = vec![];
    for _ in 0..3 {
        let body = json!({ "lines": lines_of(&[(&product, 1)]) });
        let opened = app.post("/v1/payment_intents", body).by(&sam).expect(201);
        own.push(text(&opened.await, "id"));
        app.advance(1).await;
    }
    own.reverse();
    let (guests, _) = open(&app, &product).await;
    let (foreign, _) = open(&app, &others).await;
    // A session's intent is no intent of its own.
    app.sale(&product).await;
    let list = async |query: &str, by: &User| {
        let list = app.get(format!("/v1/payment_intents{query}")).by(by);
        let list = list.expect(200).await;
        let data = list["data"].as_array().expect("a list").clone();
        assert!(data.iter().all(|one| one["client_secret"].is_null()));
        let ids: Vec<_> = data.iter().map(|one| text(one, "id")).collect();
        (ids, list["has_more"] == true)
    };
    assert_eq!(list("", &sam).await, (own.clone(), false));
    assert_eq!(list("?limit=2", &sam).await, (own[..2].to_vec(), true));
    let after = format!("?starting_after={}", own[1]);
    assert_eq!(list(&after, &sam).await, (own[2..].to_vec(), false));
    let before = format!("?ending_before={}", own[1]);
    assert_eq!(list(&before, &sam).await, (own[..1].to_vec(), false));
    let (ids, _) = list(&format!("?seller_id={}", shop.id), &shop.owner).await;
    assert_eq!(ids.len(), 4);
    assert!(ids.contains(&text(&guests, "id")) && !ids.contains(&text(&foreign, "id")));
    assert_eq!(list("", &admin).await.0.len(), 5);
    assert_eq!(list("", &shop.owner).await, (vec![], false));
    let wrong = format!(
        "/v1/payment_intents?starting_after={}",
        text(&foreign, "id")
    );
    app.get(wrong)
        .by(&sam)
        .refuses_field("starting_after")
        .await;
}

#[tokio::test]
async fn a_seller_allows_the_methods_by_which_buyers_pay_here_or_in_their_dashboard() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let path = format!("/v1/sellers/{}", shop.id);
    let allow = |types: Value| app.patch(&path, json!({ "allowed_payment_method_types": types }));
    let opened = async || {
        let (_, checkout) = open(&app, &product).await;
        let intent = format!("/payment_intents/{}", checkout.id);
        let intent = app.stripe_api("GET", &intent, &shop.account, &[]).await;
        let session = app.checkout(&product).await;
        let session = format!("/checkout/sessions/{}", session.id);
        let session = app.stripe_api("GET", &session, &shop.account, &[]).await;
        (intent, session)
    };
    let (intent, session) = opened().await;
    intent["automatic_payment_methods"].has(json!({ "enabled": true }));
    let by_default = session["payment_method_types"].clone();

    let seller = allow(json!(["us_bank_account", "card", "card"]))
        .by(&shop.owner)
        .expect(200)
        .await;
    seller.has(json!({ "allowed_payment_method_types": ["card", "us_bank_account"] }));
    allow(json!(["card"])).by(&shop.owner).expect(200).await;
    let (intent, session) = opened().await;
    intent.has(json!({ "automatic_payment_methods": null, "payment_method_types": ["card"] }));
    session.has(json!({ "payment_method_types": ["card"] }));
    // Another change leaves it as it is.
    app.patch(&path, json!({ "name": "Mira" }))
        .by(&shop.owner)
        .expect(200)
        .await
        .has(json!({ "allowed_payment_method_types": ["card"] }));
    for wrong in [json!([]), json!(["crad"]), json!("card"), json!([1])] {
        let refused = allow(wrong.clone()).by(&shop.owner).await;
        assert!(
            [400, 422].contains(&refused.status),
            "{wrong}: {}",
            refused.text
        );
    }
    allow(json!(["crad"]))
        .by(&shop.owner)
        .refuses_field("allowed_payment_method_types")
        .await;

    allow(json!(null))
        .by(&shop.owner)
        .expect(200)
        .await
        .has(json!({ "allowed_payment_method_types": null }));
    let (intent, session) = opened().await;
    intent["automatic_payment_methods"].has(json!({ "enabled": true }));
    assert_eq!(session["payment_method_types"], by_default);
    app.settle().await;
}
