//! Differences that need a person.

use crate::ids::{AccountId, FindingId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether it still stands.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum FindingState {
    /// It does.
    #[sea_orm(string_value = "open")]
    Open,
    /// It no longer does.
    #[sea_orm(string_value = "resolved")]
    Resolved,
}

/// A row of `findings`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "findings")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FindingId,
    pub kind: String,
    pub stripe_account: Option<AccountId>,
    pub subject: String,
    /// What happened, how much, what to do.
    pub message: String,
    pub amount: Option<i64>,
    pub currency: Option<String>,
    pub state: FindingState,
    pub created_at: Timestamp,
    pub resolved_at: Option<Timestamp>,
    /// Of the person who resolved it by hand.
    pub note: Option<String>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
