//! The line items of a session:
//! <https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-line_items>.

use serde_json::{Value, json};

use super::params;
use crate::{
    api::{Call, merge_metadata, metadata},
    billing::{amounts, prices},
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Record, Tx},
};

const MAX_ITEMS: usize = 100;

/// The line items and their one currency. A form with the `id` of one of `present` keeps that one.
pub(super) fn read(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    present: &[Value],
) -> Result<(Vec<Value>, String), ApiError> {
    let forms: Vec<&Node> = call.args.list("line_items").collect();
    if forms.is_empty() {
        return Err(ApiError::parameter_missing("line_items"));
    }
    if forms.len() > MAX_ITEMS {
        return Err(ApiError::invalid("You can pass at most 100 line items.").param("line_items"));
    }
    let first = present.first().and_then(|item| item["currency"].as_str());
    let mut currency = call
        .args
        .text("currency")
        .or(first)
        .map(str::to_ascii_lowercase);
    let mut items = Vec::new();
    for (index, form) in forms.into_iter().enumerate() {
        let at = format!("line_items[{index}]");
        if form.at("tax_rates").is_some() || form.at("dynamic_tax_rates").is_some() {
            return Err(
                ApiError::invalid("The simulator doesn't know `tax_rates` yet.")
                    .param(format!("{at}[tax_rates]")),
            );
        }
        let item = match form.text("id") {
            Some(id) => {
                let old = present.iter().find(|item| item["id"] == id);
                let old = old.ok_or_else(|| ApiError::missing("item", id, &format!("{at}[id]")))?;
                keep(tx, form, old, &at)?
            }
            None => {
                let price = prices::read(tx, call, form, &at)?;
                let quantity = quantity(form, 1, &at)?;
                make(tx, &price, quantity, form)?
            }
        };
        let own = item["currency"].as_str().unwrap_or_default();
        if currency.get_or_insert_with(|| own.to_owned()) != own {
            return Err(ApiError::invalid(
                "All prices must use the same currency in one Checkout Session.",
            )
            .param(at));
        }
        let amount = item["amount_subtotal"].as_i64().unwrap_or(0);
        let param = match form.at("price_data") {
            Some(_) => format!("{at}[price_data][unit_amount]"),
            None => at,
        };
        money::check_step(amount, own, money::step(own), &param)?;
        items.push(item);
    }
    Ok((items, currency.unwrap_or_default()))
}

fn quantity(form: &Node, otherwise: i64, at: &str) -> Result<i64, ApiError> {
    match form.int("quantity").unwrap_or(otherwise) {
        n if n < 1 => Err(ApiError::invalid("Invalid positive integer")
            .code("parameter_invalid_integer")
            .param(format!("{at}[quantity]"))),
        n => Ok(n),
    }
}

fn keep(tx: &Tx<'_>, form: &Node, old: &Value, at: &str) -> Answer {
    let mut item = old.clone();
    let quantity = quantity(form, old["quantity"].as_i64().unwrap_or(1), at)?;
    count(tx, &mut item, quantity)?;
    merge_metadata(&mut item["metadata"], form, "metadata")?;
    if form.at("adjustable_quantity").is_some() {
        item["adjustable_quantity"] = params::adjustable(form);
    }
    Ok(item)
}

/// A line of a price.
pub(super) fn make(tx: &mut Tx<'_>, price: &Record, quantity: i64, form: &Node) -> Answer {
    let product = price.value["product"].as_str().and_then(|id| tx.get(id));
    let mut item = json!({
        "id": tx.mint("li_1", 23),
        "object": "item",
        "adjustable_quantity": params::adjustable(form),
        "amount_discount": 0,
        "amount_tax": 0,
        "currency": price.value["currency"],
        "description": product.map(|p| p.text("name").to_owned()),
        "metadata": metadata(form, "metadata")?,
        "price": price.value,
    });
    count(tx, &mut item, quantity)?;
    Ok(item)
}

/// Sets the quantity of an item.
pub(super) fn count(tx: &Tx<'_>, item: &mut Value, quantity: i64) -> Result<(), ApiError> {
    let id = item["price"]["id"].as_str().unwrap_or_default();
    let price = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("price", id, "price"))?;
    let amount = amounts::cost(
        tx.rounding(),
        &price,
        quantity,
        item["currency"].as_str().unwrap_or_default(),
    )?;
    item["quantity"] = json!(quantity);
    item["amount_subtotal"] = json!(amount);
    item["amount_total"] = json!(amount);
    Ok(())
}

/// The sum of the items before discounts.
pub(super) fn sum(items: &[Value]) -> Result<i64, ApiError> {
    items
        .iter()
        .try_fold(0i64, |sum, item| {
            sum.checked_add(item["amount_subtotal"].as_i64()?)
        })
        .ok_or_else(ApiError::overflow)
}
