//! Orders, their lines and timelines.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(SQL).await?;
        for table in ["order_lines", "order_events"] {
            crate::append_only(manager, table).await?;
        }
        Ok(())
    }
}

const SQL: &str = "
CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    seller_id TEXT NOT NULL REFERENCES sellers (id),
    buyer_id TEXT REFERENCES users (id),
    email TEXT,
    status TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    currency TEXT NOT NULL,
    amount_subtotal BIGINT NOT NULL CHECK (amount_subtotal > 0),
    secret_hash TEXT,
    refund_reason TEXT,
    paid_at BIGINT,
    fulfilled_at BIGINT,
    tracking_number TEXT,
    cancelled_at BIGINT,
    cancel_reason TEXT,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX orders_seller ON orders (seller_id, id);
CREATE INDEX orders_buyer ON orders (buyer_id, id);
CREATE TABLE order_lines (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    product_id TEXT NOT NULL REFERENCES products (id),
    name TEXT NOT NULL,
    unit_amount BIGINT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    amount BIGINT NOT NULL,
    UNIQUE (order_id, position)
);
CREATE TABLE order_events (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX order_events_order ON order_events (order_id, id);
";
