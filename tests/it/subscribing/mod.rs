//! Subscribing by API: order and payment come first, the first invoice is paid with a client secret, and confirmed as any payment.

mod fees;
mod refused;
mod terms;

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Has, Shop, TestApp, User, text};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A shop with boxes of tea for 9.00 a month, and somebody who wants one.
struct Scene {
    app: TestApp,
    shop: Shop,
    bea: User,
    tea: String,
    price: String,
}

async fn scene(stock: Option<i64>) -> Scene {
    scene_with(&[], stock).await
}

async fn scene_with(settings: &[(&str, &str)], stock: Option<i64>) -> Scene {
    let key = ("STRIPE_PUBLISHABLE_KEY", "pk_test_suite");
    let app = TestApp::with(&[settings, &[key]].concat()).await;
    let shop = app.shop("mira").await;
    let bea = app.member("bea").await;
    let tea = app.product(&shop, 900, stock).await;
    let price = app.price(&shop, &tea, 900).await;
    Scene {
        app,
        shop,
        bea,
        tea,
        price,
    }
}

impl Scene {
    fn wish(&self) -> Value {
        json!({ "lines": [{ "price_id": self.price, "quantity": 1 }] })
    }

    async fn subscribe(&self) -> Value {
        self.subscribe_to(self.wish()).await
    }

    async fn subscribe_to(&self, body: Value) -> Value {
        let made = self.app.post("/v1/subscriptions", body).by(&self.bea);
        made.expect(201).await
    }

    async fn read(&self, subscription: &Value) -> Value {
        let path = format!("/v1/subscriptions/{}", text(subscription, "id"));
        self.app.get(path).by(&self.bea).expect(200).await
    }

    async fn verify(&self, subscription: &Value) -> Value {
        let path = format!("/v1/subscriptions/{}/verify", text(subscription, "id"));
        self.app.post(path, json!({})).expect(200).await
    }

    /// As Stripe.js does, with the client secret alone.
    async fn confirm(&self, subscription: &Value, method: &str) {
        let secret = text(subscription, "client_secret");
        let (intent, _) = secret.split_once("_secret_").expect("a client secret");
        let kind = match intent.split_once('_') {
            Some(("seti", _)) => "setup_intents",
            _ => "payment_intents",
        };
        let path = format!("/{kind}/{intent}/confirm");
        let form = [
            ("payment_method", method),
            ("return_url", "http://shop.test/"),
        ];
        let account = &self.shop.account;
        let done = self.app.attempt_stripe("POST", &path, account, &form).await;
        done.ok();
    }

    async fn order(&self, subscription: &Value) -> Value {
        let path = format!("/v1/orders/{}", text(subscription, "order_id"));
        self.app.get(path).by(&self.bea).expect(200).await
    }

    async fn orders(&self) -> Vec<Value> {
        let path = format!("/v1/orders?seller_id={}", self.shop.id);
        let list = self.app.get(path).by(&self.shop.owner).expect(200).await;
        list["data"].as_array().expect("a list").clone()
    }

    /// Lets time pass by days, so that whatever is due happens on its day. Who is logged in logs in again.
    async fn days(&mut self, days: i64) {
        for _ in 0..days {
            self.app.advance(DAY).await;
            self.app.settle().await;
        }
        self.bea = self.app.login(&self.bea).await;
        self.shop.owner = self.app.login(&self.shop.owner).await;
    }

    async fn books_are_equal(&self) {
        self.app.until_transactions_show(&self.shop.account).await;
        self.app.settle().await;
        self.app.books_equal_stripe().await;
        assert_eq!(self.app.open_findings().await, vec![]);
    }

    /// The subscriptions that there are at Stripe.
    async fn at_stripe(&self) -> Vec<Value> {
        let path = "/subscriptions?status=all";
        let list = self.app.stripe_api("GET", path, &self.shop.account, &[]);
        list.await["data"].as_array().expect("a list").clone()
    }

    /// A price of the tea with a trial of a week.
    async fn with_trial(&self) -> String {
        let body = json!({
            "product_id": self.tea, "unit_amount": 900, "recurring": { "interval": "month", "trial_period_days": 7 },
        });
        let price = self.app.post("/v1/prices", body).by(&self.shop.owner);
        text(&price.expect(201).await, "id")
    }
}

#[tokio::test]
async fn a_subscription_begins_with_its_first_invoice_and_renews_as_any_other() {
    let mut scene = scene(Some(3)).await;
    let made = scene.subscribe().await;
    made.has(json!({
        "object": "subscription", "status": "incomplete", "client_secret_of": "payment_intent",
        "publishable_key": "pk_test_suite", "stripe_account": scene.shop.account, "currency": "usd",
    }));
    made["items"][0].has(json!({ "price_id": scene.price, "quantity": 1 }));
    let there = &scene.at_stripe().await[0];
    there.has(json!({ "status": "incomplete", "application_fee_percent": 10.0 }));
    assert_eq!(there["billing_mode"]["type"], "flexible");
    let keeps = &there["payment_settings"]["save_default_payment_method"];
    assert_eq!(keeps, "on_subscription");
    // To the buyer alone it is told again.
    assert_eq!(
        scene.read(&made).await["client_secret"],
        made["client_secret"]
    );
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let seen = scene.app.get(&path).by(&scene.shop.owner).expect(200).await;
    seen.has(json!({ "status": "incomplete", "client_secret": null, "stripe_account": null }));
    scene.app.settle().await;
    scene.order(&made).await.has(json!({ "status": "pending" }));
    scene
        .verify(&made)
        .await
        .has(json!({ "success": false, "status": "pending" }));
    assert_eq!(scene.app.stock(&scene.tea).await, 3);

    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    scene.order(&made).await.has(json!({
        "status": "paid", "amount_subtotal": 900, "amount_total": 900, "application_fee_amount": 90,
    }));
    scene
        .read(&made)
        .await
        .has(json!({ "status": "active", "client_secret": null, "client_secret_of": null }));
    scene
        .verify(&made)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    assert_eq!(scene.app.stock(&scene.tea).await, 2);
    scene.days(35).await;
    let orders = scene.orders().await;
    assert_eq!(orders.len(), 2, "{orders:?}");
    orders[0].has(json!({ "status": "paid", "amount_subtotal": 900 }));
    assert_eq!(scene.app.stock(&scene.tea).await, 2);
    scene.books_are_equal().await;
    let secret = r"payments WHERE request LIKE '%\_secret\_%' ESCAPE '\'";
    assert_eq!(scene.app.count(secret).await, 0);
}

#[tokio::test]
async fn verify_alone_confirms_the_first_invoice_and_its_events_change_nothing_then() {
    let scene = scene(Some(3)).await;
    let made = scene.subscribe().await;
    scene.confirm(&made, "pm_card_visa").await;
    scene
        .verify(&made)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    assert_eq!(scene.app.stock(&scene.tea).await, 2);
    let events = scene.app.intercept().await;
    for event in events.iter().rev().chain(&events) {
        scene.app.deliver(event).await;
    }
    scene.app.settle().await;
    assert_eq!(scene.app.stock(&scene.tea).await, 2);
    assert_eq!(scene.app.count("orders").await, 1);
    scene.read(&made).await.has(json!({ "status": "active" }));
    let paid = scene.app.get("/v1/subscriptions/sub_nobodys");
    paid.by(&scene.bea).refused(404, "not_found").await;
    scene
        .app
        .post("/v1/subscriptions/sub_nobodys/verify", json!({}))
        .refused(404, "not_found")
        .await;
    scene.books_are_equal().await;
}

#[tokio::test]
async fn there_is_one_subscription_whatever_stripe_fails_to_answer() {
    for kind in [
        FaultKind::CommitThenTimeout,
        FaultKind::CommitThenError500,
        FaultKind::TimeoutBeforeCommit,
        FaultKind::Error500,
    ] {
        let scene = scene(None).await;
        let ask = || {
            let made = scene.app.post("/v1/subscriptions", scene.wish());
            made.by(&scene.bea).keyed("once")
        };
        scene
            .app
            .fault("POST", "/v1/subscriptions", kind, Some(3))
            .await;
        ask().refused(503, "stripe_unavailable").await;
        let made = ask().expect(201).await;
        let again = ask().expect(201).await;
        assert_eq!(made["id"], again["id"], "{kind:?}");
        assert_eq!(made["client_secret"], again["client_secret"]);
        let other = json!({ "lines": [{ "price_id": scene.price, "quantity": 2 }] });
        scene
            .app
            .post("/v1/subscriptions", other)
            .by(&scene.bea)
            .keyed("once")
            .refused(422, "idempotency_mismatch")
            .await;
        scene.confirm(&made, "pm_card_visa").await;
        scene.app.settle().await;
        assert_eq!(scene.at_stripe().await.len(), 1, "{kind:?}");
        assert_eq!(scene.app.count("orders WHERE status = 'paid'").await, 1);
        scene.books_are_equal().await;
    }
}

#[tokio::test]
async fn what_is_paid_before_we_know_its_invoice_waits_for_it() {
    let scene = scene(Some(1)).await;
    scene
        .app
        .save_card(&scene.bea, &scene.shop, "pm_card_visa")
        .await;
    let card: String = scene
        .app
        .query("SELECT id AS it FROM payment_methods")
        .await;
    let mut wish = scene.wish();
    wish["payment_method"] = json!(card);
    // It is made and paid, and we are told neither.
    let kind = FaultKind::CommitThenTimeout;
    scene
        .app
        .fault("POST", "/v1/subscriptions", kind, Some(3))
        .await;
    let ask = scene.app.post("/v1/subscriptions", wish).by(&scene.bea);
    ask.refused(503, "stripe_unavailable").await;
    let events = scene.app.intercept().await;
    let paid = events.iter().find(|event| event["type"] == "invoice.paid");
    let paid = paid.expect("it is paid");
    assert_eq!(scene.app.deliver(paid).await, "deferred");
    scene.app.advance(16).await;
    scene.app.settle().await;
    assert_eq!(scene.app.count("orders WHERE status = 'paid'").await, 1);
    assert_eq!(scene.app.stock(&scene.tea).await, 0);
    for event in &events {
        scene.app.deliver(event).await;
    }
    scene.app.settle().await;
    let mine = scene.app.get("/v1/subscriptions").by(&scene.bea);
    let mine = mine.expect(200).await;
    mine["data"][0].has(json!({ "status": "active" }));
    assert_eq!(scene.at_stripe().await.len(), 1);
    scene.books_are_equal().await;
}

#[tokio::test]
async fn a_saved_card_pays_at_once_unless_its_bank_says_no_or_wants_to_see_its_owner() {
    for (card, status, order) in [
        ("pm_card_visa", "active", "paid"),
        ("pm_card_authenticationRequired", "incomplete", "pending"),
        ("pm_card_chargeCustomerFail", "incomplete", "pending"),
    ] {
        let scene = scene(None).await;
        let other = scene.app.shop("noor").await;
        let setup = scene.app.save_card(&scene.bea, &scene.shop, card).await;
        if card == "pm_card_authenticationRequired" {
            let path = format!("/setup_intents/{setup}/challenge");
            let passes = json!({ "outcome": "complete" });
            scene.app.simulate(&path, passes).await;
            scene.app.settle().await;
        }
        let saved: String = scene
            .app
            .query("SELECT id AS it FROM payment_methods")
            .await;
        let mut wish = scene.wish();
        wish["payment_method"] = json!(saved);
        let made = scene.subscribe_to(wish.clone()).await;
        made.has(json!({ "status": status }));
        scene.order(&made).await.has(json!({ "status": order }));
        if status == "incomplete" {
            made.has(json!({ "client_secret_of": "payment_intent" }));
            scene.confirm(&made, "pm_card_visa").await;
        }
        scene.app.settle().await;
        scene.read(&made).await.has(json!({ "status": "active" }));
        scene.order(&made).await.has(json!({ "status": "paid" }));
        let elsewhere = scene.app.product(&other, 900, None).await;
        let elsewhere = scene.app.price(&other, &elsewhere, 900).await;
        wish["lines"][0]["price_id"] = json!(elsewhere);
        let refused = scene.app.post("/v1/subscriptions", wish.clone());
        refused
            .by(&scene.bea)
            .refused(422, "payment_method_of_another_seller")
            .await;
        let eve = scene.app.member("eve").await;
        let refused = scene.app.post("/v1/subscriptions", wish).by(&eve);
        refused.refused(404, "not_found").await;
        scene.app.settle().await;
        scene.books_are_equal().await;
    }
}

#[tokio::test]
async fn a_trial_is_an_order_of_nothing_and_its_card_is_given_by_a_setup_intent() {
    let mut scene = scene(None).await;
    let price = scene.with_trial().await;
    let made = scene
        .subscribe_to(json!({ "lines": [{ "price_id": price, "quantity": 2 }] }))
        .await;
    made.has(json!({ "status": "trialing", "client_secret_of": "setup_intent" }));
    scene
        .order(&made)
        .await
        .has(json!({ "status": "paid", "amount_subtotal": 0, "amount_total": 0 }));
    scene
        .verify(&made)
        .await
        .has(json!({ "success": true, "status": "paid" }));
    assert_eq!(
        scene.read(&made).await["client_secret"],
        made["client_secret"]
    );
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    scene
        .read(&made)
        .await
        .has(json!({ "status": "trialing", "client_secret": null }));
    scene.days(9).await;
    scene.read(&made).await.has(json!({ "status": "active" }));
    let orders = scene.orders().await;
    assert_eq!(orders.len(), 2, "{orders:?}");
    orders[0].has(json!({ "status": "paid", "amount_subtotal": 1800 }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn what_nobody_pays_in_23_hours_ends_with_its_order() {
    for is_told in [true, false] {
        let mut scene = scene(Some(1)).await;
        let made = scene.subscribe().await;
        scene.app.settle().await;
        scene.app.advance(22 * HOUR).await;
        scene.app.settle().await;
        scene.bea = scene.app.login(&scene.bea).await;
        scene.order(&made).await.has(json!({ "status": "pending" }));
        scene.app.advance(2 * HOUR).await;
        let events = scene.app.intercept().await;
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|one| one["type"].as_str())
            .collect();
        assert!(kinds.contains(&"invoice.voided"), "{kinds:?}");
        match is_told {
            true => {
                for event in events.iter().rev().chain(&events) {
                    scene.app.deliver(event).await;
                }
            }
            false => souk::payments::reread::sweep(&scene.app.app)
                .await
                .expect("looks"),
        }
        scene.app.settle().await;
        scene.bea = scene.app.login(&scene.bea).await;
        scene.order(&made).await.has(json!({ "status": "expired" }));
        let over = scene.read(&made).await;
        if is_told {
            over.has(json!({ "status": "incomplete_expired" }));
        }
        over.has(json!({ "client_secret": null }));
        assert_eq!(scene.app.stock(&scene.tea).await, 1);
        scene.books_are_equal().await;
    }
}

#[tokio::test]
async fn a_cancelled_order_can_not_be_paid_any_more() {
    let scene = scene(None).await;
    let made = scene.subscribe().await;
    let path = format!("/v1/orders/{}/cancel", text(&made, "order_id"));
    scene
        .app
        .post(path, json!({}))
        .by(&scene.bea)
        .expect(200)
        .await
        .has(json!({ "status": "cancelled" }));
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    let there = &scene.at_stripe().await[0];
    there.has(json!({ "status": "incomplete_expired" }));
    scene
        .read(&made)
        .await
        .has(json!({ "status": "incomplete_expired", "client_secret": null }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn who_pays_too_late_gets_their_money_back_and_no_subscription() {
    let scene = scene(Some(1)).await;
    let made = scene.subscribe().await;
    scene.app.sale(&scene.tea).await;
    scene.app.earn(&scene.shop).await;
    scene.confirm(&made, "pm_card_visa").await;
    scene.app.settle().await;
    scene
        .order(&made)
        .await
        .has(json!({ "status": "refunded", "amount_refunded": 900 }));
    scene.read(&made).await.has(json!({ "status": "canceled" }));
    scene.books_are_equal().await;
}

#[tokio::test]
async fn while_stripe_does_not_answer_nobody_is_told_what_is_left_to_pay() {
    let scene = scene(Some(3)).await;
    let made = scene.subscribe().await;
    // A verify asks Stripe again after two seconds.
    scene.app.advance(3).await;
    for path in ["/v1/subscriptions", "/v1/invoices"] {
        let unanswered = FaultKind::TimeoutBeforeCommit;
        scene.app.fault("GET", path, unanswered, None).await;
    }
    let path = format!("/v1/subscriptions/{}", text(&made, "id"));
    let read = scene.app.get(&path).by(&scene.bea);
    read.refused(503, "stripe_unavailable").await;
    let verify = scene.app.post(format!("{path}/verify"), json!({}));
    verify.refused(503, "stripe_unavailable").await;
    scene.app.simulator.clear_faults().await;
    scene.read(&made).await.has(json!({
        "status": "incomplete", "client_secret": made["client_secret"],
    }));
    scene.app.settle().await;
}
