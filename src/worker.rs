//! Who does the jobs, and when.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Lease};
use crate::{catalog, ids, ledger, notify, payments, sellers, webhooks};

/// Jobs that one worker has in hand at a time.
const HANDS: u64 = 8;
/// How long it rests when nothing is staged; jobs whose time comes are found within it.
const REST: Duration = Duration::from_millis(500);

/// Works until it is told to stop, then finishes what it has in hand.
pub async fn run(app: App, stop: CancellationToken) {
    let owner = format!("worker_{}", &ids::random_token()[..12]);
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
    let outcome = tokio::spawn(async move { perform(&task_app, &job).await }).await;
    let outcome =
        outcome.unwrap_or_else(|e| Err(Error::internal(format!("the job panicked: {e}"))));
    if let Err(e) = &outcome {
        tracing::warn!(job = %lease.id, kind = lease.job.kind(), attempt = lease.attempt(), error = %e, "a job failed");
    }
    if !jobs::finish(&app.db, lease, &outcome).await? {
        tracing::warn!(job = %lease.id, "the lease of a job was lost; another worker has it");
    }
    Ok(())
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
        Job::Mail { what, subject } => notify::send(app, what, subject).await,
    }
}
