//! What the posting map needs besides a balance transaction: whether it is of a transfer, of which charge a returned fee
//! was, and by which version a book is posted.

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

/// Books from before were posted by the first version.
const SQL: &str = "
ALTER TABLE balance_transactions ADD COLUMN of_transfer BOOLEAN;
ALTER TABLE books ADD COLUMN posting_rule INTEGER NOT NULL DEFAULT 1;
ALTER TABLE books ADD COLUMN repost_after TEXT;
CREATE TABLE application_fee_refunds (
    id TEXT PRIMARY KEY,
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    charge TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
";
