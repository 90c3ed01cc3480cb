//! Events of the namespace v2: small, without a version, they name the object that has changed.
//! <https://docs.stripe.com/api/v2/core/events>, <https://docs.stripe.com/event-destinations>.

use serde_json::{Value, json};

use crate::{
    api::namespace::rfc3339,
    store::{Kind, Tx},
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
    /// Records an event of the namespace v2, and returns its id. It is kept whole, as `GET /v2/core/events/{id}` shows it, on
    /// the account it is an event of.
    pub fn emit_core(&mut self, event: &CoreEvent<'_>) -> String {
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
        if event.account != self.store().platform {
            value["context"] = json!(event.account);
        }
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
