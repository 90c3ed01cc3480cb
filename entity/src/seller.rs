//! Sellers; the Stripe side of one is a connected account.

use crate::ids::{AccountId, SellerId, UserId};
use crate::values::{Amounts, JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Derived from the account's own fields.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum SellerStatus {
    /// No onboarding yet.
    #[sea_orm(string_value = "created")]
    Created,
    /// The seller has not submitted all details yet.
    #[sea_orm(string_value = "onboarding")]
    Onboarding,
    /// Stripe checks the details.
    #[sea_orm(string_value = "pending_verification")]
    PendingVerification,
    /// Stripe has requirements that are due, or has disabled charges or payouts.
    #[sea_orm(string_value = "restricted")]
    Restricted,
    /// Can be bought from.
    #[sea_orm(string_value = "active")]
    Active,
    /// Stripe has rejected the account.
    #[sea_orm(string_value = "rejected")]
    Rejected,
    /// The account has disconnected from the platform.
    #[sea_orm(string_value = "deauthorized")]
    Deauthorized,
}

/// Which Stripe dashboard the seller uses (`controller.stripe_dashboard.type`).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Dashboard {
    /// Stripe's own.
    #[sea_orm(string_value = "full")]
    Full,
    /// The Express one, entered by login links.
    #[sea_orm(string_value = "express")]
    Express,
}

/// An account's requirements: the lists of its `requirements` hash that we show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirements {
    /// Wanted by `current_deadline`.
    pub currently_due: Vec<String>,
    /// Wanted already.
    pub past_due: Vec<String>,
    /// Wanted some day.
    pub eventually_due: Vec<String>,
    /// Being checked.
    pub pending_verification: Vec<String>,
    /// Why charges or payouts are off.
    pub disabled_reason: Option<String>,
    /// When `currently_due` becomes `past_due`.
    pub current_deadline: Option<Timestamp>,
}

/// A row of `sellers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sellers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SellerId,
    pub owner_id: UserId,
    pub name: String,
    pub email: String,
    /// ISO 3166-1 alpha-2, upper case.
    pub country: String,
    pub business_type: Option<String>,
    /// None until Stripe has answered.
    pub stripe_account: Option<AccountId>,
    /// The account's `business_profile.name` as we last sent it. None: never, for accounts from before.
    pub account_name: Option<String>,
    pub livemode: bool,
    pub dashboard: Dashboard,
    pub status: SellerStatus,
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub details_submitted: bool,
    pub requirements: JsonText<Requirements>,
    pub onboarding_started_at: Option<Timestamp>,
    pub deauthorized_at: Option<Timestamp>,
    /// Hundredths of a per cent. None: the platform's.
    pub application_fee_bps: Option<i32>,
    /// By currency; nothing in a currency that isn't among them. None: the platform's.
    pub application_fee_fixed: Option<JsonText<Amounts>>,
    pub metadata: JsonText<Metadata>,
    /// The number in the idempotency key of its account's creation.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    /// When the account was last read from Stripe.
    pub synced_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
