//! Payment intents (docs.stripe.com/api/payment_intents).

use stripe_client_core::StripeRequest;
use stripe_core::payment_intent::RetrievePaymentIntent;

/// Retrieves an intent with its newest charge.
pub fn retrieve(intent: &str) -> impl StripeRequest + use<> {
    RetrievePaymentIntent::new(intent).expand(vec!["latest_charge".to_owned()])
}
