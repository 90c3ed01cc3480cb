//! Held money that is given back, or never wanted: the goods come back, and nothing is charged.

use serde_json::{Value, json};
use souk::payments::confirm::payment_intents;
use souk::payments::reread;
use souk::stripe::{Effect, Event};

use super::{
    By, WAYS, at_stripe, authorize, books_equal, cancel, capture, held, lamps, open, path,
};
use crate::harness::{Has, TestApp};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

#[tokio::test]
async fn money_that_is_released_gives_the_goods_back_and_only_the_sellers_side_releases_it() {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let canceled = held(&app, by, &shop, &product).await;
        let secret = canceled.secret.clone().expect("a guest's");
        for action in ["cancel", "capture"] {
            let path = path(&app, &canceled, action).await;
            app.post(&path, json!({}))
                .with_secret(&secret)
                .refused(403, "forbidden")
                .await;
        }
        let order = format!("/v1/orders/{}/cancel", canceled.order);
        app.post(&order, json!({}))
            .with_secret(&secret)
            .refused(403, "forbidden")
            .await;
        assert_eq!(app.stock(&product).await, 3);

        cancel(&app, &shop, &canceled)
            .await
            .has(json!({ "status": "canceled", "amount_capturable": null }));
        app.settle().await;
        app.order(&canceled)
            .await
            .has(json!({ "status": "expired", "amount_total": null, "authorization": null }));
        assert_eq!(app.stock(&product).await, 5);
        assert_eq!(
            at_stripe(&app, &shop, &canceled).await["status"],
            "canceled"
        );
        assert_eq!(app.mails_called("Your order was not charged"), 1);
        assert_eq!(app.mails_called("An order was not charged"), 1);

        let by_order = held(&app, by, &shop, &product).await;
        let order = format!("/v1/orders/{}/cancel", by_order.order);
        app.post(&order, json!({ "reason": "broken" }))
            .by(&shop.owner)
            .expect(200)
            .await
            .has(json!({ "status": "cancelled", "cancel_reason": "broken" }));
        app.settle().await;
        assert_eq!(app.stock(&product).await, 5);
        assert_eq!(
            at_stripe(&app, &shop, &by_order).await["status"],
            "canceled"
        );
        let path = path(&app, &by_order, "capture").await;
        app.post(&path, json!({}))
            .by(&shop.owner)
            .refused(409, "payment_not_authorized")
            .await;
        assert_eq!(
            app.refunds(&shop, &canceled.order).await,
            Vec::<Value>::new()
        );
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn an_order_is_shipped_first_and_then_captured_but_not_cancelled() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = held(&app, By::Intent, &shop, &product).await;
    app.post(format!("/v1/orders/{}/fulfil", checkout.order), json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.post(format!("/v1/orders/{}/cancel", checkout.order), json!({}))
        .by(&shop.owner)
        .refused(409, "order_fulfilled")
        .await;
    capture(&app, &shop, &checkout, json!({}))
        .await
        .has(json!({ "status": "succeeded" }));
    app.settle().await;
    let order = app.order(&checkout).await;
    order.has(json!({ "status": "paid" }));
    assert!(!order["fulfilled_at"].is_null());
    books_equal(&app, &shop).await;
}

#[tokio::test]
async fn the_seller_is_reminded_before_an_authorization_lapses_and_then_the_goods_come_back() {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let checkout = held(&app, by, &shop, &product).await;
        let reminder = "Money that is held for you lapses soon";
        let look = async || {
            souk::reconciliation::reconcile(&app.app)
                .await
                .expect("looks");
            app.settle().await;
            app.mails_called(reminder)
        };
        assert_eq!(look().await, 0);
        app.advance(5 * DAY + HOUR).await;
        assert_eq!((look().await, look().await), (1, 1));
        app.advance(DAY).await;
        assert_eq!((look().await, look().await), (2, 2));
        app.advance(DAY).await;
        app.settle().await;
        app.order(&checkout)
            .await
            .has(json!({ "status": "expired" }));
        assert_eq!(
            at_stripe(&app, &shop, &checkout).await["status"],
            "canceled"
        );
        assert_eq!(app.stock(&product).await, 5);
        assert_eq!(app.mails_called("Your order was not charged"), 1);
        let path = path(&app, &checkout, "capture").await;
        let owner = app.login(&shop.owner).await;
        app.post(&path, json!({}))
            .by(&owner)
            .refused(409, "payment_not_authorized")
            .await;
    }
}

#[tokio::test]
async fn a_lapse_whose_event_never_comes_is_found() {
    for by in WAYS {
        let app = TestApp::start().await;
        let (shop, product) = lamps(&app).await;
        let checkout = held(&app, by, &shop, &product).await;
        app.advance(7 * DAY + HOUR).await;
        app.intercept().await;
        app.order(&checkout)
            .await
            .has(json!({ "status": "authorized" }));
        reread::sweep(&app.app).await.expect("sweeps");
        app.settle().await;
        app.order(&checkout)
            .await
            .has(json!({ "status": "expired" }));
        assert_eq!(app.stock(&product).await, 5);
    }
}

#[tokio::test]
async fn what_is_sold_out_when_its_money_is_held_is_never_charged() {
    for by in WAYS {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let product = app.product(&shop, 5000, Some(3)).await;
        let first = open(&app, by, &product).await;
        let second = open(&app, by, &product).await;
        for checkout in [&first, &second] {
            authorize(&app, by, &shop, checkout).await;
            app.settle().await;
        }
        app.order(&first)
            .await
            .has(json!({ "status": "authorized" }));
        app.order(&second)
            .await
            .has(json!({ "status": "cancelled_sold_out", "authorization": null }));
        let there = at_stripe(&app, &shop, &second).await;
        there.has(json!({ "status": "canceled", "amount_received": 0 }));
        assert_eq!(app.refunds(&shop, &second.order).await, Vec::<Value>::new());
        assert_eq!(app.mails_called("Your order sold out"), 1);
        capture(&app, &shop, &first, json!({})).await;
        app.settle().await;
        assert_eq!(app.stock(&product).await, 1);
        books_equal(&app, &shop).await;
    }
}

#[tokio::test]
async fn money_that_is_held_for_an_order_that_has_ended_is_released() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = open(&app, By::Intent, &product).await;
    let ended = format!(
        "UPDATE orders SET status = 'cancelled' WHERE id = '{}'",
        checkout.order
    );
    app.sql(&ended).await;
    authorize(&app, By::Intent, &shop, &checkout).await;
    app.settle().await;
    assert_eq!(
        at_stripe(&app, &shop, &checkout).await["status"],
        "canceled"
    );
    app.order(&checkout)
        .await
        .has(json!({ "status": "cancelled" }));
    assert_eq!(app.stock(&product).await, 5);
}

#[tokio::test]
async fn money_that_is_held_and_released_in_one_batch_of_events_takes_nothing_from_stock() {
    let app = TestApp::start().await;
    let (shop, product) = lamps(&app).await;
    let checkout = open(&app, By::Intent, &product).await;
    authorize(&app, By::Intent, &shop, &checkout).await;
    let mut events = app.intercept().await;
    let path = format!("/payment_intents/{}/cancel", checkout.id);
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    events.extend(app.intercept().await);
    let of = |kind: &str| {
        let event = events.iter().find(|event| event["type"] == kind);
        let event = event.expect("Stripe tells").to_string();
        Event::read(event.into()).expect("an event")
    };
    let held = of("payment_intent.amount_capturable_updated");
    let released = of("payment_intent.canceled");
    let tx = app.app.db.begin_write().await.expect("begins");
    let effects = payment_intents(&tx, &[&held, &released]).await;
    assert_eq!(
        effects.expect("confirms"),
        [Effect::Applied, Effect::Applied]
    );
    tx.commit().await.expect("commits");
    for event in &events {
        app.deliver(event).await;
    }
    app.settle().await;
    app.order(&checkout)
        .await
        .has(json!({ "status": "expired", "authorization": null }));
    assert_eq!(app.stock(&product).await, 5);
    let moved = "stock_movements WHERE reason <> 'initial'";
    let sum = format!("SELECT CAST(COALESCE(SUM(delta), 0) AS BIGINT) AS it FROM {moved}");
    assert_eq!(app.query::<i64>(&sum).await, 0);
    books_equal(&app, &shop).await;
}
