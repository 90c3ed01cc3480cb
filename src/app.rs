//! The shared parts of the server, which every handler and job is given.

use std::ops::Deref;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::mailer::Mailer;
use crate::stripe::Stripe;

/// A shared handle to the server's parts. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

impl App {
    /// Wraps these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The server's parts.
pub struct Parts {
    /// The database.
    pub db: Db,
    /// Stripe, or the simulator.
    pub stripe: Stripe,
    /// The time.
    pub clock: Clock,
    /// The settings.
    pub config: Config,
    /// Where mail goes.
    pub mailer: Mailer,
}
