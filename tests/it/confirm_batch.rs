//! A batch is confirmed set-wise, and must end as its events would one by one.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use souk::webhooks;
use souk_entity::AccountId;
use tracing::field::Field;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::harness::{Checkout, Shop, TestApp, checkout_from, lines_of, text};

/// A number below `below` that looks random and is the same for the same arguments.
fn pseudo_random(seed: i64, what: i64, n: i64, below: i64) -> i64 {
    // SplitMix64, so that neighbours differ.
    let mut z = (seed * 1_000_003 + what * 10_007 + n)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_u64.cast_signed());
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9_u64.cast_signed());
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB_u64.cast_signed());
    (z ^ (z >> 31)).rem_euclid(below)
}

const BUYERS: i64 = 14;

async fn open(app: &TestApp, products: &[String], seed: i64, n: i64) -> Checkout {
    let mut lines = vec![];
    for (at, product) in (0..).zip(products) {
        let quantity = pseudo_random(seed, 1, n * 10 + at, 4) - 1;
        if quantity > 0 {
            lines.push((product.as_str(), quantity));
        }
    }
    if lines.is_empty() {
        lines.push((products[0].as_str(), 1));
    }
    let body =
        json!({ "lines": lines_of(&lines), "customer_email": format!("buyer{n:02}@example.com") });
    checkout_from(&app.post("/v1/checkout_sessions", body).expect(201).await)
}

/// Leaves so few of a product that some buyers come too late.
async fn take_away(app: &TestApp, shop: &Shop, product: &str, left: i64) {
    let body = json!({ "delta": left - 500, "reason": "damaged" });
    let path = format!("/v1/products/{product}/stock_adjustments");
    app.post(path, body).by(&shop.owner).expect(201).await;
}

/// Buyers pay for shared products of which there are too few; one pays nothing, one session has another price, and one
/// buyer never pays. Returns the rows in which that results.
async fn scenario(seed: i64, at_once: bool) -> Vec<String> {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.percent_off(&shop, "GIFT", 100).await;
    app.settle().await;
    let mut products = vec![];
    for stock in [Some(500), Some(500), None] {
        products.push(app.product(&shop, 2500, stock).await);
    }
    let mut checkouts = vec![];
    for n in 0..BUYERS {
        checkouts.push(open(&app, &products, seed, n).await);
    }
    for (at, product) in (0..2).zip(&products) {
        take_away(&app, &shop, product, pseudo_random(seed, 2, at, 14)).await;
    }
    app.settle().await;
    let restricted = json!({ "disabled_reason": "under_review" });
    for (change, how) in [("restrict", restricted), ("onboard", json!({}))] {
        app.simulate(&format!("/accounts/{}/{change}", shop.account), how)
            .await;
    }
    for (n, checkout) in checkouts.iter().enumerate() {
        match n {
            0 => drop(
                app.pay_with(checkout, json!({ "promotion_code": "GIFT" }))
                    .await,
            ),
            1 => {}
            _ => app.pay(checkout).await,
        }
    }
    // This session says another price than was asked for.
    app.sql(&format!(
        "UPDATE payments SET amount_subtotal = amount_subtotal + 1 WHERE id = '{}'",
        checkouts[2].payment
    ))
    .await;
    let mut events = app.intercept().await;
    if at_once {
        let account = AccountId::from(shop.account.as_str());
        let done = webhooks::later::catch_up(&app.app, Some(&account), false).await;
        done.expect("catches up");
    } else {
        events.sort_by_key(|event| text(event, "id"));
        for event in events.iter().filter(|event| event["account"].is_string()) {
            app.deliver(event).await;
        }
    }
    let results = results(&app).await;
    app.settle().await;
    app.allow_unfinished_work();
    results
}

/// The rows in which the events resulted, without ids and times.
async fn results(app: &TestApp) -> Vec<String> {
    const QUERIES: [&str; 8] = [
        "SELECT o.email || ' ' || o.status || ' ' || COALESCE(o.refund_reason, '-') || ' '
           || CASE WHEN o.paid_at IS NULL THEN 'no time' ELSE 'a time' END AS it FROM orders o",
        "SELECT o.email || ' ' || p.status || ' ' || COALESCE(p.amount_paid, -1) || ' ' || COALESCE(p.amount_discount, -1)
           || ' ' || COALESCE(p.payment_intent, '-') AS it
           FROM payments p JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id",
        "SELECT o.email || ' timeline ' || e.kind AS it FROM order_events e JOIN orders o ON o.id = e.order_id",
        "SELECT o.email || ' timeline ' || REPLACE(e.data, p.id, 'its payment') AS it
           FROM order_events e JOIN orders o ON o.id = e.order_id
           JOIN payment_orders x ON x.order_id = o.id JOIN payments p ON p.id = x.payment_id WHERE e.kind = 'paid'",
        "SELECT o.email || ' takes ' || m.delta || ' ' || m.actor AS it FROM stock_movements m JOIN orders o ON o.id = m.order_id",
        "SELECT 'left ' || COALESCE(available, -1) AS it FROM products",
        "SELECT o.email || ' mail ' || substr(j.effect_key, 6, 10) AS it FROM jobs j JOIN orders o ON o.id = j.subject
           WHERE j.kind = 'mail'",
        "SELECT o.email || ' ' || j.kind || ' ' || j.state AS it FROM jobs j JOIN payments p ON p.id = j.subject
           JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id",
    ];
    let mut results = vec![];
    for sql in QUERIES {
        let query = Statement::from_string(app.app.db.backend(), sql);
        let rows = app.app.db.read.query_all_raw(query).await.expect("tells");
        results.extend(
            rows.iter()
                .map(|row| row.try_get::<String>("", "it").expect("a text")),
        );
    }
    results.push(format!("refunds {}", app.count("refunds").await));
    results.push(format!("findings {}", app.count("findings").await));
    results.push(format!(
        "pulls {}",
        app.count("jobs WHERE kind = 'pull' AND state = 'ready'")
            .await
    ));
    results.push(format!(
        "syncs {}",
        app.count("jobs WHERE kind = 'sync_account' AND state = 'ready'")
            .await
    ));
    results.sort();
    results
}

/// Counts the batches that were done one by one after all: they end the same, and would hide that the set-wise way failed.
#[derive(Clone, Default)]
struct FallbackCount(Arc<AtomicU32>);

impl<S: tracing::Subscriber> Layer<S> for FallbackCount {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut |field: &Field, value: &dyn Debug| {
            if field.name() == "message" && format!("{value:?}").contains("failed together") {
                self.0.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
}

// On one thread, whose subscriber gets every message.
#[tokio::test]
async fn a_batch_ends_as_its_events_would_one_by_one() {
    let fallbacks = FallbackCount::default();
    let subscriber = tracing_subscriber::registry().with(fallbacks.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let (mut paid, mut oversold, mut synced) = (0, 0, 0);
    for n in 0..5 {
        let (alone, together) = tokio::join!(scenario(n, false), scenario(n, true));
        assert_eq!(alone, together, "scenario {n}");
        synced += together.iter().filter(|row| *row == "syncs 1").count();
        paid += together
            .iter()
            .filter(|row| row.contains(" timeline paid"))
            .count();
        oversold += together
            .iter()
            .filter(|row| row.contains(" refund_due oversold"))
            .count();
    }
    assert!(paid > 5 && oversold > 5, "{paid} paid, {oversold} oversold");
    assert_eq!(synced, 5, "scenarios in which the account changed");
    assert_eq!(fallbacks.0.load(Ordering::SeqCst), 0, "done one by one");
}
