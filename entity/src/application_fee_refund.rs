//! Application fees that went back: of which charge each was.

use crate::ids::AccountId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `application_fee_refunds`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application_fee_refunds")]
pub struct Model {
    /// Stripe's `fr_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The account that got the fee back.
    pub stripe_account: AccountId,
    pub livemode: bool,
    pub charge: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
