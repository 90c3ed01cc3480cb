//! A request whose transaction only got in another's way is done again, as its sender would have to.

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

/// On an answer: what it says is PostgreSQL's doing, which ended one of two transactions that waited for each other.
#[derive(Clone, Copy)]
pub(super) struct Contention;

/// Does such a request again, a few times, before its sender is told 503. What the failed try had committed before stays,
/// as when the sender does it again: under an `Idempotency-Key` it goes on from there.
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
