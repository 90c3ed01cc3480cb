//! What Stripe shows of a payment at one moment, made of a session, an intent or an invoice.

use std::collections::HashMap;

use souk_entity::payment::{CaptureMethod, PaymentKind};
use souk_entity::{AccountId, PaymentId, Timestamp};

use crate::error::Result;
use crate::money;
use crate::stripe::views::{
    Expandable, IdView, InvoiceAmountView, InvoiceView, PaymentIntentView, SessionView,
    metadata_value,
};

use super::checkout::{METADATA_OBJECT, METADATA_PAYMENT, OWN_INTENT};
use super::intents::declines::Decline;

/// What collects a payment's money at Stripe. An event of another account or mode that names the same id is of another object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StripeObject {
    /// Such as `cs_…`.
    pub id: String,
    /// The account that the event or the answer came from.
    pub account: AccountId,
    /// Live money, or test.
    pub livemode: bool,
}

/// A payment's Stripe object at one moment.
#[derive(Clone, Debug)]
pub struct PaymentSnapshot {
    /// Which it is.
    pub object: StripeObject,
    /// Session, intent or invoice.
    pub kind: PaymentKind,
    /// How far the payment is.
    pub status: SnapshotStatus,
    /// The amounts asked for and paid.
    pub totals: Totals,
    /// Lower case. Empty where Stripe left it out; that fits no payment.
    pub currency: String,
    /// The payment intent; none where nothing was to be paid.
    pub payment_intent: Option<String>,
    /// The subscription that it begins, or pays a period of.
    pub subscription: Option<String>,
    /// The invoice of that. An invoice's own.
    pub invoice: Option<String>,
    /// What could be captured now, in minor units, where the intent was read.
    pub amount_capturable: Option<i64>,
    /// `application_fee_amount` of the intent, where it was read: capturing a part may change it.
    pub application_fee: Option<i64>,
    /// Whether the intent was only named. A session or an invoice doesn't say what is held, or how much of it was captured.
    pub intent_unread: bool,
    /// Why the last try was declined, of an intent.
    pub decline: Option<Decline>,
    /// Stripe's id of the promotion code that is taken off.
    pub promotion_code: Option<String>,
    /// The payment that the metadata names. Only a hint: somebody else may have made the object.
    pub payment_hint: Option<PaymentId>,
    /// Whether it collects money by itself: by its metadata it is no intent of a session or an invoice.
    pub is_its_own: bool,
    /// When Stripe made the object.
    pub created: Option<Timestamp>,
}

/// How far a payment is at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotStatus {
    /// The buyer has not finished.
    Open,
    /// An asynchronous method: the money may still come.
    Processing,
    /// The money is held until it is captured.
    Authorized,
    /// The money has come, or none was to be paid.
    Paid,
    /// The asynchronous payment failed.
    Failed,
    /// Nobody paid in time, or we expired it.
    Expired,
    /// It was canceled, or the authorization lapsed.
    Canceled,
    /// A status that Stripe did not have when this was written.
    Unknown,
}

/// The amounts asked for and paid, in minor units. An amount that Stripe left out is -1 and fits no payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Before discounts.
    pub subtotal: i64,
    /// Taken off by promotion codes.
    pub discount: i64,
    /// After discounts.
    pub total: i64,
    /// What the customer's balance pays of an invoice's total. Negative: what the customer owed is collected with it.
    pub from_balance: i64,
    /// What was collected of the total, where that is known and the money has come.
    pub collected: Option<i64>,
    /// Whether tax or shipping is included. We never ask for either.
    pub tax_or_shipping: bool,
}

impl PaymentSnapshot {
    /// Of a Checkout Session (docs.stripe.com/api/checkout/sessions/object).
    pub fn of_session(account: &AccountId, livemode: bool, session: &SessionView) -> Self {
        let details = session.total_details.clone().unwrap_or_default();
        let intent = session.payment_intent.as_ref();
        let read = intent.and_then(Expandable::<PaymentIntentView>::object);
        Self {
            object: StripeObject {
                id: session.id.clone(),
                account: account.clone(),
                livemode,
            },
            kind: PaymentKind::Session,
            status: session_status(session, read),
            totals: Totals {
                subtotal: session.amount_subtotal.unwrap_or(-1),
                discount: details.amount_discount.unwrap_or(0),
                total: session.amount_total.unwrap_or(-1),
                from_balance: 0,
                collected: read.and_then(collected),
                tax_or_shipping: [details.amount_tax, details.amount_shipping]
                    .into_iter()
                    .any(|amount| amount.unwrap_or(0) != 0),
            },
            currency: session.currency.clone().unwrap_or_default(),
            payment_intent: intent.map(|intent| intent.id().to_owned()),
            subscription: id_of(session.subscription.as_ref()),
            invoice: id_of(session.invoice.as_ref()),
            amount_capturable: read.and_then(|intent| intent.amount_capturable),
            application_fee: read.and_then(|intent| intent.application_fee_amount),
            intent_unread: intent.is_some() && read.is_none(),
            decline: None,
            promotion_code: session.promotion_code().map(str::to_owned),
            payment_hint: payment_named_by(session.metadata.as_ref()),
            is_its_own: true,
            created: session.created.map(Timestamp::from_seconds),
        }
    }

    /// Of a payment intent (docs.stripe.com/api/payment_intents/object).
    pub fn of_intent(account: &AccountId, livemode: bool, intent: &PaymentIntentView) -> Self {
        let amount = intent.amount.unwrap_or(-1);
        Self {
            object: StripeObject {
                id: intent.id.clone(),
                account: account.clone(),
                livemode,
            },
            kind: PaymentKind::Intent,
            status: intent_status(intent),
            totals: Totals {
                subtotal: amount,
                discount: 0,
                total: amount,
                from_balance: 0,
                collected: collected(intent),
                tax_or_shipping: false,
            },
            currency: intent.currency.clone().unwrap_or_default(),
            payment_intent: Some(intent.id.clone()),
            subscription: None,
            invoice: None,
            amount_capturable: intent.amount_capturable,
            application_fee: intent.application_fee_amount,
            intent_unread: false,
            decline: intent.last_payment_error.as_ref().map(Decline::of),
            promotion_code: None,
            payment_hint: payment_named_by(intent.metadata.as_ref()),
            is_its_own: is_own_intent(intent),
            created: intent.created.map(Timestamp::from_seconds),
        }
    }

    /// Of an invoice (docs.stripe.com/api/invoices/object).
    ///
    /// # Errors
    /// A sum of its discounts or taxes that doesn't fit.
    pub fn of_invoice(account: &AccountId, livemode: bool, invoice: &InvoiceView) -> Result<Self> {
        let intent = invoice.payment_intent();
        let status = invoice_status(invoice);
        let taxes = sum(invoice.total_taxes.as_deref())?;
        Ok(Self {
            object: StripeObject {
                id: invoice.id.clone(),
                account: account.clone(),
                livemode,
            },
            kind: PaymentKind::Invoice,
            status,
            totals: Totals {
                subtotal: invoice.subtotal.unwrap_or(-1),
                discount: sum(invoice.total_discount_amounts.as_deref())?,
                total: invoice.total.unwrap_or(-1),
                from_balance: from_balance(invoice)?,
                collected: collected_of_invoice(invoice).filter(|_| status == SnapshotStatus::Paid),
                tax_or_shipping: taxes != 0 || invoice.amount_shipping.unwrap_or(0) != 0,
            },
            currency: invoice.currency.clone().unwrap_or_default(),
            payment_intent: intent.map(|intent| intent.id().to_owned()),
            subscription: invoice.subscription().map(str::to_owned),
            invoice: Some(invoice.id.clone()),
            amount_capturable: None,
            application_fee: None,
            intent_unread: false,
            decline: None,
            promotion_code: None,
            payment_hint: payment_named_by(invoice.metadata.as_ref()),
            is_its_own: true,
            created: invoice.created.map(Timestamp::from_seconds),
        })
    }
}

fn id_of(object: Option<&Expandable<IdView>>) -> Option<String> {
    object.map(|object| object.id().to_owned())
}

fn payment_named_by(metadata: Option<&HashMap<String, String>>) -> Option<PaymentId> {
    metadata_value(metadata?, METADATA_PAYMENT).map(PaymentId)
}

fn is_own_intent(intent: &PaymentIntentView) -> bool {
    let mark = intent.metadata.as_ref();
    let mark = mark.and_then(|all| metadata_value(all, METADATA_OBJECT));
    mark.as_deref() == Some(OWN_INTENT)
}

/// `amount_received` of an intent whose money has come.
fn collected(intent: &PaymentIntentView) -> Option<i64> {
    let has_come = intent.status.as_deref() == Some("succeeded");
    intent.amount_received.filter(|_| has_come)
}

/// A session that is complete and not paid says no more. Its intent does, where it was read: whether an asynchronous payment is
/// under way or has failed, and whether the money is held (docs.stripe.com/payments/place-a-hold-on-a-payment-method) or was
/// captured since.
fn session_status(session: &SessionView, intent: Option<&PaymentIntentView>) -> SnapshotStatus {
    match (session.status.as_deref(), session.payment_status.as_deref()) {
        (Some("complete"), Some("paid" | "no_payment_required")) => SnapshotStatus::Paid,
        (Some("complete"), _) => match intent {
            Some(intent) => match intent_status(intent) {
                SnapshotStatus::Open if intent.last_payment_error.is_some() => {
                    SnapshotStatus::Failed
                }
                SnapshotStatus::Open | SnapshotStatus::Unknown => SnapshotStatus::Processing,
                status => status,
            },
            None => SnapshotStatus::Processing,
        },
        (Some("expired"), _) => SnapshotStatus::Expired,
        (Some("open"), _) => SnapshotStatus::Open,
        _ => SnapshotStatus::Unknown,
    }
}

/// docs.stripe.com/payments/paymentintents/lifecycle. A decline leaves an intent open: the buyer may try again.
fn intent_status(intent: &PaymentIntentView) -> SnapshotStatus {
    match intent.status.as_deref() {
        _ if intent.is_open() => SnapshotStatus::Open,
        Some("processing") => SnapshotStatus::Processing,
        Some("requires_capture") => SnapshotStatus::Authorized,
        Some("succeeded") => SnapshotStatus::Paid,
        Some("canceled") => SnapshotStatus::Canceled,
        _ => SnapshotStatus::Unknown,
    }
}

/// docs.stripe.com/invoicing/overview#workflow-overview. An uncollectible invoice can still be paid.
fn invoice_status(invoice: &InvoiceView) -> SnapshotStatus {
    match invoice.status.as_deref() {
        Some("draft" | "open" | "uncollectible") => SnapshotStatus::Open,
        // Nothing more comes, and nothing has come: for a payment that is as if it was canceled.
        Some("paid") if invoice.was_paid_outside() => SnapshotStatus::Canceled,
        Some("paid") => SnapshotStatus::Paid,
        Some("void") => SnapshotStatus::Canceled,
        _ => SnapshotStatus::Unknown,
    }
}

/// What came through Stripe. Whether `amount_paid` has the rest in it, too, isn't documented.
fn collected_of_invoice(invoice: &InvoiceView) -> Option<i64> {
    let outside = invoice.amount_paid_off_stripe.unwrap_or(0);
    let rest = invoice.amount_due.map(|due| due.saturating_sub(outside));
    match rest {
        Some(rest) if outside > 0 => invoice.amount_paid.map(|paid| std::cmp::min(paid, rest)),
        _ => invoice.amount_paid,
    }
}

/// A credit that is as large as the total, or larger, leaves nothing to collect.
fn from_balance(invoice: &InvoiceView) -> Result<i64> {
    match (invoice.total, invoice.amount_due) {
        (Some(total), Some(due)) => money::sub(total, due),
        _ => Ok(0),
    }
}

fn sum(amounts: Option<&[InvoiceAmountView]>) -> Result<i64> {
    let mut amounts = amounts.unwrap_or_default().iter();
    amounts.try_fold(0, |sum, one| money::add(sum, one.amount))
}

impl Totals {
    /// What is to be collected of the total.
    pub fn due(&self) -> i64 {
        self.total.saturating_sub(self.from_balance)
    }

    /// What has come, in minor units: all of it, or the part that was captured.
    pub fn paid(&self) -> i64 {
        self.collected.unwrap_or(self.total)
    }

    /// Whether this is what was asked for, with a discount only where codes were allowed, and all of it was collected, or the
    /// part that the seller has captured.
    pub fn fits(
        &self,
        amount_subtotal: i64,
        allow_discounts: bool,
        capture: CaptureMethod,
    ) -> bool {
        let may_be_less = capture == CaptureMethod::Manual;
        let is_enough =
            |amount| amount == self.due() || may_be_less && (1..self.total).contains(&amount);
        !self.tax_or_shipping
            && self.subtotal == amount_subtotal
            && self.discount >= 0
            && self.total >= 0
            && money::sub(self.subtotal, self.discount).is_ok_and(|left| left == self.total)
            && self.collected.is_none_or(is_enough)
            && (self.discount == 0 || allow_discounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn account() -> AccountId {
        "acct_1".into()
    }

    fn view<T: serde::de::DeserializeOwned>(value: Value) -> T {
        serde_json::from_value(value).expect("reads")
    }

    fn change(all: &mut Value, fields: &Value) {
        for (name, value) in fields.as_object().expect("fields") {
            all[name] = value.clone();
        }
    }

    fn intent(fields: Value) -> PaymentSnapshot {
        let mut all =
            json!({ "id": "pi_1", "amount": 5000, "amount_received": 0, "currency": "eur" });
        change(&mut all, &fields);
        PaymentSnapshot::of_intent(&account(), false, &view(all))
    }

    fn invoice(fields: Value) -> PaymentSnapshot {
        let mut all = json!({ "id": "in_1", "subtotal": 5000, "total": 5000, "amount_paid": 5000, "currency": "eur",
            "status": "paid" });
        change(&mut all, &fields);
        PaymentSnapshot::of_invoice(&account(), false, &view(all)).expect("reads")
    }

    fn session(status: &str, payment_status: &str, intent: Value) -> PaymentSnapshot {
        let session = json!({ "id": "cs_1", "amount_subtotal": 5000, "amount_total": 5000, "currency": "eur",
            "status": status, "payment_status": payment_status, "payment_intent": intent });
        PaymentSnapshot::of_session(&account(), false, &view(session))
    }

    #[test]
    fn an_intents_status_says_how_far_its_payment_is() {
        use SnapshotStatus::*;
        let statuses = [
            ("requires_payment_method", Open),
            ("requires_confirmation", Open),
            ("requires_action", Open),
            ("processing", Processing),
            ("requires_capture", Authorized),
            ("succeeded", Paid),
            ("canceled", Canceled),
            ("resting", Unknown),
        ];
        for (status, expected) in statuses {
            assert_eq!(
                intent(json!({ "status": status })).status,
                expected,
                "{status}"
            );
        }
        let declined = json!({ "status": "requires_payment_method", "last_payment_error": { "code": "card_declined" } });
        assert_eq!(intent(declined).status, Open, "it may be tried again");
    }

    #[test]
    fn an_intent_fits_what_it_has_collected() {
        let paid = |received: i64| {
            let fields = json!({ "status": "succeeded", "amount_received": received });
            intent(fields).totals
        };
        assert!(paid(5000).fits(5000, false, CaptureMethod::Automatic));
        assert!(!paid(5000).fits(4000, false, CaptureMethod::Automatic));
        let part = paid(3000);
        assert!(!part.fits(5000, false, CaptureMethod::Automatic));
        assert!(
            part.fits(5000, false, CaptureMethod::Manual),
            "the seller captured a part"
        );
        assert_eq!((paid(5000).paid(), part.paid()), (5000, 3000));
        for amount in [0, 5001] {
            assert!(!paid(amount).fits(5000, false, CaptureMethod::Manual));
        }
        let held = intent(json!({ "status": "requires_capture", "amount_capturable": 5000 }));
        assert_eq!(held.amount_capturable, Some(5000));
        assert!(
            held.totals.fits(5000, false, CaptureMethod::Automatic),
            "nothing was collected yet"
        );
    }

    #[test]
    fn an_invoices_status_says_how_far_its_payment_is() {
        use SnapshotStatus::*;
        let statuses = [
            ("draft", Open),
            ("open", Open),
            ("uncollectible", Open),
            ("paid", Paid),
            ("void", Canceled),
            ("resting", Unknown),
        ];
        for (status, expected) in statuses {
            assert_eq!(
                invoice(json!({ "status": status })).status,
                expected,
                "{status}"
            );
        }
    }

    #[test]
    fn an_invoice_fits_with_its_discounts_and_without_tax_or_credit() {
        assert!(
            invoice(json!({}))
                .totals
                .fits(5000, false, CaptureMethod::Automatic)
        );
        let discounts = json!([{ "amount": 300 }, { "amount": 200 }]);
        let cheaper =
            json!({ "total": 4500, "amount_paid": 4500, "total_discount_amounts": discounts });
        assert!(
            invoice(cheaper.clone())
                .totals
                .fits(5000, true, CaptureMethod::Automatic)
        );
        assert!(
            !invoice(cheaper)
                .totals
                .fits(5000, false, CaptureMethod::Automatic)
        );
        let taxed = json!({ "total_taxes": [{ "amount": 800 }] });
        assert!(
            !invoice(taxed)
                .totals
                .fits(5000, true, CaptureMethod::Automatic)
        );
        let credited = json!({ "amount_paid": 2000 });
        assert!(
            !invoice(credited)
                .totals
                .fits(5000, true, CaptureMethod::Automatic),
            "the balance paid the rest"
        );
    }

    #[test]
    fn an_invoice_names_the_intent_that_has_paid_it() {
        let payment = |status: &str, intent: &str| json!({ "status": status, "payment": { "type": "payment_intent", "payment_intent": intent } });
        let list = [payment("canceled", "pi_1"), payment("paid", "pi_2")];
        let snapshot = invoice(json!({ "payments": { "data": list } }));
        assert_eq!(snapshot.payment_intent.as_deref(), Some("pi_2"));
        assert_eq!(invoice(json!({})).payment_intent, None);
    }

    #[test]
    fn a_complete_session_that_is_not_paid_is_what_its_intent_says() {
        use SnapshotStatus::*;
        let of = |status: &str| {
            let intent = json!({ "id": "pi_1", "status": status, "amount_received": 5000, "amount_capturable": 700 });
            session("complete", "unpaid", intent)
        };
        assert_eq!(
            session("complete", "unpaid", json!("pi_1")).status,
            Processing
        );
        assert!(session("complete", "unpaid", json!("pi_1")).intent_unread);
        assert!(!session("complete", "no_payment_required", Value::Null).intent_unread);
        assert_eq!(of("processing").status, Processing);
        assert_eq!(of("requires_capture").status, Authorized);
        assert_eq!(of("requires_capture").amount_capturable, Some(700));
        assert_eq!(of("requires_capture").totals.collected, None);
        assert_eq!(of("succeeded").status, Paid, "it was captured since");
        assert_eq!(of("succeeded").totals.collected, Some(5000));
        assert_eq!(of("canceled").status, Canceled);
        assert_eq!(of("requires_payment_method").status, Processing);
        let failed =
            json!({ "id": "pi_1", "status": "requires_payment_method", "last_payment_error": {} });
        assert_eq!(session("complete", "unpaid", failed).status, Failed);
    }

    #[test]
    fn the_payment_that_the_metadata_names_is_only_a_hint() {
        let named = intent(json!({ "metadata": { METADATA_PAYMENT: "pay_1" } }));
        assert_eq!(named.payment_hint, Some("pay_1".into()));
        assert_eq!(intent(json!({ "metadata": null })).payment_hint, None);
    }
}
