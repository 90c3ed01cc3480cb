//! Early fraud warnings (docs.stripe.com/disputes/measuring#early-fraud-warnings): the issuer of the card suspects fraud, and most
//! such payments are disputed later. A refund in time avoids the dispute and its fee. A person decides that: nothing here
//! refunds.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::json;
use souk_entity::{AccountId, Timestamp, early_fraud_warning, payment, unmatched_fraud_warning};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job, Recipient};
use crate::money;
use crate::stripe::requests::disputes as request;
use crate::stripe::views::{EarlyFraudWarningView, Expandable, IdView};

use super::super::{StripePayment, lock_payment, shares};

/// The kind of the finding about a payment whose card's issuer suspects fraud.
const KIND: &str = "early_fraud_warning";

/// How long a warning waits for its payment. A Checkout Session lasts a day, and a debit some days more.
const UNMATCHED_KEPT_MS: i64 = 30 * 24 * 3_600_000;

/// The job: re-reads a warning from Stripe. It may belong to no payment of ours.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn sync_warning(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let began = app.clock.now();
    let scope = app.stripe.at(account);
    let view: EarlyFraudWarningView = scope.get(&request::retrieve_warning(id)).await?;
    let of = StripePayment {
        account,
        livemode,
        intent: view.payment_intent.as_ref().map(Expandable::<IdView>::id),
        charge: view.charge.as_ref().map(Expandable::<IdView>::id),
    };
    let mut payment = of.find(&app.db.read).await?;
    if let (None, Some(intent)) = (&payment, of.intent) {
        keep_unmatched(app, account, id, intent).await?;
        // It may have been confirmed between the two queries.
        payment = of.find(&app.db.read).await?;
    }
    match payment {
        Some(payment) => store(app, &payment, &view, began).await,
        None => Ok(()),
    }
}

/// Keeps a warning that may come before its payment is confirmed. Most that are kept are about payments of the seller's own.
async fn keep_unmatched(app: &App, account: &AccountId, id: &str, intent: &str) -> Result<()> {
    use unmatched_fraud_warning::Column as C;
    let tx = app.db.begin_write().await?;
    let insert = unmatched_fraud_warning::Entity::insert(unmatched_fraud_warning::ActiveModel {
        id: Set(id.to_owned()),
        stripe_account: Set(account.clone()),
        payment_intent: Set(intent.to_owned()),
        created_at: Set(tx.now()),
    })
    .on_conflict(OnConflict::column(C::Id).do_nothing().to_owned())
    .exec_without_returning(&tx)
    .await;
    db::inserted(insert)?;
    unmatched_fraud_warning::Entity::delete_many()
        .filter(C::CreatedAt.lt(tx.now().plus_ms(-UNMATCHED_KEPT_MS)))
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// Re-reads the warnings that came before their payment was confirmed.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn match_warnings(app: &App, payment: &payment::Model) -> Result<()> {
    use unmatched_fraud_warning::Column as C;
    let Some(intent) = &payment.payment_intent else {
        return Ok(());
    };
    let rows = unmatched_fraud_warning::Entity::find()
        .filter(C::PaymentIntent.eq(intent.as_str()))
        .filter(C::StripeAccount.eq(payment.charge_account.clone()))
        .order_by_asc(C::Id)
        .all(&app.db.read)
        .await?;
    for row in rows {
        sync_warning(app, &payment.charge_account, payment.livemode, &row.id).await?;
    }
    Ok(())
}

/// Stores a warning as Stripe showed it to a read that began at this time. A later read's word stands.
async fn store(
    app: &App,
    payment: &payment::Model,
    view: &EarlyFraudWarningView,
    began: Timestamp,
) -> Result<()> {
    use early_fraud_warning::Column as C;
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, &payment.id).await?;
    let orders = shares::lock_orders(&tx, &payment.id).await?;
    let first = orders.first();
    let order = first.ok_or_else(|| Error::internal("a payment without an order"))?;
    let row = early_fraud_warning::Model {
        id: view.id.clone(),
        payment_id: payment.id.clone(),
        order_id: order.id.clone(),
        seller_id: order.seller_id.clone(),
        stripe_account: payment.charge_account.clone(),
        fraud_type: view.fraud_type.clone().unwrap_or_default(),
        actionable: view.actionable,
        stripe_created: Timestamp::from_seconds(view.created),
        synced_at: began,
        created_at: tx.now(),
    };
    let old = early_fraud_warning::Entity::find_by_id(row.id.clone())
        .one(&tx)
        .await?;
    match &old {
        Some(old) if old.synced_at > began => return Ok(()),
        Some(_) => {
            early_fraud_warning::Entity::update_many()
                .col_expr(C::Actionable, Expr::value(row.actionable))
                .col_expr(C::FraudType, Expr::value(row.fraud_type.clone()))
                .col_expr(C::SyncedAt, Expr::value(row.synced_at))
                .filter(C::Id.eq(row.id.clone()))
                .exec(&tx)
                .await?;
        }
        None => {
            early_fraud_warning::Entity::insert(row.clone().into_active_model())
                .exec_without_returning(&tx)
                .await?;
            let data = json!({ "warning": row.id, "fraud_type": row.fraud_type });
            super::log(&tx, &row.payment_id, "fraud_warning", data).await?;
        }
    }
    unmatched_fraud_warning::Entity::delete_by_id(row.id.clone())
        .exec(&tx)
        .await?;
    follow(&tx, &payment, &row, old.is_none()).await?;
    tx.commit().await
}

async fn follow(
    tx: &Tx,
    payment: &payment::Model,
    row: &early_fraud_warning::Model,
    is_new: bool,
) -> Result<()> {
    if !row.actionable {
        return findings::resolve(tx, KIND, &row.id).await;
    }
    findings::raise(tx, suspected(payment, row)?).await?;
    if is_new {
        let mail = Job::Mail {
            what: "fraud_suspected".to_owned(),
            to: Recipient::Seller,
            about: row.id.clone(),
        };
        jobs::stage(tx, &mail).await?;
    }
    Ok(())
}

fn suspected(payment: &payment::Model, row: &early_fraud_warning::Model) -> Result<NewFinding> {
    let left = money::sub(payment.amount_paid.unwrap_or(0), payment.amount_refunded)?;
    Ok(NewFinding {
        kind: KIND,
        stripe_account: Some(row.stripe_account.clone()),
        subject: row.id.clone(),
        message: format!(
            "The issuer of the card that paid order {} suspects fraud ({}). No money has moved, but most such payments are \
             disputed. Look at the order, and don't ship it before you are sure. A refund (POST /v1/refunds) costs the {} that \
             are left of the payment and what Stripe took for it; a dispute that is lost costs the dispute's fee besides. \
             Nothing is refunded by itself.",
            row.order_id,
            row.fraud_type,
            money::display(left, &payment.currency),
        ),
        amount: Some(left),
        currency: Some(payment.currency.clone()),
    })
}
