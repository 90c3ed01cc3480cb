//! Events, jobs and the audit log over HTTP, for admins.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::inbox_event::{self, Endpoint, EventState, Source};
use souk_entity::job::{self, JobState};
use souk_entity::{AccountId, AuditId, JobId, Timestamp, audit_entry};
use validator::Validate;

use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Empty, FilterValue, Filters, List, Paginate, Paging, Path, ValidJson, deserialize_some,
    json_object, page_by_time,
};
use crate::identity::{Admin, Caller};
use crate::jobs::admin as job_admin;
use crate::webhooks::replay::{self, EventFilters, Replay};

/// The room's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/admin/events", get(list_events))
        .route("/v1/admin/events/{id}", get(get_event))
        .route("/v1/admin/events/{id}/replay", post(replay_event))
        .route("/v1/admin/events/{id}/discard", post(discard_event))
        .route("/v1/admin/events/replay", post(replay_events))
        .route("/v1/admin/jobs", get(list_jobs))
        .route("/v1/admin/jobs/{id}", get(get_job))
        .route("/v1/admin/jobs/{id}/retry", post(retry_job))
        .route("/v1/admin/jobs/{id}/discard", post(discard_job))
        .route("/v1/admin/audit_log", get(list_audit_log))
}

async fn list_events(
    State(app): State<App>,
    _: Admin,
    Filters(filters, paging): Filters<EventFilters>,
) -> Answer<List<EventView>> {
    use inbox_event::Column as C;
    let all = inbox_event::Entity::find();
    let by = (C::ReceivedAt, C::Id);
    let page = page_by_time(filters.query(), all, &paging, by, &app.db.read).await?;
    Ok(Json(paging.list(page, EventView::from)))
}

async fn get_event(State(app): State<App>, _: Admin, Path(id): Path<String>) -> Answer<EventView> {
    Ok(Json(replay::find(&app.db.read, &id).await?.into()))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ReplayOne {
    #[serde(default)]
    dry_run: bool,
}

async fn replay_event(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<ReplayOne>,
) -> Answer<ReplayView> {
    let replay = replay::replay(&app, &caller.principal(), &id, body.dry_run).await?;
    Ok(Json(replay.into()))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ReplayRange {
    #[serde(deserialize_with = "json_object")]
    filters: EventFilters,
    #[serde(default)]
    dry_run: bool,
    #[serde(default = "most")]
    #[validate(range(min = 1, max = 100, message = "limit is a whole number from 1 to 100."))]
    limit: u64,
    #[serde(default, deserialize_with = "deserialize_some")]
    starting_after: Option<FilterValue>,
}

fn most() -> u64 {
    100
}

async fn replay_events(
    State(app): State<App>,
    Admin(caller): Admin,
    ValidJson(body): ValidJson<ReplayRange>,
) -> Answer<List<ReplayView>> {
    if body.filters.is_empty() {
        let message =
            "Give at least one filter, such as state: to replay every event there is must be said.";
        return Err(Error::invalid("filters", message));
    }
    let after = body.starting_after.as_ref().map(AsRef::as_ref);
    let (ids, has_more) = replay::range(&app, &body.filters, after, body.limit).await?;
    let mut replays = Vec::with_capacity(ids.len());
    for id in ids {
        replays.push(replay::replay(&app, &caller.principal(), &id, body.dry_run).await?);
    }
    let paging = Paging::new("/v1/admin/events/replay");
    Ok(Json(paging.list((replays, has_more), ReplayView::from)))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Discard {
    #[validate(length(min = 1, max = 500, message = "reason has 1 to 500 characters."))]
    reason: String,
}

async fn discard_event(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(id): Path<String>,
    ValidJson(body): ValidJson<Discard>,
) -> Answer<EventView> {
    let row = replay::discard(&app, &caller.principal(), &id, &body.reason).await?;
    Ok(Json(row.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JobFilters {
    state: Option<JobState>,
    kind: Option<FilterValue>,
    subject: Option<FilterValue>,
    created_gte: Option<Timestamp>,
    created_lt: Option<Timestamp>,
}

async fn list_jobs(
    State(app): State<App>,
    _: Admin,
    Filters(filters, paging): Filters<JobFilters>,
) -> Answer<List<JobView>> {
    use job::Column as C;
    let conditions = [
        filters.state.map(|state| C::State.eq(state)),
        filters.kind.map(|kind| C::Kind.eq(kind.as_ref())),
        filters.subject.map(|id| C::Subject.eq(id.as_ref())),
        filters.created_gte.map(|from| C::CreatedAt.gte(from)),
        filters.created_lt.map(|to| C::CreatedAt.lt(to)),
    ];
    let all = conditions.into_iter().flatten();
    let query = job::Entity::find().filter(all.fold(Condition::all(), Condition::add));
    let page = query.page(&paging, C::Id, &app.db.read).await?;
    Ok(Json(paging.list(page, JobView::from)))
}

async fn get_job(State(app): State<App>, _: Admin, Path(id): Path<JobId>) -> Answer<JobView> {
    Ok(Json(job_admin::find(&app.db.read, &id).await?.into()))
}

async fn retry_job(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(id): Path<JobId>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<JobView> {
    let tx = app.db.begin_write().await?;
    let (before, after) = job_admin::retry(&tx, &id).await?;
    audit_job(&tx, &caller, "job.retried", &before, None).await?;
    tx.commit().await?;
    Ok(Json(after.into()))
}

async fn discard_job(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(id): Path<JobId>,
    ValidJson(body): ValidJson<Discard>,
) -> Answer<JobView> {
    let tx = app.db.begin_write().await?;
    let (before, after) = job_admin::discard(&tx, &id, &body.reason).await?;
    audit_job(&tx, &caller, "job.discarded", &before, Some(&body.reason)).await?;
    tx.commit().await?;
    Ok(Json(after.into()))
}

async fn audit_job(
    tx: &Tx,
    by: &Caller,
    action: &str,
    before: &job::Model,
    reason: Option<&str>,
) -> Result<()> {
    let what = json!({
        "kind": before.kind, "subject": before.subject, "state_before": before.state, "reason": reason,
    });
    audit::record(tx, &by.principal(), action, before.id.as_ref(), what).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuditFilters {
    actor: Option<FilterValue>,
    action: Option<FilterValue>,
    subject: Option<FilterValue>,
    created_gte: Option<Timestamp>,
    created_lt: Option<Timestamp>,
}

async fn list_audit_log(
    State(app): State<App>,
    _: Admin,
    Filters(filters, paging): Filters<AuditFilters>,
) -> Answer<List<AuditView>> {
    use audit_entry::Column as C;
    let conditions = [
        filters.actor.map(|actor| C::Actor.eq(actor.as_ref())),
        filters.action.map(|action| C::Action.eq(action.as_ref())),
        filters.subject.map(|id| C::Subject.eq(id.as_ref())),
        filters.created_gte.map(|from| C::At.gte(from)),
        filters.created_lt.map(|to| C::At.lt(to)),
    ];
    let all = conditions.into_iter().flatten();
    let query = audit_entry::Entity::find().filter(all.fold(Condition::all(), Condition::add));
    let page = query.page(&paging, C::Id, &app.db.read).await?;
    Ok(Json(paging.list(page, AuditView::from)))
}

/// A stored event without its payload, which may hold buyers' names and addresses.
#[derive(Serialize)]
struct EventView {
    id: String,
    object: &'static str,
    r#type: String,
    endpoint: Endpoint,
    source: Source,
    stripe_account: Option<AccountId>,
    livemode: bool,
    api_version: Option<String>,
    object_id: Option<String>,
    state: EventState,
    attempts: i32,
    waits_for: Option<String>,
    retry_at: Option<Timestamp>,
    error: Option<String>,
    discard_reason: Option<String>,
    created_at: Timestamp,
    received_at: Timestamp,
    processed_at: Option<Timestamp>,
}

impl From<inbox_event::Model> for EventView {
    fn from(row: inbox_event::Model) -> Self {
        Self {
            id: row.id,
            object: "event",
            r#type: row.kind,
            endpoint: row.endpoint,
            source: row.source,
            stripe_account: row.account,
            livemode: row.livemode,
            api_version: row.api_version,
            object_id: row.object,
            state: row.state,
            attempts: row.attempts,
            waits_for: row.waits_for,
            retry_at: row.retry_at,
            error: row.error,
            discard_reason: row.discard_reason,
            created_at: row.stripe_created,
            received_at: row.received_at,
            processed_at: row.processed_at,
        }
    }
}

#[derive(Serialize)]
struct ReplayView {
    object: &'static str,
    #[serde(flatten)]
    replay: Replay,
}

impl From<Replay> for ReplayView {
    fn from(replay: Replay) -> Self {
        Self {
            object: "event_replay",
            replay,
        }
    }
}

#[derive(Serialize)]
struct JobView {
    id: JobId,
    object: &'static str,
    kind: String,
    subject: String,
    state: JobState,
    attempts: i32,
    run_at: Timestamp,
    lease_owner: Option<String>,
    lease_until: Option<Timestamp>,
    last_error: Option<String>,
    discard_reason: Option<String>,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<job::Model> for JobView {
    fn from(row: job::Model) -> Self {
        Self {
            id: row.id,
            object: "job",
            kind: row.kind,
            subject: row.subject,
            state: row.state,
            attempts: row.attempts,
            run_at: row.run_at,
            lease_owner: row.lease_owner,
            lease_until: row.lease_until,
            last_error: row.last_error,
            discard_reason: row.discard_reason,
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}

#[derive(Serialize)]
struct AuditView {
    id: AuditId,
    object: &'static str,
    actor: String,
    action: String,
    subject: String,
    data: serde_json::Value,
    created_at: Timestamp,
}

impl From<audit_entry::Model> for AuditView {
    fn from(row: audit_entry::Model) -> Self {
        Self {
            id: row.id,
            object: "audit_entry",
            actor: row.actor,
            action: row.action,
            subject: row.subject,
            data: row.data.0,
            created_at: row.at,
        }
    }
}
