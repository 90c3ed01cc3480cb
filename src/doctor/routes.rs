//! `GET /v1/admin/doctor`.

use axum::extract::State as AppState;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::http::{Answer, Query};
use crate::identity::Admin;

use super::{Check, State, Subject, worst};

/// The room's route.
pub fn router() -> Router<App> {
    Router::new().route("/v1/admin/doctor", get(examine))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    #[serde(default)]
    offline: bool,
}

#[derive(Serialize)]
struct ReportView {
    object: &'static str,
    state: State,
    checks: Vec<Check>,
}

async fn examine(
    AppState(app): AppState<App>,
    _: Admin,
    Query(wish): Query<Wish>,
) -> Answer<ReportView> {
    let checks = Subject::from(&app).examine(wish.offline).await;
    Ok(Json(ReportView {
        object: "doctor_report",
        state: worst(&checks),
        checks,
    }))
}
