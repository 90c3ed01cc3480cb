//! Headers that every answer carries, and the request id.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::client_secrets;
use crate::error::Error;
use crate::ids;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the current request; empty outside of one.
pub fn request_id() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Takes the client's `X-Request-Id`, or makes one, logs under it, and sends it back with the security headers.
pub async fn layer(request: Request, next: Next) -> Response {
    let given = request
        .headers()
        .get(&REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= 128 && id.chars().all(|c| c.is_ascii_graphic()))
        .filter(|id| !client_secrets::is_in(id));
    let id = given.map_or_else(
        || format!("req_{}", &ids::random_token()[..22]),
        str::to_owned,
    );
    let span = {
        let path = client_secrets::masked_path(request.uri().path());
        tracing::info_span!("request", id, method = %request.method(), path = &*path)
    };
    let begun = tokio::time::Instant::now();
    let handled = tracing::Instrument::instrument(next.run(request), span.clone());
    let mut response = CURRENT.scope(id.clone(), handled).await;
    let ms = begun.elapsed().as_millis();
    span.in_scope(|| tracing::info!(status = response.status().as_u16(), ms, "answered"));
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in SECURITY {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Scripts and styles come from us alone, nothing may frame our pages, and no referrer is sent. `form-action` is left out
/// on purpose: browsers apply it to the redirect after a form too, and ours redirects to Stripe.
const SECURITY: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

/// The response of a handler that panicked.
pub fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::internal(format!("a handler panicked: {text}")).into_response()
}
