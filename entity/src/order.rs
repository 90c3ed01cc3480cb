//! Orders of a buyer from one seller.

use crate::ids::{OrderId, SellerId, UserId};
use crate::values::{JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The status of an order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Not paid yet.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// An asynchronous payment is on its way.
    #[sea_orm(string_value = "processing")]
    Processing,
    /// The money is held until the seller captures it, and the stock is taken.
    #[sea_orm(string_value = "authorized")]
    Authorized,
    /// Paid, its stock taken.
    #[sea_orm(string_value = "paid")]
    Paid,
    /// Paid, but the money is to be refunded.
    #[sea_orm(string_value = "refund_due")]
    RefundDue,
    /// All the money was refunded.
    #[sea_orm(string_value = "refunded")]
    Refunded,
    /// Cancelled before it was paid.
    #[sea_orm(string_value = "cancelled")]
    Cancelled,
    /// Sold out, with nothing paid.
    #[sea_orm(string_value = "cancelled_sold_out")]
    CancelledSoldOut,
    /// Its session expired at Stripe.
    #[sea_orm(string_value = "expired")]
    Expired,
    /// Its asynchronous payment failed.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// A row of `orders`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "orders")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderId,
    pub seller_id: SellerId,
    /// None: a guest.
    pub buyer_id: Option<UserId>,
    pub email: Option<String>,
    pub status: OrderStatus,
    pub livemode: bool,
    pub currency: String,
    /// The sum of the lines, in minor units.
    pub amount_subtotal: i64,
    /// SHA-256 of a guest's order secret, hex.
    pub secret_hash: Option<String>,
    /// Why paid money is refunded: `oversold`, `late`, `duplicate_payment`.
    pub refund_reason: Option<String>,
    pub paid_at: Option<Timestamp>,
    pub fulfilled_at: Option<Timestamp>,
    pub tracking_number: Option<String>,
    pub cancelled_at: Option<Timestamp>,
    pub cancel_reason: Option<String>,
    /// Where it was bought, if that can be believed.
    pub purchase_ip: Option<String>,
    pub purchase_user_agent: Option<String>,
    /// The seller's as it was when the order was made.
    pub refund_policy: Option<String>,
    pub refund_policy_url: Option<String>,
    pub metadata: JsonText<Metadata>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
