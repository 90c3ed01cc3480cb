//! Setup intents (docs.stripe.com/api/setup_intents).

use std::collections::HashMap;

use souk_entity::Timestamp;
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAllowedPaymentMethodTypes,
    CreateCheckoutSessionSetupIntentData, RetrieveCheckoutSession,
};
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

/// Creates a Checkout Session on Stripe's own page that saves a card for a customer, for payments while the buyer isn't there, too
/// (docs.stripe.com/api/checkout/sessions/create, `mode=setup`). The addresses may hold `{CHECKOUT_SESSION_ID}`.
pub fn create_session(
    customer: &str,
    (success_url, cancel_url): &(String, String),
    id: &str,
) -> impl StripeRequest + use<> {
    let mark = HashMap::from([(METADATA_SETUP.to_owned(), id.to_owned())]);
    let mut intent = CreateCheckoutSessionSetupIntentData::new();
    intent.metadata = Some(mark.clone());
    CreateCheckoutSession::new()
        .mode(stripe_shared::CheckoutSessionMode::Setup)
        .customer(customer)
        .allowed_payment_method_types([CreateCheckoutSessionAllowedPaymentMethodTypes::Card])
        .setup_intent_data(intent)
        .client_reference_id(id)
        .success_url(success_url)
        .cancel_url(cancel_url)
        .metadata(mark)
}

/// Retrieves a session with its setup intent and that one's payment method.
pub fn retrieve_session(session: &str) -> impl StripeRequest + use<> {
    RetrieveCheckoutSession::new(session).expand(vec!["setup_intent.payment_method".to_owned()])
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
