//! Subscriptions raced by their events, by verify, and by buyers who cancel just when a period ends: each paid invoice is one order,
//! and the subscription is as Stripe shows it.

use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{Checkout, Has, Shop, TestApp, User, checkout_from};

const DAY: i64 = 24 * 3_600;
/// How many subscriptions are raced at a time, and how many acts each meets.
const AT_ONCE: usize = 5;
const EACH: usize = 80;
const BATCHES: usize = 25;
/// How many acts are under way at a time.
const UNDER_WAY: usize = 100;

/// Something that is done at any moment, and maybe often.
#[derive(Clone)]
enum Act {
    Deliver(Value),
    /// By one of the buyers.
    Ask(usize, String),
    /// By one of the buyers; it may be refused as too late.
    Post(usize, String, Value),
}

struct Scene {
    app: TestApp,
    shop: Shop,
    buyers: Vec<User>,
    price: String,
    rng: StdRng,
    acts: usize,
}

impl Scene {
    /// A shop, those who subscribe, and a box of which there is enough for `stock` first orders.
    async fn set(seed: u64, stock: i64) -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let mut buyers = Vec::new();
        for n in 0..AT_ONCE {
            buyers.push(app.member(&format!("buyer{n}")).await);
        }
        let tea = app.product(&shop, 900, Some(stock)).await;
        let price = app.price(&shop, &tea, 900).await;
        Self {
            app,
            shop,
            buyers,
            price,
            rng: StdRng::seed_from_u64(seed),
            acts: 0,
        }
    }

    /// Each buyer opens a checkout.
    async fn open(&self) -> Vec<Checkout> {
        let body = json!({
            "mode": "subscription", "lines": [{ "price_id": self.price, "quantity": 1 }],
            "allow_another_subscription": true,
        });
        // Whoever opens one after they had another has asked for both.
        self.app.advance(1).await;
        let open = async |buyer: &User| {
            let made = self.app.post("/v1/checkout_sessions", body.clone());
            checkout_from(&made.by(buyer).expect(201).await)
        };
        join_all(self.buyers.iter().map(open)).await
    }

    /// Each buyer subscribes. Answers Stripe's ids, in their order.
    async fn subscribe(&mut self) -> Vec<String> {
        let all = self.open().await;
        for one in &all {
            self.app.pay(one).await;
        }
        self.app.settle().await;
        let mut ids = Vec::new();
        for one in all {
            ids.push(self.subscription_of(&one).await);
        }
        ids
    }

    async fn subscription_of(&self, checkout: &Checkout) -> String {
        let sql = format!(
            "SELECT stripe_subscription AS it FROM subscriptions WHERE order_id = '{}'",
            checkout.order
        );
        self.app.query(&sql).await
    }

    /// Does it all, at least twice and in any order, with so many acts for each subscription.
    async fn race(&mut self, acts: Vec<Act>) {
        let mut all = [acts.clone(), acts.clone()].concat();
        while all.len() < AT_ONCE * EACH {
            all.push(acts.choose(&mut self.rng).expect("an act").clone());
        }
        all.shuffle(&mut self.rng);
        for some in all.chunks(UNDER_WAY) {
            let under_way = some.iter().map(|act| self.act(act));
            join(join_all(under_way), self.app.run_jobs()).await;
        }
        self.acts += all.len();
    }

    async fn act(&self, act: &Act) {
        match act {
            Act::Deliver(event) => drop(self.app.deliver(event).await),
            Act::Ask(buyer, path) => {
                self.app
                    .get(path)
                    .by(&self.buyers[*buyer])
                    .expect(200)
                    .await;
            }
            Act::Post(buyer, path, body) => {
                let asked = self.app.post(path, body.clone());
                let asked = asked.by(&self.buyers[*buyer]);
                let answer = asked.attempt().await.expect("an answer");
                assert!([200, 409].contains(&answer.status), "{path}");
            }
        }
    }

    /// Lets a period end, and answers what is heard of it.
    async fn next_period(&mut self) -> Vec<Value> {
        // The invoice is collected an hour after it was made.
        self.app.advance(31 * DAY).await;
        self.app.advance(2 * 3_600).await;
        for buyer in &mut self.buyers {
            *buyer = self.app.login(buyer).await;
        }
        self.shop.owner = self.app.login(&self.shop.owner).await;
        self.app.intercept().await
    }

    async fn at_stripe(&self, path: &str) -> Value {
        let account = &self.shop.account;
        self.app.stripe_api("GET", path, account, &[]).await
    }

    /// Each subscription is as at Stripe, and has an order for each invoice that was paid.
    async fn is_as_at_stripe(&self, ids: &[String]) {
        for id in ids {
            let there = self.at_stripe(&format!("/subscriptions/{id}")).await;
            let here = format!("/v1/subscriptions/{id}");
            let here = self.app.get(here).by(&self.shop.owner).expect(200).await;
            here.has(json!({
                "status": there["status"], "cancel_at_period_end": there["cancel_at_period_end"],
            }));
            assert_eq!(there["ended_at"].is_null(), here["ended_at"].is_null());
            let path = format!("/invoices?subscription={id}&status=paid&limit=100");
            let invoices = self.at_stripe(&path).await;
            let paid = invoices["data"].as_array().expect("a list").len();
            let orders = format!(
                "payments p JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id
                   WHERE p.subscription = '{id}' AND p.status = 'paid' AND o.status = 'paid'"
            );
            assert_eq!(self.app.count(&orders).await, paid as i64, "{id}");
        }
    }

    /// Ends those that go on, at Stripe; how many there were.
    async fn end_all(&self, ids: &[String]) -> usize {
        let mut left = 0;
        for id in ids {
            let path = format!("/subscriptions/{id}");
            if self.at_stripe(&path).await["ended_at"].is_null() {
                let account = &self.shop.account;
                self.app.stripe_api("DELETE", &path, account, &[]).await;
                left += 1;
            }
        }
        self.app.settle().await;
        left
    }

    async fn ends(&self) {
        assert!(
            self.acts >= AT_ONCE * EACH * BATCHES,
            "{} acts are too few",
            self.acts
        );
        let told = "orders o WHERE o.status = 'paid' AND 1 <>
            (SELECT COUNT(*) FROM order_events e WHERE e.order_id = o.id AND e.kind = 'paid')";
        assert_eq!(self.app.count(told).await, 0);
        self.app.until_transactions_show(&self.shop.account).await;
        self.app.settle().await;
        self.app.books_equal_stripe().await;
        assert_eq!(self.app.open_findings().await, vec![]);
    }
}

fn deliveries(events: Vec<Value>) -> Vec<Act> {
    events.into_iter().map(Act::Deliver).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_events_and_verifies_each_subscription_began_once() {
    let stock = (AT_ONCE * BATCHES) as i64 - 3;
    let mut scene = Scene::set(21, stock).await;
    let mut ids = Vec::new();
    for batch in 0..BATCHES {
        let all = scene.open().await;
        for one in &all {
            scene.app.pay(one).await;
        }
        scene.app.advance(3).await;
        let mut acts = deliveries(scene.app.intercept().await);
        // Of every other batch nobody asks, so that events alone must do.
        if batch % 2 == 0 {
            let verify = |one: &Checkout| format!("/v1/checkout_sessions/{}/verify", one.id);
            let verify = |(buyer, one)| Act::Post(buyer, verify(one), json!({}));
            acts.extend(all.iter().enumerate().map(verify));
        }
        scene.race(acts).await;
        scene.app.settle().await;
        for one in &all {
            ids.push(scene.subscription_of(one).await);
        }
    }
    // Whoever came too late has their money back, and no subscription.
    let sold = "orders WHERE status = 'paid'";
    assert_eq!(scene.app.count(sold).await, stock);
    assert_eq!(scene.app.count("orders WHERE status = 'refunded'").await, 3);
    assert_eq!(scene.app.count("subscriptions").await, stock + 3);
    let ended = "subscriptions WHERE status = 'canceled'";
    assert_eq!(scene.app.count(ended).await, 3);
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_events_of_renewals_each_period_is_one_order() {
    let mut scene = Scene::set(22, AT_ONCE as i64).await;
    let ids = scene.subscribe().await;
    for _ in 0..BATCHES {
        let events = scene.next_period().await;
        let kinds: Vec<&str> = events
            .iter()
            .filter_map(|event| event["type"].as_str())
            .collect();
        assert!(kinds.contains(&"invoice.paid"), "{kinds:?}");
        assert!(
            kinds.contains(&"customer.subscription.updated"),
            "{kinds:?}"
        );
        let mut acts = deliveries(events);
        let access = |id: &String| format!("/v1/subscriptions/{id}/access");
        let ask = |(buyer, id)| Act::Ask(buyer, access(id));
        acts.extend(ids.iter().enumerate().map(ask));
        scene.race(acts).await;
        scene.app.settle().await;
    }
    scene.is_as_at_stripe(&ids).await;
    let orders = scene.app.count("orders WHERE status = 'paid'").await;
    assert_eq!(orders, (AT_ONCE * (BATCHES + 1)) as i64);
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_races_of_cancelling_with_renewals_each_is_as_at_stripe() {
    let mut scene = Scene::set(23, (AT_ONCE * BATCHES) as i64).await;
    let (mut ended, mut going_on) = (0, 0);
    for batch in 0..BATCHES {
        let made = scene.subscribe().await;
        let post = |buyer: usize, what: &str, body: Value| {
            let path = format!("/v1/subscriptions/{}/{what}", made[buyer]);
            Act::Post(buyer, path, body)
        };
        // Some ask before the period ends, and all while its events come.
        for buyer in (0..AT_ONCE).skip(batch % AT_ONCE) {
            let ends = scene.rng.random_bool(0.5);
            let what = if ends { "cancel" } else { "resume" };
            scene.act(&post(buyer, what, json!({}))).await;
        }
        let mut acts = deliveries(scene.next_period().await);
        for buyer in 0..AT_ONCE {
            acts.push(post(buyer, "cancel", json!({})));
            acts.push(post(buyer, "resume", json!({})));
            if scene.rng.random_bool(0.5) {
                acts.push(post(buyer, "cancel", json!({ "at_period_end": false })));
            }
        }
        scene.race(acts).await;
        scene.app.settle().await;
        scene.is_as_at_stripe(&made).await;
        // The next race is without them.
        let left = scene.end_all(&made).await;
        going_on += left;
        ended += made.len() - left;
    }
    assert!(
        ended > 0 && going_on > 0,
        "{ended} have ended, {going_on} not"
    );
    scene.ends().await;
}
