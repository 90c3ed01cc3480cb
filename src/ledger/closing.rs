//! Closing a payout: the net of its transactions, as Stripe itemises them, must be its amount
//! (docs.stripe.com/api/payouts/object).

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::payout::{self, Reconciliation};
use souk_entity::{balance_transaction, book};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{NewFinding, raise, resolve};
use crate::money;
use crate::stripe::{Page, requests, views::BalanceTransactionView};

use super::origins;
use super::pulling::next_page;
use super::transactions::{self, RawTransaction, Rows};

/// Transactions a statement. Databases limit the number of values of a statement.
const CHUNK: usize = 100;

/// Closes a book's automatic payouts whose reconciliation Stripe has completed. Payouts that didn't add up before are
/// tried again.
pub(super) async fn close_payouts(app: &App, book: &book::Model) -> Result<()> {
    use payout::Column as C;
    let due = payout::Entity::find()
        .filter(C::BookId.eq(book.id.clone()))
        .filter(C::Automatic.eq(true))
        .filter(C::ReconciliationStatus.eq("completed"))
        .filter(C::Reconciliation.is_in([Reconciliation::Open, Reconciliation::Mismatch]))
        .order_by_asc(C::StripeCreated)
        .all(&app.db.read)
        .await?;
    for payout in due {
        let rows = itemise(app, book, &payout.id).await;
        let tx = app.db.begin_write().await?;
        match rows {
            Ok(rows) => close(&tx, book, &payout.id, &rows).await?,
            // One payout holds up no other.
            Err(Error::StripeRefused(fault)) => {
                let fault = format!("Stripe refuses to list them ({})", fault.message);
                raise(&tx, mismatch(&payout, 0, &fault)?).await?;
            }
            Err(e) => return Err(e),
        }
        tx.commit().await?;
    }
    Ok(())
}

/// The transactions of a payout, without the payout's own. The transaction of an earlier, failed payout may be among them
/// and counts.
async fn itemise(app: &App, book: &book::Model, payout: &str) -> Result<Rows> {
    let stripe = app.stripe.at(&book.stripe_account);
    let mut all = Rows::default();
    loop {
        let mut request = requests::balance::payout_transactions(payout, all.last.as_deref());
        if book.seller_id.is_none() {
            request = requests::balance::with_sources(request);
        }
        let page: Page = stripe.get(&request).await?;
        let mut rows = transactions::read(&page);
        origins::learn(app, book, &mut rows.readable).await?;
        let next = next_page(&page, &rows, all.last.as_deref())?;
        let of_payout = |p: &RawTransaction| !is_own(&p.txn, payout);
        all.readable
            .extend(rows.readable.into_iter().filter(of_payout));
        all.unreadable.extend(rows.unreadable);
        if next.is_none() {
            return Ok(all);
        }
        all.last = next;
    }
}

fn is_own(txn: &BalanceTransactionView, payout: &str) -> bool {
    txn.reporting_category == "payout" && txn.source.as_deref() == Some(payout)
}

async fn close(tx: &Tx, book: &book::Model, id: &str, rows: &Rows) -> Result<()> {
    let row = payout::Entity::find_by_id(id.to_owned())
        .lock_exclusive()
        .one(tx)
        .await?;
    let unfinished = |row: &payout::Model| row.reconciliation != Reconciliation::Closed;
    let Some(payout) = row.filter(unfinished) else {
        return Ok(());
    };
    transactions::park(tx, book, &rows.unreadable).await?;
    let taken = assign(tx, book, id, &rows.readable).await?;
    let txns: Vec<&BalanceTransactionView> = rows.readable.iter().map(|p| &p.txn).collect();
    let net = net(&txns)?;
    let unreadable = rows.unreadable.first();
    let unreadable = unreadable.map(|row| format!("{} can't be read", row.id));
    let fault = unreadable.or_else(|| fault(&payout, net, &txns, taken));
    settle(tx, &payout, net, txns.len(), fault.is_none()).await?;
    if let Some(fault) = fault {
        return raise(tx, mismatch(&payout, net, &fault)?).await;
    }
    resolve(tx, "payout_mismatch", id).await?;
    // The money of an earlier, failed payout has now been paid out.
    for txn in txns {
        if let (Some(failed), "payout_reversal") = (&txn.source, txn.reporting_category.as_str()) {
            resolve(tx, "payout_failed", failed).await?;
        }
    }
    Ok(())
}

/// Assigns transactions to the payout, and answers how many of them belong to another payout.
async fn assign(
    tx: &Tx,
    book: &book::Model,
    payout: &str,
    transactions: &[RawTransaction],
) -> Result<u64> {
    use balance_transaction::Column as C;
    let of_book =
        || balance_transaction::Entity::update_many().filter(C::BookId.eq(book.id.clone()));
    // Transactions that an earlier try assigned may not be in the payout any more.
    of_book()
        .col_expr(C::PayoutId, Expr::value(None::<String>))
        .filter(C::PayoutId.eq(payout))
        .exec(tx)
        .await?;
    let mut taken = 0;
    for some in transactions.chunks(CHUNK) {
        // They may be older than any pull has read.
        transactions::store(tx, book, some).await?;
        let ids = some.iter().map(|p| p.txn.id.as_str());
        let assigned = of_book()
            .col_expr(C::PayoutId, Expr::value(payout))
            .filter(C::Id.is_in(ids))
            .filter(C::PayoutId.is_null())
            .exec(tx)
            .await?;
        taken += (some.len() as u64).saturating_sub(assigned.rows_affected);
    }
    Ok(taken)
}

fn net(txns: &[&BalanceTransactionView]) -> Result<i64> {
    txns.iter().try_fold(0, |sum, txn| money::add(sum, txn.net))
}

/// Why the transactions don't explain the payout, as the end of a sentence. None: they do.
fn fault(
    payout: &payout::Model,
    net: i64,
    txns: &[&BalanceTransactionView],
    taken: u64,
) -> Option<String> {
    if let Some(odd) = txns.iter().find(|txn| txn.currency != payout.currency) {
        return Some(format!("{} is in {}", odd.id, odd.currency));
    }
    if net != payout.amount {
        let net = money::display(net, &payout.currency);
        return Some(format!("their net is {net}"));
    }
    (taken > 0).then(|| format!("{taken} of them belong to another payout"))
}

async fn settle(
    tx: &Tx,
    payout: &payout::Model,
    net: i64,
    count: usize,
    closed: bool,
) -> Result<()> {
    use payout::Column as C;
    let (reconciliation, closed_at) = if closed {
        (Reconciliation::Closed, Some(tx.now()))
    } else {
        (Reconciliation::Mismatch, None)
    };
    let count = i64::try_from(count).map_err(|_| Error::Overflow)?;
    payout::Entity::update_many()
        .col_expr(C::Reconciliation, Expr::value(reconciliation))
        .col_expr(C::TransactionsNet, Expr::value(net))
        .col_expr(C::TransactionCount, Expr::value(count))
        .col_expr(C::ClosedAt, Expr::value(closed_at))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(payout.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

fn mismatch(payout: &payout::Model, net: i64, fault: &str) -> Result<NewFinding> {
    Ok(NewFinding {
        kind: "payout_mismatch",
        stripe_account: Some(payout.stripe_account.clone()),
        subject: payout.id.clone(),
        message: format!(
            "The payout of {} is not explained by its transactions: {fault}. It is looked at again with every pull; \
             if this stays, compare it with the payout's page in the Stripe dashboard.",
            money::display(payout.amount, &payout.currency),
        ),
        amount: Some(money::sub(payout.amount, net)?),
        currency: Some(payout.currency.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use souk_entity::Timestamp;
    use souk_entity::payout::PayoutStatus;

    fn payout(amount: i64) -> payout::Model {
        payout::Model {
            id: "po_2".to_owned(),
            book_id: "bok_1".into(),
            stripe_account: "acct_1".into(),
            seller_id: None,
            livemode: false,
            amount,
            currency: "usd".to_owned(),
            status: PayoutStatus::Paid,
            automatic: true,
            arrival_date: Timestamp(0),
            reconciliation_status: "completed".to_owned(),
            reconciliation: Reconciliation::Open,
            transactions_net: None,
            transaction_count: None,
            failure_code: None,
            failure_message: None,
            stripe_created: Timestamp(0),
            closed_at: None,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    fn txn(category: &str, source: &str, net: i64, currency: &str) -> BalanceTransactionView {
        BalanceTransactionView::read(&json!({
            "id": format!("txn_{source}"), "type": category, "reporting_category": category,
            "source": source, "amount": net, "fee": 0, "net": net, "currency": currency,
            "fee_details": [], "balance_type": "payments", "status": "available",
            "available_on": 0, "created": 0,
        }))
        .expect("a balance transaction")
    }

    #[test]
    fn only_the_payouts_own_transaction_is_left_out() {
        assert!(is_own(&txn("payout", "po_2", -900, "usd"), "po_2"));
        assert!(!is_own(&txn("payout", "po_1", -900, "usd"), "po_2"));
        assert!(!is_own(&txn("payout_reversal", "po_1", 900, "usd"), "po_2"));
        assert!(!is_own(&txn("charge", "ch_1", 900, "usd"), "po_2"));
    }

    #[test]
    fn a_payout_closes_when_the_net_of_its_transactions_is_its_amount() {
        let charge = txn("charge", "ch_1", 3354, "usd");
        let back = txn("payout_reversal", "po_1", 900, "usd");
        let refund = txn("refund", "re_1", -500, "usd");
        let all = [&charge, &back, &refund];
        let net = net(&all).expect("small");
        assert_eq!(net, 3754);
        assert_eq!(fault(&payout(3754), net, &all, 0), None);
        let missing = fault(&payout(3755), net, &all, 0);
        assert_eq!(missing.as_deref(), Some("their net is 37.54 USD"));
        assert!(fault(&payout(3754), net, &all, 1).is_some());
    }

    #[test]
    fn a_debit_payout_closes_alike_and_another_currency_never() {
        let refund = txn("refund", "re_1", -500, "usd");
        assert_eq!(fault(&payout(-500), -500, &[&refund], 0), None);
        let euros = txn("charge", "ch_1", 100, "eur");
        assert!(fault(&payout(100), 100, &[&euros], 0).is_some());
    }
}
