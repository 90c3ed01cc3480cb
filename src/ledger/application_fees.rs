//! What the books say of application fees: the platform's of its income, the sellers' of what their charges paid. For each
//! charge they must say the same, in the charge's currency.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
};
use souk_entity::application_fee_movement as movement;
use souk_entity::{
    AccountId, BookId, Timestamp, application_fee_refund, balance_transaction, book, payment,
    refund,
};

use crate::app::App;
use crate::db::set_wise::SetWise;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::money;
use crate::stripe::requests;
use crate::stripe::views::{BalanceTransactionView, FeeSourceView, WholeSourceView};

use super::cross_book;
use super::posting::{self, Line, Origin};

/// Rows a statement. Databases limit the number of values of a statement.
const CHUNK: usize = 100;
/// Transactions of older books that are looked at in one database transaction, and such batches a run.
const BATCH: u64 = 100;
const MAX_BATCHES: usize = 200;
/// Transactions whose source one run asks for.
const MOST: usize = 50;

/// What a balance transaction says of an application fee.
#[derive(Clone, Debug)]
pub(super) struct Movement(movement::Model);

impl Movement {
    /// Reads it off the journal of a transaction, and off its whole source where that came. `None`: it says nothing of an
    /// application fee.
    pub(super) fn of(
        book: &book::Model,
        txn: &BalanceTransactionView,
        lines: &[Line],
        source: Option<&FeeSourceView>,
        raw: &str,
    ) -> Result<Option<Self>> {
        let is_income = book.seller_id.is_none();
        let is_fee = |line: &&Line| match is_income {
            true => posting::INCOME.contains(&line.account.as_str()),
            false => line.account == posting::FEE,
        };
        let sum = lines.iter().filter(is_fee).map(|line| line.amount);
        let sum = sum.into_iter().try_fold(0, money::add)?;
        let posted = if is_income { money::sub(0, sum)? } else { sum };
        if posted == 0 {
            return Ok(None);
        }
        let told = source.filter(|source| is_income && source.is_of_fee());
        let (amount, currency) = in_charges_currency(txn, posted, told, raw)?;
        let id = |object: &FeeSourceView| match object.object.as_str() {
            "application_fee" => txn.source.clone(),
            _ => object.fee.as_ref().map(|fee| fee.id().to_owned()),
        };
        let charge = match is_income {
            true => told.and_then(|fee| Some(fee.charge.as_ref()?.id().to_owned())),
            false => txn.source.clone().filter(|id| is_charge(id)),
        };
        let payer = match is_income {
            true => told.and_then(|fee| Some(AccountId::from(fee.account.as_ref()?.id()))),
            false => Some(book.stripe_account.clone()),
        };
        Ok(Some(Self(movement::Model {
            book_id: book.id.clone(),
            transaction_id: txn.id.clone(),
            is_income,
            stripe_account: payer,
            charge,
            fee: told.and_then(id),
            source: txn.source.clone().unwrap_or_else(|| txn.id.clone()),
            amount,
            currency,
            posted,
            posted_currency: txn.currency.clone(),
            is_compared: false,
            stripe_created: Timestamp::from_seconds(txn.created),
            created_at: Timestamp(0),
        })))
    }
}

fn is_charge(id: &str) -> bool {
    id.starts_with("ch_") || id.starts_with("py_")
}

/// What moved in the charge's currency. A balance in another currency has only what Stripe made of it, so there the fee
/// itself is asked (docs.stripe.com/connect/currencies#application-fees).
fn in_charges_currency(
    txn: &BalanceTransactionView,
    posted: i64,
    told: Option<&FeeSourceView>,
    raw: &str,
) -> Result<(Option<i64>, Option<String>)> {
    #[derive(serde::Deserialize)]
    struct Rate {
        exchange_rate: Option<serde::de::IgnoredAny>,
    }
    if let Some(told) = told.filter(|told| told.currency != txn.currency) {
        let amount = match posted < 0 {
            true => money::sub(0, told.amount)?,
            false => told.amount,
        };
        return Ok((Some(amount), Some(told.currency.clone())));
    }
    let rate: Option<Rate> = serde_json::from_str(raw).ok();
    Ok(match rate {
        Some(Rate {
            exchange_rate: Some(_),
        }) if told.is_none() => (None, None),
        _ => (Some(posted), Some(txn.currency.clone())),
    })
}

/// Notes what new transactions say of application fees, once for each.
pub(super) async fn note(tx: &Tx, book: &book::Model, movements: Vec<Movement>) -> Result<()> {
    use movement::Column as C;
    if movements.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<movement::Model> = movements.into_iter().map(|m| m.0).collect();
    let nameless = rows.iter().filter(|row| row.charge.is_none());
    let mut known = charges_of(tx, book, nameless).await?;
    // A refund of a fee may stand on the page of the fee itself.
    for row in &rows {
        let found = row.stripe_account.clone().zip(row.charge.clone());
        known.extend(found.map(|found| (row.source.clone(), found)));
    }
    for row in &mut rows {
        row.created_at = tx.now();
        name(row, &known);
    }
    for some in rows.chunks(CHUNK) {
        let some = some.iter().cloned().map(active);
        let insert = movement::Entity::insert_many(some)
            .on_conflict(
                OnConflict::columns([C::BookId, C::TransactionId])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await;
        db::inserted(insert)?;
    }
    Ok(())
}

/// A row of the platform's book is of the order whose charge paid the fee. A charge of several orders is of none of them.
const LINK_ORDERS: SetWise = SetWise {
    text: "UPDATE balance_transactions SET order_id = (SELECT MIN(x.order_id) FROM application_fee_movements m \
               JOIN payments p ON p.charge_account = m.stripe_account AND p.charge = m.charge AND p.livemode = $3 \
               JOIN payment_orders x ON x.payment_id = p.id \
               WHERE m.book_id = $2 AND m.transaction_id = input.id HAVING COUNT(*) = 1) \
           FROM {input} WHERE balance_transactions.id = input.id AND balance_transactions.book_id = $2 \
               AND balance_transactions.order_id IS NULL",
    columns: &[("id", "text")],
};

/// Writes the orders of the platform's transactions down, as far as their charges are known.
pub(super) async fn link_orders(tx: &Tx, book: &book::Model, ids: &[String]) -> Result<()> {
    let rows: Vec<(&str,)> = ids.iter().map(|id| (id.as_str(),)).collect();
    let values = [book.id.as_ref().into(), book.livemode.into()];
    LINK_ORDERS.execute(tx, &rows, values).await?;
    Ok(())
}

fn active(row: movement::Model) -> movement::ActiveModel {
    movement::ActiveModel {
        book_id: Set(row.book_id),
        transaction_id: Set(row.transaction_id),
        is_income: Set(row.is_income),
        stripe_account: Set(row.stripe_account),
        charge: Set(row.charge),
        fee: Set(row.fee),
        source: Set(row.source),
        amount: Set(row.amount),
        currency: Set(row.currency),
        posted: Set(row.posted),
        posted_currency: Set(row.posted_currency),
        is_compared: Set(row.is_compared),
        stripe_created: Set(row.stripe_created),
        created_at: Set(row.created_at),
    }
}

/// The charge of a fee's refund or a charge's refund, and the account that it was made on.
type Charges = BTreeMap<String, (AccountId, String)>;

fn name(row: &mut movement::Model, known: &Charges) {
    if row.charge.is_some() {
        return;
    }
    let found = known.get(&row.source);
    let found = found.or_else(|| known.get(row.fee.as_ref()?));
    if let Some((account, charge)) = found {
        row.charge = Some(charge.clone());
        row.stripe_account = Some(account.clone());
    }
}

/// The charges of these sources, as far as we know them: from our refunds, from events, and from fees that are noted.
async fn charges_of<'a>(
    tx: &Tx,
    book: &book::Model,
    rows: impl Iterator<Item = &'a movement::Model>,
) -> Result<Charges> {
    let sources: BTreeSet<&str> = rows
        .flat_map(|row| [Some(row.source.as_str()), row.fee.as_deref()])
        .flatten()
        .collect();
    let sources: Vec<&str> = sources.into_iter().collect();
    let mut known = Charges::new();
    for some in sources.chunks(CHUNK) {
        let refunds: Vec<(String, AccountId, Option<String>)> = refund::Entity::find()
            .join(
                JoinType::InnerJoin,
                refund::Entity::belongs_to(payment::Entity)
                    .from(refund::Column::PaymentId)
                    .to(payment::Column::Id)
                    .into(),
            )
            .filter(refund::Column::StripeRefund.is_in(some.iter().copied()))
            .filter(payment::Column::Livemode.eq(book.livemode))
            .select_only()
            .column(refund::Column::StripeRefund)
            .columns([payment::Column::ChargeAccount, payment::Column::Charge])
            .into_tuple()
            .all(tx)
            .await?;
        let of_events: Vec<(String, AccountId, Option<String>)> =
            application_fee_refund::Entity::find()
                .filter(application_fee_refund::Column::Id.is_in(some.iter().copied()))
                .select_only()
                .columns([
                    application_fee_refund::Column::Id,
                    application_fee_refund::Column::StripeAccount,
                    application_fee_refund::Column::Charge,
                ])
                .into_tuple()
                .all(tx)
                .await?;
        let noted = movement::Entity::find()
            .filter(movement::Column::Source.is_in(some.iter().copied()))
            .all(tx)
            .await?;
        for (source, account, charge) in refunds.into_iter().chain(of_events) {
            known.extend(charge.map(|charge| (source, (account, charge))));
        }
        for row in noted {
            let found = row.stripe_account.zip(row.charge);
            known.extend(found.map(|found| (row.source, found)));
        }
    }
    Ok(known)
}

/// Notes what older books say, finds the charges of refunds that had none yet, and compares the platform's book with the
/// sellers': raises `cross_book_fee` and `unexplained_fee`, and resolves what isn't so any more.
///
/// # Errors
/// Stripe has not answered.
pub async fn compare(app: &App) -> Result<()> {
    note_older(app).await?;
    find_charges(app).await?;
    cross_book::compare(app).await
}

/// Goes through the transactions that were stored before this was noted.
async fn note_older(app: &App) -> Result<()> {
    use balance_transaction::Column as T;
    use book::Column as C;
    for _ in 0..MAX_BATCHES {
        let older = book::Entity::find()
            .filter(C::FeesNoted.eq(false))
            .order_by_asc(C::Id)
            .one(&app.db.read)
            .await?;
        let Some(book) = older else {
            return Ok(());
        };
        let after = book.fees_noted_to.clone().unwrap_or_default();
        let rows = balance_transaction::Entity::find()
            .filter(T::BookId.eq(book.id.clone()))
            .filter(T::Id.gt(after))
            .order_by_asc(T::Id)
            .limit(BATCH)
            .all(&app.db.read)
            .await?;
        let mut movements = Vec::new();
        for row in &rows {
            let raw = serde_json::from_str(&row.raw).unwrap_or_default();
            // It was read once, so it can be read again.
            let Ok(txn) = BalanceTransactionView::read(&raw) else {
                continue;
            };
            let lines = posting::post(&txn, Origin::Customer)?;
            movements.extend(Movement::of(&book, &txn, &lines, None, &row.raw)?);
        }
        let last = rows.last().map(|row| row.id.clone());
        let tx = app.db.begin_write().await?;
        note(&tx, &book, movements).await?;
        book::Entity::update_many()
            .col_expr(C::FeesNoted, Expr::value(last.is_none()))
            .col_expr(C::FeesNotedTo, Expr::value(last))
            .filter(C::Id.eq(book.id))
            .exec(&tx)
            .await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Finds the charges of refunds that came before we knew of them: the list has the newest first. The last resort is to ask
/// Stripe.
pub(super) async fn find_charges(app: &App) -> Result<()> {
    use movement::Column as C;
    let mut left = MOST;
    let mut after: Option<(BookId, String)> = None;
    loop {
        let mut query = movement::Entity::find()
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("NOT is_compared"))
            .filter(C::Charge.is_null());
        if let Some((book, txn)) = &after {
            let further = C::BookId.gt(book.clone());
            let same = C::BookId
                .eq(book.clone())
                .and(C::TransactionId.gt(txn.as_str()));
            query = query.filter(further.or(same));
        }
        let rows = query
            .order_by_asc(C::BookId)
            .order_by_asc(C::TransactionId)
            .limit(BATCH)
            .all(&app.db.read)
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some((last.book_id.clone(), last.transaction_id.clone()));
        for row in rows {
            left -= usize::from(find_charge(app, row, left > 0).await?);
        }
    }
}

/// Answers whether Stripe was asked.
async fn find_charge(app: &App, mut row: movement::Model, may_ask: bool) -> Result<bool> {
    let Some(book) = book::Entity::find_by_id(row.book_id.clone())
        .one(&app.db.read)
        .await?
    else {
        return Ok(false);
    };
    let before = row.clone();
    let tx = app.db.begin_write().await?;
    let known = charges_of(&tx, &book, std::iter::once(&row)).await?;
    name(&mut row, &known);
    save(&tx, &before, &row).await?;
    tx.commit().await?;
    // A refund of a fee that is told is found with its fee; one on a seller's account is the platform's object.
    let is_told = row.fee.is_some() || !row.is_income && row.source.starts_with("fr_");
    if row.charge.is_some() || is_told || !may_ask {
        return Ok(false);
    }
    let before = row.clone();
    let request = requests::balance::transaction_with_source(&row.transaction_id);
    let stripe = app.stripe.at(&book.stripe_account);
    match stripe.get::<WholeSourceView, _>(&request).await {
        Ok(view) => learn(&mut row, view.fee_source())?,
        // Nothing can be compared of what Stripe doesn't show.
        Err(Error::StripeRefused(_) | Error::AccessLost { .. }) => row.is_compared = true,
        Err(e) => return Err(e),
    }
    let tx = app.db.begin_write().await?;
    save(&tx, &before, &row).await?;
    tx.commit().await?;
    Ok(true)
}

/// Takes over what Stripe said of the source. A source without a charge is of no charge at all.
fn learn(row: &mut movement::Model, told: Option<FeeSourceView>) -> Result<()> {
    let Some(told) = told else {
        row.is_compared = true;
        return Ok(());
    };
    row.charge = told.charge.map(|charge| charge.id().to_owned());
    if row.is_income {
        row.fee = match told.object.as_str() {
            "application_fee" => Some(row.source.clone()),
            _ => told.fee.map(|fee| fee.id().to_owned()),
        };
        row.stripe_account = told.account.map(|account| AccountId::from(account.id()));
        if row.amount.is_none() {
            row.amount = Some(money::times(told.amount, row.posted.signum())?);
            row.currency = Some(told.currency);
        }
    }
    row.is_compared = row.charge.is_none() && row.fee.is_none();
    Ok(())
}

async fn save(tx: &Tx, before: &movement::Model, row: &movement::Model) -> Result<()> {
    use movement::Column as C;
    if before == row {
        return Ok(());
    }
    movement::Entity::update_many()
        .col_expr(C::StripeAccount, Expr::value(row.stripe_account.clone()))
        .col_expr(C::Charge, Expr::value(row.charge.clone()))
        .col_expr(C::Fee, Expr::value(row.fee.clone()))
        .col_expr(C::Amount, Expr::value(row.amount))
        .col_expr(C::Currency, Expr::value(row.currency.clone()))
        .col_expr(C::IsCompared, Expr::value(row.is_compared))
        .filter(C::BookId.eq(row.book_id.clone()))
        .filter(C::TransactionId.eq(row.transaction_id.as_str()))
        .exec(tx)
        .await?;
    Ok(())
}
