//! What was agreed about a payment's application fee, what Stripe took of it, and our own refunds of it.

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
ALTER TABLE payments ADD COLUMN fee_bps INTEGER;
ALTER TABLE payments ADD COLUMN fee_fixed BIGINT;
ALTER TABLE payments ADD COLUMN stripe_fee TEXT;
ALTER TABLE payments ADD COLUMN fee_taken BIGINT;
ALTER TABLE payments ADD COLUMN fee_returned BIGINT;
CREATE TABLE fee_refunds (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    refund_id TEXT UNIQUE REFERENCES refunds (id),
    amount BIGINT NOT NULL CHECK (amount > 0),
    status TEXT NOT NULL CHECK (status IN ('requested', 'succeeded', 'refused')),
    stripe_fee_refund TEXT UNIQUE,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX fee_refunds_payment ON fee_refunds (payment_id);
-- What a discount made too much goes back once.
CREATE UNIQUE INDEX fee_refunds_discount ON fee_refunds (payment_id) WHERE refund_id IS NULL;
";
