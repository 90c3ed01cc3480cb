//! Every API request and its answer, a line of JSON each: for people who wonder what their
//! application sent, and for the conformance tests.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    sync::Arc,
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use serde_json::{Value, json};

use crate::routes;

#[derive(Debug)]
pub(crate) struct RequestLog(File);

impl RequestLog {
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self(file))
    }

    /// One write per line, so that several simulators can share a file.
    fn write(&self, line: &Value) {
        if let Err(error) = (&self.0).write_all(format!("{line}\n").as_bytes()) {
            tracing::warn!(%error, "the request log can't be written");
        }
    }
}

/// Writes `{method, path, route, account, form, status, answer}`; `route` is the path as Stripe's
/// description writes it, or null when nothing answers there, `form` query and body as they came.
pub(crate) async fn record(
    State(log): State<Arc<RequestLog>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/v1/") && !path.starts_with("/v2/") {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let path = head.uri.path().to_owned();
    let form = format!(
        "{}&{}",
        head.uri.query().unwrap_or_default(),
        String::from_utf8_lossy(&body)
    );
    let mut line = json!({
        "method": head.method.as_str(),
        "path": path,
        "route": routes::find(head.method.as_str(), &path).map(|(entry, _)| entry.path()),
        "account": head.headers.get("stripe-account").or(head.headers.get("stripe-context")).and_then(|v| v.to_str().ok()),
        "form": form.trim_matches('&'),
    });
    let answer = next.run(Request::from_parts(head, Body::from(body))).await;
    let (head, body) = answer.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    // Nothing is written when a fault cuts the connection.
    line["status"] = json!((!body.is_empty()).then(|| head.status.as_u16()));
    line["answer"] = serde_json::from_slice(&body).unwrap_or_default();
    log.write(&line);
    Response::from_parts(head, Body::from(body))
}
