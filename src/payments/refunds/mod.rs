//! Refunds: our row first, then Stripe's refund; and mirrored rows of those made at Stripe.

mod disputed;
mod failed;
mod lines;
mod mirror;
mod plan;
mod restock;
pub mod routes;

pub(super) use disputed::{after_dispute, requested};
pub use failed::{review_by_id, settle_outside_stripe};
pub use mirror::{cancel, mirror, store, sync};

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
};
use serde_json::json;
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{OrderId, OrderLineId, PaymentId, RefundId, SellerId};
use souk_entity::{dispute, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job, Recipient};
use crate::orders::{self, OrderAccess, Side};
use crate::stripe::requests::refunds as request;
use crate::stripe::views::RefundView;
use crate::stripe::{IdempotentCreate, key_until};
use crate::{audit, ids, money};

use super::{attempts_text, disputes, fees, lock_payment, payments_of_order, reread, shares};
use disputed::{payment_disputed, ready_to_send};
use plan::{Plan, reserved};

/// A refund as the API asks for it.
pub struct NewRefund {
    /// Minor units. None: what the lines cost, or the whole rest.
    pub amount: Option<i64>,
    /// So many units of these lines.
    pub lines: Vec<(OrderLineId, i64)>,
    /// Whether the units come back to stock once it has succeeded: those of the lines, or all of a refund of the whole rest.
    pub restock: bool,
    /// Stripe's `reason`.
    pub reason: Option<String>,
    /// For the timeline.
    pub note: Option<String>,
    /// Where Stripe writes to the buyer, for methods that it can't refund by itself.
    pub instructions_email: Option<String>,
}

/// Stores a refund that a seller or an admin asks for; a job sends it. A second call with the same id returns the same
/// refund.
///
/// # Errors
/// A buyer asks, nothing was paid, or less is left than is asked for, of the money or of the goods.
pub async fn request(
    app: &App,
    access: &OrderAccess,
    id: RefundId,
    new: NewRefund,
) -> Result<refund::Model> {
    only_for_sellers(access)?;
    if let Some(stored) = refund::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?
    {
        return Ok(stored);
    }
    lines::check(&app.db.read, &access.order.id, &new.lines).await?;
    let tx = app.db.begin_write().await?;
    for payment in payments_of_order(&tx, &access.order.id).await? {
        lock_payment(&tx, &payment.id).await?;
    }
    let Plan {
        payment,
        amount,
        units,
        ..
    } = plan::plan(&tx, &access.order, &new).await?;
    let details = RefundDetails {
        payment: &payment.id,
        order: &access.order.id,
        seller: &access.order.seller_id,
        amount,
        currency: &payment.currency,
    };
    let row = new_row(&tx, id.clone(), &details);
    refund::Entity::insert(refund::ActiveModel {
        reason: Set(new.reason),
        note: Set(new.note.clone()),
        instructions_email: Set(new.instructions_email),
        origin: Set(RefundOrigin::Requested),
        requested_by: Set(access.actor.clone()),
        ..row
    })
    .exec_without_returning(&tx)
    .await?;
    shares::write_refund(&tx, &id, [(access.order.id.clone(), amount)]).await?;
    lines::write(&tx, &id, &units, new.restock).await?;
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

/// Who pays money back: the seller or an admin, never the buyer.
fn only_for_sellers(access: &OrderAccess) -> Result<()> {
    match access.side {
        Side::Buyer => Err(Error::Forbidden(
            "Only the seller or an admin refunds an order.",
        )),
        _ => Ok(()),
    }
}

/// Whether the money has gone back.
pub(super) fn has_succeeded(row: &refund::Model) -> bool {
    row.status == RefundStatus::Succeeded
}

/// Whether a refund ended without money going back.
pub(super) fn is_unsuccessful(status: RefundStatus) -> bool {
    matches!(
        status,
        RefundStatus::Failed | RefundStatus::Canceled | RefundStatus::Blocked
    )
}

/// Whether Stripe has taken a refund up and has not ended it without the money.
fn moves(status: RefundStatus) -> bool {
    !is_unsuccessful(status) && status != RefundStatus::Requested
}

/// The refunds of a payment, oldest first.
pub(super) async fn refunds_of_payment<C: ConnectionTrait>(
    db: &C,
    payment: &PaymentId,
) -> Result<Vec<refund::Model>> {
    Ok(refund::Entity::find()
        .filter(refund::Column::PaymentId.eq(payment.clone()))
        .order_by_asc(refund::Column::Id)
        .all(db)
        .await?)
}

/// Whether a payment has a refund here, in whatever state.
pub async fn has_any(app: &App, payment: &PaymentId) -> Result<bool> {
    let first = refund::Entity::find()
        .filter(refund::Column::PaymentId.eq(payment.clone()))
        .one(&app.db.read)
        .await?;
    Ok(first.is_some())
}

/// The amount of a refund, and the payment, order and seller that it belongs to.
pub struct RefundDetails<'a> {
    pub payment: &'a PaymentId,
    pub order: &'a OrderId,
    pub seller: &'a SellerId,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: &'a str,
}

fn new_row(tx: &Tx, id: RefundId, details: &RefundDetails<'_>) -> refund::ActiveModel {
    refund::ActiveModel {
        id: Set(id),
        payment_id: Set(details.payment.clone()),
        order_id: Set(details.order.clone()),
        seller_id: Set(details.seller.clone()),
        amount: Set(details.amount),
        currency: Set(details.currency.to_owned()),
        application_fee_refunded: Set(None),
        reason: Set(None),
        note: Set(None),
        origin: Set(RefundOrigin::Stripe),
        status: Set(RefundStatus::Requested),
        failure_reason: Set(None),
        pending_reason: Set(None),
        instructions_email: Set(None),
        stripe_refund: Set(None),
        key_number: Set(1),
        key_until: Set(key_until(tx.now())),
        requested_by: Set("system".to_owned()),
        created_at: Set(tx.now()),
        updated_at: Set(tx.now()),
        failed_at: Set(None),
        settled_at: Set(None),
        settled_note: Set(None),
    }
}

/// Stores the refund of an order's whole share of a payment in confirm's own transaction. A unique index allows one. The
/// caller stages the job that sends it.
///
/// # Errors
/// The order's share has such a refund already.
pub async fn record_full_refund(
    tx: &Tx,
    details: &RefundDetails<'_>,
    origin: RefundOrigin,
) -> Result<RefundId> {
    let id: RefundId = ids::new(tx.now());
    refund::Entity::insert(refund::ActiveModel {
        origin: Set(origin),
        ..new_row(tx, id.clone(), details)
    })
    .exec_without_returning(tx)
    .await?;
    shares::write_refund(tx, &id, [(details.order.clone(), details.amount)]).await?;
    Ok(id)
}

/// A refund by its id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find<C: ConnectionTrait>(db: &C, id: &RefundId) -> Result<refund::Model> {
    refund::Entity::find_by_id(id.clone())
        .one(db)
        .await?
        .ok_or(Error::NotFound("refund"))
}

/// The job: creates a refund at Stripe, under the same key as long as the answer is unknown. Once the key can't be trusted
/// any more, the payment's refunds are read first.
///
/// # Errors
/// Stripe has not answered. A refusal is stored and is no error.
pub async fn send(app: &App, id: &RefundId) -> Result<()> {
    let Some((refund, payment)) = ready_to_send(app, id).await? else {
        return Ok(());
    };
    let intent = match payment.payment_intent.clone() {
        Some(intent) => Some(intent),
        // That of a subscription's first period shows only in its invoice, which may not have been read yet.
        None => {
            reread::confirm_now(app, &payment.id)
                .await?
                .0
                .payment_intent
        }
    };
    let intent = intent.ok_or_else(|| Error::internal("a paid payment without an intent"))?;
    // Ours goes back by fee refunds of ours, once this has succeeded.
    let fee_back = payment.application_fee > 0 && !fees::are_returned_by_us(&payment)?;
    let create = request::create(
        &intent,
        refund.amount,
        refund.reason.as_deref(),
        refund.instructions_email.as_deref(),
        fee_back,
        id.as_ref(),
    );
    let find_existing = async {
        mirror(app, &payment).await?;
        let found = find(&app.db.read, id).await?.status != RefundStatus::Requested;
        Ok(found.then_some(()))
    };
    let disputes = disputes::of_payment(&app.db.read, &payment.id).await?;
    let made = IdempotentCreate::of(refund::Entity, id, refund.key_number, refund.key_until)
        .make(&app.db, app.clock.now(), find_existing, async |n| {
            let key = format!("refund:{id}:{n}");
            let stripe = app.stripe.at(&payment.charge_account);
            let view: RefundView = stripe.post(&create, &key).await?;
            let tx = app.db.begin_write().await?;
            store(&tx, &payment.charge_account, payment.livemode, &view).await?;
            tx.commit().await
        })
        .await;
    match made {
        Err(Error::StripeRefused(fault)) => {
            refused(app, &refund, &payment, &disputes, &fault).await
        }
        Err(Error::AccessLost { account }) => {
            block(app, id, DISCONNECTED).await?;
            Err(Error::AccessLost { account })
        }
        made => made,
    }
}

/// What to do about Stripe's refusal: the refund may have been made at Stripe, or the payment may be disputed. `disputes`
/// are those that were known when Stripe was asked.
async fn refused(
    app: &App,
    refund: &refund::Model,
    payment: &payment::Model,
    disputes: &[dispute::Model],
    fault: &StripeFault,
) -> Result<()> {
    let read = async {
        mirror(app, payment).await?;
        super::disputes::mirror(app, payment).await
    };
    match read.await {
        // The refusal stands, and a person must hear of it.
        Ok(()) | Err(Error::StripeRefused(_)) => {}
        Err(e) => return Err(e),
    }
    match ready_to_send(app, &refund.id).await? {
        Some((now, _)) if disputed::ask_again(app, &now, disputes).await? => Ok(()),
        Some((now, _)) if now.amount == refund.amount => {
            block(app, &refund.id, &fault.message).await
        }
        // A dispute returned a part of it: the job, which the dispute staged again, asks for the rest.
        _ => Ok(()),
    }
}

/// Raises a finding when the job is given up. Stripe may have made the refund, so it stays requested and its money stays
/// reserved.
pub async fn give_up(tx: &Tx, id: &RefundId, attempts: i32, error: &Error) -> Result<()> {
    let refund = find(tx, id).await?;
    let payment = lock_payment(tx, &refund.payment_id).await?;
    if !note_given_up(tx, id, &error.to_string()).await? {
        return Ok(());
    }
    let finding = NewFinding {
        kind: "refund_missing",
        stripe_account: Some(payment.charge_account),
        subject: id.to_string(),
        message: format!(
            "The refund of {} of order {} was given up after {}, and whether Stripe made it isn't known: {error}. \
             Once Stripe answers, have its job tried again (docs/operating.md), which makes it once at most.",
            money::display(refund.amount, &refund.currency),
            refund.order_id,
            attempts_text(attempts),
        ),
        amount: Some(refund.amount),
        currency: Some(refund.currency),
    };
    findings::raise(tx, finding).await
}

/// Stores why an unanswered refund is no longer tried. `false`: Stripe has answered after all.
async fn note_given_up(tx: &Tx, id: &RefundId, why: &str) -> Result<bool> {
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

/// Why nothing can be refunded on an account that has left.
const DISCONNECTED: &str = "The seller's Stripe account has disconnected from the platform.";

/// Stores Stripe's refusal. If all the money has gone back by other refunds, nothing is left to do; else a finding is
/// raised and mail is sent.
async fn block(app: &App, id: &RefundId, why: &str) -> Result<()> {
    use refund::Column as C;
    let tx = app.db.begin_write().await?;
    let refund = find(&tx, id).await?;
    let payment = lock_payment(&tx, &refund.payment_id).await?;
    shares::lock_orders(&tx, &payment.id).await?;
    let share = shares::of_order(&tx, &payment, &refund.order_id).await?;
    let back = share.refunds.iter().filter(|row| moves(row.status));
    let back = back.map(|row| row.amount).try_fold(0, money::add)?;
    let gone_back = back >= share.paid;
    let to = if gone_back {
        RefundStatus::Canceled
    } else {
        RefundStatus::Blocked
    };
    let changed = refund::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::FailureReason, Expr::value(why))
        .col_expr(C::FailedAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(RefundStatus::Requested))
        .exec(&tx)
        .await?;
    if changed.rows_affected == 1 && gone_back {
        findings::resolve(&tx, "refund_missing", id.as_ref()).await?;
    } else if changed.rows_affected == 1 {
        let data = json!({ "refund": id, "reason": why });
        orders::log(&tx, &refund.order_id, "refund_blocked", data).await?;
        let amount = money::display(refund.amount, &refund.currency);
        let finding = NewFinding {
            kind: "refund_missing",
            stripe_account: Some(payment.charge_account.clone()),
            subject: id.to_string(),
            message: format!(
                "{amount} of order {} could not be refunded: {}. Have it refunded in the account's Stripe dashboard, if \
                 it isn't there already; or pay the buyer in another way, and record that with POST \
                 /v1/refunds/{id}/settle_outside_stripe.",
                refund.order_id,
                why.trim_end_matches('.'),
            ),
            amount: Some(refund.amount),
            currency: Some(refund.currency.clone()),
        };
        findings::raise(&tx, finding).await?;
        let mail = Job::Mail {
            what: "refund_blocked".to_owned(),
            to: Recipient::Buyer,
            about: id.to_string(),
        };
        jobs::stage(&tx, &mail).await?;
    }
    tx.commit().await
}
