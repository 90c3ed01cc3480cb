//! The payment methods that a seller allows, and lists of payment intents.

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
ALTER TABLE sellers ADD COLUMN allowed_payment_method_types TEXT;
CREATE INDEX payments_intents ON payments (created_at, stripe_object) WHERE kind = 'intent';
CREATE INDEX payments_intents_account ON payments (charge_account, created_at, stripe_object) WHERE kind = 'intent';
";
