//! Payment methods that a buyer has saved with a seller. Stripe keeps all of them but what a person tells them apart by.

use crate::ids::{AccountId, CustomerId, SetupIntentId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `payment_methods`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "payment_methods")]
pub struct Model {
    /// Stripe's `pm_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub customer_id: CustomerId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Stripe's `type`, such as `card`.
    pub kind: String,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i32>,
    pub exp_year: Option<i32>,
    /// Such as `apple_pay`.
    pub wallet: Option<String>,
    /// Our setup intent or payment that has saved it.
    pub brought_by: String,
    /// The setup intent by which the buyer agreed to charges while they aren't there.
    pub mandate_id: Option<SetupIntentId>,
    pub detached_at: Option<Timestamp>,
    /// The expiry, as `YYYY-MM`, of which the buyer was told that it comes.
    pub expiry_told: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
