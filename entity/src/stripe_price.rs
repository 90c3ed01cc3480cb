//! The copies of our prices at Stripe: one for each price, account and mode.

use crate::ids::{AccountId, PriceId, StripePriceId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `stripe_prices`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stripe_prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StripePriceId,
    pub price_id: PriceId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// The product's id there, which is ours, once the price is made.
    pub stripe_product: Option<String>,
    /// Stripe's `price_…`, once Stripe has made it.
    pub stripe_price: Option<String>,
    /// Whether it is active there, as far as Stripe has answered. None: it isn't sure, and Stripe is told again.
    pub active: Option<bool>,
    /// The number in the idempotency key of its creation.
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
