//! A share of a payment is written when its payment is placed, and again when it is paid. PostgreSQL writes a row's next
//! version beside it where its page has room, and then needs no index entry for it
//! (<https://www.postgresql.org/docs/15/storage-hot.html>): half of each page is kept free.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{ConnectionTrait, DbBackend};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        let db = manager.get_connection();
        db.execute_unprepared("ALTER TABLE payment_orders SET (fillfactor = 50)")
            .await
            .map(drop)
    }
}
