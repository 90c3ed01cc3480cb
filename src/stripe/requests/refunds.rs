//! Refunds (docs.stripe.com/api/refunds) and the payment intents they belong to.

use std::collections::HashMap;

use stripe_client_core::StripeRequest;
use stripe_core::refund::{
    CancelRefund, CreateRefund, CreateRefundReason, ListRefund, RetrieveRefund,
};

/// The `metadata` name that carries our refund's id.
pub const METADATA_REFUND: &str = "souk_refund";

/// Creates a refund of a payment intent (docs.stripe.com/api/refunds/create); `amount` is in minor units. Stripe writes to
/// `instructions_email` where it can't refund the method by itself. With `fee_back`
/// the application fee is returned in proportion (`refund_application_fee`). Stripe refuses that for a charge without a
/// fee.
pub fn create(
    intent: &str,
    amount: i64,
    reason: Option<&str>,
    instructions_email: Option<&str>,
    fee_back: bool,
    refund: &str,
) -> impl StripeRequest + use<> {
    let mut request = CreateRefund::new()
        .payment_intent(intent)
        .amount(amount)
        .metadata(HashMap::from([(
            METADATA_REFUND.to_owned(),
            refund.to_owned(),
        )]))
        .expand(vec!["balance_transaction".to_owned()]);
    if let Some(reason) = reason.and_then(|reason| reason.parse::<CreateRefundReason>().ok()) {
        request = request.reason(reason);
    }
    if let Some(email) = instructions_email {
        request = request.instructions_email(email);
    }
    if fee_back {
        request = request.refund_application_fee(true);
    }
    request
}

/// A page of the refunds of a payment intent, newest first.
pub fn list(intent: &str, starting_after: Option<&str>) -> impl StripeRequest + use<> {
    let mut request = ListRefund::new()
        .payment_intent(intent)
        .limit(100)
        .expand(vec!["data.balance_transaction".to_owned()]);
    if let Some(last) = starting_after {
        request = request.starting_after(last);
    }
    request
}

/// Cancels a refund in `requires_action` (docs.stripe.com/api/refunds/cancel).
pub fn cancel(refund: &str) -> impl StripeRequest + use<> {
    CancelRefund::new(refund).expand(vec!["balance_transaction".to_owned()])
}

/// A refund with its balance transaction.
pub fn retrieve(refund: &str) -> impl StripeRequest + use<> {
    RetrieveRefund::new(refund).expand(vec!["balance_transaction".to_owned()])
}
