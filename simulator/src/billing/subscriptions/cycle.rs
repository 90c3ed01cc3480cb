//! The life of a subscription from one period to the next: when it is billed, and what paid and
//! unpaid invoices mean for it. <https://docs.stripe.com/billing/subscriptions/billing-cycle>.

use serde_json::{Value, json};

use super::{
    bill::{Bill, Part, bill},
    emit_change, ending, has_ended, items_of, now, pausing, pending, period_of, show_items,
};
use crate::{
    billing::{
        invoices::{self, settle},
        prices,
        settings::{self, RetriesEnd},
    },
    error::ApiError,
    store::{Kind, Record, Tx},
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An incomplete subscription can be paid for this long.
const INCOMPLETE_FOR: i64 = 23 * HOUR;
/// `customer.subscription.trial_will_end` comes this long before.
const TRIAL_NOTICE: i64 = 3 * DAY;
/// Why a subscription is paused whose trial ends without a way to pay.
pub(super) const NO_METHOD: &str = "trial_end_without_payment_method";

/// Plans the next thing that happens to a subscription by itself.
pub(super) fn schedule(tx: &mut Tx<'_>, id: &str) {
    let Some(subscription) = tx.get(id) else {
        return;
    };
    let due = match subscription.text("status") {
        "canceled" | "incomplete_expired" => None,
        "paused" => [
            pending::expires_at(&subscription),
            cancels(tx, &subscription),
        ]
        .into_iter()
        .flatten()
        .min(),
        "incomplete" => Some(subscription.int("created") + INCOMPLETE_FOR),
        _ => next(tx, &subscription),
    };
    let due = due.map(|at| std::cmp::max(at, tx.now + 1));
    tx.update(id, |r| r.due = due);
}

/// When a paused subscription ends by itself.
fn cancels(tx: &Tx<'_>, subscription: &Record) -> Option<i64> {
    let ends = tx.assumptions.get("paused_cancellation") == "ends";
    subscription.value["cancel_at"].as_i64().filter(|_| ends)
}

/// When the first of its items' periods ends.
pub(super) fn period_end(tx: &Tx<'_>, subscription: &Record) -> Option<i64> {
    items_of(tx, subscription)
        .iter()
        .map(|i| i.int("current_period_end"))
        .min()
}

fn next(tx: &Tx<'_>, subscription: &Record) -> Option<i64> {
    let end = period_end(tx, subscription);
    let upcoming = end
        .filter(|end| subscription.hidden["noticed"].as_i64() != Some(*end))
        .map(|end| end - settings::upcoming_notice(tx, &subscription.owner))
        .filter(|at| *at > tx.now);
    let trial = subscription.value["trial_end"]
        .as_i64()
        .filter(|_| {
            subscription.text("status") == "trialing" && subscription.hidden["warned"].is_null()
        })
        .map(|at| std::cmp::max(at - TRIAL_NOTICE, tx.now));
    let resumes = subscription.value["pause_collection"]["resumes_at"].as_i64();
    [
        end,
        upcoming,
        trial,
        resumes,
        subscription.value["cancel_at"].as_i64(),
        pending::expires_at(subscription),
    ]
    .into_iter()
    .flatten()
    .min()
}

/// Does what is due for a subscription.
pub(crate) fn falls_due(tx: &mut Tx<'_>, subscription: &Record) {
    let id = subscription.id.clone();
    if pending::expires_at(subscription).is_some_and(|at| at <= tx.now) {
        pending::expire(tx, &id);
    }
    let before = now(tx, &id);
    if subscription.text("status") == "incomplete" {
        ending::expire(tx, &id);
        return;
    }
    let at = |field: &Value| field.as_i64().is_some_and(|at| at <= tx.now);
    let paused = subscription.text("status") == "paused";
    if at(&before["cancel_at"]) && (!paused || cancels(tx, subscription).is_some()) {
        let reason = before["cancellation_details"]["reason"]
            .as_str()
            .unwrap_or("cancellation_requested")
            .to_owned();
        ending::end(tx, &id, &reason);
        return;
    }
    if paused {
        schedule(tx, &id);
        return;
    }
    if at(&before["pause_collection"]["resumes_at"]) {
        tx.update(&id, |r| r.value["pause_collection"] = Value::Null);
        emit_change(tx, &id, &before);
    }
    let trial_end = before["trial_end"].as_i64();
    if before["status"] == "trialing"
        && subscription.hidden["warned"].is_null()
        && trial_end.is_some_and(|end| end > tx.now && end - TRIAL_NOTICE <= tx.now)
    {
        tx.update(&id, |r| r.hidden["warned"] = json!(true));
        tx.emit(
            "customer.subscription.trial_will_end",
            &subscription.owner,
            &before,
        );
    }
    let end = period_end(tx, subscription).unwrap_or(i64::MAX);
    if end <= tx.now {
        if let Err(error) = renew(tx, &id) {
            tracing::error!(
                message = error.message,
                "a subscription couldn't be renewed"
            );
        }
    } else if end - settings::upcoming_notice(tx, &subscription.owner) <= tx.now
        && subscription.hidden["noticed"].as_i64() != Some(end)
    {
        tx.update(&id, |r| r.hidden["noticed"] = json!(end));
        emit_upcoming(tx, subscription);
    }
    schedule(tx, &id);
}

/// `invoice.upcoming`: the next invoice as it would be now; it has no id.
fn emit_upcoming(tx: &mut Tx<'_>, subscription: &Record) {
    // Invoices that are void from the start aren't announced
    // (https://docs.stripe.com/billing/subscriptions/pause-payment).
    let void = subscription.value["pause_collection"]["behavior"] == "void";
    if void || subscription.value["cancel_at_period_end"] == json!(true) {
        return;
    }
    let coming = tx.dry_run(|tx| upcoming(tx, &subscription.id));
    if let Ok(mut coming) = coming {
        if let Some(map) = coming.as_object_mut() {
            map.remove("id");
        }
        tx.emit("invoice.upcoming", &subscription.owner, &coming);
    }
}

/// Makes the next invoice. The caller undoes it.
pub(super) fn upcoming(tx: &mut Tx<'_>, id: &str) -> Result<Value, ApiError> {
    let Some(subscription) = tx.get(id) else {
        return Err(ApiError::missing("subscription", id, "subscription"));
    };
    tx.now = period_end(tx, &subscription).unwrap_or(tx.now);
    let invoice = bill_next_period(tx, id)?;
    let mut value = invoices::now(tx, &invoice);
    value["billing_reason"] = json!("upcoming");
    value["next_payment_attempt"] = json!(tx.now + HOUR);
    Ok(value)
}

/// Begins the next period of the items whose period is over, and bills them.
fn bill_next_period(tx: &mut Tx<'_>, id: &str) -> Result<String, ApiError> {
    let Some(subscription) = tx.get(id) else {
        return Err(ApiError::missing("subscription", id, "subscription"));
    };
    let anchor = subscription.int("billing_cycle_anchor");
    let mut billed = Vec::new();
    let mut began = tx.now;
    for item in items_of(tx, &subscription) {
        let (start, end) = period_of(&item);
        let Some(interval) = prices::interval(&item.value["price"]).filter(|_| end <= tx.now)
        else {
            continue;
        };
        began = std::cmp::min(began, start);
        let next = interval.next(anchor, end);
        let item = tx.update(&item.id, |r| {
            r.value["current_period_start"] = json!(end);
            r.value["current_period_end"] = json!(next);
        });
        billed.extend(item.map(|i| (i, Part::Whole)));
    }
    show_items(tx, id);
    let period = (began, tx.now);
    bill(
        tx,
        id,
        Bill {
            reason: "subscription_cycle",
            items: &billed,
            period,
            more: Vec::new(),
        },
    )
}

/// A period is over: the subscription ends, waits for a way to pay, or goes on.
fn renew(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let before = now(tx, id);
    if before["cancel_at_period_end"] == json!(true) {
        ending::end(tx, id, "cancellation_requested");
        return Ok(());
    }
    let trial_over = before["status"] == "trialing";
    use_method_of_setup(tx, id);
    if trial_over {
        let payable = payable(tx, id);
        match before["trial_settings"]["end_behavior"]["missing_payment_method"].as_str() {
            Some("cancel") if !payable => {
                ending::end(tx, id, "payment_failed");
                return Ok(());
            }
            Some("pause") if !payable => {
                pausing::enter(tx, id, NO_METHOD, &before);
                return Ok(());
            }
            _ => {}
        }
        tx.update(id, |r| r.value["status"] = json!("active"));
    }
    let invoice = bill_next_period(tx, id)?;
    let pause = before["pause_collection"]["behavior"].as_str();
    match (pause, before["status"].as_str()) {
        (Some("void"), _) => {
            settle::stop(tx, &invoice);
            settle::void(tx, &invoice);
        }
        (Some("mark_uncollectible"), _) => {
            settle::stop(tx, &invoice);
            settle::uncollectible(tx, &invoice);
        }
        // The invoices of an unpaid subscription stay drafts.
        (Some(_), _) | (None, Some("unpaid")) => settle::stop(tx, &invoice),
        _ => invoices::wait_to_finalize(tx, &invoice),
    }
    emit_change(tx, id, &before);
    Ok(())
}

pub(super) fn has_method(tx: &Tx<'_>, subscription: &Record) -> bool {
    let customer = tx.get(subscription.text("customer"));
    !subscription.value["default_payment_method"].is_null()
        || customer.is_some_and(|c| {
            !c.value["invoice_settings"]["default_payment_method"].is_null()
                || c.value["default_source"].is_string()
        })
}

/// Takes the payment method that the pending setup intent has saved since.
fn use_method_of_setup(tx: &mut Tx<'_>, id: &str) {
    let intent = now(tx, id)["pending_setup_intent"]
        .as_str()
        .and_then(|i| tx.get(i));
    if let Some(intent) = intent.filter(|i| i.text("status") == "succeeded") {
        tx.update(id, |r| {
            r.value["pending_setup_intent"] = Value::Null;
            r.value["default_payment_method"] = intent.value["payment_method"].clone();
        });
    }
}

/// An invoice is paid, void or given up: the subscription owes nothing on it.
pub(crate) fn paid(tx: &mut Tx<'_>, invoice: &str) {
    let Some(invoice) = tx.get(invoice) else {
        return;
    };
    let Some(subscription) = invoices::subscription_of(&invoice).and_then(|id| tx.get(id)) else {
        return;
    };
    let id = subscription.id.clone();
    let really = invoice.text("status") == "paid";
    if really {
        keep_method(tx, &subscription, &invoice);
    }
    if pending::invoice_ended(tx, &subscription, &invoice) {
        return;
    }
    let Some(subscription) = tx.get(&id) else {
        return;
    };
    let before = subscription.value.clone();
    let latest = subscription.value["latest_invoice"] == invoice.id.as_str();
    let status = match subscription.text("status") {
        "incomplete" if really => "active",
        "incomplete" => {
            ending::expire(tx, &id);
            return;
        }
        "past_due" | "unpaid" if latest => "active",
        other => other,
    };
    tx.update(&id, |r| r.value["status"] = json!(status));
    if before["status"] != status {
        schedule(tx, &id);
    }
    emit_change(tx, &id, &before);
}

/// `save_default_payment_method=on_subscription`.
fn keep_method(tx: &mut Tx<'_>, subscription: &Record, invoice: &Record) {
    if subscription.value["payment_settings"]["save_default_payment_method"] != "on_subscription" {
        return;
    }
    let method = tx
        .store()
        .naming(Kind::InvoicePayment, "invoice", &invoice.id)
        .filter(|p| p.text("status") == "paid")
        .filter_map(|p| tx.get(p.value["payment"]["payment_intent"].as_str()?))
        .map(|i| i.value["payment_method"].clone())
        .next_back();
    if let Some(method) = method {
        tx.update(&subscription.id, |r| {
            r.value["default_payment_method"] = method
        });
    }
}

/// An attempt to collect an invoice failed; `over` when it was the last.
pub(crate) fn unpaid(tx: &mut Tx<'_>, invoice: &str, over: bool) {
    let Some(invoice) = tx.get(invoice) else {
        return;
    };
    let Some(subscription) = invoices::subscription_of(&invoice).and_then(|id| tx.get(id)) else {
        return;
    };
    let elsewhere = has_ended(&subscription)
        || subscription.text("status") == "incomplete"
        || pending::attempt_failed(tx, &subscription, &invoice);
    // The invoices of a paused subscription advance without it.
    if elsewhere || subscription.text("status") == "paused" {
        return;
    }
    let (id, before) = (subscription.id.clone(), subscription.value.clone());
    let status = match (over, settings::retries_end(tx, &subscription.owner)) {
        (true, RetriesEnd::Pause) if pausing::check_pausable(&subscription).is_ok() => {
            pausing::after_failure(tx, &subscription);
            return;
        }
        (true, RetriesEnd::Cancel | RetriesEnd::Pause) => {
            ending::end(tx, &id, "payment_failed");
            return;
        }
        (true, RetriesEnd::Unpaid) => "unpaid",
        _ if subscription.text("status") == "unpaid" => "unpaid",
        _ => "past_due",
    };
    tx.update(&id, |r| r.value["status"] = json!(status));
    emit_change(tx, &id, &before);
}

/// Whether a trial that ends leads to an invoice that someone can pay.
pub(super) fn payable(tx: &Tx<'_>, id: &str) -> bool {
    tx.get(id)
        .is_some_and(|s| s.text("collection_method") == "send_invoice" || has_method(tx, &s))
}
