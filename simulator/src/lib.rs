//! Stripe Connect over HTTP on your own machine.
//!
//! A [`Simulator`] answers Stripe's API (version [`API_VERSION`]) with objects that live: accounts
//! are onboarded on a hosted form, sessions are paid on a hosted page with Stripe's public test
//! cards, money moves through balance transactions into payouts on a clock that can be advanced, and
//! every event is posted, signed, to webhook endpoints. It is one process with its state in memory
//! or in a file, and it makes the network as bad as a test wants it ([`Fault`]).
//!
//! Each library call has a twin in the control API under `/_simulator`.

#![recursion_limit = "256"]

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde::Serialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

mod accounts;
mod api;
mod assumptions;
mod balance;
mod billing;
mod cards;
mod checkout;
mod clock;
mod control;
mod core_events;
mod countries;
mod customers;
mod delivery;
mod due;
mod engine;
mod error;
mod events;
mod faults;
mod fields;
mod files;
mod form;
mod journal;
mod kind;
mod listeners;
mod money;
mod options;
mod oracle;
mod pages;
mod payments;
mod platform;
mod references;
mod request_log;
mod routes;
mod server;
mod shape;
mod store;
mod tokens;
mod transfers;
mod webhooks;

pub use assumptions::{ASSUMPTIONS, Assumption, Assumptions};
pub use clock::ClockMode;
pub use delivery::{DeliveryResult, PendingEvent, sign};
pub use events::API_VERSION;
pub use faults::{Fault, FaultKind};
pub use options::{Deliveries, Error, Options, State};
pub use platform::Platform;
pub use server::limits::RateLimits;

use delivery::DeliveryWorker;
use engine::Engine;
use request_log::RequestLog;

/// Every operation there is, as Stripe's description names it: `POST /v1/refunds`.
pub fn routes() -> impl Iterator<Item = String> {
    routes::all().map(|(method, path, _)| format!("{method} {path}"))
}

/// A webhook endpoint and the secret that signs what it gets.
#[derive(Debug, Clone, Serialize)]
pub struct WebhookEndpoint {
    pub id: String,
    pub secret: String,
    pub url: String,
    /// Whether it gets the events of connected accounts instead of the platform's.
    pub connect: bool,
}

/// A running simulator. Clones are the same one; it stops with [`Simulator::stop`], or with the
/// runtime it was started on.
#[derive(Clone)]
pub struct Simulator {
    engine: Arc<Engine>,
    worker: DeliveryWorker,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator")
            .field("base_url", &self.engine.base_url)
            .finish()
    }
}

impl Simulator {
    /// Opens the state, listens, and serves until stopped.
    ///
    /// # Errors
    /// When the address can't be listened on, or the state file is in use, damaged or unwritable.
    pub async fn start(options: Options) -> Result<Simulator, Error> {
        let listener = TcpListener::bind(options.listen).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let engine = Arc::new(Engine::open(&options, base_url)?);
        let worker = DeliveryWorker::new(engine.clone())?;
        let simulator = Simulator {
            engine,
            worker: worker.clone(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        simulator.tasks.spawn(worker.run(simulator.stop.clone()));
        let stop = simulator.stop.clone();
        let log = options.log.as_deref().map(RequestLog::open).transpose()?;
        let app = server::router(simulator.clone(), log.map(Arc::new))
            .into_make_service_with_connect_info::<server::Peer>();
        let served = axum::serve(server::DroppableListener(listener), app)
            .with_graceful_shutdown(async move { stop.cancelled().await });
        simulator.tasks.spawn(async move {
            if let Err(error) = served.await {
                tracing::error!(%error, "the simulator stopped serving");
            }
        });
        simulator.tasks.close();
        Ok(simulator)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn base_url(&self) -> String {
        self.engine.base_url.clone()
    }

    /// Stops listening, lets requests under way finish for at most two seconds (a client that keeps
    /// its connection open must not hold it up), and frees the state file's lock with the last clone.
    pub async fn stop(&self) {
        self.stop.cancel();
        let patience = std::time::Duration::from_secs(2);
        drop(tokio::time::timeout(patience, self.tasks.wait()).await);
        self.engine.close();
    }

    /// Simulated time in unix seconds.
    pub fn now(&self) -> i64 {
        self.engine.now()
    }

    /// The seconds by which simulated time is ahead of the wall clock, kept up to date. An
    /// application can follow the same time with it. None on a manual clock.
    pub fn ahead(&self) -> Option<Arc<AtomicI64>> {
        self.engine.lock().ahead()
    }

    /// Moves the clock forward and does what falls due on the way, each at its own time: sessions
    /// and account links expire, money becomes available, payouts are made and arrive, asynchronous
    /// methods succeed, deliveries are retried. A negative number does nothing.
    pub async fn advance(&self, seconds: i64) {
        self.engine.advance(seconds);
    }

    /// Finds the platform's endpoint by `name` (kept in its metadata), else creates it for all
    /// events; updates its address. So a restarted application keeps its secret.
    ///
    /// # Panics
    /// When `url` isn't an absolute http(s) URL: that is a mistake in the calling program.
    pub async fn ensure_webhook_endpoint(
        &self,
        name: &str,
        url: &str,
        connect: bool,
    ) -> WebhookEndpoint {
        match self.ensure(name, url, connect) {
            Ok(endpoint) => endpoint,
            Err(error) => panic!("webhook endpoint {name}: {}", error.message),
        }
    }

    /// Finds the platform's destination of thin events of its accounts by `name`, else creates it; updates its address and its
    /// types. So a restarted application keeps its secret.
    ///
    /// # Panics
    /// When `url` isn't an absolute http(s) URL: that is a mistake in the calling program.
    pub async fn ensure_event_destination(
        &self,
        name: &str,
        url: &str,
        types: &[&str],
    ) -> WebhookEndpoint {
        let ensured = self
            .engine
            .work(|tx| webhooks::destinations::ensure(tx, name, url, types));
        match ensured {
            Ok(record) => WebhookEndpoint {
                id: record.id.clone(),
                secret: webhooks::secret(&record),
                url: url.to_owned(),
                connect: true,
            },
            Err(error) => panic!("event destination {name}: {}", error.message),
        }
    }

    pub(crate) fn ensure(
        &self,
        name: &str,
        url: &str,
        connect: bool,
    ) -> Result<WebhookEndpoint, error::ApiError> {
        let record = self
            .engine
            .work(|tx| webhooks::ensure(tx, name, url, connect))?;
        Ok(WebhookEndpoint {
            id: record.id.clone(),
            secret: webhooks::secret(&record),
            url: url.to_owned(),
            connect,
        })
    }

    /// Gives an endpoint a new secret and returns it; for a day the old one signs along.
    /// Nothing when there is no such endpoint.
    pub async fn roll_webhook_secret(&self, endpoint_id: &str) -> Option<String> {
        let rolled = self
            .engine
            .work(|tx| webhooks::roll(tx, endpoint_id, webhooks::overlap()))
            .ok()?;
        rolled["secret"].as_str().map(str::to_owned)
    }

    /// The events that wait, oldest first, once for each endpoint.
    pub async fn pending_events(&self) -> Vec<PendingEvent> {
        self.worker.pending()
    }

    /// Posts every event that waits once, in order, and waits for the answers. What isn't answered
    /// with 2xx goes on waiting.
    pub async fn deliver_pending(&self) -> Vec<DeliveryResult> {
        self.worker.deliver_pending().await
    }

    /// Posts one event `times` times at once to each of its endpoints, delivered before or not.
    pub async fn deliver(&self, event_id: &str, times: usize) -> Vec<DeliveryResult> {
        self.worker.deliver(event_id, times).await
    }

    /// Drops all waiting deliveries for ever, and returns their number.
    pub async fn drop_pending(&self) -> usize {
        self.worker.drop_pending()
    }

    /// Everything that happened, per account: balances, objects by kind, events, deliveries.
    pub async fn oracle(&self) -> Value {
        oracle::report(&self.engine.lock())
    }

    /// Adds a fault; the first that matches a request strikes.
    pub async fn fault(&self, fault: Fault) {
        self.engine.lock().faults.push(fault);
    }

    /// Removes all faults, and restarts the draws behind their rates.
    pub async fn clear_faults(&self) {
        self.engine.lock().faults.clear();
    }

    /// Sets what the platform's account may do at Stripe.
    pub async fn set_platform(&self, platform: Platform) {
        self.engine.lock().platform = platform;
    }

    /// Puts Stripe's rate limits in force, or lifts them.
    pub async fn limit_rates(&self, limits: RateLimits) {
        self.engine.lock().limiter.set(limits);
    }
}
