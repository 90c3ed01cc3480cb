//! The lines of an invoice, and its sums.

use std::sync::Arc;

use serde_json::{Value, json};

use super::draft_of;
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata},
    billing::{amounts, discounts, prices},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/invoices/{invoice}/lines", |tx, call| {
        let invoice = find(tx, call, Kind::Invoice, call.id(), "invoice")?;
        lists::page_of(call, of(&invoice))
    }),
    (
        "POST",
        "/v1/invoices/{invoice}/lines/{line_item_id}",
        update_one,
    ),
    ("POST", "/v1/invoices/{invoice}/add_lines", add),
    ("POST", "/v1/invoices/{invoice}/update_lines", update),
    ("POST", "/v1/invoices/{invoice}/remove_lines", remove),
];

/// A line to write.
pub(crate) struct Line {
    pub amount: i64,
    pub description: Value,
    pub price: Option<Arc<Record>>,
    pub quantity: i64,
    pub period: (i64, i64),
    pub parent: Value,
    pub discountable: bool,
    pub discounts: Vec<String>,
    pub metadata: Value,
}

impl Line {
    /// As Stripe shows it, on an invoice.
    pub fn value(self, tx: &mut Tx<'_>, invoice: &str, currency: &str) -> Value {
        let subscription = ["subscription_item_details", "invoice_item_details"]
            .iter()
            .find_map(|d| self.parent[*d]["subscription"].as_str().map(str::to_owned));
        json!({
            "id": tx.mint("il_1", 23),
            "object": "line_item",
            "amount": self.amount,
            "currency": currency,
            "description": self.description,
            "discount_amounts": [],
            "discountable": self.discountable,
            "discounts": self.discounts,
            "invoice": invoice,
            "livemode": false,
            "metadata": self.metadata,
            "parent": self.parent,
            "period": { "start": self.period.0, "end": self.period.1 },
            "pretax_credit_amounts": [],
            "pricing": pricing(self.price.as_deref()),
            "quantity": self.quantity,
            "quantity_decimal": self.quantity.to_string(),
            "subscription": subscription,
            "subtotal": self.amount,
            "taxes": [],
        })
    }
}

/// The `pricing` of a line or an invoice item.
pub(crate) fn pricing(price: Option<&Record>) -> Value {
    price.map_or(Value::Null, |p| {
        json!({
            "type": "price_details",
            "price_details": { "price": p.id, "product": p.value["product"] },
            "unit_amount_decimal": p.value["unit_amount_decimal"],
        })
    })
}

pub(crate) fn of(invoice: &Record) -> Vec<Value> {
    invoice.hidden["lines"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// Writes an invoice's lines and recomputes its sums, while it is a draft.
pub(crate) fn write(tx: &mut Tx<'_>, id: &str, mut all: Vec<Value>) -> Result<(), ApiError> {
    let Some(invoice) = tx.get(id) else {
        return Ok(());
    };
    let currency = invoice.text("currency").to_owned();
    let off = discounts::spread(tx, &mut all, &invoice.value["discounts"], &currency)?;
    let sum = |values: &[Value]| {
        values
            .iter()
            .try_fold(0i64, |sum, v| {
                sum.checked_add(v["amount"].as_i64().unwrap_or(0))
            })
            .ok_or_else(ApiError::overflow)
    };
    let subtotal = sum(&all)?;
    let total = subtotal - sum(&off)?;
    let start = invoice.int("starting_balance");
    let due = std::cmp::max(total.saturating_add(start), 0);
    let shown: Vec<Value> = all.iter().take(10).cloned().collect();
    let lines = page(&format!("/v1/invoices/{id}/lines"), shown, all.len() > 10);
    let credits: Vec<Value> = off
        .iter()
        .map(|d| json!({ "amount": d["amount"], "discount": d["discount"], "type": "discount" }))
        .collect();
    tx.update(id, |r| {
        r.hidden["lines"] = json!(all);
        let v = &mut r.value;
        v["lines"] = lines;
        v["subtotal"] = json!(subtotal);
        v["subtotal_excluding_tax"] = json!(subtotal);
        v["total"] = json!(total);
        v["total_excluding_tax"] = json!(total);
        v["total_discount_amounts"] = json!(off);
        v["total_pretax_credit_amounts"] = json!(credits);
        v["amount_due"] = json!(due);
        v["amount_remaining"] = json!(due);
    });
    Ok(())
}

/// The parameters of a line or an invoice item.
pub(crate) struct LineParams {
    pub amount: i64,
    pub price: Option<Arc<Record>>,
    pub quantity: i64,
}

/// Reads `amount`, or `pricing[price]` or `price_data` with a quantity, or `unit_amount_decimal`.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
    currency: &str,
    old: Option<&LineParams>,
) -> Result<LineParams, ApiError> {
    let param = |name: &str| {
        if at.is_empty() {
            name.to_owned()
        } else {
            format!("{at}[{name}]")
        }
    };
    let quantity = form
        .int("quantity")
        .or_else(|| form.int("quantity_decimal"))
        .unwrap_or(old.map_or(1, |o| o.quantity));
    if quantity < 0 {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(param("quantity")));
    }
    let priced = form.text("pricing.price").or_else(|| form.text("price"));
    let price = if let Some(id) = priced {
        Some(find(tx, call, Kind::Price, id, &param("pricing"))?)
    } else if form.at("price_data").is_some() {
        Some(prices::read(tx, call, form, at)?)
    } else {
        old.filter(|_| form.int("amount").is_none())
            .and_then(|o| o.price.clone())
    };
    if let Some(p) = price.as_ref().filter(|p| p.text("type") == "recurring") {
        return Err(ApiError::invalid(format!(
            "The price specified is set to `type=recurring` but this field only accepts prices with `type=one_time`. ({})",
            p.id
        ))
        .param(param("pricing")));
    }
    let amount = match (form.int("amount"), &price, form.text("unit_amount_decimal")) {
        (Some(_), Some(_), _) => {
            return Err(ApiError::invalid(
                "You may only specify one of these parameters: amount, pricing, price_data.",
            )
            .param(param("amount")));
        }
        (Some(amount), None, _) => amount,
        (None, Some(price), _) => amounts::cost(tx.rounding(), price, quantity, currency)?,
        (None, None, Some(text)) => amounts::scaled(text)
            .and_then(|unit| unit.checked_mul(i128::from(quantity)))
            .and_then(|sum| amounts::round(tx.rounding(), sum))
            .ok_or_else(ApiError::overflow)?,
        (None, None, None) => old.map_or(0, |o| o.amount),
    };
    if amount.abs() > crate::money::maximum(currency) {
        return Err(ApiError::overflow());
    }
    Ok(LineParams {
        amount,
        price,
        quantity,
    })
}

/// A form's `period`, or what it was.
pub(crate) fn period(form: &Node, at: &str, old: (i64, i64)) -> Result<(i64, i64), ApiError> {
    let (start, end) = match (form.int("period.start"), form.int("period.end")) {
        (Some(start), Some(end)) => (start, end),
        _ => old,
    };
    if end < start {
        let param = if at.is_empty() {
            "period".to_owned()
        } else {
            format!("{at}[period]")
        };
        return Err(
            ApiError::invalid("The period's `end` must be after its `start`.").param(param),
        );
    }
    Ok((start, end))
}

fn add(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = draft_of(tx, call, "invoice")?;
    let mut all = of(&invoice);
    let currency = invoice.text("currency").to_owned();
    let forms: Vec<Node> = call.args.list("lines").cloned().collect();
    for (index, form) in forms.iter().enumerate() {
        let at = format!("lines[{index}]");
        if let Some(id) = form.text("invoice_item") {
            let item = find(
                tx,
                call,
                Kind::InvoiceItem,
                id,
                &format!("{at}[invoice_item]"),
            )?;
            all.push(super::items::line(&item).value(tx, &invoice.id, &currency));
            tx.update(&item.id, |r| r.value["invoice"] = json!(invoice.id));
            continue;
        }
        let given = read(tx, call, form, &at, &currency, None)?;
        let line = Line {
            amount: given.amount,
            description: describe(tx, form, given.price.as_deref()),
            price: given.price,
            quantity: given.quantity,
            period: period(form, &at, (tx.now, tx.now))?,
            parent: Value::Null,
            discountable: form.flag("discountable").unwrap_or(given.amount > 0),
            discounts: Vec::new(),
            metadata: metadata(form, "metadata")?,
        };
        all.push(line.value(tx, &invoice.id, &currency));
    }
    finish(tx, call, all)
}

/// A form's own description, or the product's name.
pub(crate) fn describe(tx: &Tx<'_>, form: &Node, price: Option<&Record>) -> Value {
    match (form.text("description"), price) {
        (Some(text), _) => json!(text),
        (None, Some(price)) => tx
            .get(price.text("product"))
            .map_or(Value::Null, |p| p.value["name"].clone()),
        (None, None) => Value::Null,
    }
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = draft_of(tx, call, "invoice")?;
    let mut all = of(&invoice);
    let forms: Vec<Node> = call.args.list("lines").cloned().collect();
    for (index, form) in forms.iter().enumerate() {
        let at = format!("lines[{index}]");
        let id = form.text("id").unwrap_or_default();
        let line = all
            .iter_mut()
            .find(|l| l["id"] == id)
            .ok_or_else(|| ApiError::missing("line_item", id, &format!("{at}[id]")))?;
        change(tx, call, form, &at, line, invoice.text("currency"))?;
    }
    finish(tx, call, all)
}

fn update_one(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = draft_of(tx, call, "invoice")?;
    let mut all = of(&invoice);
    let id = call.ids.get(1).copied().unwrap_or_default();
    let line = all
        .iter_mut()
        .find(|l| l["id"] == id)
        .ok_or_else(|| ApiError::missing("line_item", id, "line_item_id"))?;
    change(tx, call, call.args, "", line, invoice.text("currency"))?;
    finish(tx, call, all)?;
    let changed = tx.get(&invoice.id).map(|i| of(&i)).unwrap_or_default();
    Ok(changed
        .into_iter()
        .find(|l| l["id"] == id)
        .unwrap_or_default())
}

fn change(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    at: &str,
    line: &mut Value,
    currency: &str,
) -> Result<(), ApiError> {
    let old = LineParams {
        amount: line["amount"].as_i64().unwrap_or(0),
        price: None,
        quantity: line["quantity"].as_i64().unwrap_or(1),
    };
    let given = read(tx, call, form, at, currency, Some(&old))?;
    let ends = |name: &str| line["period"][name].as_i64().unwrap_or(0);
    let period = period(form, at, (ends("start"), ends("end")))?;
    line["amount"] = json!(given.amount);
    line["subtotal"] = json!(given.amount);
    line["quantity"] = json!(given.quantity);
    line["quantity_decimal"] = json!(given.quantity.to_string());
    line["period"] = json!({ "start": period.0, "end": period.1 });
    if given.price.is_some() {
        line["pricing"] = pricing(given.price.as_deref());
    }
    if form.at("description").is_some() {
        line["description"] = json!(form.text("description"));
    }
    if let Some(flag) = form.flag("discountable") {
        line["discountable"] = json!(flag);
    }
    merge_metadata(&mut line["metadata"], form, "metadata")
}

fn remove(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let invoice = draft_of(tx, call, "invoice")?;
    let mut all = of(&invoice);
    let forms: Vec<Node> = call.args.list("lines").cloned().collect();
    for (index, form) in forms.iter().enumerate() {
        let id = form.text("id").unwrap_or_default();
        let at = all
            .iter()
            .position(|l| l["id"] == id)
            .ok_or_else(|| ApiError::missing("line_item", id, &format!("lines[{index}][id]")))?;
        let line = all.remove(at);
        if let Some(item) = line["parent"]["invoice_item_details"]["invoice_item"].as_str() {
            if form.text("behavior") == Some("unassign") {
                tx.update(item, |r| r.value["invoice"] = Value::Null);
            } else {
                tx.remove(item);
            }
        }
    }
    finish(tx, call, all)
}

fn finish(tx: &mut Tx<'_>, call: &Call<'_>, all: Vec<Value>) -> Answer {
    let mut metadata = tx
        .get(call.id())
        .map(|i| i.value["metadata"].clone())
        .unwrap_or_default();
    merge_metadata(&mut metadata, call.args, "invoice_metadata")?;
    tx.update(call.id(), |r| r.value["metadata"] = metadata);
    write(tx, call.id(), all)?;
    Ok(super::changed(tx, call.id()))
}
