//! Where a session stands: verify, re-read, expire, cancel; and the buyer's pages.

pub(super) mod pages;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement,
};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{AccountId, OrderId, PaymentId};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::orders::{self, OrderAccess};
use crate::stripe::requests::checkout as request;
use crate::stripe::requests::refunds as refund_request;
use crate::stripe::views::{PaymentIntentView, SessionView};
use crate::{audit, ids};

use super::checkout::session::create_session;
use super::confirm::{PaymentSnapshot, confirm};
use super::{find, order_id, payments_of_order, refunds};

/// Stripe is asked about a payment at most this often, over all replicas.
const POLL_INTERVAL_MS: i64 = 2_000;

/// How a session's payment and its order stand: all that a buyer needs to be told.
#[derive(FromQueryResult)]
pub(super) struct CheckoutStatus {
    payment_id: PaymentId,
    payment_status: PaymentStatus,
    /// The order that it pays for.
    pub order_id: OrderId,
    /// The order's.
    pub status: OrderStatus,
    /// Why its money goes back, or went.
    pub refund_reason: Option<String>,
}

impl CheckoutStatus {
    /// By the session's id. As SQL and no more than it takes: every buyer's page asks, some of them again and again.
    async fn find(app: &App, session: &str) -> Result<Self> {
        let text = "SELECT p.id AS payment_id, p.status AS payment_status, o.id AS order_id, o.status, o.refund_reason \
                    FROM payments p JOIN payment_orders l ON l.payment_id = p.id JOIN orders o ON o.id = l.order_id \
                    WHERE p.stripe_object = $1";
        let read = Statement::from_sql_and_values(app.db.backend(), text, [session.into()]);
        let found = Self::find_by_statement(read).one(&app.db.read).await?;
        found.ok_or(Error::NotFound("checkout session"))
    }
}

/// The second of the two confirmations: whoever holds a session's id may ask, and Stripe answers, not the caller.
/// Runs the same confirm as the webhook.
pub(super) async fn verify(app: &App, session: &str) -> Result<CheckoutStatus> {
    let before = CheckoutStatus::find(app, session).await?;
    let open = matches!(
        before.payment_status,
        PaymentStatus::Pending | PaymentStatus::Processing
    );
    if !open {
        return Ok(before);
    }
    if claim_poll(app, &before.payment_id).await? {
        read_session(app, &before.payment_id).await?;
    }
    CheckoutStatus::find(app, session).await
}

/// Whether it is this caller's turn to ask.
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

/// The job: asks Stripe where a payment stands: its session, its charge, its refunds.
pub async fn reread(app: &App, id: &PaymentId) -> Result<()> {
    let payment = read_session(app, id).await?;
    if payment.status != PaymentStatus::Paid {
        return Ok(());
    }
    if payment.charge.is_none()
        && let Some(intent) = &payment.payment_intent
    {
        let view: PaymentIntentView = app
            .stripe
            .on(&payment.charge_account)
            .get(&refund_request::payment_intent(intent))
            .await?;
        if let Some(charge) = view.latest_charge {
            let tx = app.db.begin_write().await?;
            payment::Entity::update_many()
                .col_expr(payment::Column::Charge, Expr::value(charge.id()))
                .filter(payment::Column::Id.eq(id.clone()))
                .exec(&tx)
                .await?;
            // Its balance transaction can be told apart from others only now.
            let (account, livemode) = (payment.charge_account.clone(), payment.livemode);
            jobs::stage(&tx, &Job::Pull { account, livemode }).await?;
            tx.commit().await?;
        }
    }
    refunds::mirror(app, &payment).await
}

/// Retrieves the session on the account it was made on, and brings the payment to where it is.
async fn read_session(app: &App, id: &PaymentId) -> Result<payment::Model> {
    let payment = find(app, id).await?;
    let Some(session) = &payment.stripe_object else {
        return Ok(payment);
    };
    let account = &payment.charge_account;
    let view: SessionView = app
        .stripe
        .on(account)
        .get(&request::retrieve(session))
        .await?;
    let tx = app.db.begin_write().await?;
    confirm(
        &tx,
        &[PaymentSnapshot::of_session(account, view.livemode, &view)],
    )
    .await?;
    tx.commit().await?;
    find(app, id).await
}

/// How long a session is over before Stripe is asked what became of it: its event should have come.
const STALE_MS: i64 = 10 * 60_000;

/// The job: asks Stripe about the payments that still wait for their buyer though their session's life is over.
pub async fn sweep(app: &App) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let stale = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'pending'"))
        .filter(C::ExpiresAt.lt(tx.now().plus_ms(-STALE_MS)))
        .filter(C::StripeObject.is_not_null())
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(C::Id)
        .all(&tx)
        .await?;
    stage_rereads(&tx, stale).await?;
    tx.commit().await
}

/// Stages a re-reading of the account's payments that money may still come for.
pub async fn reread_open(tx: &Tx, account: &AccountId) -> Result<()> {
    use payment::Column as C;
    let open = payment::Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(C::Status.is_in([PaymentStatus::Pending, PaymentStatus::Processing]))
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    stage_rereads(tx, open).await
}

async fn stage_rereads(tx: &Tx, payments: Vec<payment::Model>) -> Result<()> {
    for payment in payments {
        let payment = payment.id;
        jobs::stage(tx, &Job::RereadPayment { payment }).await?;
    }
    Ok(())
}

/// Closes a session at Stripe. If it turns out to be complete it is confirmed instead, and the answer says so.
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

/// Asks Stripe to expire a payment's session, and stores what the session then is. A session that was never answered
/// is made first: otherwise it could still come to be, and be paid.
async fn expire_at_stripe(app: &App, payment: &payment::Model) -> Result<()> {
    if payment.status != PaymentStatus::Pending {
        return Ok(());
    }
    let payment = match &payment.stripe_object {
        Some(_) => payment.clone(),
        None => {
            let order = order_id(&app.db.read, &payment.id).await?;
            match create_session(app, payment.clone(), &order).await {
                Ok((payment, _)) => payment,
                Err(Error::StripeRefused(_) | Error::Conflict { .. }) => return Ok(()),
                Err(e) => return Err(e),
            }
        }
    };
    let session = payment.stripe_object.clone().unwrap_or_default();
    let scope = app.stripe.on(&payment.charge_account);
    // Twice is as good as once, so no key is used twice: one could be spoiled.
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
        // It is complete or expired already: whatever it is, it is stored.
        Err(Error::StripeRefused(_)) => read_session(app, &payment.id).await.map(drop),
        Err(e) => Err(e),
    }
}

/// Cancels an order that isn't paid. Stripe is asked first to expire its sessions; one that was paid meanwhile is
/// confirmed instead.
pub(super) async fn cancel(
    app: &App,
    access: OrderAccess,
    reason: Option<String>,
) -> Result<order::Model> {
    let id = access.order.id.clone();
    if access.order.status == OrderStatus::Pending {
        for payment in payments_of_order(&app.db.read, &id).await? {
            expire_at_stripe(app, &payment).await?;
        }
    }
    let tx = app.db.begin_write().await?;
    // Closing its session has let it expire; the wish to cancel says why.
    let from = if access.order.status == OrderStatus::Pending {
        &[OrderStatus::Pending, OrderStatus::Expired][..]
    } else {
        &[OrderStatus::Pending][..]
    };
    let data = json!({ "reason": reason, "by": access.actor });
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
    let order = find_order(&tx, &id).await?;
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
