//! The API of thin events: <https://docs.stripe.com/api/v2/core/events>.

use super::LISTED_FOR;
use crate::{
    api::{
        Call, Route,
        namespace::{page, unix},
    },
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v2/core/events", list),
    ("GET", "/v2/core/events/{id}", |tx, call| {
        let event = tx.get(call.id()).filter(|event| {
            let own = event.owner == call.owner || call.owner == tx.store().platform;
            event.kind == Kind::CoreEvent && own && is_listed(tx, event)
        });
        let event = event.ok_or_else(|| ApiError::missing("event", call.id(), "id"))?;
        Ok(event.value.clone())
    }),
];

/// The most types that one request may name.
const MAX_TYPES: usize = 20;

fn is_listed(tx: &Tx<'_>, event: &Record) -> bool {
    event.hidden["created"]
        .as_i64()
        .is_some_and(|at| at > tx.now - LISTED_FOR)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let types = call.args.texts("types");
    if types.len() > MAX_TYPES {
        return Err(
            ApiError::invalid(format!("You may pass up to {MAX_TYPES} types at a time."))
                .param("types"),
        );
    }
    let created = Created::read(call.args)?;
    let object = call.args.text("object_id");
    let mut rows = tx.store().since(Kind::CoreEvent, 0);
    rows.retain(|event| {
        is_listed(tx, event)
            && is_of(tx, event, call.owner)
            && (types.is_empty() || types.contains(&event.text("type")))
            && object.is_none_or(|id| event.value["related_object"]["id"] == id)
            && created.holds(event.hidden["created"].as_i64().unwrap_or_default())
    });
    rows.sort_by_key(|event| std::cmp::Reverse(event.seq));
    page(call, rows.iter(), |event| event.value.clone())
}

/// Whether an event is in an account's list. It is an open question whose list the events of connected accounts are in that
/// `/v2` tells of: the accounts are objects of the platform's.
fn is_of(tx: &Tx<'_>, event: &Record, owner: &str) -> bool {
    let platform = &tx.store().platform;
    let about_account = event.owner != *platform && event.text("type").starts_with("v2.core.");
    let of_platform = about_account && tx.assumptions.get("account_event_list") == "platform";
    let left = || {
        tx.get(&event.owner)
            .is_some_and(|account| account.hidden["deauthorized"] == true)
    };
    match of_platform {
        true => owner == platform && !left(),
        false => owner == event.owner,
    }
}

/// A range of times, in unix seconds.
struct Created {
    gt: Option<i64>,
    gte: Option<i64>,
    lt: Option<i64>,
    lte: Option<i64>,
}

impl Created {
    fn read(args: &Node) -> Result<Self, ApiError> {
        let bound = |name: &str| {
            let path = format!("created.{name}");
            let Some(text) = args.text(&path) else {
                return Ok(None);
            };
            let wrong = || {
                ApiError::invalid(format!("Invalid value for '{path}': expected a time."))
                    .param(path.clone())
            };
            unix(text).map(Some).ok_or_else(wrong)
        };
        Ok(Self {
            gt: bound("gt")?,
            gte: bound("gte")?,
            lt: bound("lt")?,
            lte: bound("lte")?,
        })
    }

    fn holds(&self, at: i64) -> bool {
        self.gt.is_none_or(|bound| at > bound)
            && self.gte.is_none_or(|bound| at >= bound)
            && self.lt.is_none_or(|bound| at < bound)
            && self.lte.is_none_or(|bound| at <= bound)
    }
}
