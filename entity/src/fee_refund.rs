//! Our own refunds of application fees.

use crate::ids::{FeeRefundId, PaymentId, RefundId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// How far a fee refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "Text")]
pub enum FeeRefundStatus {
    /// Not yet answered by Stripe.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// Done.
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    /// Stripe said a definite no.
    #[sea_orm(string_value = "refused")]
    Refused,
}

/// A row of `fee_refunds`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fee_refunds")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: FeeRefundId,
    pub payment_id: PaymentId,
    /// The refund that it follows.
    pub refund_id: Option<RefundId>,
    /// The lost dispute that it follows. Neither: a discount made the fee too high.
    pub dispute_id: Option<String>,
    /// Minor units of the payment's currency.
    pub amount: i64,
    pub status: FeeRefundStatus,
    /// Stripe's `fr_…`.
    pub stripe_fee_refund: Option<String>,
    /// The end of its idempotency key.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: it may not.
    pub key_until: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
