//! Webhook endpoints.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;

use super::accounts::or_default;

/// A webhook endpoint (docs.stripe.com/api/webhook_endpoints/object).
#[derive(Clone, Debug, Deserialize)]
pub struct WebhookEndpointView {
    /// `we_…`.
    pub id: String,
    /// Where Stripe posts events.
    #[serde(default, deserialize_with = "or_default")]
    pub url: String,
    /// `enabled` or `disabled`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The types of its events; `*` stands for nearly all.
    #[serde(default, deserialize_with = "or_default")]
    pub enabled_events: Vec<String>,
    /// The version of its events. None: the account's default version.
    pub api_version: Option<String>,
    /// The Connect application. An endpoint for the platform's own events has none.
    pub application: Option<String>,
    /// Anybody's names and values.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: HashMap<String, String>,
    /// Only the answer to its creation holds it.
    pub secret: Option<SecretString>,
}

/// An event destination of `/v2` (docs.stripe.com/api/v2/core/event-destinations/object).
#[derive(Clone, Debug, Deserialize)]
pub struct EventDestinationView {
    /// `ed_…`.
    pub id: String,
    /// `enabled` or `disabled`.
    #[serde(default, deserialize_with = "or_default")]
    pub status: String,
    /// The types of its events; `*` stands for all.
    #[serde(default, deserialize_with = "or_default")]
    pub enabled_events: Vec<String>,
    /// `snapshot` or `thin`.
    #[serde(default, deserialize_with = "or_default")]
    pub event_payload: String,
    /// Whose events it sends, such as `@accounts`.
    #[serde(default, deserialize_with = "or_default")]
    pub events_from: Vec<String>,
    /// Anybody's names and values.
    #[serde(default, deserialize_with = "or_default")]
    pub metadata: HashMap<String, String>,
    /// None: its events go to a cloud service.
    #[serde(default, deserialize_with = "or_default")]
    pub webhook_endpoint: DestinationAddressView,
}

/// `webhook_endpoint` of an event destination. What isn't asked for is null.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DestinationAddressView {
    /// Where Stripe posts events.
    pub url: Option<String>,
    /// Only the answer to the creation holds it.
    pub signing_secret: Option<SecretString>,
}
