//! Invoice items, which wait for the customer's next invoice.
//! <https://docs.stripe.com/api/invoiceitems>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::lines::{self, Line, LineParams};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    billing::discounts::{self, DiscountTarget},
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/invoiceitems", create),
    ("GET", "/v1/invoiceitems", list),
    ("GET", "/v1/invoiceitems/{invoiceitem}", |tx, call| {
        retrieve(tx, call, Kind::InvoiceItem, "invoiceitem")
    }),
    ("POST", "/v1/invoiceitems/{invoiceitem}", update),
    ("DELETE", "/v1/invoiceitems/{invoiceitem}", delete),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let id = args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let customer = find(tx, call, Kind::Customer, id, "customer")?;
    let invoice = draft_named(tx, call)?;
    let currency = currency(tx, args, invoice.as_deref(), &customer);
    money::minimum(&currency, "currency")?;
    let subscription = match args.text("subscription") {
        Some(id) => Some(find(tx, call, Kind::Subscription, id, "subscription")?),
        None => None,
    };
    let given = lines::read(tx, call, args, "", &currency, None)?;
    let period = lines::period(args, "", (tx.now, tx.now))?;
    let parent = subscription.map(|s| {
        json!({
            "type": "subscription_details",
            "subscription_details": { "subscription": s.id },
        })
    });
    let item = make(
        tx,
        &customer,
        &currency,
        Item {
            amount: given.amount,
            description: lines::describe(tx, args, given.price.as_deref()),
            discountable: args.flag("discountable").unwrap_or(given.amount > 0),
            price: given.price,
            quantity: given.quantity,
            period,
            parent: parent.unwrap_or_default(),
            proration: false,
            metadata: metadata(args, "metadata")?,
        },
    );
    let on = DiscountTarget {
        customer: Some(&customer.id),
        invoice_item: Some(&item.id),
        ..DiscountTarget::default()
    };
    let own = discounts::read(tx, call, args, "", on)?;
    let item = tx
        .update(&item.id, |r| r.value["discounts"] = json!(own))
        .unwrap_or(item);
    tx.emit("invoiceitem.created", call.owner, &item.value);
    if let Some(invoice) = invoice {
        let mut all = lines::of(&invoice);
        all.extend(put_on_invoice(
            tx,
            std::slice::from_ref(&item),
            &invoice.id,
            &currency,
        ));
        lines::write(tx, &invoice.id, all)?;
        super::changed(tx, &invoice.id);
    }
    retrieve_value(tx, &item.id)
}

/// The draft that an item is to be on, if a request names one.
fn draft_named(tx: &Tx<'_>, call: &Call<'_>) -> Result<Option<Arc<Record>>, ApiError> {
    let Some(id) = call.args.text("invoice") else {
        return Ok(None);
    };
    let invoice = find(tx, call, Kind::Invoice, id, "invoice")?;
    if invoice.text("status") != "draft" {
        return Err(
            ApiError::invalid("You can only add invoice items to draft invoices.")
                .code("invoice_not_editable")
                .param("invoice"),
        );
    }
    Ok(Some(invoice))
}

/// The currency that is asked for, else the invoice's, the price's, or the customer's.
fn currency(tx: &Tx<'_>, args: &Node, invoice: Option<&Record>, customer: &Record) -> String {
    let price = args.text("pricing.price").and_then(|p| tx.get(p));
    match (args.text("currency"), invoice, price) {
        (Some(currency), _, _) => currency.to_ascii_lowercase(),
        (None, Some(invoice), _) => invoice.text("currency").to_owned(),
        (None, None, Some(price)) => price.text("currency").to_owned(),
        (None, None, None) => args.text("price_data.currency").map_or_else(
            || super::currency(tx, args, customer),
            str::to_ascii_lowercase,
        ),
    }
}

fn retrieve_value(tx: &Tx<'_>, id: &str) -> Answer {
    Ok(tx.get(id).map(|r| r.value.clone()).unwrap_or_default())
}

/// An item to make.
pub(crate) struct Item {
    pub amount: i64,
    pub description: Value,
    pub price: Option<Arc<Record>>,
    pub quantity: i64,
    pub period: (i64, i64),
    pub parent: Value,
    pub proration: bool,
    pub discountable: bool,
    pub metadata: Value,
}

/// Makes an item that waits for the next invoice.
pub(crate) fn make(tx: &mut Tx<'_>, customer: &Record, currency: &str, item: Item) -> Arc<Record> {
    let mut value = json!({
        "id": tx.mint("ii_1", 23),
        "object": "invoiceitem",
        "amount": item.amount,
        "currency": currency,
        "customer": customer.id,
        "customer_account": null,
        "date": tx.now,
        "description": item.description,
        "discountable": item.discountable,
        "discounts": [],
        "invoice": null,
        "livemode": false,
        "metadata": item.metadata,
        "net_amount": item.amount,
        "parent": item.parent,
        "period": { "start": item.period.0, "end": item.period.1 },
        "pricing": lines::pricing(item.price.as_deref()),
        "proration": item.proration,
        "quantity": item.quantity,
        "quantity_decimal": item.quantity.to_string(),
        "tax_rates": [],
        "test_clock": customer.value["test_clock"],
    });
    if item.proration {
        value["proration_details"] = json!({ "discount_amounts": [] });
    }
    let hidden = json!({ "price": item.price.as_ref().map(|p| p.id.clone()) });
    tx.insert(Kind::InvoiceItem, &customer.owner, value, hidden, None)
}

/// The pending items, oldest first: those of one subscription, or those of none.
pub(crate) fn pending(
    tx: &Tx<'_>,
    customer: &Record,
    currency: &str,
    subscription: Option<&str>,
) -> Vec<Arc<Record>> {
    tx.store()
        .naming(Kind::InvoiceItem, "customer", &customer.id)
        .filter(|i| {
            let of = i.value["parent"]["subscription_details"]["subscription"].as_str();
            i.value["invoice"].is_null()
                && i.text("currency") == currency
                && (of.is_none() || of == subscription)
        })
        .cloned()
        .collect()
}

/// The line that an item becomes.
pub(crate) fn line(item: &Record) -> Line {
    let details = &item.value["parent"]["subscription_details"];
    let parent = match details["subscription_item"].as_str() {
        Some(subscription_item) => json!({
            "type": "subscription_item_details",
            "invoice_item_details": null,
            "subscription_item_details": {
                "invoice_item": item.id,
                "proration": item.value["proration"],
                "proration_details": { "credited_items": null },
                "subscription": details["subscription"],
                "subscription_item": subscription_item,
            },
        }),
        None => json!({
            "type": "invoice_item_details",
            "invoice_item_details": {
                "invoice_item": item.id,
                "proration": item.value["proration"],
                "proration_details": { "credited_items": null },
                "subscription": details["subscription"],
            },
            "subscription_item_details": null,
        }),
    };
    let end = |name: &str| item.value["period"][name].as_i64().unwrap_or(0);
    Line {
        amount: item.int("amount"),
        description: item.value["description"].clone(),
        price: None,
        quantity: item.int("quantity"),
        period: (end("start"), end("end")),
        parent,
        discountable: item.value["discountable"] == json!(true),
        discounts: item.value["discounts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|d| d.as_str().map(str::to_owned))
            .collect(),
        metadata: item.value["metadata"].clone(),
    }
}

/// Puts items on an invoice, as lines.
pub(crate) fn put_on_invoice(
    tx: &mut Tx<'_>,
    items: &[Arc<Record>],
    invoice: &str,
    currency: &str,
) -> Vec<Value> {
    let mut out = Vec::new();
    for item in items {
        let mut value = line(item).value(tx, invoice, currency);
        value["pricing"] = item.value["pricing"].clone();
        out.push(value);
        tx.update(&item.id, |r| r.value["invoice"] = json!(invoice));
    }
    out
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let same = |r: &Record, name: &str| args.text(name).is_none_or(|v| r.value[name] == v);
    let created = lists::Range::read(args, "created")?;
    lists::list(tx, call, Kind::InvoiceItem, |r| {
        same(r, "customer")
            && same(r, "invoice")
            && args
                .flag("pending")
                .is_none_or(|p| r.value["invoice"].is_null() == p)
            && (args.at("created").is_none() || created.contains(r.int("date")))
    })
}

/// The item of the path, if its invoice can still be changed.
fn editable(tx: &Tx<'_>, call: &Call<'_>) -> Result<(Arc<Record>, Option<Arc<Record>>), ApiError> {
    let item = find(tx, call, Kind::InvoiceItem, call.id(), "invoiceitem")?;
    let invoice = item.value["invoice"].as_str().and_then(|id| tx.get(id));
    if invoice
        .as_ref()
        .is_some_and(|i| i.text("status") != "draft")
    {
        return Err(ApiError::invalid(
            "This invoice item is attached to an invoice that is no longer editable.",
        )
        .code("invoice_not_editable"));
    }
    Ok((item, invoice))
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let (item, invoice) = editable(tx, call)?;
    let old = LineParams {
        amount: item.int("amount"),
        price: item.hidden["price"].as_str().and_then(|id| tx.get(id)),
        quantity: item.int("quantity"),
    };
    let given = lines::read(tx, call, args, "", item.text("currency"), Some(&old))?;
    let ends = |name: &str| item.value["period"][name].as_i64().unwrap_or(0);
    let period = lines::period(args, "", (ends("start"), ends("end")))?;
    let mut value = item.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    value["amount"] = json!(given.amount);
    value["net_amount"] = json!(given.amount);
    value["quantity"] = json!(given.quantity);
    value["quantity_decimal"] = json!(given.quantity.to_string());
    value["period"] = json!({ "start": period.0, "end": period.1 });
    value["pricing"] = lines::pricing(given.price.as_deref());
    if args.at("description").is_some() {
        value["description"] = json!(args.text("description"));
    }
    if let Some(flag) = args.flag("discountable") {
        value["discountable"] = json!(flag);
    }
    if args.at("discounts").is_some() {
        let customer = item.text("customer").to_owned();
        let on = DiscountTarget {
            customer: Some(&customer),
            invoice_item: Some(&item.id),
            ..DiscountTarget::default()
        };
        value["discounts"] = json!(discounts::read(tx, call, args, "", on)?);
    }
    let price = given.price.map(|p| p.id.clone());
    let item = tx.update(&item.id, |r| {
        r.value = value.clone();
        r.hidden["price"] = json!(price);
    });
    if let (Some(item), Some(invoice)) = (item, invoice) {
        let currency = invoice.text("currency").to_owned();
        let mut all = lines::of(&invoice);
        let mut new = line(&item).value(tx, &invoice.id, &currency);
        new["pricing"] = item.value["pricing"].clone();
        if let Some(line) = all.iter_mut().find(|l| is_of(l, &item.id)) {
            new["id"] = line["id"].clone();
            *line = new;
        }
        lines::write(tx, &invoice.id, all)?;
        super::changed(tx, &invoice.id);
    }
    Ok(value)
}

fn is_of(line: &Value, item: &str) -> bool {
    line["parent"]["invoice_item_details"]["invoice_item"] == item
        || line["parent"]["subscription_item_details"]["invoice_item"] == item
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (item, invoice) = editable(tx, call)?;
    if let Some(invoice) = invoice {
        let mut all = lines::of(&invoice);
        all.retain(|l| !is_of(l, &item.id));
        lines::write(tx, &invoice.id, all)?;
        super::changed(tx, &invoice.id);
    }
    tx.remove(&item.id);
    tx.emit("invoiceitem.deleted", call.owner, &item.value);
    Ok(json!({ "id": item.id, "object": "invoiceitem", "deleted": true }))
}
