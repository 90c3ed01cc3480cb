//! Decides what a snapshot changes: a pure function, without a transaction, a clock or new ids.

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

/// A payment's Stripe object at one moment, with the account and the mode that it was read in.
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
    /// The amounts asked for and paid.
    pub totals: Totals,
    /// Lower case. Empty where Stripe left it out; that fits no payment.
    pub currency: String,
    /// The payment intent; none where nothing was to be paid.
    pub payment_intent: Option<String>,
    /// Stripe's id of the promotion code that is taken off.
    pub promotion_code: Option<String>,
    /// The payment that the metadata names. Only a hint: somebody else may have made the object.
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
    /// Nobody paid in time, or we expired it.
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
            promotion_code: session.promotion_code().map(str::to_owned),
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

/// A session never says that its asynchronous payment failed. The intent does, where it was expanded.
fn intent_failed(session: &SessionView) -> bool {
    let intent = session.payment_intent.as_ref();
    intent
        .and_then(|intent| intent.object())
        .is_some_and(|intent| {
            intent.status.as_deref() == Some("requires_payment_method")
                && intent.last_payment_error.is_some()
        })
}

/// The amounts asked for and paid, in minor units. An amount that Stripe left out is -1 and fits no payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Before discounts.
    pub subtotal: i64,
    /// Taken off by promotion codes.
    pub discount: i64,
    /// After discounts.
    pub total: i64,
    /// Whether tax or shipping is included. We never ask for either.
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

/// The loaded rows of a slice's payments, with the changes of the snapshots that are decided already.
#[derive(Debug, Default)]
pub struct SliceState {
    /// By the Stripe object's id.
    pub payments: HashMap<String, LoadedPayment>,
    /// The orders that they pay for.
    pub orders: HashMap<OrderId, LoadedOrder>,
    /// The stock of the products of orders that may be paid now.
    pub stock: Stock,
    /// Payments named by the metadata of objects that belong to no loaded payment.
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

/// A payment named by metadata only.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub charge_account: AccountId,
    pub awaits_object: bool,
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
    /// A paid object names a payment that is not here.
    Orphan(PaymentId),
    /// The object is not what was asked for.
    Mismatch(PaymentId),
    /// The money is on its way. `advances`: the order was still open and moves too.
    Process {
        payment: PaymentId,
        order: OrderId,
        advances: bool,
    },
    /// The payment ended without money. `advances`: the order was still open and moves too.
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

/// The effect of a payment on its order.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The order is paid and its lines are taken from stock.
    Sold,
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

/// Decides one snapshot: forward only.
///
/// # Errors
/// A payment of ours whose object has an unknown status.
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

/// Decides a snapshot whose object belongs to no loaded payment. Metadata is only a hint: the snapshot waits if it names a
/// payment of this account that has no object yet.
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
    // Stripe never pays an expired or failed session. If it did, the money must not be lost: such a payment becomes paid
    // and is refunded as late.
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
        // The order's first payment stands; only this one goes back.
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

    /// Applies a decision, so that the snapshots after it are decided on its result.
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

/// The order's state after its payment failed or expired.
pub fn order_status_after(payment: PaymentStatus) -> OrderStatus {
    match payment {
        PaymentStatus::Failed => OrderStatus::Failed,
        _ => OrderStatus::Expired,
    }
}

#[cfg(test)]
mod tests;
