//! Customers: a buyer's Stripe customer on a seller's account, once for each buyer, account and mode. The buyer is a user, or a guest
//! by an address that they have proved to be theirs.

use std::collections::BTreeSet;

use crate::ids::{AccountId, CustomerId, UserId};
use crate::values::{JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A billing address (docs.stripe.com/api/customers/object#customer_object-address).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    pub line1: Option<String>,
    pub line2: Option<String>,
    pub postal_code: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    /// Two capital letters.
    pub country: Option<String>,
}

/// A row of `customers`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "customers")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: CustomerId,
    /// Whose it is. None: a guest's.
    pub user_id: Option<UserId>,
    /// A guest's proved address, in lower case. None: a user's.
    pub verified_email: Option<String>,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Stripe's `cus_…`, once Stripe has made it. None again: it was deleted there.
    pub stripe_customer: Option<String>,
    /// The last one that was deleted at Stripe. A late answer may still name it.
    pub deleted_customer: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub address: Option<JsonText<Address>>,
    pub metadata: JsonText<Metadata>,
    /// Stripe's `pm_…`, for invoices and for charges while the buyer isn't there.
    pub default_payment_method: Option<String>,
    /// The names of what was changed here and not sent to Stripe yet; a part of `metadata` is `metadata.NAME`.
    pub unsent: JsonText<BTreeSet<String>>,
    /// Counts the changes made here, so that an answer to an older one overwrites nothing.
    pub revision: i64,
    /// The number in the idempotency key of its creation.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: Stripe has saved a 500 under it.
    pub key_until: Timestamp,
    /// When Stripe was last read.
    pub synced_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
