//! The pages a person sees: plain HTML that works without JavaScript and on a phone. Only what a page of an application frames runs a
//! script.

use axum::{
    Router,
    http::header,
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{get, post},
};

use crate::Simulator;

mod challenge;
mod checkout;
pub(crate) mod control;
mod dashboard;
mod elements;
mod html;
mod invoice;
mod onboarding;
mod portal;
mod stripe_js;

/// Those of buyers, which Stripe.js may show in a frame of another page.
fn for_buyers(simulator: Simulator) -> Router<Simulator> {
    Router::new()
        .route("/c/pay/{session}", get(checkout::show).post(checkout::pay))
        .route(
            "/c/pay/{session}/promotion_code",
            post(checkout::promotion_code),
        )
        .route("/c/pay/{session}/quantities", post(checkout::quantities))
        .route("/c/recover/{session}", get(checkout::recover))
        .route(
            "/c/challenge/{intent}",
            get(challenge::show).post(challenge::answer),
        )
        .route(
            "/c/pay/{session}/challenge",
            get(checkout::challenge).post(checkout::answer),
        )
        .layer(from_fn_with_state(simulator, stripe_js::framed))
}

pub(crate) fn router(simulator: Simulator) -> Router<Simulator> {
    Router::new()
        .merge(for_buyers(simulator))
        .merge(stripe_js::router())
        .route("/_simulator.css", get(css))
        .route("/setup/{account}/{token}", get(onboarding::open))
        .route(
            "/setup/{account}/{token}/{form}",
            get(onboarding::show).post(onboarding::submit),
        )
        .route("/express/{account}/{token}", get(dashboard::show))
        .route("/p/session/{session}", get(portal::show).post(portal::act))
        .route(
            "/i/{invoice}/{secret}",
            get(invoice::show).post(invoice::pay),
        )
        .route("/i/{invoice}/{secret}/pdf", get(invoice::download))
        .route("/receipts/{charge}", get(dashboard::receipt))
}

async fn css() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/css; charset=utf-8")],
        include_str!("simulator.css"),
    )
}
