//! The state of a session: verify, re-read, expire, cancel; and the buyer's pages.

mod free_orders;
pub(super) mod pages;
pub mod review;

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, FromQueryResult, QueryFilter, QueryOrder, Statement,
};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{AccountId, OrderId, PaymentId};

use crate::app::App;
use crate::catalog::promotions::redemptions;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::orders::{self, OrderAccess};
use crate::stripe::requests::checkout as request;
use crate::stripe::views::{ChargeView, Expandable, SessionView};
use crate::{audit, ids, sellers};

use super::checkout::session::create_session;
use super::confirm::{PaymentSnapshot, confirm};
use super::{disputes, fees, find, payments_of_order, refunds};

/// Stripe is asked about a payment at most this often, over all replicas.
const POLL_INTERVAL_MS: i64 = 2_000;

/// The states of a session's payment and order, as verify reports them.
#[derive(FromQueryResult)]
pub(super) struct CheckoutStatus {
    payment_id: PaymentId,
    payment_status: PaymentStatus,
    /// The payment's order.
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
    /// By the session's id. Plain SQL over few columns, since every buyer's page polls it.
    async fn find(app: &App, session: &str) -> Result<Self> {
        let text = "SELECT p.id AS payment_id, p.status AS payment_status, o.id AS order_id, o.status, o.refund_reason, \
                        o.status = 'refund_due' AND NOT EXISTS (SELECT 1 FROM refunds r JOIN refund_orders x ON x.refund_id = r.id \
                            WHERE r.payment_id = p.id AND x.order_id = o.id \
                            AND r.status IN ('requested', 'pending', 'requires_action')) AS refund_failed, \
                        EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id \
                            AND d.status NOT IN ('won', 'warning_closed')) AS disputed, \
                        s.deauthorized_at IS NOT NULL AS disconnected \
                    FROM payments p JOIN payment_orders l ON l.payment_id = p.id JOIN orders o ON o.id = l.order_id \
                        JOIN sellers s ON s.id = o.seller_id \
                    WHERE p.stripe_object = $1 ORDER BY o.id LIMIT 1";
        let read = Statement::from_sql_and_values(app.db.backend(), text, [session.into()]);
        let found = Self::find_by_statement(read).one(&app.db.read).await?;
        found.ok_or(Error::NotFound("checkout session"))
    }
}

/// Confirms a session by Stripe's own answer, with the same confirm as the webhook. Anybody who holds the session's id may
/// ask: nothing that the caller says is believed.
///
/// # Errors
/// An unknown session, or no answer from Stripe.
pub(super) async fn verify(app: &App, session: &str) -> Result<CheckoutStatus> {
    let before = CheckoutStatus::find(app, session).await?;
    let open = matches!(
        before.payment_status,
        PaymentStatus::Pending | PaymentStatus::Processing | PaymentStatus::Authorized
    );
    if !open {
        return Ok(before);
    }
    if claim_poll(app, &before.payment_id).await? {
        match read_session(app, &before.payment_id).await {
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

/// The job: re-reads a payment's session, charge and refunds from Stripe.
///
/// # Errors
/// Stripe has not answered, or the answer can't be confirmed.
pub async fn reread(app: &App, id: &PaymentId) -> Result<()> {
    let (payment, charge) = read_session(app, id).await?;
    if payment.status != PaymentStatus::Paid {
        return Ok(());
    }
    disputes::match_warnings(app, &payment).await?;
    // Most charges have neither refund nor dispute, and Stripe limits how often it is asked.
    let is_undisputed = charge.as_ref().is_some_and(Expandable::is_undisputed);
    if !is_undisputed {
        disputes::mirror(app, &payment).await?;
    }
    let is_unrefunded = charge.is_some_and(|charge| charge.is_unrefunded());
    if is_unrefunded && !refunds::has_any(app, id).await? {
        return Ok(());
    }
    refunds::mirror(app, &payment).await
}

type LatestCharge = Option<Expandable<ChargeView>>;

/// Retrieves the session on its own account, confirms it, and notes the charge of a paid one. Answers the payment, and the
/// charge as Stripe shows it.
async fn read_session(app: &App, id: &PaymentId) -> Result<(payment::Model, LatestCharge)> {
    let payment = find(app, id).await?;
    let Some(session) = &payment.stripe_object else {
        return Ok((payment, None));
    };
    let account = &payment.charge_account;
    let view: SessionView = app
        .stripe
        .at(account)
        .get(&request::retrieve(session))
        .await?;
    let tx = app.db.begin_write().await?;
    confirm(
        &tx,
        &[PaymentSnapshot::of_session(account, view.livemode, &view)],
    )
    .await?;
    if let Some(code) = view
        .promotion_code()
        .filter(|_| payment.stripe_promotion_code.is_none())
    {
        note_promotion_code(&tx, id, code).await?;
    }
    let charge = latest_charge(view);
    let noted = match &charge {
        Some(charge) => note_charge(&tx, &payment, charge).await?,
        None => None,
    };
    tx.commit().await?;
    let payment = match noted {
        Some(payment) => payment,
        None => find(app, id).await?,
    };
    Ok((payment, charge))
}

/// Notes the promotion code of a paid payment whose event didn't name it, as those of older API versions.
async fn note_promotion_code(tx: &Tx, id: &PaymentId, code: &str) -> Result<()> {
    use payment::Column as C;
    let noted = payment::Entity::update_many()
        .col_expr(C::StripePromotionCode, Expr::value(code))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Paid))
        .filter(C::StripePromotionCode.is_null())
        .exec(tx)
        .await?;
    match noted.rows_affected {
        0 => Ok(()),
        _ => redemptions::review(tx, &BTreeSet::from([code.to_owned()])).await,
    }
}

fn latest_charge(session: SessionView) -> LatestCharge {
    match session.payment_intent? {
        Expandable::Object(intent) => intent.latest_charge,
        Expandable::Id(_) => None,
    }
}

/// Notes the charge of a paid payment, and has its balance transaction pulled, which can be matched to the order only now.
/// Answers the payment, if its charge wasn't known.
async fn note_charge(
    tx: &Tx,
    payment: &payment::Model,
    charge: &Expandable<ChargeView>,
) -> Result<Option<payment::Model>> {
    use payment::Column as C;
    let noted = payment::Entity::update_many()
        .col_expr(C::Charge, Expr::value(charge.id()))
        .col_expr(C::StripeFee, Expr::value(charge.application_fee()))
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::Status.eq(PaymentStatus::Paid))
        .filter(C::Charge.is_null())
        .exec_with_returning(tx)
        .await?;
    let noted = noted.into_iter().next();
    // The newest charge of a payment that isn't paid is a try that failed.
    if noted.is_some() || payment.charge.as_deref() == Some(charge.id()) {
        super::charges::note_details(tx, payment, charge).await?;
    }
    if let Some(payment) = &noted {
        fees::return_excess(tx, payment).await?;
        let (account, livemode) = (payment.charge_account.clone(), payment.livemode);
        jobs::stage(tx, &Job::Pull { account, livemode }).await?;
    }
    Ok(noted)
}

/// Reads the id of a paid payment's application fee from its charge.
///
/// # Errors
/// Stripe has not answered or refuses.
pub(super) async fn learn_fee(app: &App, payment: &payment::Model) -> Result<()> {
    use payment::Column as C;
    let (_, charge) = read_session(app, &payment.id).await?;
    let Some(fee) = charge.as_ref().and_then(Expandable::application_fee) else {
        return Ok(());
    };
    let tx = app.db.begin_write().await?;
    payment::Entity::update_many()
        .col_expr(C::StripeFee, Expr::value(fee))
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::StripeFee.is_null())
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// How long after a session's end Stripe is asked about it: its event should have come by then.
const STALE_MS: i64 = 10 * 60_000;

const IS_CONNECTED: &str = "NOT EXISTS (SELECT 1 FROM sellers s \
    WHERE s.stripe_account = payments.charge_account AND s.deauthorized_at IS NOT NULL)";

/// The job: re-reads payments that are still pending after their session's end.
pub async fn sweep(app: &App) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let mut stale = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'pending'"))
        .filter(C::ExpiresAt.lt(tx.now().plus_ms(-STALE_MS)))
        .filter(C::StripeObject.is_not_null())
        .filter(C::Livemode.eq(app.stripe.livemode()))
        // Of an account that has disconnected nothing can be read.
        .filter(Expr::cust(IS_CONNECTED))
        .all(&tx)
        .await?;
    stale.sort_by(|a, b| a.id.cmp(&b.id));
    stage_rereads(&tx, stale).await?;
    tx.commit().await
}

/// Stages a re-read of the account's payments that may still be paid.
pub async fn reread_open(tx: &Tx, account: &AccountId) -> Result<()> {
    use payment::Column as C;
    let open = payment::Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(C::Status.is_in([
            PaymentStatus::Pending,
            PaymentStatus::Processing,
            PaymentStatus::Authorized,
        ]))
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
        Err(Error::StripeRefused(_)) => read_session(app, &payment.id).await.map(drop),
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
