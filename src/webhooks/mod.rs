//! Stripe's two doors: verified events go into the inbox together with their effect, once.

mod catching_up;
mod committer;
mod effects;
mod inbox;
pub mod later;
pub mod replay;
pub mod routes;
mod signature;

pub use committer::Intake;
/// For `fuzz/`.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use signature::check as check_signature;

use axum::body::Bytes;
use souk_entity::inbox_event::{Endpoint, EventState, Source};

use crate::app::App;
use crate::error::{Error, Result};
use crate::stripe::Event;

use signature::Fault;

/// Bytes that an event may have.
const BODY_LIMIT: usize = 512 * 1024;

/// A verified event on its way into the inbox.
#[derive(Clone, Debug)]
struct Incoming {
    endpoint: Endpoint,
    source: Source,
    event: Event,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receipt {
    /// It was in the inbox already.
    Duplicate,
    /// It is in the inbox now.
    Stored(EventState),
    /// It is of the other mode: nothing was kept.
    OtherMode,
}

impl Receipt {
    /// What Stripe, and whoever counts, is told.
    fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::OtherMode | Self::Stored(EventState::Ignored) => "ignored",
            Self::Stored(EventState::Processed) => "processed",
            Self::Stored(EventState::Deferred) => "deferred",
            Self::Stored(EventState::Failed | EventState::Dead | EventState::Discarded) => "failed",
        }
    }
}

/// Verifies a delivery at one of the doors.
fn check_signature(
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
    match signature::check(header, body, own, app.clock.wall()) {
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
            let swapped =
                signature::check(header, body, other, app.clock.wall()) != Err(Fault::Mismatch);
            return Err(if swapped {
                wrong_door(endpoint)
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
        // It names its account elsewhere, or not at all, and has no effect at either door.
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

fn wrong_door(endpoint: Endpoint) -> Error {
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
