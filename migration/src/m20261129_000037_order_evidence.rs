//! What a seller needs when a payment is disputed: notes and files of an order, where and how it was bought, the refund policy
//! that the buyer was shown, and which card or account paid.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        let on_postgres = manager.get_database_backend() == DbBackend::Postgres;
        let bytes = if on_postgres { "BYTEA" } else { "BLOB" };
        db.execute_unprepared(&SQL.replace("BYTES", bytes)).await?;
        for table in ["order_notes", "order_files", "order_file_contents"] {
            crate::append_only(manager, table).await?;
            // Neither fires the triggers of DELETE.
            let too = match on_postgres {
                true => format!(
                    "CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
                       FOR EACH STATEMENT EXECUTE FUNCTION souk_append_only();"
                ),
                false => format!(
                    "CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}
                       WHEN EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid OR id = NEW.id)
                       BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END;"
                ),
            };
            db.execute_unprepared(&too).await?;
        }
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE order_notes (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX order_notes_order ON order_notes (order_id, id);
CREATE TABLE order_files (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    shipment_id TEXT REFERENCES shipments (id),
    kind TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX order_files_order ON order_files (order_id, id);
CREATE TABLE order_file_contents (
    id TEXT PRIMARY KEY REFERENCES order_files (id),
    bytes BYTES NOT NULL
);
ALTER TABLE sellers ADD COLUMN refund_policy TEXT;
ALTER TABLE sellers ADD COLUMN refund_policy_url TEXT;
ALTER TABLE orders ADD COLUMN purchase_ip TEXT;
ALTER TABLE orders ADD COLUMN purchase_user_agent TEXT;
ALTER TABLE orders ADD COLUMN refund_policy TEXT;
ALTER TABLE orders ADD COLUMN refund_policy_url TEXT;
CREATE TABLE charge_details (
    payment_id TEXT PRIMARY KEY REFERENCES payments (id),
    charge_account TEXT NOT NULL,
    charge TEXT NOT NULL,
    payment_method_type TEXT,
    brand TEXT,
    last4 TEXT,
    fingerprint TEXT,
    billing_name TEXT,
    billing_address TEXT,
    receipt_url TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX charge_details_fingerprint ON charge_details (charge_account, fingerprint);
";
