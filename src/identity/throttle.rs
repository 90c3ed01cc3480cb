//! Rate limits for each account and each address. Allowances fill up again as time goes by, so nobody is ever locked out.
//! Each replica keeps its own, by a monotonic clock.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::time::Instant;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::ClientAddress;

/// So many in a period.
#[derive(Clone, Copy)]
struct Limit {
    times: u32,
    period: Duration,
}

impl Limit {
    const fn new(times: u32, seconds: u64) -> Self {
        Self {
            times,
            period: Duration::from_secs(seconds),
        }
    }
}

/// Failed logins of one account a minute.
const PER_ACCOUNT: Limit = Limit::new(10, 60);
/// Calls of routes that anybody may call, such as login, from one address a minute. Many people share one address behind a
/// company's gateway, or behind a proxy that TRUSTED_PROXIES doesn't name.
const PER_ADDRESS: Limit = Limit::new(1200, 60);
/// Codes that are mailed to one mail address in a quarter of an hour, which is as long as one lives.
const CODES_PER_EMAIL: Limit = Limit::new(3, 900);
/// Codes that are mailed at the wish of one address in a quarter of an hour.
const CODES_PER_ADDRESS: Limit = Limit::new(100, 900);

/// With so many keys, full allowances are dropped; a new one is full anyway.
const SWEEP_ABOVE: usize = 10_000;

static ALLOWANCES: LazyLock<Allowances> = LazyLock::new(Allowances::default);

/// Extracted by routes that anybody may call, and that are expensive or can be guessed at: 429 for an address that calls too
/// often.
pub struct RateLimited;

impl FromRequestParts<App> for RateLimited {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(Some(address)) = ClientAddress::from_request_parts(parts, app).await?
        else {
            return Ok(Self);
        };
        let key = format!("address {}", network(address));
        ALLOWANCES.take(key, PER_ADDRESS, Instant::now())?;
        Ok(Self)
    }
}

/// Who asks for a code to be mailed, by the address that they call from.
pub struct CodeSender(Option<String>);

impl FromRequestParts<App> for CodeSender {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        Ok(Self(address.map(network)))
    }
}

impl CodeSender {
    /// Uses one code to a mail address; 429 after too many. Whether the address is anybody's makes no difference.
    pub(super) fn use_one(&self, email: &str) -> Result<()> {
        if let Some(network) = &self.0 {
            let key = format!("codes from {network}");
            ALLOWANCES.take(key, CODES_PER_ADDRESS, Instant::now())?;
        }
        let key = format!("codes to {email}");
        ALLOWANCES.take(key, CODES_PER_EMAIL, Instant::now())
    }
}

/// An attempt at an account's password; 429 after too many. It counts as failed until `succeeded` is called, so that
/// concurrent attempts count too.
pub(super) struct PasswordAttempt(String);

impl PasswordAttempt {
    pub(super) fn begin(email: &str) -> Result<Self> {
        let key = format!("account {email}");
        ALLOWANCES.take(key.clone(), PER_ACCOUNT, Instant::now())?;
        Ok(Self(key))
    }

    pub(super) fn succeeded(self) {
        ALLOWANCES.give_back(&self.0, PER_ACCOUNT);
    }
}

/// The address of IPv4, the /64 network of IPv6: one household has a whole /64.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// For each key the moment at which its allowance is full again (the generic cell rate algorithm). Each use moves it on
/// by a share of the period, but never more than a whole period ahead.
#[derive(Default)]
struct Allowances {
    full_at: Mutex<HashMap<String, Instant>>,
}

impl Allowances {
    /// Uses one of a limit.
    fn take(&self, key: String, limit: Limit, now: Instant) -> Result<()> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SWEEP_ABOVE {
            all.retain(|_, full_at| *full_at > now);
        }
        let full_at = all.entry(key).or_insert(now);
        let used_until = (*full_at).max(now) + limit.period / limit.times;
        let wait = used_until.saturating_duration_since(now + limit.period);
        if !wait.is_zero() {
            return Err(Error::TooManyRequests {
                retry_after: i64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(i64::MAX),
            });
        }
        *full_at = used_until;
        Ok(())
    }

    fn give_back(&self, key: &str, limit: Limit) {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(full_at) = all.get_mut(key) {
            *full_at -= limit.period / limit.times;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Limit = Limit::new(10, 60);
    const PERIOD: Duration = TEN.period;

    fn take(all: &Allowances, key: &str, now: Instant) -> Result<()> {
        all.take(key.to_owned(), TEN, now)
    }

    #[test]
    fn an_allowance_is_used_up_and_fills_again_as_time_goes_by() {
        let (all, now) = (Allowances::default(), Instant::now());
        for _ in 0..10 {
            take(&all, "a", now).expect("within the allowance");
        }
        let Err(Error::TooManyRequests { retry_after }) = take(&all, "a", now) else {
            panic!("the eleventh was let through");
        };
        assert_eq!(retry_after, 6);
        take(&all, "b", now).expect("another's is untouched");
        let then = now + Duration::from_secs(6);
        take(&all, "a", then).expect("after Retry-After there is one");
        take(&all, "a", then).expect_err("and only one");
        for _ in 0..10 {
            take(&all, "a", then + PERIOD).expect("a period later it is full");
        }
        take(&all, "a", then + PERIOD).expect_err("and not fuller than that");
    }

    #[test]
    fn what_is_given_back_was_not_used() {
        let (all, now) = (Allowances::default(), Instant::now());
        for _ in 0..100 {
            take(&all, "a", now).expect("never used up");
            all.give_back("a", TEN);
        }
    }

    #[test]
    fn only_allowances_that_are_full_are_forgotten() {
        let (all, now) = (Allowances::default(), Instant::now());
        for _ in 0..10 {
            take(&all, "a", now).expect("within the allowance");
        }
        for n in 0..SWEEP_ABOVE {
            take(&all, &n.to_string(), now).expect("the first of its own");
        }
        let later = now + Duration::from_secs(7);
        take(&all, "b", later).expect("the first of its own");
        assert_eq!(all.full_at.lock().expect("whole").len(), 2);
        take(&all, "a", later).expect("one in six seconds");
        take(&all, "a", later).expect_err("and not ten");
    }

    #[test]
    fn one_ipv6_network_counts_as_one_address() {
        let network = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
