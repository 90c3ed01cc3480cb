//! What buyers may do in Stripe's billing portal: one configuration for each account and mode.

use crate::ids::{AccountId, PortalConfigurationId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `portal_configurations`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "portal_configurations")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: PortalConfigurationId,
    pub stripe_account: AccountId,
    pub livemode: bool,
    /// Stripe's `bpc_…`, once Stripe has made it.
    pub stripe_configuration: Option<String>,
    /// What Stripe was told that is offered. None: it isn't sure, and Stripe is told again.
    pub content: Option<String>,
    /// Counts how often Stripe was told.
    pub revision: i64,
    /// The number in the idempotency key of its creation.
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
