//! What a run is to go through.

use std::time::Duration;

use souk_simulator::FaultKind;

/// What is done to the servers and databases meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disruption {
    None,
    /// `kill -9` every 0.3 to 2 seconds, so often.
    Kills(u32),
    /// PostgreSQL crashes and comes back, so often.
    PostgresCrashes(u32),
    /// Another program holds SQLite's write lock for 17 seconds, so often.
    SqliteBusy(u32),
    /// The disk of the database is full for a while, so often.
    DiskFull(u32),
    /// One replica is stopped past its lease, then goes on.
    Pause,
    /// The replicas are restarted in turn, so often.
    Rolling(u32),
    /// Stripe is slow while clocks are wrong, and each replica is asked which signatures it takes.
    Clocks,
}

/// A run: who comes, what the network does to events, what Stripe answers, what happens to the servers.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// Checkouts that are opened, at least.
    pub sales: u32,
    /// Buyers at a time.
    pub buyers: usize,
    pub products: u32,
    /// Of each product.
    pub stock: u32,
    /// The share of checkouts with a second line, of two pieces.
    pub carts: f64,
    /// All checkouts are opened before the first is paid.
    pub pile: bool,
    /// The share that verifies, twice, the moment it has paid.
    pub verify: f64,
    /// The share that never pays, and about which somebody lies in three signed events.
    pub lies: f64,
    /// The share with an event whose effect must fail.
    pub poison: f64,
    /// The share that the seller gives money back to.
    pub refunds: f64,
    /// Sessions whose making is never answered.
    pub ghosts: u32,
    pub copies: u32,
    pub lost: f64,
    pub shuffle: Duration,
    /// What Stripe answers to the share given of requests to refund: each kind to that share.
    pub stripe: Vec<(FaultKind, f64)>,
    pub replicas: usize,
    /// How wrong each replica's clock is, in seconds; none given: all are right. Buyers and sellers then come to the first,
    /// whose clock is right.
    pub clocks: Vec<i64>,
    /// All events are held back until the last buyer has paid, and then delivered, so many at a time.
    pub flood: Option<usize>,
    pub disruption: Disruption,
    /// Whether an admin retries the jobs that were given up. Stripe's faults are over by then.
    pub admin_retries: bool,
    /// How long a silent worker keeps its jobs, in seconds.
    pub lease: u32,
    /// How long all that is left to do may take in the end.
    pub patience: Duration,
}

/// The lease of a run that sits it out. Not shorter, since a busy machine must get to renew it.
pub const SHORT_LEASE: u32 = 4;

impl Plan {
    /// Nothing disrupted, with a little of everything that buyers and sellers do.
    pub fn quiet(seed: u64, sales: u32) -> Self {
        Self {
            seed,
            sales,
            buyers: 8,
            products: 6,
            stock: sales,
            carts: 0.3,
            pile: false,
            verify: 0.3,
            lies: 0.1,
            poison: 0.0,
            refunds: 0.1,
            ghosts: 0,
            copies: 2,
            lost: 0.0,
            shuffle: Duration::from_millis(300),
            stripe: Vec::new(),
            lease: 60,
            patience: Duration::from_secs(240),
            replicas: 1,
            clocks: Vec::new(),
            flood: None,
            disruption: Disruption::None,
            admin_retries: false,
        }
    }
}
