//! The public routes: health, the contract and its pages.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use swagger_ui_dist::{ApiDefinition, OpenApiSource};

use crate::app::App;
use crate::error::{Error, Result};

use super::{Answer, page};

/// The contract of this build.
pub const OPENAPI: &str = include_str!("../../openapi.yaml");

/// The public routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/", get(home))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.yaml", get(openapi))
        .route("/docs", get(docs))
        .route(
            "/assets/page.css",
            get(|| async { asset("text/css", include_str!("page.css")) }),
        )
        .route(
            "/assets/docs.js",
            get(|| async { asset("text/javascript", include_str!("docs.js")) }),
        )
        .merge(Router::<()>::with_state(
            swagger_ui_dist::generate_routes(ApiDefinition {
                uri_prefix: "/assets/swagger",
                api_definition: OpenApiSource::Uri("/openapi.yaml"),
                title: None,
            }),
            (),
        ))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    (
        [(header::CONTENT_TYPE, format!("{kind}; charset=utf-8"))],
        text,
    )
        .into_response()
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
}

async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    database: &'static str,
    simulated: bool,
}

async fn readyz(State(app): State<App>) -> Answer<Readiness> {
    app.db
        .ping()
        .await
        .map_err(|_| Error::Busy("The database does not answer.".to_owned()))?;
    Ok(Json(Readiness {
        status: "ok",
        database: "ok",
        simulated: app.config.simulated(),
    }))
}

async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml")], OPENAPI)
}

/// Swagger UI sets styles on its elements. The policy of our other pages forbids that.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
                           img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

async fn docs() -> Response {
    (
        [(header::CONTENT_SECURITY_POLICY, DOCS_POLICY)],
        Html(include_str!("docs.html")),
    )
        .into_response()
}

async fn home(State(app): State<App>) -> Result<Response> {
    let simulated = if app.config.simulated() {
        "<p class=\"note\">Simulated money: Stripe runs on this machine, and nothing is charged.</p>"
    } else {
        ""
    };
    let body = format!(
        "<h1>Souk</h1>\n<p>A marketplace backend on Stripe Connect.</p>\n{simulated}\n\
         <ul><li><a href=\"/docs\">The API, explained</a></li><li><a href=\"/openapi.yaml\">openapi.yaml</a></li>\
         <li><a href=\"/readyz\">Is it ready?</a></li></ul>"
    );
    Ok(page(StatusCode::OK, "Souk", &body))
}
