//! When each book is to be pulled and checked next.

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

/// Books from before are due at once.
const SQL: &str = "
ALTER TABLE books ADD COLUMN pull_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE books ADD COLUMN try_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE books ADD COLUMN busy_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE books ADD COLUMN looked_back_at BIGINT;
ALTER TABLE books ADD COLUMN check_by BIGINT NOT NULL DEFAULT 0;
ALTER TABLE books ADD COLUMN checked_at BIGINT;
ALTER TABLE books ADD COLUMN unequal_at BIGINT;
CREATE INDEX books_pull_by ON books (pull_by);
CREATE INDEX books_check_by ON books (check_by);
";
