//! Checkout Sessions (docs.stripe.com/api/checkout/sessions).

use std::collections::HashMap;

use souk_entity::Timestamp;
use souk_entity::payment::{RedirectOnCompletion, UiMode};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAdaptivePricing,
    CreateCheckoutSessionAllowedPaymentMethodTypes as AllowedType,
    CreateCheckoutSessionAutomaticTax, CreateCheckoutSessionDiscounts,
    CreateCheckoutSessionLineItems, CreateCheckoutSessionLineItemsPriceData,
    CreateCheckoutSessionPaymentIntentData,
    CreateCheckoutSessionPaymentIntentDataCaptureMethod as CaptureMethod,
    CreateCheckoutSessionPaymentIntentDataSetupFutureUsage as SetupFutureUsage,
    CreateCheckoutSessionPaymentMethodCollection as MethodCollection,
    CreateCheckoutSessionSubscriptionData,
    CreateCheckoutSessionSubscriptionDataProrationBehavior as ProrationBehavior,
    CreateCheckoutSessionSubscriptionDataTrialSettings as TrialSettings,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehavior as TrialEnd,
    CreateCheckoutSessionSubscriptionDataTrialSettingsEndBehaviorMissingPaymentMethod as Missing,
    ExpireCheckoutSession, ListCheckoutSession, ProductData, RetrieveCheckoutSession,
};
use stripe_client_core::StripeRequest;
use stripe_shared::{CheckoutSessionRedirectOnCompletion, CheckoutSessionUiMode};

use super::{LIMIT, created_since};

/// The parameters of a one-time Checkout Session. Amounts are in minor units.
pub struct NewSession<'a> {
    /// Lower case.
    pub currency: &'a str,
    /// At least one.
    pub lines: Vec<SessionLine<'a>>,
    /// `payment_intent_data[application_fee_amount]`, in minor units. Left out at zero, as Stripe wants.
    pub application_fee: i64,
    /// `allowed_payment_method_types`; none: what the seller's dashboard allows.
    pub allowed_types: Option<&'a [String]>,
    /// `payment_intent_data[capture_method]=manual`; else Stripe's default.
    pub is_manual: bool,
    /// Where the buyer pays.
    pub page: &'a SessionPage,
    /// `customer_email`. Stripe takes it or a customer.
    pub email: Option<&'a str>,
    /// `customer`.
    pub customer: Option<&'a str>,
    /// Whether to save what pays it with the customer (`payment_intent_data[setup_future_usage]`).
    pub saves: bool,
    /// `expires_at`, whole seconds; none: Stripe's own 24 hours.
    pub expires_at: Option<i64>,
    /// `allow_promotion_codes`. Left out beside a `promotion_code`, as Stripe wants.
    pub allow_promotion_codes: bool,
    /// `discounts[0][promotion_code]`, Stripe's id of a code.
    pub promotion_code: Option<&'a str>,
    /// Written on the session and on its payment intent. It is only a hint, never an authority.
    pub metadata: HashMap<String, String>,
    /// `client_reference_id`.
    pub reference: &'a str,
}

/// Where a session is paid, and where the buyer is sent from there. In the addresses Stripe fills in
/// `{CHECKOUT_SESSION_ID}`.
#[derive(Clone, Debug, Default)]
pub struct SessionPage {
    /// None: `hosted_page`.
    pub ui_mode: Option<UiMode>,
    /// Of `hosted_page`, after payment.
    pub success_url: Option<String>,
    /// Of `hosted_page`, for a buyer who gives up.
    pub cancel_url: Option<String>,
    /// Of the others.
    pub return_url: Option<String>,
    /// Of `embedded_page`.
    pub redirect_on_completion: Option<RedirectOnCompletion>,
}

/// A line of a session.
pub struct SessionLine<'a> {
    /// What the buyer sees.
    pub name: &'a str,
    /// Minor units.
    pub unit_amount: i64,
    /// How many.
    pub quantity: i64,
}

/// Creates a session with `mode=payment` (docs.stripe.com/api/checkout/sessions/create). Tax, shipping, adjustable
/// quantities, optional items and adaptive pricing stay off, since they would change the total.
pub fn create(new: NewSession<'_>) -> impl StripeRequest {
    let currency: stripe_types::Currency = new.currency.parse().unwrap_or_default();
    let lines: Vec<_> = new
        .lines
        .iter()
        .map(|line| {
            let mut price = CreateCheckoutSessionLineItemsPriceData::new(currency.clone());
            price.product_data = Some(ProductData::new(line.name));
            price.unit_amount = Some(line.unit_amount);
            let mut item = CreateCheckoutSessionLineItems::new();
            item.price_data = Some(price);
            item.quantity = Some(line.quantity.unsigned_abs());
            item
        })
        .collect();
    let mut intent = CreateCheckoutSessionPaymentIntentData::new();
    intent.application_fee_amount = Some(new.application_fee).filter(|fee| *fee > 0);
    intent.capture_method = new.is_manual.then_some(CaptureMethod::Manual);
    intent.setup_future_usage = new.saves.then_some(SetupFutureUsage::OnSession);
    intent.metadata = Some(new.metadata.clone());
    let mut adaptive = CreateCheckoutSessionAdaptivePricing::new();
    adaptive.enabled = Some(false);
    let mut request = CreateCheckoutSession::new()
        .mode(stripe_shared::CheckoutSessionMode::Payment)
        .line_items(lines)
        .payment_intent_data(intent)
        .adaptive_pricing(adaptive)
        .automatic_tax(CreateCheckoutSessionAutomaticTax::new(false))
        .client_reference_id(new.reference)
        .metadata(new.metadata);
    request = shown(request, new.page);
    if let Some(types) = new.allowed_types {
        let types = types.iter().filter_map(|name| name.parse().ok());
        request = request.allowed_payment_method_types(types.collect::<Vec<AllowedType>>());
    }
    request = discounted(request, new.promotion_code, new.allow_promotion_codes);
    if let Some(email) = new.email {
        request = request.customer_email(email);
    }
    if let Some(customer) = new.customer {
        request = request.customer(customer);
    }
    if let Some(at) = new.expires_at {
        request = request.expires_at(at);
    }
    request
}

/// The parameters of a Checkout Session that begins a subscription.
pub struct NewSubscription<'a> {
    /// At least one.
    pub lines: &'a [SubscribedLine],
    /// `subscription_data[application_fee_percent]`, in hundredths of a per cent. Left out at zero.
    pub fee_bps: i32,
    /// How its periods begin.
    pub cycle: &'a Cycle,
    /// `payment_method_collection=if_required`: no card is asked for where nothing is to be paid now.
    pub card_if_required: bool,
    /// Where the buyer pays.
    pub page: &'a SessionPage,
    /// `customer`.
    pub customer: &'a str,
    /// `expires_at`, whole seconds; none: Stripe's own 24 hours.
    pub expires_at: Option<i64>,
    /// `allow_promotion_codes`. Left out beside a `promotion_code`, as Stripe wants.
    pub allow_promotion_codes: bool,
    /// `discounts[0][promotion_code]`, Stripe's id of a code.
    pub promotion_code: Option<&'a str>,
    /// Written on the session and on its subscription. It is only a hint, never an authority.
    pub metadata: HashMap<String, String>,
    /// `client_reference_id`.
    pub reference: &'a str,
}

/// How the periods of a subscription begin.
#[derive(Clone, Debug, Default)]
pub struct Cycle {
    /// `trial_period_days`.
    pub trial_days: Option<i32>,
    /// `trial_settings[end_behavior][missing_payment_method]`.
    pub missing_payment_method: Option<&'static str>,
    /// When the first whole period begins; none: now, or with the end of the trial.
    pub anchor: Option<Anchor>,
    /// Whether what is before the anchor is paid in proportion (`proration_behavior`), or free.
    pub prorates: bool,
}

/// When the first whole period of a subscription begins.
#[derive(Clone, Copy, Debug)]
pub enum Anchor {
    /// `billing_cycle_anchor`.
    At(Timestamp),
    /// `billing_cycle_anchor_config`.
    Day(AnchorDay),
}

/// The next time that it is this day and hour, in UTC.
#[derive(Clone, Copy, Debug)]
pub struct AnchorDay {
    /// 1 to 31; in a shorter month its last day.
    pub day_of_month: i64,
    /// 1 to 12.
    pub month: Option<i64>,
    /// 0 to 23.
    pub hour: Option<i64>,
    /// 0 to 59.
    pub minute: Option<i64>,
    /// 0 to 59.
    pub second: Option<i64>,
}

/// A line of such a session.
pub struct SubscribedLine {
    /// Stripe's `price_…`.
    pub price: String,
    /// How many.
    pub quantity: i64,
}

/// Creates a session with `mode=subscription` (docs.stripe.com/api/checkout/sessions/create). What would change its total stays off,
/// as in `create`; the methods are those that the seller's dashboard allows, of which Stripe leaves out what can't recur.
pub fn subscribe(new: NewSubscription<'_>) -> impl StripeRequest {
    let lines = new.lines.iter().map(|line| {
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price = Some(line.price.clone());
        item.quantity = Some(line.quantity.unsigned_abs());
        item
    });
    let mut subscription = with_share(new.fee_bps);
    let cycle = new.cycle;
    subscription.trial_period_days = cycle.trial_days.map(i32::unsigned_abs);
    let missing = cycle.missing_payment_method.map(str::parse::<Missing>);
    subscription.trial_settings = missing
        .and_then(Result::ok)
        .map(|missing| TrialSettings::new(TrialEnd::new(missing)));
    if let Some(Anchor::At(at)) = cycle.anchor {
        subscription.billing_cycle_anchor = Some(at.seconds());
        subscription.proration_behavior = Some(match cycle.prorates {
            true => ProrationBehavior::CreateProrations,
            false => ProrationBehavior::None,
        });
    }
    subscription.metadata = Some(new.metadata.clone());
    let mut request = CreateCheckoutSession::new()
        .mode(stripe_shared::CheckoutSessionMode::Subscription)
        .line_items(lines.collect::<Vec<_>>())
        .subscription_data(subscription)
        .automatic_tax(CreateCheckoutSessionAutomaticTax::new(false))
        .customer(new.customer)
        .client_reference_id(new.reference)
        .metadata(new.metadata);
    request = discounted(
        shown(request, new.page),
        new.promotion_code,
        new.allow_promotion_codes,
    );
    if new.card_if_required {
        request = request.payment_method_collection(MethodCollection::IfRequired);
    }
    if let Some(at) = new.expires_at {
        request = request.expires_at(at);
    }
    request
}

/// What begins with a share as the application fee, in hundredths of a per cent.
pub(super) fn with_share(bps: i32) -> CreateCheckoutSessionSubscriptionData {
    let mut subscription = CreateCheckoutSessionSubscriptionData::new();
    subscription.application_fee_percent = percent(bps);
    subscription
}

/// Hundredths of a per cent as Stripe wants a share: a number with two decimals. None: nothing is taken.
fn percent<N: std::str::FromStr>(bps: i32) -> Option<N> {
    let text = format!("{}.{:02}", bps / 100, bps % 100);
    text.parse().ok().filter(|_| bps > 0)
}

/// The session with its code, or the field for one.
fn discounted(
    request: CreateCheckoutSession,
    code: Option<&str>,
    allow_codes: bool,
) -> CreateCheckoutSession {
    match code {
        Some(code) => {
            let mut discount = CreateCheckoutSessionDiscounts::new();
            discount.promotion_code = Some(code.to_owned());
            request.discounts([discount])
        }
        None => request.allow_promotion_codes(allow_codes),
    }
}

/// The session with its page.
fn shown(mut request: CreateCheckoutSession, page: &SessionPage) -> CreateCheckoutSession {
    request = match page.ui_mode {
        None | Some(UiMode::HostedPage) => request,
        Some(UiMode::EmbeddedPage) => request.ui_mode(CheckoutSessionUiMode::EmbeddedPage),
        Some(UiMode::Elements) => request.ui_mode(CheckoutSessionUiMode::Elements),
    };
    if let Some(url) = &page.success_url {
        request = request.success_url(url);
    }
    if let Some(url) = &page.cancel_url {
        request = request.cancel_url(url);
    }
    if let Some(url) = &page.return_url {
        request = request.return_url(url);
    }
    match page.redirect_on_completion {
        None => request,
        Some(when) => request.redirect_on_completion(match when {
            RedirectOnCompletion::Always => CheckoutSessionRedirectOnCompletion::Always,
            RedirectOnCompletion::IfRequired => CheckoutSessionRedirectOnCompletion::IfRequired,
            RedirectOnCompletion::Never => CheckoutSessionRedirectOnCompletion::Never,
        }),
    }
}

/// Retrieves a session with its payment intent, whose last error shows a failed asynchronous payment.
pub fn retrieve(session: &str) -> impl StripeRequest + use<> {
    RetrieveCheckoutSession::new(session).expand(vec!["payment_intent.latest_charge".to_owned()])
}

/// A page of the account's sessions created since, newest first.
pub fn list(since: Timestamp, starting_after: Option<&str>) -> ListCheckoutSession {
    let list = ListCheckoutSession::new()
        .limit(LIMIT)
        .created(created_since(since));
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Expires an open session (docs.stripe.com/api/checkout/sessions/expire). Stripe refuses a session in another status.
pub fn expire(session: &str) -> impl StripeRequest + use<> {
    ExpireCheckoutSession::new(session)
}
