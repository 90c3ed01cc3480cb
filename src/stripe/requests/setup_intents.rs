//! Setup intents (docs.stripe.com/api/setup_intents).

use std::collections::HashMap;

use souk_entity::Timestamp;
use stripe_client_core::StripeRequest;
use stripe_core::setup_intent::{
    CancelSetupIntent, CreateSetupIntent, CreateSetupIntentAutomaticPaymentMethods,
    CreateSetupIntentUsage, ListSetupIntent, RetrieveSetupIntent,
};

use super::{LIMIT, created_since};

/// The `metadata` name that carries our setup intent's id.
pub const METADATA_SETUP: &str = "souk_setup_intent";

/// Creates a setup intent for a customer, with the payment methods that the seller's dashboard allows
/// (docs.stripe.com/api/setup_intents/create). `off_session`: it may be charged while the buyer isn't there.
pub fn create(customer: &str, off_session: bool, id: &str) -> impl StripeRequest + use<> {
    let mark = HashMap::from([(METADATA_SETUP.to_owned(), id.to_owned())]);
    CreateSetupIntent::new()
        .customer(customer)
        .automatic_payment_methods(CreateSetupIntentAutomaticPaymentMethods::new(true))
        .usage(match off_session {
            true => CreateSetupIntentUsage::OffSession,
            false => CreateSetupIntentUsage::OnSession,
        })
        .metadata(mark)
}

/// Retrieves a setup intent with its payment method.
pub fn retrieve(intent: &str) -> impl StripeRequest + use<> {
    RetrieveSetupIntent::new(intent).expand(vec!["payment_method".to_owned()])
}

/// A page of the account's setup intents created since, newest first.
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListSetupIntent {
    let list = ListSetupIntent::new()
        .limit(LIMIT)
        .created(created_since(since));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Cancels an open setup intent (docs.stripe.com/api/setup_intents/cancel). Stripe refuses one in another status.
pub fn cancel(intent: &str) -> impl StripeRequest + use<> {
    CancelSetupIntent::new(intent).expand(vec!["payment_method".to_owned()])
}
