//! Refunds of disputed payments. While the bank decides, Stripe refuses them; and what the buyer got back by a lost dispute
//! is not paid again.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{PaymentId, RefundId, Timestamp, dispute, order, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::{money, orders};

use super::super::{disputes, lock_payment, shares};
use super::mirror::{Undone, recount_refunded};
use super::{failed, find, refunds_of_payment, reserved};

/// The payment's refunds that Stripe has not answered.
pub(in crate::payments) async fn requested(tx: &Tx, payment: &PaymentId) -> Result<Vec<RefundId>> {
    let rows = refunds_of_payment(tx, payment).await?.into_iter();
    let requested = rows.filter(|row| row.status == RefundStatus::Requested);
    Ok(requested.map(|row| row.id).collect())
}

/// What a dispute's change means for the payment's orders and for the refunds that failed.
///
/// # Errors
/// Sums that don't fit.
pub(in crate::payments) async fn after_dispute(
    tx: &Tx,
    payment: &payment::Model,
    orders: &[order::Model],
) -> Result<()> {
    recount_refunded(tx, payment, orders, Undone::Dispute).await?;
    failed::review(tx, payment).await
}

/// The refund and its payment, if Stripe has not answered it and may be asked now. A dispute that isn't decided makes a
/// refund of ours wait, with a finding, and ends one that somebody asked for. After a lost one only the rest goes back.
///
/// # Errors
/// The database failed, or sums that don't fit.
pub(super) async fn ready_to_send(
    app: &App,
    id: &RefundId,
) -> Result<Option<(refund::Model, payment::Model)>> {
    let refund = find(&app.db.read, id).await?;
    if refund.status != RefundStatus::Requested {
        return Ok(None);
    }
    let payment = super::super::find(app, &refund.payment_id).await?;
    if disputes::of_payment(&app.db.read, &payment.id)
        .await?
        .is_empty()
    {
        return Ok(Some((refund, payment)));
    }
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, &payment.id).await?;
    let orders = shares::lock_orders(&tx, &payment.id).await?;
    let refund = find(&tx, id).await?;
    if refund.status != RefundStatus::Requested {
        return Ok(None);
    }
    let rows = disputes::of_payment(&tx, &payment.id).await?;
    if disputes::hold_refund(&rows) {
        match refund.origin {
            RefundOrigin::Requested | RefundOrigin::Stripe => {
                let why = "The payment was disputed before it could be refunded.";
                end(&tx, &refund, why).await?;
            }
            _ => {
                findings::raise(&tx, waits(&payment, &refund)).await?;
                // A refusal is what Stripe would answer to its key for ever.
                ask_anew(&tx, &refund, refund.amount).await?;
            }
        }
        tx.commit().await?;
        return Ok(None);
    }
    findings::resolve(&tx, "refund_disputed", id.as_ref()).await?;
    let rest = rest(&tx, &payment, &refund).await?;
    if rest <= 0 {
        end(&tx, &refund, "The buyer got the money back by the dispute.").await?;
        recount_refunded(&tx, &payment, &orders, Undone::Nothing).await?;
        failed::review(&tx, &payment).await?;
    } else if rest < refund.amount {
        shares::change_refund(&tx, &refund, rest).await?;
        ask_anew(&tx, &refund, rest).await?;
    }
    let refund = find(&tx, id).await?;
    tx.commit().await?;
    Ok((rest > 0).then_some((refund, payment)))
}

/// What of the refund's amount is still to go back: neither by a dispute nor by another refund.
async fn rest(tx: &Tx, payment: &payment::Model, refund: &refund::Model) -> Result<i64> {
    let mut share = shares::of_order(tx, payment, &refund.order_id).await?;
    if share.disputed == 0 {
        return Ok(refund.amount);
    }
    share.refunds.retain(|row| row.id != refund.id);
    let others = money::add(reserved(&share.refunds)?, share.disputed)?;
    let left = money::sub(share.paid, others)?;
    Ok(std::cmp::min(left, refund.amount))
}

async fn end(tx: &Tx, refund: &refund::Model, why: &str) -> Result<()> {
    use refund::Column as C;
    refund::Entity::update_many()
        .col_expr(C::Status, Expr::value(RefundStatus::Canceled))
        .col_expr(C::FailureReason, Expr::value(why))
        .col_expr(C::FailedAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(refund.id.clone()))
        .exec(tx)
        .await?;
    let data = json!({ "refund": refund.id, "amount": refund.amount, "reason": why });
    orders::log(tx, &refund.order_id, "refund_canceled", data).await
}

/// Has the next request go under a new key, for this amount in minor units. Stripe may have made the refund that was asked
/// for before, so it is searched for first.
async fn ask_anew(tx: &Tx, refund: &refund::Model, amount: i64) -> Result<()> {
    use refund::Column as C;
    refund::Entity::update_many()
        .col_expr(C::Amount, Expr::value(amount))
        .col_expr(C::KeyUntil, Expr::value(Timestamp(0)))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(refund.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Has a refund asked for again that Stripe refused for a dispute which was decided before it was read. `known` are the
/// disputes when Stripe was asked. `false`: none was decided since, so that asking again changes nothing.
pub(super) async fn ask_again(
    app: &App,
    refund: &refund::Model,
    known: &[dispute::Model],
) -> Result<bool> {
    let tx = app.db.begin_write().await?;
    lock_payment(&tx, &refund.payment_id).await?;
    let refund = find(&tx, &refund.id).await?;
    if refund.status != RefundStatus::Requested {
        // Stripe's answer has come in another way.
        return Ok(true);
    }
    let statuses = |rows: &[dispute::Model]| -> Vec<_> {
        let pairs = rows.iter().map(|row| (row.id.clone(), row.status.clone()));
        pairs.collect()
    };
    let now = disputes::of_payment(&tx, &refund.payment_id).await?;
    if statuses(&now) == statuses(known) {
        return Ok(false);
    }
    ask_anew(&tx, &refund, refund.amount).await?;
    let job = Job::Refund { refund: refund.id };
    jobs::stage(&tx, &job).await?;
    tx.commit().await?;
    Ok(true)
}

fn waits(payment: &payment::Model, refund: &refund::Model) -> NewFinding {
    NewFinding {
        kind: "refund_disputed",
        stripe_account: Some(payment.charge_account.clone()),
        subject: refund.id.to_string(),
        message: format!(
            "{} of order {} are to go back, but the buyer has disputed the payment, so Stripe doesn't refund it. Accept the \
             dispute in the Stripe dashboard, which returns the money; don't pay the buyer in another way. If the dispute \
             is won, the refund is made by itself.",
            money::display(refund.amount, &refund.currency),
            refund.order_id,
        ),
        amount: Some(refund.amount),
        currency: Some(refund.currency.clone()),
    }
}

/// A refund of a disputed payment.
pub(super) fn payment_disputed() -> Error {
    Error::conflict(
        "payment_disputed",
        "The buyer has disputed this payment with their bank, which decides about the money. Stripe refunds it no more.",
    )
}
