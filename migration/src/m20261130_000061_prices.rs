//! Recurring prices of products and their copies at Stripe. A product needs no price of its own any more.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

use crate::rebuild::rebuild;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Sqlite {
            rebuild(db, "products", PRODUCTS, &[]).await?;
        } else {
            db.execute_unprepared(POSTGRES).await?;
        }
        db.execute_unprepared(PRICES).await?;
        Ok(())
    }
}

/// SQLite changes no constraint of a table that is there.
const PRODUCTS: &str = "
CREATE TABLE products (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    name TEXT NOT NULL,
    description TEXT,
    unit_amount BIGINT CHECK (unit_amount > 0),
    currency TEXT NOT NULL,
    available BIGINT CHECK (available >= 0),
    status TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
";

const POSTGRES: &str = "ALTER TABLE products ALTER COLUMN unit_amount DROP NOT NULL";

const PRICES: &str = "
CREATE TABLE prices (
    id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    unit_amount BIGINT NOT NULL CHECK (unit_amount > 0),
    \"interval\" TEXT NOT NULL CHECK (\"interval\" IN ('day', 'week', 'month', 'year')),
    interval_count INTEGER NOT NULL CHECK (interval_count > 0),
    trial_period_days INTEGER CHECK (trial_period_days BETWEEN 1 AND 730),
    nickname TEXT,
    min_quantity BIGINT CHECK (min_quantity > 0),
    max_quantity BIGINT CHECK (max_quantity > 0),
    active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK (min_quantity <= max_quantity)
);
CREATE INDEX prices_product ON prices (product_id, id);
CREATE TABLE stripe_prices (
    id TEXT PRIMARY KEY,
    price_id TEXT NOT NULL REFERENCES prices (id),
    stripe_account TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    stripe_product TEXT,
    stripe_price TEXT,
    active BOOLEAN,
    key_number INTEGER NOT NULL,
    key_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (price_id, stripe_account, livemode)
);
CREATE UNIQUE INDEX stripe_prices_stripe ON stripe_prices (stripe_price, stripe_account, livemode)
    WHERE stripe_price IS NOT NULL;
";
