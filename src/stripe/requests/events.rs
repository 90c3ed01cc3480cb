//! Events.

use souk_entity::Timestamp;
use stripe_core::event::ListEvent;
use stripe_types::RangeQueryTs;

use super::LIMIT;
use crate::stripe::V2Request;

/// A page of the account's events of these types, created at `since` or later and older than `starting_after`, newest
/// first. Stripe takes at most 20 types, and lists 30 days back (docs.stripe.com/api/events/list).
pub fn list(types: &[&str], since: Timestamp, starting_after: Option<&str>) -> ListEvent {
    let types: Vec<String> = types.iter().map(|kind| (*kind).to_owned()).collect();
    let list = ListEvent::new()
        .limit(LIMIT)
        .types(types)
        .created(RangeQueryTs::gte(since.seconds()));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// The first page of thin events of these types, created at `since` or later, newest first. Stripe takes at most 20 types, and
/// lists 30 days back (docs.stripe.com/api/v2/core/events/list).
pub fn list_thin(types: &[&str], since: Timestamp) -> V2Request {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("created[gte]", &since.to_string());
    query.append_pair("limit", &LIMIT.to_string());
    for (at, kind) in types.iter().enumerate() {
        query.append_pair(&format!("types[{at}]"), kind);
    }
    V2Request {
        path: format!("/v2/core/events?{}", query.finish()),
        body: None,
    }
}

/// Retrieves a thin event with what its delivery leaves out (docs.stripe.com/api/v2/core/events/retrieve).
pub fn retrieve_thin(event: &str) -> V2Request {
    let id: String = form_urlencoded::byte_serialize(event.as_bytes()).collect();
    V2Request {
        path: format!("/v2/core/events/{id}"),
        body: None,
    }
}
