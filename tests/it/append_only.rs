//! What was written once can't be rewritten, by whatever statement and on whatever connection.

use sea_orm::{ConnectionTrait, Statement};
use serde_json::json;
use souk_migration::{Migrator, MigratorTrait};

use crate::harness::{Database, TestApp, on_postgres};

/// Tables that only grow, each with a change that a statement could try.
const APPEND_ONLY: [(&str, &str); 9] = [
    ("journals", "posting_rule = posting_rule + 1"),
    ("entries", "amount = amount + 1"),
    ("stock_movements", "delta = delta + 1"),
    ("order_lines", "quantity = quantity + 1"),
    ("order_events", "kind = 'nothing'"),
    ("audit_log", "action = 'nothing'"),
    ("order_notes", "text = 'nothing'"),
    ("order_files", "sha256 = 'nothing'"),
    ("order_file_contents", "bytes = bytes"),
];

/// Columns that Stripe may not change either, of tables whose rows move on in others.
const FIXED: [(&str, &[&str]); 3] = [
    (
        "balance_transactions",
        &[
            "amount = amount + 1",
            "net = net + 1",
            "fee = fee + 1",
            "currency = 'jpy'",
            "id = 'txn_x'",
            "kind = 'x'",
            "reporting_category = 'x'",
            "source = NULL",
            "fee_details = '[]'",
            "balance_type = 'x'",
            "stripe_created = 0",
            "raw = '{}'",
        ],
    ),
    (
        "payouts",
        &[
            "amount = amount + 1",
            "currency = 'jpy'",
            "stripe_account = 'acct_x'",
            "automatic = NOT automatic",
            "seller_id = NULL",
            "stripe_created = 0",
        ],
    ),
    (
        "books",
        &["stripe_account = 'acct_x'", "livemode = NOT livemode"],
    ),
];

/// Somebody has sold, refunded a part and been paid out, so that each table has rows.
async fn paid_out() -> TestApp {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    app.sale(&lamp).await;
    let order = app.sale(&lamp).await.order;
    let note = json!({ "kind": "note", "text": "Packed by Omar" });
    let note = app.post(format!("/v1/orders/{order}/notes"), note);
    note.by(&shop.owner).expect(201).await;
    let file = app.call("POST", format!("/v1/orders/{order}/files?kind=receipt"));
    let file = file.content("application/pdf", "%PDF-1.7");
    file.by(&shop.owner).expect(201).await;
    let body = json!({ "order_id": order, "amount": 500 });
    let refund = app.post("/v1/refunds", body).by(&shop.owner);
    refund.expect(201).await;
    app.settle().await;
    app.until_transactions_show(&shop.account).await;
    app.advance(6 * 86_400).await;
    app.settle().await;
    app.until_transactions_show(&shop.account).await;
    app.member("mallory").await;
    app
}

/// Every row of a table, as text.
async fn rows(app: &TestApp, table: &str) -> String {
    let text = match on_postgres() {
        true => format!("SELECT string_agg(t::text, '|' ORDER BY t::text) AS it FROM {table} t"),
        false => {
            let columns: String = app
                .query(&format!(
                    "SELECT group_concat('quote(' || name || ')', ' || ') AS it FROM pragma_table_info('{table}')"
                ))
                .await;
            format!(
                "SELECT group_concat(it, '|') AS it FROM (SELECT {columns} AS it FROM {table} ORDER BY 1)"
            )
        }
    };
    app.query(&text).await
}

/// Runs a statement that must be refused, and looks whether the table is as it was.
async fn is_refused(app: &TestApp, table: &str, sql: &str) {
    let before = rows(app, table).await;
    let refusal = app.try_sql(sql).await.expect_err(sql);
    assert!(refusal.contains("append-only"), "{sql}: {refusal}");
    assert_eq!(rows(app, table).await, before, "{sql}");
}

#[tokio::test]
async fn rows_of_append_only_tables_are_neither_changed_nor_deleted() {
    let app = paid_out().await;
    for (table, change) in APPEND_ONLY {
        assert!(app.count(table).await > 0, "{table} is empty");
        is_refused(&app, table, &format!("UPDATE {table} SET {change}")).await;
        is_refused(&app, table, &format!("DELETE FROM {table}")).await;
    }
}

#[tokio::test]
async fn what_stripe_said_of_a_transaction_or_a_payout_stays_and_the_rest_moves_on() {
    let app = paid_out().await;
    for (table, changes) in FIXED {
        assert!(app.count(table).await > 0, "{table} is empty");
        is_refused(&app, table, &format!("DELETE FROM {table}")).await;
        for change in changes {
            is_refused(&app, table, &format!("UPDATE {table} SET {change}")).await;
        }
    }
    for moves in [
        "UPDATE balance_transactions SET status = 'available', available_on = 7, payout_id = NULL, order_id = order_id",
        "UPDATE payouts SET status = status, reconciliation = 'open', arrival_date = 7, updated_at = 7",
        "UPDATE books SET pulled_to = 7",
    ] {
        app.sql(moves).await;
    }
}

#[tokio::test]
async fn no_row_is_replaced_whatever_unique_key_a_statement_goes_by() {
    if on_postgres() {
        return;
    }
    let app = paid_out().await;
    let tables = APPEND_ONLY.map(|(table, _)| table).into_iter();
    for table in tables.chain(FIXED.map(|(table, _)| table)) {
        for sql in [
            format!("INSERT OR REPLACE INTO {table} SELECT * FROM {table}"),
            format!("REPLACE INTO {table} SELECT * FROM {table} LIMIT 1"),
            format!("UPDATE OR REPLACE {table} SET rowid = rowid + 1000"),
        ] {
            is_refused(&app, table, &sql).await;
        }
    }
    // Another id, and a key that is unique besides: each would delete the row that has it.
    for (table, columns, values) in [
        (
            "journals",
            "id, book_id, source, posting_rule, posted_at",
            "'x', book_id, source, 9, 9",
        ),
        (
            "order_lines",
            "id, order_id, position, product_id, name, unit_amount, quantity, amount",
            "'x', order_id, position, product_id, name, 1, 1, 1",
        ),
        (
            "stock_movements",
            "id, product_id, delta, reason, order_line_id, actor, created_at",
            "'x', product_id, 9, reason, order_line_id, actor, 9",
        ),
        (
            "audit_log",
            "rowid, id, at, actor, action, subject, data",
            "rowid, 'x', 9, actor, action, subject, data",
        ),
        (
            "books",
            "id, stripe_account, livemode, created_at",
            "'x', stripe_account, livemode, 9",
        ),
    ] {
        let row = match table {
            "stock_movements" => "WHERE order_line_id IS NOT NULL LIMIT 1",
            _ => "LIMIT 1",
        };
        let sql = format!(
            "INSERT OR REPLACE INTO {table} ({columns}) SELECT {values} FROM {table} {row}"
        );
        is_refused(&app, table, &sql).await;
    }
}

#[tokio::test]
async fn no_table_of_what_happened_is_truncated_or_updated_by_an_insert() {
    if !on_postgres() {
        return;
    }
    let app = paid_out().await;
    let tables = APPEND_ONLY.map(|(table, _)| table).into_iter();
    for table in tables.chain(FIXED.map(|(table, _)| table)) {
        is_refused(&app, table, &format!("TRUNCATE {table} CASCADE")).await;
    }
    for (table, change) in APPEND_ONLY {
        let (column, _) = change.split_once(" = ").expect("a change");
        let insert = format!(
            "INSERT INTO {table} SELECT * FROM {table} ON CONFLICT (id) DO UPDATE SET {column} = EXCLUDED.{column}"
        );
        is_refused(&app, table, &insert).await;
    }
}

#[tokio::test]
async fn a_journal_has_the_entries_that_it_was_made_with_in_its_book_and_no_others() {
    let app = paid_out().await;
    let mira = app
        .query::<String>("SELECT id AS it FROM books LIMIT 1")
        .await;
    let other = app.shop("noa").await;
    let lamp = app.product(&other, 2500, None).await;
    app.sale(&lamp).await;
    app.until_transactions_show(&other.account).await;
    let noa: String = app
        .query(&format!("SELECT id AS it FROM books WHERE id <> '{mira}'"))
        .await;
    let entry = |id: &str, journal: &str, book: &str, amount: i64| {
        format!(
            "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
               VALUES ('{id}', '{journal}', '{book}', 'suspense', 'usd', {amount}); "
        )
    };
    let journal = |id: &str, book: &str| {
        format!(
            "INSERT INTO journals (id, book_id, source, posting_rule, posted_at) VALUES ('{id}', '{book}', '{id}', 2, 9); "
        )
    };
    let old: String = app
        .query(&format!(
            "SELECT id AS it FROM journals WHERE book_id = '{mira}' LIMIT 1"
        ))
        .await;
    let before = app.count("entries").await;
    for (why, sql) in [
        ("an old journal", entry("ent_1", &old, &mira, 1)),
        ("another book's journal", entry("ent_1", &old, &noa, 1)),
        ("no journal", entry("ent_1", "jrn_none", &mira, 1)),
        ("no entries", journal("jrn_1", &mira)),
        (
            "entries of another book",
            entry("ent_1", "jrn_1", &noa, 1)
                + &entry("ent_2", "jrn_1", &mira, -1)
                + &journal("jrn_1", &mira),
        ),
        (
            "no sum of zero",
            entry("ent_1", "jrn_1", &mira, 1) + &journal("jrn_1", &mira),
        ),
        (
            "entries after it",
            journal("jrn_1", &mira)
                + &entry("ent_1", "jrn_1", &mira, 1)
                + &entry("ent_2", "jrn_1", &mira, -1),
        ),
    ] {
        app.try_sql(&sql).await.expect_err(why);
    }
    assert_eq!(app.count("entries").await, before);
    app.sql(
        &(entry("ent_1", "jrn_1", &mira, 1)
            + &entry("ent_2", "jrn_1", &mira, -1)
            + &journal("jrn_1", &mira)),
    )
    .await;
}

#[tokio::test]
async fn journals_and_entries_survive_the_migration_that_recreates_the_table_of_entries() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let url = match on_postgres() {
        true => database.url.clone(),
        false => format!("{}?mode=rwc", database.url),
    };
    let before = sea_orm::Database::connect(url).await.expect("connects");
    let all = Migrator::migrations();
    let older = all
        .iter()
        .position(|one| one.name() == "m20261129_000020_append_only");
    let older = u32::try_from(older.expect("is there")).expect("few");
    Migrator::up(&before, Some(older)).await.expect("migrates");
    for row in [
        "INSERT INTO books (id, stripe_account, livemode, created_at) VALUES ('bok_1', 'acct_1', FALSE, 1)",
        "INSERT INTO journals (id, book_id, source, posting_rule, posted_at) VALUES ('jrn_1', 'bok_1', 'txn_1', 1, 1)",
        "INSERT INTO entries (id, journal_id, book_id, account, currency, amount)
           VALUES ('ent_1', 'jrn_1', 'bok_1', 'bank', 'usd', 5), ('ent_2', 'jrn_1', 'bok_1', 'suspense', 'usd', -5)",
    ] {
        before.execute_unprepared(row).await.expect("a row");
    }
    Migrator::up(&before, None).await.expect("migrates");
    let query = "SELECT id || journal_id || book_id || account || currency || amount AS it FROM entries ORDER BY id";
    let query = Statement::from_string(before.get_database_backend(), query);
    let kept = before.query_all_raw(query).await.expect("is answered");
    let kept: Vec<String> = kept
        .iter()
        .map(|row| row.try_get("", "it").expect("a text"))
        .collect();
    assert_eq!(
        kept,
        ["ent_1jrn_1bok_1bankusd5", "ent_2jrn_1bok_1suspenseusd-5"]
    );
    before.close().await.expect("closes");
}
