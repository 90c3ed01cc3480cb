//! Invoices (docs.stripe.com/api/invoices).

use stripe_billing::invoice::{PayInvoice, RetrieveInvoice, UpdateInvoice, VoidInvoiceInvoice};
use stripe_billing::invoice_payment::RetrieveInvoicePayment;
use stripe_client_core::StripeRequest;

/// Retrieves an invoice with its payments. Their intents' charges lie deeper than Stripe expands
/// (docs.stripe.com/expand: four levels).
pub fn retrieve(invoice: &str) -> impl StripeRequest + use<> {
    RetrieveInvoice::new(invoice).expand(vec!["payments".to_owned()])
}

/// Retrieves a payment of an invoice (docs.stripe.com/api/invoice-payment).
pub fn retrieve_payment(payment: &str) -> impl StripeRequest + use<> {
    RetrieveInvoicePayment::new(payment)
}

/// Sets what the platform takes of a draft, in minor units, in place of the subscription's share.
pub fn set_fee(invoice: &str, amount: i64) -> impl StripeRequest + use<> {
    UpdateInvoice::new(invoice).application_fee_amount(amount)
}

/// Voids an open invoice, so that nobody pays it any more.
pub fn void(invoice: &str) -> impl StripeRequest + use<> {
    VoidInvoiceInvoice::new(invoice)
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
