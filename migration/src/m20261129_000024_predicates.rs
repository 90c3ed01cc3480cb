//! Indexes for findings that are looked at again, and for the payouts that they are about.

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
CREATE INDEX findings_open ON findings (kind) WHERE state = 'open';
CREATE INDEX payouts_failed ON payouts (book_id) WHERE status = 'failed';
CREATE INDEX payouts_under_way ON payouts (arrival_date) WHERE status IN ('pending', 'in_transit');
";
