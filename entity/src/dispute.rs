//! Disputes of payments, as Stripe last showed them.

use crate::ids::{AccountId, OrderId, PaymentId, SellerId};
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;

/// A row of `disputes`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "disputes")]
pub struct Model {
    /// Stripe's `du_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    pub seller_id: SellerId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Minor units. It may differ from what was paid.
    pub amount: i64,
    pub currency: String,
    /// Stripe's.
    pub reason: String,
    /// Stripe's. A text, since Stripe adds statuses.
    pub status: String,
    pub is_charge_refundable: bool,
    /// Whether its balance transactions have taken money from the account and not given it back.
    pub funds_withdrawn: bool,
    /// When Stripe wants the evidence.
    pub evidence_due_by: Option<Timestamp>,
    /// Stripe's, of cards: `chargeback`, `inquiry`, `compliance` and others.
    pub case_type: Option<String>,
    /// The network's code of the reason, of cards.
    pub network_reason_code: Option<String>,
    /// Whether evidence is staged or submitted at Stripe.
    pub has_evidence: bool,
    /// Whether the last submission came after its time.
    pub past_due: bool,
    /// How often evidence was submitted, by Stripe's count.
    pub submission_count: i64,
    /// Stripe's `enhanced_eligibility`, as it came.
    pub enhanced_eligibility: JsonText<serde_json::Value>,
    /// Rises whenever the dispute wants an answer anew: evidence is submitted once in each phase.
    pub phase: i32,
    /// When somebody accepted it here, and who.
    pub accept_requested_at: Option<Timestamp>,
    pub accept_requested_by: Option<String>,
    pub stripe_created: Timestamp,
    /// When it was last read from Stripe. It grows with each read.
    pub synced_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
