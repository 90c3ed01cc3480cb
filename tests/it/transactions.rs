//! What must not happen while a transaction is open, and what must be there when it has ended.

use sea_orm::ConnectionTrait;
use serde_json::json;
use souk::ledger;
use souk_entity::AccountId;

use crate::harness::{TestApp, event, on_postgres};

#[tokio::test]
async fn whoever_asks_stripe_while_a_transaction_is_open_is_stopped() {
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
async fn after_a_full_disk_what_is_committed_is_there_for_others_to_see() {
    if on_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let db = &app.app.db;
    // The disk is full: SQLite itself ends the transaction in which that is found out.
    let pages: i64 = app
        .ask("SELECT page_count AS it FROM pragma_page_count")
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
async fn what_only_gets_in_anothers_way_is_done_again_at_both_doors() {
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
    assert_eq!(
        (made.status, made.header("idempotent-replayed")),
        (201, None),
        "{}",
        made.text
    );
    assert_eq!(app.count("products").await, 1);
    let told = event(
        "evt_1",
        "payout.nonsense",
        &shop.account,
        json!({ "id": "po_1" }),
    );
    assert_eq!(app.hear(&told).await, "ignored");
    let tries: i64 = app
        .ask("SELECT last_value AS it FROM inbox_events_tries")
        .await;
    assert_eq!(tries, 3);
}
