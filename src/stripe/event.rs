//! A verified Stripe event, read leniently, and what its effect came to.

use serde::Deserializer;
use serde::de::{DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use souk_entity::{AccountId, Timestamp};

use crate::error::{Error, Result};

/// The envelope of an event (docs.stripe.com/api/events/object), and its object as it came.
#[derive(Clone, Debug)]
pub struct Event {
    /// `evt_…`.
    pub id: String,
    /// Such as `checkout.session.completed`.
    pub kind: String,
    /// The connected account it happened on; none: the platform's own.
    pub account: Option<AccountId>,
    /// Live money, or test.
    pub livemode: bool,
    /// Whole seconds: never an order.
    pub created: Timestamp,
    /// The version its object is shaped by.
    pub api_version: Option<String>,
    /// The id of `data.object`.
    pub object_id: Option<String>,
    /// `data.object`, a snapshot of the moment of the event: its text, of which each effect reads what it needs.
    object: Option<Box<RawValue>>,
}

/// What an event did to our database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It changed something, or found it changed already.
    Applied,
    /// It concerns nothing of ours; the reason is for whoever reads the inbox.
    Ignored(&'static str),
    /// What it needs is not there yet: it is tried again when that comes, and by sweep.
    Deferred {
        /// What it waits for, such as a session id.
        waits_for: String,
    },
}

impl Event {
    /// Reads an envelope. `None`: no JSON object, or one without an id.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let payload = std::str::from_utf8(payload).ok()?;
        let names = [
            "id",
            "type",
            "account",
            "livemode",
            "created",
            "api_version",
            "data",
        ];
        let [id, kind, account, livemode, created, api_version, data] = fields(payload, names)?;
        let object = data.and_then(|data| fields(data.get(), ["object"]));
        let object = object.and_then(|[object]| object);
        let object_id = object.and_then(|object| fields(object.get(), ["id"]));
        Some(Self {
            id: text(id)?,
            kind: text(kind).unwrap_or_default(),
            account: text(account).map(AccountId),
            livemode: read(livemode).unwrap_or_default(),
            created: Timestamp::from_seconds(read(created).unwrap_or_default()),
            api_version: text(api_version),
            object_id: object_id.and_then(|[id]| text(id)),
            object: object.map(ToOwned::to_owned),
        })
    }

    /// Reads what an effect needs of `data.object`.
    pub fn object<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.object.as_ref().map_or("null", |object| object.get());
        if let Ok(object) = serde_json::from_str(text) {
            return Ok(object);
        }
        // Why not: the path and not the value, which may hold somebody's data.
        let mut json = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(&mut json).map_err(|e| {
            let (kind, path) = (&self.kind, e.path());
            Error::internal(format!("{kind} has an unexpected shape at {path}"))
        })
    }
}

/// The raw values of an object's fields by name, the last of each; the others are passed over. `None`: no object.
fn fields<'a, const N: usize>(
    json: &'a str,
    names: [&str; N],
) -> Option<[Option<&'a RawValue>; N]> {
    struct Fields<'n, const N: usize>([&'n str; N]);

    impl<'a, const N: usize> Visitor<'a> for Fields<'_, N> {
        type Value = [Option<&'a RawValue>; N];

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [None; N];
            while let Some(at) = map.next_key_seed(Name(&self.0))? {
                match at {
                    Some(at) => found[at] = Some(map.next_value()?),
                    None => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok(found)
        }
    }
    /// Which of the names a field's is.
    struct Name<'n>(&'n [&'n str]);

    impl<'a> DeserializeSeed<'a> for Name<'_> {
        type Value = Option<usize>;

        fn deserialize<D: Deserializer<'a>>(self, name: D) -> Result<Self::Value, D::Error> {
            name.deserialize_str(self)
        }
    }

    impl Visitor<'_> for Name<'_> {
        type Value = Option<usize>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a name")
        }

        fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
            Ok(self.0.iter().position(|wanted| *wanted == name))
        }
    }

    let mut json = serde_json::Deserializer::from_str(json);
    let found = json.deserialize_map(Fields(names)).ok()?;
    json.end().ok()?;
    Some(found)
}

/// What a field holds, if it is of that type.
fn read<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    read(raw).filter(|text: &String| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(json: &str) -> Option<Event> {
        Event::read(json.as_bytes())
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
        assert!(!odd.livemode && odd.account.is_none() && odd.created.0 == 0);
        let bare = event(r#"{"id":"evt_1"}"#).expect("an event");
        assert!(bare.object_id.is_none() && bare.object::<Vec<u8>>().is_err());
        let thin = event(r#"{"id":"evt_1","object":"v2.core.event","data":null}"#);
        assert!(thin.expect("an event").object_id.is_none());
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
        assert!(Event::read(b"{\"id\":\"evt_1\",\"x\":\"\xff\"}").is_none());
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
