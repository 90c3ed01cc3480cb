//! Who did what; append-only.

use crate::ids::AuditId;
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;

/// A row of `audit_log`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_log")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AuditId,
    pub at: Timestamp,
    /// A user id, `system`, `stripe`, `cli` or `guest`.
    pub actor: String,
    /// Such as `seller.created`.
    pub action: String,
    /// The id of the thing that was changed.
    pub subject: String,
    pub data: JsonText<serde_json::Value>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
