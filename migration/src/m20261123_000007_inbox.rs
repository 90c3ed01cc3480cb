//! Every verified Stripe event, once.

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
CREATE TABLE inbox_events (
    id TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL CHECK (endpoint IN ('platform', 'connect')),
    kind TEXT NOT NULL,
    account TEXT,
    livemode BOOLEAN NOT NULL,
    api_version TEXT,
    object TEXT,
    stripe_created BIGINT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('processed', 'ignored', 'deferred', 'failed', 'dead')),
    waits_for TEXT,
    attempts INTEGER NOT NULL,
    retry_at BIGINT,
    error TEXT,
    received_at BIGINT NOT NULL,
    processed_at BIGINT
);
CREATE INDEX inbox_events_due ON inbox_events (retry_at) WHERE state IN ('deferred', 'failed');
CREATE INDEX inbox_events_waiting ON inbox_events (waits_for) WHERE state = 'deferred';
";
