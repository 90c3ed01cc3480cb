//! Jobs: work that is staged in a transaction and done after it.

use crate::ids::JobId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// The state of a job.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its time.
    #[sea_orm(string_value = "ready")]
    Ready,
    /// A worker has it.
    #[sea_orm(string_value = "leased")]
    Leased,
    /// Finished.
    #[sea_orm(string_value = "done")]
    Done,
    /// Given up; an admin can retry it.
    #[sea_orm(string_value = "dead")]
    Dead,
    /// A person said that it isn't wanted.
    #[sea_orm(string_value = "discarded")]
    Discarded,
}

/// A row of `jobs`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: JobId,
    /// The variant of the server's `Job`.
    pub kind: String,
    /// The whole `Job` as JSON.
    pub args: String,
    /// Unique: staging the same effect twice makes one job.
    pub effect_key: String,
    /// The id of what it is about, for admins to filter by.
    pub subject: String,
    pub state: JobState,
    /// Counts the wake-ups of a debounced job.
    pub wanted_generation: i64,
    /// The last wake-up that a finished run had seen.
    pub done_generation: i64,
    /// Runs since the last success. With `lease_owner` it is the fence of a lease.
    pub attempts: i32,
    /// Not to be run before.
    pub run_at: Timestamp,
    pub lease_owner: Option<String>,
    pub lease_until: Option<Timestamp>,
    pub last_error: Option<String>,
    /// Why a person discarded it.
    pub discard_reason: Option<String>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// A job that runs too often is not run before.
    pub rests_until: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
