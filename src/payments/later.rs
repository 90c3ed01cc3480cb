//! Jobs of this room: they may ask Stripe, and hold no transaction while they do.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{AccountId, PaymentId, RefundId};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::ledger::{self, NewFinding};
use crate::money;
use crate::stripe::requests::checkout as request;
use crate::stripe::requests::refunds as refund_request;
use crate::stripe::views::{PaymentIntentView, SessionView};

use super::confirm::{self, Heard};
use super::{checkout, locked, order_id, order_of, refunds};

/// Makes the payment's session by its stored request, if it isn't made yet.
pub async fn create_session(app: &App, id: &PaymentId) -> Result<()> {
    let (payment, order) = (find(app, id).await?, order_id(&app.db.read, id).await?);
    match checkout::create_session(app, payment, &order).await {
        // The no is written down; there is nothing to try again.
        Ok(_) | Err(Error::StripeRefused(_) | Error::Conflict { .. }) => Ok(()),
        Err(e) => Err(e),
    }
}

/// A session's making was given up. The payment stays pending, since Stripe may have made the session; nobody was
/// given its page, so no money comes by it.
pub async fn session_given_up(tx: &Tx, id: &PaymentId, attempts: i32, error: &Error) -> Result<()> {
    let payment = locked(tx, id).await?;
    if payment.status != PaymentStatus::Pending || payment.stripe_object.is_some() {
        return Ok(());
    }
    let order = order_of(tx, id).await?;
    let finding = NewFinding {
        kind: "inconclusive",
        stripe_account: Some(payment.charge_account.clone()),
        subject: id.to_string(),
        message: format!(
            "The checkout session of order {}, over {}, was given up after {}, and whether Stripe made it isn't known: \
             {error}. Nobody was given its page. Once Stripe answers, let the buyer repeat their request under the \
             same Idempotency-Key, or cancel the order.",
            order.id,
            money::display(payment.amount_subtotal, &payment.currency),
            tries(attempts),
        ),
        amount: Some(payment.amount_subtotal),
        currency: Some(payment.currency),
    };
    ledger::raise(tx, finding).await
}

/// Asks Stripe where a payment stands: its session, its charge, its refunds.
pub async fn reread_payment(app: &App, id: &PaymentId) -> Result<()> {
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

/// How long a session is over before Stripe is asked what became of it: its event should have come.
const STALE_MS: i64 = 10 * 60_000;

/// Asks Stripe about the payments that still wait for their buyer though their session's life is over.
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

/// Retrieves the session on the account it was made on, and brings the payment to where it is.
pub(super) async fn read_session(app: &App, id: &PaymentId) -> Result<payment::Model> {
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
    confirm::apply(
        &tx,
        &Heard {
            account,
            livemode: view.livemode,
            session: &view,
        },
    )
    .await?;
    tx.commit().await?;
    find(app, id).await
}

async fn find(app: &App, id: &PaymentId) -> Result<payment::Model> {
    let found = payment::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?;
    found.ok_or_else(|| Error::internal(format!("payment {id} is missing")))
}

/// Sends a refund to Stripe.
pub async fn refund(app: &App, id: &RefundId) -> Result<()> {
    refunds::send(app, id).await
}

/// A refund's job was given up. Stripe may have made the refund, so it stays requested and its money spoken for.
pub async fn refund_given_up(tx: &Tx, id: &RefundId, attempts: i32, error: &Error) -> Result<()> {
    let refund = refunds::find(tx, id).await?;
    let payment = locked(tx, &refund.payment_id).await?;
    if !refunds::give_up(tx, id, &error.to_string()).await? {
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
            tries(attempts),
        ),
        amount: Some(refund.amount),
        currency: Some(refund.currency),
    };
    ledger::raise(tx, finding).await
}

fn tries(attempts: i32) -> String {
    match attempts {
        1 => "one try".to_owned(),
        more => format!("{more} tries"),
    }
}
