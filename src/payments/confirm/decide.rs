//! Decides what a snapshot changes: a pure function, without a transaction, a clock or new ids.

use std::borrow::Cow;
use std::collections::HashMap;

use souk_entity::order::OrderStatus;
use souk_entity::payment::{CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::refund::RefundOrigin;
use souk_entity::{AccountId, OrderId, PaymentId, SellerId};

use crate::catalog::{SoldLine, Stock};
use crate::error::{Error, Result};
use crate::money;

use super::super::snapshot::{PaymentSnapshot, SnapshotStatus, StripeObject};

/// The loaded rows of a slice's payments, with the changes of the snapshots that are decided already.
#[derive(Debug, Default)]
pub struct SliceState {
    /// By their Stripe objects.
    pub payments: HashMap<StripeObject, LoadedPayment>,
    /// The orders that they pay for.
    pub orders: HashMap<OrderId, LoadedOrder>,
    /// The stock of the products of orders that may be paid now.
    pub stock: Stock,
    /// What objects that belong to no loaded payment may be of.
    pub candidates: HashMap<StripeObject, Candidate>,
}

/// A payment with a Stripe object.
#[derive(Clone, Debug)]
pub struct LoadedPayment {
    pub id: PaymentId,
    pub status: PaymentStatus,
    pub currency: String,
    pub amount_subtotal: i64,
    /// Where Stripe prorates the first period of a subscription, the least and the most that it may ask for.
    pub prorated: Option<(i64, i64)>,
    pub allow_discounts: bool,
    pub capture_method: CaptureMethod,
    /// The orders that it pays for, by their ids, each with the sum of its lines in minor units.
    pub orders: Vec<(OrderId, i64)>,
}

impl LoadedPayment {
    /// A snapshot as this payment sees it, once: what Stripe prorates a first period by counts as a discount, as far as it may be so much.
    fn as_seen<'a>(&self, snapshot: &'a PaymentSnapshot) -> Cow<'a, PaymentSnapshot> {
        let totals = snapshot.totals;
        let takes_discount = totals.discount == 0 || self.allow_discounts;
        match self.prorated {
            Some((least, most)) if takes_discount && (least..=most).contains(&totals.subtotal) => {
                let mut seen = snapshot.clone();
                seen.totals.subtotal = self.amount_subtotal;
                seen.totals.discount = totals.discount + (self.amount_subtotal - totals.subtotal);
                Cow::Owned(seen)
            }
            _ => Cow::Borrowed(snapshot),
        }
    }

    /// Whether its object is over what was asked for, in whatever currency.
    fn has_amounts_of(&self, snapshot: &PaymentSnapshot) -> bool {
        let seen = self.as_seen(snapshot);
        let is_within = self.prorated.is_none() || matches!(seen, Cow::Owned(_));
        is_within
            && seen.totals.fits(
                self.amount_subtotal,
                self.allow_discounts || self.prorated.is_some(),
                self.capture_method,
            )
    }

    /// Whether its object is what was asked for.
    fn is_asked_for(&self, snapshot: &PaymentSnapshot) -> bool {
        self.currency == snapshot.currency && self.has_amounts_of(snapshot)
    }
}

/// An order and its lines.
#[derive(Clone, Debug)]
pub struct LoadedOrder {
    pub status: OrderStatus,
    pub seller: SellerId,
    /// What it takes from stock.
    pub lines: Vec<SoldLine>,
}

/// A payment that an object's metadata names, or whose session or invoice the object, an intent, belongs to.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub id: PaymentId,
    pub kind: PaymentKind,
    pub charge_account: AccountId,
    pub livemode: bool,
    pub awaits_object: bool,
    pub capture_method: CaptureMethod,
}

impl Candidate {
    /// Whether an object may become this payment's.
    fn awaits(&self, snapshot: &PaymentSnapshot) -> bool {
        self.awaits_object && self.kind == snapshot.kind && self.is_where(snapshot)
    }

    /// Whether an object is the first invoice of the subscription that this payment's session begins.
    fn has_invoice(&self, snapshot: &PaymentSnapshot) -> bool {
        snapshot.kind == PaymentKind::Invoice
            && self.kind == PaymentKind::Session
            && self.is_where(snapshot)
    }

    /// Whether an object is the intent of this payment's session or invoice.
    fn has_intent(&self, snapshot: &PaymentSnapshot) -> bool {
        snapshot.kind == PaymentKind::Intent
            && self.kind != PaymentKind::Intent
            && self.is_where(snapshot)
    }

    fn is_where(&self, snapshot: &PaymentSnapshot) -> bool {
        let object = &snapshot.object;
        self.charge_account == object.account && self.livemode == object.livemode
    }
}

/// The change that a snapshot leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing of ours is concerned, for this reason.
    Ignore(&'static str),
    /// The payment is as far already.
    Nothing,
    /// The named payment has no object yet: the snapshot waits until it has one.
    Defer(PaymentId),
    /// The snapshot doesn't say what is held or captured: Stripe is asked.
    Reread(PaymentId),
    /// The buyer may try again: why the last try was declined is noted.
    NoteDecline(PaymentId),
    /// A paid object names a payment that is not here.
    Orphan(PaymentId),
    /// The object is not what was asked for.
    Mismatch(PaymentId),
    /// The money is on its way.
    Process {
        payment: PaymentId,
        /// The orders that are still open and move too.
        orders: Vec<OrderId>,
    },
    /// The money is held until it is captured.
    Authorize {
        payment: PaymentId,
        orders: Vec<(OrderId, Hold)>,
    },
    /// The payment ended without money.
    Close {
        payment: PaymentId,
        to: PaymentStatus,
        /// The orders that are still open and move too.
        orders: Vec<OrderId>,
        /// Those of them whose stock was taken while the money was held. It comes back.
        held: Vec<OrderId>,
    },
    /// The money has come.
    Pay {
        payment: PaymentId,
        shares: Vec<PaidShare>,
    },
}

/// What becomes of an order whose money is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// Its lines are taken from stock, so that a capture never fails for want of it.
    Taken,
    /// Too little stock is left: the order is cancelled, and nothing of its share is captured.
    SoldOut,
    /// The order has ended, or is paid otherwise: nothing of its share is captured.
    Nothing,
}

/// An order's share of a payment whose money has come, in minor units.
#[derive(Debug, PartialEq, Eq)]
pub struct PaidShare {
    pub order: OrderId,
    /// Taken off by promotion codes.
    pub discount: i64,
    /// After that.
    pub paid: i64,
    pub outcome: Outcome,
}

/// The effect of a payment on its order.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The order is paid and its lines are taken from stock.
    Sold,
    /// The order is paid. Its lines were taken when its money was held.
    Captured,
    /// Too little stock is left and the total is 0: the order is cancelled, and there is nothing to refund.
    SoldOutFree,
    /// The money goes back. `advances`: the order becomes `refund_due`; else another payment of the order stands.
    Refund {
        origin: RefundOrigin,
        advances: bool,
    },
    /// The order had ended and the total is 0.
    Nothing,
}

impl SliceState {
    /// A snapshot as its payment sees it, if it pays that.
    pub fn as_paid<'a>(
        &self,
        decision: &Decision,
        snapshot: &'a PaymentSnapshot,
    ) -> Cow<'a, PaymentSnapshot> {
        match (decision, self.payments.get(&snapshot.object)) {
            (Decision::Pay { .. }, Some(payment)) => payment.as_seen(snapshot),
            _ => Cow::Borrowed(snapshot),
        }
    }
}

/// Decides one snapshot: forward only.
///
/// # Errors
/// A payment of ours whose object has an unknown status.
pub fn decide(state: &SliceState, snapshot: &PaymentSnapshot) -> Result<Decision> {
    use PaymentStatus as P;
    let Some(payment) = state.payments.get(&snapshot.object) else {
        return Ok(decide_unknown(state, snapshot));
    };
    let is_open = matches!(payment.status, P::Pending | P::Processing | P::Authorized);
    match snapshot.status {
        SnapshotStatus::Paid | SnapshotStatus::Processing
            if snapshot.intent_unread && payment.capture_method == CaptureMethod::Manual =>
        {
            Ok(Decision::Reread(payment.id.clone()))
        }
        SnapshotStatus::Paid => decide_paid(state, payment, snapshot),
        SnapshotStatus::Open
            if snapshot.kind == PaymentKind::Intent && payment.status == P::Pending =>
        {
            Ok(Decision::NoteDecline(payment.id.clone()))
        }
        SnapshotStatus::Open => Ok(Decision::Ignore("the payment is still open")),
        SnapshotStatus::Unknown => Err(Error::internal(format!(
            "{} has no status we know",
            snapshot.object.id
        ))),
        SnapshotStatus::Processing if payment.status == P::Pending => Ok(Decision::Process {
            payment: payment.id.clone(),
            orders: state.orders_in(payment, &[OrderStatus::Pending])?,
        }),
        SnapshotStatus::Authorized if matches!(payment.status, P::Pending | P::Processing) => {
            authorize(state, payment, snapshot)
        }
        SnapshotStatus::Failed if is_open => close(state, payment, P::Failed),
        SnapshotStatus::Expired if is_open => close(state, payment, P::Expired),
        SnapshotStatus::Canceled if is_open => close(state, payment, P::Canceled),
        _ => Ok(Decision::Nothing),
    }
}

fn authorize(
    state: &SliceState,
    payment: &LoadedPayment,
    snapshot: &PaymentSnapshot,
) -> Result<Decision> {
    if !payment.is_asked_for(snapshot) {
        return Ok(Decision::Mismatch(payment.id.clone()));
    }
    let mut orders = Vec::with_capacity(payment.orders.len());
    let mut wanted: Vec<SoldLine> = Vec::new();
    for (id, _) in &payment.orders {
        let order = state.order(id)?;
        let with = [wanted.as_slice(), order.lines.as_slice()].concat();
        let hold = match OPEN.contains(&order.status) {
            false => Hold::Nothing,
            true if !state.stock.suffices(&with)? => Hold::SoldOut,
            true => {
                wanted = with;
                Hold::Taken
            }
        };
        orders.push((id.clone(), hold));
    }
    Ok(Decision::Authorize {
        payment: payment.id.clone(),
        orders,
    })
}

fn close(state: &SliceState, payment: &LoadedPayment, to: PaymentStatus) -> Result<Decision> {
    let held = match payment.status {
        PaymentStatus::Authorized => state.orders_in(payment, &[OrderStatus::Authorized])?,
        _ => Vec::new(),
    };
    let mut orders = state.orders_in(payment, &OPEN)?;
    orders.extend(held.iter().cloned());
    Ok(Decision::Close {
        payment: payment.id.clone(),
        to,
        orders,
        held,
    })
}

/// The states of an order that may still be paid.
const OPEN: [OrderStatus; 2] = [OrderStatus::Pending, OrderStatus::Processing];

/// Decides a snapshot whose object belongs to no loaded payment. Metadata is only a hint: the snapshot waits if it names a
/// payment of this account that has no object yet. What happens to the intent of a session or an invoice these tell, all but
/// whether money that was held is captured or released.
fn decide_unknown(state: &SliceState, snapshot: &PaymentSnapshot) -> Decision {
    let candidate = state.candidates.get(&snapshot.object);
    match (candidate, &snapshot.payment_hint) {
        (Some(payment), _) if payment.awaits(snapshot) => Decision::Defer(payment.id.clone()),
        (Some(payment), _) if payment.has_intent(snapshot) => match payment.capture_method {
            CaptureMethod::Manual => Decision::Reread(payment.id.clone()),
            _ => Decision::Ignore("its session or invoice tells what happens to it"),
        },
        (Some(payment), _) if payment.has_invoice(snapshot) => {
            Decision::Ignore("the session that began its subscription tells what happens to it")
        }
        (None, Some(hint)) if snapshot.status == SnapshotStatus::Paid && snapshot.is_its_own => {
            Decision::Orphan(hint.clone())
        }
        (None, None) => Decision::Ignore("a payment of the seller's own"),
        _ => Decision::Ignore("no payment of ours on this account"),
    }
}

fn decide_paid(
    state: &SliceState,
    payment: &LoadedPayment,
    snapshot: &PaymentSnapshot,
) -> Result<Decision> {
    if !payment.has_amounts_of(snapshot) {
        return Ok(Decision::Mismatch(payment.id.clone()));
    }
    // Stripe never pays an expired or failed session. If it did, the money must not be lost: such a payment becomes paid
    // and is refunded as late.
    if payment.status == PaymentStatus::Paid {
        return Ok(Decision::Nothing);
    }
    if !payment.is_asked_for(snapshot) {
        return Ok(Decision::Mismatch(payment.id.clone()));
    }
    let mut shares = Vec::with_capacity(payment.orders.len());
    // What the orders before it take of the stock.
    let mut taken: Vec<SoldLine> = Vec::new();
    for (id, discount, paid) in amounts(state, payment, snapshot)? {
        let order = state.order(&id)?;
        let mut wanted = Cow::Borrowed(order.lines.as_slice());
        if !taken.is_empty() {
            wanted.to_mut().extend(taken.iter().cloned());
        }
        let outcome = match order.status {
            OrderStatus::Authorized if payment.status == PaymentStatus::Authorized => {
                Outcome::Captured
            }
            _ => outcome(state, order, &wanted, paid)?,
        };
        if outcome == Outcome::Sold && payment.orders.len() > 1 {
            taken = wanted.into_owned();
        }
        shares.push(PaidShare {
            order: id,
            discount,
            paid,
            outcome,
        });
    }
    Ok(Decision::Pay {
        payment: payment.id.clone(),
        shares,
    })
}

/// What was taken off each order of a payment, and what has come for it, in minor units. Of a part that was captured those
/// orders come first whose money was held.
fn amounts(
    state: &SliceState,
    payment: &LoadedPayment,
    snapshot: &PaymentSnapshot,
) -> Result<Vec<(OrderId, i64, i64)>> {
    let seen = payment.as_seen(snapshot);
    let (totals, currency) = (&seen.totals, payment.currency.as_str());
    let subtotals: Vec<i64> = payment.orders.iter().map(|(_, amount)| *amount).collect();
    let discounts = money::split(totals.discount, &subtotals, currency)?;
    let mut wanted = Vec::with_capacity(subtotals.len());
    let mut held = Vec::with_capacity(subtotals.len());
    for ((id, subtotal), discount) in payment.orders.iter().zip(&discounts) {
        let net = money::sub(*subtotal, *discount)?;
        let is_held = state.order(id)?.status == OrderStatus::Authorized;
        wanted.push(net);
        held.push(if is_held { net } else { 0 });
    }
    let paid = match totals.paid() == totals.total {
        true => wanted,
        false => {
            let first = held.iter().copied().try_fold(0, money::add)?;
            let first = std::cmp::min(first, totals.paid());
            let rest = money::sub(totals.paid(), first)?;
            let others: Vec<i64> = wanted
                .iter()
                .zip(&held)
                .map(|(net, held)| net - held)
                .collect();
            let first = money::split(first, &held, currency)?.into_iter();
            let rest = money::split(rest, &others, currency)?;
            let sums = first.zip(rest).map(|(a, b)| money::add(a, b));
            sums.collect::<Result<_>>()?
        }
    };
    let orders = payment.orders.iter().map(|(id, _)| id.clone());
    Ok(orders
        .zip(discounts)
        .zip(paid)
        .map(|((id, discount), paid)| (id, discount, paid))
        .collect())
}

/// What becomes of an order whose money has come. `wanted` is what it takes of the stock, with what was taken already; `paid`
/// is in minor units.
fn outcome(
    state: &SliceState,
    order: &LoadedOrder,
    wanted: &[SoldLine],
    paid: i64,
) -> Result<Outcome> {
    Ok(match order.status {
        OrderStatus::Pending | OrderStatus::Processing => {
            match (state.stock.suffices(wanted)?, paid) {
                (true, _) => Outcome::Sold,
                (false, 0) => Outcome::SoldOutFree,
                (false, _) => Outcome::Refund {
                    origin: RefundOrigin::Oversold,
                    advances: true,
                },
            }
        }
        _ if paid == 0 => Outcome::Nothing,
        // The order's first payment stands; only this one goes back.
        OrderStatus::Paid
        | OrderStatus::Authorized
        | OrderStatus::Refunded
        | OrderStatus::RefundDue => Outcome::Refund {
            origin: RefundOrigin::DuplicatePayment,
            advances: false,
        },
        OrderStatus::Cancelled
        | OrderStatus::CancelledSoldOut
        | OrderStatus::Expired
        | OrderStatus::Failed => Outcome::Refund {
            origin: RefundOrigin::Late,
            advances: true,
        },
    })
}

impl SliceState {
    /// An order of one of the payments.
    ///
    /// # Errors
    /// It was not loaded.
    pub fn order(&self, id: &OrderId) -> Result<&LoadedOrder> {
        let order = self.orders.get(id);
        order.ok_or_else(|| Error::internal(format!("order {id} was not loaded")))
    }

    /// The orders of a payment that are in one of these states.
    fn orders_in(&self, payment: &LoadedPayment, states: &[OrderStatus]) -> Result<Vec<OrderId>> {
        let mut found = Vec::new();
        for (id, _) in &payment.orders {
            if states.contains(&self.order(id)?.status) {
                found.push(id.clone());
            }
        }
        Ok(found)
    }

    /// Applies a decision, so that the snapshots after it are decided on its result.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn apply(&mut self, object: &StripeObject, decision: &Decision) -> Result<()> {
        let status = match decision {
            Decision::Process { orders, .. } => {
                self.move_orders(orders, OrderStatus::Processing);
                PaymentStatus::Processing
            }
            Decision::Authorize { orders, .. } => {
                for (order, hold) in orders {
                    self.apply_hold(order, *hold)?;
                }
                PaymentStatus::Authorized
            }
            Decision::Close {
                to, orders, held, ..
            } => {
                for order in held {
                    let lines = &self.order(order)?.lines.clone();
                    self.stock.put_back(order, lines)?;
                }
                self.move_orders(orders, order_status_after(*to));
                *to
            }
            Decision::Pay { shares, .. } => {
                for share in shares {
                    self.apply_share(share)?;
                }
                PaymentStatus::Paid
            }
            _ => return Ok(()),
        };
        if let Some(payment) = self.payments.get_mut(object) {
            payment.status = status;
        }
        Ok(())
    }

    fn move_orders(&mut self, orders: &[OrderId], to: OrderStatus) {
        for order in orders {
            if let Some(order) = self.orders.get_mut(order) {
                order.status = to;
            }
        }
    }

    fn apply_hold(&mut self, order: &OrderId, hold: Hold) -> Result<()> {
        let Some(loaded) = self.orders.get_mut(order) else {
            return Ok(());
        };
        loaded.status = match hold {
            Hold::Taken => {
                self.stock.take(order, &loaded.lines)?;
                OrderStatus::Authorized
            }
            Hold::SoldOut => OrderStatus::CancelledSoldOut,
            Hold::Nothing => loaded.status,
        };
        Ok(())
    }

    fn apply_share(&mut self, share: &PaidShare) -> Result<()> {
        let Some(order) = self.orders.get_mut(&share.order) else {
            return Ok(());
        };
        order.status = match share.outcome {
            Outcome::Sold => {
                self.stock.take(&share.order, &order.lines)?;
                OrderStatus::Paid
            }
            Outcome::Captured => OrderStatus::Paid,
            Outcome::SoldOutFree => OrderStatus::CancelledSoldOut,
            Outcome::Refund { advances: true, .. } => OrderStatus::RefundDue,
            Outcome::Refund { .. } | Outcome::Nothing => order.status,
        };
        Ok(())
    }
}

/// The order's state after its payment failed or expired.
pub fn order_status_after(payment: PaymentStatus) -> OrderStatus {
    match payment {
        PaymentStatus::Failed => OrderStatus::Failed,
        _ => OrderStatus::Expired,
    }
}

#[cfg(test)]
mod tests;
