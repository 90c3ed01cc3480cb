//! The state of refunds at Stripe, ours and those made there, stored in our rows.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{AccountId, RefundId, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::orders::{self, OrderAccess};
use crate::stripe::requests::refunds::{self as request, METADATA_REFUND};
use crate::stripe::views::{Expandable, IdView, RefundView, metadata_value};
use crate::stripe::{Effect, Page};
use crate::{audit, findings, ids, money};

use super::super::{StripePayment, fees, lock_payment, payments_of_order, shares, subscribed};
use super::{
    RefundDetails, failed, find, is_unsuccessful, moves, new_row, only_for_sellers,
    refunds_of_payment, reserved, restock,
};

/// Reads all refunds of a payment from Stripe and stores their states.
///
/// # Errors
/// Stripe has not answered or refuses, or a refund can't be read.
pub async fn mirror(app: &App, payment: &payment::Model) -> Result<()> {
    let Some(intent) = &payment.payment_intent else {
        return Ok(());
    };
    let scope = app.stripe.at(&payment.charge_account);
    let mut last: Option<String> = None;
    loop {
        let page: Page = scope.get(&request::list(intent, last.as_deref())).await?;
        let views: Vec<RefundView> = page
            .data
            .into_iter()
            .map(|value| {
                serde_json::from_value(value)
                    .map_err(|e| Error::internal(format!("a refund of Stripe's: {e}")))
            })
            .collect::<Result<_>>()?;
        // Most payments have no refund, and a transaction that writes nothing would still hold up the others on SQLite.
        if !views.is_empty() {
            let tx = app.db.begin_write().await?;
            for view in &views {
                store(&tx, &payment.charge_account, payment.livemode, view).await?;
            }
            tx.commit().await?;
        }
        match views.last() {
            Some(view) if page.has_more => last = Some(view.id.clone()),
            _ => return Ok(()),
        }
    }
}

/// The job: re-reads one refund from Stripe. It may belong to no payment of ours.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn sync(app: &App, account: &AccountId, livemode: bool, refund: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let view: RefundView = app
        .stripe
        .at(account)
        .get(&request::retrieve(refund))
        .await?;
    let tx = app.db.begin_write().await?;
    store(&tx, account, livemode, &view).await?;
    tx.commit().await
}

/// Cancels a refund for which the buyer hasn't done yet what the method needs. Stripe cancels no other.
///
/// # Errors
/// 403 for the buyer; `refund_not_cancelable`; no answer from Stripe.
pub async fn cancel(app: &App, access: &OrderAccess, row: refund::Model) -> Result<refund::Model> {
    only_for_sellers(access)?;
    let stripes = row.stripe_refund.clone();
    let (Some(stripes), RefundStatus::RequiresAction) = (stripes, row.status) else {
        return match row.status {
            RefundStatus::Canceled => Ok(row),
            _ => Err(not_cancelable()),
        };
    };
    let payment = super::super::find(app, &row.payment_id).await?;
    let (account, livemode) = (&payment.charge_account, payment.livemode);
    // Canceling twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("cancel_refund:{}", ids::random_token());
    let stripe = app.stripe.at(account);
    match stripe
        .post::<RefundView, _>(&request::cancel(&stripes), &key)
        .await
    {
        Ok(view) => {
            let tx = app.db.begin_write().await?;
            store(&tx, account, livemode, &view).await?;
            let (actor, id) = (&access.actor, row.id.as_ref());
            audit::record(&tx, actor, "refund.canceled", id, json!({})).await?;
            tx.commit().await?;
        }
        // It has gone on meanwhile, or ended.
        Err(Error::StripeRefused(_)) => sync(app, account, livemode, &stripes).await?,
        Err(e) => return Err(e),
    }
    let row = find(&app.db.read, &row.id).await?;
    match row.status {
        RefundStatus::Canceled => Ok(row),
        _ => Err(not_cancelable()),
    }
}

fn not_cancelable() -> Error {
    Error::conflict(
        "refund_not_cancelable",
        "Stripe cancels a refund only while it waits for what the buyer must do (requires_action).",
    )
}

/// Stores a refund's state at Stripe, forward only. Our row is found by Stripe's id or by metadata; a refund made at Stripe
/// gets a new row.
///
/// # Errors
/// Sums that don't fit.
pub async fn store(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    view: &RefundView,
) -> Result<Effect> {
    use refund::Column as C;
    let of = StripePayment {
        account,
        livemode,
        intent: view.payment_intent.as_ref().map(Expandable::<IdView>::id),
        charge: view.charge.as_ref().map(Expandable::<IdView>::id),
    };
    let Some(payment) = of.find(tx).await? else {
        // A payment that is confirmed later re-reads its refunds from Stripe.
        return Ok(Effect::Ignored("a refund of no payment of ours"));
    };
    let payment = lock_payment(tx, &payment.id).await?;
    let orders = shares::lock_orders(tx, &payment.id).await?;
    let status = status_of(view);
    let row = match find_row(tx, &payment, view).await? {
        Some(row) => row,
        None => insert_mirrored(tx, &payment, &orders, view).await?,
    };
    let forward = rank(status) > rank(row.status);
    let fee = view
        .application_fee_refunded()
        .or(row.application_fee_refunded);
    let first_seen = row.stripe_refund.is_none();
    let is_behind = rank(status) < rank(row.status);
    let pending = match is_behind {
        true => row.pending_reason.clone(),
        false => view.pending_reason.clone(),
    };
    let news = fee != row.application_fee_refunded || pending != row.pending_reason;
    if forward || first_seen || news {
        let status = if forward { status } else { row.status };
        let failed_at = match forward {
            true => is_unsuccessful(status).then_some(tx.now()),
            false => row.failed_at,
        };
        refund::Entity::update_many()
            .col_expr(C::Status, Expr::value(status))
            .col_expr(C::StripeRefund, Expr::value(view.id.clone()))
            .col_expr(C::ApplicationFeeRefunded, Expr::value(fee))
            .col_expr(C::FailureReason, Expr::value(view.failure_reason.clone()))
            .col_expr(C::PendingReason, Expr::value(pending))
            .col_expr(C::FailedAt, Expr::value(failed_at))
            .col_expr(C::UpdatedAt, Expr::value(tx.now()))
            .filter(C::Id.eq(row.id.clone()))
            .exec(tx)
            .await?;
    }
    if forward {
        log(tx, &row, status, view).await?;
        follow(tx, &payment, &orders, &row, status).await?;
    }
    Ok(Effect::Applied)
}

/// What follows from a refund's new status for its orders, its fee, its goods and those who wait for the money.
async fn follow(
    tx: &Tx,
    payment: &payment::Model,
    orders: &[order::Model],
    row: &refund::Model,
    status: RefundStatus,
) -> Result<()> {
    if status == RefundStatus::Succeeded {
        findings::resolve(tx, "refund_missing", row.id.as_ref()).await?;
        findings::resolve(tx, "refund_disputed", row.id.as_ref()).await?;
        restock::carry_out(tx, &row.order_id, &row.id).await?;
        fees::return_share(tx, payment, row).await?;
    }
    let undone = match is_unsuccessful(status) {
        true => Undone::Refund(row.origin),
        false => Undone::Nothing,
    };
    recount_refunded(tx, payment, orders, undone).await?;
    failed::review(tx, payment).await?;
    let mut staged = vec![Job::Pull {
        account: payment.charge_account.clone(),
        livemode: payment.livemode,
    }];
    if status == RefundStatus::Failed {
        staged.extend(failed::mails(&row.id));
        // Whether Stripe takes the fee again that went back with it, the fee itself says.
        let payment = payment.id.clone();
        staged.push(Job::SyncFee { payment });
    }
    jobs::stage_all(tx, &staged).await
}

/// Our row of a refund: by Stripe's id, else by our id in its metadata if that row is of this payment and has no Stripe id.
async fn find_row(
    tx: &Tx,
    payment: &payment::Model,
    view: &RefundView,
) -> Result<Option<refund::Model>> {
    use refund::Column as C;
    let of_payment = || refund::Entity::find().filter(C::PaymentId.eq(payment.id.clone()));
    if let Some(row) = of_payment()
        .filter(C::StripeRefund.eq(view.id.as_str()))
        .one(tx)
        .await?
    {
        return Ok(Some(row));
    }
    let metadata = view.metadata.as_ref();
    let Some(id) = metadata.and_then(|all| metadata_value(all, METADATA_REFUND)) else {
        return Ok(None);
    };
    Ok(of_payment()
        .filter(C::Id.eq(id))
        .filter(C::StripeRefund.is_null())
        .one(tx)
        .await?)
}

/// Writes a refund's end, or its success, into its orders' timelines.
async fn log(tx: &Tx, row: &refund::Model, status: RefundStatus, view: &RefundView) -> Result<()> {
    let kind = match status {
        RefundStatus::Succeeded => "refund_succeeded",
        RefundStatus::Failed | RefundStatus::Canceled => "refund_failed",
        _ => return Ok(()),
    };
    let parts = shares::of_refunds(tx, std::slice::from_ref(&row.id)).await?;
    for part in parts.into_values().flatten() {
        let mut data = json!({ "refund": row.id, "amount": part.amount });
        if let Some(why) = &view.failure_reason {
            data["reason"] = why.as_str().into();
        }
        orders::log(tx, &part.order_id, kind, data).await?;
    }
    Ok(())
}

/// A refund that was made at Stripe. It doesn't say of which order it is: each of the payment's orders bears it in proportion
/// to what is left of its share.
async fn insert_mirrored(
    tx: &Tx,
    payment: &payment::Model,
    orders: &[order::Model],
    view: &RefundView,
) -> Result<refund::Model> {
    let mut left = Vec::with_capacity(orders.len());
    for share in shares::of_payment(tx, payment).await? {
        let rest = money::sub(share.paid, reserved(&share.refunds)?)?;
        left.push(std::cmp::max(rest, 0));
    }
    let amounts = money::split(view.amount, &left, &payment.currency)?;
    let parts = orders.iter().zip(amounts);
    let parts: Vec<_> = parts.filter(|(_, amount)| *amount > 0).collect();
    let (first, _) = parts
        .first()
        .ok_or_else(|| Error::internal(format!("{} returns nothing", view.id)))?;
    let id: RefundId = ids::new(tx.now());
    let details = RefundDetails {
        payment: &payment.id,
        order: &first.id,
        seller: &first.seller_id,
        amount: view.amount,
        currency: &payment.currency,
    };
    let row = refund::ActiveModel {
        reason: Set(view.reason.clone()),
        requested_by: Set("stripe".to_owned()),
        ..new_row(tx, id.clone(), &details)
    };
    refund::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    let of_orders = parts
        .iter()
        .map(|(order, amount)| (order.id.clone(), *amount));
    shares::write_refund(tx, &id, of_orders).await?;
    for (order, amount) in parts {
        let data = json!({ "refund": id, "amount": amount, "origin": "stripe" });
        orders::log(tx, &order.id, "refund_requested", data).await?;
    }
    find(tx, &id).await
}

fn status_of(view: &RefundView) -> RefundStatus {
    let text = view.status.clone().unwrap_or_default();
    RefundStatus::try_from_value(&text).unwrap_or(RefundStatus::Pending)
}

/// The order of statuses. Only forward steps count, since events come in any order. A refund can fail after it had
/// succeeded. A status from Stripe replaces `blocked`, which is ours.
fn rank(status: RefundStatus) -> u8 {
    match status {
        RefundStatus::Requested | RefundStatus::Blocked => 0,
        RefundStatus::Pending => 1,
        RefundStatus::RequiresAction => 2,
        RefundStatus::Succeeded => 3,
        RefundStatus::Failed | RefundStatus::Canceled => 4,
    }
}

/// What has just been taken back, so that a refunded order may not be refunded any more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Undone {
    Nothing,
    /// A refund of this origin ended without its money.
    Refund(RefundOrigin),
    /// A dispute may have been decided otherwise.
    Dispute,
}

/// Recounts what went back of a payment and of each order's share, and moves its orders to or from `refunded`.
pub(super) async fn recount_refunded(
    tx: &Tx,
    payment: &payment::Model,
    orders: &[order::Model],
    undone: Undone,
) -> Result<()> {
    let moving = |row: &refund::Model| moves(row.status);
    let whole = sum(&refunds_of_payment(tx, &payment.id).await?, moving)?;
    payment::Entity::update_many()
        .col_expr(payment::Column::AmountRefunded, Expr::value(whole))
        .col_expr(payment::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(payment::Column::Id.eq(payment.id.clone()))
        .exec(tx)
        .await?;
    for share in shares::of_payment(tx, payment).await? {
        let amount = sum(&share.refunds, moving)?;
        shares::note_refunded(tx, &payment.id, &share.order, amount).await?;
    }
    for order in orders {
        if move_order(tx, order, undone).await? {
            subscribed::ends_by_refund(tx, payment, order).await?;
        }
    }
    Ok(())
}

/// Moves an order to or from `refunded`. What a dispute returned counts for an order whose money is due back: the buyer has
/// it.
async fn move_order(tx: &Tx, order: &order::Model, undone: Undone) -> Result<bool> {
    let (mut paid, mut back, mut disputed) = (0, 0, 0);
    for payment in payments_of_order(tx, &order.id).await? {
        let share = shares::of_order(tx, &payment, &order.id).await?;
        paid = money::add(paid, share.paid)?;
        back = money::add(back, sum(&share.refunds, failed::is_back)?)?;
        disputed = money::add(disputed, share.disputed)?;
    }
    if paid == 0 {
        return Ok(false);
    }
    let is_due = order.refund_reason.is_some();
    let is_back = back >= paid || (is_due && money::add(back, disputed)? >= paid);
    if is_back {
        let from = [OrderStatus::Paid, OrderStatus::RefundDue];
        let data = json!({ "amount_refunded": back });
        return orders::advance(tx, &order.id, &from, OrderStatus::Refunded, data).await;
    }
    // The money is still here, or here again. The order's own sale stands again, unless it never was one.
    let to = match undone {
        Undone::Nothing => return Ok(false),
        _ if is_due => OrderStatus::RefundDue,
        Undone::Dispute | Undone::Refund(RefundOrigin::DuplicatePayment) => return Ok(false),
        Undone::Refund(_) => OrderStatus::Paid,
    };
    orders::take_back_refunded(tx, &order.id, to).await?;
    Ok(false)
}

fn sum(rows: &[refund::Model], counts: impl Fn(&refund::Model) -> bool) -> Result<i64> {
    let counted = rows.iter().filter(|row| counts(row));
    counted.map(|row| row.amount).try_fold(0, money::add)
}
