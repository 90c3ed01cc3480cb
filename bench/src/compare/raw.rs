//! The raw bound: a server that does only what these events require, as fast as Rust and the database's own driver allow.
//! It checks the signature, reads six fields, and commits whatever waits together. It knows one kind of event and one happy
//! end, and anything unexpected ends it.

mod postgres;
mod sqlite;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::Failure;

/// Events that share a commit at most, as with Souk.
const BATCH: usize = 64;

/// Where to listen, and what to write to.
#[derive(clap::Args)]
pub struct Args {
    #[arg(long)]
    bind: SocketAddr,
    #[arg(long)]
    database_url: String,
    #[arg(long)]
    secret: String,
}

/// The fields of an event that its effect needs.
#[derive(Deserialize)]
struct Event {
    id: String,
    account: String,
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Session,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    payment_intent: String,
    amount_total: i64,
}

struct Delivery {
    event: Event,
    payload: String,
    answer: oneshot::Sender<()>,
}

type Queue = mpsc::Sender<Delivery>;

/// Serves until it is killed.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let (queue, mut deliveries) = mpsc::channel::<Delivery>(1024);
    if args.database_url.starts_with("sqlite") {
        let mut store = sqlite::Store::open(&args.database_url)?;
        std::thread::spawn(move || {
            let mut batch = Vec::with_capacity(BATCH);
            while deliveries.blocking_recv_many(&mut batch, BATCH) > 0 {
                finish(store.commit(&batch), &mut batch);
            }
        });
    } else {
        let mut store = postgres::Store::open(&args.database_url).await?;
        tokio::spawn(async move {
            let mut batch = Vec::with_capacity(BATCH);
            while deliveries.recv_many(&mut batch, BATCH).await > 0 {
                finish(store.commit(&batch).await, &mut batch);
            }
        });
    }
    let shared = Arc::new((queue, args.secret.clone()));
    let routes = Router::new()
        .route("/webhooks/stripe/connect", post(receive))
        .with_state(shared);
    let listener = TcpListener::bind(args.bind).await?;
    Ok(axum::serve(listener, routes).await?)
}

#[expect(clippy::exit, reason = "a bound that does half of it is none")]
fn finish(committed: Result<(), Failure>, batch: &mut Vec<Delivery>) {
    if let Err(e) = committed {
        eprintln!("the raw bound failed: {e}");
        std::process::exit(1);
    }
    for delivery in batch.drain(..) {
        let _hung_up = delivery.answer.send(());
    }
}

async fn receive(
    State(shared): State<Arc<(Queue, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<&'static str, StatusCode> {
    let (queue, secret) = &*shared;
    let header = headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok());
    let signed = header.is_some_and(|header| is_signed(header, &body, secret));
    if !signed {
        return Err(StatusCode::BAD_REQUEST);
    }
    let event = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let payload = String::from_utf8(body.into()).map_err(|_| StatusCode::BAD_REQUEST)?;
    let (answer, committed) = oneshot::channel();
    let delivery = Delivery {
        event,
        payload,
        answer,
    };
    let sent = queue.send(delivery).await;
    sent.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    committed
        .await
        .map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(r#"{"state":"processed"}"#)
}

fn is_signed(header: &str, body: &[u8], secret: &str) -> bool {
    let part = |name: &str| {
        let mut parts = header.split(',');
        parts.find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    };
    let (Some(at), Some(v1)) = (part("t"), part("v1").and_then(|hex| hex::decode(hex).ok())) else {
        return false;
    };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(at.as_bytes());
    mac.update(b".");
    mac.update(body);
    let fresh = at
        .parse::<i64>()
        .is_ok_and(|at| (now_ms() / 1000 - at).abs() <= 300);
    fresh && mac.verify_slice(&v1).is_ok()
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// A new row's id, such as ours are: sortable, and unlike any other of this process.
fn new_id(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}_{:016x}{count:016x}", now_ms())
}

/// Kind, effect key, subject and arguments of the jobs that follow from a payment.
fn jobs_of(payment: &str, order: &str) -> [[String; 4]; 3] {
    let job = |kind: &str, key: String, subject: &str, args: String| {
        [
            kind.to_owned(),
            format!("{kind}:{key}"),
            subject.to_owned(),
            args,
        ]
    };
    [
        job(
            "mail",
            format!("order_paid:{order}"),
            order,
            format!(r#"{{"kind":"mail","what":"order_paid","subject":"{order}"}}"#),
        ),
        job(
            "mail",
            format!("order_paid:{order}:seller"),
            order,
            format!(r#"{{"kind":"mail","what":"order_paid","to":"seller","subject":"{order}"}}"#),
        ),
        job(
            "reread_payment",
            payment.to_owned(),
            payment,
            format!(r#"{{"kind":"reread_payment","payment":"{payment}"}}"#),
        ),
    ]
}

/// The entry of an order's timeline.
fn told(payment: &str, amount: i64) -> String {
    format!(r#"{{"amount_paid":{amount},"payment":"{payment}"}}"#)
}
