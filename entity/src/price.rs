//! Recurring prices of products. What one costs and how often never changes.

use crate::ids::{PriceId, ProductId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The unit in which a price's period is counted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// 24 hours.
    #[sea_orm(string_value = "day")]
    Day,
    /// Seven days.
    #[sea_orm(string_value = "week")]
    Week,
    /// A month of the calendar.
    #[sea_orm(string_value = "month")]
    Month,
    /// A year of the calendar.
    #[sea_orm(string_value = "year")]
    Year,
}

/// A row of `prices`. Its currency is the product's.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "prices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PriceId,
    pub product_id: ProductId,
    /// Minor units, of one piece and one period.
    pub unit_amount: i64,
    pub interval: Interval,
    /// So many intervals make a period.
    pub interval_count: i32,
    /// Of subscriptions that are made from now on. None: no trial.
    pub trial_period_days: Option<i32>,
    /// The seller's name for it.
    pub nickname: Option<String>,
    /// The fewest pieces of a subscription. None: one.
    pub min_quantity: Option<i64>,
    /// The most pieces of a subscription. None: as many as anybody wants.
    pub max_quantity: Option<i64>,
    /// Whether each period that is paid takes from stock, and not only the first.
    pub takes_stock_each_period: bool,
    /// The seller's choice. It is for sale only if its product is, too.
    pub active: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
