//! Products, their stock and promotion codes.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQL).await?;
        crate::append_only(manager, "stock_movements").await?;
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE products (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    name TEXT NOT NULL,
    description TEXT,
    unit_amount BIGINT NOT NULL CHECK (unit_amount > 0),
    currency TEXT NOT NULL,
    available BIGINT CHECK (available >= 0),
    status TEXT NOT NULL CHECK (status IN ('active', 'archived')),
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX products_seller ON products (seller_id, id);
CREATE TABLE stock_movements (
    id TEXT PRIMARY KEY,
    product_id TEXT NOT NULL REFERENCES products (id),
    delta BIGINT NOT NULL,
    reason TEXT NOT NULL,
    note TEXT,
    order_id TEXT,
    order_line_id TEXT UNIQUE,
    actor TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX stock_movements_product ON stock_movements (product_id, id);
CREATE TABLE promotion_codes (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    code TEXT NOT NULL,
    percent_off INTEGER CHECK (percent_off BETWEEN 1 AND 100),
    amount_off BIGINT CHECK (amount_off > 0),
    currency TEXT,
    max_redemptions INTEGER,
    expires_at BIGINT,
    active BOOLEAN NOT NULL,
    stripe_coupon TEXT,
    stripe_promotion_code TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (seller_id, code),
    CHECK ((percent_off IS NULL) <> (amount_off IS NULL)),
    CHECK ((amount_off IS NULL) = (currency IS NULL))
);
";
