//! Payouts, as Stripe reports them. An older snapshot never takes back a newer one.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use souk_entity::payout::{self, PayoutStatus, Reconciliation};
use souk_entity::{AccountId, Timestamp, book};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{NewFinding, raise};
use crate::jobs::{self, Job, Recipient};
use crate::money;
use crate::stripe::requests;
use crate::stripe::views::PayoutView;

use super::posting::{self, Line};
use super::{open_book, pulling, write_journal};

/// The result of storing a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreOutcome {
    /// The snapshot had something new.
    Changed,
    /// The snapshot had nothing new.
    Unchanged,
    /// Another account has a payout with this id. Nothing was changed.
    OtherAccount,
}

/// Re-reads a payout from Stripe (docs.stripe.com/api/payouts/retrieve). A change of it stages a pull, which may close it.
///
/// # Errors
/// Stripe's errors, and a payout that is in another account's book.
pub async fn sync(app: &App, account: &AccountId, livemode: bool, payout: &str) -> Result<()> {
    pulling::check_mode(app, account, livemode)?;
    let request = requests::balance::payout(payout);
    let snapshot: PayoutView = app.stripe.at(account).get(&request).await?;
    let tx = app.db.begin_write().await?;
    let Some(book) = open_book(&tx, account, livemode).await? else {
        return Ok(());
    };
    match store(&tx, &book, &snapshot).await? {
        StoreOutcome::Changed => {
            let account = account.clone();
            jobs::stage(&tx, &Job::Pull { account, livemode }).await?;
        }
        StoreOutcome::Unchanged => {}
        StoreOutcome::OtherAccount => {
            return Err(Error::internal(format!(
                "payout {payout} of {account} stands in another account's book"
            )));
        }
    }
    tx.commit().await
}

/// Stores a snapshot of a payout, from an event or from Stripe's answer. A status only moves forward. Each change of
/// status that moves money has its own journal, in the same transaction.
pub(super) async fn store(
    tx: &Tx,
    book: &book::Model,
    snapshot: &PayoutView,
) -> Result<StoreOutcome> {
    let stored = || {
        payout::Entity::find_by_id(snapshot.id.clone())
            .lock_exclusive()
            .one(tx)
    };
    let mut row = stored().await?;
    let mut fresh = false;
    if row.is_none() {
        fresh = insert(tx, book, snapshot).await?;
        row = stored().await?;
    }
    let row = row.ok_or_else(|| Error::internal(format!("payout {} went away", snapshot.id)))?;
    if row.book_id != book.id {
        return Ok(StoreOutcome::OtherAccount);
    }
    let reported = status(&snapshot.status).unwrap_or(row.status);
    if !follows(row.status, reported) {
        return Ok(StoreOutcome::Unchanged);
    }
    let next = merge(&row, reported, snapshot);
    if next == row {
        return Ok(if fresh {
            StoreOutcome::Changed
        } else {
            StoreOutcome::Unchanged
        });
    }
    save(tx, &next).await?;
    if reported != row.status {
        post_status_change(tx, book, &row, &next).await?;
    }
    Ok(StoreOutcome::Changed)
}

/// A new payout's row begins as `pending`, so that its present status is posted as a change. `false`: another transaction has
/// just stored it.
async fn insert(tx: &Tx, book: &book::Model, snapshot: &PayoutView) -> Result<bool> {
    let reconciliation = if snapshot.automatic {
        Reconciliation::Open
    } else {
        Reconciliation::Manual
    };
    let insert = payout::Entity::insert(payout::ActiveModel {
        id: Set(snapshot.id.clone()),
        book_id: Set(book.id.clone()),
        stripe_account: Set(book.stripe_account.clone()),
        seller_id: Set(book.seller_id.clone()),
        livemode: Set(book.livemode),
        amount: Set(snapshot.amount),
        currency: Set(snapshot.currency.clone()),
        status: Set(PayoutStatus::Pending),
        automatic: Set(snapshot.automatic),
        arrival_date: Set(Timestamp::from_seconds(snapshot.arrival_date)),
        reconciliation_status: Set("not_applicable".to_owned()),
        reconciliation: Set(reconciliation),
        transactions_net: Set(None),
        transaction_count: Set(None),
        failure_code: Set(None),
        failure_message: Set(None),
        stripe_created: Set(Timestamp::from_seconds(snapshot.created)),
        closed_at: Set(None),
        created_at: Set(tx.now()),
        updated_at: Set(tx.now()),
    })
    .on_conflict(
        OnConflict::column(payout::Column::Id)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(tx)
    .await;
    Ok(crate::db::inserted(insert)?.is_some_and(|rows| rows > 0))
}

/// Stripe's status. `None`: one that we don't know.
fn status(text: &str) -> Option<PayoutStatus> {
    Some(match text {
        "pending" => PayoutStatus::Pending,
        "in_transit" => PayoutStatus::InTransit,
        "paid" => PayoutStatus::Paid,
        "canceled" => PayoutStatus::Canceled,
        "failed" => PayoutStatus::Failed,
        _ => return None,
    })
}

/// Whether `new` may replace `old`: the same, or further on. `failed` may follow `paid`; nothing follows `failed` or
/// `canceled`.
fn follows(old: PayoutStatus, new: PayoutStatus) -> bool {
    use PayoutStatus::{Canceled, Failed, InTransit, Paid, Pending};
    let rank = |status| match status {
        Pending => 0,
        InTransit => 1,
        Paid | Canceled => 2,
        Failed => 3,
    };
    old == new || (rank(new) > rank(old) && old != Canceled)
}

/// The row with the snapshot merged in. Amount, currency and kind never change. A completed reconciliation and the reason
/// of a failure stay.
fn merge(row: &payout::Model, reported: PayoutStatus, snapshot: &PayoutView) -> payout::Model {
    let reconciliation_status = match (&snapshot.reconciliation_status, row) {
        (Some(status), row) if row.reconciliation_status != "completed" => status.clone(),
        _ => row.reconciliation_status.clone(),
    };
    let failure_code = snapshot.failure_code.clone();
    let failure_message = snapshot.failure_message.clone();
    payout::Model {
        status: reported,
        arrival_date: Timestamp::from_seconds(snapshot.arrival_date),
        reconciliation_status,
        failure_code: failure_code.or_else(|| row.failure_code.clone()),
        failure_message: failure_message.or_else(|| row.failure_message.clone()),
        ..row.clone()
    }
}

async fn save(tx: &Tx, next: &payout::Model) -> Result<()> {
    use payout::Column as C;
    payout::Entity::update_many()
        .col_expr(C::Status, Expr::value(next.status))
        .col_expr(C::ArrivalDate, Expr::value(next.arrival_date))
        .col_expr(
            C::ReconciliationStatus,
            Expr::value(next.reconciliation_status.clone()),
        )
        .col_expr(C::FailureCode, Expr::value(next.failure_code.clone()))
        .col_expr(C::FailureMessage, Expr::value(next.failure_message.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(next.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Posts the journal of a change of status, and raises a finding about a failure.
async fn post_status_change(
    tx: &Tx,
    book: &book::Model,
    old: &payout::Model,
    new: &payout::Model,
) -> Result<()> {
    if let Some((source, lines)) = journal(old.status, new)? {
        write_journal(tx, &book.id, &source, &lines).await?;
    }
    if new.status == PayoutStatus::Failed {
        raise(tx, failed(new)).await?;
        // Of the platform's own, only its admins are told, by the finding.
        if new.seller_id.is_some() {
            let mail = Job::Mail {
                what: "payout_failed".to_owned(),
                to: Recipient::Seller,
                about: new.id.clone(),
            };
            jobs::stage(tx, &mail).await?;
        }
    }
    Ok(())
}

/// The journal of a change of status. Paid: from clearing to the bank. Failed after it was paid: back. No other change has
/// one, since money that leaves Stripe's balance or returns to it has its own balance transaction.
fn journal(old: PayoutStatus, new: &payout::Model) -> Result<Option<(String, Vec<Line>)>> {
    let (amount, currency) = (new.amount, new.currency.as_str());
    Ok(match (old, new.status) {
        (PayoutStatus::Pending | PayoutStatus::InTransit, PayoutStatus::Paid) => Some((
            format!("{}:paid", new.id),
            posting::payout_paid(amount, currency)?,
        )),
        (PayoutStatus::Paid, PayoutStatus::Failed) => Some((
            format!("{}:failed", new.id),
            posting::payout_failed(amount, currency)?,
        )),
        _ => None,
    })
}

/// The finding about a payout that failed.
pub(super) fn failed(payout: &payout::Model) -> NewFinding {
    let reason = payout
        .failure_message
        .as_deref()
        .or(payout.failure_code.as_deref())
        .unwrap_or("no reason given");
    let who = match payout.seller_id {
        Some(_) => "Ask the seller to look at their bank account",
        None => "It is the platform's own: look at its bank account",
    };
    NewFinding {
        kind: "payout_failed",
        stripe_account: Some(payout.stripe_account.clone()),
        subject: payout.id.clone(),
        message: format!(
            "The payout of {} failed ({}). {who} in the Stripe dashboard; Stripe pays the money out again once that is \
             right.",
            money::display(payout.amount, &payout.currency),
            reason.trim_end_matches('.'),
        ),
        amount: Some(payout.amount),
        currency: Some(payout.currency.clone()),
    }
}
