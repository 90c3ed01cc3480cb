//! For how long a promotion code lasts, and what it asks of a purchase. Those that there are last once and ask nothing.

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
ALTER TABLE promotion_codes ADD COLUMN duration TEXT NOT NULL DEFAULT 'once'
    CHECK (duration IN ('once', 'repeating', 'forever'));
ALTER TABLE promotion_codes ADD COLUMN duration_in_months INTEGER
    CHECK ((duration_in_months IS NULL) = (duration <> 'repeating'));
ALTER TABLE promotion_codes ADD COLUMN minimum_amount BIGINT CHECK (minimum_amount > 0);
ALTER TABLE promotion_codes ADD COLUMN minimum_amount_currency TEXT
    CHECK ((minimum_amount_currency IS NULL) = (minimum_amount IS NULL));
ALTER TABLE promotion_codes ADD COLUMN first_time_transaction BOOLEAN NOT NULL DEFAULT FALSE;
";
