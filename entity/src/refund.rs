//! Refunds of payments.

use crate::ids::{OrderId, PaymentId, RefundId, SellerId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The reason that the refund exists.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum RefundOrigin {
    /// A seller or admin asked for it.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// The stock was gone.
    #[sea_orm(string_value = "oversold")]
    Oversold,
    /// The order had ended before the money came.
    #[sea_orm(string_value = "late")]
    Late,
    /// Another attempt had paid the order.
    #[sea_orm(string_value = "duplicate_payment")]
    DuplicatePayment,
    /// Created at Stripe, not by us.
    #[sea_orm(string_value = "stripe")]
    Stripe,
}

/// Stripe's status, and two of ours.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// Ours: not yet answered by Stripe.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// Stripe waits, for instance for funds.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// The buyer must act.
    #[sea_orm(string_value = "requires_action")]
    RequiresAction,
    /// Done.
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    /// It failed after all.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Cancelled at Stripe.
    #[sea_orm(string_value = "canceled")]
    Canceled,
    /// Ours: Stripe said a definite no.
    #[sea_orm(string_value = "blocked")]
    Blocked,
}

/// A row of `refunds`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "refunds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: RefundId,
    pub payment_id: PaymentId,
    pub order_id: OrderId,
    pub seller_id: SellerId,
    pub amount: i64,
    pub currency: String,
    /// The returned fee in minor units, once Stripe has reported it.
    pub application_fee_refunded: Option<i64>,
    /// Stripe's `reason`.
    pub reason: Option<String>,
    pub note: Option<String>,
    pub origin: RefundOrigin,
    pub status: RefundStatus,
    pub failure_reason: Option<String>,
    /// Stripe's `pending_reason`, while it is pending.
    pub pending_reason: Option<String>,
    /// Where Stripe writes to the buyer, for methods that it can't refund by itself.
    pub instructions_email: Option<String>,
    /// Unique where set.
    pub stripe_refund: Option<String>,
    /// The number in the idempotency key of its creation.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    pub requested_by: String,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it ended without its money going back.
    pub failed_at: Option<Timestamp>,
    /// When somebody recorded that the buyer got the money in another way.
    pub settled_at: Option<Timestamp>,
    /// What they said of it.
    pub settled_note: Option<String>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
