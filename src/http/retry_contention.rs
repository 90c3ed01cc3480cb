//! Retries a request whose transaction met a deadlock or a serialization failure, so that its sender doesn't have to.

use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::BODY_LIMIT;
use crate::error::Error;
use crate::ids;

/// Tries of a request.
const TRIES: u32 = 4;

/// Marks a response: PostgreSQL aborted the transaction because of another one (40001, 40P01).
#[derive(Clone, Copy)]
pub(super) struct Contention;

/// Retries such a request a few times before it answers 503. Earlier transactions of a failed try stay committed, as if
/// the sender had retried: under an `Idempotency-Key` the retry goes on from there.
pub async fn layer(request: Request, next: Next) -> Response {
    let small = request.body().size_hint().upper();
    if small.is_none_or(|bytes| bytes > BODY_LIMIT as u64) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT).await else {
        return Error::MalformedJson("The body broke off.".to_owned()).into_response();
    };
    let again = || Request::from_parts(parts.clone(), Body::from(body.clone()));
    for attempt in 1..TRIES {
        let response = next.clone().run(again()).await;
        if response.extensions().get::<Contention>().is_none() {
            return response;
        }
        let pause = ids::random_below(20 << attempt);
        tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
    }
    next.run(again()).await
}
