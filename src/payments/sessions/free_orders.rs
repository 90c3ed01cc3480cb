//! Orders that cost nothing, since a promotion code took all of it. They are paid, but there is nothing to refund.

use serde_json::json;
use souk_entity::OrderId;
use souk_entity::order::OrderStatus;

use crate::catalog::{SoldLine, give_back};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{money, orders};

use super::super::{lock_payment, payments_of_order, shares};

/// Cancels a paid order for which no money came, and returns its goods to stock. `false`: it isn't paid, or money came.
///
/// # Errors
/// `order_fulfilled`.
pub(super) async fn cancel(
    tx: &Tx,
    id: &OrderId,
    actor: &str,
    reason: Option<&str>,
) -> Result<bool> {
    let (mut paid, mut last) = (0, None);
    for payment in payments_of_order(tx, id).await? {
        let payment = lock_payment(tx, &payment.id).await?;
        paid = money::add(paid, shares::of_order(tx, &payment, id).await?.paid)?;
        last = Some(payment.id);
    }
    let Some(payment) = last.filter(|_| paid == 0) else {
        return Ok(false);
    };
    let order = shares::lock_order(tx, &payment, id).await?;
    if order.status != OrderStatus::Paid {
        return Ok(false);
    }
    if order.fulfilled_at.is_some() || orders::shipments::any(tx, id).await? {
        return Err(Error::conflict(
            "order_fulfilled",
            "This order has been fulfilled, so it can't be cancelled any more.",
        ));
    }
    let data = json!({ "reason": reason, "by": actor });
    orders::advance(tx, id, &[OrderStatus::Paid], OrderStatus::Cancelled, data).await?;
    let lines = orders::lines(tx, id).await?.into_iter();
    let lines = lines.map(|line| SoldLine {
        id: line.id,
        product: line.product_id,
        quantity: line.quantity,
    });
    give_back(tx, id, None, lines.collect(), actor).await?;
    Ok(true)
}
