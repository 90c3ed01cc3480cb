//! Subscriptions that begin by API, for a page of one's own (docs.stripe.com/billing/subscriptions/build-subscriptions): order and
//! payment come first, then the subscription with its first invoice, which the buyer pays with a client secret. Its `invoice.paid`,
//! a verify or a re-read confirm it, as any other payment.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};
use souk_entity::payment::{self, CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::{Metadata, OrderId, PaymentId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{deserialize_some, json_objects, some_json_object};
use crate::identity::Buyer;
use crate::ids;
use crate::stripe::requests::checkout::SessionPage;
use crate::stripe::requests::subscriptions as request;
use crate::stripe::views::InvoiceView;
use crate::stripe::{Effect, Event};

use super::super::checkout::object::SecretOf;
use super::super::checkout::origin::Origin;
use super::super::checkout::placing::{self, NewPayment};
use super::super::checkout::pricing::Basket;
use super::super::checkout::subscribing::{self, Wanted};
use super::super::checkout::terms::{AnchorConfig, ProrationBehavior, Terms, TrialSettings};
use super::super::checkout::{self, Checkout, CheckoutLine, METADATA_OBJECT};
use super::super::confirm::confirm;
use super::super::events::PLATFORM;
use super::super::reread;
use super::super::snapshot::PaymentSnapshot;

/// How long the first invoice can be paid. Then Stripe voids it (docs.stripe.com/billing/subscriptions/overview).
const LIFETIME_MS: i64 = 23 * 3_600_000;
/// What stands under `METADATA_OBJECT` of a subscription that has begun here, and not by a session.
pub(super) const OWN_SUBSCRIPTION: &str = "subscription";

/// A subscription as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewSubscription {
    /// Recurring prices of one seller, currency, period and trial.
    #[serde(deserialize_with = "json_objects")]
    #[validate(
        length(min = 1, max = 20, message = "lines has 1 to 20 lines."),
        nested
    )]
    pub lines: Vec<CheckoutLine>,
    /// A code of the seller's that is taken off, as the buyer types it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub promotion_code: Option<String>,
    /// A card that the buyer has saved with the seller, which pays at once.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub payment_method: Option<String>,
    /// What becomes of a trial that ends without a card.
    #[serde(default, deserialize_with = "some_json_object")]
    pub trial_settings: Option<TrialSettings>,
    /// When the first whole period begins.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub billing_cycle_anchor: Option<Timestamp>,
    /// The same by its day and hour.
    #[serde(default, deserialize_with = "some_json_object")]
    #[validate(nested)]
    pub billing_cycle_anchor_config: Option<AnchorConfig>,
    /// What the time before that costs.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub proration_behavior: Option<ProrationBehavior>,
    /// Whether a product may be subscribed to once more by whoever has a subscription to it.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub allow_another_subscription: Option<bool>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
    /// Where it is asked for, which no body says.
    #[serde(skip)]
    pub origin: Origin,
}

/// Begins a subscription, and confirms its first invoice if that is paid already: by a saved card, or since nothing is to be paid. A
/// second call with the same id and `may_resume` goes on where the first one stopped.
///
/// # Errors
/// Lines that can't be subscribed to together or now, and Stripe's refusal. Without an answer from Stripe the payment stays pending,
/// and a job repeats the same request.
pub async fn begin(
    app: &App,
    buyer: &Buyer,
    id: OrderId,
    may_resume: bool,
    new: NewSubscription,
) -> Result<Checkout> {
    let begun = match checkout::placed(&app.db.read, &id, may_resume).await? {
        Some((order, payment)) => checkout::resume(app, order, payment).await?,
        None => {
            let (basket, payment) = prepare(app, buyer, &id, new).await?;
            let placed = placing::place(app, &buyer.actor(), id, basket, payment).await?;
            checkout::begin(app, placed.0, placed.1).await?
        }
    };
    let is_over = begun.secret_of != Some(SecretOf::PaymentIntent);
    if begun.payment.status != PaymentStatus::Pending || !is_over {
        return Ok(begun);
    }
    let payment = match reread::confirm_now(app, &begun.payment.id).await {
        Ok((payment, _)) => payment,
        // A job asks again.
        Err(Error::StripeUnavailable(_)) => begun.payment,
        Err(e) => return Err(e),
    };
    Ok(Checkout { payment, ..begun })
}

/// Prices a subscription, and prepares its request.
async fn prepare(
    app: &App,
    buyer: &Buyer,
    order: &OrderId,
    new: NewSubscription,
) -> Result<(Basket, NewPayment)> {
    if new.proration_behavior == Some(ProrationBehavior::None) {
        return Err(Error::invalid(
            "proration_behavior",
            "Time that is free before the first period is for POST /v1/checkout_sessions, or a trial: Stripe makes no first invoice of it.",
        ));
    }
    let id: PaymentId = ids::new(app.clock.now());
    let wanted = Wanted {
        lines: &new.lines,
        terms: Terms {
            trial_settings: new.trial_settings.as_ref(),
            billing_cycle_anchor: new.billing_cycle_anchor,
            billing_cycle_anchor_config: new.billing_cycle_anchor_config,
            proration_behavior: new.proration_behavior,
        },
        promotion_code: new.promotion_code.as_deref(),
        payment_method: new.payment_method.as_deref(),
        allow_promotion_codes: None,
        allow_another_subscription: new.allow_another_subscription,
        metadata: new.metadata,
        origin: new.origin,
    };
    let subscribed = subscribing::prepare(app, buyer, wanted).await?;
    let basket = subscribed.basket;
    let mut metadata = checkout::marks(order, &id);
    metadata.insert(METADATA_OBJECT.to_owned(), OWN_SUBSCRIPTION.to_owned());
    let promotion = subscribed.promotion;
    let request = request::begin(request::NewSubscription {
        lines: &subscribed.lines,
        fee_bps: basket.fee_rule.bps,
        cycle: &subscribed.cycle,
        customer: &subscribed.customer,
        payment_method: subscribed.payment_method.as_deref(),
        promotion_code: promotion
            .as_ref()
            .map(|code| code.stripe_promotion_code.as_str()),
        metadata,
    });
    let payment = NewPayment {
        id,
        kind: PaymentKind::Invoice,
        request: app.stripe.at(&basket.account).prepare(&request),
        application_fee: subscribed.application_fee,
        fee_follows_paid: true,
        promotion,
        allow_discounts: false,
        page: SessionPage::default(),
        customer: Some(subscribed.customer),
        lifetime_ms: Some(LIFETIME_MS),
        capture_method: CaptureMethod::Automatic,
        is_prorated: subscribed.is_prorated,
    };
    Ok((basket, payment))
}

/// The payment with which a subscription began.
///
/// # Errors
/// The database failed.
pub(super) async fn payment_of(app: &App, subscription: &str) -> Result<Option<payment::Model>> {
    use payment::Column as P;
    let first = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("subscription IS NOT NULL"))
        .filter(P::Subscription.eq(subscription))
        .filter(P::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(P::Id)
        .one(&app.db.read);
    Ok(first.await?)
}

/// What a buyer still has to confirm for a subscription, which Stripe is asked for each time. Nothing of one that began by a session.
///
/// # Errors
/// Stripe has not answered.
pub async fn to_confirm(app: &App, subscription: &str) -> Result<Option<Checkout>> {
    use super::super::orders_of_payments;
    let Some(payment) = payment_of(app, subscription).await? else {
        return Ok(None);
    };
    if payment.kind != PaymentKind::Invoice {
        return Ok(None);
    }
    let mut orders = orders_of_payments(&app.db.read, std::slice::from_ref(&payment)).await?;
    let order = orders.remove(&payment.id);
    let order = order.ok_or_else(|| Error::internal("a payment without an order"))?;
    checkout::resume(app, order, payment).await.map(Some)
}

/// `invoice.voided`: the first invoice of a subscription can't be paid any more, and its order ends. Of a later one nothing is known
/// before it is paid.
///
/// # Errors
/// An event without a mode, and the errors of `confirm`.
pub async fn voided(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(PLATFORM);
    };
    let view = event.object::<InvoiceView>()?;
    let snapshot = PaymentSnapshot::of_invoice(account, event.livemode()?, &view)?;
    let effect = confirm(tx, &[snapshot]).await?.pop();
    effect.ok_or_else(|| Error::internal("an invoice without an effect"))
}
