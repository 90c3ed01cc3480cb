//! Money that is held until the seller captures it: until when it can be, and what of it was asked for.

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
ALTER TABLE payments ADD COLUMN capture_before BIGINT;
ALTER TABLE payments ADD COLUMN capture_amount BIGINT;
ALTER TABLE payments ADD COLUMN capture_refusal TEXT;
CREATE INDEX payments_manual ON payments (payment_intent) WHERE capture_method = 'manual';
CREATE INDEX payments_authorized ON payments (capture_before, id) WHERE status = 'authorized';
";
