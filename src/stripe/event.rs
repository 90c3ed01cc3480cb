//! A verified Stripe event, read leniently, and what its effect came to.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use souk_entity::{AccountId, Timestamp};

use crate::client_secrets;
use crate::db;
use crate::error::{Error, Result};

/// The most characters of Stripe's ids (docs.stripe.com/upgrades, backwards-compatible changes), and of the other texts
/// of an envelope that are stored.
const MAX_CHARS: usize = 255;
/// The last second of the year 9999. A later time can't be shown as a date.
const LAST_SECOND: i64 = 253_402_300_799;
/// The `object` of a thin event.
const THIN: &str = "v2.core.event";

/// The paths of the envelope's fields.
const FIELDS: [&str; 11] = [
    "id",
    "object",
    "type",
    "account",
    "context",
    "livemode",
    "created",
    "api_version",
    "data.object.id",
    "related_object.id",
    "data.account_id",
];

/// The envelope of an event (docs.stripe.com/api/events/object), and the whole as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `checkout.session.completed`.
    pub kind: String,
    /// The connected account it happened on. None: the platform's own.
    pub account: Option<AccountId>,
    /// Whether it is a thin event, which names its object and doesn't carry it (docs.stripe.com/event-destinations).
    pub thin: bool,
    /// `livemode`, if the event has it.
    mode: Option<bool>,
    /// In whole seconds, except for thin events. It gives no order of events.
    pub created: Timestamp,
    /// The version its object is shaped by.
    pub api_version: Option<String>,
    /// The id of `data.object`; of a thin event's `related_object`, or the account that a link leads into.
    pub object_id: Option<String>,
    /// The bytes as they came, but for client secrets: JSON in UTF-8. Each effect reads the fields it needs of `data.object`, which is a snapshot
    /// of the moment of the event.
    pub payload: Bytes,
}

/// What an event is about, where it carries no object: a thin event, or one whose payload may be gone.
#[derive(Clone, Debug)]
pub struct EventObject {
    /// The event's own id.
    pub event: String,
    /// The connected account it happened on. None: the platform's own. Of a thin event it may also be the platform.
    pub account: Option<AccountId>,
    /// Live money, or test.
    pub livemode: bool,
    /// The id of `data.object`, or of a thin event's `related_object`.
    pub id: Option<String>,
}

/// What an event did to our database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changed something, or found it changed already.
    Applied,
    /// It concerns nothing of ours; the reason is for whoever reads the inbox.
    Ignored(&'static str),
    /// A row that it needs is not there yet. It is tried again when that row comes, and by sweep.
    Deferred {
        /// What it waits for, such as a session id.
        waits_for: String,
    },
}

impl Event {
    /// Reads an envelope. `None`: the payload is no JSON object, or has no id that Stripe could have given. Any other
    /// field of a wrong shape is left empty, so that the event can still be stored.
    pub fn read(payload: Bytes) -> Option<Self> {
        let json = client_secrets::masked(std::str::from_utf8(&payload).ok()?);
        let found = fields(&json, FIELDS).or_else(|| step_by_step(&json, FIELDS));
        let [
            id,
            what,
            kind,
            account,
            context,
            mode,
            at,
            version,
            object,
            related,
            linked,
        ] = found?;
        let thin = text(what).as_deref() == Some(THIN);
        // The last part of the path is the account it happened on (docs.stripe.com/context).
        let context = text(context).filter(|_| thin);
        let last = context.and_then(|way| way.rsplit('/').next().map(ToOwned::to_owned));
        let context = last.filter(|account| !account.is_empty());
        Some(Self {
            // Never cut short: two ids could become one, and the second event would be a duplicate of the first.
            id: whole_text(id).filter(|id| id.chars().count() <= MAX_CHARS)?,
            kind: text(kind).unwrap_or_default(),
            account: text(account).or(context).map(AccountId),
            thin,
            mode: read(mode),
            created: moment(at).unwrap_or_default(),
            api_version: text(version),
            object_id: match thin {
                // One that was retrieved and not delivered says so itself.
                true => text(related).or_else(|| text(linked)),
                false => text(object),
            },
            payload: match json {
                Cow::Owned(masked) => Bytes::from(masked),
                Cow::Borrowed(_) => payload.clone(),
            },
        })
    }

    /// Live money, or test.
    ///
    /// # Errors
    /// The event doesn't say it. It is stored, but must have no effect.
    pub fn livemode(&self) -> Result<bool> {
        self.mode.ok_or_else(|| {
            let kind = &self.kind;
            Error::internal(format!("{kind} says neither that it is live nor test"))
        })
    }

    /// What it is about, without what it says of it.
    ///
    /// # Errors
    /// The event says neither that it is live nor test.
    pub fn about(&self) -> Result<EventObject> {
        Ok(EventObject {
            event: self.id.clone(),
            account: self.account.clone(),
            livemode: self.livemode()?,
            id: self.object_id.clone(),
        })
    }

    /// Reads the fields that an effect needs of `data.object`.
    ///
    /// # Errors
    /// Names the field that has an unexpected shape.
    pub fn object<T: DeserializeOwned>(&self) -> Result<T> {
        #[derive(Deserialize)]
        struct Whole<T> {
            data: Data<T>,
        }
        #[derive(Deserialize)]
        struct Data<T> {
            object: T,
        }
        // One pass is enough for nearly every event. One without an object's id may hold a list, and serde would take a
        // list for the fields in their order.
        if self.object_id.is_some()
            && !self.thin
            && let Ok(whole) = serde_json::from_slice::<Whole<T>>(&self.payload)
        {
            return Ok(whole.data.object);
        }
        let json = std::str::from_utf8(&self.payload).unwrap_or_default();
        let object = step_by_step(json, ["data.object"]).and_then(|[object]| object);
        let object = object.filter(|object| !self.thin && !object.get().starts_with('['));
        let text = object.map_or("null", RawValue::get);
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json).map_err(|e| {
            // The path without the value, which may hold somebody's data.
            let (kind, path) = (&self.kind, e.path());
            Error::internal(format!("{kind} has an unexpected shape at {path}"))
        })
    }
}

/// The raw values at paths such as `data.object.id`; of a repeated name the last counts. `None`: `json` is no object, or
/// a value on the way to a path is none.
fn fields<'a, const N: usize>(
    json: &'a str,
    paths: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let mut json = serde_json::Deserializer::from_str(json);
    let found = json.deserialize_map(Fields(paths)).ok()?;
    json.end().ok()?;
    Some(found)
}

/// As `fields`, step by step, for a payload in which a value on the way is no object: a name may be there twice.
fn step_by_step<'a, const N: usize>(
    json: &'a str,
    paths: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    let first = paths.map(|path| path.split('.').next().unwrap_or(path));
    let mut found = fields(json, first)?;
    for (value, path) in found.iter_mut().zip(paths) {
        for name in path.split('.').skip(1) {
            let inner = value.and_then(|value| fields(value.get(), [name]));
            *value = inner.and_then(|[value]| value);
        }
    }
    Some(found)
}

/// The paths to look for in an object; an empty path matches nothing.
struct Fields<'n, const N: usize>([&'n str; N]);

impl<'n, const N: usize> Fields<'n, N> {
    /// The rest of each path that goes through a field. `None`: no path does.
    fn through(&self, name: &str) -> Option<Self> {
        let rest = |path: &'n str| path.strip_prefix(name)?.strip_prefix('.');
        let leads = |path: &&'n str| rest(path).is_some_and(|rest| !rest.is_empty());
        let is_on_the_way = self.0.iter().any(leads);
        is_on_the_way.then(|| Self(self.0.map(|path| rest(path).unwrap_or_default())))
    }
}

impl<'a, const N: usize> DeserializeSeed<'a> for Fields<'_, N> {
    type Value = [Option<&'a RawValue>; N];

    fn deserialize<D: Deserializer<'a>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
    type Value = [Option<&'a RawValue>; N];

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        // Raw, since a name that we don't look for may hold half a surrogate pair.
        while let Some(name) = map.next_key::<&RawValue>()? {
            let name = match name.get().contains('\\') {
                true => read(Some(name)).map(Cow::Owned),
                false => Some(Cow::Borrowed(name.get().trim_matches('"'))),
            };
            let name = name.unwrap_or_default();
            let here = self.0.iter().position(|path| *path == name);
            if let Some(at) = here.filter(|_| !name.is_empty()) {
                found[at] = Some(map.next_value()?);
            } else if let Some(inner) = self.through(&name) {
                let led = inner.0.map(|path| !path.is_empty());
                let values = map.next_value_seed(inner)?;
                for at in (0..N).filter(|at| led[*at]) {
                    found[at] = values[at];
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A field's value, if it has that type.
fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A text, shortened and cleaned so that the database can store it.
fn text(raw: Option<&RawValue>) -> Option<String> {
    Some(db::fit(&whole_text(raw)?, MAX_CHARS))
}

/// As `text`, at its full length.
fn whole_text(raw: Option<&RawValue>) -> Option<String> {
    let text = read(raw).filter(|text: &String| !text.is_empty())?;
    Some(db::fit(&text, usize::MAX))
}

/// A time: whole seconds, or a text in a thin event.
fn moment(raw: Option<&RawValue>) -> Option<Timestamp> {
    let seconds = read(raw).filter(|at| (0..=LAST_SECOND).contains(at));
    seconds.map(Timestamp::from_seconds).or_else(|| read(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> Option<Event> {
        Event::read(Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn an_envelope_is_read_leniently_and_its_last_field_of_a_name_counts() {
        let odd = event(
            r#"{"id":"evt_0","data":{"object":{"id":"a"},"object":{"x":[{"id":9}],"id":"b"}},
            "livemode":"yes","created":1.5,"account":7,"type":null,"id":"evt_1"}"#,
        );
        let odd = odd.expect("an event");
        assert_eq!((odd.id.as_str(), odd.kind.as_str()), ("evt_1", ""));
        assert_eq!(odd.object_id.as_deref(), Some("b"));
        assert!(odd.livemode().is_err() && odd.account.is_none() && odd.created.0 == 0);
        let twice =
            event(r#"{"id":"evt_1","data":[1e999],"data":{"object":7,"object":{"id":"a","x":1}}}"#);
        let twice = twice.expect("an event");
        assert_eq!(twice.object_id.as_deref(), Some("a"));
        assert_eq!(
            twice.object::<serde_json::Value>().expect("an object"),
            serde_json::json!({ "id": "a", "x": 1 })
        );
        let bare = event(r#"{"id":"evt_1"}"#).expect("an event");
        assert!(bare.object_id.is_none() && bare.object::<Vec<u8>>().is_err());
        let listed = event(r#"{"id":"evt_1","data":{"object":["a",null]}}"#);
        assert!(listed.expect("an event").object::<(String, ())>().is_err());
    }

    #[test]
    fn a_thin_event_names_its_account_and_its_object_elsewhere() {
        let thin = |more: &str| {
            let event = event(&format!(
                r#"{{"id":"evt_1","object":"v2.core.event",{more}}}"#
            ));
            event.expect("an event")
        };
        let whole = thin(
            r#""context":"acct_1/acct_2","created":"2026-11-18T11:06:40.250Z",
            "related_object":{"id":"a"},"data":{"object":{"id":"b"}}"#,
        );
        assert!(whole.thin && whole.account == Some(AccountId::from("acct_2")));
        assert!(
            whole
                .object::<serde_json::Value>()
                .is_ok_and(|object| object.is_null())
        );
        assert_eq!(whole.object_id.as_deref(), Some("a"));
        assert_eq!(whole.created.0, 1_795_000_000_250);
        let bare = thin(r#""context":"acct_1/","related_object":null"#);
        assert!(bare.account.is_none() && bare.object_id.is_none());
        let other = event(r#"{"id":"evt_1","object":"event","context":"acct_1"}"#);
        assert!(other.expect("an event").account.is_none());
    }

    #[test]
    fn texts_fit_the_database_and_an_id_is_never_cut() {
        let long = "é".repeat(256);
        let odd = event(&format!(
            r#"{{"id":"evt_\u0000","type":"{long}","created":253402300800,"account":"\ud800"}}"#
        ));
        let odd = odd.expect("an event");
        assert_eq!(odd.id, "evt_\u{fffd}");
        assert_eq!(odd.kind, format!("{}…", "é".repeat(254)));
        assert!(odd.created.0 == 0 && odd.account.is_none());
        assert!(event(&format!(r#"{{"id":"{}"}}"#, &long[2..])).is_some());
        assert!(event(&format!(r#"{{"id":"{long}"}}"#)).is_none());
    }

    #[test]
    fn what_is_no_object_with_an_id_is_no_event() {
        for bad in [
            "",
            "null",
            "[]",
            "{}",
            "{\"id\":7}",
            "{\"id\":\"\"}",
            "{\"id\":\"evt_1\"}}",
            "{\"id\":\"evt_1\"",
            "7",
        ] {
            assert!(event(bad).is_none(), "{bad}");
        }
        let latin = b"{\"id\":\"evt_1\",\"x\":\"\xff\"}";
        assert!(Event::read(Bytes::from_static(latin)).is_none());
    }

    #[test]
    fn however_deep_an_object_is_nested_the_event_is_kept() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let event = event(&format!(
            "{{\"id\":\"evt_1\",\"data\":{{\"object\":{{\"id\":\"a\",\"x\":{deep}}}}}}}"
        ));
        assert_eq!(event.expect("an event").object_id.as_deref(), Some("a"));
    }
}
