//! The HTTP server: every API request passes here.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State, rejection::BytesRejection},
    http::{HeaderMap, Method, Response, Uri, header, response::Builder},
    middleware::from_fn_with_state,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    Simulator,
    api::{Key, namespace::Namespace},
    engine::Engine,
    error::ApiError,
    events::API_VERSION,
    faults::{FaultKind, Target},
    request_log::{self, RequestLog},
    routes,
};

mod api_versions;
mod browsers;
mod connection;
mod identity;
pub(crate) mod limits;
mod multipart;
mod run;

pub(crate) use connection::{DroppableListener, Peer};

pub(crate) use browsers::allow_any_origin;
pub(crate) use identity::authenticate;

use connection::End;
use identity::Version;

/// The biggest body that is accepted.
const MAX_BODY: usize = 1 << 20;

/// The biggest body that is read to its end before it is refused. A client that is cut off while
/// sending sees a broken pipe, and not the answer.
const MAX_READ: usize = 64 << 20;

pub(crate) fn router(simulator: Simulator, log: Option<Arc<RequestLog>>) -> Router {
    let router = Router::new()
        .merge(crate::control::router())
        .merge(crate::pages::router(simulator.clone()))
        .merge(crate::listeners::router())
        .fallback(api)
        .method_not_allowed_fallback(api)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_READ))
        .with_state(simulator)
        .layer(CatchPanicLayer::custom(|_| {
            refuse(Namespace::V1, &ApiError::unexpected(), "req_panicked")
        }));
    match log {
        Some(log) => router.layer(from_fn_with_state(log, request_log::record)),
        None => router,
    }
}

/// An authenticated request.
struct Request<'a> {
    namespace: Namespace,
    method: &'a str,
    path: &'a str,
    /// Query and form of a request to `/v1`; in `/v2` the query, or the JSON of a POST.
    form: &'a str,
    account: Option<&'a str>,
    key: Option<&'a str>,
    auth: Key,
    version: Version,
    /// `Stripe-Version` as it came.
    named_version: Option<&'a str>,
    id: String,
}

/// Answers every API request: authentication, limits, faults, idempotency, then the route.
async fn api(
    State(simulator): State<Simulator>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response<Body> {
    let engine = simulator.engine();
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let id = engine.request_id();
    let namespace = Namespace::of(uri.path());
    let asked = text("access-control-request-method");
    if let Some(answer) = browsers::preflight(&method, asked, uri.path()) {
        return answer;
    }
    let read = async {
        let version = identity::version(namespace, text("stripe-version"), text("user-agent"))?;
        let form = form(namespace, &method, &uri, text("content-type"), body).await?;
        Ok((version, form))
    };
    let auth = match identity::authenticate(text("authorization")) {
        Ok(auth) => auth,
        Err(error) => return refuse(namespace, &error, &id),
    };
    let (version, form) = match read.await {
        Ok(read) => read,
        Err(error) => return browsers::readable(auth, refuse(namespace, &error, &id)),
    };
    // In `/v2` deletions have keys too.
    let keyed = method == Method::POST || (namespace, &method) == (Namespace::V2, &Method::DELETE);
    let request = Request {
        namespace,
        method: method.as_str(),
        path: uri.path(),
        form: &form,
        account: text("stripe-account").or(text("stripe-context").filter(|c| !c.is_empty())),
        key: text("idempotency-key").filter(|_| keyed),
        auth,
        version,
        named_version: text("stripe-version"),
        id,
    };
    let target = Target {
        method: request.method,
        path: request.path,
        account: request.account,
        key: request.key,
        header: text("simulator-fault"),
    };
    let endpoint = routes::find(request.method, request.path)
        .map_or_else(String::new, |(entry, _)| {
            format!("{} {}", request.method, entry.path())
        });
    let fault = {
        let mut core = engine.lock();
        if let Err(reason) = core.limiter.admit(&endpoint, std::time::Instant::now()) {
            return browsers::readable(auth, over_limit(reason, &request));
        }
        let seed = core.store.seed;
        core.faults.take_matching(seed, target)
    };
    let answer = match fault {
        Ok(fault) => run_with_fault(engine, &peer, &request, fault).await,
        Err(error) => refuse(namespace, &error, &request.id),
    };
    browsers::readable(auth, answer)
}

fn over_limit(reason: &'static str, request: &Request<'_>) -> Response<Body> {
    let builder = Response::builder().header("Stripe-Rate-Limited-Reason", reason);
    let text = limits::too_many().text(request.namespace, &request.id);
    build(429, text, &request.id, builder)
}

/// Answers a request under a fault.
async fn run_with_fault(
    engine: &Engine,
    peer: &Peer,
    request: &Request<'_>,
    fault: Option<FaultKind>,
) -> Response<Body> {
    let refuse = |error: ApiError| refuse(request.namespace, &error, &request.id);
    match fault {
        Some(FaultKind::TimeoutBeforeCommit) => return drop_connection(peer, End::Close),
        Some(FaultKind::Reset) => return drop_connection(peer, End::Reset),
        Some(FaultKind::Error429) => return refuse(limits::too_many()),
        Some(FaultKind::Error401) => return refuse(identity::expired_key()),
        Some(FaultKind::Error403) => return refuse(identity::no_permission()),
        Some(FaultKind::LockTimeout) => return refuse(limits::lock_timeout()),
        Some(FaultKind::Slow { ms }) => {
            let slow = run::Injection::Delay(Duration::from_millis(ms));
            return run::run(engine, request, slow).await;
        }
        _ => {}
    }
    let injection = match fault {
        Some(FaultKind::Error500) => run::Injection::Error(ApiError::unexpected()),
        Some(FaultKind::Error402) => run::Injection::Error(declined()),
        Some(FaultKind::CommitThenError500) => run::Injection::ErrorAfterCommit,
        _ => run::Injection::None,
    };
    let answer = run::run(engine, request, injection).await;
    match fault {
        Some(FaultKind::CommitThenTimeout) => drop_connection(peer, End::Close),
        _ => answer,
    }
}

fn drop_connection(peer: &Peer, how: End) -> Response<Body> {
    peer.drop_connection(how);
    Response::new(Body::empty())
}

/// A request's parameters: query and body together, or in `/v2` the JSON body of a POST alone.
async fn form(
    namespace: Namespace,
    method: &Method,
    uri: &Uri,
    content_type: Option<&str>,
    body: Result<Bytes, BytesRejection>,
) -> Result<String, ApiError> {
    let is_upload = method == Method::POST && uri.path() == multipart::PATH;
    let body = body
        .ok()
        .filter(|body| is_upload || body.len() <= MAX_BODY)
        .ok_or_else(|| {
            ApiError::new(
                413,
                "invalid_request_error",
                "The request body is too large.",
            )
        })?;
    if is_upload {
        return multipart::form(content_type, body).await;
    }
    let query = uri.query().unwrap_or_default();
    if method != Method::POST || (body.is_empty() && namespace == Namespace::V1) {
        return Ok(query.to_owned());
    }
    let wanted = match namespace {
        Namespace::V1 => "application/x-www-form-urlencoded",
        Namespace::V2 => "application/json",
    };
    let kind = content_type.unwrap_or(wanted);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case(wanted) {
        return Err(ApiError::invalid(format!(
            "Invalid request (check that your POST content type is {wanted}). If you have any questions, we can help at https://support.stripe.com/.",
        )));
    }
    let body = std::str::from_utf8(&body)
        .map_err(|_| ApiError::invalid("The request body isn't valid UTF-8."))?;
    Ok(if query.is_empty() || namespace == Namespace::V2 {
        body.to_owned()
    } else {
        format!("{query}&{body}")
    })
}

/// The card error that a fault asks for.
fn declined() -> ApiError {
    ApiError {
        extra: Some(serde_json::json!({ "decline_code": "generic_decline" })),
        ..ApiError::new(402, "card_error", "Your card was declined.").code("card_declined")
    }
}

fn refuse(namespace: Namespace, error: &ApiError, request_id: &str) -> Response<Body> {
    build(
        error.status,
        error.text(namespace, request_id),
        request_id,
        Response::builder(),
    )
}

fn build(status: u16, body: String, request_id: &str, builder: Builder) -> Response<Body> {
    // Without the header Stripe leaves the decision to the client.
    let builder = match status {
        409 | 429 => builder.header("Stripe-Should-Retry", "true"),
        _ => builder,
    };
    builder
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("Request-Id", request_id)
        .header("Stripe-Version", API_VERSION)
        .body(Body::from(body))
        .unwrap_or_else(|_| Response::new(Body::empty()))
}
