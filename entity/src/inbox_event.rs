//! Every verified Stripe event, once.

use crate::ids::AccountId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The endpoint that it came to, or would have come to.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/webhooks/stripe`.
    #[sea_orm(string_value = "platform")]
    Platform,
    /// `/webhooks/stripe/connect`.
    #[sea_orm(string_value = "connect")]
    Connect,
}

/// The way it came.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Stripe delivered it.
    #[sea_orm(string_value = "webhook")]
    Webhook,
    /// It was found in Stripe's list of events.
    #[sea_orm(string_value = "catch_up")]
    CatchUp,
}

/// The state of an event.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Its effect is in the database.
    #[sea_orm(string_value = "processed")]
    Processed,
    /// Stored only; it concerns nothing of ours.
    #[sea_orm(string_value = "ignored")]
    Ignored,
    /// Its prerequisite is not there yet.
    #[sea_orm(string_value = "deferred")]
    Deferred,
    /// Its effect failed; it is retried.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Given up; an admin can replay it.
    #[sea_orm(string_value = "dead")]
    Dead,
    /// A person said that it isn't wanted.
    #[sea_orm(string_value = "discarded")]
    Discarded,
}

/// A row of `inbox_events`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox_events")]
pub struct Model {
    /// Stripe's event id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub endpoint: Endpoint,
    /// Stripe's `type`.
    pub kind: String,
    pub account: Option<AccountId>,
    pub livemode: bool,
    pub api_version: Option<String>,
    /// The id of `data.object`.
    pub object: Option<String>,
    pub stripe_created: Timestamp,
    /// The raw payload.
    pub payload: String,
    pub state: EventState,
    /// What a deferred event waits for.
    pub waits_for: Option<String>,
    pub attempts: i32,
    pub retry_at: Option<Timestamp>,
    pub error: Option<String>,
    /// Why a person discarded it.
    pub discard_reason: Option<String>,
    pub received_at: Timestamp,
    pub processed_at: Option<Timestamp>,
    pub source: Source,
    /// The version of the table of effects that looked at it last.
    pub effects_version: i32,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
