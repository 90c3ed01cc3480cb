//! Files that show what happened with an order; append-only. Their bytes are in `order_file_contents`.

use crate::ids::{OrderFileId, OrderId, ShipmentId};
use crate::values::Timestamp;
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// What a file shows: the fields of a dispute's evidence that take files
/// (docs.stripe.com/api/disputes/evidence_object).
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    EnumIter,
    DeriveActiveEnum,
    Serialize,
    Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Messages with the buyer.
    #[sea_orm(string_value = "customer_communication")]
    CustomerCommunication,
    /// The buyer's signature, such as on a delivery note.
    #[sea_orm(string_value = "customer_signature")]
    CustomerSignature,
    /// A receipt or an invoice that the buyer got.
    #[sea_orm(string_value = "receipt")]
    Receipt,
    /// A proof that a service was provided.
    #[sea_orm(string_value = "service_documentation")]
    ServiceDocumentation,
    /// A proof of delivery.
    #[sea_orm(string_value = "shipping_documentation")]
    ShippingDocumentation,
    /// Anything else.
    #[sea_orm(string_value = "uncategorized_file")]
    UncategorizedFile,
}

/// A row of `order_files`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderFileId,
    pub order_id: OrderId,
    /// The shipment whose delivery it proves.
    pub shipment_id: Option<ShipmentId>,
    pub kind: FileKind,
    /// `application/pdf`, `image/jpeg` or `image/png`, by its first bytes.
    pub content_type: String,
    /// Bytes.
    pub size: i64,
    /// SHA-256, hex.
    pub sha256: String,
    pub created_by: String,
    pub created_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
