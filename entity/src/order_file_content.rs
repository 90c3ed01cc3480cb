//! The bytes of orders' files, in a table of their own so that lists don't read them.

use crate::ids::OrderFileId;
use sea_orm::entity::prelude::*;

/// A row of `order_file_contents`, under the file's id.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "order_file_contents")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: OrderFileId,
    pub bytes: Vec<u8>,
}

/// None: queries name their joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
