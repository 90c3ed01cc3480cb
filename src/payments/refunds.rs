//! Refunds: ours first, then Stripe's; and those made at Stripe, mirrored.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{AccountId, PaymentId, RefundId};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::jobs::{self, Job};
use crate::ledger::{self, NewFinding};
use crate::orders::{self, OrderAccess, Side};
use crate::stripe::requests::refunds::{self as request, METADATA_REFUND};
use crate::stripe::views::{RefundView, hint};
use crate::stripe::{Attempt, Effect, Page, key_until};
use crate::{audit, ids, money};

use super::{locked, locked_order, of_order};

/// A refund as it is asked for.
pub(super) struct NewRefund {
    /// Minor units; none: all that is left.
    pub amount: Option<i64>,
    /// Stripe's `reason`.
    pub reason: Option<String>,
    /// For the timeline.
    pub note: Option<String>,
}

/// Writes down a refund that a seller or an admin asks for; a job sends it. Called again with the same id it answers
/// the same refund.
pub(super) async fn request(
    app: &App,
    access: &OrderAccess,
    id: RefundId,
    new: NewRefund,
) -> Result<refund::Model> {
    if access.side == Side::Buyer {
        return Err(Error::Forbidden(
            "Only the seller or an admin refunds an order.",
        ));
    }
    if let Some(stored) = refund::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?
    {
        return Ok(stored);
    }
    let tx = app.db.begin_write().await?;
    let (payment, left) = refundable(&tx, &access.order).await?;
    let amount = new.amount.unwrap_or(left);
    if amount > left {
        return Err(Error::Conflict {
            code: "refund_exceeds_paid",
            param: Some("amount".to_owned()),
            message: format!(
                "Only {} of what was paid is left.",
                money::display(left, &payment.currency)
            ),
        });
    }
    let row = new_row(&tx, &payment, &access.order, id.clone(), amount);
    refund::Entity::insert(refund::ActiveModel {
        reason: Set(new.reason),
        note: Set(new.note.clone()),
        origin: Set(RefundOrigin::Requested),
        requested_by: Set(access.actor.clone()),
        ..row
    })
    .exec_without_returning(&tx)
    .await?;
    let data = json!({ "refund": id, "amount": amount, "note": new.note });
    orders::log(&tx, &access.order.id, "refund_requested", data).await?;
    audit::record(
        &tx,
        &access.actor,
        "refund.requested",
        id.as_ref(),
        json!({ "amount": amount }),
    )
    .await?;
    jobs::stage(&tx, &Job::Refund { refund: id.clone() }).await?;
    tx.commit().await?;
    find(&app.db.read, &id).await
}

/// The order's payment that still has money to give back, locked, and how much.
async fn refundable(tx: &Tx, order: &order::Model) -> Result<(payment::Model, i64)> {
    let mut any_paid = false;
    for payment in of_order(tx, &order.id).await? {
        let payment = locked(tx, &payment.id).await?;
        let paid = match (payment.status, payment.amount_paid) {
            (PaymentStatus::Paid, Some(paid)) if paid > 0 => paid,
            _ => continue,
        };
        any_paid = true;
        let spoken_for = sum(tx, &payment.id, |status| !is_void(status)).await?;
        let left = money::sub(paid, spoken_for)?;
        if left > 0 {
            return Ok((payment, left));
        }
    }
    Err(if any_paid {
        Error::conflict(
            "already_refunded",
            "All that was paid has gone back, or is on its way.",
        )
    } else {
        Error::conflict("order_not_paid", "Nothing was paid for this order.")
    })
}

/// Whether it takes no money of the payment.
fn is_void(status: RefundStatus) -> bool {
    matches!(
        status,
        RefundStatus::Failed | RefundStatus::Canceled | RefundStatus::Blocked
    )
}

async fn sum(tx: &Tx, payment: &PaymentId, counts: impl Fn(RefundStatus) -> bool) -> Result<i64> {
    let rows = refund::Entity::find()
        .filter(refund::Column::PaymentId.eq(payment.clone()))
        .all(tx)
        .await?;
    rows.iter()
        .filter(|row| counts(row.status))
        .try_fold(0, |total, row| money::add(total, row.amount))
}

fn new_row(
    tx: &Tx,
    payment: &payment::Model,
    order: &order::Model,
    id: RefundId,
    amount: i64,
) -> refund::ActiveModel {
    refund::ActiveModel {
        id: Set(id),
        payment_id: Set(payment.id.clone()),
        order_id: Set(order.id.clone()),
        seller_id: Set(order.seller_id.clone()),
        amount: Set(amount),
        currency: Set(payment.currency.clone()),
        application_fee_refunded: Set(None),
        reason: Set(None),
        note: Set(None),
        origin: Set(RefundOrigin::Stripe),
        status: Set(RefundStatus::Requested),
        failure_reason: Set(None),
        stripe_refund: Set(None),
        key_number: Set(1),
        key_until: Set(key_until(tx.now())),
        requested_by: Set("system".to_owned()),
        created_at: Set(tx.now()),
        updated_at: Set(tx.now()),
    }
}

/// Writes down, in confirm's own transaction, that a payment goes back whole; a unique index allows it once.
pub(super) async fn stage_automatic(
    tx: &Tx,
    payment: &payment::Model,
    order: &order::Model,
    origin: RefundOrigin,
    amount: i64,
) -> Result<()> {
    let id: RefundId = ids::new(tx.now());
    let row = new_row(tx, payment, order, id.clone(), amount);
    refund::Entity::insert(refund::ActiveModel {
        origin: Set(origin),
        ..row
    })
    .exec_without_returning(tx)
    .await?;
    jobs::stage(tx, &Job::Refund { refund: id }).await
}

/// A refund by its id.
pub(super) async fn find<C: ConnectionTrait>(db: &C, id: &RefundId) -> Result<refund::Model> {
    refund::Entity::find_by_id(id.clone())
        .one(db)
        .await?
        .ok_or(Error::NotFound("refund"))
}

/// Sends a refund to Stripe: the same key as long as the answer is unknown; where it can't be trusted any more, the
/// payment's refunds are read first, and only then is it tried anew.
pub(super) async fn send(app: &App, id: &RefundId) -> Result<()> {
    let refund = find(&app.db.read, id).await?;
    if refund.status != RefundStatus::Requested {
        return Ok(());
    }
    let payment = payment::Entity::find_by_id(refund.payment_id.clone())
        .one(&app.db.read)
        .await?;
    let payment = payment.ok_or_else(|| Error::internal(format!("refund {id} has no payment")))?;
    let intent = payment
        .payment_intent
        .clone()
        .ok_or_else(|| Error::internal("a paid payment without an intent"))?;
    let fee_back = payment.application_fee > 0;
    let create = request::create(
        &intent,
        refund.amount,
        refund.reason.as_deref(),
        fee_back,
        id.as_ref(),
    );
    let look = async {
        mirror(app, &payment).await?;
        let found = find(&app.db.read, id).await?.status != RefundStatus::Requested;
        Ok(found.then_some(()))
    };
    let made = Attempt::of(refund::Entity, id, refund.key_number, refund.key_until)
        .make(&app.db, app.clock.now(), look, async |n| {
            let key = format!("refund:{id}:{n}");
            let stripe = app.stripe.on(&payment.charge_account);
            let view: RefundView = stripe.post(&create, &key).await?;
            let tx = app.db.begin_write().await?;
            store(&tx, &payment.charge_account, payment.livemode, &view).await?;
            tx.commit().await
        })
        .await;
    match made {
        Err(Error::StripeRefused(fault)) => {
            match mirror(app, &payment).await {
                // An account that has left refuses the look too; the no stands, and a person must hear of it.
                Ok(()) | Err(Error::StripeRefused(_)) => block(app, id, &fault).await,
                Err(e) => Err(e),
            }
        }
        made => made,
    }
}

/// Notes why an unanswered refund is no longer tried. `false`: Stripe has answered after all.
pub(super) async fn give_up(tx: &Tx, id: &RefundId, why: &str) -> Result<bool> {
    use refund::Column as C;
    let noted = refund::Entity::update_many()
        .col_expr(C::FailureReason, Expr::value(why))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(RefundStatus::Requested))
        .exec(tx)
        .await?;
    Ok(noted.rows_affected == 1)
}

/// Stripe's definite no. If the money has gone back otherwise there is nothing left to do; else a person is told.
async fn block(app: &App, id: &RefundId, fault: &StripeFault) -> Result<()> {
    use refund::Column as C;
    let tx = app.db.begin_write().await?;
    let refund = find(&tx, id).await?;
    let payment = locked(&tx, &refund.payment_id).await?;
    let order = locked_order(&tx, &payment.id).await?;
    let gone_back = payment.amount_paid == Some(payment.amount_refunded);
    let to = if gone_back {
        RefundStatus::Canceled
    } else {
        RefundStatus::Blocked
    };
    let changed = refund::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::FailureReason, Expr::value(fault.message.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(RefundStatus::Requested))
        .exec(&tx)
        .await?;
    if changed.rows_affected == 1 && gone_back {
        ledger::resolve(&tx, "refund_missing", id.as_ref()).await?;
    } else if changed.rows_affected == 1 {
        orders::log(
            &tx,
            &order.id,
            "refund_blocked",
            json!({ "refund": id, "reason": fault.message }),
        )
        .await?;
        let amount = money::display(refund.amount, &refund.currency);
        let finding = NewFinding {
            kind: "refund_missing",
            stripe_account: Some(payment.charge_account.clone()),
            subject: id.to_string(),
            message: format!(
                "Stripe refused to refund {amount} of order {}: {}. Refund it in the Stripe dashboard, or settle it \
                 with the buyer.",
                order.id, fault.message
            ),
            amount: Some(refund.amount),
            currency: Some(refund.currency.clone()),
        };
        ledger::raise(&tx, finding).await?;
        jobs::stage(
            &tx,
            &Job::Mail {
                what: "refund_blocked".to_owned(),
                subject: order.id.to_string(),
            },
        )
        .await?;
    }
    tx.commit().await
}

/// Reads all refunds of a payment from Stripe, and stores where they are.
pub(super) async fn mirror(app: &App, payment: &payment::Model) -> Result<()> {
    let Some(intent) = &payment.payment_intent else {
        return Ok(());
    };
    let scope = app.stripe.on(&payment.charge_account);
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
        let tx = app.db.begin_write().await?;
        for view in &views {
            store(&tx, &payment.charge_account, payment.livemode, view).await?;
        }
        tx.commit().await?;
        match views.last() {
            Some(view) if page.has_more => last = Some(view.id.clone()),
            _ => return Ok(()),
        }
    }
}

/// Stores where a refund is at Stripe: one of ours by its id or metadata, or one made at Stripe. Never backwards.
pub(super) async fn store(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    view: &RefundView,
) -> Result<Effect> {
    use refund::Column as C;
    let Some(payment) = payment_of(tx, account, livemode, view).await? else {
        // A payment that is confirmed later re-reads its refunds from Stripe.
        return Ok(Effect::Ignored("a refund of no payment of ours"));
    };
    let payment = locked(tx, &payment.id).await?;
    let order = locked_order(tx, &payment.id).await?;
    let status = status_of(view);
    let row = match ours(tx, &payment, view).await? {
        Some(row) => row,
        None => insert_mirrored(tx, &payment, &order, view).await?,
    };
    let forward = rank(status) > rank(row.status);
    let fee = view
        .application_fee_refunded()
        .or(row.application_fee_refunded);
    let fresh = row.stripe_refund.is_none();
    if forward || fresh || fee != row.application_fee_refunded {
        let status = if forward { status } else { row.status };
        refund::Entity::update_many()
            .col_expr(C::Status, Expr::value(status))
            .col_expr(C::StripeRefund, Expr::value(view.id.clone()))
            .col_expr(C::ApplicationFeeRefunded, Expr::value(fee))
            .col_expr(C::FailureReason, Expr::value(view.failure_reason.clone()))
            .col_expr(C::UpdatedAt, Expr::value(tx.now()))
            .filter(C::Id.eq(row.id.clone()))
            .exec(tx)
            .await?;
    }
    if forward {
        let kind = match status {
            RefundStatus::Succeeded => Some("refund_succeeded"),
            RefundStatus::Failed | RefundStatus::Canceled => Some("refund_failed"),
            _ => None,
        };
        if let Some(kind) = kind {
            orders::log(
                tx,
                &order.id,
                kind,
                json!({ "refund": row.id, "amount": row.amount }),
            )
            .await?;
        }
        if status == RefundStatus::Succeeded {
            ledger::resolve(tx, "refund_missing", row.id.as_ref()).await?;
        }
        settle(tx, &payment, &order).await?;
        jobs::stage(
            tx,
            &Job::Pull {
                account: account.clone(),
                livemode,
            },
        )
        .await?;
    }
    Ok(Effect::Applied)
}

async fn payment_of(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    view: &RefundView,
) -> Result<Option<payment::Model>> {
    use payment::Column as C;
    let ours = payment::Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(C::Livemode.eq(livemode));
    let found = match (&view.payment_intent, &view.charge) {
        (Some(intent), _) => ours.filter(C::PaymentIntent.eq(intent.id())),
        (None, Some(charge)) => ours.filter(C::Charge.eq(charge.id())),
        (None, None) => return Ok(None),
    };
    Ok(found.one(tx).await?)
}

/// Our row of a refund: by Stripe's id; else by our id in its metadata, if that row is of this payment and unsent.
async fn ours(
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
    let Some(id) = metadata.and_then(|all| hint(all, METADATA_REFUND)) else {
        return Ok(None);
    };
    Ok(of_payment()
        .filter(C::Id.eq(id))
        .filter(C::StripeRefund.is_null())
        .one(tx)
        .await?)
}

async fn insert_mirrored(
    tx: &Tx,
    payment: &payment::Model,
    order: &order::Model,
    view: &RefundView,
) -> Result<refund::Model> {
    let id: RefundId = ids::new(tx.now());
    let row = refund::ActiveModel {
        reason: Set(view.reason.clone()),
        requested_by: Set("stripe".to_owned()),
        ..new_row(tx, payment, order, id.clone(), view.amount)
    };
    refund::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    orders::log(
        tx,
        &order.id,
        "refund_requested",
        json!({ "refund": id, "amount": view.amount, "origin": "stripe" }),
    )
    .await?;
    find(tx, &id).await
}

fn status_of(view: &RefundView) -> RefundStatus {
    let text = view.status.clone().unwrap_or_default();
    RefundStatus::try_from_value(&text).unwrap_or(RefundStatus::Pending)
}

/// How far along a status is; only forward steps count, since events come in any order. A refund can fail after it
/// had succeeded, and Stripe's word ends a block of ours.
fn rank(status: RefundStatus) -> u8 {
    match status {
        RefundStatus::Requested | RefundStatus::Blocked => 0,
        RefundStatus::Pending => 1,
        RefundStatus::RequiresAction => 2,
        RefundStatus::Succeeded => 3,
        RefundStatus::Failed | RefundStatus::Canceled => 4,
    }
}

/// Recounts what has gone back, and with it whether the order is refunded.
async fn settle(tx: &Tx, payment: &payment::Model, order: &order::Model) -> Result<()> {
    let moving = sum(tx, &payment.id, |status| {
        !is_void(status) && status != RefundStatus::Requested
    })
    .await?;
    payment::Entity::update_many()
        .col_expr(payment::Column::AmountRefunded, Expr::value(moving))
        .col_expr(payment::Column::UpdatedAt, Expr::value(tx.now()))
        .filter(payment::Column::Id.eq(payment.id.clone()))
        .exec(tx)
        .await?;
    let (mut paid, mut back) = (0, 0);
    for payment in of_order(tx, &order.id).await? {
        paid = money::add(paid, payment.amount_paid.unwrap_or(0))?;
        back = money::add(
            back,
            sum(tx, &payment.id, |status| status == RefundStatus::Succeeded).await?,
        )?;
    }
    let data = json!({ "amount_refunded": back });
    if back >= paid {
        let from = [OrderStatus::Paid, OrderStatus::RefundDue];
        orders::advance(tx, &order.id, &from, OrderStatus::Refunded, data).await?;
    } else if order.status == OrderStatus::Refunded {
        // A refund failed after all: the money is still here.
        let to = if order.refund_reason.is_some() {
            OrderStatus::RefundDue
        } else {
            OrderStatus::Paid
        };
        let data = json!({ "reason": order.refund_reason });
        orders::advance(tx, &order.id, &[OrderStatus::Refunded], to, data).await?;
    }
    Ok(())
}
