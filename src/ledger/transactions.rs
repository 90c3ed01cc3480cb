//! Balance transactions in the books: each is stored raw, and posted once.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect, RelationDef,
};
use souk_entity::balance_transaction::{self, FeeDetail};
use souk_entity::{
    JsonText, OrderId, Timestamp, application_fee_refund, book, dispute, entry, journal, payment,
    payment_order, refund, refund_order, unreadable_transaction,
};

use crate::db::{self, Tx};
use crate::error::Result;
use crate::findings::{self, NewFinding, raise, resolve};
use crate::ids;
use crate::jobs::{self, Job};
use crate::money;
use crate::stripe::Page;
use crate::stripe::views::{BalanceTransactionView, FeeSourceView};

use super::application_fees::{self, Movement};
use super::posting::{self, Origin};
use super::{balances, entries, write_journal};

/// A balance transaction with its raw JSON.
#[derive(Clone, Debug)]
pub(super) struct RawTransaction {
    pub(super) txn: BalanceTransactionView,
    raw: String,
    /// Whose money it is, where that was asked.
    pub(super) origin: Option<Origin>,
    /// What its source says of an application fee, where it came whole.
    source: Option<FeeSourceView>,
}

/// A balance transaction that can't be read or posted.
#[derive(Clone, Debug)]
pub(super) struct Unreadable {
    /// Stripe's, or one made of the row.
    pub(super) id: String,
    raw: String,
    /// What is wrong with it, without its values.
    reason: String,
}

/// The rows of a page.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) readable: Vec<RawTransaction>,
    pub(super) unreadable: Vec<Unreadable>,
    /// The last id of Stripe's, behind which the next page begins.
    pub(super) last: Option<String>,
}

/// Reads a page of balance transactions, row by row: one that can't be read holds up no other.
pub(super) fn read(page: &Page) -> Rows {
    let mut rows = Rows::default();
    for raw in &page.data {
        let id = raw["id"].as_str().filter(|id| is_id(id));
        if let Some(id) = id {
            rows.last = Some(id.to_owned());
        }
        match read_one(raw) {
            Ok(txn) => rows.readable.push(RawTransaction {
                txn,
                raw: without_source(raw),
                origin: None,
                source: FeeSourceView::read(&raw["source"]),
            }),
            Err(reason) => rows.unreadable.push(Unreadable {
                id: id.map_or_else(|| row_id(raw), str::to_owned),
                raw: without_source(raw),
                reason,
            }),
        }
    }
    rows
}

/// A transaction that can be posted; else what is wrong with it.
fn read_one(raw: &serde_json::Value) -> Result<BalanceTransactionView, String> {
    let txn = BalanceTransactionView::read(raw)?;
    match posting::post(&txn, Origin::Customer) {
        Ok(_) => Ok(txn),
        Err(e) => Err(e.to_string()),
    }
}

/// The row as Stripe lists it unasked: a whole source may hold somebody's data.
fn without_source(raw: &serde_json::Value) -> String {
    let id = raw["source"].get("id");
    match id {
        None => raw.to_string(),
        Some(id) => {
            let mut raw = raw.clone();
            raw["source"] = id.clone();
            raw.to_string()
        }
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 255 && !id.contains('\0')
}

/// The id of a row that has none of Stripe's. The same row has it again.
fn row_id(raw: &serde_json::Value) -> String {
    format!("row_{}", &ids::sha256_hex(raw.to_string().as_bytes())[..32])
}

/// Keeps what can't be read as it came, and raises a finding about each.
pub(super) async fn park(tx: &Tx, book: &book::Model, unreadable: &[Unreadable]) -> Result<()> {
    use unreadable_transaction::Column as C;
    let mut unreadable: Vec<&Unreadable> = unreadable.iter().collect();
    unreadable.sort_by(|a, b| a.id.cmp(&b.id));
    for row in unreadable {
        unreadable_transaction::Entity::insert(unreadable_transaction::ActiveModel {
            book_id: Set(book.id.clone()),
            id: Set(row.id.clone()),
            raw: Set(row.raw.clone()),
            reason: Set(row.reason.clone()),
            created_at: Set(tx.now()),
        })
        .on_conflict(
            OnConflict::columns([C::BookId, C::Id])
                .update_columns([C::Raw, C::Reason])
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await?;
        let finding = NewFinding {
            kind: "unreadable_transaction",
            stripe_account: Some(book.stripe_account.clone()),
            subject: row.id.clone(),
            message: format!(
                "Balance transaction {} of {} is not in the book, since it has {}. It is kept as it came and looked at \
                 again every hour; if this stays, compare it with the Stripe dashboard and report it.",
                row.id, book.stripe_account, row.reason,
            ),
            amount: None,
            currency: None,
        };
        raise(tx, finding).await?;
    }
    Ok(())
}

/// Forgets that transactions could not be read, since now they can.
async fn unpark(tx: &Tx, book: &book::Model, pulled: &[&RawTransaction]) -> Result<()> {
    use unreadable_transaction::Column as C;
    let ids = pulled.iter().map(|p| p.txn.id.as_str());
    let parked = unreadable_transaction::Entity::find()
        .filter(C::BookId.eq(book.id.clone()))
        .filter(C::Id.is_in(ids))
        .all(tx)
        .await?;
    for row in parked {
        resolve(tx, "unreadable_transaction", &row.id).await?;
        unreadable_transaction::Entity::delete_by_id((row.book_id, row.id))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Stores and posts new transactions; updates the stored ones. Answers whether any was new.
pub(super) async fn store(tx: &Tx, book: &book::Model, pulled: &[RawTransaction]) -> Result<bool> {
    use balance_transaction::Column as C;
    // Sorted, so that two pulls of an account wait for each other instead of deadlocking.
    let mut pulled: Vec<&RawTransaction> = pulled.iter().collect();
    pulled.sort_by(|a, b| a.txn.id.cmp(&b.txn.id));
    pulled.dedup_by(|a, b| a.txn.id == b.txn.id);
    let ids: Vec<String> = pulled.iter().map(|p| p.txn.id.clone()).collect();
    let stored: BTreeMap<String, balance_transaction::Model> = balance_transaction::Entity::find()
        .filter(C::BookId.eq(book.id.clone()))
        .filter(C::Id.is_in(ids.iter().map(String::as_str)))
        .all(tx)
        .await?
        .into_iter()
        .map(|row| (row.id.clone(), row))
        .collect();
    unpark(tx, book, &pulled).await?;
    let orders = orders_by_source(tx, book, &pulled).await?;
    let changed_before = findings::open(tx, "immutable_changed").await?;
    let mut payouts = BTreeSet::new();
    let mut fees = Vec::new();
    let (mut suspense, mut found) = (false, false);
    for pulled in pulled {
        let txn = &pulled.txn;
        let order = txn.source.as_ref().and_then(|id| orders.get(id)).cloned();
        if let Some(row) = stored.get(&txn.id) {
            update_stored(tx, book, row, txn, order).await?;
            if changed_before
                .iter()
                .any(|finding| finding.subject == txn.id)
                && changed_fields(row, txn).is_empty()
            {
                resolve(tx, "immutable_changed", &txn.id).await?;
            }
        } else if insert(tx, book, pulled, order).await? {
            found = true;
            let origin = pulled.origin.unwrap_or(Origin::Customer);
            let lines = posting::post(txn, origin)?;
            suspense |= lines.iter().any(|line| line.account == posting::SUSPENSE);
            write_journal(tx, &book.id, &txn.id, &lines).await?;
            let source = pulled.source.as_ref();
            fees.extend(Movement::of(book, txn, &lines, source, &pulled.raw)?);
            payouts.extend(txn.source.clone().filter(|id| id.starts_with("po_")));
        }
    }
    if suspense {
        check_suspense(tx, book).await?;
    }
    application_fees::note(tx, book, fees).await?;
    if book.seller_id.is_none() {
        application_fees::link_orders(tx, book, &ids).await?;
    }
    for payout in payouts {
        let reread = Job::SyncPayout {
            account: book.stripe_account.clone(),
            livemode: book.livemode,
            payout,
        };
        jobs::stage(tx, &reread).await?;
    }
    Ok(found)
}

/// Stores a new transaction. `false`: another pull has just stored it.
async fn insert(
    tx: &Tx,
    book: &book::Model,
    pulled: &RawTransaction,
    order: Option<OrderId>,
) -> Result<bool> {
    use balance_transaction::Column as C;
    let txn = pulled.txn.clone();
    let fees = fee_details(&txn);
    let insert = balance_transaction::Entity::insert(balance_transaction::ActiveModel {
        book_id: Set(book.id.clone()),
        id: Set(txn.id),
        kind: Set(txn.kind),
        reporting_category: Set(txn.reporting_category),
        source: Set(txn.source),
        amount: Set(txn.amount),
        fee: Set(txn.fee),
        net: Set(txn.net),
        currency: Set(txn.currency),
        fee_details: Set(JsonText(fees)),
        balance_type: Set(txn.balance_type),
        status: Set(txn.status),
        available_on: Set(Timestamp::from_seconds(txn.available_on)),
        stripe_created: Set(Timestamp::from_seconds(txn.created)),
        payout_id: Set(None),
        of_transfer: Set(pulled.origin.map(|origin| origin == Origin::Transfer)),
        order_id: Set(order),
        raw: Set(pulled.raw.clone()),
        created_at: Set(tx.now()),
    })
    .on_conflict(
        OnConflict::columns([C::BookId, C::Id])
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(tx)
    .await;
    Ok(db::inserted(insert)?.is_some_and(|rows| rows > 0))
}

fn fee_details(txn: &BalanceTransactionView) -> Vec<FeeDetail> {
    let fees = txn.fee_details.iter().cloned();
    fees.map(|fee| FeeDetail {
        r#type: fee.kind,
        amount: fee.amount,
        currency: fee.currency,
        description: fee.description,
    })
    .collect()
}

/// Updates the fields of a stored transaction that may change (`status`, `available_on`), and an order that was found
/// since. If any other field differs from Stripe's, raises a finding, since the posted journal is then wrong.
async fn update_stored(
    tx: &Tx,
    book: &book::Model,
    row: &balance_transaction::Model,
    txn: &BalanceTransactionView,
    order: Option<OrderId>,
) -> Result<()> {
    use balance_transaction::Column as C;
    let changed = changed_fields(row, txn);
    if !changed.is_empty() {
        let finding = NewFinding {
            kind: "immutable_changed",
            stripe_account: Some(book.stripe_account.clone()),
            subject: txn.id.clone(),
            message: format!(
                "Stripe now shows another {} for balance transaction {}, whose net was posted as {}. Ask Stripe \
                 support why, then correct the book with a reversal.",
                changed.join(", "),
                txn.id,
                money::display(row.net, &row.currency),
            ),
            amount: Some(money::sub(txn.net, row.net)?),
            currency: Some(txn.currency.clone()),
        };
        return raise(tx, finding).await;
    }
    let available_on = Timestamp::from_seconds(txn.available_on);
    let order = row.order_id.clone().or(order);
    // A page that was read earlier must not take `available` back.
    let status = if row.status == "available" {
        &row.status
    } else {
        &txn.status
    };
    if (status, available_on, &order) == (&row.status, row.available_on, &row.order_id) {
        return Ok(());
    }
    balance_transaction::Entity::update_many()
        .col_expr(C::Status, Expr::value(status.clone()))
        .col_expr(C::AvailableOn, Expr::value(available_on))
        .col_expr(C::OrderId, Expr::value(order))
        .filter(C::BookId.eq(book.id.clone()))
        .filter(C::Id.eq(row.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// The immutable fields that differ, by Stripe's names.
fn changed_fields(
    row: &balance_transaction::Model,
    txn: &BalanceTransactionView,
) -> Vec<&'static str> {
    let created = Timestamp::from_seconds(txn.created);
    [
        ("type", row.kind == txn.kind),
        (
            "reporting_category",
            row.reporting_category == txn.reporting_category,
        ),
        ("source", row.source == txn.source),
        ("amount", row.amount == txn.amount),
        ("fee", row.fee == txn.fee),
        ("net", row.net == txn.net),
        ("currency", row.currency == txn.currency),
        ("fee_details", row.fee_details.0 == fee_details(txn)),
        ("balance_type", row.balance_type == txn.balance_type),
        ("created", row.stripe_created == created),
    ]
    .into_iter()
    .filter_map(|(name, same)| (!same).then_some(name))
    .collect()
}

/// The orders of this page's charges, refunds and disputes, by their ids. The charge of several orders has none.
async fn orders_by_source(
    tx: &Tx,
    book: &book::Model,
    pulled: &[&RawTransaction],
) -> Result<BTreeMap<String, OrderId>> {
    let sources: BTreeSet<&str> = pulled
        .iter()
        .filter_map(|p| p.txn.source.as_deref())
        .collect();
    // With an empty list SQLite would read all payments.
    if sources.is_empty() {
        return Ok(BTreeMap::new());
    }
    let of_account = Condition::all()
        .add(payment::Column::ChargeAccount.eq(book.stripe_account.clone()))
        .add(payment::Column::Livemode.eq(book.livemode));
    let charges: Vec<(String, OrderId)> = payment_order::Entity::find()
        .join(
            JoinType::InnerJoin,
            payment_of(payment_order::Column::PaymentId),
        )
        .filter(of_account.clone())
        .filter(payment::Column::Charge.is_in(sources.iter().copied()))
        .select_only()
        .column(payment::Column::Charge)
        .column(payment_order::Column::OrderId)
        .into_tuple()
        .all(tx)
        .await?;
    let refund_of = refund::Entity::belongs_to(refund_order::Entity)
        .from(refund::Column::Id)
        .to(refund_order::Column::RefundId);
    let refunds: Vec<(String, OrderId)> = refund::Entity::find()
        .join(JoinType::InnerJoin, payment_of(refund::Column::PaymentId))
        .join(JoinType::InnerJoin, refund_of.into())
        .filter(of_account)
        .filter(refund::Column::StripeRefund.is_in(sources.iter().copied()))
        .select_only()
        .column(refund::Column::StripeRefund)
        .column(refund_order::Column::OrderId)
        .into_tuple()
        .all(tx)
        .await?;
    let dispute_of = dispute::Entity::belongs_to(payment_order::Entity)
        .from(dispute::Column::PaymentId)
        .to(payment_order::Column::PaymentId);
    let disputes: Vec<(String, OrderId)> = dispute::Entity::find()
        .join(JoinType::InnerJoin, dispute_of.into())
        .filter(dispute::Column::StripeAccount.eq(book.stripe_account.clone()))
        .filter(dispute::Column::Livemode.eq(book.livemode))
        .filter(dispute::Column::Id.is_in(sources.iter().copied()))
        .select_only()
        .column(dispute::Column::Id)
        .column(payment_order::Column::OrderId)
        .into_tuple()
        .all(tx)
        .await?;
    let fees = orders_of_fee_refunds(tx, book, &sources).await?;
    let mut orders: BTreeMap<String, BTreeSet<OrderId>> = BTreeMap::new();
    let found = charges.into_iter().chain(refunds).chain(disputes);
    for (source, order) in found.chain(fees) {
        orders.entry(source).or_default().insert(order);
    }
    let only = |(source, mut all): (String, BTreeSet<OrderId>)| {
        let first = all.pop_first()?;
        all.is_empty().then_some((source, first))
    };
    Ok(orders.into_iter().filter_map(only).collect())
}

/// The orders whose application fee went back, by the fee's refund.
async fn orders_of_fee_refunds(
    tx: &Tx,
    book: &book::Model,
    sources: &BTreeSet<&str>,
) -> Result<Vec<(String, OrderId)>> {
    let refunds: Vec<&str> = sources
        .iter()
        .copied()
        .filter(|id| id.starts_with("fr_"))
        .collect();
    if refunds.is_empty() {
        return Ok(Vec::new());
    }
    let of_charge = application_fee_refund::Entity::belongs_to(payment::Entity)
        .from(application_fee_refund::Column::Charge)
        .to(payment::Column::Charge);
    let of_payment = payment::Entity::belongs_to(payment_order::Entity)
        .from(payment::Column::Id)
        .to(payment_order::Column::PaymentId);
    let found = application_fee_refund::Entity::find()
        .join(JoinType::InnerJoin, of_charge.into())
        .join(JoinType::InnerJoin, of_payment.into())
        .filter(payment::Column::ChargeAccount.eq(book.stripe_account.clone()))
        .filter(payment::Column::Livemode.eq(book.livemode))
        .filter(application_fee_refund::Column::StripeAccount.eq(book.stripe_account.clone()))
        .filter(application_fee_refund::Column::Id.is_in(refunds))
        .select_only()
        .column(application_fee_refund::Column::Id)
        .column(payment_order::Column::OrderId)
        .into_tuple()
        .all(tx)
        .await?;
    Ok(found)
}

/// The join from a row with a payment's id to the payment.
fn payment_of<C: ColumnTrait>(payment_id: C) -> RelationDef
where
    C::EntityName: EntityTrait<Column = C>,
{
    C::EntityName::belongs_to(payment::Entity)
        .from(payment_id)
        .to(payment::Column::Id)
        .into()
}

/// Raises or resolves the finding about a book's suspense account, for each currency.
pub(super) async fn check_suspense(tx: &Tx, book: &book::Model) -> Result<()> {
    let in_suspense = Condition::all()
        .add(entry::Column::BookId.eq(book.id.clone()))
        .add(entry::Column::Account.eq(posting::SUSPENSE));
    for held in balances(entries().filter(in_suspense.clone()), tx).await? {
        let subject = format!("{}:{}", book.id, held.currency);
        if held.balance == 0 {
            resolve(tx, "suspense_nonzero", &subject).await?;
            continue;
        }
        let newest: Option<String> = entry::Entity::find()
            .join(
                JoinType::InnerJoin,
                entry::Entity::belongs_to(journal::Entity)
                    .from(entry::Column::JournalId)
                    .to(journal::Column::Id)
                    .into(),
            )
            .filter(in_suspense.clone())
            .filter(entry::Column::Currency.eq(held.currency.as_str()))
            .order_by_desc(entry::Column::Id)
            .select_only()
            .column(journal::Column::Source)
            .into_tuple()
            .one(tx)
            .await?;
        let message = format!(
            "{} stand in suspense on {}, last from {}, since posting rule {} does not know its reporting category \
             or its figures do not add up. Teach the rule, then reverse and post it anew.",
            money::display(held.balance, &held.currency),
            book.stripe_account,
            newest.unwrap_or_default(),
            posting::RULE,
        );
        let finding = NewFinding {
            kind: "suspense_nonzero",
            stripe_account: Some(book.stripe_account.clone()),
            subject,
            message,
            amount: Some(held.balance),
            currency: Some(held.currency),
        };
        raise(tx, finding).await?;
    }
    Ok(())
}
