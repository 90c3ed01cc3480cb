//! What a snapshot means for what we know: pure, without a transaction, a clock or new ids.

use std::collections::HashMap;

use souk_entity::order::OrderStatus;
use souk_entity::payment::PaymentStatus;
use souk_entity::refund::RefundOrigin;
use souk_entity::{AccountId, OrderId, PaymentId, SellerId, Timestamp};

use crate::catalog::{SoldLine, Stock};
use crate::error::{Error, Result};
use crate::money;
use crate::stripe::views::{SessionView, metadata_value};

use super::super::checkout::METADATA_PAYMENT;

/// What Stripe says of a payment's object, and where it was said: on which account, in which mode.
#[derive(Clone, Debug)]
pub struct PaymentSnapshot {
    /// The connected account that the event or the answer came from.
    pub account: AccountId,
    /// Live money, or test.
    pub livemode: bool,
    /// The object's id, such as `cs_…`.
    pub stripe_object: String,
    /// How far the payment is.
    pub status: SnapshotStatus,
    /// What was asked and paid.
    pub totals: Totals,
    /// Lower case; empty where Stripe left it out, which fits no payment.
    pub currency: String,
    /// The payment intent; none where nothing was to be paid.
    pub payment_intent: Option<String>,
    /// The payment that the metadata names. A hint: whoever made the object may be somebody else.
    pub payment_hint: Option<PaymentId>,
    /// When Stripe made the object.
    pub created: Option<Timestamp>,
}

/// How far a payment is at Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotStatus {
    /// The buyer has not finished.
    Open,
    /// An asynchronous method: the money may still come.
    Processing,
    /// The money has come, or none was to be paid.
    Paid,
    /// The asynchronous payment failed.
    Failed,
    /// Nobody paid in time, or we closed it.
    Expired,
    /// A status that Stripe did not have when this was written.
    Unknown,
}

impl PaymentSnapshot {
    /// Of a Checkout Session (docs.stripe.com/api/checkout/sessions/object).
    pub fn of_session(account: &AccountId, livemode: bool, session: &SessionView) -> Self {
        let metadata = session.metadata.as_ref();
        let hint = metadata.and_then(|all| metadata_value(all, METADATA_PAYMENT));
        let intent = session.payment_intent.as_ref();
        Self {
            account: account.clone(),
            livemode,
            stripe_object: session.id.clone(),
            status: session_status(session),
            totals: Totals::of(session),
            currency: session.currency.clone().unwrap_or_default(),
            payment_intent: intent.map(|intent| intent.id().to_owned()),
            payment_hint: hint.map(PaymentId),
            created: session.created.map(Timestamp::from_seconds),
        }
    }
}

fn session_status(session: &SessionView) -> SnapshotStatus {
    match (session.status.as_deref(), session.payment_status.as_deref()) {
        (Some("complete"), Some("paid" | "no_payment_required")) => SnapshotStatus::Paid,
        (Some("complete"), _) if intent_failed(session) => SnapshotStatus::Failed,
        (Some("complete"), _) => SnapshotStatus::Processing,
        (Some("expired"), _) => SnapshotStatus::Expired,
        (Some("open"), _) => SnapshotStatus::Open,
        _ => SnapshotStatus::Unknown,
    }
}

/// A session never says that its asynchronous payment failed; the intent does, where it was expanded.
fn intent_failed(session: &SessionView) -> bool {
    let intent = session.payment_intent.as_ref();
    intent
        .and_then(|intent| intent.object())
        .is_some_and(|intent| {
            intent.status.as_deref() == Some("requires_payment_method")
                && intent.last_payment_error.is_some()
        })
}

/// What was asked and paid, minor units. An amount that Stripe left out is -1, which fits no payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Before discounts.
    pub subtotal: i64,
    /// What promotion codes took off.
    pub discount: i64,
    /// After discounts.
    pub total: i64,
    /// Whether there is tax or shipping in it, which we never ask for.
    pub tax_or_shipping: bool,
}

impl Totals {
    fn of(session: &SessionView) -> Self {
        let details = session.total_details.clone().unwrap_or_default();
        Self {
            subtotal: session.amount_subtotal.unwrap_or(-1),
            discount: details.amount_discount.unwrap_or(0),
            total: session.amount_total.unwrap_or(-1),
            tax_or_shipping: details.amount_tax.unwrap_or(0) != 0
                || details.amount_shipping.unwrap_or(0) != 0,
        }
    }

    /// Whether this is what was asked for, with a discount only where codes were allowed.
    fn fits(&self, amount_subtotal: i64, allow_discounts: bool) -> bool {
        !self.tax_or_shipping
            && self.subtotal == amount_subtotal
            && self.discount >= 0
            && self.total >= 0
            && money::sub(self.subtotal, self.discount).is_ok_and(|left| left == self.total)
            && (self.discount == 0 || allow_discounts)
    }
}

/// What the database says of the payments of a slice, and what earlier snapshots of the slice have changed of it.
#[derive(Debug, Default)]
pub struct SliceState {
    /// By the Stripe object's id.
    pub payments: HashMap<String, LoadedPayment>,
    /// The orders that they pay for.
    pub orders: HashMap<OrderId, LoadedOrder>,
    /// The stock of the products of orders that may be paid now.
    pub stock: Stock,
    /// Payments that a snapshot of no known object names.
    pub candidates: HashMap<PaymentId, Candidate>,
}

/// A payment with a Stripe object.
#[derive(Clone, Debug)]
pub struct LoadedPayment {
    pub id: PaymentId,
    pub charge_account: AccountId,
    pub livemode: bool,
    pub status: PaymentStatus,
    pub currency: String,
    pub amount_subtotal: i64,
    pub allow_discounts: bool,
    pub order: OrderId,
}

/// An order and its lines.
#[derive(Clone, Debug)]
pub struct LoadedOrder {
    pub status: OrderStatus,
    pub seller: SellerId,
    pub lines: Vec<SoldLine>,
}

/// A payment that metadata names, and whether it still waits for its object's id.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub charge_account: AccountId,
    pub awaits_object: bool,
}

/// What is to be done about a snapshot.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// It concerns nothing of ours, for this reason.
    Ignore(&'static str),
    /// We are as far already.
    Nothing,
    /// The payment that may be meant still waits for its object's id, and the snapshot with it.
    Defer(PaymentId),
    /// It is paid and names a payment that is not here.
    Orphan(PaymentId),
    /// It is not what was asked for.
    Mismatch(PaymentId),
    /// The money is on its way. `advances`: the order still waited.
    Process {
        payment: PaymentId,
        order: OrderId,
        advances: bool,
    },
    /// No money comes by it. `advances`: the order still waited.
    Close {
        payment: PaymentId,
        to: PaymentStatus,
        order: OrderId,
        advances: bool,
    },
    /// The money has come.
    Pay {
        payment: PaymentId,
        order: OrderId,
        outcome: Outcome,
    },
}

/// What a payment does to its order.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The order is paid, and its lines are taken from stock.
    Sold,
    /// There is not enough left, and nothing was paid: the order is cancelled.
    SoldOutFree,
    /// The money goes back. `advances`: the order waits for that; else another payment of it stands.
    Refund {
        origin: RefundOrigin,
        advances: bool,
    },
    /// Nothing was paid for an order that had ended.
    Nothing,
}

/// Decides one snapshot: as far forward as it goes, and never back.
///
/// # Errors
/// A status that isn't known, of a payment of ours.
pub fn decide(state: &SliceState, snapshot: &PaymentSnapshot) -> Result<Decision> {
    let Some(payment) = state.payments.get(&snapshot.stripe_object) else {
        return Ok(decide_unknown(state, snapshot));
    };
    if payment.charge_account != snapshot.account {
        return Ok(Decision::Ignore(
            "another account's event names our session",
        ));
    }
    let order = state.order(&payment.order)?;
    let order_is_open = matches!(order.status, OrderStatus::Pending | OrderStatus::Processing);
    match snapshot.status {
        SnapshotStatus::Paid => decide_paid(state, payment, order, snapshot),
        SnapshotStatus::Open => Ok(Decision::Ignore("the session is still open")),
        SnapshotStatus::Unknown => Err(Error::internal(format!(
            "session {} has no status we know",
            snapshot.stripe_object
        ))),
        _ if payment.livemode != snapshot.livemode => {
            Ok(Decision::Ignore("the other mode's event names our session"))
        }
        SnapshotStatus::Processing if payment.status == PaymentStatus::Pending => {
            Ok(Decision::Process {
                payment: payment.id.clone(),
                order: payment.order.clone(),
                advances: order.status == OrderStatus::Pending,
            })
        }
        SnapshotStatus::Failed | SnapshotStatus::Expired
            if matches!(
                payment.status,
                PaymentStatus::Pending | PaymentStatus::Processing
            ) =>
        {
            Ok(Decision::Close {
                payment: payment.id.clone(),
                to: match snapshot.status {
                    SnapshotStatus::Failed => PaymentStatus::Failed,
                    _ => PaymentStatus::Expired,
                },
                order: payment.order.clone(),
                advances: order_is_open,
            })
        }
        _ => Ok(Decision::Nothing),
    }
}

/// The object is of no payment that we know. Metadata only finds who may be meant: a payment of this account that still
/// waits for its object's id has the snapshot wait with it.
fn decide_unknown(state: &SliceState, snapshot: &PaymentSnapshot) -> Decision {
    let Some(hint) = &snapshot.payment_hint else {
        return Decision::Ignore("a session of the seller's own");
    };
    match state.candidates.get(hint) {
        Some(payment) if payment.charge_account == snapshot.account && payment.awaits_object => {
            Decision::Defer(hint.clone())
        }
        None if snapshot.status == SnapshotStatus::Paid => Decision::Orphan(hint.clone()),
        _ => Decision::Ignore("no payment of ours on this account"),
    }
}

fn decide_paid(
    state: &SliceState,
    payment: &LoadedPayment,
    order: &LoadedOrder,
    snapshot: &PaymentSnapshot,
) -> Result<Decision> {
    let totals = &snapshot.totals;
    if !totals.fits(payment.amount_subtotal, payment.allow_discounts) {
        return Ok(Decision::Mismatch(payment.id.clone()));
    }
    // Stripe never pays an expired or failed session, but if it did, the money must not be lost sight of: such a payment
    // is paid, and goes back as late.
    if payment.status == PaymentStatus::Paid {
        return Ok(Decision::Nothing);
    }
    if payment.livemode != snapshot.livemode || payment.currency != snapshot.currency {
        return Ok(Decision::Mismatch(payment.id.clone()));
    }
    let outcome = match order.status {
        OrderStatus::Pending | OrderStatus::Processing => {
            match (state.stock.suffices(&order.lines)?, totals.total) {
                (true, _) => Outcome::Sold,
                (false, 0) => Outcome::SoldOutFree,
                (false, _) => Outcome::Refund {
                    origin: RefundOrigin::Oversold,
                    advances: true,
                },
            }
        }
        _ if totals.total == 0 => Outcome::Nothing,
        // Its own payment stands; only this one goes back.
        OrderStatus::Paid | OrderStatus::Refunded | OrderStatus::RefundDue => Outcome::Refund {
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
    };
    Ok(Decision::Pay {
        payment: payment.id.clone(),
        order: payment.order.clone(),
        outcome,
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

    /// Takes a decision as done, for the snapshots that come after it.
    ///
    /// # Errors
    /// A sum that does not fit.
    pub fn apply(&mut self, stripe_object: &str, decision: &Decision) -> Result<()> {
        let (status, order, to) = match decision {
            Decision::Process {
                order, advances, ..
            } => (
                PaymentStatus::Processing,
                order,
                advances.then_some(OrderStatus::Processing),
            ),
            Decision::Close {
                to,
                order,
                advances,
                ..
            } => (*to, order, advances.then(|| order_status_after(*to))),
            Decision::Pay { order, outcome, .. } => {
                if *outcome == Outcome::Sold
                    && let Some(sold) = self.orders.get(order)
                {
                    self.stock.take(order, &sold.lines)?;
                }
                let to = match outcome {
                    Outcome::Sold => Some(OrderStatus::Paid),
                    Outcome::SoldOutFree => Some(OrderStatus::CancelledSoldOut),
                    Outcome::Refund { advances: true, .. } => Some(OrderStatus::RefundDue),
                    Outcome::Refund { .. } | Outcome::Nothing => None,
                };
                (PaymentStatus::Paid, order, to)
            }
            _ => return Ok(()),
        };
        if let (Some(to), Some(order)) = (to, self.orders.get_mut(order)) {
            order.status = to;
        }
        if let Some(payment) = self.payments.get_mut(stripe_object) {
            payment.status = status;
        }
        Ok(())
    }
}

/// The order's state that goes with a payment's end.
pub fn order_status_after(payment: PaymentStatus) -> OrderStatus {
    match payment {
        PaymentStatus::Failed => OrderStatus::Failed,
        _ => OrderStatus::Expired,
    }
}

#[cfg(test)]
mod tests;
