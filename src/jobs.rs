//! Work that a transaction stages and that is done after it: unique by its effect, leased, retried, given up.

pub mod admin;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query};
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, UpdateMany};
use serde::{Deserialize, Serialize};
use souk_entity::job::{self, JobState};
use souk_entity::{
    AccountId, FeeRefundId, JobId, PaymentId, PromotionCodeId, RefundId, SellerId, Timestamp,
};

use crate::db::set_wise::SetWise;
use crate::db::{self, Db, Tx};
use crate::error::{Error, Result};
use crate::ids;

/// All the work there is, named by plain ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// Make the seller's connected account, if it isn't made yet.
    CreateAccount { seller: SellerId },
    /// Re-read the seller's account from Stripe.
    SyncAccount { seller: SellerId },
    /// Read from Stripe whose account the link of this event leads to, and re-read that account.
    ReadReturnedLink { event: String, livemode: bool },
    /// Send the seller's name to its account.
    RenameAccount { seller: SellerId },
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
    /// Compare the account's book with its balance at Stripe.
    CheckBook { account: AccountId, livemode: bool },
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
    /// Re-read a dispute from Stripe.
    SyncDispute {
        account: AccountId,
        livemode: bool,
        dispute: String,
    },
    /// Return a part of an application fee, and follow the answer.
    RefundFee { fee_refund: FeeRefundId },
    /// Read the payment's application fee from Stripe.
    SyncFee { payment: PaymentId },
    /// Try again the events that wait for this.
    RetryDeferred { waits_for: String },
    /// Read what Stripe lists of the account's events, or of the platform's own.
    CatchUp {
        account: Option<AccountId>,
        livemode: bool,
    },
    /// Recurring: stage a catch-up for everybody.
    CatchAllUp,
    /// Recurring: look at events again that an older version ignored.
    ReviewIgnoredEvents,
    /// Recurring: ask Stripe about payments whose session's life is over.
    SweepPayments,
    /// Recurring: stage re-reads of accounts that nobody has read for a day.
    SyncAccounts,
    /// Recurring: delete what nobody can use any more.
    Tidy,
    /// Recurring: stage the pulls and checks of books whose time has come.
    KeepBooks,
    /// Recurring: look for money that is owed and that nothing moves.
    Reconcile,
    /// Send a mail about an order, a payment, a refund or a dispute; `what` is one of `notify`'s.
    Mail {
        what: String,
        #[serde(default)]
        to: Recipient,
        /// The id of what happened. Mails with the same are one mail.
        #[serde(alias = "subject")]
        about: String,
    },
}

/// Who gets a mail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipient {
    /// The order's buyer.
    #[default]
    Buyer,
    /// The order's seller.
    Seller,
}

impl Job {
    /// The name of its effect: jobs with the same key are one job.
    pub fn effect_key(&self) -> String {
        let (kind, subject) = (self.kind(), self.subject());
        match self {
            // As it was before sellers got mail, so that no buyer gets one twice.
            Self::Mail {
                what,
                to: Recipient::Buyer,
                ..
            } => format!("{kind}:{what}:{subject}"),
            Self::Mail { what, .. } => format!("{kind}:{what}:{subject}:seller"),
            Self::Pull { livemode, .. }
            | Self::CheckBook { livemode, .. }
            | Self::SyncPayout { livemode, .. }
            | Self::SyncRefund { livemode, .. }
            | Self::SyncDispute { livemode, .. }
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
            Self::ReadReturnedLink { .. } => "read_returned_link",
            Self::RenameAccount { .. } => "rename_account",
            Self::CreatePromotionCode { .. } => "create_promotion_code",
            Self::CreateSession { .. } => "create_session",
            Self::RereadPayment { .. } => "reread_payment",
            Self::Refund { .. } => "refund",
            Self::Pull { .. } => "pull",
            Self::CheckBook { .. } => "check_book",
            Self::SyncPayout { .. } => "sync_payout",
            Self::SyncRefund { .. } => "sync_refund",
            Self::SyncDispute { .. } => "sync_dispute",
            Self::RefundFee { .. } => "refund_fee",
            Self::SyncFee { .. } => "sync_fee",
            Self::RetryDeferred { .. } => "retry_deferred",
            Self::CatchUp { .. } => "catch_up",
            Self::CatchAllUp => "catch_all_up",
            Self::ReviewIgnoredEvents => "review_ignored_events",
            Self::SweepPayments => "sweep_payments",
            Self::SyncAccounts => "sync_accounts",
            Self::Tidy => "tidy",
            Self::KeepBooks => "keep_books",
            Self::Reconcile => "reconcile",
            Self::Mail { .. } => "mail",
        }
    }

    /// The id of what it is about, or `all`.
    pub fn subject(&self) -> &str {
        match self {
            Self::CreateAccount { seller }
            | Self::SyncAccount { seller }
            | Self::RenameAccount { seller } => seller.as_ref(),
            Self::ReadReturnedLink { event, .. } => event,
            Self::CreatePromotionCode { code } => code.as_ref(),
            Self::CreateSession { payment } | Self::RereadPayment { payment } => payment.as_ref(),
            Self::Refund { refund } => refund.as_ref(),
            Self::RefundFee { fee_refund } => fee_refund.as_ref(),
            Self::SyncFee { payment } => payment.as_ref(),
            Self::Pull { account, .. } | Self::CheckBook { account, .. } => account.as_ref(),
            Self::SyncPayout { payout, .. } => payout,
            Self::SyncRefund { refund, .. } => refund,
            Self::SyncDispute { dispute, .. } => dispute,
            Self::RetryDeferred { waits_for } => waits_for,
            Self::CatchUp { account, .. } => account.as_ref().map_or("platform", AsRef::as_ref),
            Self::CatchAllUp
            | Self::ReviewIgnoredEvents
            | Self::SweepPayments
            | Self::SyncAccounts
            | Self::KeepBooks
            | Self::Reconcile
            | Self::Tidy => "all",
            Self::Mail { about, .. } => about,
        }
    }

    /// How often a recurring job is done, by whichever replica leases it. It is never given up.
    fn every_ms(&self) -> Option<i64> {
        match self {
            Self::CatchAllUp | Self::ReviewIgnoredEvents | Self::SweepPayments => Some(15 * 60_000),
            Self::Reconcile | Self::SyncAccounts | Self::Tidy => Some(60 * 60_000),
            Self::KeepBooks => Some(60_000),
            _ => None,
        }
    }

    /// The time that a run takes up, for jobs that a burst of events asks for again and again: after a few runs they are
    /// done no more often than that. 0: as often as they are asked for.
    fn pace_ms(&self) -> i64 {
        match self {
            Self::SyncAccount { .. } => 2_000,
            _ => 0,
        }
    }
}

/// Runs before a job is given up.
const MAX_ATTEMPTS: i32 = 12;
/// Runs of a paced job at once, after the first, before it has to rest.
const BURST: i64 = 4;
/// The indexes' conditions, word for word: SQLite doesn't use an index for a condition with bound values.
const IS_READY: &str = "state = 'ready'";
const IS_LEASED: &str = "state = 'leased'";
const BACKOFF_BASE_MS: i64 = 1_000;
const BACKOFF_MAX_MS: i64 = 10 * 60_000;

/// Stages a job in the transaction whose effect it is. See `stage_at`.
///
/// # Errors
/// The database failed.
pub async fn stage(tx: &Tx, job: &Job) -> Result<()> {
    stage_at(tx, job, tx.now()).await
}

/// Stages a job to be run no sooner than `run_at`. A job that is staged already is not staged twice: if it waits it keeps
/// its time, if it runs now it will run once more, and if it has ended it begins anew, a paced one after its rest. A mail is
/// staged only once.
///
/// # Errors
/// The database failed.
pub async fn stage_at(tx: &Tx, job: &Job, run_at: Timestamp) -> Result<()> {
    insert(tx, std::slice::from_ref(job), run_at).await
}

/// Stages jobs in one statement, sorted by their effects. Some of them may be the same.
///
/// # Errors
/// The database failed.
pub async fn stage_all(tx: &Tx, jobs: &[Job]) -> Result<()> {
    insert(tx, jobs, tx.now()).await
}

const INSERT: SetWise = SetWise {
    // A job that has ended begins anew. A mail is never sent twice.
    text: "INSERT INTO jobs (id, kind, args, effect_key, subject, state, wanted_generation, done_generation, attempts, \
               run_at, created_at) \
           SELECT id, kind, args, effect_key, subject, 'ready', 1, 0, 0, $2, $3 FROM {input} WHERE true \
           ON CONFLICT (effect_key) DO UPDATE SET wanted_generation = jobs.wanted_generation + 1, \
               attempts = CASE WHEN jobs.state IN ('done', 'dead', 'discarded') THEN 0 ELSE jobs.attempts END, \
               run_at = CASE WHEN jobs.state NOT IN ('done', 'dead', 'discarded') THEN jobs.run_at \
                   WHEN jobs.rests_until > excluded.run_at THEN jobs.rests_until ELSE excluded.run_at END, \
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

/// Stages a recurring job and makes it due now, unless it is at work or waits after a failure.
///
/// # Errors
/// The database failed.
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

/// How a job stood when it wasn't wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It waited and had never failed, so it has left nothing behind.
    Unneeded,
    /// It had failed, was given up, is at work or is done. What was raised over it may still be open.
    Otherwise,
}

/// Marks a waiting job done, since its effect has been reached otherwise.
///
/// # Errors
/// The database failed.
pub async fn settle(tx: &Tx, job: &Job) -> Result<Settled> {
    use job::Column as C;
    let waited = job::Entity::update_many()
        .col_expr(C::State, Expr::value(JobState::Done))
        .col_expr(C::FinishedAt, Expr::value(tx.now()))
        .filter(C::EffectKey.eq(job.effect_key()))
        .filter(C::State.eq(JobState::Ready))
        .exec_with_returning(tx)
        .await?;
    // A job that was given up and that a person then retried still has its last error.
    let untried = waited.iter().any(|job| job.last_error.is_none());
    Ok(if untried {
        Settled::Unneeded
    } else {
        Settled::Otherwise
    })
}
