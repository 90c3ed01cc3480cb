//! The database and the work that it holds: durable, migrated, of the right money, and somebody does its jobs.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Statement,
};
use souk_entity::inbox_event::{self, Endpoint, Source};
use souk_entity::job::{self, JobState};
use souk_entity::{Timestamp, installation};

use crate::clock::Clock;
use crate::db::Db;
use crate::error::Result;
use crate::jobs::Job;
use crate::ledger;

use super::{Check, Subject, within};

/// The recurring job that is done most often: every minute.
const PULSE_MS: i64 = 5 * 60_000;
/// How long a due job may wait before that is a warning, and before it is a failure.
const LATE_MS: i64 = 60_000;
const STUCK_MS: i64 = 10 * 60_000;

/// Connects without making anything.
pub(super) async fn connect(url: &str, clock: Clock) -> Result<Db, String> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.trim_start_matches("//");
        let path = path.split('?').next().unwrap_or(path);
        if !path.starts_with(':') && !std::path::Path::new(path).exists() {
            return Err(format!("there is no file {path} yet"));
        }
    }
    let connected = within(Db::connect(url, clock)).await;
    connected.map_err(|e| e.to_string())
}

pub(super) async fn check(subject: &Subject) -> Vec<Check> {
    let db = match &subject.db {
        Ok(db) => db,
        Err(why) => return vec![unreachable(why)],
    };
    if let Err(e) = within(db.ping()).await {
        return vec![unreachable(&e.to_string())];
    }
    let mut checks = vec![durability(subject, db).await, migrations(db).await];
    if checks[1].state != super::State::Ok {
        return checks;
    }
    let (mode, worker, jobs, events, books) = tokio::join!(
        mode(subject, db),
        worker(subject, db),
        jobs(subject, db),
        events(db),
        books(subject, db),
    );
    checks.extend([mode, worker, jobs, events, books]);
    checks
}

fn unreachable(why: &str) -> Check {
    Check::failed(
        "database",
        format!("the database can't be reached: {why}"),
        "look at DATABASE_URL, and whether the database runs; `souk migrate` makes a new one",
    )
}

/// The check, or what to say if the database fails in it.
fn or_failed(name: &'static str, found: Result<Check>) -> Check {
    found.unwrap_or_else(|e| {
        Check::failed(
            name,
            format!("the database failed: {e}"),
            "look at the database's own log",
        )
    })
}

/// Whether a commit survives a crash.
async fn durability(subject: &Subject, db: &Db) -> Check {
    const NAME: &str = "database";
    let query = match db.backend() {
        DbBackend::Postgres => {
            "SELECT current_setting('synchronous_commit') || ' ' || current_setting('fsync') || ' ' || \
             current_setting('full_page_writes') AS it"
        }
        _ => {
            "SELECT (SELECT journal_mode FROM pragma_journal_mode) || ' ' || (SELECT synchronous FROM pragma_synchronous) AS it"
        }
    };
    let asked = async {
        // On the connection that writes.
        let tx = db.begin_write().await?;
        let row = tx
            .query_one_raw(Statement::from_string(db.backend(), query))
            .await?;
        tx.rollback().await?;
        Ok(match row {
            Some(row) => row.try_get::<String>("", "it")?,
            None => String::new(),
        })
    };
    let found = within(asked).await;
    or_failed(
        NAME,
        found.map(|found| match db.backend() {
            DbBackend::Postgres => postgres(&found, subject.config.livemode),
            _ => sqlite(&found),
        }),
    )
}

const LOST: &str = "an event that was acknowledged could be lost otherwise";

/// Judges `synchronous_commit`, `fsync` and `full_page_writes`.
fn postgres(found: &str, livemode: bool) -> Check {
    const NAME: &str = "database";
    let mut words = found.split(' ');
    let commit = words.next().unwrap_or_default();
    let is_forced = words.all(|word| word == "on");
    // It may also wait for standbys.
    if !["on", "local", "remote_write", "remote_apply"].contains(&commit) {
        return Check::failed(
            NAME,
            format!("PostgreSQL's synchronous_commit is {commit}"),
            format!("set it to on: {LOST}"),
        );
    }
    match (is_forced, livemode) {
        (true, _) => Check::ok(NAME, "PostgreSQL answers, and a commit survives a crash"),
        (false, false) => Check::ok(
            NAME,
            "PostgreSQL answers; its fsync or full_page_writes is off, which will do for test money only",
        ),
        (false, true) => Check::failed(
            NAME,
            "PostgreSQL's fsync or full_page_writes is off",
            format!("set both to on: {LOST}"),
        ),
    }
}

/// Judges `journal_mode` and `synchronous`.
fn sqlite(found: &str) -> Check {
    const NAME: &str = "database";
    match found {
        "wal 2" | "wal 3" => Check::ok(NAME, "SQLite answers, and a commit survives a crash"),
        _ => Check::failed(
            NAME,
            format!("SQLite's journal_mode and synchronous are {found}"),
            format!("use a file on a local disk: {LOST}"),
        ),
    }
}

async fn migrations(db: &Db) -> Check {
    const NAME: &str = "migrations";
    let found = within(db.migrations()).await;
    or_failed(
        NAME,
        found.map(|found| match (found.missing, found.unknown) {
            (0, 0) => Check::ok(NAME, "the schema is up to date"),
            (_, unknown) if unknown > 0 => Check::failed(
                NAME,
                format!("the schema has {unknown} changes that this version doesn't know"),
                "run the version that made them, or a newer one",
            ),
            (missing, _) => Check::failed(
                NAME,
                format!("the schema lacks {missing} changes"),
                "start the server, or run `souk migrate`",
            ),
        }),
    )
}

/// Whether the database belongs to this kind of money.
async fn mode(subject: &Subject, db: &Db) -> Check {
    const NAME: &str = "database_mode";
    let wanted = subject.config.mode();
    let found = async { Ok(installation::Entity::find().one(&db.read).await?) };
    or_failed(
        NAME,
        within(found).await.map(|row| match row {
            None => Check::ok(NAME, "the database belongs to no kind of money yet"),
            Some(row) if row.mode == wanted => Check::ok(
                NAME,
                format!("the database holds {} money", wanted.to_value()),
            ),
            Some(row) => Check::failed(
                NAME,
                format!(
                    "the database holds {} money, and the settings are for {}",
                    row.mode.to_value(),
                    wanted.to_value()
                ),
                "set another DATABASE_URL, or the key that belongs to this one",
            ),
        }),
    )
}

/// Whether somebody does the jobs, by the recurring one that is done most often.
async fn worker(subject: &Subject, db: &Db) -> Check {
    const NAME: &str = "worker";
    let row = async {
        Ok(job::Entity::find()
            .filter(job::Column::EffectKey.eq(Job::KeepBooks.effect_key()))
            .one(&db.read)
            .await?)
    };
    let action = "start `souk`, or `souk worker` where the servers have WORKER=false; without a worker nothing is refunded, mailed \
                  or pulled";
    or_failed(
        NAME,
        within(row).await.map(|row| {
            let now = subject.clock.now();
            let Some(row) = row else {
                return Check::failed(
                    NAME,
                    "no worker has ever been at work on this database",
                    action,
                );
            };
            let is_at_it =
                row.state == JobState::Leased && row.lease_until.is_some_and(|until| until > now);
            let last = row.finished_at.unwrap_or(row.created_at);
            match is_at_it || last.plus_ms(PULSE_MS) > now {
                true => Check::ok(NAME, format!("a worker was at work at {last}")),
                false => Check::failed(
                    NAME,
                    format!("no worker has been at work since {last}"),
                    action,
                ),
            }
        }),
    )
}

/// How long the oldest due job has waited, and which were given up.
async fn jobs(subject: &Subject, db: &Db) -> Check {
    const NAME: &str = "jobs";
    // The indexes' conditions, word for word: otherwise SQLite reads the whole table.
    let asked = async {
        let oldest: Option<(String, Timestamp)> = job::Entity::find()
            .select_only()
            .column(job::Column::Kind)
            .column(job::Column::RunAt)
            .filter(Expr::cust("state = 'ready'"))
            .order_by_asc(job::Column::RunAt)
            .into_tuple()
            .one(&db.read)
            .await?;
        let dead = job::Entity::find()
            .filter(Expr::cust("state IN ('dead', 'discarded')"))
            .filter(job::Column::State.eq(JobState::Dead))
            .count(&db.read)
            .await?;
        Ok((oldest, dead))
    };
    or_failed(
        NAME,
        within(asked).await.map(|(oldest, dead)| {
            let now = subject.clock.now();
            let late = oldest.filter(|(_, due)| due.plus_ms(LATE_MS) < now);
            match late {
                Some((kind, due)) => {
                    let what = format!("a job ({kind}) is due since {due} and has not been done");
                    let action =
                        "look whether a worker runs and keeps up: GET /v1/admin/jobs?state=ready";
                    match due.plus_ms(STUCK_MS) < now {
                        true => Check::failed(NAME, what, action),
                        false => Check::warning(NAME, what, action),
                    }
                }
                None if dead > 0 => Check::warning(
                    NAME,
                    format!("{dead} jobs were given up"),
                    "GET /v1/admin/jobs?state=dead says why; retry or discard each",
                ),
                None => Check::ok(NAME, "no job is late, and none was given up"),
            }
        }),
    )
}

/// Events whose effect is not in the database.
async fn events(db: &Db) -> Check {
    const NAME: &str = "events";
    let dead = async {
        Ok(inbox_event::Entity::find()
            .filter(Expr::cust(
                "state IN ('deferred', 'failed', 'dead', 'discarded')",
            ))
            .filter(inbox_event::Column::State.eq(inbox_event::EventState::Dead))
            .count(&db.read)
            .await?)
    };
    or_failed(
        NAME,
        within(dead).await.map(|dead| match dead {
            0 => Check::ok(NAME, "no event was given up"),
            dead => Check::warning(
                NAME,
                format!("{dead} events were given up"),
                "GET /v1/admin/events?state=dead says why; replay or discard each",
            ),
        }),
    )
}

/// How many deliveries of a connected account each endpoint has stored: the platform's and the Connect one.
pub(super) async fn deliveries_of(db: &Db, account: &str) -> Result<(u64, u64)> {
    let mut counts = [0, 0];
    for (count, endpoint) in counts
        .iter_mut()
        .zip([Endpoint::Platform, Endpoint::Connect])
    {
        *count = inbox_event::Entity::find()
            .filter(inbox_event::Column::Account.eq(account))
            .filter(inbox_event::Column::Endpoint.eq(endpoint))
            .filter(inbox_event::Column::Source.eq(Source::Webhook))
            .count(&db.read)
            .await?;
    }
    Ok(counts.into())
}

async fn books(subject: &Subject, db: &Db) -> Check {
    const NAME: &str = "books";
    let late = ledger::deadlines::late(&db.read, subject.stripe.livemode(), subject.clock.now());
    or_failed(
        NAME,
        within(late).await.map(|late| match late.as_slice() {
            [] => Check::ok(NAME, "every book was pulled in time"),
            [first, ..] => Check::failed(
                NAME,
                format!(
                    "{} books are past their deadline, such as {first}'s",
                    late.len()
                ),
                format!("look why their pulls fail: GET /v1/admin/jobs?kind=pull&subject={first}"),
            ),
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_commit_that_may_be_lost_is_a_failure_and_only_test_money_may_go_without_fsync() {
        for (found, livemode, state) in [
            ("on on on", true, State::Ok),
            ("remote_apply on on", true, State::Ok),
            ("off on on", false, State::Failed),
            ("on off on", true, State::Failed),
            ("on on off", true, State::Failed),
            ("on off off", false, State::Ok),
        ] {
            assert_eq!(postgres(found, livemode).state, state, "{found}");
        }
        for (found, state) in [
            ("wal 2", State::Ok),
            ("wal 1", State::Failed),
            ("delete 2", State::Failed),
        ] {
            assert_eq!(sqlite(found).state, state, "{found}");
        }
    }
}
