//! Subscriptions (docs.stripe.com/api/subscriptions).

use std::collections::HashMap;

use souk_entity::Timestamp;
use souk_entity::subscription_change::{ChangedItem, ProrationBehavior};
use stripe_billing::invoice::{
    CreatePreviewInvoice, CreatePreviewInvoiceSubscriptionDetails,
    CreatePreviewInvoiceSubscriptionDetailsItems,
    CreatePreviewInvoiceSubscriptionDetailsProrationBehavior as PreviewBehavior,
};
use stripe_billing::subscription::{
    CancelSubscription, CreateSubscription, CreateSubscriptionBillingCycleAnchorConfig,
    CreateSubscriptionBillingMode, CreateSubscriptionBillingModeType, CreateSubscriptionItems,
    CreateSubscriptionPaymentBehavior, CreateSubscriptionPaymentSettings,
    CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod, CreateSubscriptionProrationBehavior,
    CreateSubscriptionTrialSettings, CreateSubscriptionTrialSettingsEndBehavior,
    DiscountsDataParam, ListSubscription, ListSubscriptionStatus, PauseSubscription,
    PauseSubscriptionBillFor, PauseSubscriptionBillForUnusedTimeFrom,
    PauseSubscriptionBillForUnusedTimeFromType, ResumeSubscription,
    ResumeSubscriptionPaymentBehavior, RetrieveSubscription, UpdateSubscription,
    UpdateSubscriptionItems, UpdateSubscriptionPaymentBehavior,
    UpdateSubscriptionProrationBehavior as UpdateBehavior,
};
use stripe_client_core::StripeRequest;

use super::checkout::{Anchor, Cycle, SubscribedLine, with_share};
use super::{LIMIT, created_since};

/// The parameters of a subscription that begins by API.
pub struct NewSubscription<'a> {
    /// At least one.
    pub lines: &'a [SubscribedLine],
    /// `application_fee_percent`, in hundredths of a per cent. Left out at zero.
    pub fee_bps: i32,
    /// How its periods begin.
    pub cycle: &'a Cycle,
    /// `customer`.
    pub customer: &'a str,
    /// `default_payment_method`: a card of theirs that pays at once, unless their bank wants to see them. None: they pay with the
    /// client secret.
    pub payment_method: Option<&'a str>,
    /// `discounts[0][promotion_code]`, Stripe's id of a code.
    pub promotion_code: Option<&'a str>,
    /// It is only a hint, never an authority.
    pub metadata: HashMap<String, String>,
}

/// Begins a subscription (docs.stripe.com/billing/subscriptions/build-subscriptions). Its first invoice waits for the buyer, who pays
/// it with what is expanded here. A card of theirs is charged at once, and what comes of that is no refusal.
pub fn begin(new: NewSubscription<'_>) -> impl StripeRequest + use<> {
    let items = new.lines.iter().map(|line| {
        let mut item = CreateSubscriptionItems::new();
        item.price = Some(line.price.clone());
        item.quantity = Some(line.quantity.unsigned_abs());
        item
    });
    let mut settings = CreateSubscriptionPaymentSettings::new();
    settings.save_default_payment_method =
        Some(CreateSubscriptionPaymentSettingsSaveDefaultPaymentMethod::OnSubscription);
    let behavior = match new.payment_method {
        Some(_) => CreateSubscriptionPaymentBehavior::AllowIncomplete,
        None => CreateSubscriptionPaymentBehavior::DefaultIncomplete,
    };
    let mode = CreateSubscriptionBillingMode::new(CreateSubscriptionBillingModeType::Flexible);
    let mut request = CreateSubscription::new()
        .customer(new.customer)
        .items(items.collect::<Vec<_>>())
        .billing_mode(mode)
        .payment_behavior(behavior)
        .payment_settings(settings)
        .metadata(new.metadata)
        .expand(expanded(""));
    if let Some(percent) = with_share(new.fee_bps).application_fee_percent {
        request = request.application_fee_percent(percent);
    }
    if let Some(method) = new.payment_method {
        request = request.default_payment_method(method);
    }
    if let Some(code) = new.promotion_code {
        let mut discount = DiscountsDataParam::new();
        discount.promotion_code = Some(code.to_owned());
        request = request.discounts([discount]);
    }
    in_cycle(request, new.cycle)
}

fn in_cycle(mut request: CreateSubscription, cycle: &Cycle) -> CreateSubscription {
    if let Some(days) = cycle.trial_days {
        request = request.trial_period_days(days.unsigned_abs());
    }
    if let Some(behavior) = cycle.missing_payment_method {
        let mut end = CreateSubscriptionTrialSettingsEndBehavior::new();
        end.missing_payment_method = behavior.parse().ok();
        request = request.trial_settings(CreateSubscriptionTrialSettings::new(end));
    }
    request = match cycle.anchor {
        None => return request,
        Some(Anchor::At(at)) => request.billing_cycle_anchor(at.seconds()),
        Some(Anchor::Day(day)) => {
            let mut config = CreateSubscriptionBillingCycleAnchorConfig::new(day.day_of_month);
            config.month = day.month;
            config.hour = day.hour;
            config.minute = day.minute;
            config.second = day.second;
            request.billing_cycle_anchor_config(config)
        }
    };
    request.proration_behavior(match cycle.prorates {
        true => CreateSubscriptionProrationBehavior::CreateProrations,
        false => CreateSubscriptionProrationBehavior::None,
    })
}

/// What a buyer needs to pay, of a subscription or of a list of them.
fn expanded(prefix: &str) -> Vec<String> {
    ["latest_invoice.confirmation_secret", "pending_setup_intent"]
        .map(|name| format!("{prefix}{name}"))
        .to_vec()
}

/// Retrieves a subscription with what its buyer needs to pay its first invoice.
pub fn retrieve_beginning(subscription: &str) -> impl StripeRequest + use<> {
    RetrieveSubscription::new(subscription).expand(expanded(""))
}

/// A page of the account's subscriptions created since, newest first, those that have ended too.
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListSubscription {
    let list = ListSubscription::new()
        .limit(LIMIT)
        .status(ListSubscriptionStatus::All)
        .created(created_since(since))
        .expand(expanded("data."));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

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
