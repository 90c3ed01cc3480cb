//! Whose money a payment is: a customer's, or another Stripe account's. The list of balance transactions doesn't say.

use std::collections::BTreeSet;

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use souk_entity::{balance_transaction, book, payment};

use crate::app::App;
use crate::error::{Error, Result};
use crate::stripe::requests;
use crate::stripe::views::{BalanceTransactionView, SourceView};

use super::posting::Origin;
use super::transactions::RawTransaction;

/// Whether only the source itself can say whose money it was. Cards' charges (`ch_…`) are always customers'.
pub(super) fn is_doubtful(txn: &BalanceTransactionView) -> bool {
    let source = txn.source.as_deref().unwrap_or_default();
    let of_payment = matches!(
        txn.reporting_category.as_str(),
        "charge" | "charge_failure" | "partial_capture_reversal" | "refund" | "refund_failure"
    );
    of_payment && (source.starts_with("py_") || source.starts_with("pyr_"))
}

/// Asks Stripe about new transactions of which that isn't known. A charge of ours is a customer's.
///
/// # Errors
/// Stripe has not answered.
pub(super) async fn learn(
    app: &App,
    book: &book::Model,
    rows: &mut [RawTransaction],
) -> Result<()> {
    let doubtful = rows.iter().filter(|row| is_doubtful(&row.txn));
    let doubtful: Vec<&BalanceTransactionView> = doubtful.map(|row| &row.txn).collect();
    if doubtful.is_empty() {
        return Ok(());
    }
    let known = known(app, book, &doubtful).await?;
    for row in rows.iter_mut().filter(|row| is_doubtful(&row.txn)) {
        let source = row.txn.source.as_deref().unwrap_or_default();
        row.origin = match known.contains(&row.txn.id) || known.contains(source) {
            true => Some(Origin::Customer),
            false => ask(app, book, &row.txn.id).await?,
        };
    }
    Ok(())
}

/// Transactions that are stored already, and charges of ours.
async fn known(
    app: &App,
    book: &book::Model,
    doubtful: &[&BalanceTransactionView],
) -> Result<BTreeSet<String>> {
    use balance_transaction::Column as T;
    use payment::Column as P;
    let stored: Vec<String> = balance_transaction::Entity::find()
        .filter(T::BookId.eq(book.id.clone()))
        .filter(T::Id.is_in(doubtful.iter().map(|txn| txn.id.as_str())))
        .select_only()
        .column(T::Id)
        .into_tuple()
        .all(&app.db.read)
        .await?;
    let sources = doubtful.iter().filter_map(|txn| txn.source.as_deref());
    let ours: Vec<String> = payment::Entity::find()
        .filter(P::ChargeAccount.eq(book.stripe_account.clone()))
        .filter(P::Charge.is_in(sources))
        .select_only()
        .column(P::Charge)
        .into_tuple()
        .all(&app.db.read)
        .await?;
    Ok(stored.into_iter().chain(ours).collect())
}

/// Whose money a transaction was, by its source. `None`: Stripe doesn't show it.
///
/// # Errors
/// Stripe has not answered.
pub(super) async fn ask(app: &App, book: &book::Model, txn: &str) -> Result<Option<Origin>> {
    let request = requests::balance::transaction_with_source(txn);
    let stripe = app.stripe.at(&book.stripe_account);
    match stripe.get::<SourceView, _>(&request).await {
        Ok(view) if view.is_of_transfer() => Ok(Some(Origin::Transfer)),
        Ok(_) => Ok(Some(Origin::Customer)),
        Err(Error::StripeRefused(_)) => Ok(None),
        Err(e) => Err(e),
    }
}
