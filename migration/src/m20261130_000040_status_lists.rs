//! Lists of refunds and disputes by their status: a rare one is found without reading all of the others.

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
CREATE INDEX refunds_status ON refunds (status, id);
CREATE INDEX disputes_status ON disputes (status, stripe_created, id);
";
