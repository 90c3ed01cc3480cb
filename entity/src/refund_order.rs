//! The orders whose money a refund returns, and the share of each.

use crate::ids::{OrderId, RefundId};
use sea_orm::entity::prelude::*;

/// A row of `refund_orders`. The amounts of a refund's rows add up to the refund's own.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refund_orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub refund_id: RefundId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub order_id: OrderId,
    /// Minor units of the refund's currency.
    pub amount: i64,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
