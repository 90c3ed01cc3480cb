//! Where a buyer goes who has saved a card, or has left that page.

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
ALTER TABLE setup_intents ADD COLUMN success_url TEXT;
ALTER TABLE setup_intents ADD COLUMN cancel_url TEXT;
ALTER TABLE setup_intents ADD COLUMN return_url TEXT;
";
