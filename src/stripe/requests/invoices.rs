//! Invoices (docs.stripe.com/api/invoices).

use stripe_billing::invoice::{PayInvoice, RetrieveInvoice};
use stripe_client_core::StripeRequest;

/// Retrieves an invoice with its payments. Their intents' charges lie deeper than Stripe expands
/// (docs.stripe.com/expand: four levels).
pub fn retrieve(invoice: &str) -> impl StripeRequest + use<> {
    RetrieveInvoice::new(invoice).expand(vec!["payments".to_owned()])
}

/// Retrieves an invoice with its payments and their intents.
pub fn retrieve_with_intents(invoice: &str) -> impl StripeRequest + use<> {
    RetrieveInvoice::new(invoice).expand(vec!["payments.data.payment.payment_intent".to_owned()])
}

/// Tries to have an invoice paid while the buyer is there (docs.stripe.com/api/invoices/pay). None: by the payment method of its
/// subscription or its customer.
pub fn pay(invoice: &str, method: Option<&str>) -> impl StripeRequest + use<> {
    let request = PayInvoice::new(invoice).off_session(false);
    match method {
        Some(method) => request.payment_method(method),
        None => request,
    }
}
