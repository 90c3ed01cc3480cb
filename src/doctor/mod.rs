//! What an operator may have got wrong: a check for each, with what to do. Nothing here changes anything, except that an event
//! destination is pinged.

mod at_stripe;
mod database;
mod doors;
mod endpoints;
pub mod routes;
mod settings;

use std::time::Duration;

use serde::Serialize;

use crate::app::App;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::mailer::Mailer;
use crate::stripe::Stripe;
use crate::stripe::requests::accounts;
use crate::stripe::views::AccountView;

/// How long one check may take before it counts as failed.
const PATIENCE: Duration = Duration::from_secs(5);

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As it should be.
    Ok,
    /// It could not be looked at, because of another check that failed or because nobody wanted it.
    Skipped,
    /// It works, and somebody should look at it.
    Warning,
    /// It doesn't work.
    Failed,
}

/// A check and how it came out.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Such as `webhook_endpoint_connect`.
    pub name: &'static str,
    /// How it came out.
    pub state: State,
    /// What was found.
    pub message: String,
    /// What to do. None where there is nothing.
    pub action: Option<String>,
}

impl Check {
    /// As it should be.
    pub fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            name,
            state: State::Ok,
            message: message.into(),
            action: None,
        }
    }

    fn skipped(name: &'static str, message: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            ..Self::ok(name, message)
        }
    }

    fn warning(name: &'static str, message: impl Into<String>, action: impl Into<String>) -> Self {
        Self {
            state: State::Warning,
            action: Some(action.into()),
            ..Self::ok(name, message)
        }
    }

    /// A setting that the server would refuse to start with, or anything else that doesn't work.
    pub fn failed(
        name: &'static str,
        message: impl Into<String>,
        action: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            ..Self::warning(name, message, action)
        }
    }
}

/// The worst of the checks. Skipped ones don't count.
pub fn worst(checks: &[Check]) -> State {
    let states = checks.iter().map(|check| check.state);
    let counted = states.filter(|state| *state != State::Skipped);
    counted.max().unwrap_or(State::Ok)
}

/// What is examined: an installation, whose server need not run.
pub struct Subject {
    config: Config,
    clock: Clock,
    stripe: Stripe,
    mailer: Mailer,
    db: Result<Db, String>,
}

impl From<&App> for Subject {
    fn from(app: &App) -> Self {
        Self {
            config: app.config.clone(),
            clock: app.clock.clone(),
            stripe: app.stripe.clone(),
            mailer: app.mailer.clone(),
            db: Ok(app.db.clone()),
        }
    }
}

impl Subject {
    /// With these settings. The database is connected to, but not migrated, and an SQLite file isn't made.
    ///
    /// # Errors
    /// `MAIL_FROM` or `SMTP_URL` can't be used, or the HTTP client could not be built.
    pub async fn open(config: Config, clock: Clock) -> Result<Self> {
        Ok(Self {
            db: database::connect(&config.database_url, clock.clone()).await,
            stripe: Stripe::new(&config)?,
            mailer: Mailer::new(&config)?,
            config,
            clock,
        })
    }

    /// All checks, in an order in which a person would go through them. With `offline` none that needs Stripe.
    pub async fn examine(&self, offline: bool) -> Vec<Check> {
        let mut checks = settings::check(self).await;
        checks.extend(database::check(self).await);
        checks.extend(doors::check(self).await);
        if !offline {
            checks.extend(at_stripe::check(self).await);
        }
        checks
    }

    /// The country of the platform's own account: ISO 3166-1 alpha-2, upper case.
    ///
    /// # Errors
    /// Stripe doesn't say.
    pub async fn platform_country(&self) -> Result<String> {
        let own: AccountView =
            within(self.stripe.platform().get(&accounts::retrieve_own())).await?;
        own.country
            .ok_or_else(|| Error::internal("Stripe doesn't say in which country the platform is"))
    }

    /// How many events of a connected account came to the platform's endpoint, and how many to the Connect endpoint.
    ///
    /// # Errors
    /// The database can't be reached, or failed.
    pub async fn deliveries_of(&self, account: &str) -> Result<(u64, u64)> {
        let db = self.db.as_ref().map_err(|why| Error::Busy(why.clone()))?;
        within(database::deliveries_of(db, account)).await
    }

    /// Closes the database's connections.
    pub async fn close(self) {
        if let Ok(db) = self.db
            && let Err(e) = db.close().await
        {
            tracing::warn!(error = %e, "the database did not close cleanly");
        }
    }
}

/// Waits for a check for as long as there is patience.
async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(Error::Busy(format!(
            "no answer in {} s",
            PATIENCE.as_secs()
        ))),
    }
}
