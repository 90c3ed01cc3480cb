//! Which version of the table of effects looked at an event, and a cursor for each group of types that catch-up lists.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let cursors = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        let connection = manager.get_connection();
        connection.execute_unprepared(SQL).await?;
        connection.execute_unprepared(cursors).await?;
        Ok(())
    }
}

/// On both. What was looked at before was looked at by the first version.
const SQL: &str = "
ALTER TABLE inbox_events ADD COLUMN effects_version INTEGER NOT NULL DEFAULT 1;
CREATE INDEX inbox_events_ignored ON inbox_events (effects_version, id) WHERE state = 'ignored';
";

const POSTGRES: &str = "
ALTER TABLE event_cursors ADD COLUMN type_group TEXT NOT NULL DEFAULT '1';
ALTER TABLE event_cursors DROP CONSTRAINT event_cursors_pkey;
ALTER TABLE event_cursors ADD PRIMARY KEY (scope, livemode, type_group);
";

/// SQLite can't change a primary key: the table is made anew. Nothing refers to it.
const SQLITE: &str = "
ALTER TABLE event_cursors RENAME TO old_event_cursors;
CREATE TABLE event_cursors (
    scope TEXT NOT NULL,
    livemode BOOLEAN NOT NULL,
    type_group TEXT NOT NULL DEFAULT '1',
    listed_to BIGINT NOT NULL,
    listed_at BIGINT,
    access_lost_at BIGINT,
    PRIMARY KEY (scope, livemode, type_group)
);
INSERT INTO event_cursors
    SELECT scope, livemode, '1', listed_to, listed_at, access_lost_at FROM old_event_cursors;
DROP TABLE old_event_cursors;
";
