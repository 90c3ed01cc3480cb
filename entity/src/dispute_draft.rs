//! Evidence that a seller writes before it is submitted. It is ours: Stripe hears nothing of it.

use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;

/// A row of `dispute_drafts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dispute_drafts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub dispute_id: String,
    /// Stripe's evidence fields and what they are to hold. Null: nothing, whatever we know ourselves.
    pub fields: JsonText<serde_json::Value>,
    pub updated_by: String,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
