//! Goods that come back to stock with a refund: which, when it is asked for; and back, when it has succeeded.

use std::collections::{BTreeMap, HashMap};

use sea_orm::{ColumnTrait, ConnectionTrait, QueryFilter};
use serde_json::json;
use souk_entity::refund::{self, RefundStatus};
use souk_entity::{OrderId, OrderLineId, RefundId, order_line, refund_line};

use crate::catalog::{LineMovements, SoldLine, give_back};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{money, orders};

use super::lines::{Units, of_lines, of_refunds};

/// The units that are to come back: those that are named, or all that are still out with a refund of all that is left.
///
/// # Errors
/// `restock_exceeds_sold`; a part of the money without lines.
pub(super) async fn units<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
    wanted: &Units,
    is_rest: bool,
) -> Result<Vec<(OrderLineId, i64)>> {
    let lines = orders::lines(db, order).await?;
    let left = left(db, order, &lines).await?;
    if !wanted.is_empty() {
        for ((line, quantity), at) in wanted.iter().zip(0..) {
            let left = left.get(line).copied().unwrap_or(0);
            if *quantity > left {
                return Err(exceeds(format!("lines[{at}].quantity"), left.max(0)));
            }
        }
        return Ok(wanted.to_vec());
    }
    if !is_rest {
        return Err(Error::invalid(
            "lines",
            "lines is missing: a refund of a part says which units come back.",
        ));
    }
    let rest: Vec<_> = left.into_iter().filter(|(_, units)| *units > 0).collect();
    match rest.is_empty() {
        true => Err(exceeds("restock".to_owned(), 0)),
        false => Ok(rest),
    }
}

/// The units of each line that can still come back: sold, not back yet, and promised to no refund that may succeed.
async fn left<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
    lines: &[order_line::Model],
) -> Result<BTreeMap<OrderLineId, i64>> {
    let ids: Vec<OrderLineId> = lines.iter().map(|line| line.id.clone()).collect();
    let movements = LineMovements::find(db, &ids).await?;
    let open = [
        RefundStatus::Requested,
        RefundStatus::Pending,
        RefundStatus::RequiresAction,
    ];
    let promised = of_lines(ids.iter())
        .filter(refund_line::Column::Restock.eq(true))
        .filter(refund::Column::OrderId.eq(order.clone()))
        .filter(refund::Column::Status.is_in(open));
    let promised = promised.all(db).await?;
    let mut left = BTreeMap::new();
    for id in ids {
        let promised = promised.iter().filter(|row| row.order_line_id == id);
        let promised = promised.map(|row| row.quantity).try_fold(0, money::add)?;
        let units = money::sub(movements.out(&id)?, promised)?;
        left.insert(id, units);
    }
    Ok(left)
}

fn exceeds(param: String, left: i64) -> Error {
    Error::Conflict {
        code: "restock_exceeds_sold",
        param: Some(param),
        message: format!("Only {left} can come back: what was sold and isn't back yet."),
    }
}

/// Returns a refund's goods to stock, since its money has gone back: once, whatever becomes of the refund later. The caller
/// has locked the payment and the order.
///
/// # Errors
/// The database failed.
pub(super) async fn carry_out(tx: &Tx, order: &OrderId, refund: &RefundId) -> Result<()> {
    let mut planned = of_refunds(tx, std::slice::from_ref(refund)).await?;
    planned.retain(|row| row.restock);
    if planned.is_empty() {
        return Ok(());
    }
    let products: HashMap<_, _> = orders::lines(tx, order)
        .await?
        .into_iter()
        .map(|line| (line.id, line.product_id))
        .collect();
    let mut lines = Vec::with_capacity(planned.len());
    for row in planned {
        let product = products.get(&row.order_line_id).cloned();
        lines.push(SoldLine {
            product: product.ok_or_else(|| Error::internal("a refund of another order's line"))?,
            id: row.order_line_id,
            quantity: row.quantity,
        });
    }
    let back = give_back(tx, order, Some(refund), lines, "system").await?;
    if back.is_empty() {
        return Ok(());
    }
    let back = back
        .iter()
        .map(|line| json!({ "order_line_id": line.id, "quantity": line.quantity }));
    let data = json!({ "refund": refund, "lines": back.collect::<Vec<_>>() });
    orders::log(tx, order, "restocked", data).await
}
