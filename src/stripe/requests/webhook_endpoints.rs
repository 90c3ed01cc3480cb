//! Webhook endpoints (docs.stripe.com/api/webhook_endpoints).

use std::collections::HashMap;

use stripe_client_core::StripeRequest;
use stripe_misc::webhook_endpoint::{
    CreateWebhookEndpoint, CreateWebhookEndpointEnabledEvents as Created, ListWebhookEndpoint,
    UpdateWebhookEndpoint, UpdateWebhookEndpointEnabledEvents as Updated,
};

use super::LIMIT;
use crate::stripe::API_VERSION;

/// An endpoint to make.
pub struct NewEndpoint<'a> {
    /// Where Stripe posts events.
    pub url: &'a str,
    /// The types of those events.
    pub types: &'a [&'a str],
    /// Whether it hears of connected accounts, and not of the platform itself. It can't be changed later.
    pub connect: bool,
    /// What the dashboard shows.
    pub description: &'a str,
    /// Our names and values.
    pub metadata: HashMap<String, String>,
}

/// Creates an endpoint whose events have the shape of our API version. Only this answer holds its secret.
pub fn create(new: NewEndpoint<'_>) -> impl StripeRequest + use<> {
    let types: Vec<Created> = new.types.iter().map(|kind| created(kind)).collect();
    let version: stripe_shared::ApiVersion =
        API_VERSION.parse().unwrap_or_else(|never| match never {});
    CreateWebhookEndpoint::new(types, new.url)
        .connect(new.connect)
        .api_version(version)
        .description(new.description)
        .metadata(new.metadata)
}

/// A page of the platform's endpoints, newest first.
pub fn list(starting_after: Option<&str>) -> ListWebhookEndpoint {
    let list = ListWebhookEndpoint::new().limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Changes what can be changed, and enables the endpoint.
pub fn mend(endpoint: &str, url: &str, types: &[&str]) -> impl StripeRequest + use<> {
    let types: Vec<Updated> = types.iter().map(|kind| updated(kind)).collect();
    UpdateWebhookEndpoint::new(endpoint)
        .url(url)
        .enabled_events(types)
        .disabled(false)
}

/// Changes values of its `metadata`, and leaves the others.
pub fn describe(endpoint: &str, metadata: HashMap<String, String>) -> impl StripeRequest + use<> {
    UpdateWebhookEndpoint::new(endpoint).metadata(metadata)
}

/// Has Stripe send it nothing more.
pub fn disable(endpoint: &str) -> impl StripeRequest + use<> {
    UpdateWebhookEndpoint::new(endpoint).disabled(true)
}

fn created(kind: &str) -> Created {
    kind.parse().unwrap_or_else(|never| match never {})
}

fn updated(kind: &str) -> Updated {
    kind.parse().unwrap_or_else(|never| match never {})
}
