//! Errors as RFC 9457 problems.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::error::{Error, StripeFault};

/// Marks a response: Stripe refused our own key.
#[derive(Clone)]
pub struct KeyRefused(pub Box<StripeFault>);

#[derive(Serialize)]
struct Problem {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    code: &'static str,
    param: Option<String>,
    request_id: String,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = %self, "request failed");
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::warn!(error = %self, "request turned away");
        }
        let detail = match (&self, code) {
            (_, "internal") => {
                "Something went wrong on our side; the request_id helps to find it.".to_owned()
            }
            (Self::Database(_), _) => "The database is busy; try again shortly.".to_owned(),
            _ => self.to_string(),
        };
        let problem = Problem {
            r#type: format!("/docs#{code}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail,
            code,
            param: self.param().map(str::to_owned),
            request_id: super::headers::request_id(),
        };
        let mut response = (status, Json(problem)).into_response();
        if self.is_contention() {
            response
                .extensions_mut()
                .insert(super::retry_contention::Contention);
        }
        if let Self::KeyRefused(fault) = &self {
            response.extensions_mut().insert(KeyRefused(fault.clone()));
        }
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        let retry_after = match &self {
            Self::TooManyRequests { retry_after } => Some(*retry_after),
            _ if status == StatusCode::SERVICE_UNAVAILABLE => Some(2),
            _ if code == "idempotency_in_flight" => Some(1),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
