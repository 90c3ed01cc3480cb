//! Events as they are read, and webhook endpoints:
//! <https://docs.stripe.com/api/events>, <https://docs.stripe.com/api/webhook_endpoints>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/events", list_events),
    ("GET", "/v1/events/{id}", |tx, call| {
        retrieve(tx, call, Kind::Event, "id")
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
    let fits = |pattern: &str, name: &str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == pattern,
    };
    lists::list(tx, call, Kind::Event, |r| {
        let name = r.text("type");
        one.is_none_or(|t| fits(t, name))
            && (many.is_empty() || many.iter().any(|t| fits(t, name)))
            && delivered.is_none_or(|want| (r.int("pending_webhooks") == 0) == want)
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let url = read_url(args.text("url").unwrap_or_default())?;
    let events: Vec<String> = args
        .texts("enabled_events")
        .into_iter()
        .map(str::to_owned)
        .collect();
    if events.is_empty() {
        return Err(ApiError::parameter_missing("enabled_events"));
    }
    let connect = args.flag("connect").unwrap_or(false);
    let metadata = metadata(args, "metadata")?;
    let owner = call.owner.to_owned();
    let (record, secret) = insert(tx, &owner, &url, connect, &events, metadata);
    tx.update(&record, |r| {
        r.value["description"] = json!(args.text("description"))
    });
    let mut value = retrieve_id(tx, &record)?;
    // Shown this once, as Stripe does.
    value["secret"] = json!(secret);
    Ok(value)
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
    let id = tx.mint("we_1", 23);
    let secret = tx.mint("whsec_", 32);
    let endpoint = json!({
        "id": id,
        "object": "webhook_endpoint",
        "api_version": crate::events::API_VERSION,
        "application": connect.then(|| tx.application()),
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
    let events = args.texts("enabled_events");
    if !events.is_empty() {
        value["enabled_events"] = json!(events);
    }
    tx.update(call.id(), |r| r.value = value.clone());
    Ok(value)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    retrieve(tx, call, Kind::Endpoint, "webhook_endpoint")?;
    let waiting: Vec<String> = tx
        .store()
        .queue()
        .iter()
        .map(|(_, _, id)| id.clone())
        .filter(|id| tx.get(id).is_some_and(|d| d.text("endpoint") == call.id()))
        .collect();
    for delivery in waiting {
        tx.update(&delivery, |r| r.value["status"] = json!("dropped"));
    }
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
