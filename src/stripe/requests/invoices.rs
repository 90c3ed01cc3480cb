//! Invoices (docs.stripe.com/api/invoices).

use stripe_billing::invoice::RetrieveInvoice;
use stripe_client_core::StripeRequest;

/// Retrieves an invoice with its payments. Their intents' charges lie deeper than Stripe expands
/// (docs.stripe.com/expand: four levels).
pub fn retrieve(invoice: &str) -> impl StripeRequest + use<> {
    RetrieveInvoice::new(invoice).expand(vec!["payments".to_owned()])
}
