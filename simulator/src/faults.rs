//! Faults on demand: what a network and a busy service do to a client.

use serde::{Deserialize, Serialize};

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
    /// `api_error`, saved under the idempotency key as Stripe saves 500s.
    #[serde(alias = "error_500")]
    Error500,
    /// `rate_limit`; nothing is done and nothing saved.
    #[serde(alias = "error_429")]
    Error429,
    /// The connection is reset (RST) and nothing is done.
    Reset,
    /// Answered late; the idempotency key is in flight meanwhile.
    Slow { ms: u64 },
}

/// Picks the first fault that matches and counts it down.
pub(crate) fn strike(
    faults: &mut Vec<Fault>,
    method: &str,
    path: &str,
    account: Option<&str>,
) -> Option<FaultKind> {
    let at = faults.iter().position(|f| {
        f.method
            .as_deref()
            .is_none_or(|m| m.eq_ignore_ascii_case(method))
            && path.starts_with(&f.path_prefix)
            && f.account.as_deref().is_none_or(|a| account == Some(a))
            && f.times != Some(0)
    })?;
    let kind = faults[at].kind;
    if let Some(times) = faults[at].times.as_mut() {
        *times -= 1;
        if *times == 0 {
            faults.remove(at);
        }
    }
    Some(kind)
}
