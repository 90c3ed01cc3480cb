//! Invoices and what they are made of.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Expandable, IdView, PaymentIntentView};

/// An invoice (docs.stripe.com/api/invoices/object). Amounts in minor units.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceView {
    /// `in_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Lower case.
    pub currency: Option<String>,
    /// Of all lines, before discounts and exclusive tax.
    pub subtotal: Option<i64>,
    /// After discounts and tax.
    pub total: Option<i64>,
    /// What is to be paid of `total`: without what the customer's balance pays. Never negative.
    pub amount_due: Option<i64>,
    /// What payments through Stripe or outside of it have paid. A part of `total` may be paid by the customer's balance.
    pub amount_paid: Option<i64>,
    /// What was paid outside of Stripe.
    pub amount_paid_off_stripe: Option<i64>,
    /// What is still to be paid.
    pub amount_remaining: Option<i64>,
    /// What it is called on paper, once it is final.
    pub number: Option<String>,
    /// How often Stripe has tried to collect it.
    pub attempt_count: Option<i64>,
    /// Whole seconds.
    pub next_payment_attempt: Option<i64>,
    /// Whole seconds, of one that is sent to the customer.
    pub due_date: Option<i64>,
    /// When its status changed.
    pub status_transitions: Option<InvoiceTransitionsView>,
    /// Why it could not be made final.
    pub last_finalization_error: Option<InvoiceErrorView>,
    /// Stripe's page of it. Whoever has the link can see and pay it, so it is never stored, and never logged.
    pub hosted_invoice_url: Option<SecretString>,
    /// Its file, by such a link.
    pub invoice_pdf: Option<SecretString>,
    /// A discount each.
    pub total_discount_amounts: Option<Vec<InvoiceAmountView>>,
    /// A tax each.
    pub total_taxes: Option<Vec<InvoiceAmountView>>,
    /// Sum of all shipping.
    pub amount_shipping: Option<i64>,
    /// Its payments, where they were expanded.
    pub payments: Option<InvoicePaymentsView>,
    /// Why it was made, such as `subscription_cycle`.
    pub billing_reason: Option<String>,
    /// What it is of.
    pub parent: Option<InvoiceParentView>,
    /// What it bills.
    pub lines: Option<InvoiceLinesView>,
    /// Whole seconds.
    pub created: Option<i64>,
    /// Ours, but only a hint: somebody else may have created the invoice.
    pub metadata: Option<HashMap<String, String>>,
}

/// `status_transitions` of an invoice, in whole seconds.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct InvoiceTransitionsView {
    /// From a draft.
    pub finalized_at: Option<i64>,
    /// However.
    pub paid_at: Option<i64>,
    /// For good.
    pub voided_at: Option<i64>,
    /// It can still be paid.
    pub marked_uncollectible_at: Option<i64>,
}

/// `last_finalization_error` of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceErrorView {
    /// In English.
    pub message: Option<String>,
}

/// One of `total_discount_amounts` or `total_taxes` of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceAmountView {
    /// Minor units.
    pub amount: i64,
}

/// `payments` of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePaymentsView {
    /// The first of them.
    pub data: Vec<InvoicePaymentView>,
}

/// One of the payments of an invoice (docs.stripe.com/api/invoice-payment/object).
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePaymentView {
    /// `open`, `paid` or `canceled`.
    pub status: Option<String>,
    /// What has paid it.
    pub payment: InvoicePaidByView,
}

/// An invoice's payment, of an event (docs.stripe.com/api/invoice-payment/object).
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentOfInvoiceView {
    /// `in_…`.
    pub invoice: Expandable<IdView>,
    /// What has paid it.
    pub payment: InvoicePaidByView,
}

/// `payment` of an invoice's payment.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePaidByView {
    /// The intent. None: it was paid outside of Stripe, for instance.
    pub payment_intent: Option<Expandable<PaymentIntentView>>,
}

/// `parent` of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceParentView {
    /// Of a subscription's.
    pub subscription_details: Option<InvoiceSubscriptionView>,
}

/// `parent.subscription_details` of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceSubscriptionView {
    /// `sub_…`.
    pub subscription: Option<Expandable<IdView>>,
    /// The subscription's, as it was when the invoice was made final.
    pub metadata: Option<HashMap<String, String>>,
}

/// `lines` of an invoice: the first of them.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceLinesView {
    /// Ten in an event.
    pub data: Vec<InvoiceLineView>,
    /// Whether there are more.
    #[serde(default)]
    pub has_more: bool,
}

/// A line of an invoice (docs.stripe.com/api/invoice-line-item/object).
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceLineView {
    /// Minor units, before discounts. Negative where something is credited.
    pub amount: i64,
    /// Pieces.
    pub quantity: Option<i64>,
    /// What it is called.
    pub description: Option<String>,
    /// By which price it is billed.
    pub pricing: Option<InvoicePricingView>,
    /// Of what time.
    pub period: Option<InvoicePeriodView>,
    /// Of what it is.
    pub parent: Option<InvoiceLineParentView>,
}

impl InvoiceLineView {
    /// Whether it is of the rest of a period, for a change in its middle.
    pub fn is_proration(&self) -> bool {
        let parent = self.parent.as_ref();
        parent.is_some_and(|parent| {
            let all = [
                &parent.subscription_item_details,
                &parent.invoice_item_details,
            ];
            all.into_iter().flatten().any(|of| of.proration)
        })
    }

    /// Whether it bills a whole period of a subscription.
    pub fn is_whole_period(&self) -> bool {
        let parent = self.parent.as_ref();
        let item = parent.and_then(|parent| parent.subscription_item_details.as_ref());
        item.is_some_and(|item| !item.proration)
    }
}

/// `period` of a line of an invoice, in whole seconds.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePeriodView {
    /// Its beginning.
    pub start: Option<i64>,
    /// Its end.
    pub end: Option<i64>,
}

/// `parent` of a line of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceLineParentView {
    /// Of a subscription's item.
    pub subscription_item_details: Option<InvoiceLineOfView>,
    /// Of an invoice item.
    pub invoice_item_details: Option<InvoiceLineOfView>,
}

/// Of what a line of an invoice is.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceLineOfView {
    /// Whether it is of the rest of a period.
    #[serde(default)]
    pub proration: bool,
}

/// `pricing` of a line of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePricingView {
    /// Of a price.
    pub price_details: Option<InvoicePriceView>,
}

/// `pricing.price_details` of a line of an invoice.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoicePriceView {
    /// `price_…`.
    pub price: Option<Expandable<IdView>>,
}

/// The invoice of `invoice.upcoming`, which has no id.
#[derive(Clone, Debug, Deserialize)]
pub struct UpcomingInvoiceView {
    /// What it is of.
    pub parent: Option<InvoiceParentView>,
}

impl UpcomingInvoiceView {
    /// The subscription of which it is.
    pub fn subscription(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription()
    }
}

impl InvoiceParentView {
    fn subscription(&self) -> Option<&str> {
        let of = self.subscription_details.as_ref()?;
        of.subscription.as_ref().map(Expandable::<IdView>::id)
    }
}

impl InvoiceView {
    /// The subscription of which it is.
    pub fn subscription(&self) -> Option<&str> {
        self.parent.as_ref()?.subscription()
    }

    /// Our mark on the subscription, under a name. Only a hint: somebody else may have made it.
    pub fn subscription_mark(&self, name: &str) -> Option<String> {
        let of = self.parent.as_ref()?.subscription_details.as_ref()?;
        super::metadata_value(of.metadata.as_ref()?, name)
    }

    /// Whether all that was to be paid was paid outside of Stripe: no payment has collected anything.
    pub fn was_paid_outside(&self) -> bool {
        let due = self.amount_due.unwrap_or(0);
        let outside = self.amount_paid_off_stripe.unwrap_or(0);
        self.status.as_deref() == Some("paid") && due > 0 && outside >= due
    }

    /// The intent that has paid it, or would. None: nothing was to be paid, or not through Stripe.
    pub fn payment_intent(&self) -> Option<&Expandable<PaymentIntentView>> {
        let payments = self.payments.iter().flat_map(|list| &list.data);
        let (paid, others): (Vec<_>, Vec<_>) =
            payments.partition(|one| one.status.as_deref() == Some("paid"));
        let mut all = paid.into_iter().chain(others);
        all.find_map(|one| one.payment.payment_intent.as_ref())
    }
}
