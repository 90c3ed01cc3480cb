//! The buyer: the page's fields, and the customer that a session makes or updates.
//! <https://docs.stripe.com/payments/checkout/customization/behavior>.

use serde_json::{Value, json};

use super::{
    enough, line_items,
    pay::{Payment, price},
    subscribe,
};
use crate::{
    customers,
    error::ApiError,
    form::Node,
    store::{Kind, Record, Tx},
};

/// What the buyer changes about the order: quantities, optional items, how it is sent.
pub(super) fn choose(tx: &mut Tx<'_>, session: &Record, payment: &Payment) -> Result<(), ApiError> {
    let mut items = session.hidden["items"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for (id, quantity) in &payment.quantities {
        let item = items
            .iter_mut()
            .find(|item| item["id"] == id.as_str())
            .ok_or_else(|| ApiError::missing("item", id, "quantities"))?;
        let bounds = &item["adjustable_quantity"];
        let bound = |name: &str| bounds[name].as_i64().unwrap_or(0);
        let fits = bounds["enabled"] == json!(true)
            && (bound("minimum")..=bound("maximum")).contains(quantity);
        if !fits {
            return Err(
                ApiError::invalid(format!("The quantity of {id} can't be {quantity}."))
                    .param("quantities"),
            );
        }
        line_items::count(tx, item, *quantity)?;
    }
    items.retain(|item| item["quantity"] != 0);
    for id in &payment.optional_items {
        let optional = session.value["optional_items"]
            .as_array()
            .and_then(|all| all.iter().find(|o| o["price"] == id.as_str()))
            .ok_or_else(|| ApiError::missing("price", id, "optional_items"))?;
        let price = tx
            .find(Kind::Price, &session.owner, id)
            .ok_or_else(|| ApiError::missing("price", id, "optional_items"))?;
        let quantity = optional["quantity"].as_i64().unwrap_or(1);
        let mut item = line_items::make(tx, &price, quantity, &Node::Tree(Vec::new()))?;
        item["adjustable_quantity"] = optional["adjustable_quantity"].clone();
        items.push(item);
    }
    if let Some(rate) = &payment.shipping_rate {
        let options = session.value["shipping_options"].as_array();
        let known =
            options.is_some_and(|all| all.iter().any(|o| o["shipping_rate"] == rate.as_str()));
        if !known {
            return Err(ApiError::missing("shipping rate", rate, "shipping_rate"));
        }
    }
    let data = session.hidden["subscription_data"].as_str();
    let data = Node::parse(data.unwrap_or_default())?;
    let subtotal = subscribe::due_now(&data, &items, line_items::sum(&items)?);
    tx.update(&session.id, |r| {
        r.hidden["items"] = json!(items);
        r.value["amount_subtotal"] = json!(subtotal);
        if let Some(rate) = &payment.shipping_rate {
            r.hidden["shipping_rate"] = json!(rate);
        }
    });
    let priced = price(tx, &session.id)?;
    enough(
        priced["amount_total"].as_i64().unwrap_or(0),
        session.text("currency"),
    )
}

/// Stores the buyer's details. Required fields without an answer get a default.
pub(super) fn remember(
    tx: &mut Tx<'_>,
    session: &Record,
    payment: &Payment,
) -> Result<(), ApiError> {
    let value = &session.value;
    let customer = value["customer"].as_str().and_then(|id| tx.get(id));
    let of = |name: &str| {
        let known = customer.as_ref()?.value[name].as_str()?;
        Some(known.to_owned())
    };
    let text = |given: &Option<String>| given.clone().filter(|t| !t.is_empty());
    let email = of("email")
        .or_else(|| text(&payment.email))
        .or_else(|| value["customer_email"].as_str().map(str::to_owned))
        .unwrap_or_else(|| "buyer@example.com".to_owned());
    let name = text(&payment.name).or_else(|| of("name"));
    let asks_phone = value["phone_number_collection"]["enabled"] == json!(true);
    let phone = asks_phone.then(|| {
        text(&payment.phone)
            .or_else(|| of("phone"))
            .unwrap_or_else(|| "+4915112345678".to_owned())
    });
    let countries = value["shipping_address_collection"]["allowed_countries"].as_array();
    let country = match (text(&payment.country), countries) {
        (Some(country), Some(allowed)) if !allowed.iter().any(|c| *c == country.as_str()) => {
            return Err(
                ApiError::invalid(format!("This session doesn't send to {country}."))
                    .param("country"),
            );
        }
        (Some(country), _) => country,
        (None, allowed) => allowed
            .and_then(|all| all.first()?.as_str())
            .unwrap_or("DE")
            .to_owned(),
    };
    let full = countries.is_some() || value["billing_address_collection"] == "required";
    let line = |text: &str| full.then(|| text.to_owned());
    let address = json!({
        "city": line("Berlin"), "country": country, "line1": line("Teststraße 1"), "line2": null,
        "postal_code": line("10115"), "state": null,
    });
    let fields = answers(&value["custom_fields"], payment)?;
    let mut buyer = json!({
        "address": address,
        "business_name": null,
        "email": email,
        "individual_name": null,
        "name": name,
        "phone": phone,
        "tax_exempt": "none",
        "tax_ids": [],
    });
    if value["mode"] == "setup" {
        buyer["address"] = Value::Null;
    }
    let sent = countries.map(|_| {
        json!({
            "address": address,
            "name": buyer["name"].as_str().unwrap_or("Simulated buyer"),
        })
    });
    tx.update(&session.id, |r| {
        r.hidden["buyer"] = buyer;
        r.hidden["sent"] = json!(sent);
        r.value["custom_fields"] = fields;
    });
    Ok(())
}

/// The custom fields with the buyer's answers. Required ones without an answer get a default.
fn answers(fields: &Value, payment: &Payment) -> Result<Value, ApiError> {
    let mut fields = fields.as_array().cloned().unwrap_or_default();
    let refuse = |key: &str| {
        Err(
            ApiError::invalid(format!("This isn't an answer to the custom field `{key}`."))
                .param("custom_fields"),
        )
    };
    for key in payment.custom_fields.keys() {
        if !fields.iter().any(|f| f["key"] == key.as_str()) {
            return refuse(key);
        }
    }
    for field in &mut fields {
        let key = field["key"].as_str().unwrap_or_default().to_owned();
        let kind = field["type"].as_str().unwrap_or_default().to_owned();
        let must = field["optional"] != json!(true);
        let part = &mut field[kind.as_str()];
        let options = part["options"].as_array().cloned().unwrap_or_default();
        let least = part["minimum_length"].as_u64().unwrap_or(1);
        let least = usize::try_from(least).unwrap_or(1).max(1);
        let made_up = || match kind.as_str() {
            "dropdown" => options.first()?["value"].as_str().map(str::to_owned),
            "numeric" => Some("1".repeat(least)),
            _ => Some("x".repeat(least)),
        };
        let given = payment.custom_fields.get(&key).filter(|v| !v.is_empty());
        let preset = part["default_value"].as_str();
        let value = given
            .cloned()
            .or_else(|| preset.map(str::to_owned))
            .or_else(|| must.then(made_up).flatten());
        let Some(value) = value else {
            continue;
        };
        let length = u64::try_from(value.chars().count()).unwrap_or(u64::MAX);
        let fits = match kind.as_str() {
            "dropdown" => options.iter().any(|o| o["value"] == value.as_str()),
            "numeric" => value.chars().all(|c| c.is_ascii_digit()),
            _ => true,
        };
        let long = part["maximum_length"]
            .as_u64()
            .is_some_and(|most| length > most);
        let short = part["minimum_length"]
            .as_u64()
            .is_some_and(|least| length < least);
        if !fits || long || short {
            return refuse(&key);
        }
        part["value"] = json!(value);
    }
    Ok(json!(fields))
}

/// The customer that pays: the session's, or a new one where the session makes one.
pub(super) fn customer(tx: &mut Tx<'_>, session: &Record) -> Option<String> {
    let buyer = &session.hidden["buyer"];
    if let Some(id) = session.value["customer"].as_str() {
        return Some(id.to_owned());
    }
    if let Some(id) = session.hidden["customer"].as_str() {
        return Some(id.to_owned());
    }
    let saves = session.hidden["intent"]["setup_future_usage"].is_string();
    if session.value["customer_creation"] != "always" && !saves {
        return None;
    }
    let id = customers::of_buyer(tx, &session.owner, buyer);
    tx.update(&session.id, |r| r.hidden["customer"] = json!(id));
    Some(id)
}

/// Updates the customer of a completed session.
pub(super) fn update_customer(tx: &mut Tx<'_>, session: &Record) {
    let Some(id) = session.value["customer"].as_str() else {
        return;
    };
    let buyer = session.hidden["buyer"].clone();
    let sent = session.hidden["sent"].clone();
    let may = |name: &str| {
        let names = session.hidden["customer_update"].as_array();
        names.is_some_and(|all| all.iter().any(|n| n == name))
    };
    customers::change(tx, id, |c| {
        if c["email"].is_null() {
            c["email"] = buyer["email"].clone();
        }
        for name in ["address", "name"] {
            if may(name) && !buyer[name].is_null() {
                c[name] = buyer[name].clone();
            }
        }
        if may("shipping") && !sent.is_null() {
            c["shipping"] = json!({
                "address": sent["address"], "name": sent["name"], "phone": buyer["phone"],
            });
        }
    });
}

/// A saved payment method of the session's customer.
pub(super) fn saved(
    tx: &Tx<'_>,
    session: &Record,
    id: &str,
) -> Result<std::sync::Arc<Record>, ApiError> {
    tx.find(Kind::PaymentMethod, &session.owner, id)
        .filter(|m| {
            m.value["customer"].is_string() && m.value["customer"] == session.value["customer"]
        })
        .ok_or_else(|| ApiError::missing(Kind::PaymentMethod.noun(), id, "payment_method"))
}

/// The saved cards that the page offers: those whose owner allows it to be shown again.
pub(crate) fn offered(tx: &Tx<'_>, session: &Record) -> Vec<std::sync::Arc<Record>> {
    let filters = &session.value["saved_payment_method_options"]["allow_redisplay_filters"];
    let Some(customer) = session.value["customer"].as_str() else {
        return Vec::new();
    };
    tx.store()
        .list(Kind::PaymentMethod, &session.owner)
        .rev()
        .filter(|m| {
            m.value["customer"] == customer
                && m.value["type"] == "card"
                && filters
                    .as_array()
                    .is_some_and(|f| f.contains(&m.value["allow_redisplay"]))
        })
        .cloned()
        .collect()
}
