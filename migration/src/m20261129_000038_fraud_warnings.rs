//! Early fraud warnings about payments.

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
CREATE TABLE early_fraud_warnings (
    id TEXT PRIMARY KEY,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    order_id TEXT NOT NULL REFERENCES orders (id),
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    stripe_account TEXT NOT NULL,
    fraud_type TEXT NOT NULL,
    actionable BOOLEAN NOT NULL,
    stripe_created BIGINT NOT NULL,
    synced_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX early_fraud_warnings_payment ON early_fraud_warnings (payment_id);
CREATE INDEX early_fraud_warnings_age ON early_fraud_warnings (stripe_created);
CREATE TABLE unmatched_fraud_warnings (
    id TEXT PRIMARY KEY,
    stripe_account TEXT NOT NULL,
    payment_intent TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX unmatched_fraud_warnings_age ON unmatched_fraud_warnings (created_at);
CREATE INDEX unmatched_fraud_warnings_intent ON unmatched_fraud_warnings (payment_intent);
";
