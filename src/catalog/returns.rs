//! Goods that come back to stock: units of order lines, never more than were sold.

use std::collections::{BTreeMap, HashMap};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter};
use souk_entity::stock_movement::{self, Column as C, StockReason};
use souk_entity::{OrderId, OrderLineId, RefundId};

use super::SoldLine;
use super::stock::add;
use crate::db::Tx;
use crate::error::Result;
use crate::{ids, money};

/// The movements of some order lines.
pub struct LineMovements(HashMap<OrderLineId, Vec<stock_movement::Model>>);

impl LineMovements {
    /// Reads them.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find<D: ConnectionTrait>(db: &D, lines: &[OrderLineId]) -> Result<Self> {
        let find = |of: C| stock_movement::Entity::find().filter(of.is_in(lines.iter().cloned()));
        // Two reads, each by its own index.
        let mut rows = find(C::OrderLineId).all(db).await?;
        let returned = find(C::ReturnedLineId)
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("returned_line_id IS NOT NULL"));
        rows.extend(returned.all(db).await?);
        let mut all: HashMap<_, Vec<_>> = HashMap::new();
        for row in rows {
            let line = row.order_line_id.clone().or(row.returned_line_id.clone());
            if let Some(line) = line {
                all.entry(line).or_default().push(row);
            }
        }
        Ok(Self(all))
    }

    fn of(&self, line: &OrderLineId) -> &[stock_movement::Model] {
        self.0.get(line).map_or(&[], Vec::as_slice)
    }

    /// The units of a line that have come back.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn returned(&self, line: &OrderLineId) -> Result<i64> {
        let back = self.of(line).iter();
        let back = back.filter(|row| row.returned_line_id.is_some());
        back.map(|row| row.delta).try_fold(0, money::add)
    }

    /// The units of a line that were sold and have not come back. An order that was never sold, such as an oversold one,
    /// has none.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn out(&self, line: &OrderLineId) -> Result<i64> {
        let mut moved = self.of(line).iter().map(|row| row.delta);
        money::sub(0, moved.try_fold(0, money::add)?)
    }

    /// Whether a line has come back with this refund, or by the order's cancellation.
    fn has(&self, line: &OrderLineId, refund: Option<&RefundId>) -> bool {
        let back = self.of(line).iter();
        let mut back = back.filter(|row| row.returned_line_id.is_some());
        back.any(|row| row.refund_id.as_ref() == refund)
    }
}

/// Returns units of an order's lines to stock, with a refund or by the order's cancellation: each line once, and no more of
/// it than is out. Uncounted products get their movement, too. The caller has locked the order. Answers what came back.
///
/// # Errors
/// Sums that do not fit.
pub async fn give_back(
    tx: &Tx,
    order: &OrderId,
    refund: Option<&RefundId>,
    lines: Vec<SoldLine>,
    actor: &str,
) -> Result<Vec<SoldLine>> {
    let ids: Vec<OrderLineId> = lines.iter().map(|line| line.id.clone()).collect();
    let before = LineMovements::find(tx, &ids).await?;
    let mut back = Vec::with_capacity(lines.len());
    let mut units = BTreeMap::new();
    for line in lines {
        let quantity = std::cmp::min(line.quantity, before.out(&line.id)?);
        if quantity <= 0 || before.has(&line.id, refund) {
            continue;
        }
        let sum = units.entry(line.product.clone()).or_insert(0);
        *sum = money::add(*sum, quantity)?;
        back.push(SoldLine { quantity, ..line });
    }
    // Sorted by id, as all lock them. An uncounted product is left as it is.
    for (product, units) in &units {
        add(tx, product, *units).await?;
    }
    let movements = back.iter().map(|line| {
        let row = stock_movement::Model {
            id: ids::new(tx.now()),
            product_id: line.product.clone(),
            delta: line.quantity,
            reason: StockReason::Returned,
            note: None,
            order_id: Some(order.clone()),
            order_line_id: None,
            returned_line_id: Some(line.id.clone()),
            refund_id: refund.cloned(),
            actor: actor.to_owned(),
            created_at: tx.now(),
        };
        row.into_active_model()
    });
    if !back.is_empty() {
        stock_movement::Entity::insert_many(movements)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(back)
}
