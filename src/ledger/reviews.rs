//! What the ledger has found is looked at again: a finding is open exactly as long as it is true.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;
use souk_entity::payout::{self, PayoutStatus, Reconciliation};
use souk_entity::{
    AccountId, BookId, balance_transaction, book, entry, seller, unreadable_transaction,
};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::money;
use crate::stripe::{Page, requests};

use super::{balances, entries, open_book, origins, payouts, transactions};

/// Balance transactions that one run reads again.
const MOST: u64 = 50;
/// How long after its arrival date a payout may be under way.
const STUCK_MS: i64 = 3 * 24 * 60 * 60 * 1000;

/// Looks at the ledger's findings again, and for payouts that never arrive.
///
/// # Errors
/// Stripe has not answered.
pub async fn review(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    forget_disconnected(&tx).await?;
    suspense(&tx).await?;
    failed_payouts(&tx).await?;
    stuck_payouts(&tx).await?;
    tx.commit().await?;
    reread_transactions(app).await
}

/// Of the book of an account that has disconnected nothing can be known any more.
async fn forget_disconnected(tx: &Tx) -> Result<()> {
    let of_seller = || {
        book::Entity::belongs_to(seller::Entity)
            .from(book::Column::SellerId)
            .to(seller::Column::Id)
    };
    for kind in ["pull_failed", "balance_drift", "inconclusive"] {
        for finding in findings::open(tx, kind).await? {
            let book = finding.subject.split(':').next().unwrap_or_default();
            let disconnected = book::Entity::find_by_id(BookId::from(book))
                .join(sea_orm::JoinType::InnerJoin, of_seller().into())
                .filter(seller::Column::DeauthorizedAt.is_not_null())
                .one(tx)
                .await?;
            if disconnected.is_some() {
                findings::resolve(tx, kind, &finding.subject).await?;
            }
        }
    }
    Ok(())
}

/// Looks at the suspense accounts of books that have such a finding.
async fn suspense(tx: &Tx) -> Result<()> {
    let open = findings::open(tx, "suspense_nonzero").await?;
    let books = open
        .iter()
        .filter_map(|finding| finding.subject.split(':').next());
    for id in books.collect::<BTreeSet<_>>() {
        if let Some(book) = book::Entity::find_by_id(BookId::from(id)).one(tx).await? {
            transactions::check_suspense(tx, &book).await?;
        }
    }
    Ok(())
}

/// A failed payout is a finding as long as its money waits on the balance: until Stripe itemises its return in a later payout,
/// or payouts made by hand, which Stripe can't itemise, have taken as much, or the balance has nothing left of it.
async fn failed_payouts(tx: &Tx) -> Result<()> {
    let failed = payout::Entity::find()
        .filter(Expr::cust("status = 'failed'"))
        .order_by_asc(payout::Column::StripeCreated)
        .order_by_asc(payout::Column::Id)
        .all(tx)
        .await?;
    let mut true_of = BTreeSet::new();
    // What payouts made by hand have paid out again, by book and currency.
    let mut used: BTreeMap<(BookId, String), i64> = BTreeMap::new();
    for payout in failed {
        let used = used
            .entry((payout.book_id.clone(), payout.currency.clone()))
            .or_default();
        if is_paid_out_again(tx, &payout).await? {
            continue;
        }
        let paid = paid_by_hand_since(tx, &payout).await?;
        if money::sub(paid, *used)? >= payout.amount && payout.amount > 0 {
            *used = money::add(*used, payout.amount)?;
            continue;
        }
        if is_returned(tx, &payout).await? && !is_on_balance(tx, &payout).await? {
            continue;
        }
        true_of.insert(payout.id.clone());
        findings::raise(tx, payouts::failed(&payout)).await?;
    }
    findings::resolve_others(tx, "payout_failed", &true_of).await
}

/// The balance transactions by which a payout came back.
fn returns(payout: &payout::Model) -> sea_orm::Select<balance_transaction::Entity> {
    use balance_transaction::Column as T;
    balance_transaction::Entity::find()
        .filter(T::BookId.eq(payout.book_id.clone()))
        .filter(T::ReportingCategory.eq("payout_reversal"))
        .filter(T::Source.eq(payout.id.as_str()))
}

async fn is_returned(tx: &Tx, payout: &payout::Model) -> Result<bool> {
    Ok(returns(payout).one(tx).await?.is_some())
}

/// Whether its return is itemised in a later payout that is closed.
async fn is_paid_out_again(tx: &Tx, payout: &payout::Model) -> Result<bool> {
    let returned = returns(payout).one(tx).await?;
    let Some(again) = returned.and_then(|txn| txn.payout_id) else {
        return Ok(false);
    };
    let again = payout::Entity::find_by_id(again).one(tx).await?;
    Ok(again.is_some_and(|row| row.reconciliation == Reconciliation::Closed))
}

async fn paid_by_hand_since(tx: &Tx, failed: &payout::Model) -> Result<i64> {
    use payout::Column as C;
    let later = payout::Entity::find()
        .filter(C::BookId.eq(failed.book_id.clone()))
        .filter(C::Currency.eq(failed.currency.as_str()))
        .filter(C::Status.eq(PayoutStatus::Paid))
        .filter(C::Automatic.eq(false))
        .filter(C::StripeCreated.gte(failed.stripe_created))
        .all(tx)
        .await?;
    later
        .iter()
        .try_fold(0, |sum, payout| money::add(sum, payout.amount))
}

/// Whether the balance still has money of the payout's sign.
async fn is_on_balance(tx: &Tx, payout: &payout::Model) -> Result<bool> {
    let of_book = entries()
        .filter(entry::Column::BookId.eq(payout.book_id.clone()))
        .filter(entry::Column::Account.eq("stripe_balance:payments"))
        .filter(entry::Column::Currency.eq(payout.currency.as_str()));
    let held = balances(of_book, tx).await?;
    let held = held.first().map_or(0, |row| row.balance);
    Ok(held.signum() == payout.amount.signum())
}

/// Raises a finding about each payout that should have arrived days ago.
async fn stuck_payouts(tx: &Tx) -> Result<()> {
    use payout::Column as C;
    let stuck = payout::Entity::find()
        .filter(Expr::cust("status IN ('pending', 'in_transit')"))
        .filter(C::ArrivalDate.lte(tx.now().plus_ms(-STUCK_MS)))
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    let mut true_of = BTreeSet::new();
    for payout in stuck {
        let who = match payout.seller_id {
            Some(_) => "the seller may have to ask their bank",
            None => "it is the platform's own, and you may have to ask your bank",
        };
        let finding = NewFinding {
            kind: "payout_stuck",
            stripe_account: Some(payout.stripe_account.clone()),
            subject: payout.id.clone(),
            message: format!(
                "The payout of {} was to arrive on {} and has not, as far as Stripe has said. Look at it in the Stripe \
                 dashboard; {who}.",
                money::display(payout.amount, &payout.currency),
                payout.arrival_date,
            ),
            amount: Some(payout.amount),
            currency: Some(payout.currency),
        };
        true_of.insert(finding.subject.clone());
        findings::raise(tx, finding).await?;
    }
    findings::resolve_others(tx, "payout_stuck", &true_of).await
}

/// Reads the transactions again that changed or could not be read: Stripe may have put them right.
async fn reread_transactions(app: &App) -> Result<()> {
    use unreadable_transaction::Column as U;
    let mut wanted: Vec<(AccountId, bool, String)> = Vec::new();
    let parked = unreadable_transaction::Entity::find()
        // A row without an id of Stripe's can't be asked for.
        .filter(U::Id.starts_with("txn_"))
        .order_by_asc(U::Id)
        .limit(MOST)
        .all(&app.db.read)
        .await?;
    for row in parked {
        let book = book::Entity::find_by_id(row.book_id)
            .one(&app.db.read)
            .await?;
        wanted.extend(book.map(|book| (book.stripe_account, book.livemode, row.id)));
    }
    let changed = findings::open(&app.db.read, "immutable_changed").await?;
    let most = usize::try_from(MOST).map_err(|_| Error::Overflow)?;
    for finding in changed.into_iter().take(most) {
        let livemode = app.stripe.livemode();
        wanted.extend(
            finding
                .stripe_account
                .map(|account| (account, livemode, finding.subject)),
        );
    }
    for (account, livemode, id) in wanted {
        if livemode != app.stripe.livemode() {
            continue;
        }
        match reread(app, &account, livemode, &id).await {
            // Nothing is known of it, so it stays as it is.
            Err(Error::StripeRefused(_) | Error::AccessLost { .. }) => {}
            read => read?,
        }
    }
    Ok(())
}

/// Reads one transaction again.
async fn reread(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    let request = requests::balance::transaction(id);
    let raw: Value = app.stripe.at(account).get(&request).await?;
    let page = Page {
        data: vec![raw],
        has_more: false,
    };
    let mut rows = transactions::read(&page);
    let tx = app.db.begin_write().await?;
    let Some(book) = open_book(&tx, account, livemode).await? else {
        return Ok(());
    };
    tx.commit().await?;
    origins::learn(app, &book, &mut rows.readable).await?;
    let tx = app.db.begin_write().await?;
    transactions::park(&tx, &book, &rows.unreadable).await?;
    transactions::store(&tx, &book, &rows.readable).await?;
    tx.commit().await
}
