//! What was written once stays, also against REPLACE and TRUNCATE: the books, the audit log, timelines, order lines and
//! stock movements. A journal completes its entries, and the rows from Stripe keep what they were stored with.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = match manager.get_database_backend() {
            DbBackend::Postgres => postgres(),
            _ => sqlite(),
        };
        manager.get_connection().execute_unprepared(&sql).await?;
        Ok(())
    }
}

/// Tables from which nothing is deleted, each with its unique keys. UPDATE and DELETE of the first six are refused already.
const TABLES: [(&str, &str); 9] = [
    (
        "journals",
        "id = NEW.id OR (book_id = NEW.book_id AND source = NEW.source)",
    ),
    ("entries", "id = NEW.id"),
    (
        "order_lines",
        "id = NEW.id OR (order_id = NEW.order_id AND position = NEW.position)",
    ),
    ("order_events", "id = NEW.id"),
    (
        "stock_movements",
        "id = NEW.id OR order_line_id = NEW.order_line_id",
    ),
    ("audit_log", "id = NEW.id"),
    (
        "balance_transactions",
        "book_id = NEW.book_id AND id = NEW.id",
    ),
    ("payouts", "id = NEW.id"),
    (
        "books",
        "id = NEW.id OR (stripe_account = NEW.stripe_account AND livemode = NEW.livemode)",
    ),
];

/// Tables whose rows move on in some columns, each with the columns that never change.
const FIXED: [(&str, &[&str]); 3] = [
    (
        "balance_transactions",
        &[
            "book_id",
            "id",
            "kind",
            "reporting_category",
            "source",
            "amount",
            "fee",
            "net",
            "currency",
            "fee_details",
            "balance_type",
            "stripe_created",
            "raw",
            "created_at",
        ],
    ),
    (
        "payouts",
        &[
            "id",
            "book_id",
            "stripe_account",
            "seller_id",
            "livemode",
            "amount",
            "currency",
            "automatic",
            "stripe_created",
            "created_at",
        ],
    ),
    ("books", &["id", "stripe_account", "livemode", "created_at"]),
];

/// REPLACE deletes without firing the triggers of DELETE unless the connection asks for that, so it is refused before it
/// begins, whichever unique key it goes by. The row's number is one of them.
fn sqlite() -> String {
    let mut sql = SQLITE_ENTRIES.to_owned();
    for (table, keys) in TABLES {
        sql += &format!(
            "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
               WHEN EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid OR {keys})
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
        );
    }
    for (table, columns) in FIXED {
        let changed = columns
            .iter()
            .map(|column| format!(" OR NEW.{column} IS NOT OLD.{column}"));
        let changed: String = changed.collect();
        sql += &format!(
            "CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table}
               WHEN NEW.rowid IS NOT OLD.rowid{changed}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only but for some columns'); END;
             CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
               BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;\n"
        );
    }
    sql
}

/// SQLite can't change a constraint, so the table is made anew. Nothing refers to it.
const SQLITE_ENTRIES: &str = "
ALTER TABLE entries RENAME TO old_entries;
DROP INDEX entries_journal;
DROP INDEX entries_book;
CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    journal_id TEXT NOT NULL REFERENCES journals (id) DEFERRABLE INITIALLY DEFERRED,
    book_id TEXT NOT NULL REFERENCES books (id),
    account TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount BIGINT NOT NULL
);
INSERT INTO entries SELECT id, journal_id, book_id, account, currency, amount FROM old_entries;
DROP TABLE old_entries;
CREATE INDEX entries_journal ON entries (journal_id);
CREATE INDEX entries_book ON entries (book_id, account, currency);
CREATE TRIGGER entries_no_update BEFORE UPDATE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
CREATE TRIGGER entries_no_delete BEFORE DELETE ON entries
  BEGIN SELECT RAISE(ABORT, 'entries is append-only'); END;
CREATE TRIGGER entries_of_no_complete_journal BEFORE INSERT ON entries
  WHEN EXISTS (SELECT 1 FROM journals WHERE id = NEW.journal_id)
  BEGIN SELECT RAISE(ABORT, 'entries is append-only: a journal comes after its entries and completes them'); END;
CREATE TRIGGER journals_complete BEFORE INSERT ON journals
  BEGIN
    SELECT RAISE(ABORT, 'a journal has entries, which come before it')
      WHERE NOT EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id);
    SELECT RAISE(ABORT, 'the entries of a journal are in its book')
      WHERE EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id AND book_id <> NEW.book_id);
    SELECT RAISE(ABORT, 'a journal sums to zero in each currency')
      WHERE EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id GROUP BY currency HAVING SUM(amount) <> 0);
  END;
";

fn postgres() -> String {
    let mut sql = POSTGRES_JOURNALS.to_owned();
    for (table, _) in TABLES {
        sql += &format!(
            "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
               FOR EACH STATEMENT EXECUTE FUNCTION souk_append_only();\n"
        );
    }
    for (table, columns) in FIXED {
        let of = |row: &str| {
            let columns = columns.iter().map(|column| format!("{row}.{column}"));
            columns.collect::<Vec<_>>().join(", ")
        };
        let (new, old) = (of("NEW"), of("OLD"));
        sql += &format!(
            "CREATE TRIGGER {table}_fixed BEFORE UPDATE ON {table}
               FOR EACH ROW WHEN (ROW({new}) IS DISTINCT FROM ROW({old})) EXECUTE FUNCTION souk_fixed_columns();
             CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
               FOR EACH ROW EXECUTE FUNCTION souk_append_only();\n"
        );
    }
    sql
}

const POSTGRES_JOURNALS: &str = "
ALTER TABLE entries ALTER CONSTRAINT entries_journal_id_fkey DEFERRABLE INITIALLY DEFERRED;
CREATE FUNCTION souk_fixed_columns() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION '% is append-only but for some columns', TG_TABLE_NAME; END $$;
CREATE FUNCTION souk_entry_of_no_complete_journal() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF EXISTS (SELECT 1 FROM journals WHERE id = NEW.journal_id) THEN
    RAISE EXCEPTION 'entries is append-only: a journal comes after its entries and completes them';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER entries_of_no_complete_journal BEFORE INSERT ON entries
  FOR EACH ROW EXECUTE FUNCTION souk_entry_of_no_complete_journal();
CREATE FUNCTION souk_journal_complete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NOT EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id) THEN
    RAISE EXCEPTION 'a journal has entries, which come before it';
  END IF;
  IF EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id AND book_id <> NEW.book_id) THEN
    RAISE EXCEPTION 'the entries of a journal are in its book';
  END IF;
  IF EXISTS (SELECT 1 FROM entries WHERE journal_id = NEW.id GROUP BY currency HAVING SUM(amount) <> 0) THEN
    RAISE EXCEPTION 'a journal sums to zero in each currency';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER journals_complete BEFORE INSERT ON journals
  FOR EACH ROW EXECUTE FUNCTION souk_journal_complete();
";
