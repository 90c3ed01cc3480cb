//! Changes of subscriptions, what a buyer is told of beforehand, and what ends a seller's subscriptions.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(SQL).await.map(drop)
    }
}

const SQL: &str = "
ALTER TABLE sellers ADD COLUMN subscription_ends_on TEXT NOT NULL DEFAULT 'nothing';
ALTER TABLE sellers ADD COLUMN renewal_notices TEXT NOT NULL DEFAULT 'long_periods';
ALTER TABLE subscriptions ADD COLUMN pending_update TEXT;
ALTER TABLE subscriptions ADD COLUMN notice_due_at BIGINT;
ALTER TABLE subscriptions ADD COLUMN noticed_end BIGINT;
ALTER TABLE subscriptions ADD COLUMN card_expires TEXT;
CREATE INDEX subscriptions_card ON subscriptions (card_expires) WHERE card_expires IS NOT NULL;
CREATE INDEX subscriptions_notice ON subscriptions (notice_due_at) WHERE notice_due_at IS NOT NULL;
CREATE INDEX subscriptions_past_due ON subscriptions (asked_at) WHERE status = 'past_due';
CREATE TABLE subscription_changes (
    id TEXT PRIMARY KEY,
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
    items TEXT NOT NULL,
    proration_behavior TEXT NOT NULL,
    proration_date BIGINT,
    invoices_now BOOLEAN NOT NULL,
    requested_by TEXT NOT NULL,
    made_at BIGINT,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX subscription_changes_subscription ON subscription_changes (subscription_id);
";
