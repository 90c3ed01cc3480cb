//! Findings over HTTP.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::finding::{self, FindingState};
use souk_entity::{AccountId, FindingId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::http::{Answer, FilterValue, Filters, List, Paginate, Path, ValidJson};
use crate::identity::Admin;

/// The room's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/ledger/findings", get(list_findings))
        .route("/v1/ledger/findings/{id}", get(get_finding))
        .route("/v1/ledger/findings/{id}/resolve", post(resolve_finding))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FindingFilters {
    state: Option<FindingState>,
    kind: Option<FilterValue>,
}

async fn list_findings(
    State(app): State<App>,
    _: Admin,
    Filters(filters, paging): Filters<FindingFilters>,
) -> Answer<List<FindingView>> {
    use finding::Column as C;
    let mut query = finding::Entity::find();
    if let Some(state) = filters.state {
        query = query.filter(C::State.eq(state));
    }
    if let Some(kind) = &filters.kind {
        query = query.filter(C::Kind.eq(kind.as_ref()));
    }
    let rows = query.page(&paging, C::Id, &app.db.read).await?;
    Ok(Json(paging.list(rows, FindingView::from)))
}

async fn get_finding(
    State(app): State<App>,
    _: Admin,
    Path(id): Path<FindingId>,
) -> Answer<FindingView> {
    Ok(Json(super::find(&app.db.read, &id).await?.into()))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Resolution {
    #[validate(length(min = 1, max = 500, message = "note has 1 to 500 characters."))]
    note: String,
}

async fn resolve_finding(
    State(app): State<App>,
    Admin(caller): Admin,
    Path(id): Path<FindingId>,
    ValidJson(resolution): ValidJson<Resolution>,
) -> Answer<FindingView> {
    let finding = super::resolve_manually(&app, caller.id(), &id, &resolution.note).await?;
    Ok(Json(finding.into()))
}

#[derive(Serialize)]
struct FindingView {
    id: FindingId,
    object: &'static str,
    kind: String,
    stripe_account: Option<AccountId>,
    subject: String,
    message: String,
    amount: Option<i64>,
    currency: Option<String>,
    state: FindingState,
    created_at: Timestamp,
    resolved_at: Option<Timestamp>,
    note: Option<String>,
}

impl From<finding::Model> for FindingView {
    fn from(row: finding::Model) -> Self {
        Self {
            id: row.id,
            object: "finding",
            kind: row.kind,
            stripe_account: row.stripe_account,
            subject: row.subject,
            message: row.message,
            amount: row.amount,
            currency: row.currency,
            state: row.state,
            created_at: row.created_at,
            resolved_at: row.resolved_at,
            note: row.note,
        }
    }
}
