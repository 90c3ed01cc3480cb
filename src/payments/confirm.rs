//! The one confirm: webhook, verify and re-read all end here, and whoever comes first wins.

use std::ops::ControlFlow;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::refund::RefundOrigin;
use souk_entity::{AccountId, PaymentId};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::ledger::{self, NewFinding};
use crate::stripe::Effect;
use crate::stripe::views::{SessionView, hint};
use crate::{catalog, money, orders};

use super::checkout::METADATA_PAYMENT;
use super::{locked_by_session, locked_order, refunds};

/// What a session says of itself, and where it was heard: on which account, in which mode.
#[derive(Clone, Copy)]
pub(super) struct Heard<'a> {
    /// The connected account that the event or the answer came from.
    pub account: &'a AccountId,
    /// Live money, or test.
    pub livemode: bool,
    /// The session, as it was at that moment.
    pub session: &'a SessionView,
}

/// States that money can still arrive in. Stripe never pays an expired or failed session, but if it did, the money
/// must not be lost sight of: such a payment is paid, and goes back as late.
pub(super) const OPEN: [PaymentStatus; 4] = [
    PaymentStatus::Pending,
    PaymentStatus::Processing,
    PaymentStatus::Expired,
    PaymentStatus::Failed,
];

/// Brings a payment to where its session is, as far forward as it goes and never back.
pub(super) async fn apply(tx: &Tx, heard: &Heard<'_>) -> Result<Effect> {
    let payment = match find(tx, heard).await? {
        ControlFlow::Continue(payment) => payment,
        ControlFlow::Break(effect) => return Ok(effect),
    };
    let session = heard.session;
    match (session.status.as_deref(), session.payment_status.as_deref()) {
        _ if is_paid(session) => paid(tx, &payment, heard).await,
        (Some("complete"), _) if intent_failed(session) => has_failed(tx, &payment).await,
        (Some("complete"), _) => processing(tx, &payment).await,
        (Some("expired"), _) => {
            ended(
                tx,
                &payment,
                PaymentStatus::Expired,
                OrderStatus::Expired,
                "expired",
            )
            .await
        }
        (Some("open"), _) => Ok(Effect::Ignored("the session is still open")),
        _ => Err(Error::internal(format!(
            "session {} has no status we know",
            session.id
        ))),
    }
}

/// An asynchronous payment that failed: the session itself doesn't say it.
pub(super) async fn failed(tx: &Tx, heard: &Heard<'_>) -> Result<Effect> {
    match find(tx, heard).await? {
        ControlFlow::Continue(payment) => has_failed(tx, &payment).await,
        ControlFlow::Break(effect) => Ok(effect),
    }
}

/// The payment that a session is of, locked; or what it comes to that the session is of none that we know.
async fn find(tx: &Tx, heard: &Heard<'_>) -> Result<ControlFlow<Effect, payment::Model>> {
    let found = match locked_by_session(tx, &heard.session.id).await? {
        Some(payment) => ControlFlow::Continue(payment),
        None => named(tx, heard).await?,
    };
    Ok(match found {
        ControlFlow::Continue(payment) if payment.charge_account != *heard.account => {
            ControlFlow::Break(Effect::Ignored("another account's event names our session"))
        }
        found => found,
    })
}

/// A session that we don't know yet. Metadata only finds who may be meant: if a payment of this account still waits
/// for its session's id, the event waits with it. The payment is locked, so that the id is stored before, and is seen, or
/// after, and finds who waits for it; between the two looks it may have been.
async fn named(tx: &Tx, heard: &Heard<'_>) -> Result<ControlFlow<Effect, payment::Model>> {
    let metadata = heard.session.metadata.as_ref();
    let Some(named) = metadata.and_then(|all| hint(all, METADATA_PAYMENT)) else {
        return Ok(ControlFlow::Break(Effect::Ignored(
            "a session of the seller's own",
        )));
    };
    let candidate = payment::Entity::find_by_id(PaymentId::from(named.as_str()))
        .lock_exclusive()
        .one(tx)
        .await?;
    let effect = match candidate {
        Some(payment) if payment.stripe_object.as_ref() == Some(&heard.session.id) => {
            return Ok(ControlFlow::Continue(payment));
        }
        Some(payment)
            if payment.charge_account == *heard.account && payment.stripe_object.is_none() =>
        {
            jobs::stage(
                tx,
                &Job::CreateSession {
                    payment: payment.id,
                },
            )
            .await?;
            Effect::Deferred {
                waits_for: heard.session.id.clone(),
            }
        }
        None if is_paid(heard.session) => orphaned(tx, heard, &named).await?,
        _ => Effect::Ignored("no payment of ours on this account"),
    };
    Ok(ControlFlow::Break(effect))
}

/// Whether its money has come, or none was to be paid.
pub(super) fn is_paid(session: &SessionView) -> bool {
    session.status.as_deref() == Some("complete")
        && matches!(
            session.payment_status.as_deref(),
            Some("paid" | "no_payment_required")
        )
}

/// Paid, and it names a payment that isn't here: lost with a database that went back to a backup, or made up by
/// whoever made the session. Nothing moves, and a person is told.
async fn orphaned(tx: &Tx, heard: &Heard<'_>, named: &str) -> Result<Effect> {
    let session = heard.session;
    let currency = session.currency.clone().unwrap_or_default();
    let paid = money::display(session.amount_total.unwrap_or(0), &currency);
    let finding = NewFinding {
        kind: "orphan_payment",
        stripe_account: Some(heard.account.clone()),
        subject: session.id.clone(),
        message: format!(
            "Checkout session {} was paid with {paid} for payment {named}, which is not in the database: perhaps its \
             order was lost with a backup. Look the session up in the Stripe dashboard, and fulfil it by hand or \
             refund it there.",
            session.id
        ),
        amount: session.amount_total,
        currency: Some(currency),
    };
    ledger::raise(tx, finding).await?;
    Ok(Effect::Ignored("it names a payment that isn't here"))
}

fn intent_failed(session: &SessionView) -> bool {
    session
        .payment_intent
        .as_ref()
        .and_then(|intent| intent.object())
        .is_some_and(|intent| {
            intent.status.as_deref() == Some("requires_payment_method")
                && intent.last_payment_error.is_some()
        })
}

async fn processing(tx: &Tx, payment: &payment::Model) -> Result<Effect> {
    let changed = move_payment(
        tx,
        payment,
        &[PaymentStatus::Pending],
        PaymentStatus::Processing,
    )
    .await?;
    if changed {
        let order = locked_order(tx, &payment.id).await?;
        orders::advance(
            tx,
            &order.id,
            &[OrderStatus::Pending],
            OrderStatus::Processing,
            json!({}),
        )
        .await?;
    }
    Ok(Effect::Applied)
}

async fn has_failed(tx: &Tx, payment: &payment::Model) -> Result<Effect> {
    let why = "the asynchronous payment failed";
    ended(tx, payment, PaymentStatus::Failed, OrderStatus::Failed, why).await
}

async fn ended(
    tx: &Tx,
    payment: &payment::Model,
    to: PaymentStatus,
    order_to: OrderStatus,
    why: &str,
) -> Result<Effect> {
    // An open session expires; only one at work fails.
    let from = [PaymentStatus::Pending, PaymentStatus::Processing];
    if move_payment(tx, payment, &from, to).await? {
        let order = locked_order(tx, &payment.id).await?;
        let from = [OrderStatus::Pending, OrderStatus::Processing];
        orders::advance(tx, &order.id, &from, order_to, json!({ "reason": why })).await?;
    }
    Ok(Effect::Applied)
}

async fn move_payment(
    tx: &Tx,
    payment: &payment::Model,
    from: &[PaymentStatus],
    to: PaymentStatus,
) -> Result<bool> {
    use payment::Column as C;
    let moved = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::Status.is_in(from.iter().copied()))
        .exec(tx)
        .await?;
    Ok(moved.rows_affected == 1)
}

/// Confirm. One conditional UPDATE decides; everything else follows from it in the same transaction.
async fn paid(tx: &Tx, payment: &payment::Model, heard: &Heard<'_>) -> Result<Effect> {
    use payment::Column as C;
    let session = heard.session;
    let sum = Sum::of(session);
    let intent = session
        .payment_intent
        .as_ref()
        .map(|intent| intent.id().to_owned());
    if !sum.fits(payment.amount_subtotal, payment.allow_discounts) {
        return mismatch(tx, payment, heard).await;
    }
    let updated = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(PaymentStatus::Paid))
        .col_expr(C::AmountPaid, Expr::value(sum.total))
        .col_expr(C::AmountDiscount, Expr::value(sum.discount))
        .col_expr(C::PaymentIntent, Expr::value(intent.clone()))
        .col_expr(C::PaidAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::Status.is_in(OPEN))
        .filter(C::ChargeAccount.eq(heard.account.clone()))
        .filter(C::StripeObject.eq(session.id.as_str()))
        .filter(C::Livemode.eq(heard.livemode))
        .filter(C::Currency.eq(session.currency.as_deref().unwrap_or_default()))
        .filter(C::AmountSubtotal.eq(sum.subtotal))
        .exec_with_returning(tx)
        .await?;
    let Some(paid) = updated.first() else {
        return if payment.status == PaymentStatus::Paid {
            Ok(Effect::Applied)
        } else {
            mismatch(tx, payment, heard).await
        };
    };
    settle_order(tx, paid, sum.total).await?;
    jobs::stage(
        tx,
        &Job::RereadPayment {
            payment: payment.id.clone(),
        },
    )
    .await?;
    jobs::stage(
        tx,
        &Job::Pull {
            account: payment.charge_account.clone(),
            livemode: payment.livemode,
        },
    )
    .await?;
    Ok(Effect::Applied)
}

/// What a session says was asked and paid, minor units; what it leaves out fits nothing.
pub(super) struct Sum {
    pub subtotal: i64,
    pub discount: i64,
    pub total: i64,
    /// Whether there is tax or shipping in it, which we never ask for.
    extras: bool,
}

impl Sum {
    pub(super) fn of(session: &SessionView) -> Self {
        let details = session.total_details.clone().unwrap_or_default();
        Self {
            subtotal: session.amount_subtotal.unwrap_or(-1),
            discount: details.amount_discount.unwrap_or(0),
            total: session.amount_total.unwrap_or(-1),
            extras: details.amount_tax.unwrap_or(0) != 0
                || details.amount_shipping.unwrap_or(0) != 0,
        }
    }

    /// Stripe's own sum of what was asked for, with a discount only where codes were allowed.
    pub(super) fn fits(&self, amount_subtotal: i64, allow_discounts: bool) -> bool {
        !self.extras
            && self.subtotal == amount_subtotal
            && self.discount >= 0
            && self.total >= 0
            && money::sub(self.subtotal, self.discount).is_ok_and(|left| left == self.total)
            && (self.discount == 0 || allow_discounts)
    }
}

/// What is heard is not what was asked for: nothing moves, and a person is told.
async fn mismatch(tx: &Tx, payment: &payment::Model, heard: &Heard<'_>) -> Result<Effect> {
    let session = heard.session;
    let currency = session.currency.clone().unwrap_or_default();
    let kind = if currency == payment.currency {
        "amount_mismatch"
    } else {
        "currency_mismatch"
    };
    let asked = money::display(payment.amount_subtotal, &payment.currency);
    let got = money::display(session.amount_subtotal.unwrap_or(0), &currency);
    ledger::raise(
        tx,
        NewFinding {
            kind,
            stripe_account: Some(payment.charge_account.clone()),
            subject: payment.id.to_string(),
            message: format!(
                "Checkout session {} says {got} before discounts, but {asked} was asked for; the order was not \
                 confirmed. Compare the session in the Stripe dashboard and refund it there if it was paid.",
                session.id
            ),
            amount: session.amount_total,
            currency: Some(currency),
        },
    )
    .await?;
    Ok(Effect::Ignored("the session does not match the payment"))
}

/// The order of a payment that has just been paid: its stock is taken, all lines or none, or the money goes back.
async fn settle_order(tx: &Tx, payment: &payment::Model, paid: i64) -> Result<()> {
    let order = locked_order(tx, &payment.id).await?;
    let (to, origin) = match order.status {
        OrderStatus::Pending | OrderStatus::Processing => {
            let lines = orders::lines(tx, &order.id).await?;
            let lines: Vec<_> = lines.into_iter().map(catalog::SoldLine::from).collect();
            let sold = catalog::take_stock(tx, &[(&order.id, &lines)]).await?;
            if sold.contains(&order.id) {
                let data = json!({ "payment": payment.id, "amount_paid": paid });
                orders::advance(tx, &order.id, &[order.status], OrderStatus::Paid, data).await?;
                return mail(tx, "order_paid", &order).await;
            }
            if paid == 0 {
                let data = json!({ "reason": "sold_out" });
                orders::advance(
                    tx,
                    &order.id,
                    &[order.status],
                    OrderStatus::CancelledSoldOut,
                    data,
                )
                .await?;
                return mail(tx, "order_sold_out", &order).await;
            }
            (Some(OrderStatus::RefundDue), RefundOrigin::Oversold)
        }
        // Its own payment stands; only this one goes back.
        OrderStatus::Paid | OrderStatus::Refunded | OrderStatus::RefundDue => {
            (None, RefundOrigin::DuplicatePayment)
        }
        OrderStatus::Cancelled
        | OrderStatus::CancelledSoldOut
        | OrderStatus::Expired
        | OrderStatus::Failed => (Some(OrderStatus::RefundDue), RefundOrigin::Late),
    };
    if paid == 0 {
        return Ok(());
    }
    let reason = sea_orm::ActiveEnum::to_value(&origin);
    match to {
        Some(to) => {
            orders::advance(
                tx,
                &order.id,
                &[order.status],
                to,
                json!({ "reason": reason, "amount": paid }),
            )
            .await?;
        }
        None => {
            orders::log(
                tx,
                &order.id,
                "refund_due",
                json!({ "reason": reason, "amount": paid }),
            )
            .await?
        }
    }
    refunds::stage_automatic(tx, payment, &order, origin, paid).await?;
    mail(tx, "refund_due", &order).await
}

async fn mail(tx: &Tx, what: &str, order: &order::Model) -> Result<()> {
    jobs::stage(
        tx,
        &Job::Mail {
            what: what.to_owned(),
            subject: order.id.to_string(),
        },
    )
    .await
}
