//! Stripe's rate limits, off until they are asked for: <https://docs.stripe.com/rate-limits>.

use std::{collections::HashMap, time::Instant};

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Which of Stripe's rate limits are in force.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateLimits {
    /// None.
    #[default]
    Off,
    /// Those of a sandbox: 25 requests a second.
    Test,
    /// Those of live mode: 100 requests a second, 25 on each endpoint.
    Live,
}

/// Requests a second that one endpoint takes.
const PER_ENDPOINT: f64 = 25.0;

impl RateLimits {
    fn overall(self) -> f64 {
        match self {
            RateLimits::Off => f64::INFINITY,
            RateLimits::Test => 25.0,
            RateLimits::Live => 100.0,
        }
    }
}

/// The token buckets. Wall time refills them, not the simulator's clock, since real requests are
/// limited.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    pub mode: RateLimits,
    buckets: HashMap<String, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Up to a second's worth can come at once.
    fn take(&mut self, rate: f64, now: Instant) -> bool {
        let refill = now.duration_since(self.at).as_secs_f64() * rate;
        self.left = (self.left + refill).min(rate);
        self.at = now;
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

impl Limiter {
    pub fn new(mode: RateLimits) -> Self {
        Self {
            mode,
            ..Self::default()
        }
    }

    pub fn set(&mut self, mode: RateLimits) {
        self.mode = mode;
        self.buckets.clear();
    }

    /// Counts a request. Returns the reason if that is one too many.
    pub fn admit(&mut self, endpoint: &str, now: Instant) -> Result<(), &'static str> {
        if self.mode == RateLimits::Off {
            return Ok(());
        }
        let overall = self.mode.overall();
        for (name, rate, reason) in [
            ("", overall, "global-rate"),
            (endpoint, PER_ENDPOINT, "endpoint-rate"),
        ] {
            let fresh = || Bucket {
                left: rate,
                at: now,
            };
            let bucket = self.buckets.entry(name.to_owned()).or_insert_with(fresh);
            if !bucket.take(rate, now) {
                return Err(reason);
            }
        }
        Ok(())
    }
}

pub(crate) fn too_many() -> ApiError {
    ApiError::new(
        429,
        "invalid_request_error",
        "Request rate limit exceeded. Learn more about rate limits here https://docs.stripe.com/rate-limits.",
    )
    .code("rate_limit")
}

pub(crate) fn lock_timeout() -> ApiError {
    ApiError::new(
        429,
        "invalid_request_error",
        "This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate. For more details, see https://stripe.com/docs/rate-limits#object-lock-timeouts.",
    )
    .code("lock_timeout")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_endpoint_has_its_own_limit_below_that_of_the_whole() {
        let start = Instant::now();
        let mut limiter = Limiter::default();
        assert!((0..500).all(|_| limiter.admit("GET /v1/charges", start).is_ok()));
        limiter.set(RateLimits::Live);
        let mut admit = |endpoint: &str, at| limiter.admit(endpoint, at);
        assert!((0..25).all(|_| admit("a", start).is_ok()));
        assert_eq!(admit("a", start), Err("endpoint-rate"));
        let others = ["b", "c", "d"]
            .iter()
            .flat_map(|e| std::iter::repeat_n(e, 25));
        let fine = others.filter(|e| admit(e, start).is_ok()).count();
        assert_eq!(fine, 74, "the refused one counted too");
        assert_eq!(admit("e", start), Err("global-rate"));
        let later = start + Duration::from_millis(100);
        assert!(admit("e", later).is_ok());
    }
}
