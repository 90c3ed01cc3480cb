//! Subscriptions that begin by API, with what their buyers need to pay.

use secrecy::SecretString;
use serde::Deserialize;

/// A subscription with its first invoice (docs.stripe.com/api/subscriptions/create). `latest_invoice.confirmation_secret` and
/// `pending_setup_intent` are expanded.
#[derive(Clone, Debug, Deserialize)]
pub struct BeginningView {
    /// `sub_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Lower case.
    pub currency: Option<String>,
    /// The first invoice, as long as there is no second one.
    pub latest_invoice: Option<FirstInvoiceView>,
    /// By which a card is given that is charged later. Null: there is one already, or it is given with the payment.
    pub pending_setup_intent: Option<PendingSetupView>,
}

/// `latest_invoice` of a subscription that begins.
#[derive(Clone, Debug, Deserialize)]
pub struct FirstInvoiceView {
    /// `in_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// `open`, `paid` or `void`.
    pub status: Option<String>,
    /// Before discounts, minor units.
    pub subtotal: Option<i64>,
    /// Why it was made: `subscription_create`.
    pub billing_reason: Option<String>,
    /// Null where nothing is to be paid.
    pub confirmation_secret: Option<ConfirmationSecretView>,
}

/// `confirmation_secret` of an invoice (docs.stripe.com/api/invoices/object#invoice_object-confirmation_secret).
#[derive(Clone, Debug, Deserialize)]
pub struct ConfirmationSecretView {
    /// Lets whoever holds it pay the invoice. Never stored, and never logged.
    pub client_secret: Option<SecretString>,
}

/// `pending_setup_intent` of a subscription.
#[derive(Clone, Debug, Deserialize)]
pub struct PendingSetupView {
    /// Such as `requires_payment_method` or `succeeded`.
    pub status: Option<String>,
    /// Lets whoever holds it give a card. Never stored, and never logged.
    pub client_secret: Option<SecretString>,
}

impl BeginningView {
    /// The first invoice, unless another has come since.
    pub fn first_invoice(&self) -> Option<&FirstInvoiceView> {
        let invoice = self.latest_invoice.as_ref()?;
        let is_first = invoice.billing_reason.as_deref() == Some("subscription_create");
        is_first.then_some(invoice)
    }
}

impl FirstInvoiceView {
    /// One after which others have come, so that nobody pays it any more.
    pub fn over(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            status: None,
            subtotal: None,
            billing_reason: None,
            confirmation_secret: None,
        }
    }

    /// Whether it can still be paid.
    pub fn is_open(&self) -> bool {
        self.status.as_deref() == Some("open")
    }
}

impl PendingSetupView {
    /// Whether the card is still to be given.
    pub fn is_open(&self) -> bool {
        matches!(
            self.status.as_deref(),
            Some("requires_payment_method" | "requires_confirmation" | "requires_action")
        )
    }
}
