//! Requests from a buyer's browser, which come with a publishable key: what it is shown, and from which pages it may ask.
//! <https://docs.stripe.com/keys>, <https://docs.stripe.com/js>.

use axum::{
    body::Body,
    http::{Method, Response, header, response::Builder},
};
use serde_json::Value;

use super::identity;
use crate::{api::Key, error::ApiError, routes};

/// What the reference calls “retrievable with publishable key”
/// (<https://docs.stripe.com/api/payment_intents/object>).
const PAYMENT_INTENT: [&str; 24] = [
    "id",
    "object",
    "amount",
    "amount_details",
    "automatic_payment_methods",
    "canceled_at",
    "cancellation_reason",
    "capture_method",
    "client_secret",
    "confirmation_method",
    "created",
    "currency",
    "description",
    "last_payment_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "processing",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "status",
];

/// As `PAYMENT_INTENT` (<https://docs.stripe.com/api/setup_intents/object>).
const SETUP_INTENT: [&str; 15] = [
    "id",
    "object",
    "automatic_payment_methods",
    "cancellation_reason",
    "client_secret",
    "created",
    "description",
    "last_setup_error",
    "livemode",
    "next_action",
    "payment_method",
    "payment_method_configuration_details",
    "payment_method_types",
    "status",
    "usage",
];

/// Takes out of an answer what a publishable key isn't shown, wherever in it an object stands.
pub(super) fn hide_private(key: Key, answer: &mut Value) {
    if key == Key::Publishable {
        hide(answer);
    }
}

/// As `hide_private`, of the objects that an error carries.
pub(super) fn hide_private_of(key: Key, mut error: ApiError) -> ApiError {
    if let Some(extra) = &mut error.extra {
        hide_private(key, extra);
    }
    error
}

fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            match fields.get("object").and_then(Value::as_str) {
                Some("payment_intent") => {
                    fields.retain(|name, _| PAYMENT_INTENT.contains(&name.as_str()));
                }
                Some("setup_intent") => {
                    fields.retain(|name, _| SETUP_INTENT.contains(&name.as_str()));
                }
                Some("payment_method") => {
                    fields.remove("metadata");
                    if let Some(Value::Object(card)) = fields.get_mut("card") {
                        card.remove("fingerprint");
                    }
                }
                _ => {}
            }
            fields.values_mut().for_each(hide);
        }
        Value::Array(items) => items.iter_mut().for_each(hide),
        _ => {}
    }
}

/// Lets the pages of any origin read an answer to a publishable key. Stripe lets them read every answer; here any secret key
/// will do, so that a page which a developer happens to have open could act as their application.
pub(super) fn readable(key: Key, answer: Response<Body>) -> Response<Body> {
    match key {
        Key::Publishable => allow_any_origin(answer),
        Key::Secret | Key::Restricted => answer,
    }
}

/// As `readable`, of an answer that nobody's key was needed for.
pub(crate) fn allow_any_origin(mut answer: Response<Body>) -> Response<Body> {
    let headers = answer.headers_mut();
    let any = header::HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    let shown = header::HeaderValue::from_static("Request-Id, Stripe-Should-Retry");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, shown);
    answer
}

/// Answers a browser that asks whether a page may send a request: those that a publishable key may make.
pub(super) fn preflight(
    method: &Method,
    asked: Option<&str>,
    path: &str,
) -> Option<Response<Body>> {
    if method != Method::OPTIONS {
        return None;
    }
    let wanted = asked?;
    let (entry, _) = routes::find(wanted, path)?;
    if !identity::is_public(&format!("{wanted} {}", entry.path())) {
        return None;
    }
    let answer = Builder::new()
        .status(200)
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST")
        .header(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "Authorization, Content-Type, Idempotency-Key, Stripe-Account, Stripe-Version",
        )
        .header(header::ACCESS_CONTROL_MAX_AGE, "300")
        .body(Body::empty());
    Some(allow_any_origin(answer.unwrap_or_default()))
}
