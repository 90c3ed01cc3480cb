//! What every sale writes, with less work.
//!
//! A sale's movement of stock is no return, so the indexes of returns leave it out. A share of a payment is written when its
//! payment is placed, and again when it is paid: PostgreSQL writes a row's next version beside it where its page has room, and then
//! needs no index entry for it (<https://www.postgresql.org/docs/15/storage-hot.html>), so half of each page is kept free.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let db = manager.get_connection();
        db.execute_unprepared(INDEXES).await?;
        match manager.get_database_backend() {
            DbBackend::Postgres => db.execute_unprepared(ROOM).await.map(drop),
            _ => Ok(()),
        }
    }
}

const INDEXES: &str = "
DROP INDEX stock_movements_refund;
DROP INDEX stock_movements_cancellation;
CREATE UNIQUE INDEX stock_movements_refund ON stock_movements (returned_line_id, refund_id)
    WHERE returned_line_id IS NOT NULL;
CREATE UNIQUE INDEX stock_movements_cancellation ON stock_movements (returned_line_id)
    WHERE returned_line_id IS NOT NULL AND refund_id IS NULL;
";

const ROOM: &str = "ALTER TABLE payment_orders SET (fillfactor = 50)";
