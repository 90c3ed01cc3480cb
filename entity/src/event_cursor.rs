//! Cursors in Stripe's list of events: one for each group of event types, for the platform and for each connected account.

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
    /// The group of event types, named by the version that introduced it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub type_group: String,
    /// `created` of the newest event that was listed, by Stripe's clock.
    pub listed_to: Timestamp,
    /// When the list was last read to its end, by our clock.
    pub listed_at: Option<Timestamp>,
    /// When Stripe said that the account isn't connected to us.
    pub access_lost_at: Option<Timestamp>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
