//! Changes that wait for their invoice to be paid: pending updates, and the resumption of a paused
//! subscription. <https://docs.stripe.com/billing/subscriptions/pending-updates>.
//!
//! A change is made and billed as any other, and then taken back. What it made of the subscription is
//! kept beside it, and put in its place when the invoice is paid.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{cycle, emit_change, items_of, now, show_items};
use crate::{
    api::merged,
    billing::{
        calendar,
        invoices::{
            payments,
            settle::{self, Collected},
        },
    },
    customers::methods::{self, MethodKind},
    error::ApiError,
    form::Node,
    payments::confirm::AttemptOptions,
    store::{Kind, Record, Tx},
};

const HOUR: i64 = 3600;
/// A change can be paid for this long, unless a period or a trial ends before.
pub(super) const LIFE: i64 = 23 * HOUR;

/// The parameters that an update may have whose change waits
/// (<https://docs.stripe.com/billing/subscriptions/pending-updates-reference>).
const SUPPORTED: [&str; 13] = [
    "add_invoice_items",
    "billing_cycle_anchor",
    "cancel_at_period_end",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "price",
    "proration_behavior",
    "proration_date",
    "quantity",
    "subscription",
    "trial_end",
];

/// The parameters that change what is billed.
const CHANGING: [&str; 6] = [
    "billing_cycle_anchor",
    "items",
    "price",
    "price_data",
    "quantity",
    "trial_end",
];

/// The fields of a subscription that a change sets, besides its items.
const FIELDS: [&str; 8] = [
    "billing_cycle_anchor",
    "cancel_at",
    "cancel_at_period_end",
    "canceled_at",
    "cancellation_details",
    "status",
    "trial_end",
    "trial_start",
];

/// What a change waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// `payment_behavior=pending_if_incomplete`.
    Update,
    /// `payment_behavior=resume_on_payment_attempt`.
    ResumeOnAttempt,
    /// `payment_behavior=resume_on_payment_success`.
    ResumeOnSuccess,
}

impl Wait {
    fn name(self) -> &'static str {
        match self {
            Wait::Update => "update",
            Wait::ResumeOnAttempt => "resume_on_payment_attempt",
            Wait::ResumeOnSuccess => "resume_on_payment_success",
        }
    }

    fn of(name: &Value) -> Option<Self> {
        [Wait::Update, Wait::ResumeOnAttempt, Wait::ResumeOnSuccess]
            .into_iter()
            .find(|wait| *name == wait.name())
    }
}

/// A subscription and its items before a change.
pub(super) struct Before {
    pub subscription: Arc<Record>,
    items: Vec<Arc<Record>>,
}

impl Before {
    pub fn of(tx: &Tx<'_>, subscription: Arc<Record>) -> Self {
        let items = items_of(tx, &subscription);
        Self {
            subscription,
            items,
        }
    }
}

/// The subscription without the change that waits, which a request to change it again discards.
/// Whether the request's own change may wait is checked.
pub(super) fn make_way(
    tx: &mut Tx<'_>,
    subscription: Arc<Record>,
    args: &Node,
) -> Result<Arc<Record>, ApiError> {
    if CHANGING.iter().any(|name| args.at(name).is_some()) {
        expire(tx, &subscription.id);
    }
    if args.text("payment_behavior") == Some("pending_if_incomplete") {
        check(tx, &subscription, args)?;
    }
    Ok(tx.get(&subscription.id).unwrap_or(subscription))
}

/// Refuses `pending_if_incomplete` where Stripe has none.
fn check(tx: &Tx<'_>, subscription: &Record, args: &Node) -> Result<(), ApiError> {
    if let Some((name, _)) = args
        .children()
        .iter()
        .find(|(name, _)| !SUPPORTED.contains(&name.as_str()))
    {
        return Err(ApiError::invalid(format!(
            "You cannot update `{name}` when `payment_behavior` is `pending_if_incomplete`. See https://stripe.com/docs/billing/subscriptions/pending-updates-reference."
        ))
        .param(name.clone()));
    }
    let debited = payments::method_of_subscription(tx, subscription)
        .is_some_and(|m| matches!(methods::kind(&m), MethodKind::Debit(..)));
    if debited || subscription.text("collection_method") == "send_invoice" {
        return Err(ApiError::invalid(
            "Pending updates aren't supported for subscriptions whose `collection_method` is `send_invoice`, or that are paid by bank debits.",
        )
        .param("payment_behavior"));
    }
    if subscription.text("status") == "incomplete" {
        return Err(
            ApiError::invalid("An incomplete subscription can't have pending updates.")
                .param("payment_behavior"),
        );
    }
    Ok(())
}

/// Until when a change of a subscription can wait.
fn expiry(tx: &Tx<'_>, before: &Before, wait: Wait) -> i64 {
    match wait {
        Wait::ResumeOnSuccess => calendar::add_months(tx.now, 12),
        Wait::ResumeOnAttempt => tx.now + LIFE,
        Wait::Update => before
            .items
            .iter()
            .map(|i| i.int("current_period_end"))
            .chain(before.subscription.value["trial_end"].as_i64())
            .filter(|at| *at > tx.now)
            .chain([tx.now + LIFE])
            .min()
            .unwrap_or(tx.now),
    }
}

/// Takes a change back that has been made and billed, until its invoice is paid.
fn hold(tx: &mut Tx<'_>, before: &Before, invoice: &str, wait: Wait) {
    let id = &before.subscription.id;
    let Some(after) = tx.get(id) else {
        return;
    };
    let changed = items_of(tx, &after);
    let items: Vec<Value> = changed
        .iter()
        .map(|i| json!({ "value": i.value, "hidden": i.hidden }))
        .collect();
    let mut fields = json!({});
    for name in FIELDS {
        if after.value[name] != before.subscription.value[name] {
            fields[name] = after.value[name].clone();
        }
    }
    for item in &changed {
        if !before.items.iter().any(|old| old.id == item.id) {
            tx.remove(&item.id);
        }
    }
    for item in &before.items {
        tx.restore(item.clone());
    }
    let expires_at = expiry(tx, before, wait);
    tx.restore(before.subscription.clone());
    tx.update(id, |r| {
        for name in ["latest_invoice", "discounts"] {
            r.value[name] = after.value[name].clone();
        }
        r.value["pending_update"] = Value::Null;
        r.hidden["held"] = json!({
            "wait": wait.name(), "invoice": invoice, "items": items, "fields": fields,
            "expires_at": expires_at,
        });
    });
    tx.update(invoice, |r| r.hidden["held"] = json!(wait.name()));
}

/// What became of a change whose invoice is to be paid first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    /// There was nothing to pay: it is made, and nobody has been told.
    Free,
    /// Paid, made and told.
    Paid,
    Waits,
}

/// Finalizes the invoice of a change, and takes the change back until it is paid.
pub(super) fn collect(
    tx: &mut Tx<'_>,
    before: &Before,
    invoice: &str,
    wait: Wait,
    how: &AttemptOptions,
) -> Result<Made, ApiError> {
    let id = &before.subscription.id;
    settle::finalize(tx, invoice)?;
    if tx.get(invoice).is_none_or(|i| i.text("status") == "paid") {
        return Ok(Made::Free);
    }
    hold(tx, before, invoice, wait);
    if wait == Wait::ResumeOnAttempt {
        settle::stop(tx, invoice);
    } else if matches!(
        settle::collect(tx, invoice, None, how)?,
        Collected::NoMethod
    ) {
        return Err(settle::no_method());
    }
    if tx.get(id).is_none_or(|s| s.hidden["held"].is_null()) {
        return Ok(Made::Paid);
    }
    if wait == Wait::Update || shows_resumptions(tx) {
        show(tx, id);
    }
    cycle::schedule(tx, id);
    Ok(Made::Waits)
}

fn shows_resumptions(tx: &Tx<'_>) -> bool {
    tx.assumptions.get("pending_resumption") == "shown"
}

/// Shows a change that waits as `pending_update`.
fn show(tx: &mut Tx<'_>, id: &str) {
    tx.update(id, |r| {
        let held = &r.hidden["held"];
        let items = held["items"].as_array();
        let items: Vec<&Value> = items.into_iter().flatten().map(|i| &i["value"]).collect();
        r.value["pending_update"] = json!({
            "billing_cycle_anchor": held["fields"]["billing_cycle_anchor"],
            "cancel_at_period_end": held["fields"]["cancel_at_period_end"],
            "discount": null,
            "discounts": null,
            "expires_at": held["expires_at"],
            "metadata": null,
            "subscription_items": items,
            "trial_end": held["fields"]["trial_end"],
            "trial_from_plan": null,
        });
    });
}

/// When the change of a subscription that waits is discarded.
pub(super) fn expires_at(subscription: &Record) -> Option<i64> {
    subscription.hidden["held"]["expires_at"].as_i64()
}

/// An item that a change which waits will add, if there is none of that id yet.
pub(super) fn item(tx: &Tx<'_>, subscription: &str, id: &str) -> Option<Value> {
    let held = tx.get(subscription)?.hidden["held"]["items"].clone();
    let mut items = held.as_array()?.iter();
    let found = items.find(|i| i["value"]["id"] == id)?;
    Some(found["value"].clone())
}

/// An invoice has ended: what that means for the change that waits for it. Whether nothing more is to
/// be done.
pub(super) fn invoice_ended(tx: &mut Tx<'_>, subscription: &Record, invoice: &Record) -> bool {
    let held = &subscription.hidden["held"];
    let status = invoice.text("status");
    if held["invoice"] != invoice.id.as_str() {
        // That of a change which was discarded says nothing of the subscription.
        return invoice.hidden["held"] == Wait::Update.name() && status != "paid";
    }
    let resumes = Wait::of(&held["wait"]) != Some(Wait::Update);
    match status {
        "paid" => apply(tx, &subscription.id, "active"),
        "uncollectible" if resumes => apply(tx, &subscription.id, "active"),
        "void" => discard(tx, &subscription.id),
        _ => {}
    }
    status != "paid" || resumes
}

/// An attempt to collect an invoice failed. Whether a change waits for it, and so nothing more is to be
/// done.
pub(super) fn attempt_failed(tx: &mut Tx<'_>, subscription: &Record, invoice: &Record) -> bool {
    match Wait::of(&invoice.hidden["held"]) {
        Some(Wait::Update | Wait::ResumeOnSuccess) => true,
        Some(Wait::ResumeOnAttempt)
            if subscription.hidden["held"]["invoice"] == invoice.id.as_str() =>
        {
            apply(tx, &subscription.id, "past_due");
            true
        }
        _ => false,
    }
}

/// Makes the change that has waited. A resumed subscription gets `status`.
fn apply(tx: &mut Tx<'_>, id: &str, status: &str) {
    let Some(subscription) = tx.get(id) else {
        return;
    };
    let (before, held) = (subscription.value.clone(), &subscription.hidden["held"]);
    let resumes = Wait::of(&held["wait"]) != Some(Wait::Update);
    let wanted = held["items"].as_array().cloned().unwrap_or_default();
    for item in items_of(tx, &subscription) {
        if !wanted.iter().any(|w| w["value"]["id"] == item.id.as_str()) {
            tx.remove(&item.id);
        }
    }
    for item in wanted {
        put_item(tx, &subscription.owner, item);
    }
    let fields = held["fields"].clone();
    tx.update(id, |r| {
        r.value = merged(r.value.take(), fields);
        if resumes {
            r.value["status"] = json!(status);
            r.value["status_details"] = Value::Null;
        }
        r.value["pending_update"] = Value::Null;
        r.hidden["held"] = Value::Null;
    });
    show_items(tx, id);
    cycle::schedule(tx, id);
    emit_change(tx, id, &before);
    let value = now(tx, id);
    if before["pending_update"].is_object() {
        tx.emit(
            "customer.subscription.pending_update_applied",
            &subscription.owner,
            &value,
        );
    }
    if resumes {
        tx.emit("customer.subscription.resumed", &subscription.owner, &value);
    }
}

/// Sets an item as a change made it, or adds it.
fn put_item(tx: &mut Tx<'_>, owner: &str, item: Value) {
    let id = item["value"]["id"].as_str().unwrap_or_default().to_owned();
    let set = tx.update(&id, |r| {
        for name in [
            "price",
            "plan",
            "quantity",
            "current_period_start",
            "current_period_end",
        ] {
            r.value[name] = item["value"][name].clone();
        }
        r.hidden = item["hidden"].clone();
    });
    if set.is_none() {
        let (value, hidden) = (item["value"].clone(), item["hidden"].clone());
        tx.insert(Kind::SubscriptionItem, owner, value, hidden, None);
    }
}

/// Forgets the change that has waited.
fn discard(tx: &mut Tx<'_>, id: &str) {
    let before = now(tx, id);
    let gone = tx.update(id, |r| {
        r.value["pending_update"] = Value::Null;
        r.hidden["held"] = Value::Null;
    });
    cycle::schedule(tx, id);
    emit_change(tx, id, &before);
    if let Some(gone) = gone.filter(|_| before["pending_update"].is_object()) {
        tx.emit(
            "customer.subscription.pending_update_expired",
            &gone.owner,
            &gone.value,
        );
    }
}

/// Discards the change that waits, if there is one: its time is over, or another comes instead. Its
/// invoice is void.
pub(super) fn expire(tx: &mut Tx<'_>, id: &str) {
    let Some(invoice) = tx
        .get(id)
        .and_then(|s| s.hidden["held"]["invoice"].as_str().map(str::to_owned))
    else {
        return;
    };
    if tx
        .get(&invoice)
        .is_some_and(|i| matches!(i.text("status"), "open" | "uncollectible"))
    {
        // That discards the change.
        settle::void(tx, &invoice);
    } else {
        discard(tx, id);
    }
}
