//! Leases of jobs: a worker takes what is due, and writes down how it went.

use std::collections::HashSet;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, UpdateMany};
use souk_entity::job::{self, JobState};
use souk_entity::{JobId, Timestamp};

use crate::db::set_wise::SetWise;
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::ids;

use super::Job;

/// Runs before a job is given up.
const MAX_ATTEMPTS: i32 = 12;
/// Runs of a paced job at once, after the first, before it has to rest.
const BURST: i64 = 4;
/// The indexes' conditions, word for word: SQLite doesn't use an index for a condition with bound values.
const IS_READY: &str = "state = 'ready'";
const IS_LEASED: &str = "state = 'leased'";
const BACKOFF_BASE_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 10 * 60_000;

/// A job that a worker has leased. Owner and attempt are the fence: a worker that lost the lease can't end the job.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The job's id.
    pub id: JobId,
    /// What to do.
    pub job: Job,
    /// When it was taken.
    pub taken_at: Timestamp,
    owner: String,
    attempt: i32,
    generation: i64,
    rests_until: Timestamp,
    /// How long it lasts unless it is renewed.
    length_ms: i64,
}

impl Lease {
    /// Which try this is, from 1.
    pub fn attempt(&self) -> i32 {
        self.attempt
    }

    /// How often its worker is to renew it.
    pub fn renew_every_ms(&self) -> i64 {
        self.length_ms / 3
    }

    /// Why the job is given up after this outcome, if it is.
    pub fn gives_up<'a>(&self, outcome: &'a Result<()>) -> Option<&'a Error> {
        let error = outcome.as_ref().err()?;
        // A key that is refused, and a platform that isn't set up, are mended by the operator, and the work goes on then.
        let waits = matches!(error, Error::KeyRefused(_) | Error::PlatformNotReady(_));
        let again = waits || error.is_retryable() && self.attempt < MAX_ATTEMPTS;
        (!again && self.job.every_ms().is_none()).then_some(error)
    }

    /// Until when a paced job rests after this run: each run moves that by its pace, and it counts from a few paces ago at
    /// the earliest. None: it never rests.
    fn next_rest(&self, now: Timestamp) -> Option<Timestamp> {
        let pace = self.job.pace_ms();
        let since = std::cmp::Ord::max(self.rests_until, now.plus_ms(-BURST * pace));
        (pace > 0).then(|| since.plus_ms(pace))
    }

    /// The job's row, as long as this worker has leased it.
    fn mine(&self) -> UpdateMany<job::Entity> {
        use job::Column as C;
        job::Entity::update_many()
            .filter(C::Id.eq(self.id.clone()))
            .filter(C::State.eq(JobState::Leased))
            .filter(C::LeaseOwner.eq(self.owner.clone()))
            .filter(C::Attempts.eq(self.attempt))
    }
}

/// Takes up to `most` due jobs for `owner`, for a length of time. The leases hold once the transaction is committed.
///
/// # Errors
/// The database failed.
pub async fn lease(tx: &Tx, owner: &str, most: u64, length: Duration) -> Result<Vec<Lease>> {
    use job::Column as C;
    let length_ms =
        i64::try_from(length.as_millis()).map_err(|e| Error::internal(e.to_string()))?;
    let now = tx.now();
    let mut pick = Query::select();
    pick.column(C::Id)
        .from(job::Entity)
        .and_where(Expr::cust(IS_READY))
        .and_where(C::RunAt.lte(now))
        .order_by(C::RunAt, sea_orm::Order::Asc)
        .limit(most)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let rows: Vec<job::Model> = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Leased))
        .col_expr(C::Attempts, Expr::col(C::Attempts).add(1))
        .col_expr(C::LeaseOwner, Expr::value(owner))
        .col_expr(C::LeaseUntil, tx.shared_now().add(length_ms))
        .filter(C::Id.in_subquery(pick))
        .exec_with_returning(tx)
        .await?;
    let read = |row: job::Model| match serde_json::from_str(&row.args) {
        Ok(job) => Some(Lease {
            id: row.id,
            job,
            taken_at: now,
            owner: owner.to_owned(),
            attempt: row.attempts,
            generation: row.wanted_generation,
            rests_until: row.rests_until,
            length_ms,
        }),
        Err(e) => {
            // It stays leased, so that it doesn't come back at once, and holds up no other.
            tracing::error!(job = %row.id, kind = row.kind, error = %e, "a job can't be read");
            None
        }
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Ends the leases that have expired: their workers are gone or stopped. The jobs are due again. Answers how many.
///
/// # Errors
/// The database failed.
pub async fn expire_leases(db: &Db) -> Result<u64> {
    use job::Column as C;
    let tx = db.begin_write().await?;
    let mut expired = Query::select();
    expired
        .column(C::Id)
        .from(job::Entity)
        .and_where(Expr::cust(IS_LEASED))
        .and_where(Expr::col(C::LeaseUntil).lt(tx.shared_now()))
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let ended = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Ready))
        .col_expr(C::LeaseOwner, Expr::value(None::<String>))
        .col_expr(C::LeaseUntil, Expr::value(None::<Timestamp>))
        .filter(C::Id.in_subquery(expired))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(ended.rows_affected)
}

/// Begins the lease anew, for a job that takes long. `false`: it was lost, and another worker has the job.
///
/// # Errors
/// The database failed; the lease ends when it would have.
pub async fn renew(db: &Db, lease: &Lease) -> Result<bool> {
    let tx = db.begin_write().await?;
    let until = tx.shared_now().add(lease.length_ms);
    let renewed = lease
        .mine()
        .col_expr(job::Column::LeaseUntil, until)
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(renewed.rows_affected == 1)
}

/// Gives back a job that has not ended. It is due at once, for any worker; its try still counts.
///
/// # Errors
/// The database failed; the job is taken over when its lease expires.
pub async fn release(db: &Db, lease: &Lease) -> Result<()> {
    use job::Column as C;
    let tx = db.begin_write().await?;
    tx.wake_workers();
    lease
        .mine()
        .col_expr(C::State, Expr::value(JobState::Ready))
        .col_expr(C::RunAt, Expr::value(tx.now()))
        .col_expr(C::LeaseOwner, Expr::value(None::<String>))
        .col_expr(C::LeaseUntil, Expr::value(None::<Timestamp>))
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// How jobs went, each by its lease. What was wanted again while it ran is ready again at once, a paced one after its rest;
/// and one that has a next time waits until then. A null leaves the column as it is.
const FINISH: SetWise = SetWise {
    // Their rows are locked in the order in which jobs are staged: two transactions could wait for each other otherwise.
    text: "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, \
               done_generation = COALESCE(ended.generation, jobs.done_generation), \
               attempts = CASE WHEN ended.generation IS NULL THEN jobs.attempts ELSE 0 END, \
               state = CASE WHEN jobs.wanted_generation > ended.generation THEN 'ready' ELSE ended.state END, \
               run_at = CASE WHEN jobs.wanted_generation > ended.generation THEN \
                       CASE WHEN ended.rests_until > $2 THEN ended.rests_until ELSE $2 END \
                   ELSE COALESCE(ended.run_at, jobs.run_at) END, \
               rests_until = COALESCE(ended.rests_until, jobs.rests_until), \
               last_error = ended.error, finished_at = COALESCE(ended.finished_at, jobs.finished_at) \
           FROM (SELECT input.* FROM {input} JOIN jobs ON jobs.id = input.id \
               ORDER BY jobs.effect_key FOR UPDATE OF jobs) AS ended \
           WHERE jobs.id = ended.id AND jobs.state = 'leased' AND jobs.lease_owner = ended.owner \
               AND jobs.attempts = ended.attempt \
           RETURNING jobs.id",
    columns: &[
        ("id", "text"),
        ("owner", "text"),
        ("attempt", "int"),
        ("generation", "bigint"),
        ("state", "text"),
        ("run_at", "bigint"),
        ("error", "text"),
        ("finished_at", "bigint"),
        ("rests_until", "bigint"),
    ],
};

/// Writes down how leased jobs went. A failure that may pass is tried again with full-jitter backoff; any other, or the
/// twelfth, makes the job dead. Answers which were written, in their order: of the others the lease was lost.
///
/// # Errors
/// The database failed; nothing is written.
pub async fn finish(tx: &Tx, ends: &[(&Lease, &Result<()>)]) -> Result<Vec<bool>> {
    #[derive(FromQueryResult)]
    struct Finished {
        id: JobId,
    }
    let now = tx.now();
    let row = |(lease, outcome): &(&Lease, &Result<()>)| {
        let every_ms = lease.job.every_ms();
        let (generation, state, run_at, finished_at) = match outcome {
            Ok(()) => {
                let (rests, next) = match every_ms {
                    Some(every_ms) => (JobState::Ready, now.plus_ms(every_ms)),
                    None => (JobState::Done, now),
                };
                (Some(lease.generation), rests, Some(next), Some(now))
            }
            Err(_) if lease.gives_up(outcome).is_none() => {
                let next = now.plus_ms(backoff_ms(lease.attempt));
                (None, JobState::Ready, Some(next), None)
            }
            Err(_) => (None, JobState::Dead, None, Some(now)),
        };
        let error = outcome.as_ref().err();
        (
            lease.id.clone(),
            lease.owner.clone(),
            lease.attempt,
            generation,
            state.to_value(),
            run_at.map(|at| at.0),
            error.map(|e| db::fit(&e.to_string(), usize::MAX)),
            finished_at.map(|at| at.0),
            lease
                .next_rest(now)
                .filter(|_| error.is_none())
                .map(|at| at.0),
        )
    };
    let rows: Vec<_> = ends.iter().map(row).collect();
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let finished: Vec<Finished> = FINISH.all(tx, &rows, [now.into()]).await?;
    let finished: HashSet<JobId> = finished.into_iter().map(|row| row.id).collect();
    let is_written = |(lease, _): &(&Lease, &Result<()>)| finished.contains(&lease.id);
    Ok(ends.iter().map(is_written).collect())
}

/// Full jitter: anywhere up to a bound that doubles with each attempt.
pub fn backoff_ms(attempt: i32) -> i64 {
    let doublings = u32::try_from(attempt).unwrap_or_default().saturating_sub(1);
    let bound = BACKOFF_BASE_MS.saturating_mul(2_i64.saturating_pow(doublings));
    ids::random_below(std::cmp::Ord::min(bound, BACKOFF_MAX_MS)) + 1
}
