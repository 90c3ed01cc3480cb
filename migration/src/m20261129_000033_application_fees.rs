//! What the platform's book and the sellers' books say of application fees.

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

/// Of the transactions in books from before it isn't noted yet; the hourly look at the books does it.
const SQL: &str = "
ALTER TABLE books ADD COLUMN pulled_at BIGINT;
ALTER TABLE books ADD COLUMN fees_noted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE books ADD COLUMN fees_noted_to TEXT;
CREATE TABLE application_fee_movements (
    book_id TEXT NOT NULL REFERENCES books (id),
    transaction_id TEXT NOT NULL,
    is_income BOOLEAN NOT NULL,
    stripe_account TEXT,
    charge TEXT,
    fee TEXT,
    source TEXT NOT NULL,
    amount BIGINT,
    currency TEXT,
    posted BIGINT NOT NULL,
    posted_currency TEXT NOT NULL,
    is_compared BOOLEAN NOT NULL,
    stripe_created BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (book_id, transaction_id)
);
CREATE INDEX application_fee_movements_charge ON application_fee_movements (charge);
CREATE INDEX application_fee_movements_source ON application_fee_movements (source);
CREATE INDEX application_fee_movements_open ON application_fee_movements (charge) WHERE NOT is_compared;
CREATE INDEX application_fee_movements_income ON application_fee_movements (stripe_created) WHERE is_income;
";
