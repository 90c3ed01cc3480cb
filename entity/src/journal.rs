//! Balanced sets of entries; append-only.

use crate::ids::{BookId, JournalId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `journals`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journals")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JournalId,
    pub book_id: BookId,
    /// What it records, such as `txn_…` or `po_…:paid`; unique in its book.
    pub source: String,
    /// Version of the map from reporting category to account.
    pub posting_rule: i32,
    pub posted_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
