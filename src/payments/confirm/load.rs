//! Loads and locks what a slice's snapshots are about: payments with their orders and lines, then products.

use std::collections::{BTreeSet, HashSet};

use souk_entity::order::OrderStatus;
use souk_entity::payment::{CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::{AccountId, OrderId, OrderLineId, PaymentId, ProductId, SellerId};

use crate::catalog::{SoldLine, Stock};
use crate::db::Tx;
use crate::db::set_wise::{SetWise, read_in_order};
use crate::error::{Error, Result};

use super::super::snapshot::{PaymentSnapshot, SnapshotStatus, StripeObject};
use super::decide::{Candidate, LoadedOrder, LoadedPayment, SliceState};

struct LoadedRow {
    id: PaymentId,
    /// Whether it is of another period of a subscription, for which nobody has asked Stripe, and takes nothing from stock.
    takes_nothing: bool,
    stripe_object: String,
    charge_account: AccountId,
    livemode: bool,
    status: PaymentStatus,
    currency: String,
    amount_subtotal: i64,
    prorated_least: Option<i64>,
    prorated_most: Option<i64>,
    allow_discounts: bool,
    capture_method: CaptureMethod,
    order_id: OrderId,
    order_subtotal: i64,
    order_status: OrderStatus,
    seller_id: SellerId,
    line_id: OrderLineId,
    product_id: ProductId,
    quantity: i64,
}

read_in_order!(LoadedRow {
    id,
    takes_nothing,
    stripe_object,
    charge_account,
    livemode,
    status,
    currency,
    amount_subtotal,
    prorated_least,
    prorated_most,
    allow_discounts,
    capture_method,
    order_id,
    order_subtotal,
    order_status,
    seller_id,
    line_id,
    product_id,
    quantity,
});

const LOAD: SetWise = SetWise {
    text: "SELECT p.id, p.kind = 'invoice' AND p.request = '' AND NOT l.ships_period AS takes_nothing, p.stripe_object, \
               p.charge_account, p.livemode, p.status, p.currency, p.amount_subtotal, p.prorated_least, p.prorated_most, \
               p.allow_discounts OR p.stripe_promotion_code IS NOT NULL AS allow_discounts, p.capture_method, o.id AS order_id, \
               x.amount_subtotal AS order_subtotal, o.status AS order_status, o.seller_id, \
               l.id AS line_id, l.product_id, l.quantity \
           FROM {input} JOIN payments p ON p.stripe_object = input.stripe_object AND p.charge_account = input.account \
               AND p.livemode = input.livemode \
           JOIN payment_orders x ON x.payment_id = p.id JOIN orders o ON o.id = x.order_id \
           JOIN order_lines l ON l.order_id = o.id \
           ORDER BY p.id, o.id, l.position FOR UPDATE OF p, o",
    columns: &[
        ("stripe_object", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
    ],
};

/// Loads and locks the snapshots' payments and orders, then the stock of those orders that may be sold now.
pub(super) async fn load(tx: &Tx, snapshots: &[PaymentSnapshot]) -> Result<SliceState> {
    let mut state = SliceState::default();
    let objects = snapshots.iter().map(|one| &one.object);
    load_payments(tx, &mut state, objects).await?;
    load_candidates(tx, &mut state, snapshots).await?;
    let payments = snapshots.iter().filter_map(|one| {
        let payment = state.payments.get(&one.object)?;
        let takes = one.status == SnapshotStatus::Paid;
        // What is held takes stock, and gives it back if it isn't captured.
        (takes || payment.capture_method == CaptureMethod::Manual).then_some(payment)
    });
    let orders = payments
        .flat_map(|payment| &payment.orders)
        .filter_map(|(order, _)| state.orders.get(order));
    let products: BTreeSet<&ProductId> = orders
        .filter(|order| {
            matches!(
                order.status,
                OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Authorized
            )
        })
        .flat_map(|order| order.lines.iter().map(|line| &line.product))
        .collect();
    state.stock = Stock::lock(tx, &products).await?;
    Ok(state)
}

async fn load_payments(
    tx: &Tx,
    state: &mut SliceState,
    objects: impl Iterator<Item = &StripeObject>,
) -> Result<()> {
    let mut objects: Vec<_> = objects
        .map(|object| (object.id.as_str(), &object.account, object.livemode))
        .collect();
    objects.sort_unstable();
    objects.dedup();
    for row in LOAD.all::<_, LoadedRow>(tx, &objects, []).await? {
        let order = state.orders.entry(row.order_id.clone());
        let order = order.or_insert_with(|| LoadedOrder {
            status: row.order_status,
            seller: row.seller_id,
            lines: Vec::new(),
        });
        // Two of these payments may pay for one order, whose lines then come twice.
        if !row.takes_nothing && !order.lines.iter().any(|line| line.id == row.line_id) {
            order.lines.push(SoldLine {
                id: row.line_id,
                product: row.product_id,
                quantity: row.quantity,
            });
        }
        let object = StripeObject {
            id: row.stripe_object,
            account: row.charge_account,
            livemode: row.livemode,
        };
        let payment = state.payments.entry(object);
        let payment = payment.or_insert_with(|| LoadedPayment {
            id: row.id,
            status: row.status,
            currency: row.currency,
            amount_subtotal: row.amount_subtotal,
            prorated: row.prorated_least.zip(row.prorated_most),
            allow_discounts: row.allow_discounts,
            capture_method: row.capture_method,
            orders: Vec::new(),
        });
        if payment
            .orders
            .last()
            .is_none_or(|(last, _)| *last != row.order_id)
        {
            payment.orders.push((row.order_id, row.order_subtotal));
        }
    }
    Ok(())
}

struct CandidateRow {
    /// Which of the given objects it may be of.
    at: i64,
    id: PaymentId,
    kind: PaymentKind,
    stripe_object: Option<String>,
    charge_account: AccountId,
    livemode: bool,
    capture_method: CaptureMethod,
}

read_in_order!(CandidateRow {
    at,
    id,
    kind,
    stripe_object,
    charge_account,
    livemode,
    capture_method,
});

const NAMED: SetWise = SetWise {
    text: "SELECT input.at, p.id, p.kind, p.stripe_object, p.charge_account, p.livemode, p.capture_method \
           FROM {input} JOIN payments p ON p.id = input.named ORDER BY p.id",
    columns: &[("at", "bigint"), ("named", "text")],
};

const NAMED_AND_LOCKED: SetWise = SetWise {
    text: "SELECT input.at, p.id, p.kind, p.stripe_object, p.charge_account, p.livemode, p.capture_method \
           FROM {input} JOIN payments p ON p.id = input.named ORDER BY p.id FOR UPDATE OF p",
    columns: NAMED.columns,
};

const OF_INTENT: SetWise = SetWise {
    text: "SELECT input.at, p.id, p.kind, p.stripe_object, p.charge_account, p.livemode, p.capture_method \
           FROM {input} JOIN payments p ON p.payment_intent = input.intent AND p.charge_account = input.account \
               AND p.livemode = input.livemode",
    columns: &[
        ("at", "bigint"),
        ("intent", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
    ],
};

/// What unknown objects, each with its place, may be of.
async fn find_candidates(
    tx: &Tx,
    unknown: &[(i64, &PaymentSnapshot)],
) -> Result<Vec<CandidateRow>> {
    let named = unknown.iter();
    let named = named.filter_map(|(at, one)| Some((*at, one.payment_hint.as_ref()?)));
    let named: Vec<_> = named.collect();
    let mut found: Vec<CandidateRow> = Vec::new();
    if !named.is_empty() {
        found = NAMED.all(tx, &named, []).await?;
        // Every sale has an intent, whose session it is that counts: no row is locked for it.
        let awaits = |row: &CandidateRow| {
            let of_kind =
                |(at, one): &(i64, &PaymentSnapshot)| *at == row.at && one.kind == row.kind;
            row.stripe_object.is_none() && unknown.iter().any(of_kind)
        };
        let awaiting: HashSet<i64> = found
            .iter()
            .filter(|row| awaits(row))
            .map(|row| row.at)
            .collect();
        if !awaiting.is_empty() {
            let named: Vec<_> = named
                .iter()
                .filter(|(at, _)| awaiting.contains(at))
                .collect();
            found.retain(|row| !awaiting.contains(&row.at));
            found.extend(
                NAMED_AND_LOCKED
                    .all::<_, CandidateRow>(tx, &named, [])
                    .await?,
            );
        }
    }
    let unnamed = unknown.iter().filter(|(at, one)| {
        one.kind == PaymentKind::Intent && !found.iter().any(|row| row.at == *at)
    });
    let unnamed = unnamed.map(|(at, one)| {
        let object = &one.object;
        (*at, object.id.as_str(), &object.account, object.livemode)
    });
    let unnamed: Vec<_> = unnamed.collect();
    if !unnamed.is_empty() {
        found.extend(OF_INTENT.all::<_, CandidateRow>(tx, &unnamed, []).await?);
    }
    Ok(found)
}

/// Loads what the snapshots may be of whose objects belong to no loaded payment: the payment that the metadata names, or that
/// of an intent's session or invoice. The lock orders this with `attach`: either the object's id is stored already and is read
/// here, or `attach` comes later and finds the deferred event. The id may also have been stored since `load_payments`; such a
/// payment is loaded now.
async fn load_candidates(
    tx: &Tx,
    state: &mut SliceState,
    snapshots: &[PaymentSnapshot],
) -> Result<()> {
    let mut seen = HashSet::new();
    let unknown = snapshots.iter().filter(|one| {
        !state.payments.contains_key(&one.object) && seen.insert((&one.object, &one.payment_hint))
    });
    let unknown: Vec<(i64, &PaymentSnapshot)> = (0..).zip(unknown).collect();
    let found = find_candidates(tx, &unknown).await?;
    let mut stored_meanwhile = HashSet::new();
    for row in found {
        let at = usize::try_from(row.at).ok();
        let Some((_, snapshot)) = at.and_then(|at| unknown.get(at)) else {
            continue;
        };
        let stored = row.stripe_object.as_ref().map(|id| StripeObject {
            id: id.clone(),
            account: row.charge_account.clone(),
            livemode: row.livemode,
        });
        if stored.as_ref() == Some(&snapshot.object) {
            stored_meanwhile.insert(&snapshot.object);
        }
        let candidate = Candidate {
            id: row.id,
            kind: row.kind,
            charge_account: row.charge_account,
            livemode: row.livemode,
            awaits_object: row.stripe_object.is_none(),
            capture_method: row.capture_method,
        };
        state.candidates.insert(snapshot.object.clone(), candidate);
    }
    if stored_meanwhile.is_empty() {
        return Ok(());
    }
    load_payments(tx, state, stored_meanwhile.iter().copied()).await?;
    match stored_meanwhile
        .iter()
        .find(|object| !state.payments.contains_key(**object))
    {
        None => Ok(()),
        Some(object) => Err(Error::internal(format!("{} pays for no order", object.id))),
    }
}
