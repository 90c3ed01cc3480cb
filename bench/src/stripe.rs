//! Stripe, as far as a measurement asks it: it knows every session that the events name, and opens new ones. A silent one
//! takes requests and answers none, so that the worker waits on its first requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::Failure;
use crate::events::{AMOUNT, Events, prefix};

/// The least and most milliseconds that Stripe takes to open a session. They vary, or requests that came together would
/// come back together.
const OPENING: (u64, u64) = (200, 400);

/// The stand-in for one round. It ends when it is dropped.
pub struct Stripe {
    /// `http://127.0.0.1:PORT`.
    pub base_url: String,
    speaks: watch::Sender<bool>,
    unknown: Arc<AtomicU64>,
    server: JoinHandle<()>,
}

#[derive(Clone)]
struct Shared {
    events: Arc<Events>,
    speaks: watch::Receiver<bool>,
    unknown: Arc<AtomicU64>,
    opened: Arc<AtomicU64>,
    telling: Duration,
}

impl Stripe {
    /// Listens on a free port of loopback. When it does not speak, it answers only after [`Stripe::speak`]. To tell of a
    /// session takes it some time.
    pub async fn start(speaks: bool, telling: Duration) -> Result<Self, Failure> {
        let (speaks, listening) = watch::channel(speaks);
        let unknown = Arc::new(AtomicU64::new(0));
        let shared = Shared {
            events: Arc::new(Events::new()?),
            speaks: listening,
            unknown: unknown.clone(),
            opened: Arc::default(),
            telling,
        };
        let router = Router::new()
            .route("/v1/account", get(platform))
            .route("/v1/checkout/sessions", post(open))
            .route("/v1/checkout/sessions/{id}", get(session))
            .route("/v1/refunds", get(nothing))
            .route("/v1/balance", get(no_balance))
            .route("/v1/balance_transactions", get(nothing))
            .route("/v1/events", get(nothing))
            .route("/v2/core/accounts/{id}", get(account))
            .route("/v2/core/events", get(no_page))
            .fallback(no_such)
            .layer(from_fn_with_state(shared.clone(), once_it_speaks))
            .with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let server = tokio::spawn(async move {
            if let Err(e) = axum::serve(listener, router).await {
                eprintln!("souk-bench: the stand-in for Stripe ended: {e}");
            }
        });
        Ok(Self {
            base_url,
            speaks,
            unknown,
            server,
        })
    }

    /// Answers everything from now on, requests that wait included.
    pub fn speak(&self) {
        self.speaks.send_replace(true);
    }

    /// An error: it was asked something that it has no answer for.
    pub fn was_understood(&self) -> Result<(), Failure> {
        match self.unknown.load(Ordering::Relaxed) {
            0 => Ok(()),
            _ => Err("the worker asked Stripe for what the bench does not answer: teach bench/src/stripe.rs".into()),
        }
    }
}

impl Drop for Stripe {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn once_it_speaks(
    State(mut shared): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let spoken = shared.speaks.wait_for(|speaks| *speaks).await.is_ok();
    if spoken {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::SERVICE_UNAVAILABLE)
    }
}

/// The number at the end of an id of the prepared database.
fn index(id: &str, prefix: &str) -> Result<u32, StatusCode> {
    let number = id.strip_prefix(prefix).and_then(|text| text.parse().ok());
    let index = number.and_then(|number: u32| number.checked_sub(crate::events::number(0)));
    index.ok_or(StatusCode::NOT_FOUND)
}

/// Whose key it is, which each start of a server compares.
async fn platform() -> Json<Value> {
    Json(json!({ "id": "acct_bench_platform", "object": "account" }))
}

async fn session(
    State(shared): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    sleep(shared.telling).await;
    let index = index(&id, prefix::SESSION)?;
    let mut session = shared.events.session(index);
    session["payment_intent"] = json!({
        "id": session["payment_intent"],
        "object": "payment_intent",
        "amount": AMOUNT,
        "amount_received": AMOUNT,
        "currency": "eur",
        "latest_charge": {
            "id": crate::events::id(prefix::CHARGE, index),
            "object": "charge",
            "amount": AMOUNT,
            "amount_refunded": 0,
            "disputed": false,
        },
        "livemode": false,
        "status": "succeeded",
    });
    Ok(Json(session))
}

/// The seller's account, on which everything is active.
async fn account(Path(id): Path<String>) -> Json<Value> {
    let active = json!({ "status": "active", "status_details": [] });
    Json(json!({
        "id": id,
        "object": "v2.core.account",
        "applied_configurations": ["merchant"],
        "closed": false,
        "dashboard": "full",
        "configuration": { "merchant": { "capabilities": {
            "card_payments": active,
            "stripe_balance": { "payouts": active },
        } } },
        "identity": { "country": "de" },
        "defaults": { "responsibilities": {
            "fees_collector": "stripe",
            "losses_collector": "stripe",
        } },
        "requirements": null,
        "livemode": false,
    }))
}

async fn open(State(shared): State<Shared>) -> Json<Value> {
    let nth = shared.opened.fetch_add(1, Ordering::Relaxed);
    // Each of them once, in an order that nobody knows: 73 and the number of them have no divisor in common.
    let (least, most) = OPENING;
    sleep(Duration::from_millis(least + nth * 73 % (most - least + 1))).await;
    let mut session = shared.events.session(0);
    session["id"] = format!("cs_test_opened{nth}").into();
    session["status"] = "open".into();
    session["payment_status"] = "unpaid".into();
    session["payment_intent"] = Value::Null;
    session["url"] = format!("https://checkout.stripe.example/{nth}").into();
    Json(session)
}

async fn nothing(request: Request) -> Json<Value> {
    let url = request.uri().path();
    Json(json!({ "object": "list", "url": url, "has_more": false, "data": [] }))
}

/// Of a book whose list of balance transactions is empty.
async fn no_balance() -> Json<Value> {
    Json(json!({ "object": "balance", "livemode": false, "available": [], "pending": [] }))
}

/// An empty list of `/v2`.
async fn no_page() -> Json<Value> {
    Json(json!({ "data": [], "next_page_url": null, "previous_page_url": null }))
}

async fn no_such(State(shared): State<Shared>, request: Request) -> (StatusCode, Json<Value>) {
    shared.unknown.fetch_add(1, Ordering::Relaxed);
    let message = format!("The bench has no answer for {}.", request.uri().path());
    let error = json!({ "error": { "type": "invalid_request_error", "message": message } });
    (StatusCode::NOT_FOUND, Json(error))
}
