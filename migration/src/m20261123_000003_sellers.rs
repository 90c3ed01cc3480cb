//! Sellers and their connected accounts.

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
CREATE TABLE sellers (
    id TEXT PRIMARY KEY,
    owner_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    country TEXT NOT NULL,
    business_type TEXT,
    stripe_account TEXT UNIQUE,
    livemode BOOLEAN NOT NULL,
    dashboard TEXT NOT NULL CHECK (dashboard IN ('full', 'express')),
    status TEXT NOT NULL,
    charges_enabled BOOLEAN NOT NULL,
    payouts_enabled BOOLEAN NOT NULL,
    details_submitted BOOLEAN NOT NULL,
    requirements TEXT NOT NULL,
    onboarding_started_at BIGINT,
    deauthorized_at BIGINT,
    application_fee_bps INTEGER CHECK (application_fee_bps BETWEEN 0 AND 10000),
    application_fee_fixed BIGINT CHECK (application_fee_fixed >= 0),
    metadata TEXT NOT NULL,
    synced_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sellers_owner ON sellers (owner_id, id);
";
