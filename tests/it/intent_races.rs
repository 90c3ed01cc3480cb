//! Intents raced by their events and by verify, and sessions by the events of their own intents: each payment ends once, and as it
//! does at Stripe.

use futures_util::future::{join, join_all};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{Checkout, Shop, TestApp, checkout_from, lines_of, text};

/// How many payments there are, how many are raced at a time, and how many events and verifies each meets.
const PAYMENTS: usize = 125;
const AT_ONCE: usize = 5;
const EACH: usize = 80;
/// How many events and verifies are under way at a time.
const UNDER_WAY: usize = 100;
/// How many pay for lamps of one kind, and how many of that kind there are.
const BUYERS: usize = 25;
const UNITS: i64 = 22;

const SESSIONS: &str = "/v1/checkout_sessions";
const INTENTS: &str = "/v1/payment_intents";

#[derive(Clone, Copy)]
enum Act<'a> {
    Deliver(&'a Value),
    Verify(&'a str),
}

/// Delivers all that has happened at Stripe, at least twice and in any order, while buyers ask, if they do: so many acts for each
/// payment. How many there were.
async fn race(
    app: &TestApp,
    kind: &str,
    all: &[Checkout],
    (each, asks): (usize, bool),
    rng: &mut StdRng,
) -> usize {
    // Stripe is asked about a payment every two seconds at most.
    app.advance(3).await;
    let events = app.intercept().await;
    let paths: Vec<String> = all
        .iter()
        .map(|one| format!("{kind}/{}/verify", one.id))
        .collect();
    let mut acts: Vec<Act<'_>> = events.iter().chain(&events).map(Act::Deliver).collect();
    while acts.len() < all.len() * each {
        acts.push(match asks {
            true => Act::Verify(paths.choose(rng).expect("a payment")),
            false => Act::Deliver(events.choose(rng).expect("an event")),
        });
    }
    acts.shuffle(rng);
    let act = async |act: &Act<'_>| match act {
        Act::Deliver(event) => drop(app.deliver(event).await),
        Act::Verify(path) => drop(app.post(*path, json!({})).expect(200).await),
    };
    for some in acts.chunks(UNDER_WAY) {
        join(join_all(some.iter().map(act)), app.run_jobs()).await;
    }
    acts.len()
}

async fn open(app: &TestApp, kind: &str, lamp: &str, is_manual: bool) -> Checkout {
    let mut body = json!({ "lines": lines_of(&[(lamp, 1)]), "customer_email": "sam@example.com" });
    if is_manual {
        body["capture_method"] = json!("manual");
    }
    checkout_from(&app.post(kind, body).expect(201).await)
}

/// A shop that can refund all that is sold out.
async fn scene() -> (TestApp, Shop) {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.earn(&shop).await;
    (app, shop)
}

/// As Stripe.js does: some are declined first, some have to show their bank who they are.
async fn confirm(app: &TestApp, shop: &Shop, intent: &str, rng: &mut StdRng) {
    let confirm = async |method: &str| {
        let path = format!("/payment_intents/{intent}/confirm");
        let form = [
            ("payment_method", method),
            ("return_url", "http://shop.test/"),
        ];
        let asked = app.attempt_stripe("POST", &path, &shop.account, &form);
        drop(asked.await);
    };
    match rng.random_range(0..4) {
        0 => {
            confirm("pm_card_chargeDeclined").await;
            confirm("pm_card_visa").await;
        }
        1 => {
            confirm("pm_card_threeDSecure2Required").await;
            let path = format!("/payment_intents/{intent}/challenge");
            app.simulate(&path, json!({ "outcome": "complete" })).await;
        }
        _ => confirm("pm_card_visa").await,
    }
}

/// Each order is paid once or refunded once, and told once.
async fn all_ended_once(app: &TestApp, shop: &Shop, paid: i64, refunded: i64) {
    let count = async |of: &str| app.count(of).await;
    assert_eq!(count("orders WHERE status = 'paid'").await, paid);
    assert_eq!(count("orders WHERE status = 'refunded'").await, refunded);
    assert_eq!(count("order_events WHERE kind = 'paid'").await, paid);
    let told = "jobs WHERE kind = 'mail' AND effect_key LIKE 'mail:order_paid:%'";
    assert_eq!(count(told).await, 2 * paid);
    assert_eq!(count("refunds").await, refunded);
    app.until_transactions_show(&shop.account).await;
    app.settle().await;
    app.books_equal_stripe().await;
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_events_and_verifies_of_intents_each_order_is_paid_once() {
    let (app, shop) = scene().await;
    let mut rng = StdRng::seed_from_u64(17);
    let mut acts = 0;
    for _ in 0..PAYMENTS / BUYERS {
        let lamp = app.product(&shop, 5000, Some(UNITS)).await;
        for _ in 0..BUYERS / AT_ONCE {
            let opened = (0..AT_ONCE).map(|_| open(&app, INTENTS, &lamp, false));
            let all = join_all(opened).await;
            for checkout in &all {
                confirm(&app, &shop, &checkout.id, &mut rng).await;
            }
            acts += race(&app, INTENTS, &all, (EACH, true), &mut rng).await;
        }
        app.settle().await;
        assert_eq!(app.stock(&lamp).await, 0);
    }
    assert!(acts >= PAYMENTS * EACH, "{acts}");
    let kinds = (PAYMENTS / BUYERS) as i64;
    let (paid, refunded) = (kinds * UNITS, kinds * (BUYERS as i64 - UNITS));
    all_ended_once(&app, &shop, paid, refunded).await;
}

/// What becomes of the money that a session holds, in the dashboard. Whether it is captured.
async fn end_hold(app: &TestApp, shop: &Shop, checkout: &Checkout, rng: &mut StdRng) -> bool {
    let path = format!("/checkout/sessions/{}", checkout.id);
    let session = app.stripe_api("GET", &path, &shop.account, &[]).await;
    let intent = text(&session, "payment_intent");
    let captures = rng.random_bool(0.6);
    let action = if captures { "capture" } else { "cancel" };
    let path = format!("/payment_intents/{intent}/{action}");
    app.stripe_api("POST", &path, &shop.account, &[]).await;
    captures
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_ten_thousand_events_of_sessions_and_their_own_intents_each_order_is_as_at_stripe() {
    let (app, shop) = scene().await;
    let stock = PAYMENTS as i64;
    let lamp = app.product(&shop, 5000, Some(stock)).await;
    let mut rng = StdRng::seed_from_u64(18);
    let (mut acts, mut paid, mut released) = (0, 0, 0);
    for batch in 0..PAYMENTS / AT_ONCE {
        // Of every other batch nobody asks, so that events alone must do.
        let how = (EACH / 2, batch % 2 == 0);
        // Some of each are held, and some of those not before all else is heard of.
        let opened = (0..AT_ONCE).map(|n| open(&app, SESSIONS, &lamp, n % 2 == 0));
        let all = join_all(opened).await;
        for (n, checkout) in all.iter().enumerate() {
            if rng.random_bool(0.3) {
                let declined = json!({ "card": "4000000000000002" });
                app.pay_with(checkout, declined).await;
            }
            app.pay(checkout).await;
            let ends_at_once = n % 4 == 0;
            if ends_at_once {
                match end_hold(&app, &shop, checkout, &mut rng).await {
                    true => paid += 1,
                    false => released += 1,
                }
            }
        }
        acts += race(&app, SESSIONS, &all, how, &mut rng).await;
        for (n, checkout) in all.iter().enumerate() {
            match n % 4 {
                0 => {}
                2 => match end_hold(&app, &shop, checkout, &mut rng).await {
                    true => paid += 1,
                    false => released += 1,
                },
                _ => paid += 1,
            }
        }
        acts += race(&app, SESSIONS, &all, how, &mut rng).await;
        app.settle().await;
        let open = "orders WHERE status NOT IN ('paid', 'expired')";
        assert_eq!(app.count(open).await, 0, "after batch {batch}");
    }
    assert!(acts >= PAYMENTS * EACH, "{acts}");
    assert_eq!(app.stock(&lamp).await, stock - paid);
    let held = app.count("payments WHERE status = 'canceled'").await;
    assert_eq!((held, paid > 0 && released > 0), (released, true));
    all_ended_once(&app, &shop, paid, 0).await;
}
