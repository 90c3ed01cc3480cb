//! Products of sellers.

use crate::ids::{ProductId, SellerId};
use crate::values::{JsonText, Metadata, Timestamp};
use sea_orm::entity::prelude::*;
use serde::{Deserialize, Serialize};

/// Whether it can be bought.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Serialize, Deserialize,
)]
#[sea_orm(rs_type = "String", db_type = "Text")]
#[serde(rename_all = "snake_case")]
pub enum ProductStatus {
    /// For sale.
    #[sea_orm(string_value = "active")]
    Active,
    /// Not for sale.
    #[sea_orm(string_value = "archived")]
    Archived,
}

/// A row of `products`.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "products")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: ProductId,
    pub seller_id: SellerId,
    pub name: String,
    pub description: Option<String>,
    /// Minor units of what it costs once. None: it is sold by its prices only.
    pub unit_amount: Option<i64>,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Units in stock. None: unlimited.
    pub available: Option<i64>,
    pub status: ProductStatus,
    pub metadata: JsonText<Metadata>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
