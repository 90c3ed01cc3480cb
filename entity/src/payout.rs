//! Stripe's payouts, and whether their transactions explain them.

use crate::ids::{AccountId, BookId, SellerId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Stripe's status.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum PayoutStatus {
    /// Not yet sent to the bank.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// Sent.
    #[sea_orm(string_value = "in_transit")]
    InTransit,
    /// Arrived.
    #[sea_orm(string_value = "paid")]
    Paid,
    /// Cancelled.
    #[sea_orm(string_value = "canceled")]
    Canceled,
    /// Failed; it can follow `paid`.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// Whether its transactions explain it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Reconciliation {
    /// Not yet.
    #[sea_orm(string_value = "open")]
    Open,
    /// Their net is its amount.
    #[sea_orm(string_value = "closed")]
    Closed,
    /// They do not add up.
    #[sea_orm(string_value = "mismatch")]
    Mismatch,
    /// A manual payout, which Stripe can't itemise.
    #[sea_orm(string_value = "manual")]
    Manual,
}

/// A row of `payouts`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payouts")]
pub struct Model {
    /// Stripe's `po_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub book_id: BookId,
    pub stripe_account: AccountId,
    pub seller_id: Option<SellerId>,
    pub livemode: bool,
    pub amount: i64,
    pub currency: String,
    pub status: PayoutStatus,
    pub automatic: bool,
    pub arrival_date: Timestamp,
    /// Stripe's.
    pub reconciliation_status: String,
    pub reconciliation: Reconciliation,
    pub transactions_net: Option<i64>,
    pub transaction_count: Option<i64>,
    pub failure_code: Option<String>,
    pub failure_message: Option<String>,
    pub stripe_created: Timestamp,
    pub closed_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
