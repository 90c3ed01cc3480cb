//! Subscriptions.

use std::collections::HashMap;

use serde::Deserialize;

use super::{Expandable, IdView, PaymentMethodView};

/// A subscription (docs.stripe.com/api/subscriptions/object).
#[derive(Clone, Debug, Deserialize)]
pub struct SubscriptionView {
    /// `sub_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Such as `active` or `past_due`.
    pub status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Lower case.
    pub currency: Option<String>,
    /// `cus_…`.
    pub customer: Option<Expandable<IdView>>,
    /// What it is of. The periods are theirs.
    pub items: Option<SubscriptionItemsView>,
    /// Whole seconds.
    pub trial_end: Option<i64>,
    /// Whole seconds.
    pub cancel_at: Option<i64>,
    /// Whether it ends with its period.
    #[serde(default)]
    pub cancel_at_period_end: bool,
    /// Whole seconds.
    pub canceled_at: Option<i64>,
    /// Whole seconds.
    pub ended_at: Option<i64>,
    /// `in_…`.
    pub latest_invoice: Option<Expandable<LatestInvoiceView>>,
    /// `seti_…`: where a card is still to be given that is charged later.
    pub pending_setup_intent: Option<Expandable<IdView>>,
    /// What pays it, where it was expanded. Null: its customer's default does.
    pub default_payment_method: Option<Expandable<PaymentMethodView>>,
    /// A change that waits for its invoice to be paid.
    pub pending_update: Option<PendingUpdateView>,
    /// Ours, but only a hint: somebody else may have made the subscription.
    pub metadata: Option<HashMap<String, String>>,
}

impl SubscriptionView {
    /// The card that pays it, where it was expanded.
    pub fn card(&self) -> Option<&PaymentMethodView> {
        match &self.default_payment_method {
            Some(Expandable::Object(method)) => Some(method),
            _ => None,
        }
    }
}

/// `items` of a subscription.
#[derive(Clone, Debug, Deserialize)]
pub struct SubscriptionItemsView {
    /// The first of them.
    pub data: Vec<SubscriptionItemView>,
}

/// One of the items of a subscription (docs.stripe.com/api/subscription_items/object).
#[derive(Clone, Debug, Deserialize)]
pub struct SubscriptionItemView {
    /// `si_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// By which price it is billed.
    pub price: SubscriptionPriceView,
    /// Pieces.
    pub quantity: Option<i64>,
    /// Whole seconds.
    pub current_period_start: Option<i64>,
    /// Whole seconds.
    pub current_period_end: Option<i64>,
}

/// `price` of an item.
#[derive(Clone, Debug, Deserialize)]
pub struct SubscriptionPriceView {
    /// `price_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Minor units, of one piece and one period.
    pub unit_amount: Option<i64>,
}

/// `latest_invoice` of a subscription, where it was expanded.
#[derive(Clone, Debug, Deserialize)]
pub struct LatestInvoiceView {
    /// `in_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// `draft`, `open`, `paid`, `uncollectible` or `void`.
    pub status: Option<String>,
    /// How often Stripe has tried by itself to have it paid.
    #[serde(default)]
    pub attempt_count: i64,
}

impl Expandable<LatestInvoiceView> {
    /// `in_…`.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(invoice) => &invoice.id,
        }
    }
}

/// `pending_update` of a subscription (docs.stripe.com/billing/subscriptions/pending-updates).
#[derive(Clone, Debug, Deserialize)]
pub struct PendingUpdateView {
    /// Whole seconds.
    pub expires_at: i64,
    /// Null: they stay as they are.
    pub subscription_items: Option<Vec<SubscriptionItemView>>,
}
