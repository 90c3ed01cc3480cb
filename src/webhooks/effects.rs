//! The table of effects: event type, endpoint and payload style select a function. The lists of types for endpoints and
//! for catch-up are made from it.

use std::pin::Pin;

use souk_entity::inbox_event::Endpoint;

use crate::db::Tx;
use crate::error::{Error, Result};
use crate::stripe::{Effect, Event, EventObject};
use crate::{customers, ledger, payments, sellers, subscriptions};

/// The content of an event (docs.stripe.com/event-destinations): a snapshot of the object, or only its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PayloadStyle {
    Snapshot,
    Thin,
}

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// The function of a row.
enum Apply {
    /// One by one.
    Each(for<'a> fn(&'a Tx, &'a Event) -> BoxFuture<'a, Effect>),
    /// All of a batch at once. Returns an effect for each event, in their order.
    SetWise(for<'a> fn(&'a Tx, &'a [&'a Event]) -> BoxFuture<'a, Vec<Effect>>),
}

/// Stages a re-read of an event's object, since the payload may be gone or has none.
type Reread = for<'a> fn(&'a Tx, &'a EventObject) -> BoxFuture<'a, Effect>;

/// Events of some types, and their effect.
pub(super) struct EffectRow {
    pub(super) types: &'static [&'static str],
    /// Where snapshots count. Thin events count at both: whose they are doesn't follow from the endpoint.
    endpoints: &'static [Endpoint],
    payload: PayloadStyle,
    /// The version of this table that first had the row. Neither it nor the row's types ever change: a new type comes with
    /// a new row and a new version. That is how events that an older version ignored are reviewed, and how catch-up starts
    /// a cursor of its own for the new types.
    since: i32,
    apply: Apply,
    reread: Reread,
}

const CONNECT: &[Endpoint] = &[Endpoint::Connect];
const PLATFORM: &[Endpoint] = &[Endpoint::Platform];
const BOTH: &[Endpoint] = &[Endpoint::Connect, Endpoint::Platform];

pub(super) const TABLE: [EffectRow; 25] = [
    EffectRow {
        types: &[
            "checkout.session.completed",
            "checkout.session.expired",
            "checkout.session.async_payment_succeeded",
            "checkout.session.async_payment_failed",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::SetWise(|tx, events| {
            Box::pin(payments::confirm::checkout_sessions(tx, events))
        }),
        reread: |tx, object| Box::pin(payments::events::reread_session(tx, object)),
    },
    EffectRow {
        types: &[
            "refund.created",
            "refund.updated",
            "refund.failed",
            "charge.refund.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::Each(|tx, event| Box::pin(payments::events::refund(tx, event))),
        reread: |tx, object| Box::pin(payments::events::reread_refund(tx, object)),
    },
    EffectRow {
        types: &["charge.refunded"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::Each(|tx, event| Box::pin(payments::events::charge_refunded(tx, event))),
        reread: |tx, object| Box::pin(payments::events::reread_charge(tx, object)),
    },
    EffectRow {
        types: &["account.updated"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::SetWise(|tx, events| Box::pin(sellers::events::accounts_updated(tx, events))),
        reread: |tx, object| Box::pin(sellers::events::reread_account(tx, object)),
    },
    EffectRow {
        types: &["account.application.deauthorized"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::Each(|tx, event| {
            Box::pin(sellers::events::account_application_deauthorized(tx, event))
        }),
        reread: |tx, object| Box::pin(sellers::events::reread_account(tx, object)),
    },
    EffectRow {
        types: &[
            "payout.created",
            "payout.updated",
            "payout.paid",
            "payout.failed",
            "payout.canceled",
            "payout.reconciliation_completed",
        ],
        endpoints: BOTH,
        payload: PayloadStyle::Snapshot,
        since: 1,
        apply: Apply::Each(|tx, event| Box::pin(ledger::events::payout(tx, event))),
        reread: |tx, object| Box::pin(ledger::events::reread_payout(tx, object)),
    },
    EffectRow {
        types: &[
            "charge.dispute.created",
            "charge.dispute.updated",
            "charge.dispute.closed",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.funds_reinstated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 2,
        apply: Apply::Each(|tx, event| Box::pin(payments::events::dispute(tx, event))),
        reread: |tx, object| Box::pin(payments::events::reread_dispute(tx, object)),
    },
    EffectRow {
        types: &[
            "balance.available",
            "charge.captured",
            "charge.expired",
            "charge.failed",
            "charge.pending",
            "charge.succeeded",
            "charge.updated",
            "topup.reversed",
            "topup.succeeded",
            "transfer.created",
            "transfer.reversed",
            "transfer.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 2,
        apply: Apply::SetWise(|tx, events| Box::pin(ledger::events::money_moved(tx, events))),
        reread: |tx, object| Box::pin(ledger::events::reread_balance(tx, object)),
    },
    EffectRow {
        types: &[
            "application_fee.created",
            "transfer.created",
            "transfer.reversed",
            "transfer.updated",
        ],
        endpoints: PLATFORM,
        payload: PayloadStyle::Snapshot,
        since: 2,
        apply: Apply::SetWise(|tx, events| Box::pin(ledger::events::money_moved(tx, events))),
        reread: |tx, object| Box::pin(ledger::events::reread_balance(tx, object)),
    },
    EffectRow {
        types: &["application_fee.refunded"],
        endpoints: PLATFORM,
        payload: PayloadStyle::Snapshot,
        since: 2,
        apply: Apply::Each(|tx, event| Box::pin(payments::fees::refunded(tx, event))),
        reread: |tx, object| Box::pin(ledger::events::reread_balance(tx, object)),
    },
    EffectRow {
        types: &[
            "radar.early_fraud_warning.created",
            "radar.early_fraud_warning.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 4,
        apply: Apply::Each(|tx, event| Box::pin(payments::events::fraud_warning(tx, event))),
        reread: |tx, object| Box::pin(payments::events::reread_fraud_warning(tx, object)),
    },
    // docs.stripe.com/api/v2/core/accounts/event-types
    EffectRow {
        types: &[
            "v2.core.account.closed",
            "v2.core.account.created",
            "v2.core.account.updated",
            "v2.core.account[configuration.merchant].capability_status_updated",
            "v2.core.account[configuration.merchant].updated",
            "v2.core.account[configuration.recipient].capability_status_updated",
            "v2.core.account[configuration.recipient].updated",
            "v2.core.account[defaults].updated",
            "v2.core.account[future_requirements].updated",
            "v2.core.account[identity].updated",
            "v2.core.account[requirements].updated",
        ],
        endpoints: BOTH,
        payload: PayloadStyle::Thin,
        since: THIN_SINCE,
        apply: Apply::SetWise(|tx, events| Box::pin(sellers::events::accounts_updated(tx, events))),
        reread: |tx, object| Box::pin(sellers::events::reread_account(tx, object)),
    },
    EffectRow {
        types: &["v2.core.account_link.returned"],
        endpoints: BOTH,
        payload: PayloadStyle::Thin,
        since: THIN_SINCE,
        apply: Apply::Each(|tx, event| {
            Box::pin(async move { sellers::events::link_returned(tx, &event.about()?).await })
        }),
        reread: |tx, object| Box::pin(sellers::events::link_returned(tx, object)),
    },
    EffectRow {
        types: &[
            "payment_intent.amount_capturable_updated",
            "payment_intent.canceled",
            "payment_intent.payment_failed",
            "payment_intent.processing",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 5,
        apply: Apply::SetWise(|tx, events| {
            Box::pin(payments::confirm::payment_intents(tx, events))
        }),
        reread: |tx, object| Box::pin(payments::events::reread_intent(tx, object)),
    },
    EffectRow {
        types: &["customer.deleted", "customer.updated"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 6,
        apply: Apply::Each(|tx, event| Box::pin(customers::events::customer(tx, event))),
        reread: |tx, object| Box::pin(customers::events::reread_customer(tx, object)),
    },
    EffectRow {
        types: &[
            "payment_method.attached",
            "payment_method.automatically_updated",
            "payment_method.detached",
            "payment_method.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 6,
        apply: Apply::Each(|tx, event| Box::pin(customers::events::payment_method(tx, event))),
        reread: |tx, object| Box::pin(customers::events::reread_method(tx, object)),
    },
    EffectRow {
        types: &[
            "setup_intent.canceled",
            "setup_intent.requires_action",
            "setup_intent.setup_failed",
            "setup_intent.succeeded",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 6,
        apply: Apply::Each(|tx, event| Box::pin(payments::setups::events::setup_intent(tx, event))),
        reread: |tx, object| Box::pin(payments::setups::events::reread(tx, object)),
    },
    EffectRow {
        types: &[
            "customer.tax_id.created",
            "customer.tax_id.deleted",
            "customer.tax_id.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 7,
        apply: Apply::Each(|tx, event| Box::pin(customers::events::tax_id(tx, event))),
        reread: |tx, object| Box::pin(customers::events::reread_tax_id(tx, object)),
    },
    EffectRow {
        types: &["invoice.paid"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 8,
        apply: Apply::SetWise(|tx, events| Box::pin(payments::invoices::paid(tx, events))),
        reread: |tx, object| Box::pin(payments::invoices::reread(tx, object)),
    },
    EffectRow {
        types: &[
            "customer.subscription.created",
            "customer.subscription.deleted",
            "customer.subscription.paused",
            "customer.subscription.pending_update_applied",
            "customer.subscription.pending_update_expired",
            "customer.subscription.resumed",
            "customer.subscription.trial_will_end",
            "customer.subscription.updated",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 8,
        apply: Apply::Each(|tx, event| Box::pin(subscriptions::events::subscription(tx, event))),
        reread: |tx, object| Box::pin(subscriptions::events::reread(tx, object)),
    },
    EffectRow {
        types: &[
            "invoice.created",
            "invoice.finalization_failed",
            "invoice.finalized",
            "invoice.marked_uncollectible",
            "invoice.overdue",
            "invoice.payment_action_required",
            "invoice.payment_failed",
            "invoice.voided",
        ],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 8,
        apply: Apply::SetWise(|tx, events| Box::pin(subscriptions::events::invoices(tx, events))),
        reread: |tx, object| Box::pin(payments::invoices::reread(tx, object)),
    },
    EffectRow {
        types: &["invoice.payment_succeeded", "invoice.updated"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 9,
        apply: Apply::SetWise(|tx, events| Box::pin(subscriptions::events::invoices(tx, events))),
        reread: |tx, object| Box::pin(payments::invoices::reread(tx, object)),
    },
    EffectRow {
        types: &["invoice_payment.paid"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 9,
        apply: Apply::SetWise(|tx, events| Box::pin(payments::invoices::paid_by(tx, events))),
        reread: |tx, object| Box::pin(payments::invoices::reread_paid_by(tx, object)),
    },
    EffectRow {
        types: &["invoice.upcoming"],
        endpoints: CONNECT,
        payload: PayloadStyle::Snapshot,
        since: 9,
        apply: Apply::Each(|tx, event| Box::pin(subscriptions::events::upcoming(tx, event))),
        // Such an invoice has no id, so there is nothing to read. Whom it concerns is seen in time by our own clock.
        reread: |_, _| Box::pin(async { Ok(subscriptions::events::NO_SUBSCRIPTION) }),
    },
    // The platform's own money.
    EffectRow {
        types: &[
            "balance.available",
            "charge.captured",
            "charge.expired",
            "charge.failed",
            "charge.pending",
            "charge.succeeded",
            "charge.updated",
            "topup.reversed",
            "topup.succeeded",
        ],
        endpoints: PLATFORM,
        payload: PayloadStyle::Snapshot,
        since: 4,
        apply: Apply::SetWise(|tx, events| Box::pin(ledger::events::money_moved(tx, events))),
        reread: |tx, object| Box::pin(ledger::events::reread_balance(tx, object)),
    },
];

/// The version of the table that first had an effect of thin events, of the rows' own types and of the thin forms of the
/// others.
const THIN_SINCE: i32 = 3;

/// The version of the table: the newest row's.
pub(super) const VERSION: i32 = newest(&TABLE);

const fn newest(rows: &[EffectRow]) -> i32 {
    let (mut newest, mut at) = (0, 0);
    while at < rows.len() {
        if rows[at].since > newest {
            newest = rows[at].since;
        }
        at += 1;
    }
    newest
}

const NO_EFFECT: Effect = Effect::Ignored("no effect of ours");
const OTHER_ENDPOINT: Effect =
    Effect::Ignored("this type has an effect at the other endpoint alone");

/// The type of which this is the thin form: `v1.charge.refunded` is `charge.refunded`
/// (docs.stripe.com/webhooks/migrate-snapshot-to-thin-events).
fn classic_form(kind: &str) -> Option<&str> {
    kind.strip_prefix("v1.")
}

/// The row of an event, or why it has none.
fn row_of(endpoint: Endpoint, event: &Event) -> Result<usize, Effect> {
    let thin = event.thin.then(|| classic_form(&event.kind)).flatten();
    let kind = thin.unwrap_or(&event.kind);
    let of_type = |row: &EffectRow| row.types.contains(&kind);
    let here = |row: &EffectRow| match (event.thin, thin) {
        (false, _) => row.payload == PayloadStyle::Snapshot && row.endpoints.contains(&endpoint),
        (true, None) => row.payload == PayloadStyle::Thin,
        (true, Some(_)) => row.payload == PayloadStyle::Snapshot,
    };
    match TABLE.iter().position(|row| of_type(row) && here(row)) {
        Some(row) => Ok(row),
        None if !event.thin && TABLE.iter().any(of_type) => Err(OTHER_ENDPOINT),
        None => Err(NO_EFFECT),
    }
}

/// Applies events, those of a row together. Returns the effects in the events' order.
///
/// # Errors
/// One of them failed. The caller's savepoint or transaction undoes them all.
pub(super) async fn apply(tx: &Tx, events: &[(Endpoint, &Event)]) -> Result<Vec<Effect>> {
    let rows: Vec<_> = events
        .iter()
        .map(|(at, event)| row_of(*at, event))
        .collect();
    let mut effects: Vec<Option<Effect>> = rows.iter().map(|row| row.clone().err()).collect();
    for (number, row) in TABLE.iter().enumerate() {
        let places: Vec<usize> = (0..events.len())
            .filter(|at| rows[*at] == Ok(number))
            .collect();
        if places.is_empty() {
            continue;
        }
        let is_thin_form = |at: &usize| row.payload == PayloadStyle::Snapshot && events[*at].1.thin;
        let (thin_forms, places): (Vec<_>, Vec<_>) = places.into_iter().partition(is_thin_form);
        for at in thin_forms {
            effects[at] = Some((row.reread)(tx, &events[at].1.about()?).await?);
        }
        let row_events: Vec<&Event> = places.iter().map(|at| events[*at].1).collect();
        let done = match &row.apply {
            Apply::SetWise(apply) => apply(tx, &row_events).await?,
            Apply::Each(apply) => {
                let mut done = Vec::with_capacity(row_events.len());
                for event in row_events {
                    done.push(apply(tx, event).await?);
                }
                done
            }
        };
        for (at, effect) in places.into_iter().zip(done) {
            effects[at] = Some(effect);
        }
    }
    let effects: Option<Vec<Effect>> = effects.into_iter().collect();
    effects.ok_or_else(|| Error::internal("an event without an effect"))
}

/// Stages a re-read of an ignored event's object, if the event's type is newer than `ignored_by`. `false`: this version
/// has no effect for it either, or the object is none of ours.
pub(super) async fn stage_reread(
    tx: &Tx,
    endpoint: Endpoint,
    kind: &str,
    ignored_by: i32,
    object: &EventObject,
) -> Result<bool> {
    let classic = classic_form(kind);
    let is_new = |row: &&EffectRow| {
        let since = match classic {
            Some(_) => std::cmp::max(row.since, THIN_SINCE),
            None => row.since,
        };
        let here = classic.is_some() || row.endpoints.contains(&endpoint);
        row.types.contains(&classic.unwrap_or(kind)) && here && since > ignored_by
    };
    match TABLE.iter().find(is_new) {
        Some(row) => Ok((row.reread)(tx, object).await? == Effect::Applied),
        None => Ok(false),
    }
}

/// The types that an endpoint subscribes to, with snapshots.
pub fn types(endpoint: Endpoint) -> Vec<&'static str> {
    let rows = TABLE.iter().filter(|row| row.is_snapshot_at(endpoint));
    rows.flat_map(|row| row.types).copied().collect()
}

/// The types that the destination of thin events subscribes to (docs.stripe.com/event-destinations).
pub fn thin_types() -> Vec<&'static str> {
    let rows = TABLE.iter().filter(|row| row.payload == PayloadStyle::Thin);
    rows.flat_map(|row| row.types).copied().collect()
}

impl EffectRow {
    fn is_snapshot_at(&self, endpoint: Endpoint) -> bool {
        self.payload == PayloadStyle::Snapshot && self.endpoints.contains(&endpoint)
    }
}

/// Types that catch-up lists in one request, with a cursor of their own.
pub(super) struct TypeGroup {
    /// The cursor's name: the version that first had these types, and a number from the second group on.
    pub(super) name: String,
    pub(super) types: Vec<&'static str>,
    pub(super) payload: PayloadStyle,
}

/// Stripe's limit for one request (docs.stripe.com/api/events/list and docs.stripe.com/api/v2/core/events/list, `types`).
const MAX_LISTED_TYPES: usize = 20;

/// The endpoint's types of snapshots in groups, by the version that first had them. A group never changes, so its cursor
/// holds for all its types.
pub(super) fn type_groups(endpoint: Endpoint) -> Vec<TypeGroup> {
    groups_of(&TABLE, |row| row.is_snapshot_at(endpoint))
}

/// The types of thin events in such groups. Their names differ from the others'.
pub(super) fn thin_groups() -> Vec<TypeGroup> {
    let groups = groups_of(&TABLE, |row| row.payload == PayloadStyle::Thin);
    let named = groups.into_iter().map(|group| TypeGroup {
        name: format!("thin:{}", group.name),
        payload: PayloadStyle::Thin,
        ..group
    });
    named.collect()
}

fn groups_of(rows: &[EffectRow], is_listed: impl Fn(&EffectRow) -> bool) -> Vec<TypeGroup> {
    let newest = newest(rows);
    let of_version = |version: i32| {
        let rows = rows
            .iter()
            .filter(|row| row.since == version && is_listed(row));
        let types: Vec<&'static str> = rows.flat_map(|row| row.types).copied().collect();
        let chunks: Vec<_> = types.chunks(MAX_LISTED_TYPES).map(<[_]>::to_vec).collect();
        chunks
            .into_iter()
            .enumerate()
            .map(move |(at, types)| TypeGroup {
                name: match at {
                    0 => version.to_string(),
                    at => format!("{version}-{}", at + 1),
                },
                types,
                payload: PayloadStyle::Snapshot,
            })
    };
    (1..=newest).flat_map(of_version).collect()
}

#[cfg(test)]
mod tests;
