//! Subscriptions and their items: <https://docs.stripe.com/api/subscriptions>.

use super::calendar::Interval;
use crate::{
    api::Route,
    store::{Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[];

pub(crate) fn has_ended(_s: &Record) -> bool {
    true
}
pub(crate) fn shortest(_s: &Record) -> Option<Interval> {
    None
}
pub(crate) fn end(_tx: &mut Tx<'_>, _id: &str, _reason: &str) {}
