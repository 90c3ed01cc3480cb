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

use crate::confirm::{debit, second_attempt};
use crate::harness::{
    Checkout, Has, Shop, TestApp, checkout_from, lines_of, on_postgres, text, until,
};

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
        "UPDATE payments SET amount_subtotal = amount_subtotal + 1 WHERE id = '{0}';
         UPDATE payment_orders SET amount_subtotal = amount_subtotal + 1 WHERE payment_id = '{0}'",
        checkouts[2].payment
    ))
    .await;
    let mut events = app.intercept().await;
    if at_once {
        let account = AccountId::from(shop.account.as_str());
        let done = webhooks::catch_up::catch_up(&app.app, Some(&account), false).await;
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

/// Has all events that wait at Stripe done in one batch, without a delivery.
async fn all_at_once(app: &TestApp, account: &str) {
    app.intercept().await;
    let account = AccountId::from(account);
    let done = webhooks::catch_up::catch_up(&app.app, Some(&account), false).await;
    done.expect("catches up");
}

#[tokio::test]
async fn two_payments_of_one_order_in_a_batch_sell_it_once_and_one_goes_back() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let first = app.checkout(&lamp).await;
    let second = second_attempt(&app, &shop, &first).await;
    app.settle().await;
    app.pay(&first).await;
    app.pay(&second).await;
    all_at_once(&app, &shop.account).await;
    assert_eq!(app.order(&first).await["status"], "paid");
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
    app.settle().await;
    assert_eq!(app.stock(&lamp).await, 2);
    let refunds = app.refunds(&shop, &first.order).await;
    assert_eq!(refunds.len(), 1, "{refunds:?}");
    refunds[0].has(json!({ "origin": "duplicate_payment", "amount": 2500, "status": "succeeded" }));
}

#[tokio::test]
async fn several_events_of_one_payment_in_a_batch_pay_it_once() {
    let app = TestApp::start().await;
    let checkout = debit(&app).await;
    let account: String = app.query("SELECT stripe_account AS it FROM sellers").await;
    app.sql("UPDATE payments SET status = 'pending'").await;
    app.sql("UPDATE orders SET status = 'pending'").await;
    // As if neither event had come yet.
    app.sql("DELETE FROM inbox_events").await;
    let settle = format!("/checkout/sessions/{}/settle", checkout.id);
    app.simulate(&settle, json!({ "outcome": "succeed" })).await;
    all_at_once(&app, &account).await;
    let kinds = "inbox_events WHERE kind LIKE 'checkout.session.%' AND state = 'processed'";
    assert_eq!(
        app.count(kinds).await,
        2,
        "completed, and async_payment_succeeded"
    );
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
    assert_eq!(app.count("stock_movements WHERE reason = 'sale'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_named_by_two_sessions_is_paid_by_its_own_though_that_was_stored_meanwhile() {
    // SQLite has one writer, so nothing can be stored meanwhile.
    if !on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let ours = app.checkout(&lamp).await;
    app.pay(&ours).await;
    app.sql("UPDATE payments SET stripe_object = NULL").await;
    // The seller's own sessions, before and behind ours in any order, with metadata that is copied from it.
    for _ in 0..4 {
        let form = [
            ("mode", "payment"),
            ("success_url", "https://mira.example/thanks"),
            ("line_items[0][quantity]", "1"),
            ("line_items[0][price_data][currency]", "usd"),
            ("line_items[0][price_data][unit_amount]", "2500"),
            ("line_items[0][price_data][product_data][name]", "Lamp"),
            ("metadata[souk_payment]", ours.payment.as_str()),
        ];
        let path = "/checkout/sessions";
        let copy = app.stripe_api("POST", path, &shop.account, &form).await;
        let path = format!("/checkout/sessions/{}/pay", text(&copy, "id"));
        app.simulate(&path, json!({})).await;
    }
    let storing = app.app.db.begin_write().await.expect("begins");
    let stored = format!("UPDATE payments SET stripe_object = '{}'", ours.id);
    storing.execute_unprepared(&stored).await.expect("stores");
    let commit = async {
        until("the batch waits for the payment", async || {
            let waits =
                "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            (app.count(waits).await == 1).then_some(())
        })
        .await;
        storing.commit().await.expect("commits");
    };
    tokio::join!(all_at_once(&app, &shop.account), commit);
    let failed = "inbox_events WHERE state = 'failed'";
    assert_eq!(app.count(failed).await, 0);
    app.settle().await;
    assert_eq!(app.order(&ours).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 2);
}

/// Has the database leave an order as it is, whoever updates it.
async fn freeze_order(app: &TestApp, order: &str) {
    let sql = match on_postgres() {
        true => format!(
            "CREATE FUNCTION frozen() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
             CREATE TRIGGER frozen BEFORE UPDATE ON orders FOR EACH ROW WHEN (OLD.id = '{order}')
               EXECUTE FUNCTION frozen();"
        ),
        false => format!(
            "CREATE TRIGGER frozen BEFORE UPDATE ON orders WHEN OLD.id = '{order}'
               BEGIN SELECT RAISE(IGNORE); END;"
        ),
    };
    app.sql(&sql).await;
}

#[tokio::test]
async fn fewer_rows_changed_than_decided_undo_the_batch_and_fail_their_own_event_alone() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(9)).await;
    let mut checkouts = vec![];
    for _ in 0..3 {
        checkouts.push(app.checkout(&lamp).await);
    }
    app.settle().await;
    for checkout in &checkouts {
        app.pay(checkout).await;
    }
    freeze_order(&app, &checkouts[1].order).await;
    all_at_once(&app, &shop.account).await;
    for (at, status) in [(0, "paid"), (1, "pending"), (2, "paid")] {
        assert_eq!(
            app.order(&checkouts[at]).await["status"],
            status,
            "order {at}"
        );
    }
    let half = format!(
        "payments WHERE id = '{}' AND status = 'pending'",
        checkouts[1].payment
    );
    assert_eq!(app.count(&half).await, 1, "half of it was kept");
    assert_eq!(app.stock(&lamp).await, 7);
    let error: String = app
        .query("SELECT error AS it FROM inbox_events WHERE state = 'failed'")
        .await;
    assert!(error.contains("changed under their locks"), "{error}");

    app.sql(match on_postgres() {
        true => "DROP TRIGGER frozen ON orders",
        false => "DROP TRIGGER frozen",
    })
    .await;
    app.advance(10).await;
    app.settle().await;
    assert_eq!(app.order(&checkouts[1]).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 6);
}
