//! Event destinations of `/v2` (docs.stripe.com/api/v2/core/event-destinations). async-stripe doesn't know `/v2`, so the bodies
//! are written here.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::stripe::V2Request;

const PATH: &str = "/v2/core/event_destinations";
/// Destinations a page.
const LIMIT: i64 = 20;

/// A destination of thin events of connected accounts, to make.
pub struct NewDestination<'a> {
    /// What the dashboard shows.
    pub name: &'a str,
    /// Where Stripe posts events.
    pub url: &'a str,
    /// The types of those events.
    pub types: &'a [&'a str],
    /// Our names and values.
    pub metadata: HashMap<String, String>,
}

/// Creates a destination. Only this answer holds its signing secret, and only since it is asked for.
pub fn create(new: NewDestination<'_>) -> V2Request {
    post(
        PATH.to_owned(),
        json!({
            "name": new.name,
            "type": "webhook_endpoint",
            "event_payload": "thin",
            "events_from": ["@accounts"],
            "enabled_events": new.types,
            "webhook_endpoint": { "url": new.url },
            "metadata": new.metadata,
            "include": ["webhook_endpoint.signing_secret", "webhook_endpoint.url"],
        }),
    )
}

/// The first page of the platform's destinations, with their addresses.
pub fn list() -> V2Request {
    V2Request {
        path: format!("{PATH}?limit={LIMIT}&include[0]=webhook_endpoint.url"),
        body: None,
    }
}

/// Changes address and types.
pub fn mend(destination: &str, url: &str, types: &[&str]) -> V2Request {
    let body = json!({ "enabled_events": types, "webhook_endpoint": { "url": url } });
    post(format!("{PATH}/{destination}"), body)
}

/// Changes values of its `metadata`, and leaves the others.
pub fn describe(destination: &str, metadata: HashMap<String, String>) -> V2Request {
    post(
        format!("{PATH}/{destination}"),
        json!({ "metadata": metadata }),
    )
}

/// Has Stripe send it events again.
pub fn enable(destination: &str) -> V2Request {
    post(format!("{PATH}/{destination}/enable"), json!({}))
}

/// Has Stripe send it nothing more.
pub fn disable(destination: &str) -> V2Request {
    post(format!("{PATH}/{destination}/disable"), json!({}))
}

/// Has Stripe send it a `v2.core.event_destination.ping`. The answer is that event.
pub fn ping(destination: &str) -> V2Request {
    post(format!("{PATH}/{destination}/ping"), json!({}))
}

fn post(path: String, body: Value) -> V2Request {
    V2Request {
        path,
        body: Some(body),
    }
}
