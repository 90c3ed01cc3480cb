//! Shipping options and their cost:
//! <https://docs.stripe.com/payments/during-payment/charge-shipping>.

use serde_json::{Value, json};

use crate::{
    api::{Call, find, metadata},
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Tx},
};

const MAX_OPTIONS: usize = 5;

/// The shipping rates that a form names, or new ones from its `shipping_rate_data`. The first is
/// chosen by default.
pub(super) fn read(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<Vec<Value>, ApiError> {
    let mut options = Vec::new();
    for (index, form) in call.args.list("shipping_options").enumerate() {
        let at = |name: &str| format!("shipping_options[{index}]{name}");
        if index == MAX_OPTIONS {
            return Err(
                ApiError::invalid("You can pass at most 5 shipping options.")
                    .param("shipping_options"),
            );
        }
        let rate = match (form.text("shipping_rate"), form.at("shipping_rate_data")) {
            (Some(id), None) => find(tx, call, Kind::ShippingRate, id, &at("[shipping_rate]"))?
                .value
                .clone(),
            (None, Some(data)) => make(tx, call.owner, data, &at("[shipping_rate_data]"))?,
            (Some(_), Some(_)) => {
                return Err(ApiError::invalid(
                    "You may only specify one of these parameters: shipping_rate, shipping_rate_data.",
                )
                .param(at("[shipping_rate]")));
            }
            (None, None) => return Err(ApiError::parameter_missing(&at("[shipping_rate]"))),
        };
        options.push(json!({
            "shipping_amount": rate["fixed_amount"]["amount"],
            "shipping_rate": rate["id"],
        }));
    }
    Ok(options)
}

fn make(tx: &mut Tx<'_>, owner: &str, data: &Node, at: &str) -> Answer {
    let amount = data
        .int("fixed_amount.amount")
        .ok_or_else(|| ApiError::parameter_missing(&format!("{at}[fixed_amount]")))?;
    let currency = data
        .text("fixed_amount.currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::minimum(&currency, &format!("{at}[fixed_amount][currency]"))?;
    let param = format!("{at}[fixed_amount][amount]");
    if !(0..=money::maximum(&currency)).contains(&amount) {
        return Err(ApiError::invalid("Invalid non-negative integer")
            .code("parameter_invalid_integer")
            .param(param));
    }
    money::check_step(amount, &currency, money::step(&currency), &param)?;
    let bound = |name: &str| {
        data.at(&format!("delivery_estimate.{name}"))
            .map(|b| json!({ "unit": b.text("unit"), "value": b.int("value") }))
    };
    let rate = json!({
        "id": tx.mint("shr_1", 23),
        "object": "shipping_rate",
        "active": true,
        "created": tx.now,
        "delivery_estimate": data.at("delivery_estimate").map(|_| json!({
            "maximum": bound("maximum"), "minimum": bound("minimum"),
        })),
        "display_name": data.text("display_name"),
        "fixed_amount": { "amount": amount, "currency": currency },
        "livemode": false,
        "metadata": metadata(data, "metadata")?,
        "tax_behavior": data.text("tax_behavior").unwrap_or("unspecified"),
        "tax_code": data.text("tax_code"),
        "type": "fixed_amount",
    });
    tx.insert(Kind::ShippingRate, owner, rate.clone(), Value::Null, None);
    Ok(rate)
}

/// Refuses options in another currency than the session's.
pub(super) fn check(tx: &Tx<'_>, options: &[Value], currency: &str) -> Result<(), ApiError> {
    let other = options.iter().find(|option| {
        option["shipping_rate"]
            .as_str()
            .and_then(|id| tx.get(id))
            .is_some_and(|rate| rate.value["fixed_amount"]["currency"] != currency)
    });
    match other {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid(
            "All shipping options must use the same currency as the Checkout Session.",
        )
        .param("shipping_options")),
    }
}

/// What the chosen option costs, as a session shows it.
pub(super) fn cost(session: &Value, chosen: &Value) -> Value {
    let options = session["shipping_options"].as_array();
    let option = options.and_then(|all| {
        let found = all.iter().find(|o| o["shipping_rate"] == *chosen);
        found.or(all.first())
    });
    match option {
        None => Value::Null,
        Some(option) => json!({
            "amount_subtotal": option["shipping_amount"],
            "amount_tax": 0,
            "amount_total": option["shipping_amount"],
            "shipping_rate": option["shipping_rate"],
        }),
    }
}
