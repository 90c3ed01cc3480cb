//! Loads and locks what a slice's snapshots are about: payments with their orders and lines, then products.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use sea_orm::{EntityTrait, FromQueryResult, QuerySelect};
use souk_entity::order::OrderStatus;
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{AccountId, OrderId, OrderLineId, PaymentId, ProductId, SellerId};

use crate::catalog::{SoldLine, Stock};
use crate::db::Tx;
use crate::db::set_wise::SetWise;
use crate::error::{Error, Result};

use super::decide::{
    Candidate, LoadedOrder, LoadedPayment, PaymentSnapshot, SliceState, SnapshotStatus,
    StripeObject,
};

#[derive(FromQueryResult)]
struct LoadedRow {
    id: PaymentId,
    stripe_object: String,
    charge_account: AccountId,
    livemode: bool,
    status: PaymentStatus,
    currency: String,
    amount_subtotal: i64,
    allow_discounts: bool,
    order_id: OrderId,
    order_subtotal: i64,
    order_status: OrderStatus,
    seller_id: SellerId,
    line_id: OrderLineId,
    product_id: ProductId,
    quantity: i64,
}

const LOAD: SetWise = SetWise {
    text: "SELECT p.id, p.stripe_object, p.charge_account, p.livemode, p.status, p.currency, p.amount_subtotal, \
               p.allow_discounts OR p.stripe_promotion_code IS NOT NULL AS allow_discounts, o.id AS order_id, \
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
    load_payments(tx, &mut state, objects.collect()).await?;
    load_candidates(tx, &mut state, snapshots).await?;
    let paid = snapshots
        .iter()
        .filter(|one| one.status == SnapshotStatus::Paid)
        .filter_map(|one| state.payments.get(&one.object));
    let orders = paid
        .flat_map(|payment| &payment.orders)
        .filter_map(|(order, _)| state.orders.get(order));
    let products: BTreeSet<&ProductId> = orders
        .filter(|order| matches!(order.status, OrderStatus::Pending | OrderStatus::Processing))
        .flat_map(|order| order.lines.iter().map(|line| &line.product))
        .collect();
    state.stock = Stock::lock(tx, &products).await?;
    Ok(state)
}

async fn load_payments(
    tx: &Tx,
    state: &mut SliceState,
    objects: HashSet<&StripeObject>,
) -> Result<()> {
    let mut objects: Vec<_> = objects
        .into_iter()
        .map(|object| (object.id.as_str(), &object.account, object.livemode))
        .collect();
    objects.sort_unstable();
    for row in LOAD.all::<_, LoadedRow>(tx, &objects, []).await? {
        let order = state.orders.entry(row.order_id.clone());
        let order = order.or_insert_with(|| LoadedOrder {
            status: row.order_status,
            seller: row.seller_id,
            lines: Vec::new(),
        });
        // Two of these payments may pay for one order, whose lines then come twice.
        if !order.lines.iter().any(|line| line.id == row.line_id) {
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
            allow_discounts: row.allow_discounts,
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

/// Loads the payments that are only named by metadata: their snapshots' objects belong to no loaded payment. The lock
/// orders this with `attach`: either the object's id is stored already and is read here, or `attach` comes later and finds
/// the deferred event. The id may also have been stored since `load_payments`; such a payment is loaded now.
async fn load_candidates(
    tx: &Tx,
    state: &mut SliceState,
    snapshots: &[PaymentSnapshot],
) -> Result<()> {
    let unknown = snapshots
        .iter()
        .filter(|one| !state.payments.contains_key(&one.object));
    // Copied metadata can name one payment in several objects.
    let mut named: BTreeMap<PaymentId, HashSet<&StripeObject>> = BTreeMap::new();
    for one in unknown {
        if let Some(id) = &one.payment_hint {
            named.entry(id.clone()).or_default().insert(&one.object);
        }
    }
    let mut stored_meanwhile = HashSet::new();
    for (id, objects) in named {
        let payment = payment::Entity::find_by_id(id.clone()).lock_exclusive();
        let Some(payment) = payment.one(tx).await? else {
            continue;
        };
        let candidate = Candidate {
            kind: payment.kind,
            charge_account: payment.charge_account.clone(),
            livemode: payment.livemode,
            awaits_object: payment.stripe_object.is_none(),
        };
        let stored = payment.stripe_object.map(|id| StripeObject {
            id,
            account: payment.charge_account,
            livemode: payment.livemode,
        });
        stored_meanwhile.extend(stored.and_then(|stored| objects.get(&stored).copied()));
        state.candidates.insert(id, candidate);
    }
    if stored_meanwhile.is_empty() {
        return Ok(());
    }
    load_payments(tx, state, stored_meanwhile.clone()).await?;
    match stored_meanwhile
        .iter()
        .find(|object| !state.payments.contains_key(**object))
    {
        None => Ok(()),
        Some(object) => Err(Error::internal(format!("{} pays for no order", object.id))),
    }
}
