//! Corrections of what an older version of the posting map posted: its journals are reversed and posted anew, in a journal
//! of their own.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::{balance_transaction, book, entry, journal};

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::money;
use crate::stripe::views::BalanceTransactionView;

use super::posting::{self, Line, Origin};
use super::{origins, transactions, write_journal};

/// Transactions that are looked at in one database transaction.
const BATCH: u64 = 100;
/// Batches that one run does of all books.
const MAX_BATCHES: usize = 50;

/// Posts the transactions of older books by today's map. What differs from the entries that they have is one journal for each,
/// `txn_…:rule2`, so that it is corrected once. A run that doesn't come to the end goes on the next time.
///
/// # Errors
/// Stripe has not answered.
pub async fn repost(app: &App) -> Result<()> {
    use book::Column as C;
    for _ in 0..MAX_BATCHES {
        let older = book::Entity::find()
            .filter(C::PostingRule.lt(posting::RULE))
            .filter(C::Livemode.eq(app.stripe.livemode()))
            .order_by_asc(C::Id)
            .one(&app.db.read)
            .await?;
        let Some(book) = older else {
            return Ok(());
        };
        repost_batch(app, &book).await?;
    }
    Ok(())
}

async fn repost_batch(app: &App, book: &book::Model) -> Result<()> {
    use balance_transaction::Column as T;
    let after = book.repost_after.clone().unwrap_or_default();
    let rows = balance_transaction::Entity::find()
        .filter(T::BookId.eq(book.id.clone()))
        .filter(T::Id.gt(after))
        .order_by_asc(T::Id)
        .limit(BATCH)
        .all(&app.db.read)
        .await?;
    let mut asked = BTreeMap::new();
    let mut views = Vec::with_capacity(rows.len());
    for row in &rows {
        // It was read once, so it can be read again.
        let Some(txn) = stored_view(row) else {
            continue;
        };
        let is_unknown = row.of_transfer.is_none() && row.order_id.is_none();
        if is_unknown
            && origins::is_doubtful(&txn)
            && let Some(origin) = origins::ask(app, book, &row.id).await?
        {
            asked.insert(row.id.clone(), origin);
        }
        views.push((row, txn));
    }
    let tx = app.db.begin_write().await?;
    for (row, txn) in views {
        let known = row.of_transfer.filter(|of_transfer| *of_transfer);
        let origin = asked.get(&row.id).copied();
        let origin = origin.or(known.map(|_| Origin::Transfer));
        correct(&tx, book, &txn, origin.unwrap_or(Origin::Customer)).await?;
    }
    for (id, origin) in asked {
        balance_transaction::Entity::update_many()
            .col_expr(T::OfTransfer, Expr::value(origin == Origin::Transfer))
            .filter(T::BookId.eq(book.id.clone()))
            .filter(T::Id.eq(id))
            .exec(&tx)
            .await?;
    }
    move_on(&tx, book, rows.last().map(|row| row.id.clone())).await?;
    tx.commit().await
}

fn stored_view(row: &balance_transaction::Model) -> Option<BalanceTransactionView> {
    let raw = serde_json::from_str(&row.raw).ok()?;
    BalanceTransactionView::read(&raw).ok()
}

/// Writes the journal that leads from what is posted of a transaction to what its rule says now, if they differ.
async fn correct(
    tx: &Tx,
    book: &book::Model,
    txn: &BalanceTransactionView,
    origin: Origin,
) -> Result<()> {
    let source = format!("{}:rule{}", txn.id, posting::RULE);
    let posted = posted(tx, book, &[&txn.id, &source]).await?;
    let mut differences: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut add = |account: String, currency: String, amount: i64| -> Result<()> {
        let sum = differences.entry((account, currency)).or_default();
        *sum = money::add(*sum, amount)?;
        Ok(())
    };
    for line in posting::post(txn, origin)? {
        add(line.account, line.currency, line.amount)?;
    }
    for entry in posted {
        add(entry.account, entry.currency, money::sub(0, entry.amount)?)?;
    }
    let differs = differences.into_iter().filter(|(_, amount)| *amount != 0);
    let lines: Vec<Line> = differs
        .map(|((account, currency), amount)| Line {
            account,
            currency,
            amount,
        })
        .collect();
    write_journal(tx, &book.id, &source, &lines).await
}

async fn posted(tx: &Tx, book: &book::Model, sources: &[&str]) -> Result<Vec<entry::Model>> {
    let of_journal = entry::Entity::belongs_to(journal::Entity)
        .from(entry::Column::JournalId)
        .to(journal::Column::Id);
    Ok(entry::Entity::find()
        .join(JoinType::InnerJoin, of_journal.into())
        .filter(journal::Column::BookId.eq(book.id.clone()))
        .filter(journal::Column::Source.is_in(sources.iter().copied()))
        .all(tx)
        .await?)
}

/// Notes how far a book is corrected. `None`: to its end.
async fn move_on(tx: &Tx, book: &book::Model, after: Option<String>) -> Result<()> {
    use book::Column as C;
    let mut update = book::Entity::update_many()
        .col_expr(C::RepostAfter, Expr::value(after.clone()))
        .filter(C::Id.eq(book.id.clone()));
    if after.is_none() {
        update = update.col_expr(C::PostingRule, Expr::value(posting::RULE));
        transactions::check_suspense(tx, book).await?;
    }
    update.exec(tx).await?;
    Ok(())
}
