//! HTTP: the listener whose connections can be cut, and the way every API request takes.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{ConnectInfo, State, connect_info::Connected},
    http::{HeaderMap, Method, Response, Uri, header},
    middleware::from_fn_with_state,
    serve::{IncomingStream, Listener},
};
use base64::Engine as _;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::{
    Simulator,
    api::{self, Call},
    engine::{Engine, KEY_LIFE, Keep},
    error::{Answer, ApiError},
    events::API_VERSION,
    faults::{FaultKind, strike},
    form::Node,
    journal::Saved,
    request_log::{self, RequestLog},
    store::{Asked, Kind, Tx},
    table,
};

/// Bigger bodies than any API request has.
const MAX_BODY: usize = 1 << 20;

/// Lets a request handler end its connection without an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cut(Arc<AtomicU8>);

const CLOSE: u8 = 1;
const RESET: u8 = 2;

impl Connected<IncomingStream<'_, Cuttable>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.io().cut.clone()
    }
}

pub(crate) struct Cuttable(pub TcpListener);

pub(crate) struct Line {
    stream: TcpStream,
    cut: Cut,
}

impl Listener for Cuttable {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let cut = Cut::default();
        (Line { stream, cut }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Line {
    fn cut(&self) -> Option<io::Error> {
        match self.cut.0.load(Ordering::SeqCst) {
            0 => None,
            how => {
                if how == RESET {
                    // Unsent data is thrown away and the peer gets a RST.
                    drop(self.stream.set_zero_linger());
                }
                Some(io::ErrorKind::ConnectionReset.into())
            }
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.cut() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.cut() {
            Some(error) => Poll::Ready(Err(error)),
            None => Pin::new(&mut self.stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

pub(crate) fn router(simulator: Simulator, log: Option<Arc<RequestLog>>) -> Router {
    let router = Router::new()
        .merge(crate::control::router())
        .merge(crate::pages::router())
        .merge(crate::listeners::router())
        .fallback(api)
        .layer(axum::extract::DefaultBodyLimit::max(MAX_BODY))
        .with_state(simulator);
    match log {
        Some(log) => router.layer(from_fn_with_state(log, request_log::record)),
        None => router,
    }
}

/// What a request says about itself.
struct Request<'a> {
    method: &'a str,
    path: &'a str,
    form: &'a str,
    account: Option<&'a str>,
    key: Option<&'a str>,
    id: String,
}

/// Every API request: authentication, faults, idempotency, then the route.
async fn api(
    State(simulator): State<Simulator>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Response<Body> {
    let engine = simulator.engine();
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let id = engine.request_id();
    let Ok(body) = body else {
        let error = ApiError::new(
            413,
            "invalid_request_error",
            "The request body is too large.",
        );
        return refuse(&error, &id);
    };
    let query = uri.query().unwrap_or_default();
    let form = match std::str::from_utf8(&body) {
        Ok(body) if method == Method::POST && query.is_empty() => body.to_owned(),
        Ok(body) if method == Method::POST && !body.is_empty() => format!("{query}&{body}"),
        Ok(_) => query.to_owned(),
        Err(_) => {
            return refuse(
                &ApiError::invalid("The request body isn't valid UTF-8."),
                &id,
            );
        }
    };
    let request = Request {
        method: method.as_str(),
        path: uri.path(),
        form: &form,
        account: text("stripe-account"),
        key: text("idempotency-key").filter(|_| method == Method::POST),
        id,
    };
    if let Err(error) = authenticate(text("authorization")) {
        return refuse(&error, &request.id);
    }
    let fault = strike(
        &mut engine.lock().faults,
        request.method,
        request.path,
        request.account,
    );
    match fault {
        Some(FaultKind::TimeoutBeforeCommit) => return cut.close(CLOSE),
        Some(FaultKind::Reset) => return cut.close(RESET),
        Some(FaultKind::Error429) => {
            let error = ApiError::new(429, "invalid_request_error", "Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits.").code("rate_limit");
            return refuse(&error, &request.id);
        }
        _ => {}
    }
    let slow = match fault {
        Some(FaultKind::Slow { ms }) => Some(Duration::from_millis(ms)),
        _ => None,
    };
    let answer = run(engine, &request, slow, fault == Some(FaultKind::Error500)).await;
    if fault == Some(FaultKind::CommitThenTimeout) {
        return cut.close(CLOSE);
    }
    answer
}

impl Cut {
    /// The answer is never written: the connection ends at the first byte of it.
    fn close(&self, how: u8) -> Response<Body> {
        self.0.store(how, Ordering::SeqCst);
        Response::new(Body::empty())
    }
}

/// Any test key will do; live ones are refused (<https://docs.stripe.com/api/authentication>).
pub(crate) fn authenticate(header: Option<&str>) -> Result<(), ApiError> {
    let refuse = |message: &str| Err(ApiError::new(401, "invalid_request_error", message));
    let missing = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/.";
    let Some((scheme, rest)) = header.and_then(|h| h.split_once(' ')) else {
        return refuse(missing);
    };
    let key = if scheme.eq_ignore_ascii_case("basic") {
        base64::engine::general_purpose::STANDARD
            .decode(rest.trim())
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|pair| pair.split(':').next().map(str::to_owned))
            .unwrap_or_default()
    } else {
        rest.trim().to_owned()
    };
    if key.is_empty() {
        return refuse(missing);
    }
    if key.starts_with("sk_live_") || key.starts_with("rk_live_") {
        return refuse(
            "This is a simulator: it takes test keys only, and a live key must never be sent to it.",
        );
    }
    if key.starts_with("sk_test_") || key.starts_with("rk_test_") {
        return Ok(());
    }
    let shown: String = key.chars().take(4).collect();
    refuse(&format!("Invalid API Key provided: {shown}****"))
}

/// Frees an idempotency key when its request ends, however it ends.
struct InFlight<'a>(&'a Engine, Option<String>);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.1 {
            self.0.lock().in_flight.remove(key);
        }
    }
}

async fn run(
    engine: &Engine,
    request: &Request<'_>,
    slow: Option<Duration>,
    fails: bool,
) -> Response<Body> {
    // A key means one thing on one account (the platform's own key is the empty name).
    let scope = request
        .key
        .map(|key| format!("{}\n{key}", request.account.unwrap_or_default()));
    match claim(engine, request, scope.as_deref()) {
        Ok(None) => {}
        Ok(Some(saved)) => return respond(saved.status, &saved.answer, request, true),
        Err(error) => return refuse(&error, &request.id),
    }
    let flight = InFlight(engine, scope.clone());
    if let Some(time) = slow {
        tokio::time::sleep(time).await;
    }
    let answer = if fails {
        Err(ApiError::new(
            500,
            "api_error",
            "An unknown error occurred.",
        ))
    } else {
        execute(engine, request, scope.as_deref())
    };
    let response = match answer {
        Ok(value) => respond(200, &value, request, false),
        Err(error) => {
            let body = error.body(&request.id);
            if let Some(scope) = scope.filter(|_| error.executed()) {
                let saved = saved(request, error.status, &body, engine.now());
                if let Err(lost) = engine.lock().save_answer(scope, saved) {
                    return refuse(&lost, &request.id);
                }
            }
            respond(error.status, &body, request, false)
        }
    };
    drop(flight);
    response
}

fn saved(request: &Request<'_>, status: u16, answer: &Value, at: i64) -> Saved {
    Saved {
        path: request.path.to_owned(),
        body: request.form.to_owned(),
        status,
        answer: answer.clone(),
        at,
    }
}

/// Looks a key up and holds it; <https://docs.stripe.com/api/idempotent_requests>.
fn claim(
    engine: &Engine,
    request: &Request<'_>,
    scope: Option<&str>,
) -> Result<Option<Saved>, ApiError> {
    let (Some(scope), Some(key)) = (scope, request.key) else {
        return Ok(None);
    };
    if key.len() > 255 {
        return Err(ApiError::invalid(
            "Idempotency keys can have up to 255 characters.",
        ));
    }
    let forgotten = engine.now() - KEY_LIFE;
    let mut core = engine.lock();
    if let Some(saved) = core.saved.get(scope).filter(|saved| saved.at > forgotten) {
        if saved.path != request.path {
            return Err(ApiError::new(
                400,
                "idempotency_error",
                format!(
                    "Keys for idempotent requests can only be used for the same endpoint they were first used for ('{}' vs '{}'). Try using a key other than '{key}' if you meant to execute a different request.",
                    request.path, saved.path
                ),
            ));
        }
        if saved.body != request.form {
            return Err(ApiError::new(
                400,
                "idempotency_error",
                format!(
                    "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
                ),
            ));
        }
        return Ok(Some(saved.clone()));
    }
    if !core.in_flight.insert(scope.to_owned()) {
        return Err(ApiError::new(409, "idempotency_error", "There is currently another in-progress request using this Idempotency Key (that probably means you submitted twice, and the other request is still going through).").code("idempotency_key_in_use"));
    }
    Ok(None)
}

fn execute(engine: &Engine, request: &Request<'_>, scope: Option<&str>) -> Answer {
    let unknown = || {
        ApiError::new(
            404,
            "invalid_request_error",
            format!(
                "Unrecognized request URL ({}: {}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
                request.method, request.path
            ),
        )
    };
    let (entry, ids) = table::find(request.method, request.path).ok_or_else(unknown)?;
    let form = Node::parse(request.form)?;
    entry.shape.check(&form)?;
    let asked = Asked {
        request_id: Some(request.id.clone()),
        idempotency_key: request.key.map(str::to_owned),
    };
    let at = engine.now();
    let keep = |answer: &Value| {
        (
            scope.unwrap_or_default().to_owned(),
            saved(request, 200, answer, at),
        )
    };
    let keep: Option<Keep<'_, Value>> = match scope {
        Some(_) => Some(&keep),
        None => None,
    };
    let answer = engine.lock().transact(asked, keep, |tx| {
        let owner = acting(tx, request.account)?;
        let call = Call {
            args: &form,
            ids,
            owner: &owner,
            path: request.path,
        };
        enter_clock(tx, &call);
        let mut answer = (entry.run)(tx, &call)?;
        api::lists::expand(tx, &form, &mut answer)?;
        Ok(answer)
    });
    if request.method != "GET" {
        engine.wake.notify_one();
    }
    answer
}

/// A request about an object that lives on a test clock happens in that clock's time. A refund
/// moves money alone, which keeps to the account's time.
fn enter_clock(tx: &mut Tx<'_>, call: &Call<'_>) {
    if call.path.starts_with("/v1/refunds") {
        return;
    }
    let named = call
        .args
        .children()
        .iter()
        .filter_map(|(_, node)| match node {
            Node::Leaf(text) => Some(text.as_str()),
            Node::Tree(_) => None,
        });
    let on_clock = |id: &&str| {
        tx.get(id).is_some_and(|r| {
            r.owner == call.owner && (r.clock.is_some() || r.kind == Kind::TestClock)
        })
    };
    let found = call.ids.iter().copied().chain(named).find(on_clock);
    if let Some(id) = found.map(str::to_owned) {
        tx.on_clock_of(&id);
    }
}

/// The account a request acts on: <https://docs.stripe.com/connect/authentication>.
fn acting(tx: &Tx<'_>, account: Option<&str>) -> Result<String, ApiError> {
    match account {
        None => Ok(tx.platform()),
        Some(id) => api::connected(tx, id)
            .map(|r| r.id.clone())
            .ok_or_else(|| api::no_access(id)),
    }
}

fn refuse(error: &ApiError, request_id: &str) -> Response<Body> {
    build(
        error.status,
        &error.body(request_id),
        request_id,
        Response::builder(),
    )
}

fn respond(status: u16, body: &Value, request: &Request<'_>, replayed: bool) -> Response<Body> {
    let mut builder = Response::builder();
    if let Some(key) = request.key {
        builder = builder.header("Idempotency-Key", key);
    }
    if replayed {
        builder = builder.header("Idempotent-Replayed", "true");
    }
    if let Some(account) = request.account {
        builder = builder.header("Stripe-Account", account);
    }
    build(status, body, &request.id, builder)
}

fn build(
    status: u16,
    body: &Value,
    request_id: &str,
    builder: axum::http::response::Builder,
) -> Response<Body> {
    // Where Stripe leaves the decision to the client, the header is absent.
    let builder = match status {
        409 | 429 => builder.header("Stripe-Should-Retry", "true"),
        _ => builder,
    };
    builder
        .status(status)
        .header(header::CONTENT_TYPE, "application/json")
        .header("Request-Id", request_id)
        .header("Stripe-Version", API_VERSION)
        .body(Body::from(body.to_string()))
        .unwrap_or_else(|_| Response::new(Body::empty()))
}
