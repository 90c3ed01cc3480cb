//! How to start a simulator, and what can go wrong then.

use std::{net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{assumptions::Assumptions, clock::ClockMode, server::limits::RateLimits};

/// How a simulator runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen; port 0 picks a free one.
    pub listen: SocketAddr,
    pub state: State,
    /// The same seed, on a manual clock, gives the same ids.
    pub seed: u64,
    pub clock: ClockMode,
    pub deliveries: Deliveries,
    /// Which of Stripe's rate limits are in force.
    pub rate_limits: RateLimits,
    /// How questions are answered that Stripe's descriptions leave open.
    pub assumptions: Assumptions,
    /// Appends every API request and its answer to this file, a line of JSON each.
    pub log: Option<PathBuf>,
}

impl Default for Options {
    /// A free loopback port, memory, seed 0, the real clock, automatic deliveries, no rate limits.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            state: State::Memory,
            seed: 0,
            clock: ClockMode::Real,
            deliveries: Deliveries::Automatic,
            rate_limits: RateLimits::Off,
            assumptions: Assumptions::default(),
            log: None,
        }
    }
}

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum State {
    Memory,
    /// An append-only file of JSON lines; a restart on it forgets nothing.
    File(PathBuf),
}

/// When and how events are sent to webhook endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deliveries {
    /// At once, retried with growing delays, and as Stripe warns: some of them twice, and out of
    /// order.
    Automatic,
    /// At once, retried with growing delays, each once and in order as far as a network allows.
    Faithful,
    /// Events wait until `deliver_pending()` or the control API sends them.
    Held,
}

/// Why a simulator didn't start, or couldn't keep its state.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the state file {0} is in use by another simulator")]
    InUse(PathBuf),
    #[error("the state file {path} is damaged at line {line}")]
    Damaged { path: PathBuf, line: usize },
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Client(#[from] reqwest::Error),
}
