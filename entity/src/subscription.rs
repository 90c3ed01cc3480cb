//! Subscriptions: what a buyer pays a seller for again and again. A row shows what Stripe last said.

use crate::ids::{AccountId, CustomerId, OrderId, SellerId, SubscriptionId};
use crate::subscription_change::ChangedItem;
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A change that waits for its invoice to be paid (docs.stripe.com/billing/subscriptions/pending-updates).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingUpdate {
    /// What the subscription is of then.
    pub items: Vec<ChangedItem>,
    /// Until when it waits.
    pub expires_at: Timestamp,
}

/// A row of `subscriptions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriptions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubscriptionId,
    /// Stripe's `sub_…`. Unique on its account, in its mode.
    pub stripe_subscription: String,
    pub stripe_account: AccountId,
    pub livemode: bool,
    pub seller_id: SellerId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// The order with which it began.
    pub order_id: OrderId,
    /// Stripe's word, such as `active` (docs.stripe.com/api/subscriptions/object, `status`), or one that is new there.
    pub status: String,
    /// ISO 4217, lower case.
    pub currency: String,
    /// The beginning of the period that is billed, the latest of its items.
    pub current_period_start: Option<Timestamp>,
    /// Its end.
    pub current_period_end: Option<Timestamp>,
    pub trial_end: Option<Timestamp>,
    /// When it ends, if that is settled.
    pub cancel_at: Option<Timestamp>,
    /// Whether it ends with its period.
    pub cancel_at_period_end: bool,
    /// When somebody asked for its end.
    pub canceled_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// Stripe's `in_…`.
    pub latest_invoice: Option<String>,
    /// Stripe's `seti_…`, by which its buyer gives a card that is charged later.
    pub pending_setup_intent: Option<String>,
    /// None: no change waits for its invoice to be paid.
    pub pending_update: Option<JsonText<PendingUpdate>>,
    /// When its buyer is to be told that the trial ends, or that it is renewed. None: they aren't, or have been.
    pub notice_due_at: Option<Timestamp>,
    /// The end, of the trial or the period, of which they have been told.
    pub noticed_end: Option<Timestamp>,
    /// The last month of the card that pays it, as `YYYY-MM`. None: it has no card of its own, or its buyer has been told.
    pub card_expires: Option<String>,
    /// When Stripe was asked for what the row shows. An answer that was asked for earlier changes nothing.
    pub asked_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
