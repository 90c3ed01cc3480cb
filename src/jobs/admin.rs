//! An admin retries a job, or discards it.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use souk_entity::job::{self, JobState};
use souk_entity::{JobId, Timestamp};

use crate::db::Tx;
use crate::error::{Error, Result};

use super::Job;

/// Finds a job by its id.
///
/// # Errors
/// `NotFound`.
pub async fn find<C: ConnectionTrait>(db: &C, id: &JobId) -> Result<job::Model> {
    let found = job::Entity::find_by_id(id.clone()).one(db).await?;
    found.ok_or(Error::NotFound("job"))
}

/// Makes a job due now. One that was given up or discarded gets all its tries again. Answers the job as it was and as it
/// is.
///
/// # Errors
/// `NotFound`, or a conflict if the job is leased or done.
pub async fn retry(tx: &Tx, id: &JobId) -> Result<(job::Model, job::Model)> {
    use job::Column as C;
    let before = locked(tx, id).await?;
    let mut update = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Ready))
        .col_expr(C::RunAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()));
    match before.state {
        JobState::Ready => {}
        JobState::Dead | JobState::Discarded => {
            update = update
                .col_expr(C::Attempts, Expr::value(0))
                .col_expr(C::DiscardReason, Expr::value(None::<String>))
                .col_expr(C::FinishedAt, Expr::value(None::<Timestamp>));
        }
        JobState::Leased => return Err(at_work()),
        JobState::Done => {
            let message = "This job is done; what wants it again stages it again.";
            return Err(Error::conflict("job_done", message));
        }
    }
    update.exec(tx).await?;
    tx.wake_workers();
    Ok((before, find(tx, id).await?))
}

/// Marks a job that waits or was given up as not wanted. Staging it again begins it anew all the same.
///
/// # Errors
/// `NotFound`, or a conflict if the job is leased, done, discarded or recurring.
pub async fn discard(tx: &Tx, id: &JobId, reason: &str) -> Result<(job::Model, job::Model)> {
    use job::Column as C;
    let before = locked(tx, id).await?;
    match before.state {
        JobState::Ready | JobState::Dead => {}
        JobState::Leased => return Err(at_work()),
        JobState::Done | JobState::Discarded => {
            let message = "Only a job that waits or was given up can be discarded.";
            return Err(Error::conflict("job_done", message));
        }
    }
    let job: Job = serde_json::from_str(&before.args)
        .map_err(|e| Error::internal(format!("job {id}: {e}")))?;
    if job.every_ms().is_some() {
        let message = "This is done again and again, and can't be discarded.";
        return Err(Error::conflict("job_scheduled", message));
    }
    job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Discarded))
        .col_expr(C::DiscardReason, Expr::value(reason))
        .col_expr(C::FinishedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    Ok((before, find(tx, id).await?))
}

fn at_work() -> Error {
    let message = "A worker has this job in hand. Look again when it has ended, or its lease has.";
    Error::conflict("job_leased", message)
}

/// The job's row, which nobody else changes until the transaction ends.
async fn locked(tx: &Tx, id: &JobId) -> Result<job::Model> {
    let query = job::Entity::find_by_id(id.clone()).lock_exclusive();
    query.one(tx).await?.ok_or(Error::NotFound("job"))
}
