//! Charges on saved cards while the buyer isn't there.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQL).await?;
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE off_session_charges (
    id TEXT PRIMARY KEY REFERENCES payments (id),
    customer_id TEXT NOT NULL REFERENCES customers (id),
    payment_method TEXT NOT NULL REFERENCES payment_methods (id),
    mandate_id TEXT NOT NULL REFERENCES setup_intents (id),
    requested_by TEXT NOT NULL REFERENCES users (id),
    state TEXT NOT NULL,
    tries INTEGER NOT NULL,
    advice TEXT,
    next_try_at BIGINT,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX off_session_charges_due ON off_session_charges (next_try_at) WHERE state = 'trying';
";
