//! The worker: leases due jobs, runs them, and writes down how they went.

mod perform;

use std::collections::HashMap;
use std::time::Duration;

use souk_entity::Timestamp;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{self, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Stopwatch;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Lease};
use crate::metrics;
use crate::{findings, ids, ledger, payments, sellers, subscriptions, webhooks};
use perform::perform;

/// Jobs that one worker runs at a time.
const MAX_RUNNING: usize = 8;
/// The pause between two looks for due jobs when no commit wakes the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often it looks whether a running job needs its lease renewed.
const TICK: Duration = Duration::from_millis(250);
/// Tries, a tick apart, of writing down how a job went.
const MAX_END_WRITES: u32 = 120;

/// How long running jobs may go on after a stop. Those that have not ended by then are given back.
const STOP_TIMEOUT: Duration = Duration::from_secs(7);

/// Works until it is told to stop, then lets running jobs end, or gives them back.
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
            () = running.wait_for_end(), if running.free() < MAX_RUNNING => {}
            () = woken, if running.free() > 0 => {}
            () = tokio::time::sleep(POLL_INTERVAL), if running.free() > 0 => {}
        }
    }
    running.finish(&app).await;
}

/// Runs what is due once: jobs, and events whose retry is due, until those are done. Answers how much there was to do.
///
/// # Errors
/// The database failed.
pub async fn work(app: &App, owner: &str) -> Result<usize> {
    let mut running = RunningJobs::new(owner.to_owned());
    let did = running.run_due(app).await?;
    running.finish_all(app).await;
    Ok(did)
}

/// The jobs that a worker runs at this moment. A job whose end is not written yet counts as running, and its lease is
/// renewed.
struct RunningJobs {
    owner: String,
    tasks: JoinSet<()>,
    leases: HashMap<task::Id, Lease>,
    sender: mpsc::UnboundedSender<Ended>,
    receiver: mpsc::UnboundedReceiver<Ended>,
    /// Those whose end could not be written, to be tried again.
    unwritten: Vec<Ended>,
    /// Since when nobody has looked for expired leases, and for events whose retry is due; none after a look that found
    /// such events.
    swept: Option<Stopwatch>,
}

/// A job that has ended.
struct Ended {
    task: task::Id,
    lease: Lease,
    outcome: Result<()>,
    /// Tries of writing it down that failed.
    failed_writes: u32,
    /// Tells its task what the outcome is called, once it is written.
    written: oneshot::Sender<&'static str>,
}

impl RunningJobs {
    fn new(owner: String) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            owner,
            tasks: JoinSet::new(),
            leases: HashMap::new(),
            sender,
            receiver,
            unwritten: Vec::new(),
            swept: None,
        }
    }

    /// How many more it can take.
    fn free(&self) -> usize {
        MAX_RUNNING - self.leases.len()
    }

    /// Takes up what is due. How much there was.
    async fn run_due(&mut self, app: &App) -> Result<usize> {
        let rests = self.swept.as_ref().map(Stopwatch::elapsed);
        if rests.is_some_and(|rests| rests < POLL_INTERVAL) {
            return self.write_ends(app, MAX_RUNNING).await;
        }
        jobs::expire_leases(&app.db).await?;
        let leased = self.write_ends(app, MAX_RUNNING).await?;
        let retried = webhooks::retry::sweep(app).await?;
        self.swept = (retried == 0).then(Stopwatch::start);
        Ok(leased + retried)
    }

    /// Writes down how the jobs went that have ended by now, and leases up to `most` others in the same transaction, as
    /// far as there is room for them. Answers how many.
    async fn write_ends(&mut self, app: &App, most: usize) -> Result<usize> {
        while let Some(task) = self.tasks.try_join_next_with_id() {
            self.note_task(task);
        }
        let mut ended = std::mem::take(&mut self.unwritten);
        while let Ok(one) = self.receiver.try_recv() {
            ended.push(one);
        }
        let is_given_up = |one: &Ended| one.lease.gives_up(&one.outcome).is_some();
        let (given_up, ended): (Vec<_>, Vec<_>) = ended.into_iter().partition(is_given_up);
        for one in given_up {
            let written = give_up(app, &one.lease, &one.outcome).await;
            self.note(one, written);
        }
        let most = most.min(self.free() + ended.len());
        if most == 0 && ended.is_empty() {
            return Ok(0);
        }
        match write_and_lease(app, &ended, &self.owner, most).await {
            Ok((written, leases)) => {
                for (one, written) in ended.into_iter().zip(written) {
                    self.note(one, Ok(written));
                }
                let leased = leases.len();
                for lease in leases {
                    self.start(app, lease);
                }
                Ok(leased)
            }
            Err(e) => {
                self.write_each_alone(app, ended, &e).await;
                Err(e)
            }
        }
    }

    /// After they could not be written together. While the database is away there is no use in trying each.
    async fn write_each_alone(&mut self, app: &App, ended: Vec<Ended>, error: &Error) {
        for one in ended {
            let written = match error.is_engine_error() {
                true => Err(Error::Busy(error.to_string())),
                false => write_and_lease(app, std::slice::from_ref(&one), &self.owner, 0)
                    .await
                    .map(|(written, _)| written.first().is_some_and(|written| *written)),
            };
            self.note(one, written);
        }
    }

    /// Notes that a job's end is written, that its lease was lost, or that it has to be tried again.
    fn note(&mut self, mut ended: Ended, written: Result<bool>) {
        match written {
            Err(e) if e.is_engine_error() && ended.failed_writes < MAX_END_WRITES => {
                ended.failed_writes += 1;
                self.unwritten.push(ended);
                return;
            }
            Err(e) => {
                tracing::error!(job = %ended.lease.id, error = %e, "a job's end could not be written down; its lease will run out");
            }
            Ok(written) => {
                let name = match written {
                    true => log_outcome(&ended.lease, &ended.outcome),
                    false => lost(&ended.lease),
                };
                // A task that lost the lease meanwhile has gone.
                let _its_task_is_gone = ended.written.send(name);
            }
        }
        self.leases.remove(&ended.task);
    }

    fn start(&mut self, app: &App, lease: Lease) {
        let (app, mine, ended) = (app.clone(), lease.clone(), self.sender.clone());
        let task = self
            .tasks
            .spawn(async move { work_on(&app, mine, &ended).await });
        self.leases.insert(task.id(), lease);
    }

    /// Notes that a job's task is over. Whether that leaves room: its end may have been noted before.
    fn note_task(&mut self, task: Result<(task::Id, ()), task::JoinError>) -> bool {
        let id = task.map_or_else(|e| e.id(), |(id, ())| id);
        self.leases.remove(&id).is_some()
    }

    /// Waits until one of them has ended or lost its lease, or an end is to be written again.
    async fn wait_for_end(&mut self) {
        loop {
            tokio::select! {
                Some(ended) = self.receiver.recv() => {
                    self.unwritten.push(ended);
                    return;
                }
                Some(task) = self.tasks.join_next_with_id() => {
                    if self.note_task(task) {
                        return;
                    }
                }
                () = tokio::time::sleep(TICK), if !self.unwritten.is_empty() => return,
            }
        }
    }

    /// Lets all of them end.
    async fn finish_all(&mut self, app: &App) {
        while self.free() < MAX_RUNNING {
            self.wait_for_end().await;
            if let Err(e) = self.write_ends(app, 0).await {
                tracing::error!(error = %e, "the worker could not reach the database");
            }
        }
    }

    /// Lets them end, for a while, and gives back those that don't.
    async fn finish(mut self, app: &App) {
        let ended = tokio::time::timeout(STOP_TIMEOUT, self.finish_all(app)).await;
        if ended.is_ok() {
            return;
        }
        self.tasks.shutdown().await;
        for lease in self.leases.values() {
            tracing::warn!(job = %lease.id, kind = lease.job.kind(), "a job was not done in time and is given back");
            if let Err(e) = jobs::release(&app.db, lease).await {
                tracing::warn!(job = %lease.id, error = %e, "it could not be given back; its lease will run out");
            }
        }
    }
}

/// Writes down how jobs went and leases the next ones, in one transaction. Answers which were written.
async fn write_and_lease(
    app: &App,
    ended: &[Ended],
    owner: &str,
    most: usize,
) -> Result<(Vec<bool>, Vec<Lease>)> {
    let tx = app.db.begin_batch().await?;
    let ends: Vec<_> = ended.iter().map(|one| (&one.lease, &one.outcome)).collect();
    // Before the lease, which waits for no lock: what was wanted again while it ran can be leased at once.
    let written = jobs::finish(&tx, &ends).await?;
    let leases = match most {
        0 => Vec::new(),
        _ => jobs::lease(&tx, owner, most as u64, app.config.job_lease).await?,
    };
    tx.commit().await?;
    Ok((written, leases))
}

/// Stages the recurring jobs, as soon as the database can be reached.
async fn schedule(app: &App) {
    let begin = async || {
        let tx = app.db.begin_write().await?;
        for job in [
            Job::CatchAllUp,
            Job::ReviewIgnoredEvents,
            Job::SweepPayments,
            Job::SweepSavedCards,
            Job::SyncAccounts,
            Job::KeepBooks,
            Job::Reconcile,
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

/// Runs a job, has its end written, and renews the lease until then.
async fn work_on(app: &App, lease: Lease, ended: &mpsc::UnboundedSender<Ended>) {
    let (task_app, job) = (app.clone(), lease.job.clone());
    // A task of its own: a panic ends this job, not the worker. It ends when this is dropped.
    let mut task = JoinSet::new();
    task.spawn(async move { perform_or_end(&task_app, &job).await });
    // Counted from before the lease was written, so that it is never thought longer than it is.
    let mut renewed = lease.taken_at;
    let watch = Stopwatch::start();
    let outcome = loop {
        tokio::select! {
            Some(ended) = task.join_next() => break ended,
            () = tokio::time::sleep(TICK) => {}
        }
        if !renew_if_due(app, &lease, &mut renewed).await {
            lost(&lease);
            return;
        }
    };
    let outcome =
        outcome.unwrap_or_else(|e| Err(Error::internal(format!("the job panicked: {e}"))));
    let (written, mut is_written) = oneshot::channel();
    let kind = lease.job.kind();
    let end = Ended {
        task: task::id(),
        lease: lease.clone(),
        outcome,
        failed_writes: 0,
        written,
    };
    if ended.send(end).is_err() {
        return;
    }
    loop {
        tokio::select! {
            name = &mut is_written => {
                if let Ok(name) = name {
                    metrics::job(kind, name, watch.elapsed());
                }
                return;
            }
            () = tokio::time::sleep(TICK) => {}
        }
        // Whether the lease is lost is told by the write, which may have happened meanwhile.
        renew_if_due(app, &lease, &mut renewed).await;
    }
}

/// Renews a lease when it is time to. `false`: it was lost.
async fn renew_if_due(app: &App, lease: &Lease, renewed: &mut Timestamp) -> bool {
    let now = app.clock.now();
    if now < renewed.plus_ms(lease.renew_every_ms()) {
        return true;
    }
    match jobs::renew(&app.db, lease).await {
        Ok(true) => *renewed = now,
        Ok(false) => return false,
        // The next tick may come through; if none does, another worker takes over.
        Err(e) => tracing::warn!(job = %lease.id, error = %e, "a lease could not be renewed"),
    }
    true
}

/// Writes down that a job is given up, and what follows from it, in a transaction of its own. `false`: its lease was lost,
/// and nothing is written.
async fn give_up(app: &App, lease: &Lease, outcome: &Result<()>) -> Result<bool> {
    let tx = app.db.begin_write().await?;
    // Before the job's own row, since payments and orders are locked before jobs.
    if let Some(error) = lease.gives_up(outcome) {
        raise_given_up(&tx, &lease.job, lease.attempt(), error).await?;
    }
    let written = jobs::finish(&tx, &[(lease, outcome)]).await?;
    match written.as_slice() {
        [true] => tx.commit().await?,
        _ => tx.rollback().await?,
    }
    Ok(written == [true])
}

/// Logs how a job went, and answers what that is called.
fn log_outcome(lease: &Lease, outcome: &Result<()>) -> &'static str {
    let (id, kind, attempt) = (&lease.id, lease.job.kind(), lease.attempt());
    let Err(error) = outcome else {
        return "done";
    };
    if lease.gives_up(outcome).is_some() {
        tracing::error!(job = %id, kind, attempt, %error, "a job was given up");
        return "dead";
    }
    tracing::warn!(job = %id, kind, attempt, %error, "a job failed, and is tried again");
    "failed"
}

fn lost(lease: &Lease) -> &'static str {
    tracing::warn!(job = %lease.id, "the lease of a job was lost; another worker has it");
    "lost"
}

/// Raises a finding for a job that is given up, if money depends on it. Other jobs are repeated by whatever needs them
/// next, or by a person.
async fn raise_given_up(tx: &Tx, job: &Job, attempts: i32, error: &Error) -> Result<()> {
    match job {
        Job::Refund { refund } => payments::refunds::give_up(tx, refund, attempts, error).await,
        Job::Capture { payment } => payments::capture::give_up(tx, payment, attempts, error).await,
        Job::RefundFee { fee_refund } => {
            payments::fees::give_up(tx, fee_refund, attempts, error).await
        }
        Job::SubmitEvidence { submission } => {
            payments::disputes::give_up(tx, submission, attempts, error).await
        }
        Job::AcceptDispute { dispute } => {
            payments::disputes::give_up_acceptance(tx, dispute, attempts, error).await
        }
        Job::CreateSession { payment } => {
            payments::checkout::object::give_up(tx, payment, attempts, error).await
        }
        Job::Pull { account, livemode } => {
            ledger::give_up(tx, account, *livemode, attempts, error).await
        }
        Job::EndSubscription {
            account,
            subscription,
            because,
            of,
            ..
        } => {
            let (why, how) = ((because.as_str(), of.as_str()), (attempts, error));
            subscriptions::endings::give_up(tx, account, subscription, why, how).await
        }
        Job::CreateAccount { .. }
        | Job::SyncAccount { .. }
        | Job::SyncAccounts
        | Job::ReadReturnedLink { .. }
        | Job::RenameAccount { .. }
        | Job::CreatePromotionCode { .. }
        | Job::MirrorPrice { .. }
        | Job::SyncProduct { .. }
        | Job::RereadPayment { .. }
        | Job::SyncPayout { .. }
        | Job::RetryDeferred { .. }
        | Job::CatchUp { .. }
        | Job::CatchAllUp
        | Job::ReviewIgnoredEvents
        | Job::SyncRefund { .. }
        | Job::SyncFee { .. }
        | Job::SyncDispute { .. }
        | Job::SyncFraudWarning { .. }
        | Job::SyncSubscription { .. }
        | Job::SyncInvoice { .. }
        | Job::SyncInvoicePayment { .. }
        | Job::SetInvoiceFee { .. }
        | Job::SweepPayments
        | Job::SweepSavedCards
        | Job::CreateSetupIntent { .. }
        | Job::SyncSetupIntent { .. }
        | Job::SyncCustomer { .. }
        | Job::SendTaxId { .. }
        | Job::ChargeOffSession { .. }
        | Job::CheckBook { .. }
        | Job::KeepBooks
        | Job::Reconcile
        | Job::Tidy
        | Job::Mail { .. } => Ok(()),
    }
}

/// Performs a job. One that needs an account that has disconnected ends quietly: the seller's row says so from then on, and
/// whatever is left open becomes a finding there. So does one whose object is gone. A refused key is a finding, and the job
/// waits.
async fn perform_or_end(app: &App, job: &Job) -> Result<()> {
    match perform(app, job).await {
        Err(Error::AccessLost { account }) => {
            tracing::info!(kind = job.kind(), %account, "a job ends, since its account has disconnected");
            sellers::account::note_access_lost(app, &account).await
        }
        Err(Error::StripeRefused(fault)) if is_of_an_event(job) && fault.is_missing() => {
            tracing::info!(
                kind = job.kind(),
                subject = job.subject(),
                "a job ends, since its object is gone at Stripe"
            );
            Ok(())
        }
        Err(Error::KeyRefused(fault)) => {
            findings::stripe_key::raise(app, &fault).await?;
            Err(Error::KeyRefused(fault))
        }
        outcome => outcome,
    }
}

/// Whether a job reads an object that only an event has named. It may be gone by the time that it is read.
fn is_of_an_event(job: &Job) -> bool {
    matches!(
        job,
        Job::SyncPayout { .. }
            | Job::SyncRefund { .. }
            | Job::SyncDispute { .. }
            | Job::SyncFraudWarning { .. }
            | Job::SyncSubscription { .. }
            | Job::SyncInvoice { .. }
            | Job::SyncInvoicePayment { .. }
            | Job::SetInvoiceFee { .. }
            | Job::ReadReturnedLink { .. }
    )
}
