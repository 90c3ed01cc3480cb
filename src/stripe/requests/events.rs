//! Events.

use souk_entity::Timestamp;
use stripe_core::event::ListEvent;
use stripe_types::RangeQueryTs;

use super::LIMIT;

/// A page of the account's events of these types, newest first (docs.stripe.com/api/events/list, which goes back 30
/// days): those created at `since` or later, older than `starting_after`. At most twenty types.
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
