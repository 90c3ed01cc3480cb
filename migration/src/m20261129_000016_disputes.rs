//! Disputes of payments.

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
CREATE TABLE disputes (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    amount BIGINT NOT NULL,
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    is_charge_refundable BOOLEAN NOT NULL,
    funds_withdrawn BOOLEAN NOT NULL,
    evidence_due_by BIGINT,
    stripe_created BIGINT NOT NULL,
    synced_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX disputes_payment ON disputes (payment_id);
CREATE INDEX disputes_order ON disputes (order_id, id);
CREATE INDEX disputes_undecided ON disputes (synced_at)
    WHERE status NOT IN ('won', 'lost', 'prevented', 'warning_closed');
";
