//! Every change of stock; append-only. Their sum is the stock.

use crate::ids::{OrderId, OrderLineId, ProductId, RefundId, StockMovementId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Why stock changed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum StockReason {
    /// The initial stock of a new product.
    #[sea_orm(string_value = "initial")]
    Initial,
    /// A paid order line.
    #[sea_orm(string_value = "sale")]
    Sale,
    /// New goods.
    #[sea_orm(string_value = "received")]
    Received,
    /// A correction after a count.
    #[sea_orm(string_value = "correction")]
    Correction,
    /// Damaged or lost goods.
    #[sea_orm(string_value = "damaged")]
    Damaged,
    /// Returned goods.
    #[sea_orm(string_value = "returned")]
    Returned,
}

/// A row of `stock_movements`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "stock_movements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: StockMovementId,
    pub product_id: ProductId,
    pub delta: i64,
    pub reason: StockReason,
    pub note: Option<String>,
    pub order_id: Option<OrderId>,
    /// The line that was sold. Unique where set: one sale a line.
    pub order_line_id: Option<OrderLineId>,
    /// The line whose units came back: once with each refund, or once by the order's cancellation.
    pub returned_line_id: Option<OrderLineId>,
    /// The refund that they came back with.
    pub refund_id: Option<RefundId>,
    pub actor: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
