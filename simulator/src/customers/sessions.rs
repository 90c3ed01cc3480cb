//! Customer sessions: what a page may show and do of a customer, for whoever has the secret.
//! <https://docs.stripe.com/api/customer_sessions>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::methods;
use crate::{
    api::{Call, Route, find},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[("POST", "/v1/customer_sessions", create)];

const FILTERS: &str = "payment_method_allow_redisplay_filters";
const LIMIT: &str = "payment_method_redisplay_limit";
const REDISPLAY: &str = "payment_method_redisplay";
const REMOVE: &str = "payment_method_remove";
const SAVE: &str = "payment_method_save";
const USAGE: &str = "payment_method_save_usage";
const OVERRIDE: &str = "payment_method_save_allow_redisplay_override";

/// Each component with its features.
const COMPONENTS: [(&str, &[&str]); 7] = [
    ("active_entitlements", &[]),
    ("buy_button", &[]),
    ("customer_portal", &[]),
    ("customer_sheet", &[FILTERS, REMOVE]),
    (
        "mobile_payment_element",
        &[FILTERS, REDISPLAY, REMOVE, SAVE, OVERRIDE],
    ),
    (
        "payment_element",
        &[FILTERS, REDISPLAY, LIMIT, REMOVE, SAVE, USAGE],
    ),
    ("pricing_table", &[]),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let customer = args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    find(tx, call, Kind::Customer, customer, "customer")?;
    let mut components = json!({});
    let mut some = false;
    for (name, features) in COMPONENTS {
        let form = args.sub("components").sub(name);
        let enabled = form.flag("enabled") == Some(true);
        some |= enabled;
        components[name] = json!({ "enabled": enabled });
        if !features.is_empty() {
            let prefix = format!("components[{name}][features]");
            components[name]["features"] = match enabled {
                true => read(form.sub("features"), features, &prefix)?,
                false => Value::Null,
            };
        }
    }
    if !some {
        return Err(ApiError::invalid(
            "You must enable at least one component to create a Customer Session.",
        )
        .param("components"));
    }
    let life = match tx.assumptions.get("customer_session_life") {
        "hour" => 3600,
        _ => 1800,
    };
    let secret = tx.mint("cuss_secret_", 47);
    let value = json!({
        // The object has no id; a record has one.
        "id": secret,
        "object": "customer_session",
        "client_secret": secret,
        "components": components,
        "created": tx.now,
        "customer": customer,
        "customer_account": null,
        "expires_at": tx.now + life,
        "livemode": false,
    });
    let made = tx.insert(Kind::CustomerSession, call.owner, value, json!({}), None);
    let mut answer = made.value.clone();
    if let Some(fields) = answer.as_object_mut() {
        fields.remove("id");
    }
    Ok(answer)
}

/// The features of an enabled component.
fn read(form: &Node, names: &[&str], prefix: &str) -> Answer {
    let mut out = json!({});
    for name in names {
        out[*name] = match *name {
            FILTERS => match form.texts(FILTERS) {
                none if none.is_empty() => json!(["always"]),
                given => json!(given),
            },
            LIMIT => json!(form.int(LIMIT).unwrap_or(3)),
            USAGE | OVERRIDE => json!(form.text(name)),
            name => json!(form.text(name).unwrap_or("disabled")),
        };
    }
    let limit = out[LIMIT].as_i64();
    if limit.is_some_and(|limit| !(1..=10).contains(&limit)) {
        return Err(
            ApiError::invalid("The redisplay limit must be between 1 and 10.")
                .code("parameter_invalid_integer")
                .param(format!("{prefix}[{LIMIT}]")),
        );
    }
    Ok(out)
}

/// The session of a secret, while it is good.
fn of_secret(tx: &Tx<'_>, owner: &str, secret: &str) -> Result<Arc<Record>, ApiError> {
    let refuse = |why: &str| {
        ApiError::invalid(format!("The Customer Session's client secret {why}."))
            .param("customer_session_client_secret")
    };
    let session = tx
        .find(Kind::CustomerSession, owner, secret)
        .ok_or_else(|| refuse("is not one of this account"))?;
    if session.int("expires_at") <= tx.now {
        return Err(refuse("has expired"));
    }
    if session.value["components"]["payment_element"]["enabled"] != json!(true) {
        return Err(refuse("doesn't have the Payment Element enabled"));
    }
    Ok(session)
}

/// What the Payment Element is told for a secret: its features, and the saved cards that it offers.
pub(crate) fn claim(tx: &mut Tx<'_>, owner: &str, secret: &str) -> Answer {
    let session = of_secret(tx, owner, secret)?;
    if session.hidden["claimed"] == json!(true)
        && tx.assumptions.get("customer_secret") == "single_use"
    {
        return Err(ApiError::invalid(
            "The Customer Session's client secret has been used. Create a new Customer Session.",
        )
        .param("customer_session_client_secret"));
    }
    tx.update(&session.id, |r| r.hidden["claimed"] = json!(true));
    let features = session.value["components"]["payment_element"]["features"].clone();
    let offered = match features[REDISPLAY].as_str() {
        Some("enabled") => saved(tx, &session, &features),
        _ => Vec::new(),
    };
    Ok(json!({ "features": features, "payment_methods": offered }))
}

/// The saved cards that the features let be shown, newest first.
fn saved(tx: &Tx<'_>, session: &Record, features: &Value) -> Vec<Value> {
    let filters = features[FILTERS].as_array();
    let limit = features[LIMIT].as_u64().unwrap_or(3);
    let shown = |m: &&Arc<Record>| {
        m.value["type"] == "card"
            && filters.is_some_and(|f| f.contains(&m.value["allow_redisplay"]))
    };
    tx.store()
        .naming(Kind::PaymentMethod, "customer", session.text("customer"))
        .rev()
        .filter(shown)
        .take(usize::try_from(limit).unwrap_or(3))
        .map(|m| json!({ "id": m.id, "type": "card", "card": m.value["card"] }))
        .collect()
}

/// Removes a saved payment method, as the Payment Element lets a customer do.
pub(crate) fn remove(tx: &mut Tx<'_>, owner: &str, secret: &str, id: &str) -> Answer {
    let session = of_secret(tx, owner, secret)?;
    let features = &session.value["components"]["payment_element"]["features"];
    if features[REMOVE] != "enabled" {
        return Err(ApiError::invalid(
            "This Customer Session doesn't let payment methods be removed.",
        ));
    }
    let method = tx
        .find(Kind::PaymentMethod, owner, id)
        .filter(|m| m.value["customer"] == session.value["customer"])
        .ok_or_else(|| ApiError::missing(Kind::PaymentMethod.noun(), id, "payment_method"))?;
    let value = methods::release(tx, &method);
    Ok(json!({ "id": value["id"] }))
}
