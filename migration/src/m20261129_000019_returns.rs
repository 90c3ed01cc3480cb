//! Goods that come back: with a cancelled free order, or with a refund.

use sea_orm_migration::{prelude::*, sea_orm::DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(SQL).await?;
        if manager.get_database_backend() == DbBackend::Sqlite {
            db.execute_unprepared(NO_REPLACE).await?;
        }
        Ok(())
    }
}

const SQL: &str = "
ALTER TABLE stock_movements ADD COLUMN returned_line_id TEXT;
ALTER TABLE stock_movements ADD COLUMN refund_id TEXT;
CREATE UNIQUE INDEX stock_movements_refund ON stock_movements (returned_line_id, refund_id);
CREATE UNIQUE INDEX stock_movements_cancellation ON stock_movements (returned_line_id) WHERE refund_id IS NULL;
CREATE TABLE refund_lines (
    refund_id TEXT NOT NULL REFERENCES refunds (id),
    order_line_id TEXT NOT NULL REFERENCES order_lines (id),
    quantity BIGINT NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (refund_id, order_line_id)
);
CREATE INDEX refund_lines_order_line ON refund_lines (order_line_id);
";

/// REPLACE deletes without firing the triggers of DELETE, so it is refused by these unique keys, too.
const NO_REPLACE: &str = "
CREATE TRIGGER stock_movements_no_replaced_return BEFORE INSERT ON stock_movements
  WHEN EXISTS (SELECT 1 FROM stock_movements
    WHERE returned_line_id = NEW.returned_line_id AND refund_id IS NEW.refund_id)
  BEGIN SELECT RAISE(ABORT, 'stock_movements is append-only'); END;
";
