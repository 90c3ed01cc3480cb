//! What a balance transaction says of an application fee: on the platform's book its income, on a seller's what it paid.

use crate::ids::{AccountId, BookId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `application_fee_movements`. All amounts are positive towards the platform.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "application_fee_movements")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub book_id: BookId,
    /// Stripe's `txn_…`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub transaction_id: String,
    /// Whether it is the platform's income. Otherwise it is what a seller paid.
    pub is_income: bool,
    /// The account that paid the fee. None: not known yet.
    pub stripe_account: Option<AccountId>,
    /// The charge that it was taken of. None: not known yet.
    pub charge: Option<String>,
    /// Stripe's `fee_…`, where the transaction tells it.
    pub fee: Option<String>,
    /// Stripe's id of what moved the money: the fee, its refund, the charge or its refund.
    pub source: String,
    /// Minor units of the charge's currency. None: Stripe has converted it, and doesn't say.
    pub amount: Option<i64>,
    /// The charge's currency, lower case.
    pub currency: Option<String>,
    /// Minor units of the balance's currency, as the journal has it.
    pub posted: i64,
    /// The balance's currency, lower case.
    pub posted_currency: String,
    /// Whether both books agreed on the charge when they were last compared.
    pub is_compared: bool,
    pub stripe_created: Timestamp,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
