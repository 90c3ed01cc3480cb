//! Setup intents that a Checkout Session makes.

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
ALTER TABLE setup_intents ADD COLUMN hosted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE setup_intents ADD COLUMN checkout_session TEXT;
CREATE UNIQUE INDEX setup_intents_session ON setup_intents (checkout_session, stripe_account, livemode)
    WHERE checkout_session IS NOT NULL;
";
