//! `stripe listen`: the session and the websocket over which the official Stripe CLI hears of events.
//!
//! The protocol is the one that the CLI's own source speaks (`pkg/stripeauth`, `pkg/websocket` of
//! <https://github.com/stripe/stripe-cli>); Stripe documents the command only.

use std::{collections::HashSet, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{
        Path, State, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use crate::{
    Simulator,
    checkout::pay::{self, Method, Outcome, Payment},
    clock::wall,
    delivery::sign,
    engine::Core,
    error::ApiError,
    events::API_VERSION,
    form::Node,
    server,
    store::{Kind, Record},
    webhooks,
};

const PROTOCOL: &str = "stripecli-devproxy-v1";

/// How long an event may wait before it is sent.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Who may open a websocket, until the process ends.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    ids: HashSet<String>,
    /// Events that were asked for once more, by `stripe events resend`.
    again: Vec<Arc<Record>>,
}

impl Listeners {
    fn admit(&mut self, seed: u64) -> String {
        let id = format!("cliws_{seed}_{}", self.ids.len() + 1);
        self.ids.insert(id.clone());
        id
    }

    pub fn send_again(&mut self, event: Arc<Record>) {
        self.again.push(event);
    }
}

pub(crate) fn router() -> Router<Simulator> {
    Router::new()
        .route("/v1/stripecli/sessions", post(session))
        .route("/v1/events/{id}/retry", post(resend))
        .route("/v1/payment_pages/{id}", get(page))
        .route("/v1/payment_pages/{id}/confirm", post(pay_page))
        .route("/_simulator/listen", get(connect))
}

/// One secret for all who listen, as Stripe gives a device the same one each time.
fn secret(core: &Core) -> String {
    core.store.derive("whsec_", 64)
}

async fn session(State(simulator): State<Simulator>, headers: HeaderMap) -> Response {
    if let Err(error) = authenticate(&headers) {
        return error.into_response();
    }
    let base = simulator.base_url();
    let mut core = simulator.engine().lock();
    let seed = core.store.seed;
    let id = core.listeners.admit(seed);
    Json(json!({
        "default_version": API_VERSION,
        "device_token": id,
        "display_connect_filter_warning": false,
        "latest_version": API_VERSION,
        "reconnect_delay": 3600,
        "secret": secret(&core),
        "websocket_authorized_feature": "webhooks",
        "websocket_id": id,
        "websocket_url": format!("{}/_simulator/listen", base.replacen("http", "ws", 1)),
    }))
    .into_response()
}

/// `stripe events resend`: to who listens, or to the endpoint that is named.
async fn resend(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, ApiError> {
    authenticate(&headers)?;
    let form = Node::parse(&body)?;
    let engine = simulator.engine();
    let event = engine
        .lock()
        .store
        .get(&id)
        .filter(|r| r.kind == Kind::Event)
        .cloned()
        .ok_or_else(|| ApiError::missing("event", &id, "id"))?;
    match form.text("webhook_endpoint") {
        Some(endpoint) => engine.work(|tx| webhooks::send_again(tx, &id, endpoint))?,
        None => engine.lock().listeners.send_again(event.clone()),
    }
    Ok(Json(event.shown()))
}

/// The hosted page of a session, as `stripe trigger` looks at it.
async fn page(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    authenticate(&headers)?;
    let core = simulator.engine().lock();
    let session = core.store.get(&id).filter(|r| r.kind == Kind::Session);
    session
        .map(|session| Json(session.value.clone()))
        .ok_or_else(|| ApiError::missing("checkout.session", &id, "session"))
}

/// `stripe trigger` pays a session without a browser; a debit is decided at once.
async fn pay_page(
    State(simulator): State<Simulator>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Result<Json<Value>, ApiError> {
    authenticate(&headers)?;
    let form = Node::parse(&body)?;
    let paid = simulator.engine().work(|tx| {
        let session = pay::session(tx, &id)?;
        let expected = form.int("expected_amount");
        if expected.is_some_and(|amount| amount != session.int("amount_total")) {
            return Err(
                ApiError::invalid("The expected amount is not what the session comes to.")
                    .param("expected_amount"),
            );
        }
        let name = form
            .text("payment_method")
            .ok_or_else(|| ApiError::parameter_missing("payment_method"))?;
        let method = tx
            .find(Kind::PaymentMethod, &session.owner, name)
            .ok_or_else(|| ApiError::missing("PaymentMethod", name, "payment_method"))?;
        let details = &method.value["billing_details"];
        let text = |field: &str| details[field].as_str().map(str::to_owned);
        let debit = method.text("type") == "sepa_debit";
        let payment = Payment {
            method: if debit {
                Method::SepaDebit
            } else {
                Method::Card
            },
            card: method.hidden["card"].as_str().map(str::to_owned),
            email: text("email"),
            name: text("name"),
            ..Payment::default()
        };
        if let Outcome::Declined { code, message } = pay::pay(tx, &id, &payment)? {
            let error = ApiError::new(402, "card_error", message).code("card_declined");
            return Err(error.with("decline_code", json!(code)).keeping_work());
        }
        if debit {
            let fails = method.hidden["fails"] == json!(true) || of_failing_trigger(&method);
            pay::settle(tx, &id, !fails)?;
        }
        pay::session(tx, &id)
    })?;
    Ok(Json(paid.value.clone()))
}

/// `stripe trigger checkout.session.async_payment_failed` pays from this account, which for everybody
/// else is one that pays.
fn of_failing_trigger(method: &Record) -> bool {
    let debit = &method.value["sepa_debit"];
    debit["country"] == "IT" && debit["last4"] == "3456"
}

fn authenticate(headers: &HeaderMap) -> Result<(), ApiError> {
    let key = headers.get("authorization").and_then(|v| v.to_str().ok());
    server::authenticate(key).map(drop)
}

async fn connect(
    State(simulator): State<Simulator>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let id = headers.get("websocket-id").and_then(|v| v.to_str().ok());
    let known = id.is_some_and(|id| simulator.engine().lock().listeners.ids.contains(id));
    if !known {
        // The CLI knows this by its words, and asks for a new session.
        let error = ApiError::invalid("Unknown WebSocket ID.");
        return (StatusCode::BAD_REQUEST, Json(error.body("req_listen"))).into_response();
    }
    upgrade
        .protocols([PROTOCOL])
        .on_upgrade(|socket| send_events(simulator, socket))
}

/// Sends every event from now on, of the platform and of its accounts, until the CLI goes.
async fn send_events(simulator: Simulator, mut socket: WebSocket) {
    let mut seen = {
        let core = simulator.engine().lock();
        (core.store.counter, core.listeners.again.len())
    };
    let mut poll = tokio::time::interval(POLL_INTERVAL);
    loop {
        tokio::select! {
            received = socket.recv() => match received {
                // Acknowledgements and what the application answered.
                Some(Ok(Message::Text(text))) => log_response(&text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
            _ = poll.tick() => {
                let frames = frames_since(&simulator.engine().lock(), &mut seen);
                for frame in frames {
                    if socket.send(Message::text(frame)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// The frames of the events since `seen`, oldest first.
fn frames_since(core: &Core, seen: &mut (u64, usize)) -> Vec<String> {
    let mut events: Vec<Arc<Record>> = core.store.since(Kind::Event, seen.0);
    events.sort_by_key(|event| event.seq);
    events.extend(core.listeners.again.iter().skip(seen.1).cloned());
    *seen = (core.store.counter, core.listeners.again.len());
    let secret = secret(core);
    events
        .iter()
        .flat_map(|event| {
            // Once for those who want the account's version, once for `--latest`.
            [Value::Null, json!(API_VERSION)].map(|version| frame(event, &version, &secret))
        })
        .collect()
}

fn frame(event: &Record, version: &Value, secret: &str) -> String {
    let payload = event.sent_as();
    json!({
        "type": "webhook_event",
        "endpoint": { "api_version": version },
        "event_payload": payload,
        "http_headers": {
            "Accept": "*/*; q=0.5, application/xml",
            "Cache-Control": "no-cache",
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": sign(secret, wall(), payload.as_bytes()),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        },
        "webhook_conversation_id": format!("wc_{}", event.id),
        "webhook_id": "we_listen",
    })
    .to_string()
}

fn log_response(text: &str) {
    let message: Value = serde_json::from_str(text).unwrap_or_default();
    if message["type"] == "webhook_response" {
        tracing::debug!(
            url = message["forward_url"].as_str(),
            status = message["status"].as_i64(),
            "stripe listen forwarded an event"
        );
    }
}
