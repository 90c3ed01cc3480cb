//! Faults on demand, as a network and a busy service cause them.
//!
//! The control API sets them, or a request asks for one in a header: `Simulator-Fault:
//! commit_then_timeout`, `Simulator-Fault: slow; ms=500; rate=0.2; times=1`.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::ApiError;

/// A fault for API requests that match. JSON:
/// `{"method":"POST","path_prefix":"/v1/refunds","account":null,"kind":"commit_then_timeout","times":1}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Any method when absent.
    #[serde(default)]
    pub method: Option<String>,
    /// The beginning of the path, for example `/v1/checkout/sessions`; empty matches all.
    #[serde(default)]
    pub path_prefix: String,
    /// Only requests with this `Stripe-Account`.
    #[serde(default)]
    pub account: Option<String>,
    pub kind: FaultKind,
    /// How often it strikes; for ever when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// The share of matching requests that it strikes, from 0 to 1, drawn from the simulator's
    /// seed; all of them when absent.
    #[serde(default)]
    pub rate: Option<f64>,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The work is done and kept (the idempotent answer too), then the connection is closed without
    /// an answer: the client can't know.
    CommitThenTimeout,
    /// The connection is closed without an answer and nothing is done.
    TimeoutBeforeCommit,
    /// The work is done and kept, and the answer is a 500 all the same, saved under the key.
    #[serde(alias = "commit_then_500")]
    CommitThenError500,
    /// `api_error`, saved under the idempotency key as Stripe saves 500s; nothing is done.
    #[serde(alias = "error_500")]
    Error500,
    /// `rate_limit`; nothing is done and nothing saved.
    #[serde(alias = "error_429")]
    Error429,
    /// `lock_timeout`, also a 429; nothing is done and nothing saved.
    LockTimeout,
    /// The key has expired; nothing is done and nothing saved.
    #[serde(alias = "error_401")]
    Error401,
    /// The key lacks a permission; nothing is done and nothing saved.
    #[serde(alias = "error_403")]
    Error403,
    /// `card_declined`; nothing is done, and the answer is saved under the key.
    #[serde(alias = "error_402", alias = "card_declined")]
    Error402,
    /// The connection is reset (RST) and nothing is done.
    Reset,
    /// Answered late; the idempotency key is in flight meanwhile.
    Slow { ms: u64 },
}

/// The faults in force, and the draws that decide where a `rate` is given.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    list: Vec<Fault>,
    /// Draws made so far: the same requests in the same order draw the same.
    drawn: u64,
    /// How often a fault header was obeyed, by header, request and idempotency key.
    header_counts: HashMap<String, u32>,
}

/// The parts of a request that a fault can match.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub account: Option<&'a str>,
    pub key: Option<&'a str>,
    /// The header `Simulator-Fault`.
    pub header: Option<&'a str>,
}

impl Faults {
    pub fn push(&mut self, fault: Fault) {
        self.list.push(fault);
    }

    /// Forgets all faults, and begins the draws anew.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    pub fn list(&self) -> &[Fault] {
        &self.list
    }

    fn draw(&mut self, seed: u64) -> f64 {
        self.drawn += 1;
        seeded_fraction(seed, "fault", &self.drawn.to_string())
    }

    /// The fault of a request: that of its own header, else the first that matches and whose draw
    /// is within its rate.
    pub fn take_matching(
        &mut self,
        seed: u64,
        target: Target<'_>,
    ) -> Result<Option<FaultKind>, ApiError> {
        if let Some(header) = target.header {
            let fault = Fault::from_header(header)?;
            let name = format!(
                "{} {} {header} {:?} {:?}",
                target.method, target.path, target.account, target.key
            );
            let struck = self.header_counts.get(&name).copied().unwrap_or_default();
            let lucky = fault.rate.is_some_and(|rate| self.draw(seed) >= rate);
            if lucky || fault.times.is_some_and(|times| struck >= times) {
                return Ok(None);
            }
            if fault.times.is_some() {
                self.header_counts.insert(name, struck + 1);
            }
            return Ok(Some(fault.kind));
        }
        for at in 0..self.list.len() {
            let rate = self.list[at].rate;
            if !self.list[at].matches(target) || rate.is_some_and(|rate| self.draw(seed) >= rate) {
                continue;
            }
            let kind = self.list[at].kind;
            if let Some(times) = self.list[at].times.as_mut() {
                *times -= 1;
                if *times == 0 {
                    self.list.remove(at);
                }
            }
            return Ok(Some(kind));
        }
        Ok(None)
    }
}

impl Fault {
    /// A fault that strikes every request. Its other fields narrow it down.
    pub fn new(kind: FaultKind) -> Self {
        Self {
            method: None,
            path_prefix: String::new(),
            account: None,
            kind,
            times: None,
            rate: None,
        }
    }

    fn matches(&self, target: Target<'_>) -> bool {
        self.method
            .as_deref()
            .is_none_or(|m| m.eq_ignore_ascii_case(target.method))
            && target.path.starts_with(&self.path_prefix)
            && self
                .account
                .as_deref()
                .is_none_or(|a| target.account == Some(a))
            && self.times != Some(0)
    }

    /// Refuses a rate that is no probability.
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        match self.rate {
            Some(rate) if !(0.0..=1.0).contains(&rate) => {
                Err(ApiError::invalid("A rate is a number from 0 to 1.").param("rate"))
            }
            _ => Ok(()),
        }
    }

    /// `kind; name=value; …`, names being `ms`, `rate` and `times`.
    fn from_header(text: &str) -> Result<Self, ApiError> {
        let wrong = |what: &str| {
            ApiError::invalid(format!(
                "The header Simulator-Fault can't be read at '{what}'. It says what goes wrong, such as `commit_then_timeout` or `slow; ms=500; rate=0.5; times=1`."
            ))
        };
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let kind = if name == "slow" {
            FaultKind::Slow { ms: 1000 }
        } else {
            serde_json::from_value(name.into()).map_err(|_| wrong(name))?
        };
        let mut fault = Self::new(kind);
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or_else(|| wrong(part))?;
            let value = value.trim();
            match (name.trim(), &mut fault.kind) {
                ("ms", FaultKind::Slow { ms }) => *ms = value.parse().map_err(|_| wrong(part))?,
                ("rate", _) => fault.rate = Some(value.parse().map_err(|_| wrong(part))?),
                ("times", _) => fault.times = Some(value.parse().map_err(|_| wrong(part))?),
                _ => return Err(wrong(part)),
            }
        }
        fault.check().map(|()| fault)
    }
}

/// A number from 0 up to 1 that follows from the seed, the decision and its subject.
pub(crate) fn seeded_fraction(seed: u64, decides: &str, about: &str) -> f64 {
    let digest = Sha256::new()
        .chain_update(seed.to_be_bytes())
        .chain_update(decides)
        .chain_update([0])
        .chain_update(about)
        .finalize();
    let bits = digest
        .iter()
        .take(4)
        .fold(0, |bits: u32, byte| (bits << 8) | u32::from(*byte));
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(header: Option<&'static str>) -> Target<'static> {
        Target {
            method: "POST",
            path: "/v1/refunds",
            account: None,
            key: None,
            header,
        }
    }

    #[test]
    fn a_rate_strikes_its_share_and_the_same_ones_again() {
        let run = |seed| {
            let mut faults = Faults::default();
            faults.push(Fault {
                rate: Some(0.3),
                ..Fault::new(FaultKind::Error500)
            });
            let struck = |faults: &mut Faults| {
                faults
                    .take_matching(seed, target(None))
                    .expect("fine")
                    .is_some()
            };
            (0..1000).map(|_| struck(&mut faults)).collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
        let share = run(1).into_iter().filter(|struck| *struck).count();
        assert!((250..350).contains(&share), "{share}");
    }

    #[test]
    fn a_header_says_what_goes_wrong_and_how_often() {
        let mut faults = Faults::default();
        let slow = faults.take_matching(0, target(Some("slow; ms=5; times=1")));
        assert_eq!(slow.expect("fine"), Some(FaultKind::Slow { ms: 5 }));
        let again = faults.take_matching(0, target(Some("slow; ms=5; times=1")));
        assert_eq!(again.expect("fine"), None);
        for broken in ["", "nonsense", "reset; ms=5", "slow; ms=x", "reset; rate=2"] {
            assert!(
                faults.take_matching(0, target(Some(broken))).is_err(),
                "{broken}"
            );
        }
    }
}
