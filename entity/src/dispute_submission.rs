//! Evidence on its way to Stripe, once in each phase of a dispute.

use crate::ids::SubmissionId;
use crate::values::{JsonText, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// How far a submission is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum SubmissionStatus {
    /// Not yet answered by Stripe.
    #[sea_orm(string_value = "requested")]
    Requested,
    /// Stripe has it.
    #[sea_orm(string_value = "submitted")]
    Submitted,
    /// Stripe said a definite no, and has nothing.
    #[sea_orm(string_value = "refused")]
    Refused,
}

/// A row of `dispute_submissions`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "dispute_submissions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: SubmissionId,
    pub dispute_id: String,
    /// The dispute's `phase`.
    pub phase: i32,
    pub status: SubmissionStatus,
    /// Stripe's evidence fields and what they hold, as they are sent.
    pub fields: JsonText<serde_json::Value>,
    /// How often evidence had been submitted before, by Stripe's count.
    pub count_before: i64,
    /// Stripe's `code` of its refusal, and its words.
    pub failure_code: Option<String>,
    pub failure_reason: Option<String>,
    /// The end of its idempotency key.
    pub key_number: i32,
    /// The end of the time in which that key may be repeated; 0: it may not.
    pub key_until: Timestamp,
    pub requested_by: String,
    pub submitted_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
