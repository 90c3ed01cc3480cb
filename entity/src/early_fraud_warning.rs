//! Early fraud warnings about payments, as Stripe last showed them.

use crate::ids::{AccountId, OrderId, PaymentId, SellerId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `early_fraud_warnings`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "early_fraud_warnings")]
pub struct Model {
    /// Stripe's `issfr_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    pub seller_id: SellerId,
    pub stripe_account: AccountId,
    /// Stripe's.
    pub fraud_type: String,
    /// Whether a refund could still avoid a dispute.
    pub actionable: bool,
    pub stripe_created: Timestamp,
    /// When the read began that it was last stored from.
    pub synced_at: Timestamp,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
