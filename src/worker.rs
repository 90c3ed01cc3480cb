//! Who does the jobs, and when.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Lease};
use crate::{catalog, http, identity, ids, ledger, notify, payments, sellers, webhooks};

/// Jobs that one worker has in hand at a time.
const HANDS: u64 = 8;
/// How long it rests when nothing is staged; jobs whose time comes are found within it.
const REST: Duration = Duration::from_millis(500);
/// How often it looks whether a job at work needs its lease renewed.
const PULSE: Duration = Duration::from_millis(250);

/// Works until it is told to stop, then finishes what it has in hand.
pub async fn run(app: App, stop: CancellationToken) {
    let owner = format!("worker_{}", &ids::random_token()[..12]);
    tokio::select! {
        () = stop.cancelled() => {}
        () = schedule(&app) => {}
    }
    while !stop.is_cancelled() {
        let woken = app.db.committed.clone();
        let woken = woken.notified();
        let did = match work(&app, &owner).await {
            Ok(did) => did,
            Err(e) => {
                tracing::error!(error = %e, "the worker could not reach the database");
                0
            }
        };
        if did == 0 {
            tokio::select! {
                () = stop.cancelled() => {}
                () = woken => {}
                () = tokio::time::sleep(REST) => {}
            }
        }
    }
}

/// Begins what is done again and again, as soon as the database can be reached.
async fn schedule(app: &App) {
    let begin = async || {
        let tx = app.db.begin_write().await?;
        for job in [Job::CatchAllUp, Job::SweepPayments, Job::Tidy] {
            jobs::schedule(&tx, &job).await?;
        }
        tx.commit().await
    };
    while let Err(e) = begin().await {
        tracing::error!(error = %e, "the schedules could not be begun; trying again");
        tokio::time::sleep(REST).await;
    }
}

/// One round: due jobs, and events whose retry is due. Answers how much there was to do.
pub async fn work(app: &App, owner: &str) -> Result<usize> {
    let leases = jobs::lease(&app.db, owner, HANDS).await?;
    let mut running = JoinSet::new();
    for lease in &leases {
        let (app, lease) = (app.clone(), lease.clone());
        running.spawn(async move { work_on(&app, &lease).await });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(e) = ended.map_err(|e| Error::internal(e.to_string())).flatten() {
            tracing::error!(error = %e, "a job's end could not be written down; its lease will run out");
        }
    }
    Ok(leases.len() + webhooks::later::sweep(app).await?)
}

async fn work_on(app: &App, lease: &Lease) -> Result<()> {
    let (task_app, job) = (app.clone(), lease.job.clone());
    // A task of its own: a panic ends this job, not the worker.
    let mut task = tokio::spawn(async move { perform(&task_app, &job).await });
    // Counted from before the lease was written, so that it is never thought longer than it is.
    let mut renewed = lease.taken_at;
    let outcome = loop {
        tokio::select! {
            ended = &mut task => break ended,
            () = tokio::time::sleep(PULSE) => {}
        }
        let now = app.clock.now();
        if now < renewed.plus_ms(jobs::RENEW_MS) {
            continue;
        }
        match jobs::renew(&app.db, lease).await {
            Ok(true) => renewed = now,
            Ok(false) => {
                task.abort();
                lost(lease);
                return Ok(());
            }
            // The next beat may come through; if none does, another worker takes over.
            Err(e) => tracing::warn!(job = %lease.id, error = %e, "a lease could not be renewed"),
        }
    };
    let outcome =
        outcome.unwrap_or_else(|e| Err(Error::internal(format!("the job panicked: {e}"))));
    end(app, lease, &outcome).await
}

/// Writes down how a job went.
async fn end(app: &App, lease: &Lease, outcome: &Result<()>) -> Result<()> {
    let (kind, attempt) = (lease.job.kind(), lease.attempt());
    if let Some(error) = lease.gives_up(outcome) {
        let tx = app.db.begin_write().await?;
        // Before the job's own row, since payments and orders are locked before jobs.
        give_up(&tx, &lease.job, attempt, error).await?;
        if !jobs::finish_in(&tx, lease, outcome).await? {
            lost(lease);
            return tx.rollback().await;
        }
        tx.commit().await?;
        tracing::error!(job = %lease.id, kind, attempt, %error, "a job was given up");
        return Ok(());
    }
    if let Err(error) = outcome {
        tracing::warn!(job = %lease.id, kind, attempt, %error, "a job failed, and is tried again");
    }
    if !jobs::finish(&app.db, lease, outcome).await? {
        lost(lease);
    }
    Ok(())
}

fn lost(lease: &Lease) {
    tracing::warn!(job = %lease.id, "the lease of a job was lost; another worker has it");
}

/// What giving a job up means. Where money hangs on it a finding is raised; the others are repeated by whatever needs
/// them next, or by a person.
async fn give_up(tx: &Tx, job: &Job, attempts: i32, error: &Error) -> Result<()> {
    match job {
        Job::Refund { refund } => {
            payments::later::refund_given_up(tx, refund, attempts, error).await
        }
        Job::CreateSession { payment } => {
            payments::later::session_given_up(tx, payment, attempts, error).await
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
        | Job::SweepPayments
        | Job::Tidy
        | Job::Mail { .. } => Ok(()),
    }
}

async fn perform(app: &App, job: &Job) -> Result<()> {
    match job {
        Job::CreateAccount { seller } => sellers::later::create_account(app, seller).await,
        Job::SyncAccount { seller } => sellers::later::sync_account(app, seller).await,
        Job::CreatePromotionCode { code } => catalog::later::create_promotion_code(app, code).await,
        Job::CreateSession { payment } => payments::later::create_session(app, payment).await,
        Job::RereadPayment { payment } => payments::later::reread_payment(app, payment).await,
        Job::Refund { refund } => payments::later::refund(app, refund).await,
        Job::Pull { account, livemode } => ledger::later::pull(app, account, *livemode).await,
        Job::SyncPayout {
            account,
            livemode,
            payout,
        } => ledger::later::sync_payout(app, account, *livemode, payout).await,
        Job::RetryDeferred { waits_for } => webhooks::later::retry_deferred(app, waits_for).await,
        Job::CatchUp { account, livemode } => {
            webhooks::later::catch_up(app, account.as_ref(), *livemode).await
        }
        Job::CatchAllUp => webhooks::later::catch_all_up(app).await,
        Job::SweepPayments => payments::later::sweep(app).await,
        Job::Tidy => tidy(app).await,
        Job::Mail { what, subject } => notify::send(app, what, subject).await,
    }
}

/// Deletes answered requests' keys, and logins, whose time is over.
async fn tidy(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    http::forget_keys(&tx).await?;
    identity::forget_sessions(&tx).await?;
    tx.commit().await
}
