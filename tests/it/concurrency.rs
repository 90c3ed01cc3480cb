//! Things that happen at the same moment.

use std::time::Duration;

use futures_util::future::{join, join_all};
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use souk::catalog::Stock;
use souk::webhooks;
use souk_entity::ProductId;

use crate::harness::{Checkout, TestApp, on_postgres, text};
use crate::sellers::get_seller;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn webhook_and_verify_at_the_same_moment_confirm_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(50)).await;
    for round in 1..=15 {
        let checkout = app.checkout(&lamp).await;
        app.pay(&checkout).await;
        let completed = app.pending_one("checkout.session.completed").await;
        let verifies = join_all((0..3).map(|_| app.verify(&checkout)));
        let (state, _) = join(app.deliver(&completed), verifies).await;
        assert_eq!(state, "processed");
        app.settle().await;
        assert_eq!(app.order(&checkout).await["status"], "paid");
        assert_eq!(app.stock(&lamp).await, 50 - round);
    }
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 15);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_buyers_gets_the_last_piece_and_the_other_their_money_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    for _ in 0..5 {
        let last = app.product(&shop, 2500, Some(1)).await;
        let (a, b) = (app.checkout(&last).await, app.checkout(&last).await);
        join(app.pay(&a), app.pay(&b)).await;
        let events = app.intercept().await;
        join_all(events.iter().map(|event| app.deliver(event))).await;
        app.sale(&lamp).await;
        let statuses =
            [app.order(&a).await, app.order(&b).await].map(|order| text(&order, "status"));
        let count = |wanted: &str| statuses.iter().filter(|status| *status == wanted).count();
        assert_eq!(count("paid"), 1, "{statuses:?}");
        assert_eq!(count("refunded"), 1, "{statuses:?}");
        assert_eq!(app.stock(&last).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_requests_with_one_idempotency_key_open_one_checkout() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "guest@example.com" });
    let open = async || {
        app.post("/v1/checkout_sessions", body.clone())
            .keyed("one")
            .await
    };
    let answers = join_all((0..10).map(|_| open())).await;
    for answer in &answers {
        assert!(
            answer.status == 201 || answer.code() == "idempotency_in_flight",
            "{}",
            answer.text
        );
    }
    let replay = open().await;
    replay.expect_replay(201);
    assert!(
        replay.body["order_secret"].is_string(),
        "a guest's replay has the secret too"
    );
    assert_eq!(app.count("orders").await, 1);
    let books = app.stripe_books(&shop.account).await;
    assert_eq!(books["checkout_sessions"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_adjustments_at_once_add_up_and_never_go_below_zero() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let path = format!("/v1/products/{lamp}/stock_adjustments");
    let take = async || {
        app.post(&path, json!({ "delta": -1, "reason": "damaged" }))
            .by(&shop.owner)
            .await
    };
    let answers = join_all((0..12).map(|_| take())).await;
    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers
        .iter()
        .filter(|answer| answer.code() == "insufficient_stock")
        .count();
    assert_eq!(taken, 5);
    assert_eq!(refused, 7);
    assert_eq!(app.stock(&lamp).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_refunds_at_once_never_exceed_what_was_paid() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let body = json!({ "order_id": checkout.order, "amount": 2000 });
    let ask = async || app.post("/v1/refunds", body.clone()).by(&shop.owner).await;
    let answers = join_all((0..6).map(|_| ask())).await;
    assert_eq!(
        answers.iter().filter(|answer| answer.status == 201).count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| answer.code() == "refund_exceeds_paid")
            .count(),
        5
    );
    app.settle().await;
    assert_eq!(app.order(&checkout).await["amount_refunded"], 2000);
}

/// A sale of one of three lamps, paid before its session's id is stored; with the lamp and the event that says so.
async fn paid_too_soon(app: &TestApp) -> (Checkout, String, Value) {
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.sql("UPDATE payments SET stripe_object = NULL").await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    (checkout, lamp, completed)
}

#[tokio::test]
async fn a_deferred_event_is_retried_when_its_prerequisite_comes_while_a_sweep_holds_it() {
    let app = TestApp::start().await;
    let (checkout, _, completed) = paid_too_soon(&app).await;
    assert_eq!(app.deliver(&completed).await, "deferred");
    // A sweep has claimed it, and hasn't found the session.
    let swept = app.app.db.begin_write().await.expect("begins");
    let claim = "UPDATE inbox_events SET attempts = attempts + 1 WHERE state = 'deferred'";
    swept.execute_unprepared(claim).await.expect("claims");
    let comes = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let attach = format!("UPDATE payments SET stripe_object = '{}'", checkout.id);
        swept.execute_unprepared(&attach).await.expect("attaches");
        swept.commit().await.expect("commits");
    };
    let retry = webhooks::retry::retry_deferred(&app.app, &checkout.id);
    let (retried, ()) = tokio::join!(retry, comes);
    retried.expect("looks again");
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "paid");
    app.settle().await;
}

/// The state of an event that arrives while this statement's transaction is open.
async fn state_of_an_event_delivered_while(app: &TestApp, stored: &str, event: &Value) -> String {
    let storing = app.app.db.begin_write().await.expect("begins");
    storing.execute_unprepared(stored).await.expect("stores");
    let ends = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        storing.commit().await.expect("commits");
    };
    let (state, ()) = join(app.deliver(event), ends).await;
    state
}

#[tokio::test]
async fn a_session_that_is_paid_while_its_id_is_being_stored_is_confirmed() {
    let app = TestApp::start().await;
    let (checkout, lamp, completed) = paid_too_soon(&app).await;
    let stored = format!("UPDATE payments SET stripe_object = '{}'", checkout.id);
    assert_eq!(
        state_of_an_event_delivered_while(&app, &stored, &completed).await,
        "processed"
    );
    assert_eq!(app.order(&checkout).await["status"], "paid");
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 2);
}

#[tokio::test]
async fn an_account_that_changes_while_its_id_is_being_stored_is_read_again() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.sql("UPDATE sellers SET stripe_account = NULL").await;
    let how = json!({ "disabled_reason": "under_review" });
    app.simulate(&format!("/accounts/{}/restrict", shop.account), how)
        .await;
    let updated = app.pending_one("account.updated").await;
    app.intercept().await;
    let stored = format!("UPDATE sellers SET stripe_account = '{}'", shop.account);
    assert_eq!(
        state_of_an_event_delivered_while(&app, &stored, &updated).await,
        "processed"
    );
    app.settle().await;
    assert_eq!(get_seller(&app, &shop).await["charges_enabled"], false);
}

#[tokio::test]
async fn an_order_is_placed_while_a_sale_holds_the_stock_of_its_products() {
    // SQLite has one writer.
    if !on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (one, two) = (
        app.product(&shop, 900, Some(5)).await,
        app.product(&shop, 900, Some(5)).await,
    );
    let tx = app.app.db.begin_write().await.expect("begins");
    let products = [&one, &two].map(|id| ProductId::from(id.as_str()));
    let stock = Stock::lock(&tx, &products.iter().collect()).await;
    stock.expect("locks");
    let lines = [(two.as_str(), 1), (one.as_str(), 1)];
    let placed = app.checkout_of(&lines);
    let placed = tokio::time::timeout(Duration::from_secs(10), placed).await;
    tx.rollback().await.expect("ends");
    placed.expect("nobody had to wait");
}
