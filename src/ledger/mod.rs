//! The books: one for each Stripe account and mode, filled from its balance transactions by one posting rule.
//!
//! Balance transactions pulled from the API are the truth; events only say when to pull. The platform's own account has a
//! book too, which is no seller's.

pub mod application_fees;
mod checking;
mod closing;
mod cross_book;
pub mod deadlines;
pub mod events;
mod income;
mod origins;
pub mod payouts;
mod posting;
mod pulling;
pub mod reposting;
pub mod reviews;
pub mod routes;
mod transactions;
mod unexplained_fees;

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType,
    QueryFilter, QueryOrder, QuerySelect, Select,
};
use souk_entity::{
    AccountId, BookId, EntryId, JournalId, SellerId, Timestamp, book, entry, journal,
};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job};
use crate::{installation, sellers};

pub use checking::{BookCheck, CurrencyCheck, Outcome, check_book, check_by_schedule};
pub use pulling::give_up;

use posting::Line;
use pulling::Pulled;

/// The job: pulls an account's balance transactions into its book, and closes the payouts that they explain. If there are
/// very many, the job is staged again. An account that is neither a seller's nor the platform's has no book: nothing is
/// pulled.
///
/// # Errors
/// Stripe's errors, and a list that breaks off.
pub async fn pull(app: &App, account: &AccountId, livemode: bool) -> Result<()> {
    match pulling::pull_transactions(app, account, livemode).await? {
        Some(Pulled::Whole(book)) => {
            closing::close_payouts(app, &book).await?;
            match book.seller_id {
                Some(_) => Ok(()),
                None => application_fees::find_charges(app).await,
            }
        }
        Some(Pulled::Resumed) | None => Ok(()),
        Some(Pulled::Part) => {
            let tx = app.db.begin_write().await?;
            let account = account.clone();
            jobs::stage(&tx, &Job::Pull { account, livemode }).await?;
            tx.commit().await
        }
    }
}

/// The book of an account, created if there is none. `None`: it is neither the platform's nor a seller's account.
async fn open_book(tx: &Tx, account: &AccountId, livemode: bool) -> Result<Option<book::Model>> {
    use book::Column as C;
    let mine = || {
        book::Entity::find()
            .filter(C::StripeAccount.eq(account.clone()))
            .filter(C::Livemode.eq(livemode))
            .one(tx)
    };
    if let Some(book) = mine().await? {
        return Ok(Some(book));
    }
    let platform = installation::platform_account(tx).await?;
    let seller_id = match platform.as_ref() == Some(account) {
        true => None,
        false => match sellers::by_account(tx, account, livemode).await? {
            Some(seller) => Some(seller.id),
            None => return Ok(None),
        },
    };
    let insert = book::Entity::insert(book::ActiveModel {
        id: Set(ids::new(tx.now())),
        stripe_account: Set(account.clone()),
        livemode: Set(livemode),
        seller_id: Set(seller_id),
        posting_rule: Set(posting::RULE),
        repost_after: Set(None),
        pulled_to: Set(None),
        page_after: Set(None),
        page_since: Set(None),
        page_newest: Set(None),
        pull_by: Set(tx.now()),
        try_at: Set(Timestamp(0)),
        busy_until: Set(Timestamp(0)),
        looked_back_at: Set(None),
        check_by: Set(tx.now()),
        checked_at: Set(None),
        unequal_at: Set(None),
        pulled_at: Set(None),
        fees_noted: Set(true),
        fees_noted_to: Set(None),
        created_at: Set(tx.now()),
    })
    .on_conflict(
        OnConflict::columns([C::StripeAccount, C::Livemode])
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(tx)
    .await;
    db::inserted(insert)?;
    Ok(mine().await?)
}

/// Writes a journal, once for its source. Money that doesn't move has none. The entries come first: the journal completes
/// them, and the database refuses any later one.
async fn write_journal(tx: &Tx, book: &BookId, source: &str, lines: &[Line]) -> Result<()> {
    use journal::Column as C;
    if !posting::is_balanced(lines)? {
        return Err(Error::internal(format!(
            "the journal of {source} does not sum to zero"
        )));
    }
    let there = journal::Entity::find()
        .filter(C::BookId.eq(book.clone()))
        .filter(C::Source.eq(source));
    if lines.is_empty() || there.one(tx).await?.is_some() {
        return Ok(());
    }
    let id: JournalId = ids::new(tx.now());
    let entries = lines.iter().map(|line| entry::ActiveModel {
        id: Set(ids::new::<EntryId>(tx.now())),
        journal_id: Set(id.clone()),
        book_id: Set(book.clone()),
        account: Set(line.account.clone()),
        currency: Set(line.currency.clone()),
        amount: Set(line.amount),
    });
    entry::Entity::insert_many(entries)
        .exec_without_returning(tx)
        .await?;
    journal::Entity::insert(journal::ActiveModel {
        id: Set(id),
        book_id: Set(book.clone()),
        source: Set(source.to_owned()),
        posting_rule: Set(posting::RULE),
        posted_at: Set(tx.now()),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// The balance of a ledger account.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
struct Balance {
    stripe_account: AccountId,
    seller_id: Option<SellerId>,
    account: String,
    currency: String,
    /// Minor units, debit positive.
    balance: i64,
}

/// A query of entries, to be filtered and given to `balances`.
fn entries() -> Select<entry::Entity> {
    let of_book = entry::Entity::belongs_to(book::Entity)
        .from(entry::Column::BookId)
        .to(book::Column::Id);
    entry::Entity::find().join(JoinType::InnerJoin, of_book.into())
}

/// The balances of these entries, by book, account and currency.
async fn balances<C: ConnectionTrait>(
    entries: Select<entry::Entity>,
    db: &C,
) -> Result<Vec<Balance>> {
    use book::Column as B;
    use entry::Column as E;
    Ok(entries
        .select_only()
        .columns([B::StripeAccount, B::SellerId])
        .columns([E::Account, E::Currency])
        .column_as(sum(E::Amount), "balance")
        .group_by(B::StripeAccount)
        .group_by(B::SellerId)
        .group_by(E::Account)
        .group_by(E::Currency)
        .order_by_asc(B::StripeAccount)
        .order_by_asc(E::Account)
        .order_by_asc(E::Currency)
        .into_model()
        .all(db)
        .await?)
}

/// A sum of minor units, cast because PostgreSQL sums to a numeric.
fn sum(column: impl ColumnTrait) -> Expr {
    column.sum().cast_as("BIGINT")
}
