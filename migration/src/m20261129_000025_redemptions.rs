//! The promotion code of a payment: an open one holds a redemption of it, a paid one has redeemed it.

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
ALTER TABLE payments ADD COLUMN stripe_promotion_code TEXT;
CREATE INDEX payments_promotion_code ON payments (stripe_promotion_code, status)
    WHERE stripe_promotion_code IS NOT NULL;
CREATE INDEX promotion_codes_at_stripe ON promotion_codes (stripe_promotion_code)
    WHERE stripe_promotion_code IS NOT NULL;
";
