//! The source of events, and cursors in Stripe's list of events.

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
ALTER TABLE inbox_events ADD COLUMN source TEXT NOT NULL DEFAULT 'webhook' CHECK (source IN ('webhook', 'catch_up'));
CREATE TABLE event_cursors (
    scope TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    listed_to BIGINT NOT NULL,
    listed_at BIGINT,
    access_lost_at BIGINT,
    PRIMARY KEY (scope, livemode)
);
CREATE INDEX payments_open ON payments (expires_at) WHERE status = 'pending';
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
CREATE INDEX refresh_tokens_session ON refresh_tokens (session_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
";
