//! The event destinations that Souk needs at Stripe (docs.stripe.com/event-destinations): each sends certain events to one
//! of the endpoints.

use secrecy::{ExposeSecret, SecretString};
use souk_entity::inbox_event::Endpoint;
use souk_entity::seller::AccountsApi;

use crate::config::{Config, StripeMode};
use crate::ids;

use super::effects;

/// An event destination of Souk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A webhook endpoint for the platform's own events.
    Platform,
    /// A webhook endpoint for the events of connected accounts.
    Connect,
    /// An event destination of `/v2` for thin events about connected accounts themselves.
    Accounts,
}

impl Destination {
    /// Those that an installation with these settings needs.
    pub fn all(config: &Config) -> Vec<Self> {
        let mut all = vec![Self::Platform, Self::Connect];
        all.extend((config.accounts_api == AccountsApi::V2).then_some(Self::Accounts));
        all
    }

    /// Its name in `metadata`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Connect => "connect",
            Self::Accounts => "accounts",
        }
    }

    /// Whose events it sends, in the dashboard's words.
    pub fn listens_to(self) -> &'static str {
        match self {
            Self::Platform => "your account",
            Self::Connect => "connected accounts",
            Self::Accounts => "connected accounts, thin",
        }
    }

    /// The endpoint that it sends them to.
    pub fn endpoint(self) -> Endpoint {
        match self {
            Self::Platform => Endpoint::Platform,
            Self::Connect | Self::Accounts => Endpoint::Connect,
        }
    }

    /// The path of that endpoint.
    pub fn path(self) -> &'static str {
        match self.endpoint() {
            Endpoint::Platform => "/webhooks/stripe",
            Endpoint::Connect => "/webhooks/stripe/connect",
        }
    }

    /// The address that Stripe posts to. A server's own simulator is beside it, so `PUBLIC_URL` need not work.
    pub fn url(self, config: &Config) -> String {
        match config.stripe_mode {
            StripeMode::Simulated => format!("http://{}{}", config.bind, self.path()),
            StripeMode::Remote => config.page(self.path()),
        }
    }

    /// The setting that holds its signing secret.
    pub fn setting(self) -> &'static str {
        match self.endpoint() {
            Endpoint::Platform => "STRIPE_WEBHOOK_SECRET",
            Endpoint::Connect => "STRIPE_CONNECT_WEBHOOK_SECRET",
        }
    }

    /// The signing secrets that the settings have for its endpoint.
    pub fn secrets(self, config: &Config) -> &[SecretString] {
        match self.endpoint() {
            Endpoint::Platform => &config.platform_webhook_secrets,
            Endpoint::Connect => &config.connect_webhook_secrets,
        }
    }

    /// The types of its events: exactly those that have an effect.
    pub fn types(self) -> Vec<&'static str> {
        match self {
            Self::Platform | Self::Connect => effects::types(self.endpoint()),
            Self::Accounts => effects::thin_types(),
        }
    }
}

/// The beginning of a secret's SHA-256. Stripe never shows a secret again, so this is kept in `metadata` instead: it tells
/// whether the settings hold the secret. A signing secret is random and long, so its hash tells nothing else.
pub fn fingerprint(secret: &SecretString) -> String {
    ids::sha256_hex(secret.expose_secret().as_bytes())[..16].to_owned()
}
