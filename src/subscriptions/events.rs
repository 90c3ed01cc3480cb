//! Effects of Stripe's events about subscriptions. They may come twice, late and in any order, so each has its subscription read again.

use std::collections::HashSet;

use sea_orm::{ColumnTrait, QueryFilter};
use souk_entity::payment;

use crate::db::Tx;
use crate::db::set_wise::{SetWise, read_in_order};
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::payments::invoices::{self, fee, first};
use crate::stripe::views::{InvoiceView, UpcomingInvoiceView};
use crate::stripe::{Effect, Event, EventObject};

use super::sync::payments_of;

/// It is about none.
pub const NO_SUBSCRIPTION: Effect = Effect::Ignored("no subscription of ours");

/// `customer.subscription.*`.
pub async fn subscription(tx: &Tx, event: &Event) -> Result<Effect> {
    reread(tx, &event.about()?).await
}

/// Stages a re-read of a subscription. One that began with a payment that isn't confirmed yet is read then.
pub async fn reread(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(NO_SUBSCRIPTION);
    };
    let here = payment::Column::ChargeAccount.eq(account.clone());
    let known = payments_of(id, object.livemode).filter(here);
    if known.one(tx).await?.is_none() {
        return Ok(NO_SUBSCRIPTION);
    }
    let job = Job::SyncSubscription {
        account: account.clone(),
        livemode: object.livemode,
        subscription: id.clone(),
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
}

/// Those events after which an invoice is read, too: the second in which they came may have brought others.
const READ_AFTER: [&str; 7] = [
    "invoice.finalization_failed",
    "invoice.marked_uncollectible",
    "invoice.overdue",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.updated",
    "invoice.voided",
];

struct KnownRow {
    /// Which of the given subscriptions it is.
    at: i64,
}

read_in_order!(KnownRow { at });

const KNOWN: SetWise = SetWise {
    text: "SELECT input.at FROM {input} WHERE EXISTS (SELECT 1 FROM payments p WHERE p.subscription IS NOT NULL \
               AND p.subscription = input.subscription AND p.charge_account = input.account AND p.livemode = input.livemode)",
    columns: &[
        ("at", "bigint"),
        ("subscription", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
    ],
};

/// `invoice.*`, but for `invoice.paid`: what becomes of an invoice shows in its row, and in its subscription.
///
/// # Errors
/// An event without an invoice or a mode.
pub async fn invoices(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut seen = Vec::with_capacity(events.len());
    for event in events {
        seen.push((*event, event.object::<InvoiceView>()?));
    }
    invoices::show_events(tx, &seen).await?;
    let mut asked = Vec::with_capacity(seen.len());
    for ((event, invoice), at) in seen.iter().zip(0_i64..) {
        let Some(account) = &event.account else {
            continue;
        };
        match event.kind.as_str() {
            "invoice.created" => {
                fee::look_at_draft(tx, account, event.livemode()?, invoice).await?;
            }
            "invoice.voided" => first::voided(tx, event).await.map(drop)?,
            _ => {}
        }
        if let Some(subscription) = invoice.subscription() {
            asked.push((at, subscription, account, event.livemode()?));
        }
    }
    let mut effects = vec![NO_SUBSCRIPTION; events.len()];
    if asked.is_empty() {
        return Ok(effects);
    }
    let known: Vec<KnownRow> = KNOWN.all(tx, &asked, []).await?;
    let known: HashSet<i64> = known.into_iter().map(|row| row.at).collect();
    let mut jobs = Vec::new();
    for (at, subscription, account, livemode) in asked {
        let at_index = usize::try_from(at).ok().filter(|_| known.contains(&at));
        let Some((effect, (event, invoice))) =
            at_index.and_then(|at| Some((effects.get_mut(at)?, seen.get(at)?)))
        else {
            continue;
        };
        *effect = Effect::Applied;
        let account = account.clone();
        if READ_AFTER.contains(&event.kind.as_str()) && invoice.status.as_deref() != Some("draft") {
            jobs.push(Job::SyncInvoice {
                account: account.clone(),
                livemode,
                invoice: invoice.id.clone(),
            });
        }
        jobs.push(Job::SyncSubscription {
            account,
            livemode,
            subscription: subscription.to_owned(),
        });
    }
    jobs::stage_all(tx, &jobs).await?;
    Ok(effects)
}

/// `invoice.upcoming`, whose invoice doesn't exist yet and has no id.
pub async fn upcoming(tx: &Tx, event: &Event) -> Result<Effect> {
    let invoice = event.object::<UpcomingInvoiceView>()?;
    let about = event.about()?;
    let of = EventObject {
        id: invoice.subscription().map(str::to_owned),
        ..about
    };
    reread(tx, &of).await
}
