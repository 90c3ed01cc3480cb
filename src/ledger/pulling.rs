//! Pulling: new balance transactions are read from Stripe's list, since a stored cursor.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::payout::{self, PayoutStatus};
use souk_entity::{AccountId, BookId, Timestamp, book};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs;
use crate::stripe::{Page, requests};

use super::open_book;
use super::transactions::{self, reread_payout};

/// How far a pull goes back behind its cursor, since Stripe may list a transaction late.
const OVERLAP_MS: i64 = 48 * 60 * 60 * 1000;

/// Pulls an account's balance transactions since the cursor, with the overlap, into its book. `None`: no seller has the
/// account.
pub(super) async fn pull_transactions(
    app: &App,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<book::Model>> {
    check_mode(app, account, livemode)?;
    let tx = app.db.begin_write().await?;
    let Some(book) = open_book(&tx, account, livemode).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    let since = book.pulled_to.map(|at| at.plus_ms(-OVERLAP_MS));
    let stripe = app.stripe.on(account);
    let mut newest = book.pulled_to;
    let mut after: Option<String> = None;
    // Newest first. Each page has its own database transaction; the cursor moves only after the last page.
    loop {
        let request = requests::balance::transactions(since, after.as_deref());
        let page: Page = stripe.get(&request).await?;
        let pulled = transactions::read(&page)?;
        let created = pulled
            .iter()
            .map(|p| Timestamp::from_seconds(p.txn.created));
        newest = created.chain(newest).max();
        let tx = app.db.begin_write().await?;
        transactions::store(&tx, &book, &pulled).await?;
        tx.commit().await?;
        match pulled.last() {
            Some(last) if page.has_more => after = Some(last.txn.id.clone()),
            _ => break,
        }
    }
    let tx = app.db.begin_write().await?;
    move_cursor(&tx, &book.id, newest).await?;
    stage_rereads(&tx, &book).await?;
    tx.commit().await?;
    Ok(Some(book))
}

/// Checks that our key is of the mode of a book, so that test money never gets into a live book.
pub(super) fn check_mode(app: &App, account: &AccountId, livemode: bool) -> Result<()> {
    if app.stripe.livemode() == livemode {
        return Ok(());
    }
    Err(Error::internal(format!(
        "{account} was to be read in the mode that STRIPE_SECRET_KEY is not for"
    )))
}

async fn move_cursor(tx: &Tx, book: &BookId, to: Option<Timestamp>) -> Result<()> {
    use book::Column as C;
    let Some(to) = to else { return Ok(()) };
    let behind = Condition::any()
        .add(C::PulledTo.is_null())
        .add(C::PulledTo.lt(to));
    book::Entity::update_many()
        .col_expr(C::PulledTo, Expr::value(to))
        .filter(C::Id.eq(book.clone()))
        .filter(behind)
        .exec(tx)
        .await?;
    Ok(())
}

/// Stages a re-read of the payouts that should have arrived by now, but have not as far as we know.
async fn stage_rereads(tx: &Tx, book: &book::Model) -> Result<()> {
    use payout::Column as C;
    let unsettled = Condition::any()
        .add(C::Status.is_in([PayoutStatus::Pending, PayoutStatus::InTransit]))
        .add(C::ReconciliationStatus.eq("in_progress"));
    let payouts = payout::Entity::find()
        .filter(C::BookId.eq(book.id.clone()))
        .filter(C::ArrivalDate.lte(tx.now()))
        .filter(unsettled)
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    for payout in payouts {
        jobs::stage(tx, &reread_payout(book, payout.id)).await?;
    }
    Ok(())
}
