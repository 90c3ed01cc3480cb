//! Pausing a subscription, and resuming it: <https://docs.stripe.com/billing/subscriptions/pause>.

use serde_json::{Value, json};

use super::{
    change, cycle, emit_change, from_path, items_of, now,
    pending::{self, Before, Made, Wait},
    proration, show_items,
};
use crate::{
    api::Call,
    billing::{
        invoices::{payments, settle},
        prices,
    },
    error::{Answer, ApiError},
    form::Node,
    payments::confirm::AttemptOptions,
    store::{Record, Tx},
};

/// `POST /v1/subscriptions/{subscription}/pause`.
pub(super) fn pause(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let subscription = from_path(tx, call)?;
    check_pausable(&subscription)?;
    let id = subscription.id.clone();
    let before = now(tx, &id);
    if let Some(invoice) = stop_as_asked(tx, &subscription, call.args)? {
        settle::advance(tx, &invoice)?;
    }
    enter(tx, &id, "pause_requested", &before);
    Ok(now(tx, &id))
}

/// Whether Stripe can pause a subscription
/// (<https://docs.stripe.com/billing/subscriptions/pause#limitations>).
pub(super) fn check_pausable(subscription: &Record) -> Result<(), ApiError> {
    let refuse = |why: &str| Err(ApiError::invalid(why));
    match subscription.text("status") {
        "trialing" => return refuse("You can't pause a subscription that is in a trial period."),
        "active" | "past_due" | "unpaid" => {}
        status => {
            return Err(ApiError::invalid(format!(
                "You can't pause a subscription with the status `{status}`."
            )));
        }
    }
    if subscription.text("collection_method") == "send_invoice" {
        return refuse(
            "You can't pause a subscription whose `collection_method` is `send_invoice`.",
        );
    }
    if subscription.value["billing_mode"]["type"] != "flexible" {
        return refuse(
            "You can only pause subscriptions whose `billing_mode` is `flexible`. See https://docs.stripe.com/billing/subscriptions/billing-mode.",
        );
    }
    Ok(())
}

/// As [`stop`], as a request asks for it.
pub(super) fn stop_as_asked(
    tx: &mut Tx<'_>,
    subscription: &Record,
    form: &Node,
) -> Result<Option<String>, ApiError> {
    let from = form.text("bill_for.unused_time_from.type").unwrap_or("now");
    let invoices = form.text("invoicing_behavior") == Some("invoice");
    stop(tx, subscription, from, invoices)
}

/// Ends the present periods now, with a credit for what is unused of them: all of it, what is left, or
/// `none`. Returns the draft of an invoice of what is pending, if one is wanted.
fn stop(
    tx: &mut Tx<'_>,
    subscription: &Record,
    unused_from: &str,
    invoices: bool,
) -> Result<Option<String>, ApiError> {
    let id = &subscription.id;
    pending::expire(tx, id);
    for item in items_of(tx, subscription) {
        let start = item.int("current_period_start");
        match unused_from {
            "none" => {}
            "item_current_period_start" => proration::credit(tx, subscription, &item, start)?,
            _ => proration::credit(tx, subscription, &item, tx.now)?,
        }
    }
    let invoice = match invoices {
        true => change::bill_pending(tx, id)?,
        false => None,
    };
    let at = tx.now;
    for item in items_of(tx, subscription) {
        tx.update(&item.id, |r| {
            // A period that hasn't begun stays one.
            let start = r.int("current_period_start");
            r.value["current_period_end"] = json!(std::cmp::max(at, start));
        });
    }
    show_items(tx, id);
    Ok(invoice)
}

/// A subscription is paused from now on.
pub(super) fn enter(tx: &mut Tx<'_>, id: &str, why: &str, before: &Value) {
    let at = tx.now;
    let paused = tx.update(id, |r| {
        r.value["status"] = json!("paused");
        r.value["status_details"] = json!({
            "paused": { "subscription": { "type": why }, "transitioned_at": at, "type": "subscription" },
        });
    });
    cycle::schedule(tx, id);
    emit_change(tx, id, before);
    if let Some(paused) = paused {
        tx.emit("customer.subscription.paused", &paused.owner, &now(tx, id));
    }
}

/// Pauses a subscription whose invoice can't be collected
/// (<https://docs.stripe.com/billing/revenue-recovery/smart-retries/pause-on-payment-failure>). Nothing
/// is credited.
pub(super) fn after_failure(tx: &mut Tx<'_>, subscription: &Record) {
    let stopped = stop(tx, subscription, "none", false);
    debug_assert!(stopped.is_ok(), "nothing is billed");
    enter(
        tx,
        &subscription.id,
        "final_payment_failure",
        &subscription.value,
    );
}

/// `POST /v1/subscriptions/{subscription}/resume`.
pub(super) fn resume(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let subscription = from_path(tx, call)?;
    let wait = check_resumable(tx, &subscription, call.args)?;
    let id = subscription.id.clone();
    pending::expire(tx, &id);
    let subscription = from_path(tx, call)?;
    let (value, before) = (
        subscription.value.clone(),
        Before::of(tx, subscription.clone()),
    );
    let how = AttemptOptions {
        off_session: true,
        ..AttemptOptions::default()
    };
    let made = match begin(tx, &subscription, call.args)? {
        Some(invoice) => pending::collect(tx, &before, &invoice, wait, &how)?,
        None => Made::Free,
    };
    match made {
        Made::Free => resumed(tx, &id, &value),
        Made::Waits => emit_change(tx, &id, &value),
        Made::Paid => {}
    }
    Ok(now(tx, &id))
}

fn check_resumable(tx: &Tx<'_>, subscription: &Record, args: &Node) -> Result<Wait, ApiError> {
    if subscription.text("status") != "paused" {
        return Err(ApiError::invalid(format!(
            "Only subscriptions with the status `paused` can be resumed; this one is `{}`.",
            subscription.text("status")
        )));
    }
    if subscription.text("collection_method") == "send_invoice" {
        return Err(ApiError::invalid(
            "Only subscriptions whose `collection_method` is `charge_automatically` can be resumed.",
        ));
    }
    if args.text("payment_behavior") != Some("resume_on_payment_success") {
        return Ok(Wait::ResumeOnAttempt);
    }
    if subscription.value["billing_mode"]["type"] != "flexible" {
        return Err(ApiError::invalid(
            "`resume_on_payment_success` is only available for subscriptions whose `billing_mode` is `flexible`.",
        )
        .param("payment_behavior"));
    }
    match payments::method_of_subscription(tx, subscription) {
        Some(_) => Ok(Wait::ResumeOnSuccess),
        None => Err(settle::no_method()),
    }
}

/// Begins the periods of a paused subscription again. Returns the draft of the resumption invoice, if
/// there is one. The status stays.
pub(super) fn begin(
    tx: &mut Tx<'_>,
    subscription: &Record,
    args: &Node,
) -> Result<Option<String>, ApiError> {
    let id = &subscription.id;
    if args.text("billing_cycle_anchor") != Some("unchanged") {
        let at = tx.now;
        tx.update(id, |r| r.value["billing_cycle_anchor"] = json!(at));
        change::restart(tx, id, at)?;
        return change::bill_now(tx, id, Vec::new(), "subscription_update").map(Some);
    }
    let anchor = subscription.int("billing_cycle_anchor");
    let how = args.text("proration_behavior");
    let at = args.int("proration_date").unwrap_or(tx.now);
    for item in items_of(tx, subscription) {
        let Some(interval) = prices::interval(&item.value["price"]) else {
            continue;
        };
        let end = interval.next(anchor, tx.now);
        let period = (interval.previous(anchor, end), end);
        let item = tx.update(&item.id, |r| {
            r.value["current_period_start"] = json!(period.0);
            r.value["current_period_end"] = json!(period.1);
        });
        if let Some(item) = item.filter(|_| how != Some("none")) {
            if at < period.0 || at > period.1 {
                return Err(ApiError::invalid(
                    "The `proration_date` must be within the subscription's current period.",
                )
                .param("proration_date"));
            }
            proration::debit(tx, subscription, &item, at)?;
        }
    }
    show_items(tx, id);
    match how {
        Some("always_invoice") => change::bill_pending(tx, id),
        _ => Ok(None),
    }
}

/// The draft of the invoice that pausing or resuming would make, if a preview asks for one of them. A
/// paused subscription has no other. The caller undoes it.
pub(super) fn preview(
    tx: &mut Tx<'_>,
    subscription: &Record,
    details: &Node,
) -> Result<Option<String>, ApiError> {
    let paused = subscription.text("status") == "paused";
    let invoice = if details.at("pause").is_some() {
        check_pausable(subscription)?;
        stop_as_asked(tx, subscription, details.sub("pause"))?
    } else if details.text("resume_at") == Some("now") {
        check_resumable(tx, subscription, details)?;
        begin(tx, subscription, details)?
    } else if paused {
        None
    } else {
        return Ok(None);
    };
    let none = || proration::none_upcoming(subscription.text("customer"));
    invoice.map(Some).ok_or_else(none)
}

/// A subscription is no longer paused.
fn resumed(tx: &mut Tx<'_>, id: &str, before: &Value) {
    let active = tx.update(id, |r| {
        r.value["status"] = json!("active");
        r.value["status_details"] = Value::Null;
    });
    cycle::schedule(tx, id);
    emit_change(tx, id, before);
    if let Some(active) = active {
        tx.emit("customer.subscription.resumed", &active.owner, &now(tx, id));
    }
}
