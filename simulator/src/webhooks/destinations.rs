//! The API of event destinations: <https://docs.stripe.com/api/v2/core/event-destinations>,
//! <https://docs.stripe.com/event-destinations>.

use std::{collections::HashSet, sync::LazyLock};

use serde_json::{Value, json};

use super::{TYPES, forget_waiting, read_url};
use crate::{
    api::{
        Call, Route, find, merge_metadata, metadata,
        namespace::{only_included, page, rfc3339},
    },
    core_events::{CoreEvent, Related},
    error::{Answer, ApiError},
    events::API_VERSION,
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v2/core/event_destinations", create),
    ("GET", "/v2/core/event_destinations", list),
    ("GET", "/v2/core/event_destinations/{id}", |tx, call| {
        let found = tx.find(Kind::Destination, call.owner, call.id());
        let found = found.map(|one| one.value.clone());
        let found = found.or_else(|| endpoint(tx, call));
        let found = found.ok_or_else(|| ApiError::missing(NOUN, call.id(), "id"))?;
        Ok(show(found, call))
    }),
    ("POST", "/v2/core/event_destinations/{id}", update),
    ("DELETE", "/v2/core/event_destinations/{id}", |tx, call| {
        owned(tx, call)?;
        forget_waiting(tx, call.id());
        tx.remove(call.id());
        Ok(json!({ "id": call.id(), "object": OBJECT }))
    }),
    (
        "POST",
        "/v2/core/event_destinations/{id}/disable",
        |tx, call| switch(tx, call, "disabled"),
    ),
    (
        "POST",
        "/v2/core/event_destinations/{id}/enable",
        |tx, call| switch(tx, call, "enabled"),
    ),
    ("POST", "/v2/core/event_destinations/{id}/ping", ping),
];

const OBJECT: &str = "v2.core.event_destination";
const NOUN: &str = "event destination";
const PING: &str = "v2.core.event_destination.ping";
const INCLUDABLE: [&str; 2] = ["webhook_endpoint.signing_secret", "webhook_endpoint.url"];

/// How many destinations an account can have (<https://docs.stripe.com/event-destinations>).
const MAX_DESTINATIONS: usize = 16;

/// The types of thin events.
static THIN_TYPES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("thin_types.txt").lines().collect());

fn show(value: Value, call: &Call<'_>) -> Value {
    only_included(value, &INCLUDABLE, call.args)
}

fn owned(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    find(tx, call, Kind::Destination, call.id(), "id")
}

/// A webhook endpoint of `/v1` as the destination that it may be at the same time.
fn endpoint(tx: &Tx<'_>, call: &Call<'_>) -> Option<Value> {
    let shown = tx.assumptions.get("endpoints_as_destinations") == "listed";
    let record = tx
        .find(Kind::Endpoint, call.owner, call.id())
        .filter(|_| shown)?;
    Some(of_endpoint(&record))
}

fn of_endpoint(record: &Record) -> Value {
    let connect = record.hidden["connect"] == true;
    let disabled = record.text("status") == "disabled";
    json!({
        "id": record.id,
        "object": OBJECT,
        "created": rfc3339(record.int("created")),
        "description": record.text("description"),
        "enabled_events": record.value["enabled_events"],
        "event_payload": "snapshot",
        "events_from": [if connect { "@accounts" } else { "@self" }],
        "livemode": false,
        "metadata": record.value["metadata"],
        "name": record.text("description"),
        "snapshot_api_version": record.value["api_version"].as_str().unwrap_or(API_VERSION),
        "status": record.value["status"],
        "status_details": disabled.then(|| json!({ "disabled": { "reason": "user" } })),
        "type": "webhook_endpoint",
        "updated": rfc3339(record.int("created")),
        "webhook_endpoint": { "signing_secret": null, "url": record.value["url"] },
    })
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let store = tx.store();
    let with_endpoints = tx.assumptions.get("endpoints_as_destinations") == "listed";
    let endpoints = store
        .list(Kind::Endpoint, call.owner)
        .filter(|_| with_endpoints);
    let mut rows: Vec<_> = store
        .list(Kind::Destination, call.owner)
        .chain(endpoints)
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.seq));
    page(call, rows.into_iter(), |row| match row.kind {
        Kind::Endpoint => show(of_endpoint(row), call),
        _ => show(row.value.clone(), call),
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    if args.text("type") != Some("webhook_endpoint") {
        return Err(ApiError::invalid(
            "The simulator sends events to webhook endpoints only, and to no cloud.",
        )
        .param("type"));
    }
    let url = args
        .text("webhook_endpoint.url")
        .ok_or_else(|| ApiError::parameter_missing("webhook_endpoint"))?;
    let url = read_url(url)?;
    let payload = args.text("event_payload").unwrap_or_default();
    let version = args.text("snapshot_api_version");
    if payload == "thin" && version.is_some() {
        return Err(ApiError::invalid(
            "Thin events have no version: leave snapshot_api_version out.",
        )
        .param("snapshot_api_version"));
    }
    let version = (payload == "snapshot").then(|| version.unwrap_or(API_VERSION));
    let events = read_events(args, payload)?;
    let from = read_sources(args)?;
    if tx.store().list(Kind::Destination, call.owner).count() >= MAX_DESTINATIONS {
        return Err(ApiError::invalid(format!(
            "You have reached the maximum of {MAX_DESTINATIONS} event destinations."
        )));
    }
    let given = Given {
        name: args.text("name").unwrap_or_default(),
        description: args.text("description").unwrap_or_default(),
        url: &url,
        payload,
        version,
        events,
        from,
        metadata: metadata(args, "metadata")?,
    };
    let owner = call.owner.to_owned();
    let (mut value, secret) = insert(tx, &owner, given);
    // Stripe too shows the secret only once, and only to those who ask.
    value["webhook_endpoint"]["signing_secret"] = json!(secret);
    Ok(show(value, call))
}

/// What a new destination is given.
struct Given<'a> {
    name: &'a str,
    description: &'a str,
    url: &'a str,
    payload: &'a str,
    version: Option<&'a str>,
    events: Vec<String>,
    from: Vec<String>,
    metadata: Value,
}

/// The new destination, and the secret that signs what it gets.
fn insert(tx: &mut Tx<'_>, owner: &str, given: Given<'_>) -> (Value, String) {
    let id = tx.mint("ed_test_", 50);
    let secret = tx.mint("whsec_", 32);
    let now = rfc3339(tx.now);
    let value = json!({
        "id": id,
        "object": OBJECT,
        "created": now,
        "description": given.description,
        "enabled_events": given.events,
        "event_payload": given.payload,
        "events_from": given.from,
        "livemode": false,
        "metadata": given.metadata,
        "name": given.name,
        "snapshot_api_version": given.version,
        "status": "enabled",
        "status_details": null,
        "type": "webhook_endpoint",
        "updated": now,
        "webhook_endpoint": { "signing_secret": null, "url": given.url },
    });
    let hidden = json!({ "secrets": [{ "secret": secret, "until": null }] });
    tx.insert(Kind::Destination, owner, value.clone(), hidden, None);
    (value, secret)
}

/// Refuses types that Stripe doesn't have, and those of the other payload style.
fn read_events(args: &Node, payload: &str) -> Result<Vec<String>, ApiError> {
    let events = args.texts("enabled_events");
    let known = |name: &str| match payload {
        "thin" => name == "*" || THIN_TYPES.contains(name),
        _ => TYPES.contains(name),
    };
    let known = |name: &str| known(name) && !name.contains(' ');
    if let Some(at) = events.iter().position(|name| !known(name)) {
        return Err(ApiError::invalid(format!(
            "Invalid enabled_events: '{}' is not a valid event type for a destination with {payload} events.",
            events[at]
        ))
        .param(format!("enabled_events.{at}")));
    }
    if events.is_empty() {
        return Err(ApiError::parameter_missing("enabled_events"));
    }
    Ok(events.into_iter().map(str::to_owned).collect())
}

fn read_sources(args: &Node) -> Result<Vec<String>, ApiError> {
    let mut from = args.texts("events_from");
    if from.is_empty() {
        from.push("@self");
    }
    match from.iter().position(|one| !["@self", "@accounts"].contains(one)) {
        Some(at) => Err(ApiError::invalid(format!(
            "Invalid events_from: '{}' is neither @self nor @accounts, and this account is no organization.",
            from[at]
        ))
        .param(format!("events_from.{at}"))),
        None => Ok(from.into_iter().map(str::to_owned).collect()),
    }
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let mut value = owned(tx, call)?.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    for name in ["name", "description"] {
        if let Some(text) = args.text(name) {
            value[name] = json!(text);
        }
    }
    if let Some(url) = args.text("webhook_endpoint.url") {
        value["webhook_endpoint"]["url"] = json!(read_url(url)?);
    }
    if args.at("enabled_events").is_some() {
        let payload = value["event_payload"].as_str().unwrap_or_default();
        value["enabled_events"] = json!(read_events(args, payload)?);
    }
    value["updated"] = json!(rfc3339(tx.now));
    tx.update(call.id(), |r| r.value = value.clone());
    Ok(show(value, call))
}

fn switch(tx: &mut Tx<'_>, call: &Call<'_>, status: &str) -> Answer {
    let mut value = owned(tx, call)?.value.clone();
    if value["status"] != status {
        let disabled = status == "disabled";
        value["status"] = json!(status);
        value["status_details"] = match disabled {
            true => json!({ "disabled": { "reason": "user" } }),
            false => Value::Null,
        };
        value["updated"] = json!(rfc3339(tx.now));
        tx.update(call.id(), |r| r.value = value.clone());
        if disabled {
            forget_waiting(tx, call.id());
        }
    }
    Ok(show(value, call))
}

/// Sends a `ping` to a destination, whatever types it asks for.
fn ping(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let destination = owned(tx, call)?;
    if destination.text("status") != "enabled" {
        return Err(ApiError::invalid(
            "This event destination is disabled: enable it before you ping it.",
        ));
    }
    let owner = call.owner.to_owned();
    let event = tx.record_core(&CoreEvent {
        name: PING,
        account: &owner,
        related: Some(Related {
            id: destination.id.clone(),
            object: OBJECT,
            url: format!("/v2/core/event_destinations/{}", destination.id),
        }),
        ..CoreEvent::default()
    });
    tx.send_core(&event, PING, vec![destination.id.clone()]);
    let event = tx.get(&event);
    event
        .map(|event| event.value.clone())
        .ok_or_else(ApiError::unexpected)
}

/// Finds a destination of thin events by its name, else makes it; brings its address and types up to date.
pub(crate) fn ensure(
    tx: &mut Tx<'_>,
    name: &str,
    url: &str,
    types: &[&str],
) -> Result<std::sync::Arc<Record>, ApiError> {
    let url = read_url(url)?;
    let platform = tx.platform();
    let known = tx
        .store()
        .list(Kind::Destination, &platform)
        .find(|one| one.text("name") == name)
        .map(|one| one.id.clone());
    let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
    let id = match known {
        Some(id) => id,
        None => {
            let given = Given {
                name,
                description: "",
                url: &url,
                payload: "thin",
                version: None,
                events: types.clone(),
                from: vec!["@accounts".to_owned()],
                metadata: json!({}),
            };
            let (value, _) = insert(tx, &platform, given);
            value["id"].as_str().unwrap_or_default().to_owned()
        }
    };
    tx.update(&id, |r| {
        r.value["webhook_endpoint"]["url"] = json!(url);
        r.value["enabled_events"] = json!(types);
        r.value["status"] = json!("enabled");
    })
    .ok_or_else(|| ApiError::missing(NOUN, &id, "id"))
}
