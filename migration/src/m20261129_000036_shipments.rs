//! Shipments of orders. An order that was fulfilled before has one of all its lines, under the order's own number.

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
CREATE TABLE shipments (
    id TEXT PRIMARY KEY,
    order_id TEXT NOT NULL REFERENCES orders (id),
    carrier TEXT,
    tracking_number TEXT,
    tracking_url TEXT,
    delivery_url TEXT,
    note TEXT,
    shipped_at BIGINT NOT NULL,
    delivered_at BIGINT,
    delivery_proof TEXT,
    voided_at BIGINT,
    void_reason TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX shipments_order ON shipments (order_id, id);
CREATE TABLE shipment_lines (
    shipment_id TEXT NOT NULL REFERENCES shipments (id),
    order_line_id TEXT NOT NULL REFERENCES order_lines (id),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (shipment_id, order_line_id)
);
CREATE INDEX shipment_lines_order_line ON shipment_lines (order_line_id);
INSERT INTO shipments (id, order_id, tracking_number, shipped_at, created_by, created_at, updated_at)
    SELECT 'shp_' || substr(id, 5), id, tracking_number, fulfilled_at, 'system', fulfilled_at, fulfilled_at
    FROM orders WHERE fulfilled_at IS NOT NULL;
INSERT INTO shipment_lines (shipment_id, order_line_id, quantity)
    SELECT 'shp_' || substr(o.id, 5), l.id, l.quantity
    FROM order_lines l JOIN orders o ON o.id = l.order_id WHERE o.fulfilled_at IS NOT NULL;
";
