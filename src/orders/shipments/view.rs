//! Shipments as the API shows them.

use std::collections::HashMap;

use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use serde::Serialize;
use souk_entity::{OrderId, OrderLineId, ShipmentId, Timestamp, shipment, shipment_line};

use crate::error::Result;
use crate::money;

/// A shipment as the API shows it.
#[derive(Clone, Debug, Serialize)]
pub struct ShipmentView {
    id: ShipmentId,
    object: &'static str,
    order_id: OrderId,
    lines: Vec<ShipmentLineView>,
    carrier: Option<String>,
    tracking_number: Option<String>,
    tracking_url: Option<String>,
    delivery_url: Option<String>,
    note: Option<String>,
    shipped_at: Timestamp,
    delivered_at: Option<Timestamp>,
    delivery_proof: Option<String>,
    voided_at: Option<Timestamp>,
    void_reason: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Clone, Debug, Serialize)]
struct ShipmentLineView {
    order_line_id: OrderLineId,
    quantity: i64,
}

impl ShipmentView {
    fn of(row: shipment::Model, lines: Vec<shipment_line::Model>) -> Self {
        let line = |line: shipment_line::Model| ShipmentLineView {
            order_line_id: line.order_line_id,
            quantity: line.quantity,
        };
        Self {
            id: row.id,
            object: "shipment",
            order_id: row.order_id,
            lines: lines.into_iter().map(line).collect(),
            carrier: row.carrier,
            tracking_number: row.tracking_number,
            tracking_url: row.tracking_url,
            delivery_url: row.delivery_url,
            note: row.note,
            shipped_at: row.shipped_at,
            delivered_at: row.delivered_at,
            delivery_proof: row.delivery_proof,
            voided_at: row.voided_at,
            void_reason: row.void_reason,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// The shipments of some orders, with their lines, voided ones too.
pub struct ShipmentsOfOrders {
    rows: Vec<shipment::Model>,
    lines: HashMap<ShipmentId, Vec<shipment_line::Model>>,
}

impl ShipmentsOfOrders {
    /// Reads them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find<C: ConnectionTrait>(db: &C, orders: &[OrderId]) -> Result<Self> {
        let rows = shipment::Entity::find()
            .filter(shipment::Column::OrderId.is_in(orders.iter().cloned()))
            .order_by_asc(shipment::Column::Id)
            .all(db)
            .await?;
        Self::with_lines(db, rows).await
    }

    async fn with_lines<C: ConnectionTrait>(db: &C, rows: Vec<shipment::Model>) -> Result<Self> {
        // Without any, the database would look at every shipment's lines.
        if rows.is_empty() {
            return Ok(Self {
                rows,
                lines: HashMap::new(),
            });
        }
        let ids = rows.iter().map(|row| row.id.clone());
        let found = shipment_line::Entity::find()
            .filter(shipment_line::Column::ShipmentId.is_in(ids))
            .order_by_asc(shipment_line::Column::OrderLineId)
            .all(db)
            .await?;
        let mut lines: HashMap<_, Vec<_>> = HashMap::new();
        for line in found {
            let of_shipment = lines.entry(line.shipment_id.clone()).or_default();
            of_shipment.push(line);
        }
        Ok(Self { rows, lines })
    }

    /// The units of an order line that were sent.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn sent(&self, line: &OrderLineId) -> Result<i64> {
        let sent = self.rows.iter().filter(|row| row.voided_at.is_none());
        let lines = sent.filter_map(|row| self.lines.get(&row.id)).flatten();
        let units = lines.filter(|one| one.order_line_id == *line);
        units.map(|one| one.quantity).try_fold(0, money::add)
    }

    /// The views of an order's, oldest first.
    pub fn views(&self, order: &OrderId) -> Vec<ShipmentView> {
        let of_order = self.rows.iter().filter(|row| row.order_id == *order);
        let view = |row: &shipment::Model| {
            let lines = self.lines.get(&row.id).cloned();
            ShipmentView::of(row.clone(), lines.unwrap_or_default())
        };
        of_order.map(view).collect()
    }
}

/// The views of some shipments, in the same order.
pub(super) async fn views<C: ConnectionTrait>(
    db: &C,
    rows: Vec<shipment::Model>,
) -> Result<Vec<ShipmentView>> {
    let ShipmentsOfOrders { rows, mut lines } = ShipmentsOfOrders::with_lines(db, rows).await?;
    let view = |row: shipment::Model| {
        let lines = lines.remove(&row.id).unwrap_or_default();
        ShipmentView::of(row, lines)
    };
    Ok(rows.into_iter().map(view).collect())
}
