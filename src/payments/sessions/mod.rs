//! The state of a session: verify, expire, cancel; and the buyer's pages.

mod free_orders;
pub(super) mod pages;
pub mod pay_page;
pub(super) mod verification;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveEnum, ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, Statement,
};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::{OrderId, PaymentId};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::orders::{self, OrderAccess};
use crate::{audit, sellers};

use super::{capture, closing, find, payments_of_order, reread};

/// Stripe is asked about a payment at most this often, over all replicas.
const POLL_INTERVAL_MS: i64 = 2_000;

/// The states of a session's payment and of one of its orders, as verify reports them.
#[derive(FromQueryResult)]
pub(super) struct CheckoutStatus {
    payment_id: PaymentId,
    payment_status: PaymentStatus,
    /// One of the payment's orders.
    pub order_id: OrderId,
    /// The order's state.
    pub status: OrderStatus,
    /// Why the order is refunded.
    pub refund_reason: Option<String>,
    /// The payment's money is due back, and no refund is under way: the last one failed.
    pub refund_failed: bool,
    /// The payment is disputed and the bank has not decided, or has given the money back.
    pub disputed: bool,
    /// The seller's account has disconnected, so nothing more can be learned.
    pub disconnected: bool,
    /// Why the last try to pay an intent was declined, as it is stored.
    pub last_error: Option<String>,
}

impl CheckoutStatus {
    /// By the id of the session or intent: one for each order that it pays for, by the orders' ids. Plain SQL over few columns,
    /// since every buyer's page polls it.
    async fn find(app: &App, kind: PaymentKind, object: &str) -> Result<Vec<Self>> {
        let text = "SELECT p.id AS payment_id, p.status AS payment_status, o.id AS order_id, o.status, o.refund_reason, \
                        o.status = 'refund_due' AND NOT EXISTS (SELECT 1 FROM refunds r JOIN refund_orders x ON x.refund_id = r.id \
                            WHERE r.payment_id = p.id AND x.order_id = o.id \
                            AND r.status IN ('requested', 'pending', 'requires_action')) AS refund_failed, \
                        EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id \
                            AND d.status NOT IN ('won', 'warning_closed')) AS disputed, \
                        s.deauthorized_at IS NOT NULL AS disconnected, p.last_error \
                    FROM payments p JOIN payment_orders l ON l.payment_id = p.id JOIN orders o ON o.id = l.order_id \
                        JOIN sellers s ON s.id = o.seller_id \
                    WHERE p.stripe_object = $1 AND p.kind = $2 ORDER BY o.id";
        let values = [object.into(), kind.to_value().into()];
        let read = Statement::from_sql_and_values(app.db.backend(), text, values);
        Ok(Self::find_by_statement(read).all(&app.db.read).await?)
    }
}

/// Confirms a session or intent by Stripe's own answer, with the same confirm as the webhook. Anybody who holds its id may
/// ask: nothing that the caller says is believed. Answers the states of all its orders, by their ids; there is at least one.
///
/// # Errors
/// An unknown session, or no answer from Stripe.
pub(super) async fn verify(
    app: &App,
    kind: PaymentKind,
    object: &str,
) -> Result<Vec<CheckoutStatus>> {
    let before = CheckoutStatus::find(app, kind, object).await?;
    let first = before.first().ok_or(Error::NotFound(match kind {
        PaymentKind::Session => "checkout session",
        PaymentKind::Intent => "payment intent",
        PaymentKind::Invoice => "subscription",
    }))?;
    let open = matches!(
        first.payment_status,
        PaymentStatus::Pending | PaymentStatus::Processing | PaymentStatus::Authorized
    );
    if !open {
        return Ok(before);
    }
    if claim_poll(app, &first.payment_id).await? {
        match reread::confirm_now(app, &first.payment_id).await {
            // The buyer is told what is known.
            Err(Error::AccessLost { account }) => {
                sellers::account::note_access_lost(app, &account).await?;
            }
            read => drop(read?),
        }
    }
    CheckoutStatus::find(app, kind, object).await
}

/// Whether this call may ask Stripe: the first one after the interval, over all replicas.
async fn claim_poll(app: &App, id: &PaymentId) -> Result<bool> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let before = tx.now().plus_ms(-POLL_INTERVAL_MS);
    let claimed = payment::Entity::update_many()
        .col_expr(C::AskedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(
            Condition::any()
                .add(C::AskedAt.is_null())
                .add(C::AskedAt.lte(before)),
        )
        .exec(&tx)
        .await?;
    tx.commit().await?;
    Ok(claimed.rows_affected == 1)
}

/// Expires a session at Stripe. A session that is complete by then is confirmed instead.
///
/// # Errors
/// `session_not_open`, or no answer from Stripe.
pub(super) async fn expire(
    app: &App,
    payment: &payment::Model,
    actor: &str,
) -> Result<payment::Model> {
    if payment.status != PaymentStatus::Pending {
        return Err(not_open());
    }
    closing::close(app, payment).await?;
    let payment = find(app, &payment.id).await?;
    if payment.status != PaymentStatus::Expired {
        return Err(not_open());
    }
    let tx = app.db.begin_write().await?;
    audit::record(
        &tx,
        actor,
        "checkout_session.expired",
        payment.id.as_ref(),
        json!({}),
    )
    .await?;
    tx.commit().await?;
    Ok(payment)
}

fn not_open() -> Error {
    Error::conflict("session_not_open", "This session is no longer open.")
}

/// Cancels an order that isn't paid, whose money is only held, or that cost nothing. What could still pay it is ended at Stripe first. What was paid
/// meanwhile is confirmed instead.
///
/// # Errors
/// `order_already_paid`, `order_fulfilled`, `capture_in_progress`, 403 for a buyer whose money is held, or no answer from Stripe.
pub(super) async fn cancel(
    app: &App,
    access: OrderAccess,
    reason: Option<String>,
) -> Result<order::Model> {
    let id = access.order.id.clone();
    let is_held = access.order.status == OrderStatus::Authorized;
    let may_end = is_held || access.order.status == OrderStatus::Pending;
    if is_held {
        check_releasable(app, &access).await?;
    }
    if may_end {
        for payment in payments_of_order(&app.db.read, &id).await? {
            match closing::close(app, &payment).await {
                // Whether it was paid can't be asked any more, which is a finding; whoever cancels need not wait for that.
                Err(Error::AccessLost { account }) => {
                    sellers::account::note_access_lost(app, &account).await?;
                }
                expired => expired?,
            }
        }
    }
    let tx = app.db.begin_write().await?;
    // Ending the payment has moved the order to expired; it becomes cancelled, since that was the reason.
    let from = if may_end {
        &[OrderStatus::Pending, OrderStatus::Expired][..]
    } else {
        &[OrderStatus::Pending][..]
    };
    let data = json!({ "reason": &reason, "by": access.actor });
    if orders::advance(&tx, &id, from, OrderStatus::Cancelled, data).await? {
        audit::record(
            &tx,
            &access.actor,
            "order.cancelled",
            id.as_ref(),
            json!({}),
        )
        .await?;
    }
    let mut order = find_order(&tx, &id).await?;
    if order.status == OrderStatus::Paid
        && free_orders::cancel(&tx, &id, &access.actor, reason.as_deref()).await?
    {
        let (actor, data) = (&access.actor, json!({ "free": true }));
        audit::record(&tx, actor, "order.cancelled", id.as_ref(), data).await?;
        order = find_order(&tx, &id).await?;
    }
    tx.commit().await?;
    match order.status {
        OrderStatus::Paid
        | OrderStatus::Processing
        | OrderStatus::Authorized
        | OrderStatus::RefundDue
        | OrderStatus::Refunded => Err(Error::conflict(
            "order_already_paid",
            "This order has been paid, or is being paid. Refund it instead.",
        )),
        _ => Ok(order),
    }
}

/// # Errors
/// 403 for the buyer whose money is held; `order_fulfilled`, `capture_in_progress`.
async fn check_releasable(app: &App, access: &OrderAccess) -> Result<()> {
    capture::only_for_sellers(access)?;
    let id = &access.order.id;
    if access.order.fulfilled_at.is_some() || orders::shipments::any(&app.db.read, id).await? {
        return Err(Error::conflict(
            "order_fulfilled",
            "Goods of this order were sent. Capture what they cost, or take the shipments back first.",
        ));
    }
    let payments = payments_of_order(&app.db.read, id).await?;
    match payments.iter().any(|payment| {
        payment.status == PaymentStatus::Authorized && payment.capture_amount.is_some()
    }) {
        true => Err(capture::in_progress()),
        false => Ok(()),
    }
}

async fn find_order(tx: &Tx, id: &OrderId) -> Result<order::Model> {
    order::Entity::find_by_id(id.clone())
        .one(tx)
        .await?
        .ok_or(Error::NotFound("order"))
}
