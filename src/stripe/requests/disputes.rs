//! Disputes (docs.stripe.com/api/disputes).

use stripe_client_core::StripeRequest;
use stripe_core::dispute::{ListDispute, RetrieveDispute};

use super::LIMIT;

/// A dispute.
pub fn retrieve(dispute: &str) -> impl StripeRequest + use<> {
    RetrieveDispute::new(dispute)
}

/// A page of the disputes of a payment intent, newest first.
pub fn list(intent: &str, starting_after: Option<&str>) -> impl StripeRequest + use<> {
    let list = ListDispute::new().payment_intent(intent).limit(LIMIT);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}
