//! Prorations, and previews of the next invoice.
//! <https://docs.stripe.com/billing/subscriptions/prorations>.

use serde_json::json;

use super::{
    bill::{self, Bill},
    change::{apply_changes, bill_now, changes_of},
    create, cycle, has_ended, items_of, left, pausing, period_of,
};
use crate::{
    api::{Call, find},
    billing::{
        calendar, discounts,
        invoices::{self, items},
        prices,
    },
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

/// Gives back what an item's rest of the period cost.
pub(super) fn credit(
    tx: &mut Tx<'_>,
    subscription: &Record,
    item: &Record,
    at: i64,
) -> Result<(), ApiError> {
    prorate(tx, subscription, item, at, -1)
}

/// Charges an item's rest of the period.
pub(super) fn debit(
    tx: &mut Tx<'_>,
    subscription: &Record,
    item: &Record,
    at: i64,
) -> Result<(), ApiError> {
    prorate(tx, subscription, item, at, 1)
}

fn prorate(
    tx: &mut Tx<'_>,
    subscription: &Record,
    item: &Record,
    at: i64,
    sign: i64,
) -> Result<(), ApiError> {
    let Some(customer) = tx.get(subscription.text("customer")) else {
        return Ok(());
    };
    let currency = subscription.text("currency");
    let full = bill::cost_of(tx, item, currency)?;
    let end = item.int("current_period_end");
    // An item that joined late has a short first period; the price is for a whole one.
    let anchor = subscription.int("billing_cycle_anchor");
    let whole = prices::interval(&item.value["price"]).map_or(period_of(item), |interval| {
        (interval.previous(anchor, end), end)
    });
    let whole = (
        std::cmp::min(whole.0, item.int("current_period_start")),
        end,
    );
    let (part, of) = left(whole, at);
    let product = item.value["price"]["product"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let share = discounts::net(
        tx,
        &subscription.value["discounts"],
        money::part(tx.rounding(), full, part, of)?,
        &product,
    )?;
    let quantity = item.int("quantity");
    let name = bill::name_of(tx, item);
    let what = if quantity == 1 {
        name
    } else {
        format!("{quantity} × {name}")
    };
    let time = if sign < 0 {
        "Unused time on"
    } else {
        "Remaining time on"
    };
    let made = items::make(
        tx,
        &customer,
        currency,
        items::Item {
            amount: share * sign,
            description: json!(format!("{time} {what} after {}", calendar::show(at))),
            price: item.hidden["price"].as_str().and_then(|id| tx.get(id)),
            quantity,
            period: (at, end),
            parent: json!({
                "type": "subscription_details",
                "subscription_details": { "subscription": subscription.id, "subscription_item": item.id },
            }),
            proration: true,
            discountable: false,
            metadata: json!({}),
        },
    );
    tx.emit("invoiceitem.created", &made.owner, &made.value);
    Ok(())
}

/// Makes the next invoice of a subscription that is changed or created as the request says. The
/// caller undoes it.
pub(crate) fn preview(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let details = call.args.sub("subscription_details");
    let Some(id) = call.args.text("subscription") else {
        return preview_creation(tx, call, details);
    };
    let subscription = find(tx, call, Kind::Subscription, id, "subscription")?;
    if let Some(invoice) = pausing::preview(tx, &subscription, details)? {
        return Ok(invoices::now(tx, &invoice));
    }
    let how = details
        .text("proration_behavior")
        .unwrap_or("create_prorations")
        .to_owned();
    let changes = changes_of(
        tx,
        call,
        &subscription,
        details,
        "subscription_details[items]",
    )?;
    let changed = !changes.is_empty();
    let (_, resets) = apply_changes(tx, call, id, changes, details, &how)?;
    let ends = details.flag("cancel_now") == Some(true);
    if resets {
        let invoice = bill_now(tx, id, Vec::new(), "upcoming")?;
        return Ok(invoices::now(tx, &invoice));
    }
    if changed && how == "always_invoice" || ends {
        return preview_prorations(tx, &subscription, ends);
    }
    if subscription.value["cancel_at_period_end"] == json!(true) || has_ended(&subscription) {
        return Err(none_upcoming(subscription.text("customer")));
    }
    cycle::upcoming(tx, id)
}

pub(super) fn none_upcoming(customer: &str) -> ApiError {
    let message = format!("No upcoming invoices for customer: {customer}");
    ApiError::new(404, "invalid_request_error", message).code("invoice_upcoming_none")
}

/// The first invoice of a subscription that would be made like this.
fn preview_creation(tx: &mut Tx<'_>, call: &Call<'_>, details: &Node) -> Answer {
    let args = call.args;
    let customer = args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let customer = find(tx, call, Kind::Customer, customer, "customer")?;
    let mut form: Vec<(String, Node)> = details
        .children()
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "proration_date" | "resume_at" | "start_date"))
        .cloned()
        .collect();
    for name in ["discounts", "currency"] {
        form.extend(args.at(name).map(|node| (name.to_owned(), node.clone())));
    }
    form.push((
        "payment_behavior".to_owned(),
        Node::Leaf("default_incomplete".to_owned()),
    ));
    let made = create::create_from_form(tx, call, &Node::Tree(form), &customer)?;
    Ok(invoices::now(
        tx,
        made["latest_invoice"].as_str().unwrap_or_default(),
    ))
}

/// The invoice of prorations alone, for a change that is invoiced at once or for an end now.
fn preview_prorations(tx: &mut Tx<'_>, subscription: &Record, ends: bool) -> Answer {
    if ends {
        for item in items_of(tx, subscription) {
            credit(tx, subscription, &item, tx.now)?;
        }
    }
    let bill = Bill {
        reason: "upcoming",
        items: &[],
        period: (tx.now, tx.now),
        more: Vec::new(),
    };
    let invoice = bill::bill(tx, &subscription.id, bill)?;
    Ok(invoices::now(tx, &invoice))
}
