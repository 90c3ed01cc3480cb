//! Accounts by v2, and charge profiles: by which API a seller's account is read, which profile it was made with, and what
//! Stripe says of its capabilities.

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

/// Accounts from before were made by v1, with the full or the Express dashboard and for direct charges. The dashboard's column
/// is made anew, since its check knew no account without one.
const SQL: &str = "
ALTER TABLE sellers ADD COLUMN accounts_api TEXT NOT NULL DEFAULT 'v1';
ALTER TABLE sellers ADD COLUMN charge_profile TEXT NOT NULL DEFAULT 'direct';
ALTER TABLE sellers ADD COLUMN capabilities TEXT NOT NULL DEFAULT '{}';
ALTER TABLE sellers ADD COLUMN closed_at BIGINT;
UPDATE sellers SET charge_profile = 'direct_express' WHERE dashboard = 'express';
ALTER TABLE sellers ADD COLUMN stripe_dashboard TEXT NOT NULL DEFAULT 'full'
    CHECK (stripe_dashboard IN ('full', 'express', 'none'));
UPDATE sellers SET stripe_dashboard = dashboard;
ALTER TABLE sellers DROP COLUMN dashboard;
ALTER TABLE sellers RENAME COLUMN stripe_dashboard TO dashboard;
";
