//! Dispute events in any order and number, while the bank goes on, sellers refund and disputes are read again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use souk::payments;
use souk_entity::PaymentId;

use crate::harness::{Between, Checkout, Has, Shop, TestApp, text, until};

/// How many disputes there are, and how many of their events are delivered.
const DISPUTES: usize = 40;
const EVENTS: usize = 10_000;
/// How many events are under way at a time.
const AT_ONCE: usize = 200;

/// A disputed payment.
struct Case {
    checkout: Checkout,
    charge: String,
    /// Stripe's id.
    dispute: String,
}

impl Case {
    /// A payment that the buyer's bank calls into question like this.
    async fn open(app: &TestApp, shop: &Shop, checkout: Checkout, how: &Value) -> Self {
        let find = format!(
            "SELECT payment_intent AS it FROM payments WHERE id = '{}'",
            checkout.payment
        );
        let intent: String = app.query(&find).await;
        let path = format!("/payment_intents/{intent}");
        let intent = app.stripe_api("GET", &path, &shop.account, &[]).await;
        let charge = text(&intent, "latest_charge");
        let path = format!("/charges/{charge}/dispute");
        let dispute = text(&app.simulate(&path, how.clone()).await, "id");
        Self {
            checkout,
            charge,
            dispute,
        }
    }

    async fn at_stripe(&self, app: &TestApp, shop: &Shop) -> Value {
        let path = format!("/disputes/{}", self.dispute);
        app.stripe_api("GET", &path, &shop.account, &[]).await
    }

    async fn status(&self, app: &TestApp) -> String {
        let find = format!(
            "SELECT status AS it FROM disputes WHERE id = '{}'",
            self.dispute
        );
        app.query(&find).await
    }

    /// Whatever may come next, of Stripe's or of the seller's doing.
    async fn step(&self, app: &TestApp, shop: &Shop, rng: &mut StdRng) {
        let dispute = self.at_stripe(app, shop).await;
        let next: &[&str] = match dispute["status"].as_str().expect("a status") {
            "warning_needs_response" => &["evidence", "metadata", "escalated", "won"],
            "warning_under_review" => &["escalated", "won"],
            "needs_response" => &["evidence", "metadata", "won", "lost", "close"],
            "appeal_needs_response" => &["appeal", "won", "lost", "close"],
            "under_review" | "appeal_under_review" => &["won", "lost"],
            "won" => &["appealed", "appealed", "refund"],
            "lost" => &["appealed"],
            _ => return,
        };
        let next = *next.choose(rng).expect("a step");
        let path = format!("/disputes/{}", self.dispute);
        let form = match next {
            "evidence" => ("evidence[customer_name]", "Ada"),
            "appeal" => ("evidence[appeal][card][reason_for_filing]", "Delivered"),
            "metadata" => ("metadata[seen]", "yes"),
            "close" => ("expand[]", "charge"),
            "refund" => {
                let body = json!({ "order_id": self.checkout.order, "amount": 100 });
                let asked = app.post("/v1/refunds", body).by(&shop.owner).await;
                assert!([201, 409].contains(&asked.status), "{}", asked.text);
                return;
            }
            outcome => {
                let path = format!("{path}/decide");
                app.simulate(&path, json!({ "outcome": outcome })).await;
                return;
            }
        };
        let form = [
            form,
            ("submit", if next == "metadata" { "false" } else { "true" }),
        ];
        match next {
            "close" => {
                let path = format!("{path}/close");
                app.stripe_api("POST", &path, &shop.account, &form[..1])
                    .await
            }
            _ => app.stripe_api("POST", &path, &shop.account, &form).await,
        };
    }

    /// Fails unless Souk shows the dispute and its order as Stripe has them.
    async fn is_as_at_stripe(&self, app: &TestApp, shop: &Shop) {
        let there = self.at_stripe(app, shop).await;
        let moved = there["balance_transactions"].as_array().expect("a list");
        let moved = moved
            .iter()
            .map(|one| one["amount"].as_i64().expect("money"));
        let details = &there["evidence_details"];
        let path = format!("/v1/disputes/{}", self.dispute);
        let here = app.get(path).by(&shop.owner).expect(200).await;
        here.has(json!({
            "status": there["status"], "amount": there["amount"], "reason": there["reason"],
            "is_charge_refundable": there["is_charge_refundable"], "funds_withdrawn": moved.sum::<i64>() < 0,
            "has_evidence": details["has_evidence"], "submission_count": details["submission_count"],
            "case_type": there["payment_method_details"]["card"]["case_type"],
        }));
        let path = format!("/charges/{}", self.charge);
        let charge = app.stripe_api("GET", &path, &shop.account, &[]).await;
        app.order(&self.checkout).await.has(json!({
            "amount_total": charge["amount_captured"], "amount_refunded": charge["amount_refunded"],
        }));
    }
}

/// The events of disputes that Stripe has had so far, and those of them that nobody has delivered.
#[derive(Default)]
struct Events {
    all: Vec<Value>,
    undelivered: Vec<Value>,
    copies: usize,
}

impl Events {
    /// Takes what waits at Stripe. What is about no dispute is answered.
    async fn take(&mut self, app: &TestApp) -> Vec<Value> {
        let is_dispute = |event: &Value| text(event, "type").starts_with("charge.dispute.");
        let taken = app.intercept().await.into_iter();
        let (disputes, others): (Vec<_>, _) = taken.partition(is_dispute);
        self.all.extend_from_slice(&disputes);
        self.undelivered.extend(disputes);
        others
    }

    /// Some to deliver next: new ones, and old ones again, whether Stripe repeats the event or tells the same by another.
    fn some(&mut self, rng: &mut StdRng) -> Vec<Value> {
        let mut some = vec![];
        while some.len() < AT_ONCE {
            if !self.undelivered.is_empty() && rng.random_bool(0.2) {
                let at = rng.random_range(0..self.undelivered.len());
                some.push(self.undelivered.swap_remove(at));
                continue;
            }
            let mut event = self.all.choose(rng).expect("an event").clone();
            if rng.random_bool(0.7) {
                self.copies += 1;
                event["id"] = json!(format!("evt_copy_{}", self.copies));
            }
            some.push(event);
        }
        some
    }
}

async fn reread(app: &TestApp, checkout: &Checkout) {
    let payment = PaymentId::from(checkout.payment.as_str());
    let read = payments::reread::payment(&app.app, &payment).await;
    read.expect("reads");
}

/// 10,000 events, each delivered while others are, while jobs run, payments are read again, and the disputes go on.
async fn race(app: &TestApp, shop: &Shop, cases: &[Case], rng: &mut StdRng) {
    let mut events = Events::default();
    let mut delivered = 0;
    while delivered < EVENTS {
        let others = events.take(app).await;
        let some = events.some(rng);
        delivered += some.len();
        let deliveries = join_all(some.iter().chain(&others).map(|event| app.deliver(event)));
        let again: Vec<_> = cases.sample(rng, 6).collect();
        let rereads = join_all(again.iter().map(|case| reread(app, &case.checkout)));
        let steps = async {
            for _ in 0..8 {
                let case = cases.choose(rng).expect("a case");
                case.step(app, shop, rng).await;
            }
        };
        join(join(deliveries, rereads), join(app.run_jobs(), steps)).await;
    }
    let others = events.take(app).await;
    let mut last = events.undelivered;
    last.shuffle(rng);
    join_all(last.iter().chain(&others).map(|event| app.deliver(event))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_dispute_events_in_any_order_everything_is_as_at_stripe() {
    let app = TestApp::with(&[("DISPUTE_LOST_FEE", "return")]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 10_000, None).await;
    let mut rng = StdRng::seed_from_u64(16);
    let mut checkouts = vec![];
    for _ in 0..DISPUTES {
        let checkout = app.checkout(&lamp).await;
        app.pay(&checkout).await;
        checkouts.push(checkout);
    }
    app.settle().await;
    let mut cases = vec![];
    let ways = [
        json!({}),
        json!({ "amount": 700 }),
        json!({ "inquiry": true }),
        json!({ "reason": "product_not_received" }),
        json!({ "prevented": "block" }),
        json!({ "prevented": "resolution" }),
    ];
    for checkout in checkouts {
        let how = ways.choose(&mut rng).expect("a way");
        cases.push(Case::open(&app, &shop, checkout, how).await);
    }
    race(&app, &shop, &cases, &mut rng).await;
    app.settle().await;
    // What failed beside so much else is tried again.
    app.advance(300).await;
    app.settle().await;
    let statuses = cases.iter().map(|case| case.at_stripe(&app, &shop));
    let mut ends = HashMap::<String, usize>::new();
    for dispute in join_all(statuses).await {
        *ends.entry(text(&dispute, "status")).or_default() += 1;
    }
    assert!(ends.len() >= 5, "too few ways to end: {ends:?}");
    for case in &cases {
        case.is_as_at_stripe(&app, &shop).await;
    }
    assert_eq!(app.count("disputes").await, DISPUTES as i64);
    app.books_equal_stripe().await;
}

#[tokio::test]
async fn what_stripe_showed_before_is_not_stored_over_what_it_shows_now() {
    let (app, between) = Between::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let checkout = app.sale(&lamp).await;
    let case = Case::open(&app, &shop, checkout, &json!({})).await;
    app.settle().await;
    let path = format!("/disputes/{}", case.dispute);
    let (read, shown) = (format!("/v1{path}"), Arc::new(AtomicBool::new(false)));
    let is_shown = Arc::clone(&shown);
    between.delay(move |asked| match asked == read {
        true if !shown.swap(true, Ordering::SeqCst) => Duration::from_secs(2),
        _ => Duration::ZERO,
    });
    let overtaken = async {
        let account = shop.account.as_str().into();
        let read = payments::disputes::sync(&app.app, &account, false, &case.dispute).await;
        read.expect("reads");
    };
    let decided = async {
        let is_shown = async || is_shown.load(Ordering::SeqCst).then_some(());
        until("Stripe shows the dispute", is_shown).await;
        let lost = json!({ "outcome": "lost" });
        app.simulate(&format!("{path}/decide"), lost).await;
        app.settle().await;
        assert_eq!(case.status(&app).await, "lost");
    };
    join(overtaken, decided).await;
    assert_eq!(case.status(&app).await, "lost");
}
