//! Customers: a buyer's Stripe customer on a seller's account.

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
CREATE TABLE customers (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    stripe_customer TEXT,
    deleted_customer TEXT,
    name TEXT,
    email TEXT,
    phone TEXT,
    address TEXT,
    tax_ids TEXT NOT NULL,
    metadata TEXT NOT NULL,
    default_payment_method TEXT,
    unsent TEXT NOT NULL,
    revision BIGINT NOT NULL,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    synced_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX customers_buyer ON customers (user_id, stripe_account, livemode);
CREATE UNIQUE INDEX customers_stripe ON customers (stripe_account, livemode, stripe_customer)
    WHERE stripe_customer IS NOT NULL;
CREATE INDEX customers_account ON customers (stripe_account, livemode, id);
";
