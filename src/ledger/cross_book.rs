//! Compares the platform's income with what the sellers paid, charge by charge. A difference is a finding exactly as long as
//! it is true, and none as long as one of both books may not have all of it yet.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::application_fee_movement::{self as movement, Model as Movement};
use souk_entity::{AccountId, BookId, Timestamp, book, payment, seller, unreadable_transaction};

use crate::app::App;
use crate::db::Tx;
use crate::error::Result;
use crate::findings::{self, NewFinding};
use crate::{installation, money};

use super::unexplained_fees::Unexplained;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// How long after the newest transaction of a charge a pull must have begun to count as having seen its counterpart: Stripe
/// may list that late.
const LATE_MS: i64 = 15 * MINUTE_MS;
/// How long a fee may be without a payment of ours: the charge of a payment is learned a little later than it is paid.
const UNEXPLAINED_MS: i64 = 60 * MINUTE_MS;
/// How long a seller's fee waits for a payment of ours. Another platform's fees, which a seller may pay too, are none of ours.
const FORGET_MS: i64 = 7 * DAY_MS;
/// Charges that are compared in one database transaction.
const BATCH: u64 = 100;

const CROSS_BOOK: &str = "cross_book_fee";

/// What is known beside the movements of a charge.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// Of our payment by that charge: the fee that was to be taken, in the charge's currency.
    expected: Option<i64>,
    /// When the last pulls began that read all there was; none: never, or the account can't be read any more.
    platform: Option<Timestamp>,
    seller: Option<Timestamp>,
    /// Whether the account that paid is a connected seller's.
    is_sellers: bool,
    now: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Equal,
    /// They differ: income, and what was paid. None: Stripe has converted it, so only whether it moved is known.
    Differs(Sum, Sum),
    /// Nothing can be said yet.
    Wait,
    /// It is another platform's fee, or of an account that can't be read.
    NotOurs,
}

/// An amount in minor units of a currency.
type Sum = Option<(i64, String)>;

/// Compares all charges of which there is something new, or on which the books differed before.
pub(super) async fn compare(app: &App) -> Result<()> {
    use movement::Column as C;
    let mut differing = BTreeSet::new();
    let mut unexplained = Unexplained::default();
    let mut after = String::new();
    loop {
        let charges: Vec<String> = movement::Entity::find()
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("NOT is_compared"))
            .filter(C::Charge.gt(after.as_str()))
            .select_only()
            .distinct()
            .column(C::Charge)
            .order_by_asc(C::Charge)
            .limit(BATCH)
            .into_tuple()
            .all(&app.db.read)
            .await?;
        let Some(last) = charges.last() else {
            break;
        };
        after.clone_from(last);
        let tx = app.db.begin_write().await?;
        differing.extend(compare_batch(&tx, &charges, &mut unexplained).await?);
        tx.commit().await?;
    }
    let tx = app.db.begin_write().await?;
    findings::resolve_others(&tx, CROSS_BOOK, &differing).await?;
    unexplained.raise(&tx).await?;
    tx.commit().await
}

/// Answers the charges on which the books differ.
async fn compare_batch(
    tx: &Tx,
    charges: &[String],
    unexplained: &mut Unexplained,
) -> Result<Vec<String>> {
    use movement::Column as C;
    let rows = movement::Entity::find()
        .filter(C::Charge.is_in(charges))
        .order_by_asc(C::StripeCreated)
        .order_by_asc(C::TransactionId)
        .all(tx)
        .await?;
    let mut by_charge: BTreeMap<String, Vec<Movement>> = BTreeMap::new();
    for row in rows {
        let charge = row.charge.clone().unwrap_or_default();
        by_charge.entry(charge).or_default().push(row);
    }
    let expected = expected_fees(tx, by_charge.values().flatten(), charges).await?;
    let books = Books::of(tx, by_charge.values().flatten()).await?;
    let (mut differing, mut done) = (Vec::new(), Vec::new());
    for (charge, rows) in by_charge {
        let payer = rows.iter().find_map(|row| row.stripe_account.clone());
        let of_payer = payer.as_ref().and_then(|payer| books.sellers.get(payer));
        let known = Known {
            expected: payer
                .clone()
                .and_then(|payer| expected.get(&(payer, charge.clone())).copied()),
            platform: books.platform,
            seller: of_payer.copied().flatten(),
            is_sellers: of_payer.is_some(),
            now: tx.now(),
        };
        let verdict = judge(&rows, &known)?;
        let is_unexplained = is_unexplained(&rows, &known);
        if is_unexplained {
            unexplained.note(&rows, &charge)?;
        }
        match verdict {
            Verdict::Differs(income, paid) => {
                findings::raise(tx, differs(&charge, payer, income, paid)).await?;
                differing.push(charge);
            }
            Verdict::Wait => {}
            // As long as no payment is known, it is looked at again.
            Verdict::Equal | Verdict::NotOurs if rows.iter().any(|row| row.is_income) => {
                done.extend(rows.into_iter().filter(|_| known.expected.is_some()));
            }
            Verdict::Equal | Verdict::NotOurs => done.extend(rows),
        }
    }
    mark_compared(tx, &done).await?;
    Ok(differing)
}

/// Only the rows that were read: others may have come meanwhile.
async fn mark_compared(tx: &Tx, rows: &[Movement]) -> Result<()> {
    use movement::Column as C;
    let mut of_book: BTreeMap<&BookId, Vec<&str>> = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.is_compared) {
        let ids = of_book.entry(&row.book_id).or_default();
        ids.push(&row.transaction_id);
    }
    for (book, ids) in of_book {
        movement::Entity::update_many()
            .col_expr(C::IsCompared, Expr::value(true))
            .filter(C::BookId.eq(book.clone()))
            .filter(C::TransactionId.is_in(ids))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// The fee that Stripe was to take of our payments' charges, by account and charge: never more than was paid.
async fn expected_fees(
    tx: &Tx,
    rows: impl Iterator<Item = &Movement>,
    charges: &[String],
) -> Result<BTreeMap<(AccountId, String), i64>> {
    let payers: BTreeSet<_> = rows.filter_map(|row| row.stripe_account.clone()).collect();
    let payments = payment::Entity::find()
        .filter(payment::Column::ChargeAccount.is_in(payers))
        .filter(payment::Column::Charge.is_in(charges))
        .all(tx)
        .await?;
    let fee = |row: payment::Model| {
        let fee = std::cmp::min(row.application_fee, row.amount_paid.unwrap_or(0));
        Some(((row.charge_account, row.charge?), fee))
    };
    Ok(payments.into_iter().filter_map(fee).collect())
}

/// When books were last read whole.
struct Books {
    platform: Option<Timestamp>,
    /// By account, of sellers that are connected. None: never, or some of its transactions could not be read.
    sellers: BTreeMap<AccountId, Option<Timestamp>>,
}

impl Books {
    async fn of(tx: &Tx, rows: impl Iterator<Item = &Movement>) -> Result<Self> {
        use book::Column as B;
        let payers: BTreeSet<_> = rows.filter_map(|row| row.stripe_account.clone()).collect();
        let of_seller = book::Entity::belongs_to(seller::Entity)
            .from(B::SellerId)
            .to(seller::Column::Id);
        let books = book::Entity::find()
            .join(JoinType::InnerJoin, of_seller.into())
            .filter(B::StripeAccount.is_in(payers))
            .filter(seller::Column::DeauthorizedAt.is_null())
            .all(tx)
            .await?;
        let ids = books.iter().map(|book| book.id.clone());
        let parked: Vec<BookId> = unreadable_transaction::Entity::find()
            .filter(unreadable_transaction::Column::BookId.is_in(ids))
            .select_only()
            .distinct()
            .column(unreadable_transaction::Column::BookId)
            .into_tuple()
            .all(tx)
            .await?;
        let read_at = |book: &book::Model| {
            let at = book.pulled_at.filter(|_| book.fees_noted);
            at.filter(|_| !parked.contains(&book.id))
        };
        let platform = match installation::platform_account(tx).await? {
            None => None,
            Some(account) => {
                let own = book::Entity::find()
                    .filter(B::StripeAccount.eq(account))
                    .filter(B::SellerId.is_null());
                own.one(tx).await?.and_then(|book| book.pulled_at)
            }
        };
        Ok(Self {
            platform,
            sellers: books
                .iter()
                .map(|book| (book.stripe_account.clone(), read_at(book)))
                .collect(),
        })
    }
}

/// What the movements of one charge, oldest first, come to.
fn judge(rows: &[Movement], known: &Known) -> Result<Verdict> {
    let newest = newest(rows);
    let is_earned = rows.iter().any(|row| row.is_income);
    if !is_earned && known.expected.is_none() {
        return Ok(match known.now >= newest.plus_ms(FORGET_MS) {
            true => Verdict::NotOurs,
            false => Verdict::Wait,
        });
    }
    if !known.is_sellers {
        return Ok(Verdict::NotOurs);
    }
    let verdict = match one_currency(rows) {
        Some(currency) => {
            let (income, paid) = (sum(rows, true)?, sum(rows, false)?);
            match income == paid {
                true => Verdict::Equal,
                false => Verdict::Differs(
                    Some((income, currency.to_owned())),
                    Some((paid, currency.to_owned())),
                ),
            }
        }
        None => judge_converted(rows, known)?,
    };
    let has_seen = |at: Option<Timestamp>| at.is_some_and(|began| began >= newest.plus_ms(LATE_MS));
    Ok(match verdict {
        Verdict::Differs(..) if !has_seen(known.platform) || !has_seen(known.seller) => {
            Verdict::Wait
        }
        verdict => verdict,
    })
}

/// A seller's balance in another currency shows the fee only converted. What the charge was to pay is known of our payment;
/// of what went back, whether something did.
fn judge_converted(rows: &[Movement], known: &Known) -> Result<Verdict> {
    let income: Vec<Movement> = rows.iter().filter(|row| row.is_income).cloned().collect();
    let back = |is_income: bool| {
        let mut of_side = rows.iter().filter(|row| row.is_income == is_income);
        of_side.any(|row| row.posted < 0)
    };
    let taken: Vec<Movement> = income
        .iter()
        .filter(|row| row.posted > 0)
        .cloned()
        .collect();
    let Some(currency) = one_currency(&income) else {
        // The platform's fee has not been asked for yet, or there is none.
        return Ok(match income.is_empty() {
            true => Verdict::Differs(None, None),
            false => Verdict::Wait,
        });
    };
    let is_paid = rows.iter().any(|row| !row.is_income && row.posted > 0);
    let gross = sum(&taken, true)?;
    let expected = known.expected.unwrap_or(gross);
    // A fee that failed to go back is taken once more.
    let is_whole = gross == expected || back(true) && gross > expected;
    Ok(match is_paid && is_whole && back(true) == back(false) {
        true => Verdict::Equal,
        false => Verdict::Differs(Some((sum(&income, true)?, currency.to_owned())), None),
    })
}

fn newest(rows: &[Movement]) -> Timestamp {
    let times = rows.iter().map(|row| row.created_at);
    times.max().unwrap_or_default()
}

/// The currency of all amounts. `None`: they have several, or some are not known in the charge's.
fn one_currency(rows: &[Movement]) -> Option<&str> {
    let first = rows.first()?.currency.as_deref()?;
    let same = |row: &Movement| row.amount.is_some() && row.currency.as_deref() == Some(first);
    rows.iter().all(same).then_some(first)
}

fn sum(rows: &[Movement], is_income: bool) -> Result<i64> {
    let of_side = rows.iter().filter(|row| row.is_income == is_income);
    let amounts = of_side.map(|row| row.amount.unwrap_or(0));
    amounts.into_iter().try_fold(0, money::add)
}

fn differs(charge: &str, payer: Option<AccountId>, income: Sum, paid: Sum) -> NewFinding {
    let show = |sum: &Sum| match sum {
        Some((amount, currency)) => money::display(*amount, currency),
        None => "another sum, in another currency,".to_owned(),
    };
    let account = match &payer {
        Some(account) => format!("the book of {account}"),
        None => "the seller's book".to_owned(),
    };
    let amount = match (&income, &paid) {
        (Some((income, _)), Some((paid, _))) => money::sub(*income, *paid).ok(),
        _ => None,
    };
    let message = format!(
        "Of the application fee of {charge} the platform's book has {} and {account} has {}, returns taken off. Look at the \
         fee and at the charge's balance transactions in the Stripe dashboard; if they agree there, report it. It is compared \
         again every hour.",
        show(&income),
        show(&paid),
    );
    NewFinding {
        kind: CROSS_BOOK,
        stripe_account: payer,
        subject: charge.to_owned(),
        message,
        amount,
        currency: income.map(|(_, currency)| currency),
    }
}

fn is_unexplained(rows: &[Movement], known: &Known) -> bool {
    let is_earned = rows.iter().any(|row| row.is_income);
    is_earned && known.expected.is_none() && known.now >= newest(rows).plus_ms(UNEXPLAINED_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000_000_000);

    fn row(is_income: bool, amount: i64) -> Movement {
        Movement {
            book_id: "bok_1".into(),
            transaction_id: "txn_1".to_owned(),
            is_income,
            stripe_account: Some("acct_1".into()),
            charge: Some("ch_1".to_owned()),
            fee: None,
            source: "x_1".to_owned(),
            amount: Some(amount),
            currency: Some("usd".to_owned()),
            posted: amount,
            posted_currency: "usd".to_owned(),
            is_compared: false,
            stripe_created: NOW,
            created_at: NOW.plus_ms(-30 * MINUTE_MS),
        }
    }

    /// As a balance in euros has it.
    fn converted(posted: i64) -> Movement {
        Movement {
            amount: None,
            currency: None,
            posted_currency: "eur".to_owned(),
            ..row(false, posted)
        }
    }

    const KNOWN: Known = Known {
        expected: Some(500),
        platform: Some(NOW),
        seller: Some(NOW),
        is_sellers: true,
        now: NOW,
    };

    fn usd(amount: i64) -> Sum {
        Some((amount, "usd".to_owned()))
    }

    fn verdict(rows: &[Movement], known: Known) -> Verdict {
        judge(rows, &known).expect("small amounts")
    }

    #[test]
    fn both_books_must_have_the_same_of_a_charge_whatever_it_is_made_of() {
        let equal = [
            row(true, 500),
            row(true, -200),
            row(false, 500),
            row(false, -150),
            row(false, -50),
        ];
        assert_eq!(verdict(&equal, KNOWN), Verdict::Equal);
        let differs = verdict(&equal[..4], KNOWN);
        assert_eq!(differs, Verdict::Differs(usd(300), usd(350)));
        let missing = verdict(&[row(false, 500)], KNOWN);
        assert_eq!(missing, Verdict::Differs(usd(0), usd(500)));
        let unpaid = verdict(&[row(true, 500)], KNOWN);
        assert_eq!(unpaid, Verdict::Differs(usd(500), usd(0)));
    }

    #[test]
    fn nothing_is_claimed_before_both_books_were_read_a_while_later() {
        let rows = [row(true, 500)];
        let early = Some(NOW.plus_ms(-16 * MINUTE_MS));
        for known in [
            Known {
                platform: early,
                ..KNOWN
            },
            Known {
                seller: early,
                ..KNOWN
            },
            Known {
                seller: None,
                ..KNOWN
            },
            Known {
                platform: None,
                ..KNOWN
            },
        ] {
            assert_eq!(verdict(&rows, known), Verdict::Wait, "{known:?}");
        }
        let just = Some(NOW.plus_ms(-15 * MINUTE_MS));
        let known = Known {
            seller: just,
            platform: just,
            ..KNOWN
        };
        assert_eq!(verdict(&rows, known), Verdict::Differs(usd(500), usd(0)));
    }

    #[test]
    fn a_fee_for_another_platform_and_one_of_a_stranger_are_none_of_ours() {
        let nobodys = Known {
            expected: None,
            ..KNOWN
        };
        assert_eq!(verdict(&[row(false, 500)], nobodys), Verdict::Wait);
        let late = Known {
            now: NOW.plus_ms(FORGET_MS),
            ..nobodys
        };
        assert_eq!(verdict(&[row(false, 500)], late), Verdict::NotOurs);
        let stranger = Known {
            is_sellers: false,
            ..KNOWN
        };
        assert_eq!(verdict(&[row(true, 500)], stranger), Verdict::NotOurs);
    }

    #[test]
    fn a_balance_in_another_currency_is_compared_by_the_fee_itself_and_by_whether_some_went_back() {
        let mut platform = [row(true, 500), row(true, -200)];
        for row in &mut platform {
            row.posted_currency = "eur".to_owned();
            row.posted /= 2;
        }
        let [fee, back] = platform;
        let of = |rows: &[&Movement], known| {
            let rows: Vec<Movement> = rows.iter().map(|row| (*row).clone()).collect();
            verdict(&rows, known)
        };
        let (paid, returned) = (converted(430), converted(-170));
        assert_eq!(of(&[&fee, &paid], KNOWN), Verdict::Equal);
        assert_eq!(of(&[&fee, &back, &paid, &returned], KNOWN), Verdict::Equal);
        let one_sided = of(&[&fee, &back, &paid], KNOWN);
        assert_eq!(one_sided, Verdict::Differs(usd(300), None));
        let other = Known {
            expected: Some(400),
            ..KNOWN
        };
        assert_eq!(of(&[&fee, &paid], other), Verdict::Differs(usd(500), None));
        assert_eq!(of(&[&paid], KNOWN), Verdict::Differs(None, None));
    }

    #[test]
    fn a_fee_without_a_payment_of_ours_is_unexplained_after_an_hour() {
        let nobodys = Known {
            expected: None,
            ..KNOWN
        };
        assert!(!is_unexplained(&[row(true, 500)], &nobodys));
        let later = Known {
            now: NOW.plus_ms(30 * MINUTE_MS),
            ..nobodys
        };
        assert!(is_unexplained(&[row(true, 500)], &later));
        assert!(!is_unexplained(&[row(false, 500)], &later));
        assert!(!is_unexplained(
            &[row(true, 500)],
            &Known {
                expected: Some(0),
                ..later
            }
        ));
    }
}
