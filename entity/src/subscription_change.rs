//! Changes of subscriptions' plans and quantities, as they were asked of Stripe.

use crate::ids::{PriceId, SubscriptionChangeId, SubscriptionId};
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// How the rest of a period is billed (docs.stripe.com/billing/subscriptions/prorations).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ProrationBehavior {
    /// With the next renewal.
    #[sea_orm(string_value = "create_prorations")]
    CreateProrations,
    /// By an invoice of its own, at once.
    #[sea_orm(string_value = "always_invoice")]
    AlwaysInvoice,
    /// Not at all: what was paid stands until the next renewal.
    #[sea_orm(string_value = "none")]
    None,
}

/// An item as it is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedItem {
    /// Stripe's `si_…`. None: Stripe doesn't say.
    pub item: Option<String>,
    /// Stripe's `price_…`.
    pub price: String,
    /// None: a price that somebody made at Stripe.
    pub price_id: Option<PriceId>,
    /// Pieces.
    pub quantity: i64,
}

/// A row of `subscription_changes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription_changes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubscriptionChangeId,
    pub subscription_id: SubscriptionId,
    /// Those that change.
    pub items: JsonText<Vec<ChangedItem>>,
    pub proration_behavior: ProrationBehavior,
    /// As of when the rest of the period is counted, in whole seconds.
    pub proration_date: Option<Timestamp>,
    /// Whether Stripe makes an invoice of it at once.
    pub invoices_now: bool,
    /// Who, as in the audit log.
    pub requested_by: String,
    /// When Stripe has answered that it is made, or waits for its invoice to be paid.
    pub made_at: Option<Timestamp>,
    /// The number in its idempotency key.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
