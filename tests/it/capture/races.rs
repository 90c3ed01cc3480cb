//! Buyers, sellers, the dashboard and events in any order: each payment ends as it does at Stripe, and so do its goods.

use std::collections::HashMap;

use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use souk::error::Error;
use souk::payments;

use super::{By, authorize, open};
use crate::harness::{Checkout, Has, Shop, TestApp, text};

/// How many payments there are, and how many events and steps.
const PAYMENTS: usize = 60;
const ACTS: usize = 10_000;
/// How many events and steps are under way at a time.
const AT_ONCE: usize = 100;
/// Each order takes two. Some will find none.
const UNITS: i64 = 90;

struct Case {
    by: By,
    checkout: Checkout,
}

impl Case {
    /// The intent, once there is one.
    async fn intent(&self, app: &TestApp, shop: &Shop) -> Option<Value> {
        let id = match self.by {
            By::Intent => self.checkout.id.clone(),
            By::Session => {
                let path = format!("/checkout/sessions/{}", self.checkout.id);
                let session = app.stripe_api("GET", &path, &shop.account, &[]).await;
                session["payment_intent"].as_str()?.to_owned()
            }
        };
        let path = format!("/payment_intents/{id}");
        Some(app.stripe_api("GET", &path, &shop.account, &[]).await)
    }

    /// Whatever may come next. Of what is held two people may make something at once.
    async fn step(&self, app: &TestApp, shop: &Shop, mut rng: StdRng) {
        let id = match self.intent(app, shop).await {
            None => return app.pay(&self.checkout).await,
            Some(intent) if intent["status"] == "requires_payment_method" => {
                return authorize(app, self.by, shop, &self.checkout).await;
            }
            Some(intent) => text(&intent, "id"),
        };
        let other = StdRng::seed_from_u64(rng.random());
        join(
            self.act(app, shop, &id, rng),
            self.act(app, shop, &id, other),
        )
        .await;
    }

    /// It may come too late.
    async fn act(&self, app: &TestApp, shop: &Shop, id: &str, mut rng: StdRng) {
        let amount = rng.random_range(1..=10_000);
        let (here, order) = (format!("/v1/payment_intents/{id}"), &self.checkout.order);
        let (path, body) = match rng.random_range(0..40) {
            0 => (format!("{here}/capture"), json!({})),
            1 => (format!("{here}/capture"), json!({ "amount": amount })),
            2 => (format!("{here}/cancel"), json!({})),
            3 => (format!("/v1/orders/{order}/cancel"), json!({})),
            4 => {
                let form = [("amount_to_capture", amount.to_string())];
                let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
                return self.in_the_dashboard(app, shop, id, "capture", &form).await;
            }
            5 => return self.in_the_dashboard(app, shop, id, "cancel", &[]).await,
            _ => {
                let payment = self.checkout.payment.as_str().into();
                let read = payments::reread::payment(&app.app, &payment).await;
                // PostgreSQL may end a deadlock by an error. A job is tried again.
                let is_over = read.as_ref().err().is_none_or(Error::is_contention);
                return assert!(is_over, "{read:?}");
            }
        };
        let asked = app.post(path, body).by(&shop.owner).await;
        assert!([200, 404, 409].contains(&asked.status), "{}", asked.text);
    }

    async fn in_the_dashboard(
        &self,
        app: &TestApp,
        shop: &Shop,
        intent: &str,
        action: &str,
        form: &[(&str, &str)],
    ) {
        let path = format!("/payment_intents/{intent}/{action}");
        let asked = app.attempt_stripe("POST", &path, &shop.account, form).await;
        drop(asked);
    }

    /// Fails unless the order is as its intent. Answers what Stripe says, and the units that are out of stock for it.
    async fn is_as_at_stripe(&self, app: &TestApp, shop: &Shop) -> (String, i64) {
        let intent = self.intent(app, shop).await.expect("an intent");
        let order = app.order(&self.checkout).await;
        let (there, here) = (text(&intent, "status"), text(&order, "status"));
        let (fits, units): (&[&str], i64) = match there.as_str() {
            "succeeded" => {
                order.has(json!({ "amount_total": intent["amount_received"] }));
                (&["paid"], 2)
            }
            "requires_capture" => (&["authorized"], 2),
            "canceled" => (&["expired", "cancelled", "cancelled_sold_out"], 0),
            _ => (&["pending"], 0),
        };
        assert!(
            fits.contains(&here.as_str()),
            "{there} at Stripe, {here} here: {order}"
        );
        (there, units)
    }
}

/// The events that Stripe has had so far, and those of them that nobody has delivered.
#[derive(Default)]
struct Events {
    all: Vec<Value>,
    undelivered: Vec<Value>,
}

impl Events {
    async fn take(&mut self, app: &TestApp) {
        let taken = app.intercept().await;
        self.all.extend_from_slice(&taken);
        self.undelivered.extend(taken);
    }

    fn some(&mut self, rng: &mut StdRng) -> Vec<Value> {
        let mut some = vec![];
        while some.len() < AT_ONCE && !self.all.is_empty() {
            match !self.undelivered.is_empty() && rng.random_bool(0.3) {
                true => {
                    let at = rng.random_range(0..self.undelivered.len());
                    some.push(self.undelivered.swap_remove(at));
                }
                false => some.push(self.all.choose(rng).expect("an event").clone()),
            }
        }
        some
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_captures_cancels_and_events_each_payment_is_as_at_stripe() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 5000, Some(UNITS)).await;
    let mut rng = StdRng::seed_from_u64(17);
    let mut cases = vec![];
    for n in 0..PAYMENTS {
        let by = if n % 2 == 0 { By::Session } else { By::Intent };
        let checkout = open(&app, by, &lamp).await;
        cases.push(Case { by, checkout });
    }
    let mut events = Events::default();
    let mut acts = 0;
    while acts < ACTS {
        events.take(&app).await;
        let some = events.some(&mut rng);
        let some_cases: Vec<_> = cases.sample(&mut rng, AT_ONCE / 4).collect();
        let steps: Vec<_> = some_cases
            .into_iter()
            .map(|case| case.step(&app, &shop, StdRng::seed_from_u64(rng.random())))
            .collect();
        acts += some.len() + steps.len();
        let deliveries = join_all(some.iter().map(|event| app.deliver(event)));
        join(join(deliveries, join_all(steps)), app.run_jobs()).await;
    }
    events.take(&app).await;
    let mut last = events.undelivered;
    last.shuffle(&mut rng);
    join_all(last.iter().map(|event| app.deliver(event))).await;
    app.settle().await;
    app.advance(300).await;
    app.settle().await;
    let (mut ends, mut out) = (HashMap::<String, usize>::new(), 0);
    for case in &cases {
        let (end, units) = case.is_as_at_stripe(&app, &shop).await;
        *ends.entry(end).or_default() += 1;
        out += units;
    }
    assert_eq!(app.stock(&lamp).await, UNITS - out, "{ends:?}");
    assert!(ends["succeeded"] > 5 && ends["canceled"] > 5, "{ends:?}");
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}
