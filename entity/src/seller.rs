//! Sellers; the Stripe side of one is a connected account.

use crate::ids::{AccountId, SellerId, UserId};
use crate::values::{Amounts, JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// The account is closed.
    #[sea_orm(string_value = "closed")]
    Closed,
    /// The account has disconnected from the platform.
    #[sea_orm(string_value = "deauthorized")]
    Deauthorized,
}

/// Which of Stripe's APIs an account is made and read by.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum AccountsApi {
    /// `/v1/accounts`.
    #[sea_orm(string_value = "v1")]
    V1,
    /// `/v2/core/accounts`.
    #[sea_orm(string_value = "v2")]
    V2,
}

/// Dashboard, fee payer and loss bearer of an account together, and the charges that they are for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ChargeProfile {
    /// Direct charges; the full dashboard; fees and losses are between Stripe and the seller.
    #[sea_orm(string_value = "direct")]
    Direct,
    /// Direct charges; the Express dashboard; the platform answers for fees and losses.
    #[sea_orm(string_value = "direct_express")]
    DirectExpress,
    /// Destination and separate charges; the Express dashboard; the platform answers for fees and losses.
    #[sea_orm(string_value = "marketplace")]
    Marketplace,
    /// No dashboard of Stripe's; the platform answers for fees and losses.
    #[sea_orm(string_value = "white_label")]
    WhiteLabel,
}

/// Which Stripe dashboard the seller uses (v1: `controller.stripe_dashboard.type`, v2: `dashboard`).
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
    /// None of Stripe's.
    #[sea_orm(string_value = "none")]
    None,
}

/// What ends a subscription of the seller's by itself.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum SubscriptionEndsOn {
    /// Nothing does.
    #[sea_orm(string_value = "nothing")]
    Nothing,
    /// A period's order whose money has gone back whole.
    #[sea_orm(string_value = "refund")]
    Refund,
    /// A dispute of a period's payment.
    #[sea_orm(string_value = "dispute")]
    Dispute,
    /// Either.
    #[sea_orm(string_value = "refund_or_dispute")]
    RefundOrDispute,
}

/// Of which renewals the seller's buyers are told beforehand.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum RenewalNotices {
    /// Of none.
    #[sea_orm(string_value = "none")]
    None,
    /// Of those of half a year or longer.
    #[sea_orm(string_value = "long_periods")]
    LongPeriods,
    /// Of each.
    #[sea_orm(string_value = "all")]
    All,
}

/// A capability of an account by its name, such as `card_payments`.
pub type Capabilities = BTreeMap<String, Capability>;

/// Whether an account can do something. Stripe's words stand as they came, known ones or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// Such as `active`, `pending` or `restricted`.
    pub status: String,
    /// Why it isn't active.
    #[serde(default)]
    pub details: Vec<StatusDetail>,
}

/// Why a capability isn't active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetail {
    /// Such as `requirements_past_due`.
    pub code: String,
    /// What would make it active, such as `provide_info` or `contact_stripe`. v1 doesn't say.
    pub resolution: Option<String>,
}

/// Something that Stripe wants of a seller, in one shape for both APIs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requirement {
    /// Stripe's name for it, such as `individual.verification.document`.
    pub code: String,
    /// Who must act: `user`, who is the seller, or `stripe`.
    pub awaiting_action_from: String,
    /// `past_due`, `currently_due` or `eventually_due`.
    pub deadline_status: String,
    /// When it is past due, if Stripe says so.
    pub deadline: Option<Timestamp>,
    /// The capabilities that the account loses without it, such as `card_payments`. v1 doesn't say.
    pub restricts_capabilities: Vec<String>,
    /// What was wrong with what was given.
    pub errors: Vec<RequirementError>,
}

/// What was wrong with what a seller gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequirementError {
    /// Such as `verification_document_expired`.
    pub code: String,
    /// Stripe's words for the seller.
    pub reason: String,
}

/// An account's requirements: those of its `requirements` hash that we show, in v1's lists and one by one.
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
    /// Each of them. Empty in rows from before, until the account is read again.
    #[serde(default)]
    pub entries: Vec<Requirement>,
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
    /// The name that buyers see (v1: `business_profile.name`, v2: `doing_business_as`) as we last sent it. None: never, for accounts from before.
    pub account_name: Option<String>,
    pub livemode: bool,
    pub dashboard: Dashboard,
    /// The API that made the account, unless only the other one can read it.
    pub accounts_api: AccountsApi,
    /// The one it was made with.
    pub charge_profile: ChargeProfile,
    pub status: SellerStatus,
    /// v1: `charges_enabled`. v2: whether the capability that the charges of its profile need is active.
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub details_submitted: bool,
    pub capabilities: JsonText<Capabilities>,
    pub requirements: JsonText<Requirements>,
    pub onboarding_started_at: Option<Timestamp>,
    pub deauthorized_at: Option<Timestamp>,
    /// When we first read that the account is closed. It then counts as disconnected, too.
    pub closed_at: Option<Timestamp>,
    /// Hundredths of a per cent. None: the platform's.
    pub application_fee_bps: Option<i32>,
    /// By currency; nothing in a currency that isn't among them. None: the platform's.
    pub application_fee_fixed: Option<JsonText<Amounts>>,
    /// What the seller tells buyers of refunds.
    pub refund_policy: Option<String>,
    pub refund_policy_url: Option<String>,
    /// For how many days a renewal may be unpaid before its buyer loses access.
    pub subscription_grace_days: i32,
    pub subscription_ends_on: SubscriptionEndsOn,
    pub renewal_notices: RenewalNotices,
    /// Stripe's names, such as `card`. None: what the seller's dashboard allows.
    pub allowed_payment_method_types: Option<JsonText<Vec<String>>>,
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
