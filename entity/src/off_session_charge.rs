//! Charges on saved cards while the buyer isn't there, one a payment.

use crate::ids::{CustomerId, PaymentId, SetupIntentId, UserId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What such a charge waits for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// Its first try, or the next one at its time.
    #[sea_orm(string_value = "trying")]
    Trying,
    /// The buyer: the bank wants them to confirm it, or the card's details are out of date.
    #[sea_orm(string_value = "needs_buyer")]
    NeedsBuyer,
    /// Nothing: it was paid, or the bank told not to try again.
    #[sea_orm(string_value = "ended")]
    Ended,
}

/// A row of `off_session_charges`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "off_session_charges")]
pub struct Model {
    /// The payment's own.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PaymentId,
    pub customer_id: CustomerId,
    pub payment_method: String,
    /// What the buyer agreed to.
    pub mandate_id: SetupIntentId,
    pub requested_by: UserId,
    pub state: ChargeState,
    /// Tries that the bank has answered.
    pub tries: i32,
    /// Stripe's last `advice_code`.
    pub advice: Option<String>,
    /// None: it isn't tried again by itself.
    pub next_try_at: Option<Timestamp>,
    /// The number in the idempotency key of the next try.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
