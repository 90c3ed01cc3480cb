//! The server as a process: killed, restarted, started twice at once, started wrongly.

mod modes;
mod operator_tools;
mod simulated_time;
mod webhooks_setup;

use std::collections::HashMap;
use std::time::Duration;

use sea_orm::{ConnectionTrait, Statement};
use serde_json::{Value, json};
use souk::clock::Clock;
use souk::db::Db;
use souk_migration::{Migrator, MigratorTrait};
use souk_simulator::sign;

use crate::harness::{
    Database, Endpoint, Has, PASSWORD, Proxy, Souk, TestApp, on_postgres, settings, text, until,
};

/// Signed now, since a process reads the real clock.
fn signed_now(secret: &str, payload: &str) -> String {
    sign(secret, Clock::System.now().seconds(), payload.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_commit_and_answer_loses_nothing_and_doubles_nothing() {
    let app = TestApp::start().await;
    // The processes work on the same database by the real clock; what they had in hand is theirs.
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let completed = app
        .pending_one("checkout.session.completed")
        .await
        .to_string();
    let secrets = (app.platform.secret.as_str(), app.connect.secret.as_str());
    let settings = settings(
        &app.simulator.base_url(),
        secrets,
        app.database_url(),
        app.folder.path(),
    );

    let souk = Souk::serve(&settings).await;
    let proxy = Proxy::that_kills(&souk).await;
    let signature = signed_now(&app.connect.secret, &completed);
    let call = proxy.client.call("POST", Endpoint::Connect.path());
    let answer = call
        .content("application/json", completed.clone())
        .header("stripe-signature", &signature)
        .attempt()
        .await;
    assert!(answer.is_none(), "Stripe was answered: {answer:?}");
    assert!(proxy.has_struck());
    souk.killed().await;
    let status: String = app.query("SELECT status AS it FROM orders").await;
    assert_eq!(status, "paid", "it was committed before it was answered");

    let souk = Souk::serve(&settings).await;
    let signature = signed_now(&app.connect.secret, &completed);
    let again = souk.client.call("POST", Endpoint::Connect.path());
    let again = again
        .content("application/json", completed)
        .header("stripe-signature", &signature)
        .await;
    again.expect(200).has(json!({ "state": "duplicate" }));
    assert!(souk.stop().await.success());
    assert_eq!(app.count("stock_movements WHERE reason = 'sale'").await, 1);
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
    app.simulator.drop_pending().await;
}

/// The settings of a process that never asks Stripe anything.
fn lonely(database: &str, folder: &std::path::Path) -> HashMap<String, String> {
    settings(
        "http://127.0.0.1:9",
        ("whsec_platform", "whsec_connect"),
        database,
        folder,
    )
}

async fn applied_migrations(database: &str) -> i64 {
    let db = Db::connect(database, Clock::System)
        .await
        .expect("connects");
    let query = Statement::from_string(db.backend(), "SELECT COUNT(*) AS it FROM seaql_migrations");
    let row = db
        .read
        .query_one_raw(query)
        .await
        .expect("a schema")
        .expect("a row");
    let count = row.try_get("", "it").expect("a count");
    db.close().await.expect("closes");
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_of_a_migration_leaves_a_schema_that_the_next_start_completes() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let settings = lonely(&database.url, folder.path());
    if on_postgres() {
        // Somebody holds the name of a late table, so that the migration stands in its middle when it is killed.
        let db = Db::connect(&database.url, Clock::System)
            .await
            .expect("connects");
        let tx = db.begin_write().await.expect("begins");
        tx.execute_unprepared("CREATE TABLE payouts (id TEXT)")
            .await
            .expect("a table");
        let mut migration = Souk::migrate(&settings);
        until("the migration waits", async || {
            let waits = "SELECT COUNT(*) AS it FROM pg_stat_activity
                         WHERE datname = current_database() AND wait_event_type = 'Lock'";
            let row = db
                .read
                .query_one_raw(Statement::from_string(db.backend(), waits))
                .await
                .expect("asks");
            row.and_then(|row| row.try_get::<i64>("", "it").ok())
                .filter(|waiting| *waiting > 0)
        })
        .await;
        migration.kill().await.expect("killed");
        tx.rollback().await.expect("rolls back");
        db.close().await.expect("closes");
    } else {
        // SQLite shows nobody how far it is, so it is killed a little later each time; any moment must do.
        for step in 0..12 {
            let mut migration = Souk::migrate(&settings);
            let late = Duration::from_millis(4 * step);
            if tokio::time::timeout(late, migration.wait()).await.is_err() {
                migration.kill().await.expect("killed");
            }
        }
    }
    let done = Souk::migrate(&settings).wait().await.expect("ends");
    assert!(done.success(), "the schema can't be completed");
    assert_eq!(applied_migrations(&database.url).await, migrations());
}

fn migrations() -> i64 {
    i64::try_from(Migrator::migrations().len()).expect("few")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_that_start_at_once_on_an_empty_database_both_serve() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let settings = lonely(&database.url, folder.path());
    let (one, two) = tokio::join!(Souk::serve(&settings), Souk::serve(&settings));
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "name": "Ada" });
    one.client.post("/v1/auth/register", body).expect(201).await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    two.client.post("/v1/auth/login", body).expect(200).await;
    assert!(one.stop().await.success());
    assert!(two.stop().await.success());
    assert_eq!(applied_migrations(&database.url).await, migrations());
}

/// What a browser would do at the simulator of a process.
async fn at_simulator(stripe: &str, path: &str) -> Value {
    let (status, answer) = ask_simulator(stripe, path, json!({})).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn ask_simulator(stripe: &str, path: &str, body: Value) -> (u16, Value) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let sent = client
        .post(format!("{stripe}/_simulator{path}"))
        .body(body.to_string())
        .send()
        .await
        .expect("an answer");
    let status = sent.status().as_u16();
    let answer = sent.text().await.expect("a text");
    (status, serde_json::from_str(&answer).expect("JSON"))
}

async fn login(souk: &Souk, path: &str) -> String {
    let body = match path {
        "/v1/auth/register" => {
            json!({ "email": "ada@example.com", "password": PASSWORD, "name": "Ada" })
        }
        _ => json!({ "email": "ada@example.com", "password": PASSWORD }),
    };
    let pair = souk.client.post(path, body).await;
    format!("Bearer {}", text(&pair.body, "access_token"))
}

/// A guest buys one and pays; the order's id and secret.
async fn buy(souk: &Souk, stripe: &str, product: &str) -> (String, String) {
    let body = json!({ "lines": [{ "product_id": product, "quantity": 1 }], "customer_email": "guest@example.com" });
    let session = souk
        .client
        .post("/v1/checkout_sessions", body)
        .expect(201)
        .await;
    at_simulator(
        stripe,
        &format!("/checkout/sessions/{}/pay", text(&session, "id")),
    )
    .await;
    (text(&session, "order_id"), text(&session, "order_secret"))
}

async fn paid(souk: &Souk, (order, secret): &(String, String)) {
    until("the order is paid", async || {
        let order = souk
            .client
            .get(format!("/v1/orders/{order}"))
            .with_secret(secret)
            .expect(200)
            .await;
        (order["status"] == "paid").then_some(())
    })
    .await;
}

/// The settings of a server with a simulator of its own, at this port.
fn simulated(
    database: &Database,
    folder: &std::path::Path,
    simulator: std::net::SocketAddr,
) -> HashMap<String, String> {
    [
        ("DATABASE_URL", database.url.clone()),
        ("DATA_DIR", folder.to_str().expect("a path").to_owned()),
        ("SIMULATOR_BIND", simulator.to_string()),
        ("SEED_DEMO", "false".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Ada opens a shop that can take money and lists five lamps; the shop and the lamp.
async fn shop(souk: &Souk, stripe: &str) -> (String, String) {
    let token = login(souk, "/v1/auth/register").await;
    let seller = souk
        .client
        .post("/v1/sellers", json!({ "name": "Ada's", "country": "US" }))
        .header("authorization", &token)
        .expect(201)
        .await;
    at_simulator(
        stripe,
        &format!("/accounts/{}/onboard", text(&seller, "stripe_account")),
    )
    .await;
    let seller = text(&seller, "id");
    until("the seller is active", async || {
        let row = souk
            .client
            .get(format!("/v1/sellers/{seller}"))
            .header("authorization", &token)
            .expect(200)
            .await;
        (row["status"] == "active").then_some(())
    })
    .await;
    let body = json!({ "seller_id": seller, "name": "Lamp", "unit_amount": 2500, "currency": "usd", "stock": 5 });
    let product = souk
        .client
        .post("/v1/products", body)
        .header("authorization", &token)
        .expect(201)
        .await;
    (seller, text(&product, "id"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_forgets_nothing_on_either_side() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let port = crate::harness::free_port().await;
    let stripe = format!("http://{port}");
    let settings = simulated(&database, folder.path(), port);

    let souk = Souk::serve(&settings).await;
    let (_, product) = shop(&souk, &stripe).await;
    let first = buy(&souk, &stripe, &product).await;
    paid(&souk, &first).await;
    assert!(souk.stop().await.success());

    let souk = Souk::serve(&settings).await;
    paid(&souk, &first).await;
    login(&souk, "/v1/auth/login").await;
    let second = buy(&souk, &stripe, &product).await;
    paid(&souk, &second).await;
    let left = souk
        .client
        .get(format!("/v1/products/{product}"))
        .expect(200)
        .await;
    assert_eq!(left["stock"], 3);
    assert!(souk.stop().await.success());
}

#[tokio::test]
async fn wrong_settings_are_all_named_at_once_and_nothing_is_started() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut settings = lonely("mysql://nowhere", folder.path());
    settings.insert("BIND".to_owned(), "nowhere".to_owned());
    settings.insert("STRIPE_CONNECT_WEBHOOK_SECRET".to_owned(), String::new());
    let ended = std::process::Command::new(env!("CARGO_BIN_EXE_souk"))
        .env_clear()
        .envs(&settings)
        .current_dir(folder.path())
        .output()
        .expect("ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    for name in ["BIND", "DATABASE_URL", "STRIPE_CONNECT_WEBHOOK_SECRET"] {
        assert!(said.contains(name), "{name} is not named: {said}");
    }
    assert_eq!(
        std::fs::read_dir(folder.path()).expect("a folder").count(),
        0,
        "something was started"
    );
}
