//! The lines of an order, with the price as it was.

use crate::ids::{OrderId, OrderLineId, ProductId};
use sea_orm::entity::prelude::*;

/// A row of `order_lines`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_lines")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderLineId,
    pub order_id: OrderId,
    pub position: i32,
    pub product_id: ProductId,
    pub name: String,
    pub unit_amount: i64,
    pub quantity: i64,
    pub amount: i64,
    /// Whether it takes from stock although it is of a later period of a subscription. The lines of other orders do in any case.
    pub ships_period: bool,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
