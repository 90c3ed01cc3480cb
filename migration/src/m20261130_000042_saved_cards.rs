//! Setup intents, and the payment methods that they and payments have saved.

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
CREATE TABLE setup_intents (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    stripe_object TEXT,
    status TEXT NOT NULL,
    payment_method TEXT,
    mandate_text TEXT,
    mandate_agreed_at BIGINT,
    mandate_ip TEXT,
    mandate_user_agent TEXT,
    last_error TEXT,
    failure TEXT,
    failure_code TEXT,
    metadata TEXT NOT NULL,
    request TEXT NOT NULL,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    asked_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX setup_intents_stripe ON setup_intents (stripe_account, livemode, stripe_object)
    WHERE stripe_object IS NOT NULL;
CREATE INDEX setup_intents_object ON setup_intents (stripe_object) WHERE stripe_object IS NOT NULL;
CREATE INDEX setup_intents_customer ON setup_intents (customer_id, id);
CREATE INDEX setup_intents_open ON setup_intents (created_at) WHERE status = 'open';
CREATE TABLE payment_methods (
    id TEXT PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customers (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    kind TEXT NOT NULL,
    brand TEXT,
    last4 TEXT,
    exp_month INTEGER,
    exp_year INTEGER,
    wallet TEXT,
    brought_by TEXT NOT NULL,
    mandate_id TEXT REFERENCES setup_intents (id),
    detached_at BIGINT,
    expiry_told TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX payment_methods_customer ON payment_methods (customer_id, created_at, id);
CREATE INDEX payment_methods_expiry ON payment_methods (exp_year, exp_month) WHERE detached_at IS NULL;
";
