//! Events and jobs that a person discards and findings that a person resolves, each with the reason.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let states = match manager.get_database_backend() {
            DbBackend::Sqlite => SQLITE,
            _ => POSTGRES,
        };
        let connection = manager.get_connection();
        connection.execute_unprepared(states).await?;
        connection.execute_unprepared(SQL).await?;
        Ok(())
    }
}

/// For both databases. Events are listed by the time they were received, since Stripe's ids don't sort by age.
const SQL: &str = "
ALTER TABLE findings ADD COLUMN note TEXT;
CREATE INDEX inbox_events_received ON inbox_events (received_at, id);
CREATE INDEX inbox_events_unfinished ON inbox_events (state, received_at)
    WHERE state IN ('deferred', 'failed', 'dead', 'discarded');
CREATE INDEX payouts_book ON payouts (book_id, arrival_date);
CREATE INDEX jobs_given_up ON jobs (state) WHERE state IN ('dead', 'discarded');
";

const POSTGRES: &str = "
ALTER TABLE inbox_events ADD COLUMN discard_reason TEXT;
ALTER TABLE inbox_events DROP CONSTRAINT inbox_events_state_check;
ALTER TABLE inbox_events ADD CONSTRAINT inbox_events_state_check
    CHECK (state IN ('processed', 'ignored', 'deferred', 'failed', 'dead', 'discarded'));
ALTER TABLE jobs ADD COLUMN discard_reason TEXT;
ALTER TABLE jobs DROP CONSTRAINT jobs_state_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_state_check
    CHECK (state IN ('ready', 'leased', 'done', 'dead', 'discarded'));
";

/// SQLite can't change a constraint, so the tables are created anew. Nothing refers to them.
const SQLITE: &str = "
ALTER TABLE inbox_events RENAME TO old_inbox_events;
DROP INDEX inbox_events_due;
DROP INDEX inbox_events_waiting;
CREATE TABLE inbox_events (
    id TEXT PRIMARY KEY,
    endpoint TEXT NOT NULL CHECK (endpoint IN ('platform', 'connect')),
    source TEXT NOT NULL CHECK (source IN ('webhook', 'catch_up')),
    kind TEXT NOT NULL,
    account TEXT,
    livemode BOOLEAN NOT NULL,
    api_version TEXT,
    object TEXT,
    stripe_created BIGINT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('processed', 'ignored', 'deferred', 'failed', 'dead', 'discarded')),
    waits_for TEXT,
    attempts INTEGER NOT NULL,
    retry_at BIGINT,
    error TEXT,
    discard_reason TEXT,
    received_at BIGINT NOT NULL,
    processed_at BIGINT
);
INSERT INTO inbox_events
    SELECT id, endpoint, source, kind, account, livemode, api_version, object, stripe_created, payload, state,
           waits_for, attempts, retry_at, error, NULL, received_at, processed_at
    FROM old_inbox_events;
DROP TABLE old_inbox_events;
CREATE INDEX inbox_events_due ON inbox_events (retry_at) WHERE state IN ('deferred', 'failed');
CREATE INDEX inbox_events_waiting ON inbox_events (waits_for) WHERE state = 'deferred';

ALTER TABLE jobs RENAME TO old_jobs;
DROP INDEX jobs_due;
DROP INDEX jobs_subject;
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    args TEXT NOT NULL,
    effect_key TEXT NOT NULL UNIQUE,
    subject TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('ready', 'leased', 'done', 'dead', 'discarded')),
    wanted_generation BIGINT NOT NULL,
    done_generation BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    run_at BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT,
    last_error TEXT,
    discard_reason TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
INSERT INTO jobs
    SELECT id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, run_at,
           lease_owner, lease_until, last_error, NULL, created_at, finished_at
    FROM old_jobs;
DROP TABLE old_jobs;
CREATE INDEX jobs_due ON jobs (run_at) WHERE state IN ('ready', 'leased');
CREATE INDEX jobs_subject ON jobs (subject);
";
