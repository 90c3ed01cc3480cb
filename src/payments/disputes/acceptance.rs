//! A seller accepts a dispute, which loses it for good. Our row says so first, then a job tells Stripe. A second close is refused
//! and changes nothing, so it is no danger that one may have come through.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use souk_entity::{Timestamp, dispute};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::stripe::requests::disputes as request;
use crate::{audit, ids, money};

use super::super::{attempts_text, lock_payment};
use super::{is_answerable, submission, wants_answer};

/// The kind of the finding about a dispute that could not be accepted.
const KIND: &str = "dispute_not_accepted";

/// Has a dispute accepted. A second call changes nothing.
///
/// # Errors
/// The dispute wants no answer any more, or evidence is on its way.
pub async fn request(app: &App, row: &dispute::Model, by: &str) -> Result<()> {
    use dispute::Column as C;
    let tx = app.db.begin_write().await?;
    lock_payment(&tx, &row.payment_id).await?;
    let row = super::find(&tx, &row.id).await?;
    if row.accept_requested_at.is_some() {
        return Ok(());
    }
    is_answerable(&row)?;
    submission::none_under_way(&tx, &row).await?;
    dispute::Entity::update_many()
        .col_expr(C::AcceptRequestedAt, Expr::value(tx.now()))
        .col_expr(C::AcceptRequestedBy, Expr::value(by))
        .filter(C::Id.eq(row.id.clone()))
        .exec(&tx)
        .await?;
    let data = json!({ "dispute": row.id });
    super::log(&tx, &row.payment_id, "dispute_accepted", data).await?;
    let data = json!({ "amount": row.amount });
    audit::record(&tx, by, "dispute.accepted", &row.id, data).await?;
    let dispute = row.id.clone();
    jobs::stage(&tx, &Job::AcceptDispute { dispute }).await?;
    tx.commit().await
}

/// The job: tells Stripe that the seller accepts the dispute, and reads it again.
///
/// # Errors
/// Stripe has not answered. A refusal is no error: the dispute was decided already, or a finding is raised.
pub async fn accept(app: &App, id: &str) -> Result<()> {
    let row = super::find(&app.db.read, id).await?;
    if row.accept_requested_at.is_none() || !wants_answer(&row.status) {
        return Ok(());
    }
    let scope = app.stripe.at(&row.stripe_account);
    // A new key each time: Stripe would repeat a 500 that it has saved.
    let key = format!("accept:{id}:{}", ids::random_token());
    let closed = scope.post::<Value, _>(&request::close(id), &key).await;
    if let Err(
        e @ (Error::StripeUnavailable(_) | Error::KeyRefused(_) | Error::AccessLost { .. }),
    ) = closed
    {
        return Err(e);
    }
    super::sync(app, &row.stripe_account, row.livemode, id).await?;
    match closed {
        Ok(_) => Ok(()),
        Err(Error::StripeRefused(fault)) => refused(app, id, fault.words()).await,
        Err(e) => Err(e),
    }
}

/// Notes that Stripe refused, unless the dispute is over anyway.
async fn refused(app: &App, id: &str, why: &str) -> Result<()> {
    use dispute::Column as C;
    let tx = app.db.begin_write().await?;
    let row = super::find(&tx, id).await?;
    lock_payment(&tx, &row.payment_id).await?;
    let row = super::find(&tx, id).await?;
    if !wants_answer(&row.status) {
        return Ok(());
    }
    dispute::Entity::update_many()
        .col_expr(C::AcceptRequestedAt, Expr::value(None::<Timestamp>))
        .col_expr(C::AcceptRequestedBy, Expr::value(None::<String>))
        .filter(C::Id.eq(id))
        .exec(&tx)
        .await?;
    let why = format!("Stripe refused: {}", why.trim_end_matches('.'));
    findings::raise(&tx, not_accepted(&row, &why)).await?;
    tx.commit().await
}

/// Raises a finding when the job is given up.
///
/// # Errors
/// The database failed.
pub async fn give_up_acceptance(tx: &Tx, id: &str, attempts: i32, error: &Error) -> Result<()> {
    let row = super::find(tx, id).await?;
    let why = format!(
        "It was given up after {}: {error}. Have its job tried again (docs/operating.md)",
        attempts_text(attempts)
    );
    findings::raise(tx, not_accepted(&row, &why)).await
}

/// Resolves what was said of a dispute that could not be accepted.
///
/// # Errors
/// The database failed.
pub async fn resolve(tx: &Tx, id: &str) -> Result<()> {
    findings::resolve(tx, KIND, id).await
}

fn not_accepted(row: &dispute::Model, why: &str) -> NewFinding {
    NewFinding {
        kind: KIND,
        stripe_account: Some(row.stripe_account.clone()),
        subject: row.id.clone(),
        message: format!(
            "The dispute of {} of order {} was to be accepted. {why}, or accept it in the Stripe dashboard.",
            money::display(row.amount, &row.currency),
            row.order_id,
        ),
        amount: Some(row.amount),
        currency: Some(row.currency.clone()),
    }
}
