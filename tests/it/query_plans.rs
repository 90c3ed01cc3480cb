//! Frequent statements use an index on SQLite, and never read a whole table, which would grow slower with every sale.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use futures_util::future::join_all;
use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use souk::{jobs, ledger, payments, webhooks, worker};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::harness::{Checkout, Shop, TestApp, User, checkout_from, lines_of, on_postgres, text};
use crate::subscriptions;

/// The statements that sqlx says it has done.
#[derive(Clone, Default)]
struct Statements(Arc<Mutex<BTreeSet<String>>>);

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Statements {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let whole = match text.statement.is_empty() {
            true => text.summary,
            false => text.statement,
        };
        if event.metadata().target() == "sqlx::query" && !whole.is_empty() {
            self.0.lock().expect("a lock").insert(whole);
        }
    }
}

#[derive(Default)]
struct Text {
    summary: String,
    statement: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "summary" => value.clone_into(&mut self.summary),
            "db.statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }
}

/// Indexes of unfinished rows, of which there are never many.
const FEW: [&str; 3] = ["jobs_leased", "payments_authorized", "payments_open"];

/// The steps of the plan of a statement.
async fn plan(app: &TestApp, statement: &str) -> Vec<String> {
    let query = format!("EXPLAIN QUERY PLAN {statement}");
    let query = Statement::from_string(app.app.db.backend(), query);
    let steps = app.app.db.read.query_all_raw(query).await;
    let steps = steps.unwrap_or_else(|e| panic!("{statement}: {e}"));
    let detail = |step: &sea_orm::QueryResult| step.try_get("", "detail").expect("a text");
    steps.iter().map(detail).collect()
}

/// Does what a server does again and again, and what people ask of it.
async fn work(app: &TestApp, shop: &Shop, lamp: &str, sale: &Checkout, admin: &User) {
    worker::work(&app.app, "suite").await.expect("works");
    webhooks::retry::retry_deferred(&app.app, "nothing")
        .await
        .expect("looks");
    payments::reread::sweep(&app.app).await.expect("sweeps");
    let tx = app.app.db.begin_write().await.expect("begins");
    jobs::schedule(&tx, &jobs::Job::Tidy).await.expect("wakes");
    tx.rollback().await.expect("ends");
    ledger::deadlines::keep_books(&app.app)
        .await
        .expect("looks");
    ledger::application_fees::compare(&app.app)
        .await
        .expect("compares");
    app.verify(sale).await;
    // A sale, its refund and a payout, with all that follows from them.
    let sold = app.sale(lamp).await;
    let order = json!({ "order_id": sold.order });
    app.post("/v1/refunds", order)
        .by(&shop.owner)
        .expect(201)
        .await;
    app.settle().await;
    confirm_in_one_batch(app, lamp).await;
    for path in [
        "events",
        "events?state=dead",
        "events?received_gte=2026-11-01T00:00:00Z",
        "jobs",
        "jobs?state=dead",
        "jobs?subject=all",
        "audit_log",
        "audit_log?subject=all",
    ] {
        let path = format!("/v1/admin/{path}");
        app.get(path).by(admin).expect(200).await;
    }
    for query in ["", "?interval=month", "?currency=usd&by_seller=true"] {
        let path = format!("/v1/reports/application_fees{query}");
        app.get(path).by(admin).expect(200).await;
    }
    let order = format!("/v1/orders/{}", sold.order);
    for what in ["shipments", "notes", "files"] {
        let path = format!("{order}/{what}");
        app.get(path).by(admin).expect(200).await;
    }
    app.get(order).by(admin).expect(200).await;
    after_sales(app, shop, lamp, &sold, admin).await;
    capture(app, shop, lamp).await;
    subscription(app, shop, lamp, admin).await;
    let of_one = format!("/v1/products?seller_id={}", shop.id);
    for path in ["/v1/products", &of_one] {
        app.get(path).expect(200).await;
        app.get(path).by(&shop.owner).expect(200).await;
    }
}

/// What is asked of refunds and disputes, by an admin, a seller and a buyer.
async fn after_sales(app: &TestApp, shop: &Shop, lamp: &str, sold: &Checkout, admin: &User) {
    let disputed = app.checkout(lamp).await;
    app.pay_with(&disputed, json!({ "card": "4000000000000259" }))
        .await;
    app.settle().await;
    let buyer = app.member("bea").await;
    let of = |seller: &str| {
        let order = &sold.order;
        [
            "refunds".to_owned(),
            format!("refunds?seller_id={seller}"),
            format!("refunds?seller_id={seller}&status=succeeded"),
            format!("refunds?order_id={order}"),
            "disputes".to_owned(),
            format!("disputes?seller_id={seller}"),
            format!("disputes?seller_id={seller}&status=lost"),
            format!("disputes?order_id={}", disputed.order),
        ]
    };
    for who in [admin, &shop.owner] {
        for path in of(&shop.id) {
            app.get(format!("/v1/{path}")).by(who).expect(200).await;
        }
    }
    for path in ["/v1/refunds", "/v1/disputes"] {
        app.get(path).by(&buyer).expect(200).await;
    }
    let disputes = app.get("/v1/disputes").by(admin).expect(200).await;
    let path = format!("/v1/disputes/{}", text(&disputes["data"][0], "id"));
    app.get(path).by(&shop.owner).expect(200).await;
    let kept = app.sale(lamp).await;
    let line = app.order(&kept).await["lines"][0]["id"].clone();
    let lines = json!([{ "order_line_id": line, "quantity": 1 }]);
    let body = json!({ "order_id": kept.order, "lines": lines, "restock": true });
    app.post("/v1/refunds/preview", body)
        .by(&shop.owner)
        .expect(200)
        .await;
}

/// Somebody subscribes, a month passes, and everybody asks for the invoices.
async fn subscription(app: &TestApp, shop: &Shop, lamp: &str, admin: &User) {
    let buyer = app.member("sam").await;
    let price = app.price(shop, lamp, 900).await;
    let checkout = subscriptions::subscribe(app, &buyer, &price, 1).await;
    app.pay(&checkout).await;
    app.settle().await;
    let made = subscriptions::only(app, &buyer).await;
    let of = |seller: &str| {
        [
            "?".to_owned(),
            format!("?subscription_id={}", text(&made, "id")),
            format!("?seller_id={seller}"),
            format!("?seller_id={seller}&status=open"),
        ]
    };
    for who in [&buyer, &shop.owner, admin] {
        for query in of(&shop.id) {
            let status = match who.id == buyer.id && query.contains("seller_id") {
                true => 404,
                false => 200,
            };
            let path = format!("/v1/invoices{query}");
            app.get(path).by(who).expect(status).await;
        }
    }
    let path = format!("/v1/invoices/{}", text(&made, "latest_invoice"));
    app.get(path).by(&buyer).expect(200).await;
    let body = json!({ "subscription_id": made["id"] });
    app.post("/v1/billing_portal_sessions", body)
        .by(&buyer)
        .expect(201)
        .await;
    let events = app.intercept().await;
    assert!(!events.is_empty());
    app.settle().await;
}

/// Money is held, called to mind, and captured.
async fn capture(app: &TestApp, shop: &Shop, lamp: &str) {
    let body = json!({
        "lines": lines_of(&[(lamp, 1)]), "customer_email": "sam@example.com", "capture_method": "manual",
    });
    let session = app.post("/v1/checkout_sessions", body).expect(201).await;
    let checkout = checkout_from(&session);
    app.pay(&checkout).await;
    app.settle().await;
    let tx = app.app.db.begin_write().await.expect("begins");
    payments::capture::remind(&tx).await.expect("reminds");
    payments::capture::review(&tx).await.expect("looks");
    tx.rollback().await.expect("ends");
    let order = app.order(&checkout).await;
    let intent = text(&order["authorization"], "payment_intent");
    app.post(format!("/v1/payment_intents/{intent}/capture"), json!({}))
        .by(&shop.owner)
        .expect(200)
        .await;
    app.settle().await;
}

/// Three sales, confirmed in one batch (or one and two), since nobody else can write until all are queued.
async fn confirm_in_one_batch(app: &TestApp, lamp: &str) {
    for _ in 0..3 {
        let checkout = app.checkout(lamp).await;
        app.pay(&checkout).await;
    }
    let mut events = app.intercept().await;
    events.retain(|event| event["type"] == "checkout.session.completed");
    let held = app.app.db.begin_write().await.expect("begins");
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        held.rollback().await.expect("ends");
    };
    let deliveries = join_all(events.iter().map(|event| app.deliver(event)));
    let (states, ()) = tokio::join!(deliveries, release);
    assert_eq!(states, ["processed", "processed", "processed"]);
    app.settle().await;
}

/// The steps by which a statement would read a whole table.
async fn whole_tables(app: &TestApp, statement: &str) -> Vec<String> {
    let is_whole = |step: &String| {
        // A list of values in the statement is no table.
        let given = ["VALUES CLAUSE", "CONSTANT ROW", "SCAN jsonb_each"];
        let given = given.iter().any(|what| step.contains(what));
        let whole = step.starts_with("SCAN ") && !given;
        let page = step.contains(" USING ") && statement.contains("LIMIT");
        whole && !page && !FEW.iter().any(|index| step.ends_with(index))
    };
    let mut steps = plan(app, statement).await;
    steps.retain(is_whole);
    steps
}

#[tokio::test]
async fn statements_that_run_again_and_again_read_no_table_from_end_to_end() {
    if on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(50)).await;
    let sale = app.sale(&lamp).await;
    let admin = app.admin().await;
    app.settle().await;
    app.know_platform().await;

    let statements = Statements::default();
    // For the whole process, since SQLite's statements are done in threads of their own.
    let seen = tracing_subscriber::registry().with(statements.clone());
    tracing::subscriber::set_global_default(seen).expect("nobody else listens");
    work(&app, &shop, &lamp, &sale, &admin).await;
    let statements = statements.0.lock().expect("a lock").clone();
    let plain = |text: &&String| {
        ["SELECT", "UPDATE", "DELETE"]
            .iter()
            .any(|v| text.trim().starts_with(v))
    };
    let asked: Vec<&String> = statements.iter().filter(plain).collect();
    assert!(asked.len() >= 15, "only {asked:?} were seen");
    let mut faults = vec![];
    for statement in &asked {
        for step in whole_tables(&app, statement).await {
            faults.push(format!("{step}: {statement}"));
        }
    }
    let dead = asked.iter().find(|text| text.contains("'discarded')"));
    let dead = plan(&app, dead.expect("asked")).await.join("; ");
    assert!(dead.contains("inbox_events_unfinished"), "{dead}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// PostgreSQL keeps the plan of a statement that was run a few times, for as long as the connection lives.
#[tokio::test]
async fn the_next_jobs_are_found_by_an_index_though_the_table_was_small_when_that_was_planned() {
    if !on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    app.sql(
        "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, \
             run_at, created_at) \
         SELECT n, 'mail', '{}', n, n, 'done', 1, 1, 1, n, n FROM generate_series(1, 30) AS n",
    )
    .await;
    app.sql("ANALYZE jobs").await;
    let tx = app.app.db.begin_batch().await.expect("begins");
    let explain = "EXPLAIN SELECT id FROM jobs WHERE state = 'ready' AND run_at <= 0 \
                   ORDER BY run_at LIMIT 8 FOR UPDATE SKIP LOCKED";
    let explain = Statement::from_string(tx.get_database_backend(), explain);
    let steps = tx.query_all_raw(explain).await.expect("explains");
    let steps: Vec<String> = steps
        .iter()
        .map(|step| step.try_get_by_index(0).expect("a step"))
        .collect();
    let steps = steps.join("\n");
    assert!(steps.contains("Index Scan using jobs_due"), "{steps}");
    assert!(!steps.contains("Sort"), "{steps}");
}

/// ANALYZE that sees a table while it is small makes reading it whole look cheap, for as long as its figures stand.
#[tokio::test]
async fn triggers_that_look_for_a_row_before_each_insert_use_indexes_also_by_figures_of_small_tables()
 {
    if on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    app.settle().await;
    app.sql("ANALYZE").await;
    let triggers: String = app
        .query(
            "SELECT group_concat(sql, char(10)) AS it FROM sqlite_master
               WHERE type = 'trigger' AND sql LIKE '%BEFORE INSERT ON%'",
        )
        .await;
    let mut looked_for = 0;
    for lookup in triggers.split("EXISTS (").skip(1) {
        let lookup = lookup.split(')').next().expect("a statement");
        let lookup = lookup.split(" GROUP BY").next().expect("a statement");
        let column = |c: char| c.is_ascii_lowercase() || c == '_';
        let mut parts = lookup.split("NEW.");
        let mut lookup = parts.next().expect("a statement").to_owned();
        for part in parts {
            lookup += &format!("'x'{}", part.trim_start_matches(column));
        }
        let steps = plan(&app, &lookup).await;
        let whole = steps.iter().find(|step| step.starts_with("SCAN"));
        assert_eq!(whole, None, "{lookup}: {steps:?}");
        looked_for += 1;
    }
    assert!(looked_for > 15, "{looked_for} of:\n{triggers}");
}
