//! Souk: a self-hosted marketplace backend on Stripe Connect. See ARCHITECTURE.md for the rooms and their rules.

pub mod admin;
pub mod app;
pub mod audit;
pub mod catalog;
pub mod client_secrets;
pub mod clock;
pub mod config;
pub mod countries;
pub mod customers;
pub mod db;
pub mod doctor;
pub mod error;
pub mod findings;
pub mod http;
pub mod identity;
pub mod ids;
pub mod installation;
pub mod jobs;
pub mod ledger;
pub mod mailer;
pub mod metrics;
pub mod money;
pub mod notify;
pub mod orders;
pub mod payments;
pub mod reconciliation;
pub mod sellers;
pub mod stripe;
pub mod subscriptions;
pub mod webhooks;
pub mod worker;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::app::{App, Parts};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::mailer::Mailer;
use crate::stripe::Stripe;
use crate::webhooks::Intake;

/// How long a stop waits for running requests and jobs.
const DRAIN: Duration = Duration::from_secs(10);

/// Connects and migrates the database and puts the server's parts together. The settings must hold a signing key.
///
/// # Errors
/// [`Error::WrongDatabase`] where the database holds another kind of money than the settings ask for.
pub async fn assemble(config: Config, clock: Clock) -> Result<App> {
    let db = Db::connect(&config.database_url, clock.clone()).await?;
    db.migrate().await?;
    installation::open(&db, config.mode()).await?;
    for caution in config.cautions() {
        tracing::warn!("{caution}");
    }
    let stripe = Stripe::new(&config)?;
    if let Some(account) = installation::platform_account(&db.read).await? {
        stripe.know_platform(account);
    }
    let mailer = Mailer::new(&config)?;
    Ok(App::new(Parts {
        db,
        stripe,
        clock,
        config,
        mailer,
    }))
}

/// All routes.
pub fn router(app: App, intake: Intake) -> Router {
    Router::new()
        .merge(identity::routes::router())
        .merge(sellers::routes::router())
        .merge(catalog::routes::router())
        .merge(catalog::prices::routes::router())
        .merge(customers::routes::router())
        .merge(orders::routes::router())
        .merge(orders::shipments::routes::router())
        .merge(orders::notes::routes::router())
        .merge(orders::files::routes::router())
        .merge(payments::checkout::routes::router())
        .merge(payments::intents::routes::router())
        .merge(payments::invoices::routes::router())
        .merge(payments::setups::routes::router())
        .merge(payments::off_session::routes::router())
        .merge(payments::refunds::routes::router())
        .merge(payments::disputes::routes::router())
        .merge(payments::invoices::verifying::router())
        .merge(subscriptions::routes::router())
        .merge(subscriptions::portal::routes::router())
        .merge(ledger::routes::router())
        .merge(findings::routes::router())
        .merge(admin::routes::router())
        .merge(doctor::routes::router())
        .merge(http::public::router())
        .layer(DefaultBodyLimit::max(http::BODY_LIMIT))
        .layer((
            axum::middleware::from_fn_with_state(app.clone(), findings::stripe_key::layer),
            axum::middleware::from_fn(http::retry_contention::layer),
        ))
        .fallback(async || Error::NoRoute)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(cors(&app.config))
        .merge(webhooks::routes::router(app.clone(), intake))
        // As one, since each layer of a router's costs a request two boxes.
        .layer((
            axum::middleware::from_fn(http::headers::layer),
            CatchPanicLayer::custom(http::headers::panicked),
        ))
        .with_state(app)
}

/// Storefronts on the allowed origins may call the API from a browser.
fn cors(config: &Config) -> CorsLayer {
    let origins = config
        .redirect_origins
        .iter()
        .filter_map(|origin| HeaderValue::from_str(origin).ok());
    let names = [
        "guest-token",
        "idempotency-key",
        "order-secret",
        "x-request-id",
    ]
    .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(
            [header::AUTHORIZATION, header::CONTENT_TYPE]
                .into_iter()
                .chain(names.clone())
                .collect::<Vec<_>>(),
        )
        .expose_headers(
            ["x-request-id", "idempotent-replayed", "retry-after"].map(HeaderName::from_static),
        )
}

/// A process at work: a server with its committer, a worker, or both.
pub struct Running {
    /// Its parts.
    pub app: App,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    platform: JoinHandle<Result<()>>,
}

/// Serves on a listener, and does the jobs too, unless the settings leave them to other processes.
pub fn run(app: App, listener: TcpListener) -> Running {
    let does_jobs = app.config.worker;
    let mut running = Running::new(app);
    let (app, drained) = (running.app.clone(), running.stop.clone());
    let (intake, committer) = Intake::start(app.clone());
    let service = router(app, intake).into_make_service_with_connect_info::<SocketAddr>();
    let server = async move {
        let served =
            axum::serve(listener, service).with_graceful_shutdown(drained.cancelled_owned());
        if let Err(e) = served.await {
            tracing::error!(error = %e, "the server ended");
        }
    };
    // The committer ends once the last request that could reach it is answered.
    running.tasks.extend([tokio::spawn(server), committer]);
    if does_jobs {
        running.do_jobs();
    }
    running
}

/// Does the jobs and nothing else, beside servers with `WORKER=false`.
pub fn work(app: App) -> Running {
    let mut running = Running::new(app);
    running.do_jobs();
    running
}

impl Running {
    fn new(app: App) -> Self {
        let platform = tokio::spawn(installation::check_platform(app.clone()));
        Self {
            app,
            stop: CancellationToken::new(),
            tasks: Vec::new(),
            platform,
        }
    }

    /// Waits until the process must stop, because Stripe said that the key is another platform's than the database. It
    /// waits for ever where that never happens.
    pub async fn refused(&mut self) -> Error {
        match (&mut self.platform).await {
            Ok(Err(error)) => error,
            _ => std::future::pending().await,
        }
    }

    fn do_jobs(&mut self) {
        let worker = worker::run(self.app.clone(), self.stop.clone());
        self.tasks.push(tokio::spawn(worker));
    }

    /// Serves the metrics.
    pub fn tell_prometheus(&mut self, exporter: metrics::Exporter) {
        let (db, clock) = (self.app.db.clone(), self.app.clock.clone());
        let told = exporter.serve(db, clock, self.stop.clone());
        self.tasks.push(tokio::spawn(told));
    }

    /// Stops accepting, answers running requests, lets running jobs end, and closes the database. Work that isn't done
    /// within ten seconds is left to the next start: it is all in the database.
    pub async fn stop(self) {
        self.stop.cancel();
        self.platform.abort();
        let drained = async {
            for task in self.tasks {
                if let Err(e) = task.await {
                    tracing::error!(error = %e, "a part of the server had crashed");
                }
            }
        };
        if tokio::time::timeout(DRAIN, drained).await.is_err() {
            tracing::warn!("not everything was finished in time; the next start goes on with it");
        }
        if let Err(e) = self.app.db.close().await {
            tracing::warn!(error = %e, "the database did not close cleanly");
        }
    }
}
