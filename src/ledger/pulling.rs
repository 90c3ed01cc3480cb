//! Pulling: new balance transactions are read from Stripe's list, since a stored cursor.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::payout::{self, PayoutStatus};
use souk_entity::{AccountId, BookId, Timestamp, book};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::sellers;
use crate::stripe::{Page, requests};

use super::transactions::{self, Rows};
use super::{deadlines, open_book, origins};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How far a pull goes back behind its cursor, since Stripe may list a transaction late.
const OVERLAP_MS: i64 = 2 * DAY_MS;
/// How far back a pull goes once a day, since a stored transaction may have changed.
const LOOK_BACK_MS: i64 = 35 * DAY_MS;
/// Pages that one pull reads. What is left is read by the next, which goes on where this one stopped.
const MAX_PAGES: usize = 20;

/// The result of a pull.
pub(super) enum Pulled {
    /// All that there is to read was read.
    Whole(Box<book::Model>),
    /// There are more pages.
    Part,
    /// All was read down from a place that an earlier pull had come to. What is newer is left to the next, which is staged.
    Resumed,
}

/// Where a pull is: newest first, page after page, down to `since`.
struct Place {
    after: Option<String>,
    since: Option<Timestamp>,
    newest: Option<Timestamp>,
    /// Whether a transaction was new.
    found: bool,
    /// Whether an earlier pull came as far as `after`.
    resumed: bool,
    /// When it was begun or resumed.
    began: Timestamp,
}

impl Place {
    /// Where an unfinished pull stopped; else at the newest, down to the cursor with the overlap, and once a day further.
    fn of(book: &book::Model, now: Timestamp) -> Self {
        match &book.page_after {
            Some(after) => Self {
                after: Some(after.clone()),
                since: book.page_since,
                newest: book.page_newest,
                found: false,
                resumed: true,
                began: now,
            },
            None => Self {
                after: None,
                since: since(book, now),
                newest: None,
                found: false,
                resumed: false,
                began: now,
            },
        }
    }
}

fn since(book: &book::Model, now: Timestamp) -> Option<Timestamp> {
    let since = book.pulled_to?.plus_ms(-OVERLAP_MS);
    let looked_back = book.looked_back_at.unwrap_or_default();
    Some(match looked_back.plus_ms(DAY_MS) <= now {
        true => std::cmp::min(since, now.plus_ms(-LOOK_BACK_MS)),
        false => since,
    })
}

/// Pulls an account's balance transactions since the cursor, with the overlap, into its book. Each page is committed with
/// the place behind it, so that a pull that is interrupted goes on there. `None`: the account has no book.
///
/// # Errors
/// Stripe's errors, and a list that breaks off.
pub(super) async fn pull_transactions(
    app: &App,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<Pulled>> {
    check_mode(app, account, livemode)?;
    let tx = app.db.begin_write().await?;
    let Some(book) = open_book(&tx, account, livemode).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    let stripe = app.stripe.at(account);
    let mut place = Place::of(&book, app.clock.now());
    for _ in 0..MAX_PAGES {
        let mut request = requests::balance::transactions(place.since, place.after.as_deref());
        if book.seller_id.is_none() {
            request = requests::balance::with_sources(request);
        }
        let page: Page = match stripe.get(&request).await {
            Err(e) if place.after.is_some() && is_about_place(&e) => {
                // Stripe doesn't know the transaction any more: the pull begins anew.
                place.after = None;
                place.resumed = false;
                continue;
            }
            page => page?,
        };
        let mut rows = transactions::read(&page);
        origins::learn(app, &book, &mut rows.readable).await?;
        let next = next_page(&page, &rows, place.after.as_deref())?;
        let created = rows.readable.iter().map(|p| p.txn.created);
        let created = created.map(Timestamp::from_seconds);
        place.newest = created.chain(place.newest).max();
        let tx = app.db.begin_write().await?;
        transactions::park(&tx, &book, &rows.unreadable).await?;
        place.found |= transactions::store(&tx, &book, &rows.readable).await?;
        place.after = next;
        if place.after.is_none() {
            if place.resumed {
                let account = account.clone();
                jobs::stage(&tx, &Job::Pull { account, livemode }).await?;
            }
            finish(&tx, &book.id, &place).await?;
            tx.commit().await?;
            return Ok(Some(match place.resumed {
                true => Pulled::Resumed,
                false => Pulled::Whole(Box::new(book)),
            }));
        }
        save_place(&tx, &book.id, &place).await?;
        tx.commit().await?;
    }
    Ok(Some(Pulled::Part))
}

fn is_about_place(error: &Error) -> bool {
    matches!(error, Error::StripeRefused(fault) if fault.param.as_deref() == Some("starting_after"))
}

/// Behind which transaction the next page begins. `None`: this page is the last.
///
/// # Errors
/// The list says that there are more, and shows none.
pub(super) fn next_page(page: &Page, rows: &Rows, after: Option<&str>) -> Result<Option<String>> {
    if !page.has_more {
        return Ok(None);
    }
    match &rows.last {
        Some(last) if after != Some(last.as_str()) => Ok(Some(last.clone())),
        _ => Err(Error::StripeUnavailable(Box::new(StripeFault {
            message: "the list of balance transactions breaks off: it says that there are more, and shows none"
                .to_owned(),
            ..StripeFault::default()
        }))),
    }
}

async fn save_place(tx: &Tx, book: &BookId, place: &Place) -> Result<()> {
    use book::Column as C;
    book::Entity::update_many()
        .col_expr(C::PageAfter, Expr::value(place.after.clone()))
        .col_expr(C::PageSince, Expr::value(place.since))
        .col_expr(C::PageNewest, Expr::value(place.newest))
        .filter(C::Id.eq(book.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Writes down that a pull has read all there is, and when the next one is due. The book's row is locked last: events stage
/// jobs before they bring its deadline forward.
async fn finish(tx: &Tx, id: &BookId, place: &Place) -> Result<()> {
    use book::Column as C;
    stage_rereads(tx, id).await?;
    for kind in ["pull_failed", "stale_cursor"] {
        findings::resolve(tx, kind, id.as_ref()).await?;
    }
    let book = book::Entity::find_by_id(id.clone()).lock_exclusive();
    let book = book.one(tx).await?;
    let book = book.ok_or_else(|| Error::internal(format!("book {id} went away")))?;
    let now = tx.now();
    let mut next = deadlines::after_pull(now, book.busy_until, place.found);
    // An event has brought it forward meanwhile, perhaps for what the pages that were read don't show.
    if book.pull_by > place.began {
        next.pull_by = std::cmp::min(next.pull_by, book.pull_by);
    }
    let far = now.plus_ms(-LOOK_BACK_MS);
    let looked_back_at = match place.since {
        Some(since) if since > far => book.looked_back_at,
        _ => Some(now),
    };
    // A pull that was resumed has not seen what is newer than its place.
    let pulled_at = match place.resumed {
        true => book.pulled_at,
        false => Some(place.began),
    };
    book::Entity::update_many()
        .col_expr(C::PulledTo, Expr::value(place.newest.max(book.pulled_to)))
        .col_expr(C::PageAfter, Expr::value(None::<String>))
        .col_expr(C::PageSince, Expr::value(None::<Timestamp>))
        .col_expr(C::PageNewest, Expr::value(None::<Timestamp>))
        .col_expr(C::PullBy, Expr::value(next.pull_by))
        .col_expr(C::TryAt, Expr::value(Timestamp(0)))
        .col_expr(C::BusyUntil, Expr::value(next.busy_until))
        .col_expr(C::LookedBackAt, Expr::value(looked_back_at))
        .col_expr(C::PulledAt, Expr::value(pulled_at))
        .filter(C::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Raises a finding when a pull is given up: Stripe has refused it, or given no usable answer for too long. The next one
/// that comes through resolves it. A disconnected account is none of ours any more.
///
/// # Errors
/// The database failed.
pub async fn give_up(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    attempts: i32,
    error: &Error,
) -> Result<()> {
    let Some(book) = open_book(tx, account, livemode).await? else {
        return Ok(());
    };
    if book.seller_id.is_some() {
        let seller = sellers::by_account(tx, account, livemode).await?;
        if seller.is_none_or(|seller| seller.deauthorized_at.is_some()) {
            return Ok(());
        }
    }
    let times = match attempts {
        1 => "once".to_owned(),
        n => format!("{n} times"),
    };
    let finding = NewFinding {
        kind: "pull_failed",
        stripe_account: Some(account.clone()),
        subject: book.id.to_string(),
        message: format!(
            "The balance transactions of {account} could not be pulled, though tried {times}: {error}. Until that works \
             the book is behind Stripe. It is tried again by itself; if Stripe refuses, look at the account in the \
             Stripe dashboard and at the permissions of STRIPE_SECRET_KEY."
        ),
        amount: None,
        currency: None,
    };
    findings::raise(tx, finding).await
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

/// Stages a re-read of the payouts that should have arrived by now, but have not as far as we know.
async fn stage_rereads(tx: &Tx, book: &BookId) -> Result<()> {
    use payout::Column as C;
    let unsettled = Condition::any()
        .add(C::Status.is_in([PayoutStatus::Pending, PayoutStatus::InTransit]))
        .add(C::ReconciliationStatus.eq("in_progress"));
    let payouts = payout::Entity::find()
        .filter(C::BookId.eq(book.clone()))
        .filter(C::ArrivalDate.lte(tx.now()))
        .filter(unsettled)
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    for payout in payouts {
        let reread = Job::SyncPayout {
            account: payout.stripe_account,
            livemode: payout.livemode,
            payout: payout.id,
        };
        jobs::stage(tx, &reread).await?;
    }
    Ok(())
}
