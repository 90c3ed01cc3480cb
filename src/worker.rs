//! Who does the jobs, and when.

use std::collections::HashMap;
use std::time::Duration;

use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Lease};
use crate::metrics;
use crate::{catalog, http, identity, ids, ledger, notify, payments, sellers, webhooks};

/// Jobs that one worker runs at a time.
const MAX_RUNNING: usize = 8;
/// The pause between two looks for due jobs when no commit wakes the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often it looks whether a job at work needs its lease renewed.
const TICK: Duration = Duration::from_millis(250);
/// Tries, a tick apart, of writing down how a job went.
const MAX_END_WRITES: u32 = 120;

/// How long the jobs in hand may go on after a stop; what is not done then is given back.
const STOP_TIMEOUT: Duration = Duration::from_secs(7);

/// Works until it is told to stop, then finishes what it has in hand, or gives it back.
pub async fn run(app: App, stop: CancellationToken) {
    let mut running = RunningJobs::new(format!("worker_{}", &ids::random_token()[..12]));
    tokio::select! {
        () = stop.cancelled() => {}
        () = schedule(&app) => {}
    }
    while !stop.is_cancelled() {
        let woken = app.db.staged.clone();
        let woken = woken.notified();
        let did = match running.run_due(&app).await {
            Ok(did) => did,
            Err(e) => {
                tracing::error!(error = %e, "the worker could not reach the database");
                0
            }
        };
        if did > 0 && running.free() > 0 {
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = running.wait_for_one(), if running.free() < MAX_RUNNING => {}
            () = woken, if running.free() > 0 => {}
            () = tokio::time::sleep(POLL_INTERVAL), if running.free() > 0 => {}
        }
    }
    running.finish(&app).await;
}

/// Runs what is due once: jobs, and events whose retry is due, until those are done. Answers how much there was to do.
pub async fn work(app: &App, owner: &str) -> Result<usize> {
    let mut running = RunningJobs::new(owner.to_owned());
    let did = running.run_due(app).await?;
    while running.free() < MAX_RUNNING {
        running.wait_for_one().await;
    }
    Ok(did)
}

/// The jobs that a worker runs at this moment.
struct RunningJobs {
    owner: String,
    running: JoinSet<Result<()>>,
    leases: HashMap<task::Id, Lease>,
}

impl RunningJobs {
    fn new(owner: String) -> Self {
        Self {
            owner,
            running: JoinSet::new(),
            leases: HashMap::new(),
        }
    }

    /// How many more it can take.
    fn free(&self) -> usize {
        MAX_RUNNING - self.running.len()
    }

    /// Takes up what is due. How much there was.
    async fn run_due(&mut self, app: &App) -> Result<usize> {
        let most = self.free();
        let leases = match most {
            0 => Vec::new(),
            _ => jobs::lease(&app.db, &self.owner, most as u64, app.config.job_lease).await?,
        };
        let taken = leases.len();
        for lease in leases {
            let (app, mine) = (app.clone(), lease.clone());
            let task = self
                .running
                .spawn(async move { work_on(&app, &mine).await });
            self.leases.insert(task.id(), lease);
        }
        Ok(taken + webhooks::retry::sweep(app).await?)
    }

    /// Waits until one of them is done.
    async fn wait_for_one(&mut self) {
        let (id, ended) = match self.running.join_next_with_id().await {
            None => return,
            Some(Ok((id, ended))) => (id, ended),
            Some(Err(e)) => (e.id(), Err(Error::internal(e.to_string()))),
        };
        self.leases.remove(&id);
        if let Err(e) = ended {
            tracing::error!(error = %e, "a job's end could not be written down; its lease will run out");
        }
    }

    /// Lets them end, for a while, and gives back those that don't.
    async fn finish(mut self, app: &App) {
        let ended = async {
            while self.free() < MAX_RUNNING {
                self.wait_for_one().await;
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, ended).await.is_ok() {
            return;
        }
        self.running.shutdown().await;
        for lease in self.leases.values() {
            tracing::warn!(job = %lease.id, kind = lease.job.kind(), "a job was not done in time and is given back");
            if let Err(e) = jobs::release(&app.db, lease).await {
                tracing::warn!(job = %lease.id, error = %e, "it could not be given back; its lease will run out");
            }
        }
    }
}

/// Begins what is done again and again, as soon as the database can be reached.
async fn schedule(app: &App) {
    let begin = async || {
        let tx = app.db.begin_write().await?;
        for job in [
            Job::CatchAllUp,
            Job::ReviewIgnoredEvents,
            Job::SweepPayments,
            Job::Tidy,
        ] {
            jobs::schedule(&tx, &job).await?;
        }
        tx.commit().await
    };
    while let Err(e) = begin().await {
        tracing::error!(error = %e, "the schedules could not be begun; trying again");
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

async fn work_on(app: &App, lease: &Lease) -> Result<()> {
    let (task_app, job) = (app.clone(), lease.job.clone());
    // A task of its own: a panic ends this job, not the worker. It ends when this is dropped.
    let mut task = JoinSet::new();
    task.spawn(async move { perform(&task_app, &job).await });
    // Counted from before the lease was written, so that it is never thought longer than it is.
    let mut renewed = lease.taken_at;
    let watch = Stopwatch::start();
    let outcome = loop {
        tokio::select! {
            Some(ended) = task.join_next() => break ended,
            () = tokio::time::sleep(TICK) => {}
        }
        let now = app.clock.now();
        if now < renewed.plus_ms(lease.renew_every_ms()) {
            continue;
        }
        match jobs::renew(&app.db, lease).await {
            Ok(true) => renewed = now,
            Ok(false) => {
                lost(lease);
                return Ok(());
            }
            // The next beat may come through; if none does, another worker takes over.
            Err(e) => tracing::warn!(job = %lease.id, error = %e, "a lease could not be renewed"),
        }
    };
    let outcome =
        outcome.unwrap_or_else(|e| Err(Error::internal(format!("the job panicked: {e}"))));
    // A database that is away for a moment must not cost the minute that the lease has left.
    for _ in 0..MAX_END_WRITES {
        match end(app, lease, &outcome).await {
            Err(e) if e.is_engine_error() => tokio::time::sleep(TICK).await,
            ended => {
                metrics::job(lease.job.kind(), ended?, watch.elapsed());
                return Ok(());
            }
        }
    }
    metrics::job(
        lease.job.kind(),
        end(app, lease, &outcome).await?,
        watch.elapsed(),
    );
    Ok(())
}

/// Writes down how a job went, and answers what that is called.
async fn end(app: &App, lease: &Lease, outcome: &Result<()>) -> Result<&'static str> {
    let (kind, attempt) = (lease.job.kind(), lease.attempt());
    if let Some(error) = lease.gives_up(outcome) {
        let tx = app.db.begin_write().await?;
        // Before the job's own row, since payments and orders are locked before jobs.
        give_up(&tx, &lease.job, attempt, error).await?;
        if !jobs::finish_in(&tx, lease, outcome).await? {
            tx.rollback().await?;
            return Ok(lost(lease));
        }
        tx.commit().await?;
        tracing::error!(job = %lease.id, kind, attempt, %error, "a job was given up");
        return Ok("dead");
    }
    if let Err(error) = outcome {
        tracing::warn!(job = %lease.id, kind, attempt, %error, "a job failed, and is tried again");
    }
    if !jobs::finish(&app.db, lease, outcome).await? {
        return Ok(lost(lease));
    }
    Ok(if outcome.is_ok() { "done" } else { "failed" })
}

fn lost(lease: &Lease) -> &'static str {
    tracing::warn!(job = %lease.id, "the lease of a job was lost; another worker has it");
    "lost"
}

/// What giving a job up means. Where money hangs on it a finding is raised; the others are repeated by whatever needs
/// them next, or by a person.
async fn give_up(tx: &Tx, job: &Job, attempts: i32, error: &Error) -> Result<()> {
    match job {
        Job::Refund { refund } => payments::refunds::give_up(tx, refund, attempts, error).await,
        Job::CreateSession { payment } => {
            payments::checkout::session::give_up(tx, payment, attempts, error).await
        }
        Job::CreateAccount { .. }
        | Job::SyncAccount { .. }
        | Job::CreatePromotionCode { .. }
        | Job::RereadPayment { .. }
        | Job::Pull { .. }
        | Job::SyncPayout { .. }
        | Job::RetryDeferred { .. }
        | Job::CatchUp { .. }
        | Job::CatchAllUp
        | Job::ReviewIgnoredEvents
        | Job::SyncRefund { .. }
        | Job::SweepPayments
        | Job::Tidy
        | Job::Mail { .. } => Ok(()),
    }
}

async fn perform(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::CreateAccount { seller } => sellers::account::create(app, seller).await.map(drop),
        Job::SyncAccount { seller } => sellers::account::refresh(app, seller).await.map(drop),
        Job::CreatePromotionCode { code } => {
            let created = catalog::promotions::at_stripe::create(app, code).await;
            created.map(drop)
        }
        Job::CreateSession { payment } => payments::checkout::session::make(app, payment).await,
        Job::RereadPayment { payment } => payments::sessions::reread(app, payment).await,
        Job::Refund { refund } => payments::refunds::send(app, refund).await,
        Job::Pull { account, livemode } => ledger::pull(app, account, *livemode).await,
        Job::SyncPayout {
            account,
            livemode,
            payout,
        } => ledger::payouts::sync(app, account, *livemode, payout).await,
        Job::RetryDeferred { waits_for } => webhooks::retry::retry_deferred(app, waits_for).await,
        Job::CatchUp { account, livemode } => {
            webhooks::catch_up::catch_up(app, account.as_ref(), *livemode).await
        }
        Job::CatchAllUp => webhooks::catch_up::catch_all_up(app).await,
        Job::ReviewIgnoredEvents => webhooks::review::review_ignored(app).await,
        Job::SyncRefund {
            account,
            livemode,
            refund,
        } => payments::refunds::sync(app, account, *livemode, refund).await,
        Job::SweepPayments => payments::sessions::sweep(app).await,
        Job::Tidy => tidy(app).await,
        Job::Mail { what, subject } => notify::send(app, what, subject).await,
    }
}

/// Deletes answered requests' keys, and logins, whose time is over.
async fn tidy(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    http::delete_expired_keys(&tx).await?;
    identity::delete_expired_sessions(&tx).await?;
    tx.commit().await
}
