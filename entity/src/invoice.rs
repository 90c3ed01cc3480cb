//! Invoices of subscriptions, as Stripe last showed each. Nobody's links to Stripe's pages of them are here: whoever has one can see
//! and pay the invoice.

use crate::ids::{AccountId, CustomerId, SellerId, SubscriptionId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `invoices`. Amounts in minor units.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "invoices")]
pub struct Model {
    /// Stripe's `in_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub stripe_invoice: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub stripe_account: AccountId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub livemode: bool,
    pub subscription_id: SubscriptionId,
    pub seller_id: SellerId,
    /// Whose it is.
    pub customer_id: CustomerId,
    /// What it is called on paper, once it is final.
    pub number: Option<String>,
    /// Stripe's word, such as `open` (docs.stripe.com/invoicing/overview), or one that is new there.
    pub status: String,
    /// Why it was made, such as `subscription_cycle`.
    pub billing_reason: Option<String>,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Of all lines, before discounts.
    pub subtotal: i64,
    /// After discounts. Negative: a credit.
    pub total: i64,
    /// What is to be collected of the total.
    pub amount_due: i64,
    pub amount_paid: i64,
    /// What somebody said was paid otherwise than through Stripe. No payment of ours has collected it.
    pub amount_paid_off_stripe: i64,
    pub amount_remaining: i64,
    /// What collects it, as far as that is known.
    pub payment_intent: Option<String>,
    pub attempt_count: i64,
    pub next_payment_attempt: Option<Timestamp>,
    /// The earliest beginning of what its lines bill.
    pub period_start: Option<Timestamp>,
    /// The latest end of that.
    pub period_end: Option<Timestamp>,
    /// Of one that is sent to the customer.
    pub due_date: Option<Timestamp>,
    pub finalized_at: Option<Timestamp>,
    pub paid_at: Option<Timestamp>,
    pub voided_at: Option<Timestamp>,
    pub marked_uncollectible_at: Option<Timestamp>,
    /// Why Stripe could not make it final, in its words.
    pub finalization_error: Option<String>,
    /// How far it is: by its status, then by the tries to collect it. Nothing moves it back.
    pub progress: i64,
    /// The moment of which the row tells. What is as far and tells of an earlier one changes nothing.
    pub asked_at: Timestamp,
    /// When Stripe made it.
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
