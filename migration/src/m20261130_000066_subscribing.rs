//! What Stripe may ask for where it prorates the first period of a subscription, and the setup intent that a trial waits for.

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
ALTER TABLE payments ADD COLUMN prorated_least BIGINT CHECK (prorated_least >= 0);
ALTER TABLE payments ADD COLUMN prorated_most BIGINT
    CHECK ((prorated_most IS NULL) = (prorated_least IS NULL) AND prorated_most <= amount_subtotal);
ALTER TABLE subscriptions ADD COLUMN pending_setup_intent TEXT;
";
