//! The API of events and of webhook endpoints: <https://docs.stripe.com/api/events>,
//! <https://docs.stripe.com/api/webhook_endpoints>.

pub(crate) mod destinations;
pub(crate) mod thin;

use std::{collections::HashSet, sync::LazyLock};

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    events::API_VERSION,
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/events", list_events),
    ("GET", "/v1/events/{id}", |tx, call| {
        let event = find(tx, call, Kind::Event, call.id(), "id")?;
        if event.int("created") <= tx.now - LISTED_FOR {
            return Err(ApiError::missing("event", call.id(), "id"));
        }
        Ok(event.shown())
    }),
    ("POST", "/v1/webhook_endpoints", create),
    ("GET", "/v1/webhook_endpoints", |tx, call| {
        lists::list(tx, call, Kind::Endpoint, |_| true)
    }),
    (
        "GET",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        |tx, call| retrieve(tx, call, Kind::Endpoint, "webhook_endpoint"),
    ),
    ("POST", "/v1/webhook_endpoints/{webhook_endpoint}", update),
    ("DELETE", "/v1/webhook_endpoints/{webhook_endpoint}", delete),
];

/// Stripe shows events of the last 30 days.
const LISTED_FOR: i64 = 30 * 86_400;

/// How many endpoints an account can have.
const MAX_ENDPOINTS: usize = 16;

/// The event types an endpoint can ask for, and `version …` for each API version.
static TYPES: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("types.txt").lines().collect());

/// How long an old secret still signs beside the new one.
const OVERLAP: i64 = 24 * 3600;

fn list_events(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let (one, many) = (args.text("type"), args.texts("types"));
    if one.is_some() && !many.is_empty() {
        return Err(
            ApiError::invalid("You may pass either `type` or `types`, but not both.")
                .param("types"),
        );
    }
    let delivered = args.flag("delivery_success");
    let oldest = tx.now - LISTED_FOR;
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    lists::list(tx, call, Kind::Event, |r| {
        let name = r.text("type");
        r.int("created") > oldest
            && one.is_none_or(|t| fits(t, name))
            && (many.is_empty() || many.iter().any(|t| fits(t, name)))
            && delivered.is_none_or(|want| (r.int("pending_webhooks") == 0) == want)
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let url = read_url(args.text("url").unwrap_or_default())?;
    let events = read_events(args)?;
    if events.is_empty() {
        return Err(ApiError::parameter_missing("enabled_events"));
    }
    let version = args.text("api_version");
    if version.is_some_and(|v| v != API_VERSION && !TYPES.contains(format!("version {v}").as_str()))
    {
        return Err(ApiError::invalid(format!(
            "Invalid api_version: must be an API version such as {API_VERSION}"
        ))
        .param("api_version"));
    }
    if tx.store().list(Kind::Endpoint, call.owner).count() >= MAX_ENDPOINTS {
        return Err(ApiError::invalid(format!(
            "You have reached the maximum of {MAX_ENDPOINTS} test webhook endpoints."
        )));
    }
    let connect = args.flag("connect").unwrap_or(false);
    let metadata = metadata(args, "metadata")?;
    let owner = call.owner.to_owned();
    let (record, secret) = insert(tx, &owner, &url, connect, &events, metadata);
    tx.update(&record, |r| {
        r.value["description"] = json!(args.text("description"));
        r.value["api_version"] = json!(version);
    });
    let mut value = retrieve_id(tx, &record)?;
    // Stripe too shows the secret only once.
    value["secret"] = json!(secret);
    Ok(value)
}

/// Refuses event types that Stripe doesn't have, so that a typo is noticed.
fn read_events(args: &Node) -> Result<Vec<String>, ApiError> {
    let events = args.texts("enabled_events");
    let known = |name: &str| TYPES.contains(name) && !name.contains(' ');
    match events.iter().position(|e| !known(e)) {
        Some(at) => Err(ApiError::invalid(format!(
            "Invalid enabled_events[{at}]: '{}' is not a valid event type. See https://docs.stripe.com/api/events/types",
            events[at]
        ))
        .param(format!("enabled_events[{at}]"))),
        None => Ok(events.into_iter().map(str::to_owned).collect()),
    }
}

fn retrieve_id(tx: &Tx<'_>, id: &str) -> Answer {
    tx.get(id)
        .map(|r| r.value.clone())
        .ok_or_else(|| ApiError::missing("webhook endpoint", id, "webhook_endpoint"))
}

fn read_url(url: &str) -> Result<String, ApiError> {
    url::Url::parse(url)
        .ok()
        .filter(|u| ["http", "https"].contains(&u.scheme()))
        .map(|_| url.to_owned())
        .ok_or_else(|| {
            ApiError::invalid("Invalid URL: it must start with http:// or https://")
                .code("url_invalid")
                .param("url")
        })
}

fn insert(
    tx: &mut Tx<'_>,
    owner: &str,
    url: &str,
    connect: bool,
    events: &[String],
    metadata: Value,
) -> (String, String) {
    let shows_application = connect && tx.assumptions.get("endpoint_application") == "connect";
    let id = tx.mint("we_1", 23);
    let secret = tx.mint("whsec_", 32);
    let endpoint = json!({
        "id": id,
        "object": "webhook_endpoint",
        "api_version": null,
        "application": shows_application.then(|| tx.application()),
        "created": tx.now,
        "description": null,
        "enabled_events": events,
        "livemode": false,
        "metadata": metadata,
        "status": "enabled",
        "url": url,
    });
    let hidden = json!({ "connect": connect, "secrets": [{ "secret": secret, "until": null }] });
    tx.insert(Kind::Endpoint, owner, endpoint, hidden, None);
    (id, secret)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let mut value = retrieve(tx, call, Kind::Endpoint, "webhook_endpoint")?;
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    if let Some(url) = args.text("url") {
        value["url"] = json!(read_url(url)?);
    }
    if let Some(disabled) = args.flag("disabled") {
        value["status"] = json!(if disabled { "disabled" } else { "enabled" });
    }
    if args.at("description").is_some() {
        value["description"] = json!(args.text("description"));
    }
    let events = read_events(args)?;
    if !events.is_empty() {
        value["enabled_events"] = json!(events);
    }
    tx.update(call.id(), |r| r.value = value.clone());
    if value["status"] == "disabled" {
        forget_waiting(tx, call.id());
    }
    Ok(value)
}

/// Sends an event once more to one of its endpoints, now and on the usual schedule.
pub(crate) fn send_again(tx: &mut Tx<'_>, event: &str, endpoint: &str) -> Result<(), ApiError> {
    let delivery = tx
        .store()
        .naming(Kind::Delivery, "event", event)
        .rev()
        .find(|d| d.text("endpoint") == endpoint)
        .map(|d| d.id.clone())
        .ok_or_else(|| ApiError::missing("webhook endpoint", endpoint, "webhook_endpoint"))?;
    let now = tx.now;
    tx.update(&delivery, |r| {
        r.value["status"] = json!("pending");
        r.value["next_at"] = json!(now);
    });
    Ok(())
}

/// Drops the waiting deliveries of an endpoint that is deleted or disabled.
fn forget_waiting(tx: &mut Tx<'_>, endpoint: &str) {
    forget(tx, |_, delivery| delivery.text("endpoint") == endpoint);
}

/// Drops what waits for the platform of an account that takes its access away.
pub(crate) fn forget_account(tx: &mut Tx<'_>, account: &str) {
    let platform = tx.platform();
    forget(tx, |tx, delivery| {
        let owner = |field: &str| tx.get(delivery.text(field)).map(|r| r.owner.clone());
        owner("event").as_deref() == Some(account)
            && owner("endpoint").as_deref() == Some(platform.as_str())
            && tx.assumptions.get("deauthorized_retries") == "dropped"
    });
}

fn forget(tx: &mut Tx<'_>, which: impl Fn(&Tx<'_>, &Record) -> bool) {
    let queue = tx.store().queue().iter();
    let waiting: Vec<String> = queue
        .filter_map(|(_, _, id)| tx.get(id))
        .filter(|delivery| which(tx, delivery))
        .map(|delivery| delivery.id.clone())
        .collect();
    for delivery in waiting {
        tx.update(&delivery, |r| r.value["status"] = json!("dropped"));
    }
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    retrieve(tx, call, Kind::Endpoint, "webhook_endpoint")?;
    forget_waiting(tx, call.id());
    tx.remove(call.id());
    Ok(json!({ "id": call.id(), "object": "webhook_endpoint", "deleted": true }))
}

/// Finds an endpoint by the name in its metadata or makes it; brings its address up to date.
pub(crate) fn ensure(
    tx: &mut Tx<'_>,
    name: &str,
    url: &str,
    connect: bool,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let url = read_url(url)?;
    let platform = tx.platform();
    let known = tx
        .store()
        .list(Kind::Endpoint, &platform)
        .find(|e| e.value["metadata"]["name"] == name && e.hidden["connect"] == json!(connect))
        .map(|e| e.id.clone());
    let id = match known {
        Some(id) => id,
        None => {
            insert(
                tx,
                &platform,
                &url,
                connect,
                &["*".into()],
                json!({ "name": name }),
            )
            .0
        }
    };
    tx.update(&id, |r| {
        r.value["url"] = json!(url);
        r.value["status"] = json!("enabled");
    })
    .ok_or_else(|| ApiError::missing("webhook endpoint", &id, "webhook_endpoint"))
}

/// How long an old secret signs along unless someone says otherwise, in seconds.
pub(crate) fn overlap() -> i64 {
    OVERLAP
}

/// Gives an endpoint a new secret; the old ones sign along for `expires_in` seconds at most.
pub(crate) fn roll(tx: &mut Tx<'_>, id: &str, expires_in: i64) -> Answer {
    if !(0..=OVERLAP).contains(&expires_in) {
        return Err(
            ApiError::invalid("An old secret expires at once, or within 24 hours.")
                .param("expires_in"),
        );
    }
    let secret = tx.mint("whsec_", 32);
    let (now, until) = (tx.now, tx.now + expires_in);
    tx.get(id)
        .filter(|r| r.kind == Kind::Endpoint)
        .ok_or_else(|| ApiError::missing("webhook endpoint", id, "webhook_endpoint"))?;
    tx.update(id, |r| {
        let mut secrets = vec![json!({ "secret": secret, "until": null })];
        for old in r.hidden["secrets"].as_array().into_iter().flatten() {
            let mut old = old.clone();
            let ends = old["until"].as_i64().map_or(until, |at| at.min(until));
            old["until"] = json!(ends);
            secrets.push(old);
        }
        secrets.retain(|s| s["until"].as_i64().is_none_or(|ends| ends > now));
        r.hidden["secrets"] = json!(secrets);
    });
    let mut value = retrieve_id(tx, id)?;
    value["secret"] = json!(secret);
    Ok(value)
}

/// Where an endpoint or a destination gets its events.
pub(crate) fn url(endpoint: &Record) -> &str {
    match endpoint.kind {
        Kind::Destination => endpoint.value["webhook_endpoint"]["url"].as_str(),
        _ => endpoint.value["url"].as_str(),
    }
    .unwrap_or_default()
}

/// Whether an endpoint or a destination gets events of connected accounts.
pub(crate) fn hears_accounts(endpoint: &Record) -> bool {
    let from = endpoint.value["events_from"].as_array();
    endpoint.hidden["connect"] == true
        || from.is_some_and(|from| from.iter().any(|one| one == "@accounts"))
}

/// The newest secret of an endpoint.
pub(crate) fn secret(endpoint: &Record) -> String {
    endpoint.hidden["secrets"][0]["secret"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// Every secret that signs at `now`, the newest first.
pub(crate) fn secrets(endpoint: &Record, now: i64) -> Vec<String> {
    endpoint.hidden["secrets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|s| s["until"].as_i64().is_none_or(|until| until > now))
        .filter_map(|s| s["secret"].as_str().map(str::to_owned))
        .collect()
}
