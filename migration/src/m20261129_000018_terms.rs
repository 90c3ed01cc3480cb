//! A seller's fixed fee by currency, the name that Stripe has of its account, and Stripe's code of a refused checkout.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(ADD).await?;
        let list = match manager.get_database_backend() {
            DbBackend::Postgres => "string_agg(fee, ',' ORDER BY fee)",
            _ => "group_concat(fee, ',')",
        };
        db.execute_unprepared(&CONVERT.replace("LIST", list))
            .await?;
        db.execute_unprepared(REPLACE).await?;
        Ok(())
    }
}

const ADD: &str = "
ALTER TABLE payments ADD COLUMN failure_code TEXT;
ALTER TABLE sellers ADD COLUMN account_name TEXT;
ALTER TABLE sellers ADD COLUMN fixed_by_currency TEXT;
";

/// The amount was taken in the payment's currency, whichever that was. It stays what it was in those that the seller has
/// products in, and is taken in no other.
const CONVERT: &str = "
UPDATE sellers SET fixed_by_currency = '{' || COALESCE((
    SELECT LIST FROM (
        SELECT DISTINCT '\"' || p.currency || '\":' || sellers.application_fee_fixed AS fee
        FROM products p WHERE p.seller_id = sellers.id AND sellers.application_fee_fixed > 0
    ) fees
), '') || '}'
WHERE application_fee_fixed IS NOT NULL;
";

const REPLACE: &str = "
ALTER TABLE sellers DROP COLUMN application_fee_fixed;
ALTER TABLE sellers RENAME COLUMN fixed_by_currency TO application_fee_fixed;
";
