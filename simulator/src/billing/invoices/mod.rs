//! Invoices: <https://docs.stripe.com/api/invoices>, <https://docs.stripe.com/invoicing/overview>.

mod finalize;
pub(crate) mod items;
pub(crate) mod lines;
mod overdue;
pub(crate) mod payments;
pub(crate) mod preview;
pub(crate) mod settle;

use std::sync::Arc;

use serde_json::{Value, json};

use super::discounts::{self, DiscountTarget};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, merged, metadata, retrieve},
    error::{Answer, ApiError},
    events,
    form::Node,
    money,
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[&[Route]] = &[
    INVOICES,
    items::ROUTES,
    lines::ROUTES,
    payments::ROUTES,
    preview::ROUTES,
    settle::ROUTES,
];

const INVOICES: &[Route] = &[
    ("POST", "/v1/invoices", create),
    ("GET", "/v1/invoices", list),
    ("GET", "/v1/invoices/{invoice}", |tx, call| {
        retrieve(tx, call, Kind::Invoice, "invoice")
    }),
    ("POST", "/v1/invoices/{invoice}", update),
    ("DELETE", "/v1/invoices/{invoice}", delete),
];

const DAY: i64 = 86_400;

/// What an invoice is made of besides its lines.
pub(crate) struct Draft<'a> {
    pub customer: &'a Record,
    pub currency: &'a str,
    pub reason: &'static str,
    pub subscription: Option<&'a Record>,
    pub period: (i64, i64),
    pub send: bool,
    pub days_until_due: Option<i64>,
    pub auto_advance: bool,
}

/// Makes a draft without lines. The caller writes the lines, and emits `invoice.created`.
pub(crate) fn make(tx: &mut Tx<'_>, draft: &Draft<'_>) -> Arc<Record> {
    let customer = draft.customer;
    let owner = customer.owner.clone();
    let account = tx.get(&owner).map(|a| a.value.clone()).unwrap_or_default();
    let id = tx.mint("in_1", 23);
    let connected = owner != tx.store().platform;
    let of = |name: &str| customer.value[name].clone();
    let from_subscription = |name: &str| {
        draft
            .subscription
            .map_or(Value::Null, |s| s.value[name].clone())
    };
    let parent = draft.subscription.map(|s| {
        json!({
            "type": "subscription_details",
            "quote_details": null,
            "subscription_details": { "metadata": s.value["metadata"], "subscription": s.id },
        })
    });
    let invoice = merged(
        unbilled(&id, tx.now),
        json!({
            "account_country": account["country"],
            "account_name": account["business_profile"]["name"],
            "application": connected.then(|| tx.application()),
            "auto_advance": draft.auto_advance,
            "billing_reason": draft.reason,
            "collection_method": if draft.send { "send_invoice" } else { "charge_automatically" },
            "currency": draft.currency,
            "customer": customer.id,
            "customer_address": of("address"),
            "customer_email": of("email"),
            "customer_name": of("name"),
            "customer_phone": of("phone"),
            "customer_shipping": of("shipping"),
            "customer_tax_exempt": customer.value["tax_exempt"].as_str().unwrap_or("none"),
            "description": from_subscription("description"),
            "due_date": draft.days_until_due.map(|days| tx.now + days * DAY),
            "on_behalf_of": from_subscription("on_behalf_of"),
            "parent": parent,
            "period_end": draft.period.1,
            "period_start": draft.period.0,
            "starting_balance": customer.int("balance"),
            "test_clock": customer.value["test_clock"],
        }),
    );
    let hidden = json!({
        "lines": [],
        "fee": null,
        "fee_percent": draft.subscription.and_then(|s| s.hidden["fee_percent"].as_i64()),
        "transfer": from_subscription("transfer_data"),
        "days_until_due": draft.days_until_due,
        "latent": { "confirmation_secret": null },
    });
    if customer.value["currency"].is_null() {
        tx.update(&customer.id, |r| {
            r.value["currency"] = json!(draft.currency)
        });
    }
    tx.insert(Kind::Invoice, &owner, invoice, hidden, None)
}

/// The fields that every draft begins with: nothing billed, nothing paid.
fn unbilled(id: &str, now: i64) -> Value {
    json!({
        "id": id,
        "object": "invoice",
        "account_tax_ids": null,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "attempt_count": 0,
        "attempted": false,
        "automatic_tax": { "disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null },
        "automatically_finalizes_at": null,
        "created": now,
        "custom_fields": null,
        "customer_account": null,
        "customer_tax_ids": [],
        "default_payment_method": null,
        "default_source": null,
        "default_tax_rates": [],
        "discounts": [],
        "effective_at": null,
        "ending_balance": null,
        "footer": null,
        "from_invoice": null,
        "hosted_invoice_url": null,
        "invoice_pdf": null,
        "issuer": { "type": "self" },
        "last_finalization_error": null,
        "latest_revision": null,
        "lines": page(&format!("/v1/invoices/{id}/lines"), vec![], false),
        "livemode": false,
        "metadata": {},
        "next_payment_attempt": null,
        "number": null,
        "payment_settings": {
            "default_mandate": null, "payment_method_options": null, "payment_method_types": null,
        },
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": null,
        "rendering": null,
        "shipping_cost": null,
        "shipping_details": null,
        "statement_descriptor": null,
        "status": "draft",
        "status_transitions": {
            "finalized_at": null, "marked_uncollectible_at": null, "paid_at": null, "voided_at": null,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": now,
    })
}

/// An invoice as it now is.
pub(crate) fn now(tx: &Tx<'_>, id: &str) -> Value {
    tx.get(id).map(|i| i.value.clone()).unwrap_or_default()
}

/// Emits `invoice.updated`, and returns the invoice.
fn changed(tx: &mut Tx<'_>, id: &str) -> Value {
    let value = now(tx, id);
    let owner = tx.get(id).map(|i| i.owner.clone()).unwrap_or_default();
    tx.emit("invoice.updated", &owner, &value);
    value
}

/// The invoice that the path names, if it can still be changed.
fn draft_of(tx: &Tx<'_>, call: &Call<'_>, param: &str) -> Result<Arc<Record>, ApiError> {
    let invoice = find(tx, call, Kind::Invoice, call.id(), param)?;
    if invoice.text("status") == "draft" {
        return Ok(invoice);
    }
    Err(
        ApiError::invalid("This invoice is no longer editable: it has already been finalized.")
            .code("invoice_not_editable"),
    )
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let (customer, subscription) = billed(tx, call)?;
    let currency = currency(tx, args, &customer);
    money::minimum(&currency, "currency")?;
    let (send, days_until_due) = collection(args)?;
    let invoice = make(
        tx,
        &Draft {
            customer: &customer,
            currency: &currency,
            reason: "manual",
            subscription: subscription.as_deref(),
            period: (tx.now, tx.now),
            send,
            days_until_due,
            auto_advance: args.flag("auto_advance").unwrap_or(false),
        },
    );
    let mut value = invoice.value.clone();
    value["metadata"] = metadata(args, "metadata")?;
    describe(tx, call, &mut value)?;
    let on = DiscountTarget {
        customer: Some(&customer.id),
        invoice: Some(&invoice.id),
        ..DiscountTarget::default()
    };
    value["discounts"] = if args.at("discounts").is_some() {
        json!(discounts::read(tx, call, args, "", on)?)
    } else {
        json!(inherited(tx, &customer, subscription.as_deref()))
    };
    let fee = args.int("application_fee_amount");
    check_fee(tx, call, fee)?;
    let transfer = transfer(args);
    tx.update(&invoice.id, |r| {
        r.value = value;
        r.hidden["fee"] = json!(fee);
        if transfer.is_object() {
            r.hidden["transfer"] = transfer;
        }
    });
    let pending = pending_items(tx, args, &customer, &currency, subscription.as_deref());
    let written = items::put_on_invoice(tx, &pending, &invoice.id, &currency);
    lines::write(tx, &invoice.id, written)?;
    wait_to_finalize(tx, &invoice.id);
    let value = now(tx, &invoice.id);
    tx.emit("invoice.created", call.owner, &value);
    Ok(value)
}

/// The customer an invoice is for, and the subscription if it is for one.
fn billed(tx: &Tx<'_>, call: &Call<'_>) -> Result<(Arc<Record>, Option<Arc<Record>>), ApiError> {
    let args = call.args;
    if args.at("from_invoice").is_some() {
        return Err(
            ApiError::invalid("The simulator doesn't know revisions of invoices.")
                .param("from_invoice"),
        );
    }
    let subscription = match args.text("subscription") {
        Some(id) => Some(find(tx, call, Kind::Subscription, id, "subscription")?),
        None => None,
    };
    let customer = match (args.text("customer"), &subscription) {
        (Some(id), _) => id.to_owned(),
        (None, Some(subscription)) => subscription.text("customer").to_owned(),
        (None, None) => return Err(ApiError::parameter_missing("customer")),
    };
    let customer = find(tx, call, Kind::Customer, &customer, "customer")?;
    Ok((customer, subscription))
}

/// Whether an invoice is sent instead of charged, and in how many days it is due then.
fn collection(args: &Node) -> Result<(bool, Option<i64>), ApiError> {
    let send = args.text("collection_method") == Some("send_invoice");
    let days = args.int("days_until_due");
    let due = days.is_some() || args.int("due_date").is_some();
    if !send && due {
        return Err(ApiError::invalid(
            "You can only pass in `days_until_due` or `due_date` if the `collection_method` is `send_invoice`.",
        )
        .param("days_until_due"));
    }
    if send && !due {
        return Err(ApiError::invalid(
            "If invoices are set to `send_invoice` you must pass either `days_until_due` or `due_date`.",
        )
        .param("days_until_due"));
    }
    Ok((send, days))
}

/// The pending items that a new invoice takes: the subscription's own, or the customer's if the
/// request asks for them.
fn pending_items(
    tx: &Tx<'_>,
    args: &Node,
    customer: &Record,
    currency: &str,
    subscription: Option<&Record>,
) -> Vec<Arc<Record>> {
    let include = args.text("pending_invoice_items_behavior") == Some("include");
    match subscription {
        Some(s) => items::pending(tx, customer, currency, Some(&s.id)),
        None if include => items::pending(tx, customer, currency, None),
        None => Vec::new(),
    }
}

/// The discounts that an invoice inherits from its subscription, else from its customer.
pub(crate) fn inherited(
    tx: &Tx<'_>,
    customer: &Record,
    subscription: Option<&Record>,
) -> Vec<String> {
    let own = subscription
        .map(|s| discounts::in_force(tx, &s.value["discounts"]))
        .unwrap_or_default();
    if !own.is_empty() {
        return own;
    }
    let id = match &customer.value["discount"] {
        Value::Object(discount) => discount.get("id").cloned().unwrap_or_default(),
        other => other.clone(),
    };
    discounts::in_force(tx, &json!([id]))
}

/// The currency of an invoice: asked for, else the customer's, else the account's.
pub(crate) fn currency(tx: &Tx<'_>, args: &Node, customer: &Record) -> String {
    args.text("currency")
        .or_else(|| customer.value["currency"].as_str())
        .map(str::to_ascii_lowercase)
        .or_else(|| {
            tx.get(&customer.owner)
                .map(|a| a.text("default_currency").to_owned())
        })
        .unwrap_or_default()
}

fn transfer(args: &Node) -> Value {
    let data = args.sub("transfer_data");
    match data.text("destination") {
        Some(destination) => json!({ "amount": data.int("amount"), "destination": destination }),
        None => Value::Null,
    }
}

fn check_fee(tx: &Tx<'_>, call: &Call<'_>, fee: Option<i64>) -> Result<(), ApiError> {
    let direct = call.owner != tx.store().platform || call.args.at("transfer_data").is_some();
    match fee {
        Some(_) if !direct => Err(ApiError::invalid(
            "Can only apply an application_fee_amount when the invoice is for a connected account (using an OAuth key or Stripe-Account header, or `transfer_data[destination]`).",
        )
        .param("application_fee_amount")),
        Some(fee) if fee < 0 => Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param("application_fee_amount")),
        _ => Ok(()),
    }
}

/// Writes the fields that creating and updating have in common.
fn describe(tx: &mut Tx<'_>, call: &Call<'_>, value: &mut Value) -> Result<(), ApiError> {
    let args = call.args;
    for name in [
        "description",
        "footer",
        "statement_descriptor",
        "number",
        "on_behalf_of",
    ] {
        if args.at(name).is_some() {
            value[name] = json!(args.text(name));
        }
    }
    for name in ["due_date", "effective_at", "automatically_finalizes_at"] {
        if args.at(name).is_some() {
            value[name] = json!(args.int(name));
        }
    }
    if let Some(flag) = args.flag("auto_advance") {
        value["auto_advance"] = json!(flag);
    }
    if let Some(id) = args.text("default_payment_method") {
        let method = find(tx, call, Kind::PaymentMethod, id, "default_payment_method")?;
        value["default_payment_method"] = json!(method.id);
    }
    if args.at("custom_fields").is_some() {
        let fields: Vec<Value> = args
            .list("custom_fields")
            .map(|f| json!({ "name": f.text("name"), "value": f.text("value") }))
            .collect();
        value["custom_fields"] = if fields.is_empty() {
            Value::Null
        } else {
            json!(fields)
        };
    }
    if args.at("payment_settings.payment_method_types").is_some() {
        let types = args.texts("payment_settings.payment_method_types");
        value["payment_settings"]["payment_method_types"] = json!(types);
    }
    if args.at("automatic_tax.enabled").is_some()
        && args.flag("automatic_tax.enabled") == Some(true)
    {
        return Err(ApiError::invalid("The simulator doesn't compute taxes.")
            .param("automatic_tax[enabled]"));
    }
    for name in ["default_tax_rates", "shipping_cost"] {
        if !args.sub(name).children().is_empty() {
            return Err(ApiError::invalid(format!(
                "The simulator doesn't know `{name}` of invoices."
            ))
            .param(name));
        }
    }
    Ok(())
}

/// A draft that advances by itself is finalized an hour after it was made.
pub(crate) fn wait_to_finalize(tx: &mut Tx<'_>, id: &str) {
    let now = tx.now;
    tx.update(id, |r| {
        let at = r.value["automatically_finalizes_at"]
            .as_i64()
            .filter(|at| *at > now)
            .unwrap_or(now + 3600);
        let advances = r.value["auto_advance"] == json!(true) && r.text("status") == "draft";
        r.value["automatically_finalizes_at"] = json!(advances.then_some(at));
        if r.text("status") == "draft" {
            r.due = advances.then_some(at);
        }
    });
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let due = lists::Range::read(args, "due_date")?;
    let same = |r: &Record, name: &str| args.text(name).is_none_or(|v| r.value[name] == v);
    lists::list(tx, call, Kind::Invoice, |r| {
        same(r, "customer")
            && same(r, "status")
            && same(r, "collection_method")
            && args
                .text("subscription")
                .is_none_or(|s| subscription_of(r) == Some(s))
            && (args.at("due_date").is_none()
                || r.value["due_date"]
                    .as_i64()
                    .is_some_and(|at| due.contains(at)))
    })
}

pub(crate) fn subscription_of(invoice: &Record) -> Option<&str> {
    invoice.value["parent"]["subscription_details"]["subscription"].as_str()
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    let always = [
        "metadata",
        "auto_advance",
        "expand",
        "description",
        "default_payment_method",
    ];
    if invoice.text("status") != "draft"
        && let Some((name, _)) = args
            .children()
            .iter()
            .find(|(n, _)| !always.contains(&n.as_str()))
    {
        return Err(ApiError::invalid(format!(
            "Finalized invoices can't be updated in this way: `{name}` can no longer be changed."
        ))
        .code("invoice_not_editable")
        .param(name.clone()));
    }
    let mut value = invoice.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    describe(tx, call, &mut value)?;
    if let Some(method) = args.text("collection_method") {
        value["collection_method"] = json!(method);
    }
    if let Some(days) = args.int("days_until_due") {
        value["due_date"] = json!(invoice.int("created") + days * DAY);
    }
    if args.at("discounts").is_some() {
        let customer = invoice.text("customer").to_owned();
        let on = DiscountTarget {
            customer: Some(&customer),
            invoice: Some(&invoice.id),
            ..DiscountTarget::default()
        };
        value["discounts"] = json!(discounts::read(tx, call, args, "", on)?);
    }
    let fee = args.int("application_fee_amount");
    check_fee(tx, call, fee)?;
    let transfer = transfer(args);
    tx.update(&invoice.id, |r| {
        r.value = value;
        if fee.is_some() {
            r.hidden["fee"] = json!(fee);
        }
        if transfer.is_object() {
            r.hidden["transfer"] = transfer;
        }
    });
    if invoice.text("status") == "draft" {
        lines::write(tx, &invoice.id, lines::of(&invoice))?;
        wait_to_finalize(tx, &invoice.id);
    }
    let value = now(tx, &invoice.id);
    if value != invoice.value {
        let before = events::changes(&invoice.value, &value);
        tx.emit_change("invoice.updated", call.owner, &value, Some(before));
    }
    Ok(value)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
    if invoice.text("status") != "draft" || subscription_of(&invoice).is_some() {
        return Err(ApiError::invalid(
            "You can only delete draft invoices that aren't of a subscription. Void the invoice instead.",
        ));
    }
    for line in lines::of(&invoice) {
        if let Some(item) = line["parent"]["invoice_item_details"]["invoice_item"].as_str() {
            tx.remove(item);
        }
    }
    tx.remove(call.id());
    tx.emit("invoice.deleted", call.owner, &invoice.value);
    Ok(json!({ "id": call.id(), "object": "invoice", "deleted": true }))
}
