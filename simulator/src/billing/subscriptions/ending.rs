//! How a subscription ends: <https://docs.stripe.com/billing/subscriptions/cancel>.

use serde_json::{Value, json};

use super::{
    change, emit_change, from_path, has_ended, items_of, now, pending, proration, show_items, terms,
};
use crate::{
    api::Call,
    billing::{
        discounts,
        invoices::{self, settle},
        prices,
    },
    customers,
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

/// Ends a subscription now.
pub(crate) fn end(tx: &mut Tx<'_>, id: &str, reason: &str) {
    pending::expire(tx, id);
    let now = tx.now;
    let ended = tx.update(id, |r| {
        r.value["status"] = json!("canceled");
        r.value["ended_at"] = json!(now);
        if r.value["canceled_at"].is_null() || r.value["cancel_at"].is_null() {
            r.value["canceled_at"] = json!(now);
        }
        r.value["cancel_at_period_end"] = json!(false);
        r.value["cancellation_details"]["reason"] = json!(reason);
        r.due = None;
    });
    if let Some(ended) = ended {
        stop_collecting(tx, &ended);
        tx.emit("customer.subscription.deleted", &ended.owner, &ended.value);
    }
}

/// Deletes a customer, after canceling their subscriptions
/// (<https://docs.stripe.com/api/customers/delete>).
pub(super) fn delete_customer(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let theirs: Vec<String> = tx
        .store()
        .list(Kind::Subscription, call.owner)
        .filter(|s| s.value["customer"] == call.id() && !has_ended(s))
        .map(|s| s.id.clone())
        .collect();
    for id in theirs {
        end(tx, &id, "cancellation_requested");
    }
    customers::delete(tx, call)
}

/// Its open invoices aren't collected any more.
fn stop_collecting(tx: &mut Tx<'_>, subscription: &Record) {
    let open: Vec<String> = tx
        .store()
        .naming(Kind::Invoice, "customer", subscription.text("customer"))
        .filter(|i| {
            invoices::subscription_of(i) == Some(&subscription.id)
                && matches!(i.text("status"), "draft" | "open")
        })
        .map(|i| i.id.clone())
        .collect();
    for id in open {
        settle::stop(tx, &id);
    }
}

/// Nobody paid the first invoice in time.
pub(super) fn expire(tx: &mut Tx<'_>, id: &str) {
    let before = now(tx, id);
    let at = tx.now;
    tx.update(id, |r| {
        r.value["status"] = json!("incomplete_expired");
        r.value["ended_at"] = json!(at);
        r.due = None;
    });
    let open = before["latest_invoice"]
        .as_str()
        .and_then(|i| tx.get(i))
        .filter(|i| i.text("status") == "open");
    if let Some(invoice) = open {
        settle::void(tx, &invoice.id);
    }
    emit_change(tx, id, &before);
}

pub(super) fn cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let subscription = from_path(tx, call)?;
    if has_ended(&subscription) {
        let id = &subscription.id;
        return Err(ApiError::missing("subscription", id, "id"));
    }
    let args = call.args;
    let id = subscription.id.clone();
    if args.flag("prorate") == Some(true) {
        let items = items_of(tx, &subscription);
        for item in items {
            proration::credit(tx, &subscription, &item, tx.now)?;
        }
    }
    if args.at("cancellation_details").is_some() {
        let details = cancellation(args, &subscription);
        tx.update(&id, |r| r.value["cancellation_details"] = details);
    }
    end(tx, &id, "cancellation_requested");
    if args.flag("invoice_now") == Some(true)
        && let Some(invoice) = change::bill_pending(tx, &id)?
    {
        settle::advance(tx, &invoice)?;
    }
    Ok(now(tx, &id))
}

pub(super) fn migrate(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let subscription = from_path(tx, call)?;
    let before = subscription.value.clone();
    let discounts = call
        .args
        .text("billing_mode.flexible.proration_discounts")
        .unwrap_or("included");
    let mode = json!({
        "flexible": { "proration_discounts": discounts },
        "type": "flexible",
        "updated_at": tx.now,
    });
    tx.update(&subscription.id, |r| r.value["billing_mode"] = mode);
    emit_change(tx, &subscription.id, &before);
    Ok(now(tx, &subscription.id))
}

/// The subscription of a path that ends in `/discount`, and the first of its discounts.
fn discounted(tx: &Tx<'_>, call: &Call<'_>) -> Result<(std::sync::Arc<Record>, String), ApiError> {
    let subscription = from_path(tx, call)?;
    match subscription.value["discounts"]
        .as_array()
        .and_then(|d| d.first())
        .and_then(Value::as_str)
    {
        Some(discount) => Ok((subscription.clone(), discount.to_owned())),
        None => Err(ApiError::new(
            404,
            "invalid_request_error",
            "No active discount for this subscription.",
        )
        .code("resource_missing")),
    }
}

pub(super) fn discount(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (_, discount) = discounted(tx, call)?;
    Ok(now(tx, &discount))
}

pub(super) fn delete_discount(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (subscription, _) = discounted(tx, call)?;
    let all = subscription.value["discounts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut gone = Value::Null;
    for id in all.iter().filter_map(Value::as_str) {
        gone = discounts::delete(tx, id).unwrap_or_default();
    }
    tx.update(&subscription.id, |r| r.value["discounts"] = json!([]));
    emit_change(tx, &subscription.id, &subscription.value);
    Ok(gone)
}

/// The periods that begin at a moment, from an anchor.
pub(super) fn begin_periods(tx: &mut Tx<'_>, subscription: &Record, anchor: i64) {
    let now = tx.now;
    for item in items_of(tx, subscription) {
        if let Some(interval) = prices::interval(&item.value["price"]) {
            tx.update(&item.id, |r| {
                r.value["current_period_start"] = json!(now);
                r.value["current_period_end"] = json!(interval.next(anchor, now));
            });
        }
    }
    show_items(tx, &subscription.id);
}

/// `cancellation_details` as a form changes them.
fn cancellation(args: &Node, subscription: &Record) -> Value {
    let mut details = subscription.value["cancellation_details"].clone();
    for name in ["comment", "feedback"] {
        if args.at(&format!("cancellation_details.{name}")).is_some() {
            details[name] = json!(args.text(&format!("cancellation_details.{name}")));
        }
    }
    details
}

/// `cancel_at`, `cancel_at_period_end` and their details.
pub(super) fn cancellations(
    tx: &Tx<'_>,
    args: &Node,
    subscription: &Record,
    value: &mut Value,
) -> Result<(), ApiError> {
    if args.text("cancel_at").is_some() && args.flag("cancel_at_period_end").is_some() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: cancel_at, cancel_at_period_end.",
        )
        .param("cancel_at"));
    }
    value["cancellation_details"] = cancellation(args, subscription);
    let ends = items_of(tx, subscription)
        .iter()
        .map(|i| i.int("current_period_end"))
        .collect::<Vec<_>>();
    let at = match args.text("cancel_at") {
        Some("min_period_end") => ends.iter().min().copied(),
        Some("max_period_end") => ends.iter().max().copied(),
        Some(text) => Some(terms::time(text, "cancel_at", tx.now)?),
        None if args.flag("cancel_at_period_end") == Some(true) => ends.iter().max().copied(),
        None => None,
    };
    let unset = args.at("cancel_at").is_some() || args.flag("cancel_at_period_end") == Some(false);
    match at {
        Some(at) => {
            value["cancel_at"] = json!(at);
            value["canceled_at"] = json!(tx.now);
            value["cancellation_details"]["reason"] = json!("cancellation_requested");
        }
        None if unset => {
            value["cancel_at"] = Value::Null;
            value["canceled_at"] = Value::Null;
            value["cancel_at_period_end"] = json!(false);
            value["cancellation_details"]["reason"] = Value::Null;
        }
        None => {}
    }
    Ok(())
}
