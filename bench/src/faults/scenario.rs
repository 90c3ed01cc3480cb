//! A scenario, from its first buyer to the last comparison of the books.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use souk_simulator::Fault;
use tempfile::TempDir;
use tokio::time::sleep;

use super::admin;
use super::checker::{self, Done, Faults};
use super::clock;
use super::delivery::{Network, lock};
use super::disruption;
use super::environment::{Environment, Setup};
use super::lives;
use super::plan::{Disruption, Plan};
use super::renewals;
use super::workload::Workload;
use crate::Failure;
use crate::database::{Fresh, Place, count, texts};

/// Where a scenario runs.
pub struct Context<'a> {
    pub binary: &'a Path,
    pub folder: &'a Path,
    pub place: &'a Place,
    /// A bug that the server is to have.
    pub planted: Option<&'a str>,
}

/// What was observed.
#[derive(Default)]
pub struct Outcome {
    pub orders: i64,
    pub sold: i64,
    pub refunded: i64,
    /// Refunds of lines that succeeded, and disputes for which Stripe was given evidence.
    pub by_line: i64,
    pub answered: i64,
    /// Orders that were paid by an intent, holds of which a part was captured, and holds that were released.
    pub by_intent: i64,
    pub in_part: i64,
    pub released: i64,
    /// Periods of subscriptions that were paid, and subscriptions whose card was declined, or that have ended.
    pub renewed: i64,
    pub unpaid: i64,
    /// Events that Stripe made.
    pub events: i64,
    pub lost: u32,
    /// Deliveries, by the status of their answer.
    pub answers: BTreeMap<u16, u64>,
    /// Answers to buyers and sellers, by status.
    pub buyers: BTreeMap<u16, u64>,
    /// Deliveries without an answer.
    pub broken: u64,
    /// Deliveries that a wrong clock refused.
    pub refused: u64,
    pub given_up: u64,
    pub unexpected: Vec<String>,
    /// From sending an event to its answer, sorted; poison left out.
    pub waits: Vec<Duration>,
    pub peak_kib: Option<u64>,
    /// How long after a flood until an event was answered as fast as before.
    pub recovered: Option<Duration>,
    /// Jobs that had been given up and that an admin retried.
    pub retried: usize,
    /// Whether each replica logged that a lease was lost.
    pub fenced: Vec<bool>,
    /// The 99th percentile of `waits` without poison, in ms, if that was run too.
    pub p99_without: Option<f64>,
    /// Whether the first replica was stopped past its lease, with jobs in hand.
    pub paused: bool,
    /// Whether clocks were wrong, but nobody was stopped or killed.
    pub clocks: bool,
    pub faults: Faults,
    pub log_tail: String,
}

impl Outcome {
    /// Nearest rank, in ms.
    pub fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.waits.len() * percent).div_ceil(100).max(1);
        let wait = self.waits.get(rank - 1);
        wait.map_or(0.0, |wait| wait.as_secs_f64() * 1000.0)
    }

    /// The rules that were broken, of those for all scenarios.
    pub fn violations(&self) -> Vec<String> {
        let told = |(category, who): (&String, &Vec<String>)| {
            let first: Vec<&str> = who.iter().take(3).map(String::as_str).collect();
            format!("{category} ({}): {}", who.len(), first.join(", "))
        };
        let mut violations: Vec<String> = self.faults.iter().map(told).collect();
        if self.given_up > 0 {
            violations.push(format!(
                "answers: {} deliveries were never taken",
                self.given_up
            ));
        }
        if self.clocks && self.fenced.contains(&true) {
            violations.push("lease_stolen: a worker lost a job that it was at".to_owned());
        }
        if self.paused && self.fenced.first() != Some(&true) {
            violations.push("stale_write: no write of the stopped replica was refused".to_owned());
        }
        if !self.unexpected.is_empty() {
            violations.push(format!("answers: {}", self.unexpected.join(" | ")));
        }
        violations
    }
}

/// Runs a plan on a fresh database.
pub async fn run(plan: &Plan, context: &Context<'_>) -> Result<Outcome, Failure> {
    if let Some(lives) = plan.lives {
        return lives::run(plan, lives, context).await;
    }
    if let Some(renewals) = plan.renewals {
        return renewals::run(plan, renewals, context).await;
    }
    let disk = (matches!(plan.disruption, Disruption::DiskFull(_)))
        .then(|| SmallDisk::mount(&context.folder.join("disk")))
        .transpose()?;
    let database_folder = TempDir::new_in(disk.as_ref().map_or(context.folder, |disk| &disk.0))?;
    let fresh = context.place.fresh(database_folder.path()).await?;
    let outcome = run_on(plan, context, &fresh, database_folder.path()).await;
    fresh.discard().await?;
    outcome
}

async fn run_on(
    plan: &Plan,
    context: &Context<'_>,
    fresh: &Fresh,
    disk: &Path,
) -> Result<Outcome, Failure> {
    let network = Network {
        seed: plan.seed,
        copies: plan.copies,
        lost: plan.lost,
        shuffle: plan.shuffle,
        flood: plan.flood,
        clocks: !plan.clocks.is_empty(),
    };
    let lease = plan.lease.to_string();
    let mut everywhere = vec![("JOB_LEASE_SECONDS", lease.as_str())];
    everywhere.extend(context.planted.map(|bug| ("SOUK_PLANTED_BUG", bug)));
    let clocks: Vec<String> = plan
        .clocks
        .iter()
        .map(|wrong| format!("{wrong:+}"))
        .collect();
    let more: Vec<Vec<(&str, &str)>> = (0..plan.replicas)
        .map(|replica| {
            let mut more = everywhere.clone();
            more.extend(clocks.get(replica).into_iter().flat_map(clock::settings));
            more
        })
        .collect();
    let setup = Setup {
        binary: context.binary,
        folder: context.folder,
        fresh,
        network,
        replicas: plan.replicas,
        more: &more,
    };
    let environment = Environment::open(setup).await?;
    match run_and_settle(plan, &environment, fresh, disk).await {
        Ok(outcome) => Ok(outcome),
        Err(e) => Err(format!("{e}\n{}", environment.log_tail()).into()),
    }
}

async fn run_and_settle(
    plan: &Plan,
    environment: &Environment<'_>,
    fresh: &Fresh,
    disk: &Path,
) -> Result<Outcome, Failure> {
    let workload = Workload::open(environment, plan).await?;
    for (method, path_prefix) in [
        (None, "/v1/refunds"),
        (Some("POST"), "/v1/disputes"),
        (Some("POST"), "/v1/payment_intents/"),
    ] {
        let mut left = 1.0;
        for (kind, share) in &plan.stripe {
            let mut fault = Fault::new(*kind);
            fault.method = method.map(str::to_owned);
            fault.path_prefix = path_prefix.to_owned();
            // A rate of the requests that the faults before it have spared.
            fault.rate = Some(share / left);
            left -= share;
            environment.simulator.fault(fault).await;
        }
    }
    environment.proxy.hold();
    let disruption = async {
        let made = disruption::cause(plan, environment, fresh, disk).await;
        workload.closing.store(true, Ordering::SeqCst);
        made
    };
    tokio::try_join!(workload.run(), disruption)?;
    environment.proxy.release();
    let delivered = async || Ok(environment.proxy.in_flight() == 0);
    if !wait_for(plan.patience, delivered).await? {
        return Err("the events were never all delivered".into());
    }
    let recovered = match plan.flood {
        Some(_) => Some(recovered(environment).await?),
        None => None,
    };
    let peak_kib = environment.peak_memory().await;
    // The next start catches up with what was lost on the way.
    if matches!(plan.disruption, Disruption::Kills(_)) {
        for replica in 0..environment.replicas() {
            environment.kill(replica).await?;
        }
    } else {
        environment.stop_all().await?;
    }
    let missing = missing(environment, fresh).await?;
    environment.start_all().await?;
    settle(environment, fresh, plan.patience).await?;
    let mut retried = 0;
    if plan.admin_retries {
        environment.simulator.clear_faults().await;
        retried = admin::retry_dead_jobs(environment).await?;
        settle(environment, fresh, plan.patience).await?;
    }
    read_awaited_books(environment, fresh, plan.patience).await?;
    environment.stop_all().await?;
    let mut outcome = observe(plan, environment, &workload, fresh, peak_kib).await?;
    outcome.recovered = recovered;
    outcome.retried = retried;
    if !missing.is_empty() {
        let category =
            "acknowledged_lost: answered 2xx, and not in the database when the servers were down";
        outcome.faults.insert(category.to_owned(), missing);
    }
    Ok(outcome)
}

/// An event that is answered within this is answered as fast as before a flood.
const USUAL_WAIT: Duration = Duration::from_millis(50);

/// How long it takes from now until an event is answered as fast as before.
async fn recovered(environment: &Environment<'_>) -> Result<Duration, Failure> {
    let flood_ended = Instant::now();
    loop {
        let asked = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let status = environment
            .send_unrelated_event(0, i64::try_from(now)?)
            .await?;
        if status == 200 && asked.elapsed() < USUAL_WAIT {
            return Ok(flood_ended.elapsed());
        }
        sleep(Duration::from_millis(20)).await;
    }
}

/// Events that were answered 2xx and aren't in the database. Asked while no server runs, so that none is caught up with.
pub async fn missing(environment: &Environment<'_>, fresh: &Fresh) -> Result<Vec<String>, Failure> {
    let stored: HashSet<String> = texts(&fresh.db, "SELECT id FROM inbox_events").await?;
    let stats = environment.proxy.stats();
    let acknowledged = stats.acknowledged.keys();
    // An event of the other mode is answered and not kept.
    let missing =
        acknowledged.filter(|id| !stored.contains(*id) && !id.starts_with("evt_forged_mode"));
    Ok(missing.cloned().collect())
}

/// Waits until no job and no event is unfinished. Recurring jobs, whose subject is `all`, never finish.
pub async fn settle(
    environment: &Environment<'_>,
    fresh: &Fresh,
    patience: Duration,
) -> Result<(), Failure> {
    // An invoice is looked at again hours later.
    let open = format!(
        "SELECT (SELECT COUNT(*) FROM jobs WHERE state IN ('ready', 'leased') AND subject <> 'all'
          AND NOT (kind = 'sync_invoice' AND state = 'ready' AND run_at > {}))
        + (SELECT COUNT(*) FROM jobs WHERE kind = 'catch_all_up' AND state = 'leased')
        + (SELECT COUNT(*) FROM inbox_events WHERE state IN ('failed', 'deferred') AND id NOT LIKE 'evt_poison%')",
        environment.now_ms()?
    );
    let mut still = 0;
    let rest = wait_for(patience, async || {
        let open = count(&fresh.db, &open).await? + i64::try_from(environment.proxy.in_flight())?;
        still = if open == 0 { still + 1 } else { 0 };
        Ok(still == 4)
    });
    // The checker reports what is never finished.
    rest.await.map(drop)
}

/// A book is read a minute after an event of its money: of the platform's own, and of a fee that went back to a seller. Nobody waits
/// that long: its time has come now. That of a book which no event has brought forward has not.
pub async fn read_awaited_books(
    environment: &Environment<'_>,
    fresh: &Fresh,
    patience: Duration,
) -> Result<(), Failure> {
    let soon = environment.now_ms()? + 60_000;
    let due = format!(
        "UPDATE books SET pull_by = 0, try_at = 0 WHERE seller_id IS NULL OR pull_by <= {soon}"
    );
    fresh.db.execute_unprepared(&due).await?;
    const LATE: &str = "SELECT COUNT(*) FROM books WHERE pull_by = 0";
    // The checker reports a book that is never read.
    let patience_for_one = patience.min(Duration::from_secs(60));
    wait_for(patience_for_one, async || {
        // It may have looked at the books just before.
        let keeper = "UPDATE jobs SET run_at = 0 WHERE kind = 'keep_books' AND state = 'ready'";
        fresh.db.execute_unprepared(keeper).await?;
        Ok(count(&fresh.db, LATE).await? == 0)
    })
    .await?;
    settle(environment, fresh, patience).await
}

/// `false`: it did not become true in this time.
pub async fn wait_for(
    patience: Duration,
    mut is: impl AsyncFnMut() -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let start = Instant::now();
    while !is().await? {
        if start.elapsed() > patience {
            return Ok(false);
        }
        sleep(Duration::from_millis(250)).await;
    }
    Ok(true)
}

pub async fn observe(
    plan: &Plan,
    environment: &Environment<'_>,
    workload: &Workload<'_>,
    fresh: &Fresh,
    peak_kib: Option<u64>,
) -> Result<Outcome, Failure> {
    let oracle = environment.simulator.oracle().await;
    let (acknowledged, mut outcome) = {
        let mut stats = environment.proxy.stats();
        let mut waits = std::mem::take(&mut stats.waits);
        waits.sort_unstable();
        let outcome = Outcome {
            orders: 0,
            sold: 0,
            refunded: 0,
            by_line: 0,
            answered: 0,
            by_intent: 0,
            in_part: 0,
            released: 0,
            renewed: 0,
            unpaid: 0,
            events: 0,
            lost: stats.lost,
            answers: stats.answers.clone(),
            buyers: lock(&workload.answers).clone(),
            broken: stats.broken,
            refused: stats.refused,
            given_up: stats.given_up,
            unexpected: stats.unexpected.clone(),
            waits,
            peak_kib,
            recovered: None,
            retried: 0,
            fenced: (0..plan.replicas)
                .map(|replica| environment.said(replica, "the lease of a job was lost"))
                .collect(),
            p99_without: None,
            paused: plan.disruption == Disruption::Pause,
            clocks: !plan.clocks.is_empty(),
            faults: Faults::new(),
            log_tail: environment.log_tail(),
        };
        (stats.acknowledged.clone(), outcome)
    };
    let done = Done {
        acknowledged,
        refunds: std::mem::take(&mut *lock(&workload.asked)),
        holds: std::mem::take(&mut *lock(&workload.asked_of_holds)),
        ends: std::mem::take(&mut *lock(&workload.asked_ends)),
        access: std::mem::take(&mut *lock(&workload.asked_access)),
    };
    outcome.faults = checker::check(&fresh.db, &oracle, &done, None).await?;
    let db = &fresh.db;
    outcome.orders = count(db, "SELECT COUNT(*) FROM orders").await?;
    outcome.sold = count(
        db,
        "SELECT COUNT(DISTINCT order_id) FROM stock_movements WHERE reason = 'sale'",
    )
    .await?;
    outcome.refunded = count(
        db,
        "SELECT COUNT(*) FROM oracle_refunds WHERE status = 'succeeded'",
    )
    .await?;
    (outcome.by_line, outcome.answered) = after_sales(db).await?;
    (outcome.by_intent, outcome.in_part, outcome.released) = ways_to_pay(db).await?;
    outcome.events = count(db, "SELECT COUNT(*) FROM oracle_events").await?;
    Ok(outcome)
}

/// How many refunds of lines succeeded, and for how many disputes Stripe was given evidence.
pub async fn after_sales(db: &DatabaseConnection) -> Result<(i64, i64), Failure> {
    let by_line = "SELECT COUNT(DISTINCT x.refund_id) FROM refund_lines x JOIN refunds f ON f.id = x.refund_id
        WHERE f.status = 'succeeded'";
    let answered = "SELECT COUNT(*) FROM disputes WHERE submission_count > 0";
    Ok((count(db, by_line).await?, count(db, answered).await?))
}

/// How many payments were paid by an intent of their own, of how many holds a part was captured, and how many were released.
pub async fn ways_to_pay(db: &DatabaseConnection) -> Result<(i64, i64, i64), Failure> {
    let by_intent = "SELECT COUNT(*) FROM payments WHERE kind = 'intent' AND status = 'paid'";
    let in_part =
        "SELECT COUNT(*) FROM payments WHERE capture_method = 'manual' AND status = 'paid'
        AND amount_paid < amount_subtotal";
    let released =
        "SELECT COUNT(*) FROM payments WHERE status = 'canceled' AND payment_intent IS NOT NULL";
    Ok((
        count(db, by_intent).await?,
        count(db, in_part).await?,
        count(db, released).await?,
    ))
}

/// A disk of a few megabytes, in memory; it goes when this is dropped.
struct SmallDisk(std::path::PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(at)?;
        let mut mount = std::process::Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=64m", "souk-faults"])
            .arg(at);
        match mount.status()?.success() {
            true => Ok(Self(at.to_owned())),
            false => Err("a small disk can't be mounted: only root may".into()),
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(
            std::process::Command::new("umount")
                .arg("-l")
                .arg(&self.0)
                .status(),
        );
    }
}
