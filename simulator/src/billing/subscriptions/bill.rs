//! What a subscription is billed for: its lines, its discounts, and the invoice they make.

use serde_json::{Value, json};

use super::{items_of, left, now, period_of};
use crate::{
    api::{Call, metadata},
    billing::{
        amounts, discounts,
        invoices::{
            self, Draft, items,
            lines::{self, Line},
        },
        prices,
    },
    error::ApiError,
    form::Node,
    money,
    store::{Record, Tx},
};

/// `€10.00`, or `10.00 CHF`.
fn price_text(amount: i64, currency: &str) -> String {
    let text = money::format(amount, currency);
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
        Some(price) => amounts::cost(tx.rounding(), &price, item.int("quantity"), currency),
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
            money::part(tx.rounding(), full, part, whole)?
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

/// The items that an invoice bills, and its terms.
pub(super) struct Bill<'a> {
    pub reason: &'static str,
    pub items: &'a [(std::sync::Arc<Record>, Part)],
    pub period: (i64, i64),
    pub more: Vec<Line>,
}

/// Makes the draft of an invoice, with the pending items.
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
    let mut all = items::put_on_invoice(tx, &pending, &invoice.id, &currency);
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

/// Ends the discounts of coupons of duration `once`: with the first invoice, or with the first that
/// bills something.
fn spend_discounts(
    tx: &mut Tx<'_>,
    subscription: &Record,
    billed: &[(std::sync::Arc<Record>, Part)],
) {
    let trial = billed.iter().all(|(_, part)| matches!(part, Part::Trial));
    if trial && tx.assumptions.get("once_coupon") == "first_billed" {
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
        let given = lines::read(tx, call, form, &at, &currency, None)?;
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
