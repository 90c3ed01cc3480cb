//! The ledger of one Stripe account.

use crate::ids::{AccountId, BookId, SellerId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `books`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "books")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: BookId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// None: the platform's own.
    pub seller_id: Option<SellerId>,
    /// `created` of the newest pulled balance transaction.
    pub pulled_to: Option<Timestamp>,
    /// The last balance transaction that an unfinished pull has stored: it goes on behind that one.
    pub page_after: Option<String>,
    /// How far back the unfinished pull goes. None: to the account's first transaction.
    pub page_since: Option<Timestamp>,
    /// `created` of the newest transaction that the unfinished pull has seen.
    pub page_newest: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The version of the posting map that all its journals follow, corrections included.
    pub posting_rule: i32,
    /// The last transaction that was posted anew by that version, while others wait.
    pub repost_after: Option<String>,
    /// The deadline of the next pull.
    pub pull_by: Timestamp,
    /// When a pull that was staged for the deadline is staged again. 0: none has been staged.
    pub try_at: Timestamp,
    /// Until then money counts as moving, and the deadlines are near.
    pub busy_until: Timestamp,
    /// When a whole pull last went far back.
    pub looked_back_at: Option<Timestamp>,
    /// The deadline of the next comparison with Stripe's balance.
    pub check_by: Timestamp,
    /// When book and balance were last compared with a result.
    pub checked_at: Option<Timestamp>,
    /// When a check first found them unequal, if the last one did.
    pub unequal_at: Option<Timestamp>,
    /// When the last pull began that read all there was.
    pub pulled_at: Option<Timestamp>,
    /// Whether it is noted of all its transactions what they say of application fees.
    pub fees_noted: bool,
    /// The last transaction of which it is noted, while others wait.
    pub fees_noted_to: Option<String>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
