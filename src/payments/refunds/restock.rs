//! Goods that come back with a refund: which, when it is asked for; and back to stock, when it has succeeded.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter, QuerySelect,
};
use serde_json::json;
use souk_entity::refund::{self, RefundStatus};
use souk_entity::{OrderId, OrderLineId, RefundId, order_line, refund_line};

use crate::catalog::{LineMovements, SoldLine, give_back};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{money, orders};

/// What is to come back with a refund.
#[derive(Clone, Debug)]
pub enum Restock {
    /// All that was sold and isn't back yet, for a refund of all that is left.
    Rest,
    /// So many units of these lines.
    Lines(Vec<(OrderLineId, i64)>),
}

/// Stores what is to come back with a refund that is being asked for. The caller has locked the payment and the order.
///
/// # Errors
/// `restock_exceeds_sold`; a part of the money without lines.
pub(super) async fn plan(
    tx: &Tx,
    order: &OrderId,
    refund: &RefundId,
    wanted: Restock,
    is_rest: bool,
) -> Result<()> {
    let lines = orders::lines(tx, order).await?;
    let left = left(tx, order, &lines).await?;
    let quantities = match wanted {
        Restock::Rest if !is_rest => {
            return Err(Error::invalid(
                "lines",
                "lines is missing: a refund of a part says which units come back.",
            ));
        }
        Restock::Rest => {
            let rest: Vec<_> = left.into_iter().filter(|(_, units)| *units > 0).collect();
            if rest.is_empty() {
                return Err(exceeds("restock".to_owned(), 0));
            }
            rest
        }
        Restock::Lines(wanted) => {
            for ((line, quantity), at) in wanted.iter().zip(0..) {
                let left = left.get(line).copied().unwrap_or(0);
                if *quantity > left {
                    return Err(exceeds(format!("lines[{at}].quantity"), left.max(0)));
                }
            }
            wanted
        }
    };
    let rows = quantities.into_iter().map(|(order_line_id, quantity)| {
        let row = refund_line::Model {
            refund_id: refund.clone(),
            order_line_id,
            quantity,
        };
        row.into_active_model()
    });
    refund_line::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The units of each line that can still come back: sold, not back yet, and promised to no refund that may succeed.
async fn left(
    tx: &Tx,
    order: &OrderId,
    lines: &[order_line::Model],
) -> Result<BTreeMap<OrderLineId, i64>> {
    let ids: Vec<OrderLineId> = lines.iter().map(|line| line.id.clone()).collect();
    let movements = LineMovements::find(tx, &ids).await?;
    let of = refund_line::Entity::belongs_to(refund::Entity)
        .from(refund_line::Column::RefundId)
        .to(refund::Column::Id);
    let open = [
        RefundStatus::Requested,
        RefundStatus::Pending,
        RefundStatus::RequiresAction,
    ];
    let promised = refund_line::Entity::find()
        .filter(refund_line::Column::OrderLineId.is_in(ids.iter().cloned()))
        .join(JoinType::InnerJoin, of.into())
        .filter(refund::Column::OrderId.eq(order.clone()))
        .filter(refund::Column::Status.is_in(open))
        .all(tx)
        .await?;
    let mut left = BTreeMap::new();
    for id in ids {
        let promised = promised.iter().filter(|row| row.order_line_id == id);
        let promised = promised.map(|row| row.quantity).try_fold(0, money::add)?;
        let units = money::sub(movements.out(&id)?, promised)?;
        left.insert(id, units);
    }
    Ok(left)
}

/// Checks that the lines are the order's, each named once.
///
/// # Errors
/// 404 for a line of another order.
pub(super) async fn check<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
    wanted: &Restock,
) -> Result<()> {
    let Restock::Lines(wanted) = wanted else {
        return Ok(());
    };
    let lines = orders::lines(db, order).await?;
    let mut seen = BTreeSet::new();
    for ((id, _), at) in wanted.iter().zip(0..) {
        let param = format!("lines[{at}].order_line_id");
        if !lines.iter().any(|line| line.id == *id) {
            return Err(Error::no_such("order line", param));
        }
        if !seen.insert(id) {
            let twice = "lines names a line of the order twice.";
            return Err(Error::invalid(param, twice));
        }
    }
    Ok(())
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
    let planned = lines_of(tx, std::slice::from_ref(refund)).await?;
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

/// The units that come back with some refunds.
///
/// # Errors
/// The database failed.
pub(super) async fn lines_of<C: ConnectionTrait>(
    db: &C,
    refunds: &[RefundId],
) -> Result<Vec<refund_line::Model>> {
    Ok(refund_line::Entity::find()
        .filter(refund_line::Column::RefundId.is_in(refunds.iter().cloned()))
        .all(db)
        .await?)
}
