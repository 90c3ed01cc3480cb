//! Work that a transaction stages and that is done after it: unique by its effect, leased, retried, given up.

pub mod admin;

use std::collections::BTreeMap;
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, UpdateMany};
use serde::{Deserialize, Serialize};
use souk_entity::job::{self, JobState};
use souk_entity::{AccountId, JobId, PaymentId, PromotionCodeId, RefundId, SellerId, Timestamp};

use crate::db::set_wise::SetWise;
use crate::db::{Db, Tx};
use crate::error::{Error, Result};
use crate::ids;

/// All the work there is, by plain ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Make the seller's connected account, if it isn't made yet.
    CreateAccount { seller: SellerId },
    /// Re-read the seller's account from Stripe.
    SyncAccount { seller: SellerId },
    /// Make the coupon and promotion code at Stripe, if they aren't made yet.
    CreatePromotionCode { code: PromotionCodeId },
    /// Make the payment's Checkout Session, repeating the stored request.
    CreateSession { payment: PaymentId },
    /// Ask Stripe where the payment stands, and its refunds.
    RereadPayment { payment: PaymentId },
    /// Send the refund to Stripe, and follow its answer.
    Refund { refund: RefundId },
    /// Pull the account's balance transactions, and close the payouts that they explain.
    Pull { account: AccountId, livemode: bool },
    /// Re-read a payout from Stripe.
    SyncPayout {
        account: AccountId,
        livemode: bool,
        payout: String,
    },
    /// Re-read a refund from Stripe.
    SyncRefund {
        account: AccountId,
        livemode: bool,
        refund: String,
    },
    /// Try again the events that wait for this.
    RetryDeferred { waits_for: String },
    /// Read what Stripe lists of the account's events, or of the platform's own.
    CatchUp {
        account: Option<AccountId>,
        livemode: bool,
    },
    /// Again and again: stage a catch-up for everybody.
    CatchAllUp,
    /// Again and again: look at events again that an older version ignored.
    ReviewIgnoredEvents,
    /// Again and again: ask Stripe about payments whose session's life is over.
    SweepPayments,
    /// Again and again: delete what nobody can use any more.
    Tidy,
    /// Send a mail about an order; `what` is one of `notify`'s.
    Mail { what: String, subject: String },
}

impl Job {
    /// What makes it one and the same effect.
    fn effect_key(&self) -> String {
        let (kind, subject) = (self.kind(), self.subject());
        match self {
            Self::Mail { what, .. } => format!("{kind}:{what}:{subject}"),
            Self::Pull { livemode, .. }
            | Self::SyncPayout { livemode, .. }
            | Self::SyncRefund { livemode, .. }
            | Self::CatchUp { livemode, .. } => {
                format!("{kind}:{subject}:{livemode}")
            }
            _ => format!("{kind}:{subject}"),
        }
    }

    /// Its name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CreateAccount { .. } => "create_account",
            Self::SyncAccount { .. } => "sync_account",
            Self::CreatePromotionCode { .. } => "create_promotion_code",
            Self::CreateSession { .. } => "create_session",
            Self::RereadPayment { .. } => "reread_payment",
            Self::Refund { .. } => "refund",
            Self::Pull { .. } => "pull",
            Self::SyncPayout { .. } => "sync_payout",
            Self::SyncRefund { .. } => "sync_refund",
            Self::RetryDeferred { .. } => "retry_deferred",
            Self::CatchUp { .. } => "catch_up",
            Self::CatchAllUp => "catch_all_up",
            Self::ReviewIgnoredEvents => "review_ignored_events",
            Self::SweepPayments => "sweep_payments",
            Self::Tidy => "tidy",
            Self::Mail { .. } => "mail",
        }
    }

    fn subject(&self) -> &str {
        match self {
            Self::CreateAccount { seller } | Self::SyncAccount { seller } => seller.as_ref(),
            Self::CreatePromotionCode { code } => code.as_ref(),
            Self::CreateSession { payment } | Self::RereadPayment { payment } => payment.as_ref(),
            Self::Refund { refund } => refund.as_ref(),
            Self::Pull { account, .. } => account.as_ref(),
            Self::SyncPayout { payout, .. } => payout,
            Self::SyncRefund { refund, .. } => refund,
            Self::RetryDeferred { waits_for } => waits_for,
            Self::CatchUp { account, .. } => account.as_ref().map_or("platform", AsRef::as_ref),
            Self::CatchAllUp | Self::ReviewIgnoredEvents | Self::SweepPayments | Self::Tidy => {
                "all"
            }
            Self::Mail { subject, .. } => subject,
        }
    }

    /// How often it is done, for what is done again and again: on whichever replica leases it, and never given up.
    fn every_ms(&self) -> Option<i64> {
        match self {
            Self::CatchAllUp | Self::ReviewIgnoredEvents | Self::SweepPayments => Some(15 * 60_000),
            Self::Tidy => Some(60 * 60_000),
            _ => None,
        }
    }
}

/// Runs before a job is given up.
const MAX_ATTEMPTS: i32 = 12;
/// As the index says it, word for word: with values to be bound SQLite can't tell that the index will do.
const UNFINISHED: &str = "state IN ('ready', 'leased')";
const BACKOFF_BASE_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 10 * 60_000;

/// Stages a job in the transaction whose effect it is.
pub async fn stage(tx: &Tx, job: &Job) -> Result<()> {
    stage_at(tx, job, tx.now()).await
}

/// Stages a job to be run no sooner than `run_at`. A debounced job that is staged already is woken instead: it runs
/// again although it may be running now, since its wanted generation rises.
pub async fn stage_at(tx: &Tx, job: &Job, run_at: Timestamp) -> Result<()> {
    insert(tx, std::slice::from_ref(job), run_at).await
}

/// Stages jobs, some of which may be the same, in one statement and one order.
pub async fn stage_all(tx: &Tx, jobs: &[Job]) -> Result<()> {
    insert(tx, jobs, tx.now()).await
}

const INSERT: SetWise = SetWise {
    // What ended begins anew; a mail that was staged is the same mail.
    text: "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, \
               run_at, created_at) \
           SELECT id, kind, args, effect_key, subject, 'ready', 1, 0, 0, $2, $3 FROM {input} WHERE true \
           ON CONFLICT (effect_key) DO UPDATE SET wanted_generation = jobs.wanted_generation + 1, \
               attempts = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN 0 ELSE jobs.attempts END, \
               run_at = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN excluded.run_at ELSE jobs.run_at END, \
               state = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN 'ready' ELSE jobs.state END, \
               discard_reason = NULL \
           WHERE jobs.kind <> 'mail'",
    columns: &[
        ("id", "text"),
        ("kind", "text"),
        ("args", "text"),
        ("effect_key", "text"),
        ("subject", "text"),
    ],
};

async fn insert(tx: &Tx, jobs: &[Job], run_at: Timestamp) -> Result<()> {
    let mut rows = BTreeMap::new();
    for job in jobs {
        let args = serde_json::to_string(job).map_err(|e| Error::internal(e.to_string()))?;
        rows.entry(job.effect_key()).or_insert((job, args));
    }
    if rows.is_empty() {
        return Ok(());
    }
    let row = |(effect_key, (job, args))| {
        let id: JobId = ids::new(tx.now());
        let job: &Job = job;
        (id, job.kind(), args, effect_key, job.subject().to_owned())
    };
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    if run_at <= tx.now() {
        tx.wake_workers();
    }
    INSERT
        .execute(tx, &rows, [run_at.into(), tx.now().into()])
        .await?;
    Ok(())
}

/// Sees to it that a job that is done again and again is done now, and then at its time; unless it is at work, or rests
/// after a failure.
pub async fn schedule(tx: &Tx, job: &Job) -> Result<()> {
    use job::Column as C;
    stage(tx, job).await?;
    job::Entity::update_many()
        .col_expr(C::RunAt, Expr::value(tx.now()))
        .filter(C::EffectKey.eq(job.effect_key()))
        .filter(C::State.eq(JobState::Ready))
        .filter(C::LastError.is_null())
        .exec(tx)
        .await?;
    Ok(())
}

/// A job in a worker's hands. Owner and attempt are the fence: whoever lost the lease can't end the job.
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
    /// How long its worker may say nothing before another takes over.
    length_ms: i64,
}

impl Lease {
    /// Which try this is, from 1.
    pub fn attempt(&self) -> i32 {
        self.attempt
    }

    /// How often its worker says that it is still at it.
    pub fn renew_every_ms(&self) -> i64 {
        self.length_ms / 3
    }

    /// Why the job is given up after this outcome, if it is.
    pub fn gives_up<'a>(&self, outcome: &'a Result<()>) -> Option<&'a Error> {
        let error = outcome.as_ref().err()?;
        let again = error.is_retryable() && self.attempt < MAX_ATTEMPTS;
        (!again && self.job.every_ms().is_none()).then_some(error)
    }

    /// The job's row, as long as it is in this worker's hands.
    fn mine(&self) -> UpdateMany<job::Entity> {
        use job::Column as C;
        job::Entity::update_many()
            .filter(C::Id.eq(self.id.clone()))
            .filter(C::State.eq(JobState::Leased))
            .filter(C::LeaseOwner.eq(self.owner.clone()))
            .filter(C::Attempts.eq(self.attempt))
    }
}

/// Takes up to `most` due jobs for `owner`, for a length of time; those with an expired lease too.
pub async fn lease(db: &Db, owner: &str, most: u64, length: Duration) -> Result<Vec<Lease>> {
    use job::Column as C;
    let length_ms =
        i64::try_from(length.as_millis()).map_err(|e| Error::internal(e.to_string()))?;
    let tx = db.begin_write().await?;
    let (now, shared_now) = (tx.now(), tx.shared_now().await?);
    let due = Condition::any()
        .add(C::State.eq(JobState::Ready).and(C::RunAt.lte(now)))
        .add(
            C::State
                .eq(JobState::Leased)
                .and(C::LeaseUntil.lt(shared_now)),
        );
    let mut pick = Query::select();
    pick.column(C::Id)
        .from(job::Entity)
        .and_where(Expr::cust(UNFINISHED))
        .cond_where(due)
        .order_by(C::RunAt, sea_orm::Order::Asc)
        .limit(most)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    let rows: Vec<job::Model> = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Leased))
        .col_expr(C::Attempts, Expr::col(C::Attempts).add(1))
        .col_expr(C::LeaseOwner, Expr::value(owner))
        .col_expr(C::LeaseUntil, Expr::value(shared_now.plus_ms(length_ms)))
        .filter(C::Id.in_subquery(pick))
        .exec_with_returning(&tx)
        .await?;
    if rows.is_empty() {
        tx.rollback().await?;
        return Ok(Vec::new());
    }
    tx.commit().await?;
    rows.into_iter()
        .map(|row| {
            let job = serde_json::from_str(&row.args)
                .map_err(|e| Error::internal(format!("job {}: {e}", row.id)))?;
            Ok(Lease {
                id: row.id,
                job,
                taken_at: now,
                owner: owner.to_owned(),
                attempt: row.attempts,
                generation: row.wanted_generation,
                length_ms,
            })
        })
        .collect()
}

/// Begins the lease anew, for a job that takes long. `false`: it was lost, and another worker has the job.
pub async fn renew(db: &Db, lease: &Lease) -> Result<bool> {
    let tx = db.begin_write().await?;
    let until = tx.shared_now().await?.plus_ms(lease.length_ms);
    let renewed = lease
        .mine()
        .col_expr(job::Column::LeaseUntil, Expr::value(until))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(renewed.rows_affected == 1)
}

/// Gives a job back that was not ended, as if it had not been taken: another worker may have it at once.
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

/// Writes down how a leased job went. A failure that may pass is tried again with full-jitter backoff; any other, or
/// the twelfth, makes it dead. `false`: the lease was lost, and nothing was written.
pub async fn finish(db: &Db, lease: &Lease, outcome: &Result<()>) -> Result<bool> {
    let tx = db.begin_write().await?;
    let done = finish_in(&tx, lease, outcome).await?;
    tx.commit().await?;
    Ok(done)
}

/// The same, in the transaction of what follows from it.
pub async fn finish_in(tx: &Tx, lease: &Lease, outcome: &Result<()>) -> Result<bool> {
    use job::Column as C;
    let now = tx.now();
    let mine = lease
        .mine()
        .col_expr(C::LeaseOwner, Expr::value(None::<String>))
        .col_expr(C::LeaseUntil, Expr::value(None::<Timestamp>));
    let update = match outcome {
        Ok(()) => {
            let woken = || Expr::col(C::WantedGeneration).gt(lease.generation);
            let (rests, next) = match lease.job.every_ms() {
                Some(every) => (JobState::Ready, now.plus_ms(every)),
                None => (JobState::Done, now),
            };
            mine.col_expr(C::DoneGeneration, Expr::value(lease.generation))
                .col_expr(C::Attempts, Expr::value(0))
                .col_expr(
                    C::State,
                    Expr::case(woken(), JobState::Ready).finally(rests).into(),
                )
                .col_expr(C::RunAt, Expr::case(woken(), now).finally(next).into())
                .col_expr(C::LastError, Expr::value(None::<String>))
                .col_expr(C::FinishedAt, Expr::value(now))
        }
        Err(e) if lease.gives_up(outcome).is_none() => mine
            .col_expr(C::State, Expr::value(JobState::Ready))
            .col_expr(
                C::RunAt,
                Expr::value(now.plus_ms(backoff_ms(lease.attempt))),
            )
            .col_expr(C::LastError, Expr::value(e.to_string())),
        Err(e) => mine
            .col_expr(C::State, Expr::value(JobState::Dead))
            .col_expr(C::LastError, Expr::value(e.to_string()))
            .col_expr(C::FinishedAt, Expr::value(now)),
    };
    Ok(update.exec(tx).await?.rows_affected == 1)
}

/// Full jitter: anywhere up to a bound that doubles with each attempt.
pub fn backoff_ms(attempt: i32) -> i64 {
    let doublings = u32::try_from(attempt).unwrap_or_default().saturating_sub(1);
    let bound = BACKOFF_BASE_MS.saturating_mul(2_i64.saturating_pow(doublings));
    ids::random_below(std::cmp::Ord::min(bound, BACKOFF_MAX_MS)) + 1
}

/// How a job was that is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It waited and had never failed: it has left nothing behind.
    Unneeded,
    /// It had failed or was given up, or is at work or done; whatever was raised over it may still stand.
    Otherwise,
}

/// Marks a waiting job done, since what it was for has been done otherwise.
pub async fn settle(tx: &Tx, job: &Job) -> Result<Settled> {
    use job::Column as C;
    let waited = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Done))
        .col_expr(C::FinishedAt, Expr::value(tx.now()))
        .filter(C::EffectKey.eq(job.effect_key()))
        .filter(C::State.eq(JobState::Ready))
        .exec_with_returning(tx)
        .await?;
    // What a person has tried again after it was given up still says why it had been.
    let untried = waited.iter().any(|job| job.last_error.is_none());
    Ok(if untried {
        Settled::Unneeded
    } else {
        Settled::Otherwise
    })
}
