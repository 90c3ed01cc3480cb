//! Where a pull of balance transactions goes on, and transactions that can't be read.

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
ALTER TABLE books ADD COLUMN page_after TEXT;
ALTER TABLE books ADD COLUMN page_since BIGINT;
ALTER TABLE books ADD COLUMN page_newest BIGINT;
CREATE TABLE unreadable_transactions (
    book_id TEXT NOT NULL REFERENCES books (id),
    id TEXT NOT NULL,
    raw TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (book_id, id)
);
";
