//! A seller who disconnects, and a key that Stripe refuses: work ends or waits, and people are told what they can use.

use serde_json::{Value, json};
use souk::reconciliation;
use souk_simulator::FaultKind;

use crate::harness::{Checkout, Has, Shop, TestApp, text};

/// A shop with two open checkouts and a paid order, whose account has then left. With `told`, its event has come.
async fn shop_that_left(app: &TestApp, told: bool) -> (Shop, [Checkout; 3]) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let paid = app.sale(&lamp).await;
    let checkouts = [app.checkout(&lamp).await, app.checkout(&lamp).await, paid];
    let leave = format!("/accounts/{}/deauthorize", shop.account);
    app.simulate(&leave, json!({})).await;
    match told {
        true => app.settle().await,
        false => drop(app.intercept().await),
    }
    (shop, checkouts)
}

/// What must never be told: our key, or the account.
fn is_neutral(shop: &Shop, told: &Value) {
    let told = told.to_string();
    assert!(
        !told.contains("sk_") && !told.contains(&shop.account),
        "{told}"
    );
    assert!(!told.contains("Application access"), "{told}");
}

fn cancel(checkout: &Checkout) -> String {
    format!("/v1/orders/{}/cancel", checkout.order)
}

#[tokio::test]
async fn payments_that_were_open_are_a_finding_each_and_can_be_cancelled() {
    let app = TestApp::start().await;
    let (shop, [one, two, _]) = shop_that_left(&app, true).await;
    let mut expected = [&one, &two].map(|open| ("access_lost".to_owned(), open.payment.clone()));
    expected.sort();
    assert_eq!(app.open_findings().await, expected);
    let verified = app.verify(&one).await;
    verified.has(json!({ "success": false, "status": "pending", "seller_disconnected": true }));
    assert!(
        text(&verified, "message").contains("ask the shop"),
        "{verified}"
    );
    is_neutral(&shop, &verified);
    let secret = one.secret.as_deref().expect("a guest's");
    let order = app.post(cancel(&one), json!({})).with_secret(secret);
    assert_eq!(order.expect(200).await["status"], "cancelled");
    // Until its session is over, it could still be paid.
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, expected);
    app.advance(25 * 3600).await;
    app.run_jobs().await;
    let open = [("access_lost".to_owned(), two.payment.clone())];
    assert_eq!(app.open_findings().await, open);
    let admin = app.admin().await;
    let order = app.post(cancel(&two), json!({})).by(&admin);
    assert_eq!(order.expect(200).await["status"], "cancelled");
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn an_account_that_left_without_a_word_ends_jobs_quietly_and_tells_nobody_our_key() {
    let app = TestApp::start().await;
    let (shop, [one, two, paid]) = shop_that_left(&app, false).await;
    let lamp = app.get("/v1/products").expect(200).await;
    let lamp = text(&lamp["data"][0], "id");
    // The first to notice may be anybody.
    let verified = app.verify(&one).await;
    is_neutral(&shop, &verified);
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "x@example.com" });
    let refused = app
        .post("/v1/checkout_sessions", body)
        .refused(409, "seller_not_active")
        .await;
    is_neutral(&shop, &refused);
    let expire = format!("/v1/checkout_sessions/{}/expire", two.id);
    let secret = two.secret.as_deref().expect("a guest's");
    let refused = app.post(expire, json!({})).with_secret(secret).await;
    is_neutral(&shop, refused.refused(409, "seller_not_active"));
    let refund = json!({ "order_id": paid.order });
    app.post("/v1/refunds", refund)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
        .await;
    app.run_jobs().await;
    let seller = app.get(format!("/v1/sellers/{}", shop.id)).by(&shop.owner);
    assert_eq!(seller.expect(200).await["status"], "deauthorized");
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
    let refund = app.refunds(&shop, &paid.order).await.remove(0);
    assert_eq!(refund["status"], "blocked");
    is_neutral(&shop, &refund);
    let findings = app.open_findings().await;
    let kinds: Vec<&str> = findings.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["access_lost", "access_lost", "refund_missing"]);
    // The order that was never payable has failed instead of staying open.
    assert_eq!(app.count("orders WHERE status = 'failed'").await, 1);
    app.advance(25 * 3600).await;
    souk::payments::reread::sweep(&app.app)
        .await
        .expect("looks");
    let asked = "jobs WHERE kind = 'reread_payment' AND state = 'ready'";
    assert_eq!(app.count(asked).await, 0, "there is nobody to ask");
    app.run_jobs().await;
}

#[tokio::test]
async fn what_happened_while_an_account_was_away_is_read_when_it_comes_back() {
    let app = TestApp::start().await;
    let (shop, [one, two, _]) = shop_that_left(&app, true).await;
    // The buyer pays all the same, and we hear nothing of it.
    app.pay(&one).await;
    app.intercept().await;
    assert_eq!(app.verify(&one).await["status"], "pending");
    app.simulate(
        &format!("/accounts/{}/reauthorize", shop.account),
        json!({}),
    )
    .await;
    let sync = format!("/v1/sellers/{}/sync", shop.id);
    app.post(sync, json!({})).by(&shop.owner).expect(200).await;
    app.settle().await;
    assert_eq!(app.order(&one).await["status"], "paid");
    assert_eq!(app.order(&two).await["status"], "pending");
    assert_eq!(app.open_findings().await, []);
}

#[tokio::test]
async fn a_refused_key_is_a_finding_and_nothing_is_lost_meanwhile() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    // Its money covers Stripe's fees.
    app.sale(&lamp).await;
    let paid = app.sale(&lamp).await;
    app.fault("GET", "/v1", FaultKind::Error401, None).await;
    app.fault("POST", "/v1", FaultKind::Error403, None).await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "x@example.com" });
    let refused = app
        .post("/v1/checkout_sessions", body.clone())
        .refused(503, "stripe_unavailable")
        .await;
    is_neutral(&shop, &refused);
    let found = [(
        "stripe_key_refused".to_owned(),
        "STRIPE_SECRET_KEY".to_owned(),
    )];
    assert_eq!(app.open_findings().await, found);
    let refund = json!({ "order_id": paid.order });
    app.post("/v1/refunds", refund)
        .by(&shop.owner)
        .expect(201)
        .await;
    for _ in 0..30 {
        app.advance(11).await;
        app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
            .await;
        app.run_jobs().await;
    }
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
    let refund = app.refunds(&shop, &paid.order).await.remove(0);
    assert_eq!(refund["status"], "requested", "{refund}");
    assert_eq!(app.open_findings().await, found);
    app.simulator.clear_faults().await;
    app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
        .await;
    app.settle().await;
    reconciliation::reconcile(&app.app).await.expect("looks");
    assert_eq!(app.open_findings().await, []);
    assert_eq!(app.order(&paid).await["status"], "refunded");
}
