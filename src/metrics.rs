//! Metrics for Prometheus. Every name is in this file alone; docs/operating.md says what to alert on. Nothing is counted
//! without `METRICS_BIND`.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ::metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ColumnTrait, DbErr, EntityTrait, Iterable, QueryFilter, QueryOrder, QuerySelect,
};
use souk_entity::Timestamp;
use souk_entity::finding::{self, FindingState};
use souk_entity::inbox_event::{self, Endpoint, EventState, Source};
use souk_entity::job::{self, JobState};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::Db;

const EVENTS: &str = "souk_events_total";
const REFUSED: &str = "souk_deliveries_refused_total";
const LAST_RECEIVED: &str = "souk_event_last_received_timestamp_seconds";
const LATENCY: &str = "souk_delivery_duration_seconds";
const QUEUE: &str = "souk_queue_events";
const BATCH: &str = "souk_commit_events";
const EFFECTS: &str = "souk_effects_duration_seconds";
const COMMIT: &str = "souk_commit_duration_seconds";
const RETRIES: &str = "souk_event_retries_total";
const UNFINISHED_EVENTS: &str = "souk_events_unfinished";
const JOBS: &str = "souk_jobs_total";
const JOB_DURATION: &str = "souk_job_duration_seconds";
const UNFINISHED_JOBS: &str = "souk_jobs_unfinished";
const JOB_LAG: &str = "souk_job_lag_seconds";
const FINDINGS: &str = "souk_findings_open";
const DATABASE: &str = "souk_database_up";

const SECONDS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
const BATCHES: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];
/// How often the exporter's histograms are compacted; without that they grow.
const UPKEEP: Duration = Duration::from_secs(5);
/// How far back a start searches for the last event.
const MONTH_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Counts an event that came in, by its outcome.
pub fn event(endpoint: Endpoint, source: Source, outcome: &'static str) {
    let (endpoint, source) = (endpoint.to_value(), source.to_value());
    counter!(EVENTS, "endpoint" => endpoint, "source" => source, "outcome" => outcome).increment(1);
}

/// Counts a delivery that was answered with an error of this code.
pub fn delivery_refused(endpoint: Endpoint, code: &'static str) {
    counter!(REFUSED, "endpoint" => endpoint.to_value(), "code" => code).increment(1);
}

/// Records how long a correctly signed delivery took to be answered.
pub fn delivered(endpoint: Endpoint, clock: &Clock, took: Duration) {
    histogram!(LATENCY, "endpoint" => endpoint.to_value()).record(took);
    last_received(endpoint, clock.wall().0);
}

fn last_received(endpoint: Endpoint, at_ms: i64) {
    // Whole seconds, which a float holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let at = (at_ms / 1000) as f64;
    gauge!(LAST_RECEIVED, "endpoint" => endpoint.to_value()).set(at);
}

/// Sets the number of events that wait for the committer.
pub fn queue(events: usize) {
    gauge!(QUEUE).set(size_as_float(events));
}

/// Records a batch: its events, how long its rows and effects took, and how long its commit took.
pub fn batch(events: usize, effects: Duration, commit: Duration) {
    histogram!(BATCH).record(size_as_float(events));
    histogram!(EFFECTS).record(effects);
    histogram!(COMMIT).record(commit);
}

/// Counts a retry of an unfinished event.
pub fn event_retried(state: EventState) {
    counter!(RETRIES, "outcome" => state.to_value()).increment(1);
}

/// Counts a run of a job: `done`, `failed` (it is retried), `dead`, or `lost` to another worker.
pub fn job(kind: &'static str, outcome: &'static str, took: Duration) {
    counter!(JOBS, "kind" => kind, "outcome" => outcome).increment(1);
    histogram!(JOB_DURATION, "kind" => kind).record(took);
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn size_as_float(count: usize) -> f64 {
    count as f64
}

/// Collects metrics, and serves them on a listener of its own.
pub struct Exporter {
    listener: TcpListener,
    handle: PrometheusHandle,
}

impl Exporter {
    /// Listens at an address. Metrics are collected from this call on, so it comes before anything else is started.
    ///
    /// # Errors
    /// The address can't be bound.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let handle = install().map_err(io::Error::other)?;
        Ok(Self { listener, handle })
    }

    /// Serves `GET /metrics` until `stop`.
    pub async fn serve(self, db: Db, clock: Clock, stop: CancellationToken) {
        let Self { listener, handle } = self;
        if let Err(e) = restore_last_received(&db, &clock).await {
            tracing::warn!(error = %e, "when the last events came could not be read");
        }
        let upkeep = async {
            loop {
                tokio::time::sleep(UPKEEP).await;
                handle.run_upkeep();
            }
        };
        let routes = Router::new().route("/metrics", get(scrape));
        let routes = routes.with_state((handle.clone(), db, clock));
        let server = axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned());
        tokio::select! {
            served = server => if let Err(e) = served {
                tracing::error!(error = %e, "metrics are not served any more");
            },
            () = upkeep => {}
        }
    }
}

type Parts = (PrometheusHandle, Db, Clock);

async fn scrape(State((handle, db, clock)): State<Parts>) -> impl IntoResponse {
    let asked = read_gauges(&db, &clock).await;
    if let Err(e) = &asked {
        tracing::warn!(error = %e, "the database could not be asked for its metrics");
    }
    gauge!(DATABASE).set(if asked.is_ok() { 1.0 } else { 0.0 });
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], handle.render())
}

/// Sets the gauges that are read from the database.
async fn read_gauges(db: &Db, clock: &Clock) -> Result<(), DbErr> {
    // The conditions are the partial indexes' own, word for word: otherwise SQLite reads the whole table.
    let events: Vec<(EventState, i64)> = inbox_event::Entity::find()
        .select_only()
        .column(inbox_event::Column::State)
        .column_as(inbox_event::Column::Id.count(), "count")
        .filter(Expr::cust(
            "state IN ('deferred', 'failed', 'dead', 'discarded')",
        ))
        .group_by(inbox_event::Column::State)
        .into_tuple()
        .all(&db.read)
        .await?;
    for state in [EventState::Deferred, EventState::Failed, EventState::Dead] {
        let count = events.iter().find(|(of, _)| *of == state);
        let count = count.map_or(0, |(_, count)| *count);
        gauge!(UNFINISHED_EVENTS, "state" => state.to_value()).set(count_as_float(count));
    }
    let mut jobs = Vec::new();
    for unfinished in [
        "state = 'ready'",
        "state = 'leased'",
        "state IN ('dead', 'discarded')",
    ] {
        let counts: Vec<(JobState, i64)> = job::Entity::find()
            .select_only()
            .column(job::Column::State)
            .column_as(job::Column::Id.count(), "count")
            .filter(Expr::cust(unfinished))
            .group_by(job::Column::State)
            .into_tuple()
            .all(&db.read)
            .await?;
        jobs.extend(counts);
    }
    for state in [JobState::Ready, JobState::Leased, JobState::Dead] {
        let count = jobs.iter().find(|(of, _)| *of == state);
        let count = count.map_or(0, |(_, count)| *count);
        gauge!(UNFINISHED_JOBS, "state" => state.to_value()).set(count_as_float(count));
    }
    let oldest: Option<i64> = job::Entity::find()
        .select_only()
        .column(job::Column::RunAt)
        .filter(Expr::cust("state = 'ready'"))
        .order_by_asc(job::Column::RunAt)
        .into_tuple()
        .one(&db.read)
        .await?;
    let lag_ms = oldest.map_or(0, |due| (clock.now().0 - due).max(0));
    gauge!(JOB_LAG).set(count_as_float(lag_ms) / 1000.0);
    let findings: Option<i64> = finding::Entity::find()
        .select_only()
        .column_as(finding::Column::Id.count(), "count")
        .filter(finding::Column::State.eq(FindingState::Open))
        .into_tuple()
        .one(&db.read)
        .await?;
    gauge!(FINDINGS).set(count_as_float(findings.unwrap_or_default()));
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count_as_float(count: i64) -> f64 {
    count as f64
}

/// Sets the time of each endpoint's last delivery after a restart. An endpoint without one has 0: it may never have been
/// registered at Stripe.
async fn restore_last_received(db: &Db, clock: &Clock) -> Result<(), DbErr> {
    for endpoint in Endpoint::iter() {
        let last = last_delivery(db, endpoint, clock.now()).await?;
        last_received(endpoint, last.map_or(0, |at| at.0));
    }
    Ok(())
}

/// When an endpoint last stored a delivery, within a month.
///
/// # Errors
/// The database failed.
pub async fn last_delivery(
    db: &Db,
    endpoint: Endpoint,
    now: Timestamp,
) -> Result<Option<Timestamp>, DbErr> {
    use inbox_event::Column as C;
    inbox_event::Entity::find()
        .select_only()
        .column(C::ReceivedAt)
        .filter(C::ReceivedAt.gte(now.plus_ms(-MONTH_MS)))
        .filter(C::Endpoint.eq(endpoint))
        .filter(C::Source.eq(Source::Webhook))
        .order_by_desc(C::ReceivedAt)
        .into_tuple()
        .one(&db.read)
        .await
}

fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|it| it.set_buckets_for_metric(Matcher::Full(BATCH.to_owned()), &BATCHES))
        .and_then(PrometheusBuilder::install_recorder)?;
    describe();
    Ok(handle)
}

fn describe() {
    describe_counter!(EVENTS, "Events that came in, by what became of them");
    describe_counter!(REFUSED, "Deliveries that were answered with an error");
    describe_gauge!(
        LAST_RECEIVED,
        Unit::Seconds,
        "When each endpoint last received a delivery; 0: none within a month"
    );
    describe_histogram!(
        LATENCY,
        Unit::Seconds,
        "From a delivery's verification to its answer"
    );
    describe_gauge!(QUEUE, "Events that wait for the committer");
    describe_histogram!(BATCH, "Events that shared a commit");
    describe_histogram!(EFFECTS, Unit::Seconds, "Rows and effects of a batch");
    describe_histogram!(COMMIT, Unit::Seconds, "The commit of a batch");
    describe_counter!(RETRIES, "Unfinished events that were tried again");
    describe_gauge!(
        UNFINISHED_EVENTS,
        "Events whose effect is not in the database, yet or at all"
    );
    describe_counter!(JOBS, "Runs of jobs, by how they ended");
    describe_histogram!(JOB_DURATION, Unit::Seconds, "Runs of jobs");
    describe_gauge!(UNFINISHED_JOBS, "Jobs that are not done");
    describe_gauge!(
        JOB_LAG,
        Unit::Seconds,
        "For how long the oldest due job has waited"
    );
    describe_gauge!(FINDINGS, "Differences that wait for a person");
    describe_gauge!(DATABASE, "Whether the database answered this scrape");
}
