//! Refunds by line that bring nothing back to stock, and what Stripe says of a refund that is under way.

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
ALTER TABLE refund_lines ADD COLUMN restock BOOLEAN NOT NULL DEFAULT TRUE;
ALTER TABLE refunds ADD COLUMN pending_reason TEXT;
ALTER TABLE refunds ADD COLUMN instructions_email TEXT;
";
