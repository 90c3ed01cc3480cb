//! The line items of a session, and the prices and products made for it on the spot:
//! <https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-line_items>.

use serde_json::{Value, json};

use crate::{
    api::{Call, metadata},
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Tx},
};

/// The line items, their sum and their one currency.
pub(crate) fn read(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
) -> Result<(Vec<Value>, i64, String), ApiError> {
    let forms: Vec<&Node> = call.args.list("line_items").collect();
    if forms.is_empty() {
        return Err(ApiError::parameter_missing("line_items"));
    }
    if forms.len() > 100 {
        return Err(ApiError::invalid("You can pass at most 100 line items.").param("line_items"));
    }
    let mut items = Vec::new();
    let mut subtotal = 0i64;
    let mut currency = call.args.text("currency").map(str::to_ascii_lowercase);
    for (index, form) in forms.into_iter().enumerate() {
        let price = read_price(tx, call, form, index)?;
        let unit = price["unit_amount"].as_i64().unwrap_or(0);
        let quantity = form.int("quantity").unwrap_or(1);
        if quantity < 1 {
            return Err(ApiError::invalid("Invalid positive integer")
                .code("parameter_invalid_integer")
                .param(format!("line_items[{index}][quantity]")));
        }
        let own = price["currency"].as_str().unwrap_or_default().to_owned();
        if currency.get_or_insert_with(|| own.clone()) != &own {
            return Err(ApiError::invalid(
                "All prices must use the same currency in one Checkout Session.",
            )
            .param(format!("line_items[{index}]")));
        }
        let amount = unit.checked_mul(quantity).ok_or_else(ApiError::overflow)?;
        subtotal = subtotal
            .checked_add(amount)
            .ok_or_else(ApiError::overflow)?;
        let name = price["product"]
            .as_str()
            .and_then(|id| tx.get(id))
            .map(|product| product.text("name").to_owned());
        items.push(json!({
            "id": tx.mint("li_1", 23),
            "object": "item",
            "adjustable_quantity": null,
            "amount_discount": 0,
            "amount_subtotal": amount,
            "amount_tax": 0,
            "amount_total": amount,
            "currency": own,
            "description": name,
            "metadata": metadata(form, "metadata")?,
            "price": price,
            "quantity": quantity,
        }));
    }
    Ok((items, subtotal, currency.unwrap_or_default()))
}

/// A price by id, or one made on the spot from `price_data`.
fn read_price(tx: &mut Tx<'_>, call: &Call<'_>, form: &Node, index: usize) -> Answer {
    let at = |name: &str| format!("line_items[{index}]{name}");
    if let Some(id) = form.text("price") {
        return tx
            .find(Kind::Price, call.owner, id)
            .map(|r| r.value.clone())
            .ok_or_else(|| ApiError::missing("price", id, &at("[price]")));
    }
    let currency = form
        .text("price_data.currency")
        .ok_or_else(|| ApiError::parameter_missing(&at("[price]")))?
        .to_ascii_lowercase();
    money::minimum(&currency, &at("[price_data][currency]"))?;
    let unit = form
        .int("price_data.unit_amount")
        .ok_or_else(|| ApiError::parameter_missing(&at("[price_data][unit_amount]")))?;
    if !(0..=money::MAX_AMOUNT).contains(&unit) {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(at("[price_data][unit_amount]")));
    }
    let product = match form.text("price_data.product") {
        Some(id) if tx.find(Kind::Product, call.owner, id).is_some() => id.to_owned(),
        Some(id) => {
            return Err(ApiError::missing(
                "product",
                id,
                &at("[price_data][product]"),
            ));
        }
        None => make_product(tx, call, form, &at("[price_data][product_data][name]"))?,
    };
    let price = json!({
        "id": tx.mint("price_1", 23),
        "object": "price",
        // Made for one session only: Stripe shows such prices as inactive.
        "active": false,
        "billing_scheme": "per_unit",
        "created": tx.now,
        "currency": currency,
        "custom_unit_amount": null,
        "livemode": false,
        "lookup_key": null,
        "metadata": {},
        "nickname": null,
        "product": product,
        "recurring": null,
        "tax_behavior": "unspecified",
        "tiers_mode": null,
        "transform_quantity": null,
        "type": "one_time",
        "unit_amount": unit,
        "unit_amount_decimal": unit.to_string(),
    });
    tx.insert(Kind::Price, call.owner, price.clone(), Value::Null, None);
    Ok(price)
}

fn make_product(
    tx: &mut Tx<'_>,
    call: &Call<'_>,
    form: &Node,
    param: &str,
) -> Result<String, ApiError> {
    let data = form.sub("price_data.product_data");
    let name = data
        .text("name")
        .ok_or_else(|| ApiError::parameter_missing(param))?;
    let id = tx.mint("prod_", 14);
    let product = json!({
        "id": id,
        "object": "product",
        "active": false,
        "created": tx.now,
        "default_price": null,
        "description": data.text("description"),
        "images": data.texts("images"),
        "livemode": false,
        "marketing_features": [],
        "metadata": metadata(data, "metadata")?,
        "name": name,
        "package_dimensions": null,
        "shippable": null,
        "statement_descriptor": null,
        "tax_code": data.text("tax_code"),
        "unit_label": null,
        "updated": tx.now,
        "url": null,
    });
    tx.insert(Kind::Product, call.owner, product, Value::Null, None);
    Ok(id)
}
