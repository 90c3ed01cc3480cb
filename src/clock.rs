//! The only clock: the system's time, the simulator's, or one that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use souk_entity::Timestamp;

/// A source of the time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's wall clock.
    System,
    /// The wall clock plus these seconds: the time of a simulator in this process, which anybody may move forward. The
    /// server shares it, so that its sessions, keys and books agree with the simulator's.
    Ahead(Arc<AtomicI64>),
    /// A fixed time, in milliseconds since 1970 UTC, until it is moved.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `at`.
    pub fn fixed(at: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(at.0)))
    }

    /// The present moment.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Ahead(seconds) => {
                let ahead = seconds.load(Ordering::SeqCst).saturating_mul(1000);
                self.wall().plus_ms(ahead)
            }
            _ => self.wall(),
        }
    }

    /// The present moment outside of simulated time. Webhook signatures are stamped with it.
    #[expect(
        clippy::disallowed_methods,
        reason = "this room is where the time is read"
    )]
    pub fn wall(&self) -> Timestamp {
        match self {
            Self::Fixed(at) => Timestamp(at.load(Ordering::SeqCst)),
            Self::System | Self::Ahead(_) => {
                let since = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }

    /// Moves a fixed clock. Other clocks stay as they are.
    pub fn advance_ms(&self, ms: i64) {
        if let Self::Fixed(at) = self {
            at.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

/// Measures durations, independently of the clock.
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Begins now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this room is where the time is read"
    )]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Since it began.
    pub fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}
