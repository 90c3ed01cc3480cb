//! Setup intents: a buyer saves a card with a seller without paying.

use crate::ids::{AccountId, CustomerId, SellerId, SetupIntentId};
use crate::values::{JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// How far a setup is. `succeeded` is final.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum SetupStatus {
    /// Waits for the buyer.
    #[sea_orm(string_value = "open")]
    Open,
    /// Stripe is at work.
    #[sea_orm(string_value = "processing")]
    Processing,
    /// The payment method is saved.
    #[sea_orm(string_value = "succeeded")]
    Succeeded,
    /// It was canceled, by somebody or after a day.
    #[sea_orm(string_value = "canceled")]
    Canceled,
    /// Stripe refused to make it.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// A row of `setup_intents`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "setup_intents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SetupIntentId,
    pub customer_id: CustomerId,
    pub seller_id: SellerId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Stripe's `seti_…`, once Stripe has told it.
    pub stripe_object: Option<String>,
    /// Whether the buyer saves the card on Stripe's own page.
    pub hosted: bool,
    /// The session of that page, `cs_…`, once Stripe has answered.
    pub checkout_session: Option<String>,
    /// Where the buyer goes from that page, as it was asked for: an app's address, too. None: our own page.
    pub success_url: Option<String>,
    pub cancel_url: Option<String>,
    /// The same of a page of the shop's own.
    pub return_url: Option<String>,
    pub status: SetupStatus,
    /// What it has saved.
    pub payment_method: Option<String>,
    /// What the buyer agreed to be charged for while they aren't there, word for word. None: they didn't.
    pub mandate_text: Option<String>,
    pub mandate_agreed_at: Option<Timestamp>,
    pub mandate_ip: Option<String>,
    pub mandate_user_agent: Option<String>,
    /// Why the last try failed, as a decline is stored.
    pub last_error: Option<String>,
    /// Stripe's refusal.
    pub failure: Option<String>,
    pub failure_code: Option<String>,
    pub metadata: JsonText<Metadata>,
    /// The exact create request, JSON: path, account, API version, body.
    pub request: String,
    /// The number in the idempotency key of its creation.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    /// When Stripe was last asked about it by a verify.
    pub asked_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
