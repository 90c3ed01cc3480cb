//! The plan of a scenario.

use std::time::Duration;

use souk_simulator::FaultKind;

use super::lives::Lives;
use super::renewals::Renewals;

/// What is done to the servers and databases while buyers buy.
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

/// Who buys, what the network does to events, what Stripe answers, what happens to the servers.
#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    /// The least number of checkouts that are opened.
    pub sales: u32,
    /// Buyers at a time.
    pub buyers: usize,
    pub products: u32,
    /// Units of each product.
    pub stock: u32,
    /// The share of checkouts with a second line, of two pieces.
    pub two_lines: f64,
    /// The share of checkouts that are paid by an intent, on a page of the shop's own.
    pub intents: f64,
    /// The share of checkouts whose money is only held until the seller captures it.
    pub manual: f64,
    /// All checkouts are opened before the first is paid.
    pub pay_last: bool,
    /// The share of buyers who verify, twice, the moment they have paid.
    pub verify: f64,
    /// The share of buyers who never pay, and of whom three forged events each say that they did.
    pub forged: f64,
    /// The share of payments with another event whose effect must fail.
    pub poison: f64,
    /// The share of payments that the seller refunds.
    pub refunds: f64,
    /// The share of payments that the buyer disputes, or has the bank ask about.
    pub disputes: f64,
    /// Sessions whose creation Stripe never answers.
    pub unanswered: u32,
    pub copies: u32,
    pub lost: f64,
    pub shuffle: Duration,
    /// How Stripe fails requests about refunds, captures and releases, and answers to disputes, each fault for a share of them.
    pub stripe: Vec<(FaultKind, f64)>,
    pub replicas: usize,
    /// How wrong each replica's clock is, in seconds; none given: all are right. Buyers and sellers then use the first replica,
    /// whose clock is right.
    pub clocks: Vec<i64>,
    /// All events are held back until the last buyer has paid, and then delivered, so many at a time.
    pub flood: Option<usize>,
    pub disruption: Disruption,
    /// Lives of sellers are played in place of all the other fields but the seed.
    pub lives: Option<Lives>,
    /// Subscriptions are renewed in place of the checkouts.
    pub renewals: Option<Renewals>,
    /// Whether an admin retries the jobs that were given up. Stripe's faults are over by then.
    pub admin_retries: bool,
    /// How long a silent worker keeps its jobs, in seconds.
    pub lease: u32,
    /// How long unfinished jobs and events may take in the end.
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
            two_lines: 0.3,
            intents: 0.3,
            manual: 0.25,
            pay_last: false,
            verify: 0.3,
            forged: 0.1,
            poison: 0.0,
            refunds: 0.1,
            disputes: 0.0,
            unanswered: 0,
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
            lives: None,
            renewals: None,
            admin_retries: false,
        }
    }
}
