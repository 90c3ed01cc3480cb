//! How deliveries go wrong: <https://docs.stripe.com/webhooks#handle-duplicate-events>, and that
//! events come in any order. What happens to a delivery follows from the seed and its id alone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{error::ApiError, faults::seeded_fraction, options::Deliveries};

/// How deliveries are treated; set by the control API.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryRules {
    pub mode: Deliveries,
    /// How often each delivery is made beyond the first.
    pub duplicate: u32,
    /// The share of deliveries that is made once more.
    pub duplicate_rate: f64,
    /// The share of deliveries that never arrives.
    pub loss_rate: f64,
    /// Half of the deliveries wait up to so many milliseconds, so that later ones overtake them.
    pub shuffle_ms: u64,
    /// Every delivery waits so many milliseconds.
    pub delay_ms: u64,
    /// Event types that are never delivered, by prefix.
    pub drop_types: Vec<String>,
}

/// No wait is longer.
const LONGEST: u64 = 3_600_000;

impl DeliveryRules {
    pub fn new(mode: Deliveries) -> Self {
        let careless = mode == Deliveries::Automatic;
        Self {
            mode,
            duplicate: 0,
            duplicate_rate: if careless { 0.25 } else { 0.0 },
            loss_rate: 0.0,
            shuffle_ms: if careless { 500 } else { 0 },
            delay_ms: 0,
            drop_types: Vec::new(),
        }
    }

    /// Refuses shares that are none, and waits beyond an hour.
    pub fn check(&self) -> Result<(), ApiError> {
        for (name, rate) in [
            ("duplicate_rate", self.duplicate_rate),
            ("loss_rate", self.loss_rate),
        ] {
            if !(0.0..=1.0).contains(&rate) {
                return Err(ApiError::invalid("A rate is a number from 0 to 1.").param(name));
            }
        }
        if self.shuffle_ms.max(self.delay_ms) > LONGEST || self.duplicate > 1000 {
            return Err(ApiError::invalid(
                "Deliveries wait up to an hour, and are made up to 1000 times.",
            ));
        }
        Ok(())
    }

    pub fn loses(&self, seed: u64, delivery: &str) -> bool {
        seeded_fraction(seed, "loss", delivery) < self.loss_rate
    }

    /// How often a delivery is made.
    pub fn copies(&self, seed: u64, delivery: &str) -> u32 {
        let twice = seeded_fraction(seed, "duplicate", delivery) < self.duplicate_rate;
        1 + self.duplicate + u32::from(twice)
    }

    /// How long a copy waits.
    pub fn wait(&self, seed: u64, delivery: &str, copy: u32) -> Duration {
        let drawn = seeded_fraction(seed, "wait", &format!("{delivery} {copy}"));
        // The lower half doesn't wait.
        let share = (drawn * 2.0 - 1.0).max(0.0);
        let shuffled = Duration::from_millis(self.shuffle_ms).mul_f64(share);
        Duration::from_millis(self.delay_ms) + shuffled
    }

    /// The order in which what is sent by hand goes out.
    pub fn arrange<T>(&self, seed: u64, waiting: &mut [T], delivery: impl Fn(&T) -> &str) {
        if self.shuffle_ms > 0 {
            waiting.sort_by(|a, b| {
                let place = |one| seeded_fraction(seed, "place", delivery(one));
                place(a).total_cmp(&place(b))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn automatic_deliveries_come_twice_and_out_of_order_and_the_same_way_again() {
        let rules = DeliveryRules::new(Deliveries::Automatic);
        let fate = |seed: u64, n: u32| {
            let id = format!("dlv_{n}");
            (rules.copies(seed, &id), rules.wait(seed, &id, 0))
        };
        let fates = |seed| (0..400).map(|n| fate(seed, n)).collect::<Vec<_>>();
        assert_eq!(fates(7), fates(7));
        assert_ne!(fates(7), fates(8));
        let twice = fates(7).iter().filter(|(copies, _)| *copies == 2).count();
        let at_once = fates(7).iter().filter(|(_, wait)| wait.is_zero()).count();
        assert!((70..130).contains(&twice), "{twice}");
        assert!((150..250).contains(&at_once), "{at_once}");
        assert!(fates(7).iter().all(|(_, wait)| wait.as_millis() <= 500));
    }

    #[test]
    fn faithful_and_held_deliveries_are_made_once_and_at_once() {
        for mode in [Deliveries::Faithful, Deliveries::Held] {
            let rules = DeliveryRules::new(mode);
            assert_eq!(rules.copies(1, "dlv_1"), 1);
            assert!((0..50).all(|n| rules.wait(1, &format!("dlv_{n}"), 0).is_zero()));
            assert!(!rules.loses(1, "dlv_1"));
        }
    }
}
