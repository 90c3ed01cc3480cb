//! What a subscription is of.

use crate::ids::{PriceId, ProductId, SubscriptionId};
use sea_orm::entity::prelude::*;

/// A row of `subscription_items`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscription_items")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subscription_id: SubscriptionId,
    /// Stripe's `si_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stripe_item: String,
    /// Stripe's `price_…`.
    pub stripe_price: String,
    /// None: a price that somebody made at Stripe.
    pub price_id: Option<PriceId>,
    /// None: as above.
    pub product_id: Option<ProductId>,
    /// Minor units, of one piece and one period.
    pub unit_amount: Option<i64>,
    pub quantity: i64,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
