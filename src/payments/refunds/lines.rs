//! Refunds by line: which units are refunded, what they cost after discounts, and which of them come back to stock.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter,
    QuerySelect,
};
use souk_entity::refund::{self, RefundStatus};
use souk_entity::{OrderId, OrderLineId, RefundId, order_line, refund_line};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{money, orders};

use super::super::shares::Share;

/// Units of an order's lines: at least one of each.
pub(super) type Units = [(OrderLineId, i64)];

/// Checks that the lines are the order's, each named once.
///
/// # Errors
/// 404 for a line of another order.
pub(super) async fn check<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
    wanted: &Units,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
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

/// What these units cost the buyer, in minor units: of what was paid for a line, the part that its units are of it. All units
/// of a line cost what was paid for it, in however many refunds.
///
/// # Errors
/// `refund_exceeds_bought`.
pub(super) async fn amounts<C: ConnectionTrait>(
    db: &C,
    share: &Share,
    currency: &str,
    wanted: &Units,
) -> Result<Vec<i64>> {
    let lines = orders::lines(db, &share.order).await?;
    let weights: Vec<i64> = lines.iter().map(|line| line.amount).collect();
    let paid = money::split(share.paid, &weights, currency)?;
    let refunded = refunded(db, &lines).await?;
    let mut amounts = Vec::with_capacity(wanted.len());
    for ((id, quantity), at) in wanted.iter().zip(0..) {
        let mut found = lines.iter().zip(&paid).filter(|(line, _)| line.id == *id);
        let (line, paid) = found
            .next()
            .ok_or_else(|| Error::internal(format!("{id} is of another order")))?;
        let before = refunded.get(id).copied().unwrap_or(0);
        let after = money::add(before, *quantity)?;
        if after > line.quantity {
            return Err(Error::Conflict {
                code: "refund_exceeds_bought",
                param: Some(format!("lines[{at}].quantity")),
                message: format!(
                    "Only {} of this line can be refunded: what was bought and isn't refunded yet.",
                    std::cmp::max(money::sub(line.quantity, before)?, 0)
                ),
            });
        }
        let cost = |units| money::share(*paid, units, line.quantity, currency);
        amounts.push(money::sub(cost(after)?, cost(before)?)?);
    }
    Ok(amounts)
}

/// The units of each line that were refunded by line, or may still be.
async fn refunded<C: ConnectionTrait>(
    db: &C,
    lines: &[order_line::Model],
) -> Result<BTreeMap<OrderLineId, i64>> {
    let ended = [
        RefundStatus::Failed,
        RefundStatus::Canceled,
        RefundStatus::Blocked,
    ];
    let counts = Condition::any()
        .add(refund::Column::Status.is_not_in(ended))
        .add(refund::Column::SettledAt.is_not_null());
    let rows = of_lines(lines.iter().map(|line| &line.id)).filter(counts);
    let mut units = BTreeMap::new();
    for row in rows.all(db).await? {
        let sum = units.entry(row.order_line_id).or_insert(0);
        *sum = money::add(*sum, row.quantity)?;
    }
    Ok(units)
}

/// The refunds' units of some lines, with their refunds to filter by.
pub(super) fn of_lines<'a>(
    lines: impl Iterator<Item = &'a OrderLineId>,
) -> sea_orm::Select<refund_line::Entity> {
    let of = refund_line::Entity::belongs_to(refund::Entity)
        .from(refund_line::Column::RefundId)
        .to(refund::Column::Id);
    refund_line::Entity::find()
        .filter(refund_line::Column::OrderLineId.is_in(lines.cloned()))
        .join(JoinType::InnerJoin, of.into())
}

/// Stores the units that a refund is for. `restock`: they come back to stock once it has succeeded.
///
/// # Errors
/// The database failed.
pub(super) async fn write(tx: &Tx, refund: &RefundId, units: &Units, restock: bool) -> Result<()> {
    if units.is_empty() {
        return Ok(());
    }
    let rows = units.iter().map(|(order_line_id, quantity)| {
        let row = refund_line::Model {
            refund_id: refund.clone(),
            order_line_id: order_line_id.clone(),
            quantity: *quantity,
            restock,
        };
        row.into_active_model()
    });
    refund_line::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// The units of some refunds.
///
/// # Errors
/// The database failed.
pub(super) async fn of_refunds<C: ConnectionTrait>(
    db: &C,
    refunds: &[RefundId],
) -> Result<Vec<refund_line::Model>> {
    Ok(refund_line::Entity::find()
        .filter(refund_line::Column::RefundId.is_in(refunds.iter().cloned()))
        .all(db)
        .await?)
}
