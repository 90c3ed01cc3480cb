//! The life of a subscription from one period to the next: what is billed when, and what an invoice
//! that is paid, or isn't, means for it.
//! <https://docs.stripe.com/billing/subscriptions/billing-cycle>.

use serde_json::{Value, json};

use super::{emit_change, ending, has_ended, items_of, left, now, period_of, show_items};
use crate::{
    api::{Call, metadata},
    billing::{
        amounts, discounts,
        invoices::{
            self, Draft, items,
            lines::{self, Line},
            settle,
        },
        prices,
    },
    error::ApiError,
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// An incomplete subscription can be paid for this long.
const INCOMPLETE_FOR: i64 = 23 * HOUR;
/// `customer.subscription.trial_will_end` comes this long before.
const TRIAL_NOTICE: i64 = 3 * DAY;
/// `invoice.upcoming` comes this long before (a setting of the account at Stripe).
const UPCOMING_NOTICE: i64 = 7 * DAY;

/// `€10.00`, or `10.00 CHF`.
fn price_text(amount: i64, currency: &str) -> String {
    let text = money::show(amount, currency);
    let number = text.split(' ').next().unwrap_or_default().to_owned();
    match currency {
        "usd" => format!("${number}"),
        "eur" => format!("€{number}"),
        "gbp" => format!("£{number}"),
        _ => text,
    }
}

/// The item's product, by name.
pub(super) fn name_of(tx: &Tx<'_>, item: &Record) -> String {
    item.value["price"]["product"]
        .as_str()
        .and_then(|id| tx.get(id))
        .map(|p| p.text("name").to_owned())
        .unwrap_or_default()
}

/// What the item's quantity costs for a whole period.
pub(super) fn cost_of(tx: &Tx<'_>, item: &Record, currency: &str) -> Result<i64, ApiError> {
    match item.hidden["price"].as_str().and_then(|id| tx.get(id)) {
        Some(price) => amounts::cost(&price, item.int("quantity"), currency),
        None => Ok(0),
    }
}

/// How much of an item's period a line is for.
#[derive(Clone, Copy)]
pub(super) enum Part {
    Whole,
    Trial,
    /// From the beginning of a period that is shorter than the price's, prorated or free.
    Stub {
        prorated: bool,
    },
}

/// The line of an item for its present period.
fn line(
    tx: &mut Tx<'_>,
    subscription: &Record,
    item: &Record,
    part: Part,
) -> Result<Line, ApiError> {
    let currency = subscription.text("currency");
    let period = period_of(item);
    let (name, quantity) = (name_of(tx, item), item.int("quantity"));
    let full = cost_of(tx, item, currency)?;
    let price = item.hidden["price"].as_str().and_then(|id| tx.get(id));
    let interval = prices::interval(&item.value["price"]);
    let amount = match (part, interval) {
        (Part::Trial, _) | (Part::Stub { prorated: false }, _) => 0,
        (Part::Stub { prorated: true }, Some(interval)) => {
            let whole = (interval.previous(period.1, period.1), period.1);
            let (part, whole) = left(whole, period.0);
            money::share(full, part, whole)?
        }
        _ => full,
    };
    let recurring = &item.value["price"]["recurring"];
    let every = match recurring["interval_count"].as_i64() {
        Some(n) if n > 1 => format!(
            "every {n} {}s",
            recurring["interval"].as_str().unwrap_or_default()
        ),
        _ => recurring["interval"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    };
    let description = match part {
        Part::Trial => format!("Trial period for {name}"),
        _ => match item.value["price"]["unit_amount"].as_i64() {
            Some(unit) => format!(
                "{quantity} × {name} (at {} / {every})",
                price_text(unit, currency)
            ),
            None => format!("{quantity} × {name} ({every})"),
        },
    };
    Ok(Line {
        amount,
        description: json!(description),
        price,
        quantity,
        period,
        parent: json!({
            "type": "subscription_item_details",
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": null,
                "proration": false,
                "proration_details": { "credited_items": null },
                "subscription": subscription.id,
                "subscription_item": item.id,
            },
        }),
        discountable: true,
        discounts: discounts::in_force(tx, &item.value["discounts"]),
        metadata: subscription.value["metadata"].clone(),
    })
}

/// Which items an invoice bills, and how it goes on.
pub(super) struct Bill<'a> {
    pub reason: &'static str,
    pub items: &'a [(std::sync::Arc<Record>, Part)],
    pub period: (i64, i64),
    pub more: Vec<Line>,
}

/// Makes the draft of an invoice, with what was waiting for it.
pub(super) fn bill(tx: &mut Tx<'_>, id: &str, bill: Bill<'_>) -> Result<String, ApiError> {
    let gone = || ApiError::missing("subscription", id, "subscription");
    let subscription = tx.get(id).ok_or_else(gone)?;
    let customer = tx.get(subscription.text("customer")).ok_or_else(gone)?;
    let currency = subscription.text("currency").to_owned();
    let invoice = invoices::make(
        tx,
        &Draft {
            customer: &customer,
            currency: &currency,
            reason: bill.reason,
            subscription: Some(&subscription),
            period: bill.period,
            send: subscription.text("collection_method") == "send_invoice",
            days_until_due: subscription.value["days_until_due"].as_i64(),
            auto_advance: true,
        },
    );
    let pending = items::pending(tx, &customer, &currency, Some(id));
    let mut all = items::take(tx, &pending, &invoice.id, &currency);
    for (item, part) in bill.items {
        let line = line(tx, &subscription, item, *part)?;
        all.push(line.value(tx, &invoice.id, &currency));
    }
    for line in bill.more {
        all.push(line.value(tx, &invoice.id, &currency));
    }
    let inherited = invoices::inherited(tx, &customer, Some(&subscription));
    tx.update(&invoice.id, |r| {
        r.value["discounts"] = json!(inherited);
        r.value["payment_settings"]["payment_method_types"] =
            subscription.value["payment_settings"]["payment_method_types"].clone();
    });
    lines::write(tx, &invoice.id, all)?;
    spend_discounts(tx, &subscription, bill.items);
    tx.update(id, |r| r.value["latest_invoice"] = json!(invoice.id));
    let value = invoices::now(tx, &invoice.id);
    tx.emit("invoice.created", &subscription.owner, &value);
    Ok(invoice.id.clone())
}

/// A coupon of one time is gone with the first invoice that bills something.
fn spend_discounts(
    tx: &mut Tx<'_>,
    subscription: &Record,
    billed: &[(std::sync::Arc<Record>, Part)],
) {
    if billed.iter().all(|(_, part)| matches!(part, Part::Trial)) {
        return;
    }
    let on =
        std::iter::once(subscription.id.clone()).chain(billed.iter().map(|(i, _)| i.id.clone()));
    for id in on.collect::<Vec<_>>() {
        let all = now(tx, &id)["discounts"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let (spent, kept): (Vec<_>, Vec<_>) = all.into_iter().partition(|d| {
            d.as_str().is_some_and(|d| {
                discounts::is_once(tx, d) || discounts::in_force(tx, &json!([d])).is_empty()
            })
        });
        for discount in &spent {
            drop(discounts::delete(tx, discount.as_str().unwrap_or_default()));
        }
        if !spent.is_empty() {
            tx.update(&id, |r| r.value["discounts"] = json!(kept));
        }
    }
}

/// The invoice with which a subscription begins.
pub(super) fn first_invoice(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    id: &str,
    args: &Node,
    prorate: bool,
) -> Result<String, ApiError> {
    let subscription = now(tx, id);
    let trial = !subscription["trial_end"].is_null();
    let stub = subscription["billing_cycle_anchor"]
        .as_i64()
        .is_some_and(|at| at > tx.now);
    let part = match (trial, stub) {
        (true, _) => Part::Trial,
        (false, true) => Part::Stub { prorated: prorate },
        (false, false) => Part::Whole,
    };
    let Some(record) = tx.get(id) else {
        return Err(ApiError::missing("subscription", id, "subscription"));
    };
    let items: Vec<_> = items_of(tx, &record)
        .into_iter()
        .map(|i| (i, part))
        .collect();
    let more = extra(tx, call, args, &record)?;
    let period = (tx.now, tx.now);
    let invoice = bill(
        tx,
        id,
        Bill {
            reason: "subscription_create",
            items: &items,
            period,
            more,
        },
    )?;
    if record.text("collection_method") == "send_invoice" {
        invoices::wait_to_finalize(tx, &invoice);
    }
    Ok(invoice)
}

/// The lines of `add_invoice_items`.
pub(super) fn extra(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    args: &Node,
    subscription: &Record,
) -> Result<Vec<Line>, ApiError> {
    let currency = subscription.text("currency").to_owned();
    let forms: Vec<Node> = args.list("add_invoice_items").cloned().collect();
    let mut out = Vec::new();
    for (index, form) in forms.iter().enumerate() {
        let at = format!("add_invoice_items[{index}]");
        let given = lines::given(tx, call, form, &at, &currency, None)?;
        out.push(Line {
            amount: given.amount,
            description: lines::describe(tx, form, given.price.as_deref()),
            price: given.price,
            quantity: given.quantity,
            period: (tx.now, tx.now),
            parent: Value::Null,
            discountable: form.flag("discountable").unwrap_or(true),
            discounts: Vec::new(),
            metadata: metadata(form, "metadata")?,
        });
    }
    Ok(out)
}

/// Plans the next thing that happens to a subscription by itself.
pub(super) fn schedule(tx: &mut Tx<'_>, id: &str) {
    let Some(subscription) = tx.get(id) else {
        return;
    };
    let due = match subscription.text("status") {
        "canceled" | "incomplete_expired" | "paused" => None,
        "incomplete" => Some(subscription.int("created") + INCOMPLETE_FOR),
        _ => next(tx, &subscription),
    };
    let due = due.map(|at| std::cmp::max(at, tx.now + 1));
    tx.update(id, |r| r.due = due);
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
        .map(|end| end - UPCOMING_NOTICE)
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
    ]
    .into_iter()
    .flatten()
    .min()
}

/// A moment of a subscription's life has come.
pub(crate) fn falls_due(tx: &mut Tx<'_>, subscription: &Record) {
    let (id, before) = (subscription.id.clone(), subscription.value.clone());
    if subscription.text("status") == "incomplete" {
        ending::expire(tx, &id);
        return;
    }
    let at = |field: &Value| field.as_i64().is_some_and(|at| at <= tx.now);
    if at(&before["cancel_at"]) {
        let reason = before["cancellation_details"]["reason"]
            .as_str()
            .unwrap_or("cancellation_requested")
            .to_owned();
        ending::end(tx, &id, &reason);
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
    } else if end - UPCOMING_NOTICE <= tx.now
        && subscription.hidden["noticed"].as_i64() != Some(end)
    {
        tx.update(&id, |r| r.hidden["noticed"] = json!(end));
        announce(tx, subscription);
    }
    schedule(tx, &id);
}

/// `invoice.upcoming`: the next invoice as it would be now; it has no id.
fn announce(tx: &mut Tx<'_>, subscription: &Record) {
    if subscription.value["cancel_at_period_end"] == json!(true) {
        return;
    }
    let coming = tx.undone(|tx| upcoming(tx, &subscription.id));
    if let Ok(mut coming) = coming {
        if let Some(map) = coming.as_object_mut() {
            map.remove("id");
        }
        tx.emit("invoice.upcoming", &subscription.owner, &coming);
    }
}

/// The next invoice; whoever calls this undoes it.
pub(super) fn upcoming(tx: &mut Tx<'_>, id: &str) -> Result<Value, ApiError> {
    let Some(subscription) = tx.get(id) else {
        return Err(ApiError::missing("subscription", id, "subscription"));
    };
    tx.now = period_end(tx, &subscription).unwrap_or(tx.now);
    let invoice = roll(tx, id)?;
    let mut value = invoices::now(tx, &invoice);
    value["billing_reason"] = json!("upcoming");
    value["next_payment_attempt"] = json!(tx.now + HOUR);
    Ok(value)
}

/// Moves on the items whose period is over, and bills them.
fn roll(tx: &mut Tx<'_>, id: &str) -> Result<String, ApiError> {
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
    if trial_over {
        adopt_method(tx, id);
        let payable = payable(tx, id);
        match before["trial_settings"]["end_behavior"]["missing_payment_method"].as_str() {
            Some("cancel") if !payable => {
                ending::end(tx, id, "payment_failed");
                return Ok(());
            }
            Some("pause") if !payable => {
                pause(tx, id, &before);
                return Ok(());
            }
            _ => {}
        }
        tx.update(id, |r| r.value["status"] = json!("active"));
    }
    let invoice = roll(tx, id)?;
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
        // Where nobody pays any more, invoices are kept as drafts.
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

/// What a setup intent has brought since is what the subscription is paid with.
fn adopt_method(tx: &mut Tx<'_>, id: &str) {
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
    let (id, before) = (subscription.id.clone(), subscription.value.clone());
    let really = invoice.text("status") == "paid";
    if really {
        keep_method(tx, &subscription, &invoice);
    }
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
    if has_ended(&subscription) || subscription.text("status") == "incomplete" {
        return;
    }
    let (id, before) = (subscription.id.clone(), subscription.value.clone());
    let status = match (over, tx.assumptions.get("invoice_retries_end")) {
        (true, "cancel") => {
            ending::end(tx, &id, "payment_failed");
            return;
        }
        (true, "unpaid") => "unpaid",
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

/// A trial has ended and there is nothing to pay with.
pub(super) fn pause(tx: &mut Tx<'_>, id: &str, before: &Value) {
    tx.update(id, |r| r.value["status"] = json!("paused"));
    emit_change(tx, id, before);
    let value = now(tx, id);
    let owner = tx.get(id).map(|s| s.owner.clone()).unwrap_or_default();
    tx.emit("customer.subscription.paused", &owner, &value);
}
