//! Entries of journals, debit positive; append-only.

use crate::ids::{BookId, EntryId, JournalId};
use sea_orm::entity::prelude::*;

/// A row of `entries`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "entries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: EntryId,
    pub journal_id: JournalId,
    pub book_id: BookId,
    /// Such as `stripe_balance:payments`.
    pub account: String,
    pub currency: String,
    pub amount: i64,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
