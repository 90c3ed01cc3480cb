//! The number in the idempotency key of each row's creation at Stripe, and the time until which that key may be repeated.

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

/// Existing rows may have been sent at any time, so they get 0: Stripe is searched first.
const SQL: &str = "
ALTER TABLE payments ADD COLUMN key_number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE payments ADD COLUMN key_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sellers ADD COLUMN key_number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE sellers ADD COLUMN key_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE promotion_codes ADD COLUMN key_number INTEGER NOT NULL DEFAULT 1;
ALTER TABLE promotion_codes ADD COLUMN key_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds RENAME COLUMN attempt TO key_number;
ALTER TABLE refunds ADD COLUMN key_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds DROP COLUMN first_sent_at;
";
