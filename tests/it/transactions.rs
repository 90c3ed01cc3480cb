//! Transactions: what is forbidden while one is open, and what holds when it has ended.

use sea_orm::{
    ConnectionTrait, Database as Connection, DatabaseConnection, EntityTrait, QueryOrder,
    QuerySelect, Statement,
};
use serde_json::json;
use souk::ledger;
use souk_entity::{AccountId, Amounts, JsonText, seller};

use souk::clock::Clock;
use souk::db::Db;
use souk_migration::{Migrator, MigratorTrait};

use crate::harness::{Database, TestApp, event, on_postgres};

#[tokio::test]
async fn a_call_to_stripe_while_a_transaction_is_open_panics() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let (server, account) = (app.app.clone(), AccountId::from(shop.account.as_str()));
    // A task, since a transaction belongs to one.
    let asks = async |inside: bool| {
        let (server, account) = (server.clone(), account.clone());
        let asked = tokio::spawn(async move {
            let open = match inside {
                true => Some(server.db.begin_write().await.expect("begins")),
                false => None,
            };
            let asked = ledger::check_book(&server, &account, false).await;
            drop(open);
            asked.is_ok()
        });
        asked.await
    };
    assert!(asks(false).await.expect("no panic"));
    let stopped = asks(true).await.expect_err("Stripe was asked");
    let why = stopped.into_panic();
    let why = why.downcast_ref::<&str>().copied().unwrap_or_default();
    assert_eq!(why, "a network call while a transaction is open");
}

#[tokio::test]
async fn rows_committed_after_a_full_disk_are_visible_to_others() {
    if on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let db = &app.app.db;
    // The disk is full: SQLite itself ends the transaction in which that is found out.
    let pages: i64 = app
        .query("SELECT page_count AS it FROM pragma_page_count")
        .await;
    let tx = db.begin_write().await.expect("begins");
    let full = format!("PRAGMA max_page_count = {pages}");
    tx.execute_unprepared(&full).await.expect("a limit");
    // One row, which needs no statement journal: nothing but the whole transaction can be undone.
    let one_row =
        "INSERT INTO seaql_migrations (version, applied_at) VALUES (hex(randomblob(9000000)), 0)";
    let filled = tx.execute_unprepared(one_row);
    let refused = filled.await.expect_err("there is room").to_string();
    assert!(refused.contains("full"), "{refused}");
    drop(tx);
    // Then one that fails, and one that is committed.
    if let Ok(tx) = db.begin_write().await {
        drop(tx);
    }
    let tx = db.begin_write().await.expect("begins");
    tx.execute_unprepared("PRAGMA max_page_count = 1000000")
        .await
        .expect("room");
    tx.execute_unprepared("CREATE TABLE kept (it TEXT)")
        .await
        .expect("a table");
    tx.commit().await.expect("commits");
    assert_eq!(app.count("kept").await, 0, "nobody else can see it");
}

#[tokio::test]
async fn a_request_and_an_event_are_tried_again_after_a_deadlock() {
    if !on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    // PostgreSQL ends the first two transactions that insert into these; a sequence remembers, whatever is undone.
    for table in ["products", "inbox_events"] {
        app.sql(&format!("CREATE SEQUENCE {table}_tries")).await;
        app.sql(&format!(
            "CREATE FUNCTION {table}_deadlock() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
               IF nextval('{table}_tries') <= 2 THEN
                 RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01';
               END IF;
               RETURN NEW; END $f$"
        ))
        .await;
        app.sql(&format!(
            "CREATE TRIGGER {table}_first BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_deadlock()"
        ))
        .await;
    }
    let body =
        json!({ "seller_id": shop.id, "name": "Lamp", "unit_amount": 2500, "currency": "usd" });
    let made = app
        .post("/v1/products", body)
        .by(&shop.owner)
        .keyed("lamp")
        .await;
    made.expect_first(201);
    assert_eq!(app.count("products").await, 1);
    let told = event(
        "evt_1",
        "payout.nonsense",
        &shop.account,
        json!({ "id": "po_1" }),
    );
    assert_eq!(app.deliver(&told).await, "ignored");
    let tries: i64 = app
        .query("SELECT last_value AS it FROM inbox_events_tries")
        .await;
    assert_eq!(tries, 3);
}

/// A connection to a new database with the schema that it had before a change.
async fn as_before(database: &Database, change: &str) -> DatabaseConnection {
    let url = match on_postgres() {
        true => database.url.clone(),
        false => format!("{}?mode=rwc", database.url),
    };
    let connection = Connection::connect(url).await.expect("connects");
    let all = Migrator::migrations();
    let at = all.iter().position(|one| one.name().contains(change));
    let earlier = u32::try_from(at.expect("the change")).expect("few");
    let up = Migrator::up(&connection, Some(earlier));
    up.await.expect("migrates");
    connection
}

#[tokio::test]
async fn events_and_jobs_survive_the_migration_that_recreates_their_tables() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let before = as_before(&database, "_000010_").await;
    for row in [
        "INSERT INTO inbox_events (id, endpoint, kind, account, livemode, object, stripe_created, payload, state,
            waits_for, attempts, retry_at, error, received_at, source)
         VALUES ('evt_1', 'connect', 'account.updated', 'acct_1', false, 'acct_1', 1, '{}', 'deferred',
            'payment:pay_1', 3, 4, 'waits', 5, 'catch_up')",
        "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts,
            run_at, lease_owner, lease_until, last_error, created_at)
         VALUES ('job_1', 'tidy', '{}', 'tidy:all', 'all', 'leased', 7, 6, 5, 4, 'somebody', 3, 'an error', 2)",
    ] {
        before.execute_unprepared(row).await.expect("a row");
    }
    before.close().await.expect("closes");
    let db = Db::connect(&database.url, Clock::System)
        .await
        .expect("connects");
    db.migrate().await.expect("migrates");
    let kept = async |columns: &str, table: &str| {
        let query = format!(
            "SELECT {} AS it FROM {table}",
            columns.replace(", ", " || ' ' || ")
        );
        let row = db
            .read
            .query_one_raw(Statement::from_string(db.backend(), query))
            .await;
        let row = row.expect("is answered").expect("a row");
        row.try_get::<String>("", "it").expect("a text")
    };
    let columns = "id, endpoint, source, kind, account, object, stripe_created, payload, state, waits_for, attempts, \
                   retry_at, error, received_at";
    assert_eq!(
        kept(columns, "inbox_events").await,
        "evt_1 connect catch_up account.updated acct_1 acct_1 1 {} deferred payment:pay_1 3 4 waits 5"
    );
    let columns = "id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, run_at, \
                   lease_owner, lease_until, last_error, created_at";
    assert_eq!(
        kept(columns, "jobs").await,
        "job_1 tidy {} tidy:all all leased 7 6 5 4 somebody 3 an error 2"
    );
    db.close().await.expect("closes");
}

#[tokio::test]
async fn a_fixed_fee_from_before_currencies_stays_in_those_of_the_sellers_products() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let before = as_before(&database, "_000018_").await;
    let user = "INSERT INTO users (id, email, name, password_hash, role, created_at, updated_at)
                VALUES ('usr_1', 'm@example.com', 'M', 'x', 'member', 1, 1)";
    before.execute_unprepared(user).await.expect("a row");
    for (seller, fee) in [("a", "30"), ("b", "30"), ("c", "0"), ("d", "NULL")] {
        let seller = format!(
            "INSERT INTO sellers (id, owner_id, name, email, country, livemode, dashboard, status, charges_enabled,
                payouts_enabled, details_submitted, requirements, application_fee_fixed, metadata, key_number, key_until,
                created_at, updated_at)
             VALUES ('sel_{seller}', 'usr_1', 'S', 's@example.com', 'US', false, 'full', 'created', false, false, false,
                '{{}}', {fee}, '{{}}', 1, 0, 1, 1)"
        );
        before.execute_unprepared(&seller).await.expect("a row");
    }
    for (product, seller, currency) in [
        ("1", "a", "usd"),
        ("2", "a", "eur"),
        ("3", "a", "usd"),
        ("4", "c", "usd"),
        ("5", "d", "usd"),
    ] {
        let product = format!(
            "INSERT INTO products (id, seller_id, name, unit_amount, currency, status, metadata, created_at, updated_at)
             VALUES ('prd_{product}', 'sel_{seller}', 'P', 100, '{currency}', 'active', '{{}}', 1, 1)"
        );
        before.execute_unprepared(&product).await.expect("a row");
    }
    before.close().await.expect("closes");
    let db = Db::connect(&database.url, Clock::System)
        .await
        .expect("connects");
    db.migrate().await.expect("migrates");
    let fees: Vec<Option<JsonText<Amounts>>> = seller::Entity::find()
        .select_only()
        .column(seller::Column::ApplicationFeeFixed)
        .order_by_asc(seller::Column::Id)
        .into_tuple()
        .all(&db.read)
        .await
        .expect("sellers");
    let fees: Vec<_> = fees
        .into_iter()
        .map(|fixed| fixed.map(|fixed| json!(fixed.0)))
        .collect();
    let none = Some(json!({}));
    let kept = Some(json!({ "usd": 30, "eur": 30 }));
    assert_eq!(fees, [kept, none.clone(), none, None]);
}
