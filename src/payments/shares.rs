//! Each order's share of a payment: what its buyer paid by it, and what of that has come back.

use std::collections::HashMap;

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use souk_entity::{
    OrderId, PaymentId, RefundId, order, payment, payment_order, refund, refund_order,
};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::money;

use super::{disputes, refunds::refunds_of_payment};

/// An order's share of a payment, in minor units of the payment's currency.
#[derive(Clone, Debug)]
pub(super) struct Share {
    pub order: OrderId,
    /// What the buyer paid for it. 0 before that.
    pub paid: i64,
    /// The payment's refunds that return money of this order, oldest first. Their amounts are what they return of it.
    pub refunds: Vec<refund::Model>,
    /// What disputes of the payment have returned of it.
    pub disputed: i64,
}

/// The shares of a payment's orders, by the orders' ids.
///
/// # Errors
/// The database failed, or a sum doesn't fit.
pub(super) async fn of_payment<C: ConnectionTrait>(
    db: &C,
    payment: &payment::Model,
) -> Result<Vec<Share>> {
    let links = links(db, &payment.id).await?;
    let paid: Vec<i64> = links
        .iter()
        .map(|link| link.amount_paid.unwrap_or(0))
        .collect();
    let disputes = disputes::of_payment(db, &payment.id).await?;
    let disputed = money::split(disputes::returned(&disputes)?, &paid, &payment.currency)?;
    let rows = refunds_of_payment(db, &payment.id).await?;
    let ids: Vec<RefundId> = rows.iter().map(|row| row.id.clone()).collect();
    let parts = of_refunds(db, &ids).await?;
    let share = |((link, paid), disputed): ((payment_order::Model, i64), i64)| Share {
        refunds: rows
            .iter()
            .filter_map(|row| {
                let part = parts.get(&row.id)?.iter();
                let mut part = part.filter(|part| part.order_id == link.order_id);
                let amount = part.next()?.amount;
                Some(refund::Model {
                    amount,
                    ..row.clone()
                })
            })
            .collect(),
        order: link.order_id,
        paid,
        disputed,
    };
    Ok(links
        .into_iter()
        .zip(paid)
        .zip(disputed)
        .map(share)
        .collect())
}

/// One order's share of a payment.
///
/// # Errors
/// As `of_payment`, or the payment doesn't pay for the order.
pub(super) async fn of_order<C: ConnectionTrait>(
    db: &C,
    payment: &payment::Model,
    order: &OrderId,
) -> Result<Share> {
    let mut shares = of_payment(db, payment).await?.into_iter();
    let share = shares.find(|share| share.order == *order);
    share.ok_or_else(|| not_of(&payment.id, order))
}

async fn links<C: ConnectionTrait>(
    db: &C,
    payment: &PaymentId,
) -> Result<Vec<payment_order::Model>> {
    Ok(payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(payment.clone()))
        .order_by_asc(payment_order::Column::OrderId)
        .all(db)
        .await?)
}

/// The orders of some refunds, with what each refund returns of each.
///
/// # Errors
/// The database failed.
pub(super) async fn of_refunds<C: ConnectionTrait>(
    db: &C,
    refunds: &[RefundId],
) -> Result<HashMap<RefundId, Vec<refund_order::Model>>> {
    if refunds.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = refund_order::Entity::find()
        .filter(refund_order::Column::RefundId.is_in(refunds.iter().cloned()))
        .order_by_asc(refund_order::Column::OrderId)
        .all(db)
        .await?;
    let mut of: HashMap<RefundId, Vec<_>> = HashMap::new();
    for row in rows {
        of.entry(row.refund_id.clone()).or_default().push(row);
    }
    Ok(of)
}

/// A payment's orders, by their ids, locked until the transaction ends. The caller locks the payment first.
///
/// # Errors
/// The database failed, or the payment pays for no order.
pub(super) async fn lock_orders(tx: &Tx, payment: &PaymentId) -> Result<Vec<order::Model>> {
    let mut paid_for = Query::select();
    paid_for
        .column(payment_order::Column::OrderId)
        .from(payment_order::Entity)
        .and_where(payment_order::Column::PaymentId.eq(payment.clone()));
    let orders = order::Entity::find()
        .filter(order::Column::Id.in_subquery(paid_for))
        .order_by_asc(order::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    match orders.is_empty() {
        true => Err(Error::internal(format!(
            "payment {payment} pays for no order"
        ))),
        false => Ok(orders),
    }
}

/// One of a payment's orders. All of them are locked, as by `lock_orders`.
///
/// # Errors
/// As `lock_orders`, or the payment doesn't pay for the order.
pub(super) async fn lock_order(tx: &Tx, payment: &PaymentId, id: &OrderId) -> Result<order::Model> {
    let mut orders = lock_orders(tx, payment).await?.into_iter();
    let order = orders.find(|order| order.id == *id);
    order.ok_or_else(|| not_of(payment, id))
}

fn not_of(payment: &PaymentId, order: &OrderId) -> Error {
    Error::internal(format!("payment {payment} doesn't pay for {order}"))
}

/// The ids of a payment's orders, sorted.
///
/// # Errors
/// The database failed.
pub(super) async fn order_ids<C: ConnectionTrait>(
    db: &C,
    payment: &PaymentId,
) -> Result<Vec<OrderId>> {
    let links = links(db, payment).await?;
    Ok(links.into_iter().map(|link| link.order_id).collect())
}

/// The orders' ids for a sentence.
pub(super) fn names(orders: &[OrderId]) -> String {
    let names: Vec<&str> = orders.iter().map(AsRef::as_ref).collect();
    names.join(", ")
}

/// Writes what a refund returns of each order.
///
/// # Errors
/// The database failed.
pub(super) async fn write_refund(
    tx: &Tx,
    refund: &RefundId,
    parts: impl IntoIterator<Item = (OrderId, i64)>,
) -> Result<()> {
    let rows = parts.into_iter().filter(|(_, amount)| *amount > 0);
    let rows = rows.map(|(order_id, amount)| {
        let row = refund_order::Model {
            refund_id: refund.clone(),
            order_id,
            amount,
        };
        row.into_active_model()
    });
    refund_order::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Changes what a refund returns, in proportion to what it returned of each order.
///
/// # Errors
/// The database failed, or a sum doesn't fit.
pub(super) async fn change_refund(tx: &Tx, refund: &refund::Model, amount: i64) -> Result<()> {
    use refund_order::Column as C;
    let of = of_refunds(tx, std::slice::from_ref(&refund.id)).await?;
    let parts = of.into_values().next().unwrap_or_default();
    let weights: Vec<i64> = parts.iter().map(|part| part.amount).collect();
    let amounts = money::split(amount, &weights, &refund.currency)?;
    refund_order::Entity::delete_many()
        .filter(C::RefundId.eq(refund.id.clone()))
        .exec(tx)
        .await?;
    let orders = parts.into_iter().map(|part| part.order_id);
    write_refund(tx, &refund.id, orders.zip(amounts)).await
}

/// Notes what refunds return of an order's share, in minor units.
///
/// # Errors
/// The database failed.
pub(super) async fn note_refunded(
    tx: &Tx,
    payment: &PaymentId,
    order: &OrderId,
    amount: i64,
) -> Result<()> {
    use payment_order::Column as C;
    payment_order::Entity::update_many()
        .col_expr(C::AmountRefunded, Expr::value(amount))
        .filter(C::PaymentId.eq(payment.clone()))
        .filter(C::OrderId.eq(order.clone()))
        .exec(tx)
        .await?;
    Ok(())
}
