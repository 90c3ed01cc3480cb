//! What time it is: the wall clock plus what was advanced, or a clock that stands still.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock moves so many seconds at a time at most: what repeats daily happens that often on the way.
pub(crate) const MAX_ADVANCE: i64 = 10 * 366 * 86_400;

/// What time it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockMode {
    /// The wall clock plus what was advanced.
    Real,
    /// Stands still until advanced. `start` is in unix seconds; a clock read back from a file that
    /// is later than it wins.
    Manual { start: i64 },
}

impl ClockMode {
    /// A manual clock that stands at the present second.
    pub fn manual_now() -> Self {
        Self::Manual { start: wall() }
    }
}

/// Wall time in unix seconds: where simulated time starts, and what signatures carry.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the clock everything else takes the time from"
)]
pub(crate) fn wall() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX))
}

/// Simulated time.
#[derive(Debug)]
pub(crate) struct Clock {
    mode: ClockMode,
    /// Seconds ahead of the wall clock, or unix seconds on a manual clock. Shared with whoever lives by this clock.
    state: Arc<AtomicI64>,
    /// The latest time told: a wall clock that is set back doesn't take simulated time along.
    latest: AtomicI64,
}

impl Clock {
    /// `kept` is the state of an earlier run; a manual clock never goes back behind it.
    pub fn new(mode: ClockMode, kept: Option<i64>) -> Self {
        let state = match mode {
            ClockMode::Real => kept.unwrap_or(0),
            ClockMode::Manual { start } => kept.map_or(start, |kept| kept.max(start)),
        };
        Self {
            mode,
            state: Arc::new(AtomicI64::new(state)),
            latest: AtomicI64::new(i64::MIN),
        }
    }

    /// What is kept of it.
    pub fn state(&self) -> i64 {
        self.state.load(Ordering::SeqCst)
    }

    /// Seconds ahead of the wall clock, now and later; none on a manual clock.
    pub fn ahead(&self) -> Option<Arc<AtomicI64>> {
        (!self.is_manual()).then(|| self.state.clone())
    }

    /// Unix seconds.
    pub fn now(&self) -> i64 {
        match self.mode {
            ClockMode::Real => self.forward(wall().saturating_add(self.state())),
            ClockMode::Manual { .. } => self.state(),
        }
    }

    fn forward(&self, at: i64) -> i64 {
        self.latest.fetch_max(at, Ordering::SeqCst).max(at)
    }

    pub fn advance(&mut self, seconds: i64) {
        self.state
            .store(self.state().saturating_add(seconds), Ordering::SeqCst);
    }

    pub fn is_manual(&self) -> bool {
        matches!(self.mode, ClockMode::Manual { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_rather_than_go_back() {
        let clock = Clock::new(ClockMode::Real, None);
        assert_eq!(clock.forward(100), 100);
        assert_eq!(clock.forward(40), 100);
        assert_eq!(clock.forward(101), 101);
    }
}
