//! A verified Stripe event, read leniently, and what its effect came to.

use serde_json::Value;
use souk_entity::{AccountId, Timestamp};

/// The envelope of an event (docs.stripe.com/api/events/object), and its object as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `checkout.session.completed`.
    pub kind: String,
    /// The connected account it happened on; none: the platform's own.
    pub account: Option<AccountId>,
    /// Live money, or test.
    pub livemode: bool,
    /// Whole seconds: never an order.
    pub created: Timestamp,
    /// The version its object is shaped by.
    pub api_version: Option<String>,
    /// `data.object`, a snapshot of the moment of the event.
    pub object: Value,
}

/// What an event did to our database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changed something, or found it changed already.
    Applied,
    /// It concerns nothing of ours; the reason is for whoever reads the inbox.
    Ignored(&'static str),
    /// What it needs is not there yet: it is tried again when that comes, and by sweep.
    Deferred {
        /// What it waits for, such as a session id.
        waits_for: String,
    },
}

impl Event {
    /// Reads an envelope. `None`: no JSON object, or one without an id.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(payload).ok()?;
        let text = |name: &str| {
            value[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Some(Self {
            id: text("id")?,
            kind: text("type").unwrap_or_default(),
            account: text("account").map(AccountId),
            livemode: value["livemode"].as_bool().unwrap_or_default(),
            created: Timestamp::from_seconds(value["created"].as_i64().unwrap_or_default()),
            api_version: text("api_version"),
            object: value["data"]["object"].clone(),
        })
    }

    /// `data.object.id`.
    pub fn object_id(&self) -> Option<&str> {
        self.object["id"].as_str()
    }
}
