//! Promotion codes of a seller, each with a coupon on the seller's account.

use crate::ids::{PromotionCodeId, SellerId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// For how long a code takes something off a subscription. What is sold once is taken off once in any case.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum CodeDuration {
    /// The first invoice.
    #[default]
    #[sea_orm(string_value = "once")]
    Once,
    /// The invoices of so many months.
    #[sea_orm(string_value = "repeating")]
    Repeating,
    /// Every invoice.
    #[sea_orm(string_value = "forever")]
    Forever,
}

/// A row of `promotion_codes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "promotion_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PromotionCodeId,
    pub seller_id: SellerId,
    /// Upper case; unique for a seller.
    pub code: String,
    pub percent_off: Option<i32>,
    /// Minor units of `currency`.
    pub amount_off: Option<i64>,
    pub currency: Option<String>,
    pub duration: CodeDuration,
    /// Of `repeating` alone.
    pub duration_in_months: Option<i32>,
    /// What a purchase must come to before the code is taken off. Minor units of `minimum_amount_currency`.
    pub minimum_amount: Option<i64>,
    pub minimum_amount_currency: Option<String>,
    /// Only for buyers who have bought nothing of the seller before.
    pub first_time_transaction: bool,
    pub max_redemptions: Option<i32>,
    pub expires_at: Option<Timestamp>,
    pub active: bool,
    pub stripe_coupon: Option<String>,
    pub stripe_promotion_code: Option<String>,
    /// The number in the idempotency keys of both creations.
    pub key_number: i32,
    /// The end of the time in which those keys may be repeated; 0: Stripe has saved a 500 under one.
    pub key_until: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
