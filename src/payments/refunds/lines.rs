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
        amounts.push(cost(*paid, (before, after), line.quantity, currency)?);
    }
    Ok(amounts)
}

/// What the units of a line cost that come after those before: of what was paid for the line, the part that all units so far are
/// of it, less what the earlier ones cost.
pub(super) fn cost(
    paid: i64,
    (before, after): (i64, i64),
    bought: i64,
    currency: &str,
) -> Result<i64> {
    let so_far = |units| money::share(paid, units, bought, currency);
    money::sub(so_far(after)?, so_far(before)?)
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
    if refunds.is_empty() {
        return Ok(Vec::new());
    }
    Ok(refund_line::Entity::find()
        .filter(refund_line::Column::RefundId.is_in(refunds.iter().cloned()))
        .all(db)
        .await?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4000) })]

        #[test]
        fn the_units_of_all_lines_cost_what_was_paid_for_the_order_in_any_series(
            lines in prop::collection::vec((1..40_i64, 0..3000_i64), 1..6),
            off in 0..=100_i64,
            takes in prop::collection::vec((0..6_usize, 1..12_i64), 0..20),
            currency in prop_oneof![Just("usd"), Just("jpy"), Just("isk"), Just("kwd")],
        ) {
            let weights: Vec<i64> = lines.iter().map(|(units, each)| units * each).collect();
            let paid = weights.iter().sum::<i64>() * (100 - off) / 100;
            let of_lines = money::split(paid, &weights, currency).expect("small");
            let (mut refunded, mut back) = (vec![0; lines.len()], 0);
            // In the end what is left of each.
            let rest = (0..lines.len()).map(|line| (line, i64::MAX));
            for (line, units) in takes.into_iter().chain(rest) {
                let line = line % lines.len();
                let before: i64 = refunded[line];
                let after = std::cmp::min(before.saturating_add(units), lines[line].0);
                let of = (before, after);
                let cost = cost(of_lines[line], of, lines[line].0, currency).expect("small");
                prop_assert!(cost >= 0);
                refunded[line] = after;
                back += cost;
                prop_assert!(back <= paid);
            }
            prop_assert_eq!(back, paid);
        }
    }
}
