//! The invoice that would be next: <https://docs.stripe.com/api/invoices/create_preview>.

use serde_json::{Value, json};

use super::{Draft, items, lines, now};
use crate::{
    api::{Call, Route, find},
    billing::subscriptions,
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Tx},
};

pub(crate) const ROUTES: &[Route] = &[("POST", "/v1/invoices/create_preview", create)];

/// Makes the invoice, reads it, and undoes the work.
fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    for name in ["schedule", "schedule_details", "customer_details"] {
        if call.args.at(name).is_some() {
            return Err(ApiError::invalid(format!(
                "The simulator doesn't know `{name}` of previews."
            ))
            .param(name));
        }
    }
    let id = tx.mint("upcoming_in_1", 23);
    let mut invoice = tx.dry_run(|tx| upcoming_invoice(tx, call))?;
    let own = invoice["id"].as_str().unwrap_or_default().to_owned();
    invoice["id"] = json!(id);
    invoice["status"] = json!("draft");
    invoice["auto_advance"] = json!(false);
    invoice["automatically_finalizes_at"] = Value::Null;
    invoice["lines"]["url"] = json!(format!("/v1/invoices/{id}/lines"));
    for line in invoice["lines"]["data"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if line["invoice"] == own.as_str() {
            line["invoice"] = json!(id);
        }
    }
    Ok(invoice)
}

fn upcoming_invoice(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    add_items(tx, call)?;
    if call.args.text("subscription").is_some() || call.args.at("subscription_details").is_some() {
        return subscriptions::preview(tx, call);
    }
    let args = call.args;
    let id = args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let customer = find(tx, call, Kind::Customer, id, "customer")?;
    let of_customer = tx
        .store()
        .list(Kind::Subscription, call.owner)
        .find(|s| s.text("customer") == id && !subscriptions::has_ended(s))
        .map(|s| s.id.clone());
    if let Some(subscription) = of_customer {
        return subscriptions::next_invoice(tx, &subscription);
    }
    let currency = super::currency(tx, args, &customer);
    let pending = items::pending(tx, &customer, &currency, None);
    if pending.is_empty() {
        return Err(ApiError::new(
            404,
            "invalid_request_error",
            format!("No upcoming invoices for customer: {id}"),
        )
        .code("invoice_upcoming_none"));
    }
    let invoice = super::make(
        tx,
        &Draft {
            customer: &customer,
            currency: &currency,
            reason: "upcoming",
            subscription: None,
            period: (tx.now, tx.now),
            send: false,
            days_until_due: None,
            auto_advance: false,
        },
    );
    let all = items::put_on_invoice(tx, &pending, &invoice.id, &currency);
    lines::write(tx, &invoice.id, all)?;
    Ok(now(tx, &invoice.id))
}

/// `invoice_items`: as if they had been added before.
fn add_items(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<(), ApiError> {
    let subscription = call
        .args
        .text("subscription")
        .and_then(|id| tx.find(Kind::Subscription, call.owner, id));
    let id = call
        .args
        .text("customer")
        .or_else(|| subscription.as_ref().map(|s| s.text("customer")));
    let forms: Vec<Node> = call.args.list("invoice_items").cloned().collect();
    let customer = match id {
        Some(id) if !forms.is_empty() => find(tx, call, Kind::Customer, id, "customer")?,
        _ => return Ok(()),
    };
    for (index, form) in forms.iter().enumerate() {
        let at = format!("invoice_items[{index}]");
        let currency = form.text("currency").map_or_else(
            || super::currency(tx, call.args, &customer),
            str::to_ascii_lowercase,
        );
        let given = lines::read(tx, call, form, &at, &currency, None)?;
        items::make(
            tx,
            &customer,
            &currency,
            items::Item {
                amount: given.amount,
                description: lines::describe(tx, form, given.price.as_deref()),
                discountable: form.flag("discountable").unwrap_or(given.amount > 0),
                price: given.price,
                quantity: given.quantity,
                period: lines::period(form, &at, (tx.now, tx.now))?,
                parent: Value::Null,
                proration: false,
                metadata: json!({}),
            },
        );
    }
    Ok(())
}
