//! Events.

use souk_entity::Timestamp;
use stripe_core::event::ListEvent;
use stripe_types::RangeQueryTs;

use super::LIMIT;

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
