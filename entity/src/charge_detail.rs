//! What Stripe said of the charge of a paid payment, for the evidence of disputes.

use crate::ids::{AccountId, PaymentId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `charge_details`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "charge_details")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub payment_id: PaymentId,
    pub charge_account: AccountId,
    /// Stripe's `ch_…` or `py_…`.
    pub charge: String,
    /// Stripe's `payment_method_details.type`, such as `card`.
    pub payment_method_type: Option<String>,
    /// Of a card, such as `visa`.
    pub brand: Option<String>,
    pub last4: Option<String>,
    /// The same for the same card or account, on one Stripe account.
    pub fingerprint: Option<String>,
    pub billing_name: Option<String>,
    /// In one line.
    pub billing_address: Option<String>,
    /// Stripe's receipt, a page of theirs.
    pub receipt_url: Option<String>,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
