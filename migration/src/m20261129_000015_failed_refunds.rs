//! Refunds that failed: since when, and how the buyer was paid in another way.

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
ALTER TABLE refunds ADD COLUMN failed_at BIGINT;
ALTER TABLE refunds ADD COLUMN settled_at BIGINT;
ALTER TABLE refunds ADD COLUMN settled_note TEXT;
UPDATE refunds SET failed_at = updated_at WHERE status IN ('failed', 'canceled', 'blocked');
CREATE INDEX orders_refund_due ON orders (id) WHERE status = 'refund_due';
CREATE INDEX refunds_unsettled ON refunds (id) WHERE status IN ('failed', 'canceled', 'blocked') AND settled_at IS NULL;
CREATE INDEX refunds_waiting ON refunds (created_at) WHERE status IN ('pending', 'requires_action');
";
