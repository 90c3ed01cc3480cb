//! How far Stripe's list of events was read, for the platform and for each connected account, a group of
//! event types at a time.

use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// A row of `event_cursors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, DeriveEntityModel)]
#[sea_orm(table_name = "event_cursors")]
pub struct Model {
    /// The connected account's id, or `platform`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub scope: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub livemode: bool,
    /// The group of event types, by the version that first had them.
    #[sea_orm(primary_key, auto_increment = false)]
    pub type_group: String,
    /// `created` of the newest event listed: by Stripe's clock.
    pub listed_to: Timestamp,
    /// When the list was last read to its end: by ours.
    pub listed_at: Option<Timestamp>,
    /// When Stripe said that the account isn't connected to us.
    pub access_lost_at: Option<Timestamp>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
