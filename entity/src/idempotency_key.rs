//! Stored `Idempotency-Key`s with the resource of each request. No response is stored, and so no secret.

use crate::ids::IdempotencyId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `idempotency_keys`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: IdempotencyId,
    /// Principal and route.
    pub scope: String,
    pub key: String,
    /// SHA-256 of the body, hex.
    pub request_hash: String,
    /// Minted before the work, so that a retry resumes the same one.
    pub resource_id: String,
    /// The response's status, once the request is done.
    pub status: Option<i32>,
    /// The end of the lease of the request that is at work.
    pub lease_until: Timestamp,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
