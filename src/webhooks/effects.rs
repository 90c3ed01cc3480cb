//! Which event does what. A type that isn't here is stored, acknowledged and ignored.

use crate::db::Tx;
use crate::error::Result;
use crate::stripe::{Effect, Event};
use crate::{ledger, payments, sellers};

const NONE: Effect = Effect::Ignored("no effect of ours");
const THIN: Effect =
    Effect::Ignored("a thin event: have this endpoint sent snapshot events instead");

/// The types that have an effect: these alone are asked for in a catch-up.
pub(super) const TYPES: [&str; 17] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.refund.updated",
    "charge.refunded",
    "account.updated",
    "account.application.deauthorized",
    "payout.created",
    "payout.updated",
    "payout.paid",
    "payout.failed",
    "payout.canceled",
    "payout.reconciliation_completed",
];

/// Does the effects of events, set-wise where there is a form for it.
pub(super) async fn apply_all(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut done = std::collections::HashSet::new();
    done.extend(sellers::events::accounts_updated(tx, events).await?);
    let mut effects = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        effects.push(match done.contains(&at) {
            true => Effect::Applied,
            false => apply(tx, event).await?,
        });
    }
    Ok(effects)
}

/// Does the effect of an event.
pub(super) async fn apply(tx: &Tx, event: &Event) -> Result<Effect> {
    if event.thin {
        return Ok(THIN);
    }
    let kind = event.kind.as_str();
    if !TYPES.contains(&kind) {
        return Ok(NONE);
    }
    match kind {
        "checkout.session.completed"
        | "checkout.session.expired"
        | "checkout.session.async_payment_succeeded" => {
            one(payments::confirm::checkout_sessions(tx, &[event]).await?)
        }
        "checkout.session.async_payment_failed" => {
            one(payments::confirm::checkout_sessions(tx, &[event]).await?)
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            payments::events::refund(tx, event).await
        }
        "charge.refunded" => payments::events::charge_refunded(tx, event).await,
        "account.updated" => sellers::events::account_updated(tx, event).await,
        "account.application.deauthorized" => {
            sellers::events::account_application_deauthorized(tx, event).await
        }
        "payout.created"
        | "payout.updated"
        | "payout.paid"
        | "payout.failed"
        | "payout.canceled"
        | "payout.reconciliation_completed" => ledger::events::payout(tx, event).await,
        _ => Ok(NONE),
    }
}

fn one(effects: Vec<Effect>) -> Result<Effect> {
    effects
        .into_iter()
        .next()
        .ok_or_else(|| crate::error::Error::internal("no effect"))
}
