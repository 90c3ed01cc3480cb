//! Subscriptions that end because the money of one of their periods went back, if their seller has chosen that.

use serde_json::json;
use souk_entity::{AccountId, subscription};

use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::ids;
use crate::stripe::requests::subscriptions as requests;
use crate::stripe::views::SubscriptionView;

use super::sync::{self, by_stripe_id};

/// The finding of one that should have ended.
const NOT_ENDED: &str = "subscription_not_ended";

/// The job: ends a subscription at Stripe, unless it has ended. `because` is what it ends for, `refund` or `dispute`, and `of` the id
/// of that.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn end(
    app: &App,
    (account, livemode): (&AccountId, bool),
    id: &str,
    (because, of): (&str, &str),
) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let find = || by_stripe_id(&app.db.read, (account, livemode), id);
    if find().await?.is_some_and(|row| row.ended_at.is_some()) {
        return Ok(());
    }
    // Twice does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("end:{}", ids::random_token());
    let scope = app.stripe.at(account);
    let asked: Result<SubscriptionView> = scope.post(&requests::cancel(id), &key).await;
    let refused = match asked {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    sync::sync(app, account, livemode, id).await?;
    match (find().await?, refused) {
        (Some(row), None) => note(app, &row, because, of).await,
        // It had ended already, or none of ours has begun with it.
        (Some(row), Some(_)) if row.ended_at.is_some() => Ok(()),
        (_, Some(fault)) => Err(Error::StripeRefused(fault)),
        (None, None) => Ok(()),
    }
}

async fn note(app: &App, row: &subscription::Model, because: &str, of: &str) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let data = json!({ "at_period_end": false, "because": because, "of": of });
    audit::record(
        &tx,
        "system",
        "subscription.canceled",
        row.id.as_ref(),
        data,
    )
    .await?;
    tx.commit().await
}

/// Raises a finding for one that should have ended, and goes on charging.
///
/// # Errors
/// The database failed.
pub async fn give_up(
    tx: &Tx,
    account: &AccountId,
    id: &str,
    (because, of): (&str, &str),
    (attempts, error): (i32, &Error),
) -> Result<()> {
    let finding = NewFinding {
        kind: NOT_ENDED,
        stripe_account: Some(account.clone()),
        subject: id.to_owned(),
        message: format!(
            "Subscription {id} should have ended by the {because} {of}, as its seller has chosen, but Stripe could not be told in \
             {attempts} tries: {error} Its buyer goes on being charged. Cancel it (POST /v1/subscriptions/{id}/cancel with \
             at_period_end false), or retry the job. It closes when the subscription has ended."
        ),
        amount: None,
        currency: None,
    };
    findings::raise(tx, finding).await
}

/// What was to be done about a subscription that has ended is done.
pub(super) async fn resolve(tx: &Tx, row: &subscription::Model) -> Result<()> {
    findings::resolve(tx, NOT_ENDED, &row.stripe_subscription).await
}
