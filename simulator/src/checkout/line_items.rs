//! The line items of a session:
//! <https://docs.stripe.com/api/checkout/sessions/create#create_checkout_session-line_items>.

use serde_json::{Value, json};

use crate::{
    api::{Call, metadata},
    billing::{amounts, prices},
    error::ApiError,
    form::Node,
    store::Tx,
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
        let record = prices::read(tx, call, form, &format!("line_items[{index}]"))?;
        let price = &record.value;
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
        let amount = amounts::cost(&record, quantity, &own)?;
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
