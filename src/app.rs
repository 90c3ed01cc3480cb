//! What every handler and job is given.

use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::mailer::Mailer;
use crate::stripe::Stripe;

/// The server's parts. Cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Stripe, or the simulator.
    pub stripe: Stripe,
    /// The time.
    pub clock: Clock,
    /// The settings.
    pub config: Arc<Config>,
    /// Where mail goes.
    pub mailer: Mailer,
}
