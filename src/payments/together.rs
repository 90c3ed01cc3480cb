//! Many paid sessions confirmed at once, in a handful of statements instead of a dozen each.
//!
//! It does what `confirm` does, for the ordinary case alone: an open payment whose session adds up, of one pending order
//! whose lines are all in stock. Whatever is otherwise it leaves to `confirm`; a test holds the two equal. Rows are
//! locked in the house's one order: payments, orders, products, jobs, each sorted by id.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use sea_orm::sea_query::{Expr, ExprTrait, Query, TableRef, ValueTuple};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect, Value,
};
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{JsonText, OrderId, PaymentId, order_event, order_line, payment_order};

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::planted::planted;
use crate::{catalog, ids};

use super::checkout;
use super::confirm::{Heard, OPEN, Sum};

/// An open payment whose session adds up.
struct Open {
    /// Its place among what was heard.
    at: usize,
    payment: payment::Model,
    sum: Sum,
    intent: Option<String>,
}

/// One that can be confirmed.
struct Ready {
    open: Open,
    order: OrderId,
}

/// Confirms the ordinary ones of these paid sessions. Answers their places; the others are for `confirm` to do, after.
pub(super) async fn confirm(tx: &Tx, heard: &[Heard<'_>]) -> Result<HashSet<usize>> {
    let open = open_payments(tx, heard).await?;
    let mut ready = pending_orders(tx, open).await?;
    // As they came: what is left of the stock is the first's.
    ready.sort_by_key(|one| one.open.at);
    let lines = lines(tx, &ready).await?;
    let wanted = ready
        .iter()
        .map(|one| (&one.order, lines_of(&lines, &one.order)));
    let sold = catalog::take_stock_together(tx, wanted.collect()).await?;
    ready.retain(|one| sold.contains(&one.order));
    if ready.is_empty() {
        return Ok(HashSet::new());
    }
    pay(tx, &ready).await?;
    if !planted("order_left_behind") {
        advance(tx, &ready).await?;
    }
    stage(tx, &ready).await?;
    Ok(ready.iter().map(|one| one.open.at).collect())
}

/// The open payments whose sessions add up, locked. A session that is named twice is left alone.
async fn open_payments(tx: &Tx, heard: &[Heard<'_>]) -> Result<Vec<Open>> {
    use payment::Column as C;
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut twice: HashSet<&str> = HashSet::new();
    for (at, one) in heard.iter().enumerate() {
        if places.insert(&one.session.id, at).is_some() {
            twice.insert(&one.session.id);
        }
    }
    let payments = payment::Entity::find()
        .filter(C::StripeObject.is_in(places.keys().copied()))
        .order_by_asc(C::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let open = |payment: payment::Model| {
        let session = payment.stripe_object.as_deref()?;
        let at = *places.get(session).filter(|_| !twice.contains(session))?;
        let one = &heard[at];
        let sum = Sum::of(one.session);
        let fits = OPEN.contains(&payment.status)
            && (payment.charge_account == *one.account || planted("any_account"))
            && (payment.livemode == one.livemode || planted("any_mode"))
            && one.session.currency.as_deref() == Some(payment.currency.as_str())
            && sum.fits(&payment);
        let intent = one.session.payment_intent.as_ref();
        let intent = intent.map(|intent| intent.id().to_owned());
        fits.then_some(Open {
            at,
            payment,
            sum,
            intent,
        })
    };
    Ok(payments.into_iter().filter_map(open).collect())
}

/// Keeps those that pay for one order, which waits for its money, and locks it.
async fn pending_orders(tx: &Tx, open: Vec<Open>) -> Result<Vec<Ready>> {
    let links = payment_order::Entity::find()
        .filter(
            payment_order::Column::PaymentId.is_in(open.iter().map(|one| one.payment.id.clone())),
        )
        .all(tx)
        .await?;
    let mut of: HashMap<PaymentId, OrderId> = HashMap::new();
    let mut payers: HashMap<OrderId, u32> = HashMap::new();
    for link in links {
        *payers.entry(link.order_id.clone()).or_default() += 1;
        of.insert(link.payment_id, link.order_id);
    }
    let pending = order::Entity::find()
        .filter(order::Column::Id.is_in(of.values().cloned().collect::<BTreeSet<_>>()))
        .order_by_asc(order::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let pending: HashSet<OrderId> = pending
        .into_iter()
        .filter(|order| matches!(order.status, OrderStatus::Pending | OrderStatus::Processing))
        .map(|order| order.id)
        .collect();
    let ready = |open: Open| {
        let order = of.remove(&open.payment.id)?;
        // Two payments of one order in a batch: which of them is too much, `confirm` decides.
        let ordinary = pending.contains(&order) && payers.get(&order) == Some(&1);
        ordinary.then_some(Ready { open, order })
    };
    Ok(open.into_iter().filter_map(ready).collect())
}

fn orders(ready: &[Ready]) -> impl Iterator<Item = OrderId> {
    ready.iter().map(|one| one.order.clone())
}

async fn lines(tx: &Tx, ready: &[Ready]) -> Result<BTreeMap<OrderId, Vec<order_line::Model>>> {
    let rows = order_line::Entity::find()
        .filter(order_line::Column::OrderId.is_in(orders(ready)))
        .all(tx)
        .await?;
    let mut lines: BTreeMap<OrderId, Vec<order_line::Model>> = BTreeMap::new();
    for row in rows {
        lines.entry(row.order_id.clone()).or_default().push(row);
    }
    Ok(lines)
}

fn lines_of<'a>(
    lines: &'a BTreeMap<OrderId, Vec<order_line::Model>>,
    order: &OrderId,
) -> &'a [order_line::Model] {
    lines.get(order).map_or(&[], Vec::as_slice)
}

/// The conditional UPDATE of `confirm`, over all of them.
async fn pay(tx: &Tx, ready: &[Ready]) -> Result<()> {
    use payment::Column as C;
    let given = ready.iter().map(|one| {
        ValueTuple::Many(vec![
            Value::from(one.open.payment.id.to_string()),
            Value::from(one.open.sum.total),
            Value::from(one.open.sum.discount),
            Value::from(one.open.intent.clone()),
        ])
    });
    let given = TableRef::ValuesList(given.collect(), "given".into());
    // Both databases name the columns of a list of values so.
    let of_given = |column: &'static str| Expr::col(("given", column));
    let of_payment = |c: C| Expr::col((payment::Entity, c));
    let mut update = Query::update();
    update
        .table(payment::Entity)
        .from(given)
        .value(C::Status, PaymentStatus::Paid)
        .value(C::AmountPaid, of_given("column2"))
        .value(C::AmountDiscount, of_given("column3"))
        .value(C::PaymentIntent, of_given("column4"))
        .value(C::PaidAt, tx.now())
        .value(C::UpdatedAt, tx.now())
        .and_where(of_payment(C::Id).eq(of_given("column1")))
        .and_where(of_payment(C::Status).is_in(OPEN));
    all(
        tx.execute(&update).await?.rows_affected(),
        ready,
        "payments",
    )
}

/// The orders to `paid`, with an entry of each timeline.
async fn advance(tx: &Tx, ready: &[Ready]) -> Result<()> {
    use order::Column as C;
    let advanced = order::Entity::update_many()
        .col_expr(C::Status, Expr::value(OrderStatus::Paid))
        .col_expr(C::PaidAt, Expr::value(tx.now()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.is_in(orders(ready)))
        .filter(C::Status.is_in([OrderStatus::Pending, OrderStatus::Processing]))
        .exec(tx)
        .await?;
    all(advanced.rows_affected, ready, "orders")?;
    let entries = ready.iter().map(|one| {
        order_event::Model {
            id: ids::new(tx.now()),
            order_id: one.order.clone(),
            at: tx.now(),
            kind: "paid".to_owned(),
            data: JsonText(
                json!({ "payment": one.open.payment.id, "amount_paid": one.open.sum.total }),
            ),
        }
        .into_active_model()
    });
    order_event::Entity::insert_many(entries)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// What follows from each: the mail, a re-read of the payment, a pull of its account, and the events that waited for it.
async fn stage(tx: &Tx, ready: &[Ready]) -> Result<()> {
    let mut staged = Vec::with_capacity(3 * ready.len());
    for one in ready.iter().filter(|_| !planted("no_mail")) {
        let payment = &one.open.payment;
        staged.push(Job::Mail {
            what: "order_paid".to_owned(),
            subject: one.order.to_string(),
        });
        staged.push(Job::RereadPayment {
            payment: payment.id.clone(),
        });
        staged.push(Job::Pull {
            account: payment.charge_account.clone(),
            livemode: payment.livemode,
        });
    }
    let intents = ready.iter().filter_map(|one| one.open.intent.clone());
    staged.extend(checkout::deferred(tx, intents).await?);
    jobs::stage_all(tx, &staged).await
}

/// They are locked and were looked at, so that each must have changed.
fn all(changed: u64, ready: &[Ready], what: &str) -> Result<()> {
    if usize::try_from(changed) == Ok(ready.len()) {
        return Ok(());
    }
    Err(Error::internal(format!(
        "{changed} of {} {what} changed under their locks",
        ready.len()
    )))
}
