//! What of an order was sent to its buyer.

use crate::ids::{OrderId, ShipmentId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `shipments`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "shipments")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ShipmentId,
    pub order_id: OrderId,
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub tracking_url: Option<String>,
    /// Where the buyer gets what is delivered digitally.
    pub delivery_url: Option<String>,
    pub note: Option<String>,
    pub shipped_at: Timestamp,
    pub delivered_at: Option<Timestamp>,
    /// What shows that it was delivered, in words, such as who signed for it.
    pub delivery_proof: Option<String>,
    /// When somebody recorded that it never was sent so.
    pub voided_at: Option<Timestamp>,
    pub void_reason: Option<String>,
    pub created_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
