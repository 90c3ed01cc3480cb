//! Proofs that a mail address is somebody's: a code that was sent there, and a guest's token for it. Neither is stored: the code is
//! derived from the id, and of the token only a hash is kept.

use crate::ids::AddressVerificationId;
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;

/// A row of `address_verifications`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "address_verifications")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AddressVerificationId,
    /// Lower case.
    pub email: String,
    /// How many codes were tried.
    pub tries: i32,
    /// The end of the code's life.
    pub expires_at: Timestamp,
    /// Set once.
    pub used_at: Option<Timestamp>,
    /// SHA-256, hex, of a guest's token. None: the code wasn't used, or by a user.
    pub token_hash: Option<String>,
    /// The end of the token's life.
    pub token_expires_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
