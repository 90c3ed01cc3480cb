//! Jobs that rest when a burst of events asks for them, and an index of sellers whose account is being made.

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
ALTER TABLE jobs ADD COLUMN rests_until BIGINT NOT NULL DEFAULT 0;
CREATE INDEX sellers_without_account ON sellers (created_at) WHERE stripe_account IS NULL;
CREATE INDEX sellers_synced ON sellers (synced_at) WHERE stripe_account IS NOT NULL AND deauthorized_at IS NULL;
";
