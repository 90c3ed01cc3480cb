//! `POST /webhooks/stripe` and `POST /webhooks/stripe/connect`.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde::Serialize;
use souk_entity::inbox_event::{Endpoint, Source};

use crate::app::App;
use crate::clock::Stopwatch;
use crate::error::{Error, Result};
use crate::http::Answer;
use crate::metrics;

use super::Intake;
use super::inbox::Receipt;
use super::signature::check_signature;

/// The most bytes of an event.
const BODY_LIMIT: usize = 512 * 1024;

/// State of the two endpoints.
#[derive(Clone)]
struct StripeEndpoints {
    app: App,
    intake: Intake,
}

/// The two endpoints, in front of one committer.
pub fn router<S>(app: App, intake: Intake) -> Router<S> {
    Router::new()
        .route("/webhooks/stripe", post(platform))
        .route("/webhooks/stripe/connect", post(connect))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(StripeEndpoints { app, intake })
}

type Body = Result<Bytes, BytesRejection>;

async fn platform(
    endpoints: State<StripeEndpoints>,
    headers: HeaderMap,
    body: Body,
) -> Answer<ReceiptView> {
    answer(endpoints, Endpoint::Platform, &headers, body).await
}

async fn connect(
    endpoints: State<StripeEndpoints>,
    headers: HeaderMap,
    body: Body,
) -> Answer<ReceiptView> {
    answer(endpoints, Endpoint::Connect, &headers, body).await
}

#[derive(Serialize)]
struct ReceiptView {
    object: &'static str,
    id: String,
    state: &'static str,
}

async fn answer(
    State(StripeEndpoints { app, intake }): State<StripeEndpoints>,
    endpoint: Endpoint,
    headers: &HeaderMap,
    body: Body,
) -> Answer<ReceiptView> {
    let received = receive(&app, &intake, endpoint, headers, body).await;
    if let Err(e) = &received {
        let (_, code) = e.status_and_code();
        metrics::delivery_refused(endpoint, code);
    }
    received.map(Json)
}

async fn receive(
    app: &App,
    intake: &Intake,
    endpoint: Endpoint,
    headers: &HeaderMap,
    body: Body,
) -> Result<ReceiptView> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Error::PayloadTooLarge(BODY_LIMIT),
        _ => Error::MalformedJson("The body broke off.".to_owned()),
    })?;
    let header = headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    let incoming = check_signature(app, endpoint, header, &body)?;
    let watch = Stopwatch::start();
    let id = incoming.event.id.clone();
    // A live endpoint also receives test events of connected accounts (docs.stripe.com/connect/webhooks). An event without
    // a mode is kept.
    let mode = incoming.event.livemode().unwrap_or(app.stripe.livemode());
    let is_our_mode = mode == app.stripe.livemode();
    let receipt = if is_our_mode {
        intake.commit(incoming).await?
    } else {
        metrics::event(endpoint, Source::Webhook, Receipt::OtherMode.name());
        Receipt::OtherMode
    };
    metrics::delivered(endpoint, &app.clock, watch.elapsed());
    Ok(ReceiptView {
        object: "webhook_receipt",
        id,
        state: receipt.name(),
    })
}
