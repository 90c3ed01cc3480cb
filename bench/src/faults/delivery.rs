//! A proxy between Stripe and the webhooks. It accepts every event that the simulator posts, and delivers it late, out of
//! order, several times or never; and it remembers which were acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::rng::{draw, pick};
use crate::Failure;

/// Deliveries under way at a time.
const AT_ONCE: usize = 64;
/// Tries of a delivery. (Stripe goes on for three days.)
const TRIES: u32 = 400;
const PAUSE: Duration = Duration::from_millis(150);

/// How bad the network is.
#[derive(Clone, Copy)]
pub struct Network {
    pub seed: u64,
    /// An event is delivered one to so many times.
    pub copies: u32,
    /// The share of events that is never delivered.
    pub lost: f64,
    /// The longest delay of a delivery.
    pub shuffle: Duration,
    /// Events are held back until `release`, and then delivered so many at a time.
    pub flood: Option<usize>,
    /// Whether replicas refuse signatures as too old or too new, since their clocks are wrong or time has gone on. Another one takes it,
    /// or the next try.
    pub clocks: bool,
}

/// An event to be delivered.
#[derive(Clone)]
pub struct Delivery {
    pub id: String,
    pub connect: bool,
    pub body: Arc<str>,
}

/// What came of the deliveries.
#[derive(Default)]
pub struct DeliveryStats {
    /// How often each event was answered with 2xx.
    pub acknowledged: BTreeMap<String, u32>,
    /// Events that were never delivered.
    pub lost: u32,
    /// Deliveries, by the status of their answer.
    pub answers: BTreeMap<u16, u64>,
    /// Deliveries without an answer: no connection, or one that broke.
    pub broken: u64,
    /// Deliveries that were given up.
    pub given_up: u64,
    /// Deliveries that a wrong clock refused.
    pub refused: u64,
    /// Answers other than 2xx and 503, in the server's words.
    pub unexpected: Vec<String>,
    /// From sending to the answer, of what was answered 2xx and is no poison.
    pub waits: Vec<Duration>,
}

struct Shared {
    network: Network,
    http: reqwest::Client,
    /// The address of Souk.
    souk: SocketAddr,
    /// Of the platform's endpoint, and of the Connect endpoint.
    secrets: Mutex<(String, String)>,
    slots: Semaphore,
    /// Closed while a flood gathers.
    gate: watch::Sender<bool>,
    in_flight: AtomicUsize,
    /// How far the servers' time is ahead, in seconds.
    ahead: AtomicI64,
    stats: Mutex<DeliveryStats>,
}

/// It ends when it is dropped.
pub struct DeliveryProxy {
    /// `http://127.0.0.1:PORT`, where the simulator posts to `/platform` and `/connect`.
    pub base_url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for DeliveryProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl DeliveryProxy {
    /// Starts it between the simulator and `souk`.
    pub async fn start(
        network: Network,
        souk: SocketAddr,
        http: reqwest::Client,
    ) -> Result<Self, Failure> {
        let shared = Arc::new(Shared {
            network,
            http,
            souk,
            secrets: Mutex::default(),
            slots: Semaphore::new(network.flood.unwrap_or(AT_ONCE)),
            gate: watch::Sender::new(true),
            in_flight: AtomicUsize::new(0),
            ahead: AtomicI64::new(0),
            stats: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let endpoints = Router::new()
            .route(
                "/platform",
                post(async |State(s): State<Arc<Shared>>, body: String| s.accept(false, body)),
            )
            .route(
                "/connect",
                post(async |State(s): State<Arc<Shared>>, body: String| s.accept(true, body)),
            )
            .with_state(shared.clone());
        let task = tokio::spawn(async move { drop(axum::serve(listener, endpoints).await) });
        Ok(Self {
            base_url,
            shared,
            task,
        })
    }

    /// Sets what signs for the two endpoints.
    pub fn set_secrets(&self, platform: String, connect: String) {
        *lock(&self.shared.secrets) = (platform, connect);
    }

    /// Delivers an event that Stripe never made, as often and as late as any other.
    pub fn inject(&self, event: &Value) {
        self.shared
            .accept(event["account"].is_string(), event.to_string());
    }

    /// Signs from now on in a time that is so many seconds ahead.
    pub fn set_ahead(&self, seconds: i64) {
        self.shared.ahead.store(seconds, Ordering::SeqCst);
    }

    /// From now on holds events back, if there is to be a flood.
    pub fn hold(&self) {
        self.shared
            .gate
            .send_replace(self.shared.network.flood.is_none());
    }

    /// Delivers whatever was held back.
    pub fn release(&self) {
        self.shared.gate.send_replace(true);
    }

    /// How many deliveries are under way.
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// What came of the deliveries so far.
    pub fn stats(&self) -> MutexGuard<'_, DeliveryStats> {
        lock(&self.shared.stats)
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, connect: bool, body: String) {
        let event: Value = serde_json::from_str(&body).unwrap_or_default();
        let id = event["id"].as_str().unwrap_or_default().to_owned();
        let Network { seed, .. } = self.network;
        if draw(seed, ("lost", &id)) < self.network.lost {
            lock(&self.stats).lost += 1;
            return;
        }
        let delivery = Delivery {
            id,
            connect,
            body: body.into(),
        };
        for copy in 0..=pick(seed, ("copies", &delivery.id), self.network.copies) {
            let late = draw(seed, ("late", &delivery.id, copy));
            let late = self.network.shuffle.mul_f64(late);
            let (shared, delivery) = (self.clone(), delivery.clone());
            self.in_flight.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                tokio::time::sleep(late).await;
                drop(shared.gate.subscribe().wait_for(|open| *open).await);
                shared.deliver(&delivery).await;
                shared.in_flight.fetch_sub(1, Ordering::SeqCst);
            });
        }
    }

    async fn deliver(&self, delivery: &Delivery) {
        for _ in 0..TRIES {
            let taken = match self.slots.acquire().await {
                Ok(_slot) => self.post(delivery).await,
                Err(_) => return,
            };
            if taken {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
        lock(&self.stats).given_up += 1;
    }

    /// Whether it was answered with 2xx.
    async fn post(&self, delivery: &Delivery) -> bool {
        let (path, secret) = {
            let secrets = lock(&self.secrets);
            match delivery.connect {
                true => ("/webhooks/stripe/connect", secrets.1.clone()),
                false => ("/webhooks/stripe", secrets.0.clone()),
            }
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let at = i64::try_from(now.as_secs()).unwrap_or_default();
        let at = at + self.ahead.load(Ordering::SeqCst);
        let start = Instant::now();
        let mut request = self.http.post(format!("http://{}{path}", self.souk));
        if self.network.clocks {
            // A connection stays with its replica, and the next try must be able to reach another one.
            request = request.header("connection", "close");
        }
        let sent = request
            .header("content-type", "application/json; charset=utf-8")
            .header(
                "stripe-signature",
                souk_simulator::sign(&secret, at, delivery.body.as_bytes()),
            )
            .body(delivery.body.to_string())
            .send()
            .await;
        let (status, text) = match sent {
            Ok(answer) => (
                answer.status().as_u16(),
                answer.text().await.unwrap_or_default(),
            ),
            Err(_) => {
                lock(&self.stats).broken += 1;
                return false;
            }
        };
        let mut stats = lock(&self.stats);
        *stats.answers.entry(status).or_default() += 1;
        let good = (200..300).contains(&status);
        if good {
            *stats.acknowledged.entry(delivery.id.clone()).or_default() += 1;
            if !delivery.id.starts_with(super::workload::POISON) {
                stats.waits.push(start.elapsed());
            }
        } else if self.network.clocks && text.contains("timestamp_out_of_tolerance") {
            stats.refused += 1;
        } else if status != 503 && stats.unexpected.len() < 5 {
            stats.unexpected.push(format!("{status}: {text}"));
        }
        good
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
