//! Early fraud warnings whose payment isn't known here: it is confirmed later, or none of ours.

use crate::ids::AccountId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `unmatched_fraud_warnings`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "unmatched_fraud_warnings")]
pub struct Model {
    /// Stripe's `issfr_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub stripe_account: AccountId,
    /// Stripe's `pi_…`.
    pub payment_intent: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
