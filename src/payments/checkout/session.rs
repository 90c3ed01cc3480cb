//! A payment's Checkout Session, created once at Stripe on the seller's account
//! (docs.stripe.com/api/checkout/sessions/create).

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use serde_json::json;
use souk_entity::order::OrderStatus;
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{PaymentId, Timestamp, inbox_event};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job, Settled};
use crate::stripe::requests::checkout as request;
use crate::stripe::views::SessionView;
use crate::stripe::{IdempotentCreate, PreparedRequest};
use crate::{money, orders};

use super::super::{attempts_text, find, lock_payment, payment_by_session, shares};
use super::METADATA_PAYMENT;

/// The job: creates the payment's session from its stored request, unless it exists.
///
/// # Errors
/// Stripe has not answered. A refusal is stored and is no error.
pub async fn make(app: &App, id: &PaymentId) -> Result<()> {
    match create_session(app, find(app, id).await?).await {
        // The refusal is stored; there is nothing to retry.
        Ok(_) | Err(Error::StripeRefused(_)) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Raises a finding when the job is given up. The payment stays pending, since Stripe may have created the session. Nobody
/// was given its page, so nobody pays it.
pub async fn give_up(tx: &Tx, id: &PaymentId, attempts: i32, error: &Error) -> Result<()> {
    let payment = lock_payment(tx, id).await?;
    if payment.status != PaymentStatus::Pending || payment.stripe_object.is_some() {
        return Ok(());
    }
    let orders = shares::order_ids(tx, id).await?;
    let finding = NewFinding {
        kind: "inconclusive",
        stripe_account: Some(payment.charge_account.clone()),
        subject: id.to_string(),
        message: format!(
            "The checkout session of order {}, over {}, was given up after {}, and whether Stripe made it isn't known: \
             {error}. Nobody was given its page. Once Stripe answers, let the buyer repeat their request under the \
             same Idempotency-Key, or cancel the order.",
            shares::names(&orders),
            money::display(payment.amount_subtotal, &payment.currency),
            attempts_text(attempts),
        ),
        amount: Some(payment.amount_subtotal),
        currency: Some(payment.currency),
    };
    findings::raise(tx, finding).await
}

/// Makes sure that the payment's session exists at Stripe, by the stored request under its key. Once the key can't be
/// trusted any more, Stripe is searched first. Returns the payment, and the hosted page while the session is open.
///
/// # Errors
/// Stripe's refusal, now or earlier (`stripe_refused`), or no answer.
pub async fn create_session(
    app: &App,
    payment: payment::Model,
) -> Result<(payment::Model, Option<String>)> {
    let id = &payment.id;
    if let Some(session) = &payment.stripe_object {
        // The page's address lets anybody pay: it is read from Stripe each time and never stored.
        let view: SessionView = app
            .stripe
            .at(&payment.charge_account)
            .get(&request::retrieve(session))
            .await?;
        return Ok((payment, view.url));
    }
    if payment.status == PaymentStatus::Failed {
        if payment.failure_code.as_deref() == Some(ACCESS_LOST) {
            let account = payment.charge_account;
            return Err(Error::AccessLost { account });
        }
        let words = payment.failure;
        let fault = StripeFault {
            code: payment.failure_code,
            message: words.unwrap_or_else(|| "It refused this checkout.".to_owned()),
            ..StripeFault::default()
        };
        return Err(Error::StripeRefused(Box::new(fault)));
    }
    let stored: PreparedRequest =
        serde_json::from_str(&payment.request).map_err(|e| Error::internal(e.to_string()))?;
    let answer = IdempotentCreate::of(payment::Entity, id, payment.key_number, payment.key_until)
        .make(
            &app.db,
            app.clock.now(),
            find_existing(app, &payment),
            async |n| {
                let key = format!("{}:{n}", payment.attempt);
                app.stripe.send(&stored, &key).await
            },
        )
        .await;
    match answer {
        Ok(view) => {
            let payment = attach(app, id, &view).await?;
            Ok((payment, view.url))
        }
        Err(Error::StripeRefused(fault)) => {
            refuse(app, id, &fault).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(e) => Err(e),
    }
}

/// Searches Stripe for a session that was created without our knowing. Metadata only finds it: mode, currency and amount
/// must be what was asked for, and confirm still decides about its money.
async fn find_existing(app: &App, payment: &payment::Model) -> Result<Option<SessionView>> {
    let mark = (METADATA_PAYMENT, payment.id.as_ref());
    let marked: Vec<SessionView> = app
        .stripe
        .at(&payment.charge_account)
        .find_by_metadata(mark, |last| request::list(payment.created_at, last))
        .await?;
    // The oldest one: a copy of our metadata can only be younger than ours.
    let fits = |session: &SessionView| {
        session.livemode == payment.livemode
            && session.currency.as_ref() == Some(&payment.currency)
            && session.amount_subtotal == Some(payment.amount_subtotal)
    };
    Ok(marked.into_iter().rev().find(fits))
}

/// Ends the job that would repeat the request, since Stripe has answered, and resolves the finding of its giving up.
async fn cancel_retry(tx: &Tx, id: &PaymentId) -> Result<()> {
    let payment = id.clone();
    match jobs::settle(tx, &Job::CreateSession { payment }).await? {
        Settled::Unneeded => Ok(()),
        Settled::Otherwise => findings::resolve(tx, "inconclusive", id.as_ref()).await,
    }
}

/// Stores the session's id, and has the events retried that came before it.
async fn attach(app: &App, id: &PaymentId, view: &SessionView) -> Result<payment::Model> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let mut update = payment::Entity::update_many()
        .col_expr(C::StripeObject, Expr::value(view.id.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeObject.is_null());
    if let Some(at) = view.expires_at {
        update = update.col_expr(C::ExpiresAt, Expr::value(Timestamp::from_seconds(at)));
    }
    let attached = update.exec_with_returning(&tx).await?.pop();
    if attached.is_some() {
        for order in shares::order_ids(&tx, id).await? {
            let data = json!({ "checkout_session": view.id });
            orders::log(&tx, &order, "session_created", data).await?;
        }
        cancel_retry(&tx, id).await?;
        wake_deferred(&tx, &view.id).await?;
        if view.status.as_deref() != Some("open") {
            // The session is over already: its events may have come and gone.
            let payment = id.clone();
            jobs::stage(&tx, &Job::RereadPayment { payment }).await?;
        }
    }
    tx.commit().await?;
    let payment = match attached {
        Some(payment) => Some(payment),
        None => payment_by_session(&app.db.read, &view.id).await?,
    };
    payment
        .filter(|payment| payment.id == *id)
        .ok_or_else(|| Error::internal("a session belongs to another payment"))
}

/// Stages a retry of the events that wait for a session.
async fn wake_deferred(tx: &Tx, session: &str) -> Result<()> {
    use inbox_event::Column as C;
    let waiting: Option<String> = inbox_event::Entity::find()
        .select_only()
        .column(C::Id)
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("state = 'deferred'"))
        .filter(C::WaitsFor.eq(session))
        .into_tuple()
        .one(tx)
        .await?;
    if waiting.is_some() {
        let waits_for = session.to_owned();
        jobs::stage(tx, &Job::RetryDeferred { waits_for }).await?;
    }
    Ok(())
}

/// Stripe's code where an account has disconnected.
const ACCESS_LOST: &str = "account_invalid";

/// Ends a payment of which Stripe was never asked before, since its account has disconnected.
pub(super) async fn refuse_disconnected(app: &App, id: &PaymentId, error: &Error) -> Result<()> {
    let fault = StripeFault {
        code: Some(ACCESS_LOST.to_owned()),
        message: error.to_string(),
        ..StripeFault::default()
    };
    refuse(app, id, &fault).await
}

/// The code of Stripe's refusal of direct charges on this seller's account.
pub(super) const CHARGES_UNSUPPORTED: &str = "charges_unsupported";
/// What is kept of a refusal that only its `param` tells.
pub(super) const PROMOTION_CODE_INVALID: &str = "promotion_code_invalid";

/// The code of Stripe's refusal. That of a promotion code has none but `coupon_expired`
/// (docs.stripe.com/error-codes#coupon-expired), so its `param` tells.
pub(super) fn refusal_code(fault: &StripeFault) -> Option<&str> {
    // Since August 2026 new platforms may not (docs.stripe.com/changelog/dahlia/2026-08-26). Stripe documents no code for it.
    if fault.message.contains("legacy") && fault.message.contains("irect charges") {
        return Some(CHARGES_UNSUPPORTED);
    }
    let names_code = |param: &str| param.contains("promotion_code") || param.contains("discounts");
    match fault.code.as_deref() {
        Some("coupon_expired") => Some(PROMOTION_CODE_INVALID),
        _ if fault.param.as_deref().is_some_and(names_code) => Some(PROMOTION_CODE_INVALID),
        code => code,
    }
}

/// Stores Stripe's refusal: there is no session and there won't be one.
async fn refuse(app: &App, id: &PaymentId, fault: &StripeFault) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, id).await?;
    let failed = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(PaymentStatus::Failed))
        .col_expr(C::Failure, Expr::value(fault.message.as_str()))
        .col_expr(C::FailureCode, Expr::value(refusal_code(fault)))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Pending))
        .filter(C::StripeObject.is_null())
        .exec(&tx)
        .await?;
    if failed.rows_affected == 1 {
        for order in shares::order_ids(&tx, &payment.id).await? {
            let (from, to) = ([OrderStatus::Pending], OrderStatus::Failed);
            let data = json!({ "reason": fault.message });
            orders::advance(&tx, &order, &from, to, data).await?;
        }
        cancel_retry(&tx, id).await?;
    }
    tx.commit().await
}
