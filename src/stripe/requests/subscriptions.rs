//! Subscriptions (docs.stripe.com/api/subscriptions).

use souk_entity::Timestamp;
use souk_entity::subscription_change::{ChangedItem, ProrationBehavior};
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
    CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as PreviewBehavior,
};
use stripe_billing::subscription::{
    CancelSubscription, PauseSubscription, PauseSubscriptionBillFor,
    PauseSubscriptionBillForUnusedTimeFrom, PauseSubscriptionBillForUnusedTimeFromType,
    ResumeSubscription, ResumeSubscriptionPaymentBehavior, RetrieveSubscription,
    UpdateSubscription, UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior as UpdateBehavior,
};
use stripe_client_core::StripeRequest;

/// Retrieves a subscription with its items, its latest invoice and its own card.
pub fn retrieve(subscription: &str) -> impl StripeRequest + use<> {
    let expanded = ["default_payment_method", "latest_invoice"].map(str::to_owned);
    RetrieveSubscription::new(subscription).expand(expanded.to_vec())
}

/// Has a subscription end with its period, or not (docs.stripe.com/billing/subscriptions/cancel).
pub fn cancel_at_period_end(subscription: &str, ends: bool) -> impl StripeRequest + use<> {
    UpdateSubscription::new(subscription).cancel_at_period_end(ends)
}

/// Ends a subscription now. What was paid for the rest of its period isn't given back.
pub fn cancel(subscription: &str) -> impl StripeRequest + use<> {
    CancelSubscription::new(subscription)
}

/// A change of plan or quantity.
pub struct Change<'a> {
    /// Those that change.
    pub items: &'a [ChangedItem],
    /// How the rest of the period is billed.
    pub proration_behavior: ProrationBehavior,
    /// As of when. Stripe takes none where nothing is prorated.
    pub proration_date: Option<Timestamp>,
}

/// Changes what a subscription is of (docs.stripe.com/billing/subscriptions/change-price). Where Stripe makes an invoice of that
/// at once (`waits`), it is changed when that is paid (docs.stripe.com/billing/subscriptions/pending-updates).
pub fn change(subscription: &str, change: &Change<'_>, waits: bool) -> impl StripeRequest + use<> {
    let items = change.items.iter().map(|item| UpdateSubscriptionItems {
        id: item.item.clone(),
        price: Some(item.price.clone()),
        // Without it, another price makes it one.
        quantity: u64::try_from(item.quantity).ok(),
        ..UpdateSubscriptionItems::new()
    });
    let items: Vec<_> = items.collect();
    let mut request = UpdateSubscription::new(subscription)
        .items(items)
        .proration_behavior(match change.proration_behavior {
            ProrationBehavior::CreateProrations => UpdateBehavior::CreateProrations,
            ProrationBehavior::AlwaysInvoice => UpdateBehavior::AlwaysInvoice,
            ProrationBehavior::None => UpdateBehavior::None,
        });
    if let Some(at) = change.proration_date {
        request = request.proration_date(at.seconds());
    }
    match waits {
        true => request.payment_behavior(UpdateSubscriptionPaymentBehavior::PendingIfIncomplete),
        false => request,
    }
}

/// The next invoice of a subscription that is changed like this: the one that is made at once, or else that of the renewal
/// (docs.stripe.com/api/invoices/create_preview). Nothing is changed by it.
pub fn preview(subscription: &str, change: &Change<'_>) -> impl StripeRequest + use<> {
    let items = change
        .items
        .iter()
        .map(|item| CreatePreviewInvoiceSubscriptionDetailsItems {
            id: item.item.clone(),
            price: Some(item.price.clone()),
            quantity: u64::try_from(item.quantity).ok(),
            ..CreatePreviewInvoiceSubscriptionDetailsItems::new()
        });
    let details = CreatePreviewInvoiceSubscriptionDetails {
        items: Some(items.collect()),
        proration_behavior: Some(match change.proration_behavior {
            ProrationBehavior::CreateProrations => PreviewBehavior::CreateProrations,
            ProrationBehavior::AlwaysInvoice => PreviewBehavior::AlwaysInvoice,
            ProrationBehavior::None => PreviewBehavior::None,
        }),
        proration_date: change.proration_date.map(Timestamp::seconds),
        ..CreatePreviewInvoiceSubscriptionDetails::new()
    };
    CreatePreviewInvoice::new()
        .subscription(subscription)
        .subscription_details(details)
}

/// The next invoice of a subscription, as it would be now.
pub fn upcoming(subscription: &str) -> impl StripeRequest + use<> {
    CreatePreviewInvoice::new().subscription(subscription)
}

/// Pauses a subscription: its period ends now, and the next invoice is that of its resumption
/// (docs.stripe.com/billing/subscriptions/pause). `credits`: what is unused of the period comes off that.
pub fn pause(subscription: &str, credits: bool) -> impl StripeRequest + use<> {
    let request = PauseSubscription::new(subscription);
    match credits {
        true => request,
        false => request.bill_for(PauseSubscriptionBillFor {
            unused_time_from: Some(PauseSubscriptionBillForUnusedTimeFrom::new(
                PauseSubscriptionBillForUnusedTimeFromType::None,
            )),
            ..PauseSubscriptionBillFor::new()
        }),
    }
}

/// Resumes a paused subscription, whose new period begins now. It is active once that is paid.
pub fn resume(subscription: &str) -> impl StripeRequest + use<> {
    ResumeSubscription::new(subscription)
        .payment_behavior(ResumeSubscriptionPaymentBehavior::ResumeOnPaymentSuccess)
}

/// By which of its customer's payment methods a subscription is paid.
pub fn set_payment_method(subscription: &str, method: &str) -> impl StripeRequest + use<> {
    UpdateSubscription::new(subscription).default_payment_method(method)
}
