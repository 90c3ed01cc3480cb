//! The triggers that refuse REPLACE look for each unique key by itself. With `OR` between the keys SQLite reads the whole
//! table for each new row, once ANALYZE has seen the table while it was small.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            let db = manager.get_connection();
            db.execute_unprepared(&sql()).await?;
        }
        Ok(())
    }
}

/// The tables from which nothing is deleted, each with its unique keys beside the row's number.
const TABLES: [(&str, &[&str]); 9] = [
    (
        "journals",
        &[
            "id = NEW.id",
            "book_id = NEW.book_id AND source = NEW.source",
        ],
    ),
    ("entries", &["id = NEW.id"]),
    (
        "order_lines",
        &[
            "id = NEW.id",
            "order_id = NEW.order_id AND position = NEW.position",
        ],
    ),
    ("order_events", &["id = NEW.id"]),
    (
        "stock_movements",
        &["id = NEW.id", "order_line_id = NEW.order_line_id"],
    ),
    ("audit_log", &["id = NEW.id"]),
    (
        "balance_transactions",
        &["book_id = NEW.book_id AND id = NEW.id"],
    ),
    ("payouts", &["id = NEW.id"]),
    (
        "books",
        &[
            "id = NEW.id",
            "stripe_account = NEW.stripe_account AND livemode = NEW.livemode",
        ],
    ),
];

fn sql() -> String {
    let mut sql = String::new();
    for (table, keys) in TABLES {
        let keys = keys
            .iter()
            .map(|key| format!(" OR EXISTS (SELECT 1 FROM {table} WHERE {key})"));
        let keys: String = keys.collect();
        sql += &format!(
            "DROP TRIGGER {table}_no_replace;
             CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
               WHEN EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid){keys}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
        );
    }
    sql
}
