//! Tax ids of customers (docs.stripe.com/api/tax_ids).

use crate::ids::{AccountId, CustomerId, TaxIdId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether Stripe has it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum TaxIdStatus {
    /// It is on its way there.
    #[sea_orm(string_value = "adding")]
    Adding,
    /// Stripe has it.
    #[sea_orm(string_value = "added")]
    Added,
    /// Stripe doesn't know yet that it is to go.
    #[sea_orm(string_value = "removing")]
    Removing,
    /// It is gone.
    #[sea_orm(string_value = "removed")]
    Removed,
    /// Stripe didn't take it.
    #[sea_orm(string_value = "refused")]
    Refused,
}

/// A row of `tax_ids`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tax_ids")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: TaxIdId,
    pub customer_id: CustomerId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Stripe's type, such as `eu_vat`.
    pub kind: String,
    pub value: String,
    /// Two capital letters, where Stripe names one.
    pub country: Option<String>,
    /// Stripe's `txi_…`, once Stripe has told it.
    pub stripe_tax_id: Option<String>,
    pub status: TaxIdStatus,
    /// Stripe's word on it: `pending`, `verified`, `unverified` or `unavailable`.
    pub verification: Option<String>,
    /// Stripe's refusal.
    pub failure: Option<String>,
    pub failure_code: Option<String>,
    /// The number in the idempotency key of its creation.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
