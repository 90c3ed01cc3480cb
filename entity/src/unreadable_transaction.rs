//! Balance transactions that could not be read, as they came.

use crate::ids::BookId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `unreadable_transactions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unreadable_transactions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub book_id: BookId,
    /// Stripe's `txn_…`, or `row_…` with the hash of a row that has no id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub raw: String,
    /// What is wrong with it, without its values.
    pub reason: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
