//! Checks that Stripe sent these bytes to this endpoint (docs.stripe.com/webhooks#verify-manually). The library can't check
//! a signature without also parsing the event, and a signed event must never be lost to a parser.

use axum::body::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use souk_entity::Timestamp;
use souk_entity::inbox_event::{Endpoint, Source};
use subtle::{Choice, ConstantTimeEq};

use crate::app::App;
use crate::error::{Error, Result};
use crate::stripe::Event;

use super::inbox::Incoming;

/// Seconds that a signature may be behind or ahead of our clock.
const TOLERANCE: i64 = 300;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No header, or one that can't be read.
    Unreadable,
    /// None of its signatures is made with one of the secrets.
    Mismatch,
    /// Signed too long ago, or in the future.
    OutOfTolerance,
}

/// Checks a `Stripe-Signature` header over the raw body: any `v1` of it, with any of the secrets, in constant time.
///
/// # Errors
/// The [`Fault`]. A wrong signature is reported before a wrong time.
pub fn check(
    header: &str,
    body: &[u8],
    secrets: &[SecretString],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) => timestamp = text.parse::<i64>().ok(),
            // While a secret is rolled there are several.
            Some(("v1", text)) => signatures.extend(hex::decode(text)),
            _ => {}
        }
    }
    let timestamp = timestamp
        .filter(|_| !signatures.is_empty())
        .ok_or(Fault::Unreadable)?;
    if !secrets.iter().any(|secret| {
        // One HMAC for each secret, however many signatures a stranger sends: the body may be large.
        let expected = expected_signature(secret, timestamp, body);
        expected.is_some_and(|expected| matches_any(&expected, &signatures))
    }) {
        return Err(Fault::Mismatch);
    }
    if timestamp.abs_diff(now.seconds()) > TOLERANCE.unsigned_abs() {
        return Err(Fault::OutOfTolerance);
    }
    Ok(())
}

/// The signature that Stripe would have made with this secret.
fn expected_signature(secret: &SecretString, timestamp: i64, body: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac.finalize().into_bytes().into())
}

/// A `Stripe-Signature` header as Stripe would make it.
///
/// # Errors
/// The secret can't be a key.
pub(super) fn sign(secret: &SecretString, now: Timestamp, body: &[u8]) -> Result<String> {
    let seconds = now.seconds();
    let signature = expected_signature(secret, seconds, body)
        .ok_or_else(|| Error::internal("a signing secret can't be a key"))?;
    Ok(format!("t={seconds},v1={}", hex::encode(signature)))
}

fn matches_any(expected: &[u8], given: &[Vec<u8>]) -> bool {
    let none = Choice::from(0);
    let found = given
        .iter()
        .fold(none, |found, one| found | expected.ct_eq(one));
    found.into()
}

/// Verifies a delivery at one of the endpoints, and reads its envelope.
///
/// # Errors
/// [`Error::WebhookRefused`], which names the likely mistake.
pub(super) fn check_signature(
    app: &App,
    endpoint: Endpoint,
    header: Option<&str>,
    body: &Bytes,
) -> Result<Incoming> {
    let (own, other) = match endpoint {
        Endpoint::Platform => (
            &app.config.platform_webhook_secrets,
            &app.config.connect_webhook_secrets,
        ),
        Endpoint::Connect => (
            &app.config.connect_webhook_secrets,
            &app.config.platform_webhook_secrets,
        ),
    };
    let header = header.ok_or_else(|| {
        refused(
            "invalid_signature",
            "There is no Stripe-Signature header that can be read.",
        )
    })?;
    match check(header, body, own, app.clock.wall()) {
        Ok(()) => {}
        Err(Fault::OutOfTolerance) => {
            return Err(refused(
                "timestamp_out_of_tolerance",
                "The signature is more than 300 seconds away from our clock: an old delivery, or a clock that is wrong.",
            ));
        }
        Err(Fault::Unreadable) => {
            return Err(refused(
                "invalid_signature",
                "The Stripe-Signature header has no t and v1 that can be read.",
            ));
        }
        Err(Fault::Mismatch) => {
            let swapped = check(header, body, other, app.clock.wall()) != Err(Fault::Mismatch);
            return Err(if swapped {
                other_secret(endpoint)
            } else {
                mismatch(endpoint)
            });
        }
    }
    let event = Event::read(body.clone()).ok_or_else(|| {
        let message = "The body is no JSON object with an id of 1 to 255 characters.";
        refused("malformed_event", message)
    })?;
    match (endpoint, &event.account) {
        // Whose a thin event is, its `context` says or nothing does; it counts at either endpoint.
        _ if event.thin => {}
        (Endpoint::Connect, None) => {
            return Err(refused(
                "account_required",
                "This event names no account: it is the platform's own, and belongs to /webhooks/stripe.",
            ));
        }
        (Endpoint::Platform, Some(_)) => {
            return Err(refused(
                "account_not_allowed",
                "This event is a connected account's, and belongs to /webhooks/stripe/connect.",
            ));
        }
        _ => {}
    }
    Ok(Incoming {
        endpoint,
        source: Source::Webhook,
        event,
    })
}

fn refused(code: &'static str, message: &str) -> Error {
    Error::WebhookRefused {
        code,
        message: message.to_owned(),
    }
}

fn other_secret(endpoint: Endpoint) -> Error {
    let message = match endpoint {
        Endpoint::Connect => {
            "This is signed with the platform endpoint's secret. Put the Connect endpoint's own into \
             STRIPE_CONNECT_WEBHOOK_SECRET, or point that endpoint at /webhooks/stripe."
        }
        Endpoint::Platform => {
            "This is signed with the Connect endpoint's secret. Put the platform endpoint's own into \
             STRIPE_WEBHOOK_SECRET, or point that endpoint at /webhooks/stripe/connect."
        }
    };
    refused("wrong_secret", message)
}

fn mismatch(endpoint: Endpoint) -> Error {
    let setting = match endpoint {
        Endpoint::Connect => "STRIPE_CONNECT_WEBHOOK_SECRET",
        Endpoint::Platform => "STRIPE_WEBHOOK_SECRET",
    };
    let message = format!(
        "No signature matches. Either {setting} is not this endpoint's secret, or something between Stripe and us \
         changed the body."
    );
    refused("invalid_signature", &message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;

    fn sign(secret: &str, timestamp: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
        mac.update(format!("{timestamp}.").as_bytes());
        mac.update(body);
        hex::encode(mac.finalize().into_bytes())
    }

    fn checked(header: &str, body: &[u8], now: i64) -> Result<(), Fault> {
        let secrets = [
            SecretString::from("whsec_new"),
            SecretString::from("whsec_old"),
        ];
        check(header, body, &secrets, Timestamp::from_seconds(now))
    }

    #[test]
    fn any_valid_v1_counts_in_either_order_while_a_secret_is_rolled() {
        let (good, bad) = (
            sign("whsec_old", 1000, b"{}"),
            sign("whsec_other", 1000, b"{}"),
        );
        assert_eq!(
            checked(&format!("t=1000,v1={bad},v1={good}"), b"{}", 1000),
            Ok(())
        );
        assert_eq!(
            checked(&format!("t=1000,v1={good},v1={bad}"), b"{}", 1000),
            Ok(())
        );
        assert_eq!(
            checked(&format!("t=1000,v1={bad}"), b"{}", 1000),
            Err(Fault::Mismatch)
        );
        assert_eq!(
            checked(&format!("t=1000,v0={good}"), b"{}", 1000),
            Err(Fault::Unreadable)
        );
    }

    #[test]
    fn the_tolerance_is_exactly_300_seconds_both_ways() {
        let header = format!("t=1000,v1={}", sign("whsec_new", 1000, b"{}"));
        assert_eq!(checked(&header, b"{}", 1300), Ok(()));
        assert_eq!(checked(&header, b"{}", 1301), Err(Fault::OutOfTolerance));
        assert_eq!(checked(&header, b"{}", 700), Ok(()));
        assert_eq!(checked(&header, b"{}", 699), Err(Fault::OutOfTolerance));
    }

    #[test]
    fn a_body_that_was_serialised_again_does_not_match() {
        let header = format!("t=1000,v1={}", sign("whsec_new", 1000, br#"{"a": 1}"#));
        assert_eq!(checked(&header, br#"{"a":1}"#, 1000), Err(Fault::Mismatch));
    }

    #[test]
    fn a_thousand_signatures_cost_hardly_more_than_one() {
        let body = vec![b' '; 512 * 1024];
        let took = |signatures: usize| {
            let wrong = format!(",v1={}", "0".repeat(64)).repeat(signatures);
            let watch = Stopwatch::start();
            let checked = checked(&format!("t=1000{wrong}"), &body, 1000);
            assert_eq!(checked, Err(Fault::Mismatch));
            watch.elapsed()
        };
        let one = took(1);
        let thousand = took(1000);
        assert!(thousand < one * 50, "{thousand:?}, and one {one:?}");
    }

    #[test]
    fn a_header_without_parts_is_unreadable() {
        for header in ["", "t=1000", "v1=00", "t=x,v1=00", "t=1000,v1=zz"] {
            assert_eq!(
                checked(header, b"{}", 1000),
                Err(Fault::Unreadable),
                "{header}"
            );
        }
    }
}
