//! Payment intents (docs.stripe.com/api/payment_intents).

use std::collections::HashMap;

use souk_entity::Timestamp;
use stripe_client_core::StripeRequest;
use stripe_core::payment_intent::{
    CancelPaymentIntent, CancelPaymentIntentCancellationReason as Reason, CapturePaymentIntent,
    ConfirmPaymentIntent, ConfirmPaymentIntentOffSession, CreatePaymentIntent,
    CreatePaymentIntentAutomaticPaymentMethods, ListPaymentIntent, RetrievePaymentIntent,
};

use stripe_shared::PaymentIntentAllowedPaymentMethodTypes as AllowedType;

use super::{LIMIT, created_since};

/// The parameters of a payment intent. Amounts are in minor units.
pub struct NewIntent<'a> {
    /// What is to be collected.
    pub amount: i64,
    /// Lower case.
    pub currency: &'a str,
    /// `application_fee_amount`. Left out at zero, as Stripe wants.
    pub application_fee: i64,
    /// `description`: what the buyer's receipt and the dashboard show.
    pub description: &'a str,
    /// `receipt_email`.
    pub email: &'a str,
    /// `capture_method=manual`; else Stripe's default, as soon as the bank has authorized it.
    pub is_manual: bool,
    /// It is only a hint, never an authority.
    pub metadata: HashMap<String, String>,
    /// `customer`.
    pub customer: Option<&'a str>,
    /// `allowed_payment_method_types`; none: automatic payment methods. Stripe takes one of both.
    pub allowed_types: Option<&'a [String]>,
    /// `payment_method`: the customer's card that it is to be paid by.
    pub payment_method: Option<&'a str>,
    /// Whether to save what pays it (`setup_future_usage`), for payments at which the customer is there.
    pub saves: bool,
}

/// What saves a card while it pays (`setup_future_usage`).
pub struct Saving;

impl Saving {
    /// Of an intent, and of a session's intent. In what people have typed `=` is encoded.
    const PARAMETERS: [&str; 2] = [
        "setup_future_usage=on_session",
        "[setup_future_usage]=on_session",
    ];

    /// Whether a request, as it is stored, asks for it.
    pub fn is_asked_by(request: &str) -> bool {
        Self::PARAMETERS.iter().any(|asks| request.contains(asks))
    }
}

/// Whether Stripe knows a payment method of this name.
pub fn is_payment_method_type(name: &str) -> bool {
    !matches!(name.parse(), Ok(AllowedType::Unknown(_)))
}

/// Creates an intent with the payment methods that the seller allows, here or in their dashboard
/// (docs.stripe.com/api/payment_intents/create).
pub fn create(new: NewIntent<'_>) -> impl StripeRequest + use<> {
    let currency: stripe_types::Currency = new.currency.parse().unwrap_or_default();
    let mut request = CreatePaymentIntent::new(new.amount, currency)
        .description(new.description)
        .receipt_email(new.email)
        .metadata(new.metadata);
    request = match new.allowed_types {
        Some(types) => {
            let types = types.iter().filter_map(|name| name.parse().ok());
            request.allowed_payment_method_types(types.collect::<Vec<AllowedType>>())
        }
        None => {
            request.automatic_payment_methods(CreatePaymentIntentAutomaticPaymentMethods::new(true))
        }
    };
    if let Some(customer) = new.customer {
        request = request.customer(customer);
    }
    if let Some(method) = new.payment_method {
        request = request.payment_method(method);
    }
    if new.saves {
        request =
            request.setup_future_usage(stripe_shared::PaymentIntentSetupFutureUsage::OnSession);
    }
    if new.is_manual {
        request = request.capture_method(stripe_shared::PaymentIntentCaptureMethod::Manual);
    }
    match new.application_fee {
        0 => request,
        fee => request.application_fee_amount(fee),
    }
}

/// Confirms an intent by a saved card while its holder isn't there (docs.stripe.com/api/payment_intents/confirm, `off_session`).
/// A bank that wants to see them declines it.
pub fn confirm_off_session(intent: &str, method: &str) -> impl StripeRequest + use<> {
    ConfirmPaymentIntent::new(intent)
        .payment_method(method)
        .off_session(ConfirmPaymentIntentOffSession::Bool(true))
        .expand(vec!["latest_charge".to_owned()])
}

/// Confirms an intent with what its buyer entered on a page (docs.stripe.com/api/payment_intents/confirm, `confirmation_token`).
pub fn confirm_by_token(intent: &str, token: &str, return_url: &str) -> impl StripeRequest + use<> {
    ConfirmPaymentIntent::new(intent)
        .confirmation_token(token)
        .return_url(return_url)
}

/// Retrieves an intent with its newest charge.
pub fn retrieve(intent: &str) -> impl StripeRequest + use<> {
    RetrievePaymentIntent::new(intent).expand(vec!["latest_charge".to_owned()])
}

/// A page of the account's intents created since, newest first.
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListPaymentIntent {
    let list = ListPaymentIntent::new()
        .limit(LIMIT)
        .created(created_since(since));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Captures held money, whole or in part, and releases the rest (docs.stripe.com/api/payment_intents/capture). Amounts are in
/// minor units. A fee of zero is left out, as Stripe wants; then it takes what was asked for when the intent was made.
pub fn capture(intent: &str, amount: i64, application_fee: i64) -> impl StripeRequest + use<> {
    let request = CapturePaymentIntent::new(intent).amount_to_capture(amount);
    match application_fee {
        0 => request,
        fee => request.application_fee_amount(fee),
    }
}

/// Cancels an intent that nobody paid (docs.stripe.com/api/payment_intents/cancel). What was held is released. Stripe refuses one
/// that was paid.
pub fn cancel(intent: &str) -> impl StripeRequest + use<> {
    CancelPaymentIntent::new(intent).cancellation_reason(Reason::Abandoned)
}
