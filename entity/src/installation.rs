//! The mode and the platform that this database belongs to. There is one row, with id 1.

use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

use crate::AccountId;
use crate::values::Timestamp;

/// The kind of money that the database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumIter, DeriveActiveEnum, Serialize, Deserialize)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Money of the simulator in the server's own process.
    #[sea_orm(string_value = "simulated")]
    Simulated,
    /// Stripe's test money.
    #[sea_orm(string_value = "test")]
    Test,
    /// Real money.
    #[sea_orm(string_value = "live")]
    Live,
}

/// The row of `installation`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "installation")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i32,
    pub mode: Mode,
    /// The platform's own account. None until Stripe has answered.
    pub platform_account: Option<AccountId>,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
