//! The orders that a payment pays for, and the share of each.

use crate::ids::{OrderId, PaymentId};
use sea_orm::entity::prelude::*;

/// A row of `payment_orders`. The amounts are minor units of the payment's currency, and those of a payment's rows add up to
/// the payment's own.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: PaymentId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    /// The order's priced lines.
    pub amount_subtotal: i64,
    /// Of the payment's discount, once paid.
    pub amount_discount: Option<i64>,
    /// Of what was paid, once paid.
    pub amount_paid: Option<i64>,
    /// Of the refunds that are pending or have succeeded.
    pub amount_refunded: i64,
    /// Of the fee that was asked for.
    pub application_fee: i64,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
