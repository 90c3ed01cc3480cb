//! Compares a book with Stripe's balance.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::{AccountId, book, entry};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{NewFinding, raise, resolve};
use crate::money;
use crate::stripe::{requests, views::BalanceView};

use super::pulling::Pulled;
use super::{balances, deadlines, entries, pulling};

/// The result of a check of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookCheck {
    /// The book's account.
    pub account: AccountId,
    /// How it ended.
    pub outcome: Outcome,
    /// Sorted by currency.
    pub currencies: Vec<CurrencyCheck>,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The book and Stripe agree.
    Equal,
    /// They differ.
    Drift,
    /// Money moved during both tries, so nothing can be said.
    Inconclusive,
}

/// Both sides of a currency, minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrencyCheck {
    /// Lower case.
    pub currency: String,
    /// The book's balance of `stripe_balance:payments`.
    pub ledger: i64,
    /// Stripe's available and pending funds, without reserves.
    pub stripe: i64,
}

/// Tries of a check while the balance moves.
const TRIES: usize = 2;
/// How long every check may be inconclusive before that is a finding.
const INCONCLUSIVE_MS: i64 = 24 * 60 * 60 * 1000;

type ByCurrency = BTreeMap<String, i64>;

/// Reads Stripe's balance, pulls the book, reads the balance again, and compares. Raises `balance_drift` or `inconclusive`,
/// and resolves findings that no longer hold.
///
/// # Errors
/// 404 if the account is neither a seller's nor the platform's; Stripe's errors otherwise.
pub async fn check_book(app: &App, account: &AccountId, livemode: bool) -> Result<BookCheck> {
    let (book, check) = compare_with_stripe(app, account, livemode).await?;
    let tx = app.db.begin_write().await?;
    record(&tx, &book, &check).await?;
    note(&tx, &book, &check).await?;
    tx.commit().await?;
    Ok(check)
}

/// The job: checks a book, and says when it is to be checked next. Stripe may show a transaction in the balance before it
/// lists it, so a difference is a finding when the next check finds one too, and an account whose money moved during every
/// check of a day is one then. An account without a book has nothing to check.
///
/// # Errors
/// Stripe's errors.
pub async fn check_by_schedule(app: &App, account: &AccountId, livemode: bool) -> Result<()> {
    let (book, check) = match compare_with_stripe(app, account, livemode).await {
        Err(Error::NotFound(_)) => return Ok(()),
        compared => compared?,
    };
    let tx = app.db.begin_write().await?;
    let since = book.checked_at.unwrap_or(book.created_at);
    let is_new = match check.outcome {
        Outcome::Equal => false,
        Outcome::Drift => book.unequal_at.is_none(),
        Outcome::Inconclusive => tx.now() < since.plus_ms(INCONCLUSIVE_MS),
    };
    if !is_new {
        record(&tx, &book, &check).await?;
    }
    note(&tx, &book, &check).await?;
    tx.commit().await
}

/// Writes down what a check found, and when the next is due.
async fn note(tx: &Tx, book: &book::Model, check: &BookCheck) -> Result<()> {
    use book::Column as C;
    let now = tx.now();
    let (checked_at, unequal_at) = match check.outcome {
        Outcome::Equal => (Some(now), None),
        Outcome::Drift => (Some(now), book.unequal_at.or(Some(now))),
        Outcome::Inconclusive => (book.checked_at, book.unequal_at),
    };
    // A difference that is known is looked at as often as a busy book.
    let soon = match check.outcome {
        Outcome::Equal => true,
        Outcome::Drift => book.unequal_at.is_some(),
        Outcome::Inconclusive => false,
    };
    let busy_until = match check.outcome {
        Outcome::Equal => book.busy_until,
        _ => now.plus_ms(1),
    };
    book::Entity::update_many()
        .col_expr(C::CheckedAt, Expr::value(checked_at))
        .col_expr(C::UnequalAt, Expr::value(unequal_at))
        .col_expr(
            C::CheckBy,
            Expr::value(deadlines::after_check(now, busy_until, soon)),
        )
        .filter(C::Id.eq(book.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

async fn compare_with_stripe(
    app: &App,
    account: &AccountId,
    livemode: bool,
) -> Result<(book::Model, BookCheck)> {
    let mut tries = 0;
    loop {
        let before = stripe_side(app, account).await?;
        let pulled = pulling::pull_transactions(app, account, livemode).await?;
        let book = match pulled.ok_or(Error::NotFound("book"))? {
            Pulled::Whole(book) => *book,
            Pulled::Part | Pulled::Resumed => continue,
        };
        // Before the second read of the balance, so that what another worker pulls later is on neither side.
        let ledger = ledger_side(app, &book).await?;
        let after = stripe_side(app, account).await?;
        tries += 1;
        let steady = before == after;
        if steady || tries == TRIES {
            let check = compare(account, steady, &ledger, &after);
            return Ok((book, check));
        }
    }
}

async fn stripe_side(app: &App, account: &AccountId) -> Result<ByCurrency> {
    let request = requests::accounts::balance();
    let balance: BalanceView = app.stripe.at(account).get(&request).await?;
    let mut sums = ByCurrency::new();
    for funds in balance.available.into_iter().chain(balance.pending) {
        let sum = sums.entry(funds.currency).or_default();
        *sum = money::add(*sum, funds.amount)?;
    }
    Ok(sums)
}

async fn ledger_side(app: &App, book: &book::Model) -> Result<ByCurrency> {
    let ours = entries()
        .filter(entry::Column::BookId.eq(book.id.clone()))
        .filter(entry::Column::Account.eq("stripe_balance:payments"));
    let rows = balances(ours, &app.db.read).await?;
    Ok(rows.into_iter().map(|b| (b.currency, b.balance)).collect())
}

fn compare(
    account: &AccountId,
    steady: bool,
    ledger: &ByCurrency,
    stripe: &ByCurrency,
) -> BookCheck {
    let mut currencies: Vec<&String> = ledger.keys().chain(stripe.keys()).collect();
    currencies.sort();
    currencies.dedup();
    let of = |side: &ByCurrency, currency: &String| side.get(currency).copied().unwrap_or(0);
    let currencies: Vec<CurrencyCheck> = currencies
        .into_iter()
        .map(|currency| CurrencyCheck {
            currency: currency.clone(),
            ledger: of(ledger, currency),
            stripe: of(stripe, currency),
        })
        .collect();
    let outcome = if !steady {
        Outcome::Inconclusive
    } else if currencies.iter().all(|c| c.ledger == c.stripe) {
        Outcome::Equal
    } else {
        Outcome::Drift
    };
    BookCheck {
        account: account.clone(),
        outcome,
        currencies,
    }
}

async fn record(tx: &Tx, book: &book::Model, check: &BookCheck) -> Result<()> {
    if check.outcome == Outcome::Inconclusive {
        let finding = NewFinding {
            kind: "inconclusive",
            stripe_account: Some(book.stripe_account.clone()),
            subject: book.id.to_string(),
            message: format!(
                "The balance of {} moved during {TRIES} checks in a row, so nothing can be said of its book. Check \
                 again when it is quieter.",
                book.stripe_account
            ),
            amount: None,
            currency: None,
        };
        return raise(tx, finding).await;
    }
    resolve(tx, "inconclusive", book.id.as_ref()).await?;
    for side in &check.currencies {
        let subject = format!("{}:{}", book.id, side.currency);
        if side.ledger == side.stripe {
            resolve(tx, "balance_drift", &subject).await?;
            continue;
        }
        let show = |amount| money::display(amount, &side.currency);
        let finding = NewFinding {
            kind: "balance_drift",
            stripe_account: Some(book.stripe_account.clone()),
            subject,
            message: format!(
                "The book of {} has {} where Stripe has {}. Look for balance transactions that were never pulled, \
                 or that changed.",
                book.stripe_account,
                show(side.ledger),
                show(side.stripe),
            ),
            amount: Some(money::sub(side.ledger, side.stripe)?),
            currency: Some(side.currency.clone()),
        };
        raise(tx, finding).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(amounts: &[(&str, i64)]) -> ByCurrency {
        let pairs = amounts.iter();
        pairs.map(|(name, n)| ((*name).to_owned(), *n)).collect()
    }

    fn outcome(steady: bool, ledger: &[(&str, i64)], stripe: &[(&str, i64)]) -> Outcome {
        let account = AccountId::from("acct_1");
        compare(&account, steady, &side(ledger), &side(stripe)).outcome
    }

    #[test]
    fn a_currency_that_one_side_lacks_counts_as_zero() {
        assert_eq!(
            outcome(true, &[("usd", 5)], &[("usd", 5), ("eur", 0)]),
            Outcome::Equal
        );
        assert_eq!(
            outcome(true, &[("usd", 5), ("eur", 1)], &[("usd", 5)]),
            Outcome::Drift
        );
    }

    #[test]
    fn a_balance_that_keeps_moving_is_inconclusive_and_no_drift() {
        let (ours, theirs) = ([("usd", 5)], [("usd", 6)]);
        assert_eq!(outcome(false, &ours, &theirs), Outcome::Inconclusive);
        assert_eq!(outcome(true, &ours, &theirs), Outcome::Drift);
    }
}
