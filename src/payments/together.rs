//! Many paid sessions confirmed at once, in a handful of statements instead of a dozen each.
//!
//! It does what `confirm` does, for the ordinary case alone: an open payment whose session adds up, of one pending order
//! whose lines are all in stock. Whatever is otherwise it leaves to `confirm`; a test holds the two equal. Rows are
//! locked in the house's one order: payments, orders, products, jobs, each sorted by id.

use std::collections::{BTreeMap, HashMap, HashSet};

use sea_orm::FromQueryResult;
use serde_json::json;
use souk_entity::order::OrderStatus;
use souk_entity::payment::PaymentStatus;
use souk_entity::{AccountId, OrderEventId, OrderId, OrderLineId, PaymentId, ProductId};

use crate::catalog::{self, SoldLine};
use crate::db::Tx;
use crate::db::given::SetWise;
use crate::error::{Error, Result};
use crate::ids;
use crate::jobs::{self, Job};

use super::confirm::{Heard, OPEN, Sum};

/// One that can be confirmed.
struct Ready<'a> {
    /// Its place among what was heard.
    at: usize,
    payment: PaymentId,
    account: &'a AccountId,
    livemode: bool,
    sum: Sum,
    intent: Option<&'a str>,
    order: OrderId,
}

/// Confirms the ordinary ones of these paid sessions. Answers their places; the others are for `confirm` to do, after.
pub(super) async fn confirm(tx: &Tx, heard: &[Heard<'_>]) -> Result<HashSet<usize>> {
    let open = open_payments(tx, heard).await?;
    let mut lines = pending_lines(tx, &open).await?;
    let mut ready: Vec<(Ready<'_>, Vec<SoldLine>)> = open
        .into_iter()
        .filter_map(|one| lines.remove(&one.order).map(|lines| (one, lines)))
        .collect();
    // As they came: what is left of the stock is the first's.
    ready.sort_by_key(|(one, _)| one.at);
    let wanted: Vec<_> = ready
        .iter()
        .map(|(one, lines)| (&one.order, lines.as_slice()))
        .collect();
    let sold = catalog::take_stock(tx, &wanted).await?;
    let ready = ready.into_iter().map(|(one, _)| one);
    let ready: Vec<_> = ready.filter(|one| sold.contains(&one.order)).collect();
    if ready.is_empty() {
        return Ok(HashSet::new());
    }
    pay(tx, &ready).await?;
    advance(tx, &ready).await?;
    stage(tx, &ready).await?;
    Ok(ready.iter().map(|one| one.at).collect())
}

#[derive(FromQueryResult)]
struct Asked {
    id: PaymentId,
    session: String,
    charge_account: AccountId,
    livemode: bool,
    status: PaymentStatus,
    currency: String,
    amount_subtotal: i64,
    allow_discounts: bool,
    order_id: OrderId,
}

const ASKED: SetWise = SetWise {
    text: "SELECT p.id, p.stripe_object AS session, p.charge_account, p.livemode, p.status, p.currency, \
               p.amount_subtotal, p.allow_discounts, o.order_id \
           FROM {given} JOIN payments p ON p.stripe_object = given.session \
           JOIN payment_orders o ON o.payment_id = p.id ORDER BY p.id FOR UPDATE OF p",
    columns: &[("session", "text")],
};

/// The open payments whose sessions add up, each of one order that no other of them pays for; locked. A session that is
/// named twice is left alone.
async fn open_payments<'a>(tx: &Tx, heard: &[Heard<'a>]) -> Result<Vec<Ready<'a>>> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, one) in heard.iter().enumerate() {
        places.entry(&one.session.id).or_default().push(at);
    }
    places.retain(|_, at| at.len() == 1);
    let sessions: Vec<(&str,)> = places.keys().map(|session| (*session,)).collect();
    let asked: Vec<Asked> = ASKED.all(tx, &sessions, []).await?;
    // Of several orders of a payment, or several payments of an order, `confirm` decides.
    let (mut payers, mut orders) = (HashMap::new(), HashMap::new());
    for one in &asked {
        *payers.entry(one.order_id.clone()).or_insert(0) += 1;
        *orders.entry(one.id.clone()).or_insert(0) += 1;
    }
    let ready = |asked: Asked| {
        let at = *places.get(asked.session.as_str())?.first()?;
        let Heard {
            account,
            livemode,
            session,
        } = heard[at];
        let sum = Sum::of(session);
        let fits = OPEN.contains(&asked.status)
            && asked.charge_account == *account
            && asked.livemode == livemode
            && session.currency.as_deref() == Some(asked.currency.as_str())
            && sum.fits(asked.amount_subtotal, asked.allow_discounts)
            && (payers[&asked.order_id], orders[&asked.id]) == (1, 1);
        let intent = session.payment_intent.as_ref();
        fits.then(|| Ready {
            at,
            payment: asked.id,
            account,
            livemode,
            sum,
            intent: intent.map(|intent| intent.id()),
            order: asked.order_id,
        })
    };
    Ok(asked.into_iter().filter_map(ready).collect())
}

#[derive(FromQueryResult)]
struct Line {
    order_id: OrderId,
    status: OrderStatus,
    id: OrderLineId,
    product_id: ProductId,
    quantity: i64,
}

const LINES: SetWise = SetWise {
    text: "SELECT o.id AS order_id, o.status, l.id, l.product_id, l.quantity \
           FROM {given} JOIN orders o ON o.id = given.id JOIN order_lines l ON l.order_id = o.id \
           ORDER BY o.id, l.position FOR UPDATE OF o",
    columns: &[("id", "text")],
};

/// The lines of those orders that wait for their money, locked.
async fn pending_lines(tx: &Tx, open: &[Ready<'_>]) -> Result<HashMap<OrderId, Vec<SoldLine>>> {
    let mut lines: HashMap<OrderId, Vec<SoldLine>> = HashMap::new();
    for line in LINES.all::<_, Line>(tx, &orders(open), []).await? {
        if matches!(line.status, OrderStatus::Pending | OrderStatus::Processing) {
            lines.entry(line.order_id).or_default().push(SoldLine {
                id: line.id,
                product: line.product_id,
                quantity: line.quantity,
            });
        }
    }
    Ok(lines)
}

fn orders<'a>(ready: &'a [Ready<'_>]) -> Vec<(&'a OrderId,)> {
    ready.iter().map(|one| (&one.order,)).collect()
}

const PAY: SetWise = SetWise {
    text: "UPDATE payments SET status = 'paid', amount_paid = given.total, amount_discount = given.discount, \
               payment_intent = given.intent, paid_at = $2, updated_at = $2 \
           FROM {given} WHERE payments.id = given.id \
           AND payments.status IN ('pending', 'processing', 'expired', 'failed')",
    columns: &[
        ("id", "text"),
        ("total", "bigint"),
        ("discount", "bigint"),
        ("intent", "text"),
    ],
};

/// The conditional UPDATE of `confirm`, over all of them.
async fn pay(tx: &Tx, ready: &[Ready<'_>]) -> Result<()> {
    let paid = |one| {
        let Ready {
            payment,
            sum,
            intent,
            ..
        }: &Ready<'_> = one;
        (payment.clone(), sum.total, sum.discount, *intent)
    };
    let paid: Vec<_> = ready.iter().map(paid).collect();
    let changed = PAY.execute(tx, &paid, [tx.now().into()]).await?;
    all(changed, ready, "payments")
}

const ADVANCE: SetWise = SetWise {
    text: "UPDATE orders SET status = 'paid', paid_at = $2, updated_at = $2 FROM {given} \
           WHERE orders.id = given.id AND orders.status IN ('pending', 'processing')",
    columns: &[("id", "text")],
};

const TIMELINE: SetWise = SetWise {
    text: "INSERT INTO order_events (id, order_id, at, kind, data) \
           SELECT id, paid, $2, 'paid', data FROM {given}",
    columns: &[("id", "text"), ("paid", "text"), ("data", "text")],
};

/// The orders to `paid`, with an entry of each timeline.
async fn advance(tx: &Tx, ready: &[Ready<'_>]) -> Result<()> {
    let advanced = ADVANCE
        .execute(tx, &orders(ready), [tx.now().into()])
        .await?;
    all(advanced, ready, "orders")?;
    let entry = |one: &Ready<'_>| {
        let id: OrderEventId = ids::new(tx.now());
        let data = json!({ "payment": one.payment, "amount_paid": one.sum.total });
        (id, one.order.clone(), data.to_string())
    };
    let entries: Vec<_> = ready.iter().map(entry).collect();
    TIMELINE.execute(tx, &entries, [tx.now().into()]).await?;
    Ok(())
}

/// What follows from each: the mail, a re-read of the payment, and a pull of its account.
async fn stage(tx: &Tx, ready: &[Ready<'_>]) -> Result<()> {
    let mut staged = Vec::with_capacity(3 * ready.len());
    for one in ready {
        staged.push(Job::Mail {
            what: "order_paid".to_owned(),
            subject: one.order.to_string(),
        });
        staged.push(Job::RereadPayment {
            payment: one.payment.clone(),
        });
        staged.push(Job::Pull {
            account: one.account.clone(),
            livemode: one.livemode,
        });
    }
    jobs::stage_all(tx, &staged).await
}

/// They are locked and were looked at, so that each must have changed.
fn all(changed: u64, ready: &[Ready<'_>], what: &str) -> Result<()> {
    if usize::try_from(changed) == Ok(ready.len()) {
        return Ok(());
    }
    Err(Error::internal(format!(
        "{changed} of {} {what} changed under their locks",
        ready.len()
    )))
}
