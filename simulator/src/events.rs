//! Events and the deliveries they ask for: <https://docs.stripe.com/webhooks>.

use serde_json::{Value, json};

use crate::{
    accounts::v2,
    api::merged,
    core_events,
    store::{Kind, Record, Tx},
};

/// The version of every object and event.
pub const API_VERSION: &str = "2026-09-30.endive";

/// The events that an account of `/v2` may have thin ones for instead. `account.application.…` isn't among them.
const OF_ACCOUNTS: [&str; 4] = [
    "account.updated",
    "account.external_account.",
    "capability.",
    "person.",
];

impl Tx<'_> {
    /// Emits an event about an object on an account. The snapshot is fixed here and never changes.
    pub fn emit(&mut self, name: &str, owner: &str, object: &Value) {
        self.emit_change(name, owner, object, None);
    }

    /// As [`Tx::emit`], with what the changed fields were before.
    pub fn emit_change(&mut self, name: &str, owner: &str, object: &Value, before: Option<Value>) {
        let connected = owner != self.store().platform;
        let source = if connected { "@accounts" } else { "@self" };
        if OF_ACCOUNTS.iter().any(|of| name.starts_with(of))
            && self.get(owner).is_some_and(|a| v2::made_here(&a))
            && self.assumptions.get("v2_snapshots") == "silent"
        {
            return;
        }
        // The platform's endpoints, and those that a connected account has of its own.
        let own = connected.then(|| self.store().list(Kind::Endpoint, owner));
        let own = own.into_iter().flatten().filter(|e| wants(e, name, false));
        // The platform hears of no account that has taken its access away.
        let hears = !connected
            || self
                .get(owner)
                .is_none_or(|a| a.hidden["deauthorized"] != true);
        let targets: Vec<String> = self
            .store()
            .list(Kind::Endpoint, &self.store().platform)
            .filter(|e| hears && wants(e, name, connected))
            .chain(own)
            .map(|e| e.id.clone())
            .chain(self.hearers(name, "snapshot", owner, source))
            .collect();
        let id = self.mint("evt_1", 23);
        let data = match before {
            Some(before) => format!(r#"{{"object":{object},"previous_attributes":{before}}}"#),
            None => format!(r#"{{"object":{object}}}"#),
        };
        let mut event = json!({
            "id": id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.now,
            "data": DATA,
            "livemode": false,
            "pending_webhooks": targets.len(),
            "request": {
                "id": self.origin.request_id,
                "idempotency_key": self.origin.idempotency_key,
            },
            "type": name,
        });
        if connected {
            event["account"] = json!(owner);
        }
        let dropped = self.drop_types.iter().any(|t| name.starts_with(t.as_str()));
        self.insert(Kind::Event, owner, event, json!({ "data": data }), None);
        for endpoint in targets {
            self.deliver_later(&id, &endpoint, dropped);
        }
        self.emit_thin_form(name, owner, object, &id);
    }

    /// As [`Tx::emit_change`], for an update request. It is an open question whether an update
    /// without a change emits an event.
    pub fn emit_update(&mut self, name: &str, owner: &str, before: &Value, after: &Value) {
        let changed = changes(before, after);
        if changed != json!({}) || self.assumptions.get("unchanged_updates") == "sent" {
            self.emit_change(name, owner, after, Some(changed));
        }
    }

    pub(crate) fn deliver_later(&mut self, event: &str, endpoint: &str, dropped: bool) {
        let id = self.mint("dlv_", 16);
        let owner = self.platform();
        let delivery = json!({
            "id": id,
            "event": event,
            "endpoint": endpoint,
            "status": if dropped { "dropped" } else { "pending" },
            "next_at": self.simulator_now(),
            "attempts": [],
        });
        self.insert(Kind::Delivery, &owner, delivery, Value::Null, None);
    }

    /// Emits `<name>` with the account's present state as its object, and what changed.
    pub fn emit_account(&mut self, account: &str, before: Option<Value>) {
        if let Some(record) = self.get(account) {
            self.emit_change("account.updated", account, &record.value, before);
        }
    }
}

/// The placeholder for `data` in an event's record. The snapshot is kept as text, since it never
/// changes and a tree would take many times the memory.
const DATA: &str = "…";

impl Record {
    /// The object as it is shown.
    pub fn shown(&self) -> Value {
        let mut value = self.value.clone();
        if let Some(data) = self.hidden["data"]
            .as_str()
            .filter(|_| self.kind == Kind::Event)
        {
            value["data"] = serde_json::from_str(data).unwrap_or_default();
        }
        merged(value, self.hidden["shown"].clone())
    }

    /// The bytes of an event as it was at its creation.
    pub fn sent_as(&self) -> String {
        if self.kind == Kind::CoreEvent {
            return core_events::pushed(self).to_string();
        }
        let mut value = self.value.clone();
        let sent = &self.hidden["sent"];
        if !sent.is_null() {
            value["pending_webhooks"] = sent.clone();
        }
        let text = value.to_string();
        match self.hidden["data"].as_str() {
            Some(data) => text.replacen(
                &format!("\"data\":\"{DATA}\""),
                &format!("\"data\":{data}"),
                1,
            ),
            None => text,
        }
    }
}

/// Whether an endpoint gets an event. Connect endpoints get those of connected accounts, other
/// endpoints those of their own account.
fn wants(endpoint: &Record, name: &str, connected: bool) -> bool {
    let connect = endpoint.hidden["connect"] == json!(true);
    endpoint.text("status") == "enabled"
        && connect == connected
        && endpoint.value["enabled_events"]
            .as_array()
            .is_some_and(|list| list.iter().any(|t| t == "*" || t == name))
}

/// `previous_attributes`: the top-level fields that differ, as they were.
pub(crate) fn changes(before: &Value, after: &Value) -> Value {
    let mut out = json!({});
    if let (Some(before), Some(after)) = (before.as_object(), after.as_object()) {
        for (key, value) in after {
            let old = before.get(key).unwrap_or(&Value::Null);
            if old != value {
                out[key] = old.clone();
            }
        }
    }
    out
}
