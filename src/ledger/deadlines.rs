//! When books are pulled and checked: each has a deadline for its next pull, which events of money bring forward.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use souk_entity::{AccountId, BookId, Timestamp, book, seller};

use crate::app::App;
use crate::db::Tx;
use crate::db::set_wise::SetWise;
use crate::error::Result;
use crate::findings::{self, NewFinding};
use crate::installation;
use crate::jobs::{self, Job};

use super::open_book;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// From one pull to the next while money moves, and while none does.
const BUSY_MS: i64 = 15 * MINUTE_MS;
const QUIET_MS: i64 = 6 * HOUR_MS;
/// How long a book counts as busy after an event of money, or after a pull that found something.
const STAYS_BUSY_MS: i64 = DAY_MS;
/// From an event of money to the pull that it asks for: Stripe may list its transaction late.
const AFTER_EVENT_MS: i64 = MINUTE_MS;
/// A pull that was staged is staged again after this time.
const TRY_AGAIN_MS: i64 = HOUR_MS;
/// How far a book may be past its deadline before that is a finding. Jobs are tried again meanwhile.
const STALE_MS: i64 = 15 * MINUTE_MS;
/// From one check of a busy book to the next, of a quiet one, and after one that said nothing.
const CHECK_BUSY_MS: i64 = HOUR_MS;
const CHECK_QUIET_MS: i64 = DAY_MS;
const CHECK_AGAIN_MS: i64 = 5 * MINUTE_MS;
/// Books that one run stages.
const MOST: u64 = 200;

/// The times that a whole pull sets.
pub(super) struct AfterPull {
    pub(super) pull_by: Timestamp,
    pub(super) busy_until: Timestamp,
}

/// The next deadline, after a pull that found new transactions or did not.
pub(super) fn after_pull(now: Timestamp, busy_until: Timestamp, found: bool) -> AfterPull {
    let busy_until = match found {
        true => now.plus_ms(STAYS_BUSY_MS),
        false => busy_until,
    };
    let pause = if busy_until > now { BUSY_MS } else { QUIET_MS };
    AfterPull {
        pull_by: now.plus_ms(pause),
        busy_until,
    }
}

/// When a book is checked next.
pub(super) fn after_check(now: Timestamp, busy_until: Timestamp, is_conclusive: bool) -> Timestamp {
    now.plus_ms(match is_conclusive {
        false => CHECK_AGAIN_MS,
        true if busy_until > now => CHECK_BUSY_MS,
        true => CHECK_QUIET_MS,
    })
}

#[derive(FromQueryResult)]
struct Known {
    id: BookId,
    stripe_account: AccountId,
    livemode: bool,
    pull_by: Timestamp,
    busy_until: Timestamp,
}

const KNOWN: SetWise = SetWise {
    text: "SELECT b.id, b.stripe_account, b.livemode, b.pull_by, b.busy_until FROM {input} JOIN books b \
           ON b.stripe_account = input.account AND b.livemode = input.livemode",
    columns: &[("account", "text"), ("livemode", "boolean")],
};

const BRING_FORWARD: SetWise = SetWise {
    text: "UPDATE books SET pull_by = CASE WHEN books.pull_by > $2 THEN $2 ELSE books.pull_by END, busy_until = $3 \
           FROM {input} WHERE books.id = input.id",
    columns: &[("id", "text")],
};

/// Brings the next pull of these accounts forward, since money has moved there. Answers which of them have a book. A book
/// whose deadline is near already isn't written to, so that many events at a time cost one write.
///
/// # Errors
/// The database failed.
pub async fn bring_forward(
    tx: &Tx,
    accounts: &BTreeSet<(AccountId, bool)>,
) -> Result<BTreeSet<(AccountId, bool)>> {
    let input: Vec<_> = accounts.iter().collect();
    let mut known: Vec<Known> = KNOWN.all(tx, &input, []).await?;
    let has_book: BTreeSet<_> = known
        .iter()
        .map(|book| (book.stripe_account.clone(), book.livemode))
        .collect();
    for (account, livemode) in accounts.difference(&has_book) {
        if let Some(book) = open_book(tx, account, *livemode).await? {
            known.push(Known {
                id: book.id,
                stripe_account: book.stripe_account,
                livemode: book.livemode,
                pull_by: book.pull_by,
                busy_until: book.busy_until,
            });
        }
    }
    let by = tx.now().plus_ms(AFTER_EVENT_MS);
    let busy_until = tx.now().plus_ms(STAYS_BUSY_MS);
    let is_late =
        |book: &&Known| book.pull_by > by || book.busy_until < busy_until.plus_ms(-HOUR_MS);
    let mut late: Vec<_> = known
        .iter()
        .filter(is_late)
        .map(|book| (&book.id,))
        .collect();
    late.sort();
    if !late.is_empty() {
        let times = [by.into(), busy_until.into()];
        BRING_FORWARD.execute(tx, &late, times).await?;
    }
    let has_book = known.into_iter();
    Ok(has_book
        .map(|book| (book.stripe_account, book.livemode))
        .collect())
}

/// The job: stages the pulls and checks of the books whose time has come. A book that is past its deadline for long is a
/// finding, `stale_cursor`, until it is pulled.
///
/// # Errors
/// The database failed.
pub async fn keep_books(app: &App) -> Result<()> {
    let livemode = app.stripe.livemode();
    let tx = app.db.begin_write().await?;
    open_platforms(&tx, livemode).await?;
    let staged = stage_pulls(&tx, livemode).await?;
    stage_checks(&tx, livemode).await?;
    find_stale(&tx, livemode, &staged).await?;
    tx.commit().await
}

/// Opens the platform's own book once its account is known, and reads it from its beginning.
async fn open_platforms(tx: &Tx, livemode: bool) -> Result<()> {
    if let Some(account) = installation::platform_account(tx).await? {
        open_book(tx, &account, livemode).await?;
    }
    Ok(())
}

/// The books of the platform and of accounts that are still connected, those whose time came first.
fn connected(livemode: bool, by: book::Column) -> sea_orm::Select<book::Entity> {
    let of_seller = book::Entity::belongs_to(seller::Entity)
        .from(book::Column::SellerId)
        .to(seller::Column::Id);
    book::Entity::find()
        // The platform's own is no seller's.
        .join(sea_orm::JoinType::LeftJoin, of_seller.into())
        .filter(book::Column::Livemode.eq(livemode))
        .filter(seller::Column::DeauthorizedAt.is_null())
        .order_by_asc(by)
}

/// Answers for which books no pull had been staged since the last one.
async fn stage_pulls(tx: &Tx, livemode: bool) -> Result<BTreeSet<BookId>> {
    use book::Column as C;
    let due = connected(livemode, C::PullBy)
        .filter(C::PullBy.lte(tx.now()))
        .filter(C::TryAt.lte(tx.now()))
        .limit(MOST)
        .all(tx)
        .await?;
    let pulls = due.iter().map(|book| Job::Pull {
        account: book.stripe_account.clone(),
        livemode,
    });
    jobs::stage_all(tx, &pulls.collect::<Vec<_>>()).await?;
    let first = due.iter().filter(|book| book.try_at == Timestamp(0));
    let first = first.map(|book| book.id.clone()).collect();
    put_off(tx, due, C::TryAt, TRY_AGAIN_MS).await?;
    Ok(first)
}

async fn stage_checks(tx: &Tx, livemode: bool) -> Result<()> {
    use book::Column as C;
    let due = connected(livemode, C::CheckBy)
        .filter(C::CheckBy.lte(tx.now()))
        .limit(MOST)
        .all(tx)
        .await?;
    let checks = due.iter().map(|book| Job::CheckBook {
        account: book.stripe_account.clone(),
        livemode,
    });
    jobs::stage_all(tx, &checks.collect::<Vec<_>>()).await?;
    put_off(tx, due, C::CheckBy, CHECK_BUSY_MS).await
}

/// Puts off the next try, for the case that this one is never done.
async fn put_off(tx: &Tx, books: Vec<book::Model>, column: book::Column, by_ms: i64) -> Result<()> {
    if books.is_empty() {
        return Ok(());
    }
    book::Entity::update_many()
        .col_expr(column, Expr::value(tx.now().plus_ms(by_ms)))
        .filter(book::Column::Id.is_in(books.into_iter().map(|book| book.id)))
        .exec(tx)
        .await?;
    Ok(())
}

/// The accounts whose books are so far past their deadline that it is a finding, those that came first first.
///
/// # Errors
/// The database failed.
pub async fn late<C: ConnectionTrait>(
    db: &C,
    livemode: bool,
    now: Timestamp,
) -> Result<Vec<AccountId>> {
    let late = past_deadline(livemode, now).all(db).await?;
    Ok(late.into_iter().map(|book| book.stripe_account).collect())
}

fn past_deadline(livemode: bool, now: Timestamp) -> sea_orm::Select<book::Entity> {
    connected(livemode, book::Column::PullBy)
        .filter(book::Column::PullBy.lte(now.plus_ms(-STALE_MS)))
}

/// A book whose pull has only just been staged gets its time: nobody may have been at work before.
async fn find_stale(tx: &Tx, livemode: bool, staged: &BTreeSet<BookId>) -> Result<()> {
    let stale = past_deadline(livemode, tx.now()).all(tx).await?;
    let mut true_of = BTreeSet::new();
    for book in stale {
        if staged.contains(&book.id) {
            continue;
        }
        let since = std::cmp::max(book.pull_by, book.created_at);
        let finding = NewFinding {
            kind: "stale_cursor",
            stripe_account: Some(book.stripe_account.clone()),
            subject: book.id.to_string(),
            message: format!(
                "The book of {} was to be pulled by {since} and has not been: its balance may be wrong. Look whether a \
                 worker is running, and why its job fails: GET /v1/admin/jobs?kind=pull&subject={}.",
                book.stripe_account, book.stripe_account,
            ),
            amount: None,
            currency: None,
        };
        true_of.insert(finding.subject.clone());
        findings::raise(tx, finding).await?;
    }
    findings::resolve_others(tx, "stale_cursor", &true_of).await
}

/// Opens the books of connected accounts that have none yet: nothing may ever have been heard of them.
///
/// # Errors
/// The database failed.
pub async fn open_missing(tx: &Tx, livemode: bool) -> Result<()> {
    let of_seller = seller::Entity::belongs_to(book::Entity)
        .from(seller::Column::Id)
        .to(book::Column::SellerId);
    let without = seller::Entity::find()
        .join(sea_orm::JoinType::LeftJoin, of_seller.into())
        .filter(book::Column::Id.is_null())
        .filter(seller::Column::Livemode.eq(livemode))
        .filter(seller::Column::StripeAccount.is_not_null())
        .filter(seller::Column::DeauthorizedAt.is_null())
        .order_by_asc(seller::Column::Id)
        .limit(MOST)
        .all(tx)
        .await?;
    for seller in without {
        if let Some(account) = seller.stripe_account {
            open_book(tx, &account, livemode).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    #[test]
    fn a_book_in_which_money_moves_is_pulled_every_quarter_hour_and_a_quiet_one_four_times_a_day() {
        let next = |busy_until: i64, found| {
            let after = after_pull(NOW, NOW.plus_ms(busy_until), found);
            (after.pull_by.0 - NOW.0, after.busy_until.0 - NOW.0)
        };
        assert_eq!(next(-1, false), (QUIET_MS, -1));
        assert_eq!(next(1, false), (BUSY_MS, 1));
        assert_eq!(next(-1, true), (BUSY_MS, DAY_MS));
    }

    #[test]
    fn a_busy_book_is_checked_hourly_a_quiet_one_daily_and_one_that_moved_soon_again() {
        let next = |busy_until: i64, is_conclusive| {
            after_check(NOW, NOW.plus_ms(busy_until), is_conclusive).0 - NOW.0
        };
        assert_eq!(next(1, true), HOUR_MS);
        assert_eq!(next(0, true), DAY_MS);
        assert_eq!(next(0, false), 5 * MINUTE_MS);
    }
}
