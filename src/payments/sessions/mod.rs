//! The state of a session: verify, expire, cancel; and the buyer's pages.

mod free_orders;
pub(super) mod pages;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, Statement};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{OrderId, PaymentId};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::orders::{self, OrderAccess};
use crate::stripe::requests::checkout as request;
use crate::stripe::views::SessionView;
use crate::{audit, ids, sellers};

use super::checkout::session::create_session;
use super::confirm::confirm;
use super::snapshot::PaymentSnapshot;
use super::{find, payments_of_order, reread};

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
}

impl CheckoutStatus {
    /// By the session's id: one for each order that it pays for, by the orders' ids. Plain SQL over few columns, since every
    /// buyer's page polls it.
    async fn find(app: &App, session: &str) -> Result<Vec<Self>> {
        let text = "SELECT p.id AS payment_id, p.status AS payment_status, o.id AS order_id, o.status, o.refund_reason, \
                        o.status = 'refund_due' AND NOT EXISTS (SELECT 1 FROM refunds r JOIN refund_orders x ON x.refund_id = r.id \
                            WHERE r.payment_id = p.id AND x.order_id = o.id \
                            AND r.status IN ('requested', 'pending', 'requires_action')) AS refund_failed, \
                        EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id \
                            AND d.status NOT IN ('won', 'warning_closed')) AS disputed, \
                        s.deauthorized_at IS NOT NULL AS disconnected \
                    FROM payments p JOIN payment_orders l ON l.payment_id = p.id JOIN orders o ON o.id = l.order_id \
                        JOIN sellers s ON s.id = o.seller_id \
                    WHERE p.stripe_object = $1 ORDER BY o.id";
        let read = Statement::from_sql_and_values(app.db.backend(), text, [session.into()]);
        Ok(Self::find_by_statement(read).all(&app.db.read).await?)
    }
}

/// Confirms a session by Stripe's own answer, with the same confirm as the webhook. Anybody who holds the session's id may
/// ask: nothing that the caller says is believed. Answers the states of all its orders, by their ids; there is at least one.
///
/// # Errors
/// An unknown session, or no answer from Stripe.
pub(super) async fn verify(app: &App, session: &str) -> Result<Vec<CheckoutStatus>> {
    let before = CheckoutStatus::find(app, session).await?;
    let first = before.first().ok_or(Error::NotFound("checkout session"))?;
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
    CheckoutStatus::find(app, session).await
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
    expire_at_stripe(app, payment).await?;
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

/// Asks Stripe to expire a payment's session, and confirms its new state. A session whose creation was never answered is
/// created first: otherwise it could still appear later and be paid.
async fn expire_at_stripe(app: &App, payment: &payment::Model) -> Result<()> {
    if payment.status != PaymentStatus::Pending {
        return Ok(());
    }
    let payment = match &payment.stripe_object {
        Some(_) => payment.clone(),
        None => match create_session(app, payment.clone()).await {
            Ok((payment, _)) => payment,
            Err(Error::StripeRefused(_)) => return Ok(()),
            Err(e) => return Err(e),
        },
    };
    let session = payment.stripe_object.clone().unwrap_or_default();
    let scope = app.stripe.at(&payment.charge_account);
    // Expiring twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("expire:{}", ids::random_token());
    match scope
        .post::<SessionView, _>(&request::expire(&session), &key)
        .await
    {
        Ok(view) => {
            let tx = app.db.begin_write().await?;
            let account = &payment.charge_account;
            confirm(
                &tx,
                &[PaymentSnapshot::of_session(account, view.livemode, &view)],
            )
            .await?;
            tx.commit().await
        }
        // It is complete or expired already: its state is read and confirmed.
        Err(Error::StripeRefused(_)) => reread::confirm_now(app, &payment.id).await.map(drop),
        Err(e) => Err(e),
    }
}

/// Cancels an order that isn't paid, or that cost nothing. Its sessions are expired at Stripe first. A session that was paid
/// meanwhile is confirmed instead.
///
/// # Errors
/// `order_already_paid`, `order_fulfilled`, or no answer from Stripe.
pub(super) async fn cancel(
    app: &App,
    access: OrderAccess,
    reason: Option<String>,
) -> Result<order::Model> {
    let id = access.order.id.clone();
    if access.order.status == OrderStatus::Pending {
        for payment in payments_of_order(&app.db.read, &id).await? {
            match expire_at_stripe(app, &payment).await {
                // Whether it was paid can't be asked any more, which is a finding; whoever cancels need not wait for that.
                Err(Error::AccessLost { account }) => {
                    sellers::account::note_access_lost(app, &account).await?;
                }
                expired => expired?,
            }
        }
    }
    let tx = app.db.begin_write().await?;
    // Expiring the session has moved the order to expired; it becomes cancelled, since that was the reason.
    let from = if access.order.status == OrderStatus::Pending {
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
        | OrderStatus::RefundDue
        | OrderStatus::Refunded => Err(Error::conflict(
            "order_already_paid",
            "This order has been paid, or is being paid. Refund it instead.",
        )),
        _ => Ok(order),
    }
}

async fn find_order(tx: &Tx, id: &OrderId) -> Result<order::Model> {
    order::Entity::find_by_id(id.clone())
        .one(tx)
        .await?
        .ok_or(Error::NotFound("order"))
}
