//! What the seller's people noted about an order, and messages with its buyer; append-only.

use crate::ids::{OrderId, OrderNoteId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whose words a note holds.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The seller's, for themselves.
    #[sea_orm(string_value = "note")]
    Note,
    /// What the buyer wrote or said to the seller.
    #[sea_orm(string_value = "message_from_buyer")]
    MessageFromBuyer,
    /// What the seller wrote or said to the buyer.
    #[sea_orm(string_value = "message_to_buyer")]
    MessageToBuyer,
}

/// A row of `order_notes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_notes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderNoteId,
    pub order_id: OrderId,
    pub kind: NoteKind,
    pub text: String,
    /// When it was written or said.
    pub happened_at: Timestamp,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
