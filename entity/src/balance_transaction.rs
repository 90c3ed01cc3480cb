//! Stripe's balance transactions, as pulled.

use crate::ids::{BookId, OrderId};
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// One of `fee_details`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeDetail {
    /// Stripe's `type`, such as `stripe_fee` or `application_fee`.
    pub r#type: String,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Stripe's own words.
    pub description: Option<String>,
}

/// A row of `balance_transactions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "balance_transactions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub book_id: BookId,
    /// Stripe's `txn_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Stripe's `type`.
    pub kind: String,
    pub reporting_category: String,
    pub source: Option<String>,
    pub amount: i64,
    pub fee: i64,
    pub net: i64,
    pub currency: String,
    pub fee_details: JsonText<Vec<FeeDetail>>,
    pub balance_type: String,
    pub status: String,
    pub available_on: Timestamp,
    pub stripe_created: Timestamp,
    pub payout_id: Option<String>,
    /// Whether it is another Stripe account's money, of which the list says nothing. None: nobody has asked.
    pub of_transfer: Option<bool>,
    pub order_id: Option<OrderId>,
    pub raw: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
