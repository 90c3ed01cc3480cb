//! Events of the namespace v2: small, without a version, they name the object that has changed.
//! <https://docs.stripe.com/api/v2/core/events>, <https://docs.stripe.com/event-destinations>.

use serde_json::{Value, json};

use crate::{
    api::namespace::rfc3339,
    store::{Kind, Record, Tx},
};

/// What an event of the namespace v2 says happened.
#[derive(Debug, Clone, Default)]
pub(crate) struct CoreEvent<'a> {
    /// For example `v2.core.account[requirements].updated`.
    pub name: &'a str,
    /// The account it is an event of: a connected one, or the platform.
    pub account: &'a str,
    /// Id, `object` and URL of the object that has changed.
    pub related: Option<Related>,
    /// More about what happened, which only the whole event has: not what is pushed.
    pub data: Value,
    /// `before` and `after` of the related object, likewise.
    pub changes: Value,
}

/// The object that an event of the namespace v2 is about.
#[derive(Debug, Clone)]
pub(crate) struct Related {
    pub id: String,
    /// Its `object`, for example `v2.core.account`.
    pub object: &'static str,
    /// Its path, for example `/v2/core/accounts/acct_123`.
    pub url: String,
}

impl Tx<'_> {
    /// Records an event of the namespace v2, and sends it to the destinations that hear of it. Returns its id. It is an open
    /// question which hear of a connected account: those of the platform's accounts, or, since the account is an object of
    /// the platform's, those of its own events.
    pub fn emit_core(&mut self, event: &CoreEvent<'_>) -> String {
        let id = self.record_core(event);
        let connected = event.account != self.store().platform;
        let source = match connected && self.assumptions.get("account_event_source") == "accounts" {
            true => "@accounts",
            false => "@self",
        };
        let targets = self.hearers(event.name, "thin", event.account, source);
        self.send_core(&id, event.name, targets);
        id
    }

    /// Records the thin form of a classic event, if a destination asks for it
    /// (<https://docs.stripe.com/webhooks/migrate-snapshot-to-thin-events>).
    pub fn emit_thin_form(&mut self, name: &str, account: &str, object: &Value, snapshot: &str) {
        let name = format!("v1.{name}");
        let source = match account == self.store().platform {
            true => "@self",
            false => "@accounts",
        };
        let targets = self.hearers(&name, "thin", account, source);
        if targets.is_empty() {
            return;
        }
        let id = self.record_core(&CoreEvent {
            name: &name,
            account,
            ..CoreEvent::default()
        });
        let related = classic_object(object);
        self.update(&id, |event| {
            event.value["snapshot_event"] = json!(snapshot);
            if let Some(related) = related {
                event.value["related_object"] = related;
            }
        });
        self.send_core(&id, &name, targets);
    }

    /// Sends a recorded event to destinations.
    pub fn send_core(&mut self, id: &str, name: &str, targets: Vec<String>) {
        let dropped = self.drop_types.iter().any(|t| name.starts_with(t.as_str()));
        for destination in targets {
            self.deliver_later(id, &destination, dropped);
        }
    }

    /// The destinations that hear of an event of an account: the platform's that ask for such a source, unless the account
    /// has taken its access away, and the account's own. Of its closing, which ends the access too, they hear last.
    pub fn hearers(&self, name: &str, payload: &str, account: &str, source: &str) -> Vec<String> {
        let platform = &self.store().platform;
        let connected = account != platform;
        let left = self
            .get(account)
            .is_some_and(|a| connected && a.hidden["deauthorized"] == true)
            && name != "v2.core.account.closed";
        let own = connected.then(|| self.store().list(Kind::Destination, account));
        let own = own
            .into_iter()
            .flatten()
            .filter(|one| hears(one, name, payload, "@self"));
        self.store()
            .list(Kind::Destination, platform)
            .filter(|one| !left && hears(one, name, payload, source))
            .chain(own)
            .map(|one| one.id.clone())
            .collect()
    }

    /// What an event of an account has as its `context`: what it takes to fetch the object, in one of several ways.
    fn context_of(&self, account: &str) -> Value {
        let platform = &self.store().platform;
        if account == platform {
            return Value::Null;
        }
        match self.assumptions.get("account_event_context") {
            "path" => json!(format!("{platform}/{account}")),
            "platform" => json!(platform),
            "none" => Value::Null,
            _ => json!(account),
        }
    }

    /// Records an event of the namespace v2, and returns its id. It is kept whole, as `GET /v2/core/events/{id}` shows it, on
    /// the account it is an event of.
    pub fn record_core(&mut self, event: &CoreEvent<'_>) -> String {
        let id = self.mint("evt_test_", 50);
        let mut value = json!({
            "id": id,
            "object": "v2.core.event",
            "context": null,
            "created": rfc3339(self.now),
            "livemode": false,
            "reason": null,
            "type": event.name,
        });
        let is_classic = event.name.starts_with("v1.");
        value["context"] = match is_classic && event.account != self.store().platform {
            // It takes the account to fetch an object that lives there.
            true => json!(event.account),
            false => self.context_of(event.account),
        };
        if let Some(request) = &self.origin.request_id {
            value["reason"] = json!({
                "type": "request",
                "request": {
                    "id": request,
                    "idempotency_key": self.origin.idempotency_key.as_deref().unwrap_or_default(),
                },
            });
        }
        if let Some(related) = &event.related {
            value["related_object"] =
                json!({ "id": related.id, "type": related.object, "url": related.url });
        }
        for (name, part) in [("data", &event.data), ("changes", &event.changes)] {
            if !part.is_null() {
                value[name] = part.clone();
            }
        }
        let hidden = json!({ "created": self.now });
        self.insert(Kind::CoreEvent, event.account, value, hidden, None);
        id
    }
}

/// Whether a destination gets an event of this payload style from this source.
fn hears(destination: &Record, name: &str, payload: &str, source: &str) -> bool {
    let has = |field: &str, wanted: &str| {
        let list = destination.value[field].as_array();
        list.is_some_and(|list| list.iter().any(|one| one == wanted))
    };
    destination.text("status") == "enabled"
        && destination.text("event_payload") == payload
        && has("events_from", source)
        && (has("enabled_events", "*") || has("enabled_events", name))
}

/// The object of a classic event as thin events name it. An object without an id has none.
fn classic_object(object: &Value) -> Option<Value> {
    let (id, kind) = (object["id"].as_str()?, object["object"].as_str()?);
    let url = format!("/v1/{}s/{id}", kind.replace('.', "/"));
    Some(json!({ "id": id, "type": kind, "url": url }))
}

/// The bytes of a thin event as they are pushed: what happened in detail is for those who fetch the event
/// (<https://docs.stripe.com/event-destinations#fetch-data>).
pub(crate) fn pushed(event: &Record) -> Value {
    let mut value = event.value.clone();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !["data", "changes"].contains(&name.as_str()));
    }
    value
}
