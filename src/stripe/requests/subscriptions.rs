//! Subscriptions (docs.stripe.com/api/subscriptions).

use stripe_billing::subscription::{CancelSubscription, RetrieveSubscription, UpdateSubscription};
use stripe_client_core::StripeRequest;

/// Retrieves a subscription with its items.
pub fn retrieve(subscription: &str) -> impl StripeRequest + use<> {
    RetrieveSubscription::new(subscription)
}

/// Has a subscription end with its period, or not (docs.stripe.com/billing/subscriptions/cancel).
pub fn cancel_at_period_end(subscription: &str, ends: bool) -> impl StripeRequest + use<> {
    UpdateSubscription::new(subscription).cancel_at_period_end(ends)
}

/// Ends a subscription now. What was paid for the rest of its period isn't given back.
pub fn cancel(subscription: &str) -> impl StripeRequest + use<> {
    CancelSubscription::new(subscription)
}
