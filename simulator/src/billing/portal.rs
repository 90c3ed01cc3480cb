//! The billing portal: <https://docs.stripe.com/api/customer_portal/configurations>,
//! <https://docs.stripe.com/api/customer_portal/sessions>. Its page is `pages/portal.rs`.

mod flows;
mod offer;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) use offer::Offer;

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/billing_portal/configurations", create),
    ("GET", "/v1/billing_portal/configurations", list),
    (
        "GET",
        "/v1/billing_portal/configurations/{configuration}",
        |tx, call| retrieve(tx, call, Kind::PortalConfiguration, "configuration"),
    ),
    (
        "POST",
        "/v1/billing_portal/configurations/{configuration}",
        update,
    ),
    ("POST", "/v1/billing_portal/sessions", create_session),
];

/// Seconds for which the page of a session can be used.
const LIFE: i64 = 3600;

fn new_configuration(tx: &mut Tx<'_>, is_default: bool) -> Value {
    json!({
        "id": tx.mint("bpc_1", 23),
        "object": "billing_portal.configuration",
        "active": true,
        "application": null,
        "business_profile": { "headline": null, "privacy_policy_url": null, "terms_of_service_url": null },
        "created": tx.now,
        "default_return_url": null,
        "features": {
            "customer_update": { "allowed_updates": [], "enabled": false },
            "invoice_history": { "enabled": is_default },
            "payment_method_update": { "enabled": is_default, "payment_method_configuration": null },
            "subscription_cancel": {
                "cancellation_reason": { "enabled": false, "options": [] },
                "enabled": is_default,
                "mode": "at_period_end",
                "proration_behavior": "none",
            },
            "subscription_update": {
                "billing_cycle_anchor": null,
                "default_allowed_updates": [],
                "enabled": false,
                "products": null,
                "proration_behavior": "none",
                "schedule_at_period_end": { "conditions": [] },
                "trial_update_behavior": "end_trial",
            },
        },
        "is_default": is_default,
        "livemode": false,
        "login_page": { "enabled": false, "url": null },
        "metadata": {},
        "name": null,
        "updated": tx.now,
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut value = new_configuration(tx, false);
    change(tx, call, &mut value)?;
    value["metadata"] = metadata(call.args, "metadata")?;
    if call.owner != tx.store().platform {
        value["application"] = json!(tx.application());
    }
    tx.insert(
        Kind::PortalConfiguration,
        call.owner,
        value.clone(),
        Value::Null,
        None,
    );
    tx.emit("billing_portal.configuration.created", call.owner, &value);
    Ok(value)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = find(
        tx,
        call,
        Kind::PortalConfiguration,
        call.id(),
        "configuration",
    )?;
    let mut value = record.value.clone();
    if let Some(active) = call.args.flag("active") {
        let default = value["is_default"] == json!(true);
        if !active && default && tx.assumptions.get("default_portal") == "stays_active" {
            return Err(
                ApiError::invalid("The default configuration can't be deactivated.")
                    .param("active"),
            );
        }
        value["active"] = json!(active);
    }
    change(tx, call, &mut value)?;
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    value["updated"] = json!(tx.now);
    tx.update(&record.id, |r| r.value = value.clone());
    let before = changes(&record.value, &value);
    tx.emit_change(
        "billing_portal.configuration.updated",
        call.owner,
        &value,
        Some(before),
    );
    Ok(value)
}

/// Applies a request to a configuration, and checks the result against Stripe's rules.
fn change(tx: &Tx<'_>, call: &Call<'_>, value: &mut Value) -> Result<(), ApiError> {
    let args = call.args;
    for path in [
        "default_return_url",
        "business_profile.privacy_policy_url",
        "business_profile.terms_of_service_url",
    ] {
        check_url(args, path)?;
    }
    if args.flag("login_page.enabled") == Some(true) {
        return Err(ApiError::invalid(
            "The simulator has no login page of the billing portal yet.",
        )
        .param("login_page[enabled]"));
    }
    for name in ["business_profile", "default_return_url", "features", "name"] {
        if let Some(form) = args.at(name) {
            merge(&mut value[name], form);
        }
    }
    let features = &value["features"];
    let scheduled = &features["subscription_update"]["schedule_at_period_end"]["conditions"];
    if scheduled.as_array().is_some_and(|all| !all.is_empty()) {
        return Err(ApiError::invalid(
            "The simulator has no subscription schedules, and changes nothing at the end of a period.",
        )
        .param("features[subscription_update][schedule_at_period_end][conditions]"));
    }
    let unset = |feature: &str, list: &str| {
        let feature = &features[feature];
        feature["enabled"] == json!(true)
            && feature[list].as_array().is_none_or(Vec::is_empty)
            && tx.assumptions.get("portal_features") == "complete"
    };
    if unset("customer_update", "allowed_updates") {
        return Err(ApiError::parameter_missing(
            "features[customer_update][allowed_updates]",
        ));
    }
    for list in ["default_allowed_updates", "products"] {
        if unset("subscription_update", list) {
            return Err(ApiError::parameter_missing(&format!(
                "features[subscription_update][{list}]"
            )));
        }
    }
    let products = features["subscription_update"]["products"].as_array();
    for (index, product) in products.into_iter().flatten().enumerate() {
        let at = |rest: &str| format!("features[subscription_update][products][{index}]{rest}");
        let id = product["product"].as_str().unwrap_or_default();
        tx.find(Kind::Product, call.owner, id)
            .ok_or_else(|| ApiError::missing("product", id, &at("[product]")))?;
        for price in product["prices"].as_array().into_iter().flatten() {
            let price = price.as_str().unwrap_or_default();
            tx.find(Kind::Price, call.owner, price)
                .ok_or_else(|| ApiError::missing("price", price, &at("[prices]")))?;
        }
    }
    Ok(())
}

/// Merges a form into an object of the same shape. The present values decide the types.
fn merge(value: &mut Value, form: &Node) {
    match (value, form) {
        (Value::Object(map), form) => {
            for (key, value) in map.iter_mut() {
                match (key.as_str(), form.at(key)) {
                    (_, None) => {}
                    ("products", Some(list)) => *value = products(list),
                    (_, Some(form)) => merge(value, form),
                }
            }
        }
        (value @ Value::Array(_), form) => {
            *value = form.children().iter().map(|(_, n)| plain(n)).collect();
        }
        (value @ Value::Bool(_), Node::Leaf(text)) => *value = json!(text == "true"),
        (value, Node::Leaf(text)) => *value = json!(Some(text).filter(|t| !t.is_empty())),
        _ => {}
    }
}

fn plain(node: &Node) -> Value {
    match node {
        Node::Leaf(text) => json!(text),
        Node::Tree(children) => children
            .iter()
            .map(|(name, node)| (name.clone(), plain(node)))
            .collect(),
    }
}

fn products(list: &Node) -> Value {
    let products = list.children().iter().map(|(_, product)| {
        json!({
            "adjustable_quantity": {
                "enabled": product.flag("adjustable_quantity.enabled").unwrap_or(false),
                "maximum": product.int("adjustable_quantity.maximum"),
                "minimum": product.int("adjustable_quantity.minimum").unwrap_or(1),
            },
            "prices": product.texts("prices"),
            "product": product.text("product"),
        })
    });
    products.collect()
}

fn check_url(args: &Node, path: &str) -> Result<(), ApiError> {
    match args.text(path) {
        Some(url) if url::Url::parse(url).is_err() => {
            let mut names = path.split('.');
            let first = names.next().unwrap_or_default().to_owned();
            let param = names.fold(first, |all, name| format!("{all}[{name}]"));
            Err(ApiError::invalid("Not a valid URL")
                .code("url_invalid")
                .param(param))
        }
        _ => Ok(()),
    }
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    default(tx, call.owner);
    let (active, is_default) = (call.args.flag("active"), call.args.flag("is_default"));
    lists::list(tx, call, Kind::PortalConfiguration, |r| {
        active.is_none_or(|a| r.value["active"] == json!(a))
            && is_default.is_none_or(|d| r.value["is_default"] == json!(d))
    })
}

/// The default configuration, which at Stripe somebody saves in the dashboard. Here it is made at
/// its first use.
fn default(tx: &mut Tx<'_>, owner: &str) -> Option<Arc<Record>> {
    let there = tx
        .store()
        .list(Kind::PortalConfiguration, owner)
        .find(|r| r.value["is_default"] == json!(true))
        .cloned();
    if there.is_some() || tx.assumptions.get("portal_default") == "missing" {
        return there;
    }
    let value = new_configuration(tx, true);
    let made = tx.insert(
        Kind::PortalConfiguration,
        owner,
        value.clone(),
        Value::Null,
        None,
    );
    tx.emit("billing_portal.configuration.created", owner, &value);
    Some(made)
}

fn create_session(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    if let Some(id) = args.text("customer_account") {
        return Err(ApiError::missing("account", id, "customer_account"));
    }
    let customer = args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    find(tx, call, Kind::Customer, customer, "customer")?;
    check_url(args, "return_url")?;
    let configuration = match args.text("configuration") {
        Some(id) => find(tx, call, Kind::PortalConfiguration, id, "configuration")?,
        None => default(tx, call.owner).ok_or_else(|| {
            ApiError::invalid("No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.")
        })?,
    };
    if configuration.value["active"] != json!(true) {
        return Err(ApiError::invalid(format!(
            "The configuration {} is not active.",
            configuration.id
        ))
        .param("configuration"));
    }
    let flow = match args.at("flow_data") {
        Some(form) => flows::read(tx, call, form, customer, &configuration)?,
        None => Value::Null,
    };
    let return_url = args.text("return_url").map_or_else(
        || configuration.value["default_return_url"].clone(),
        |url| json!(url),
    );
    let id = tx.mint("bps_1", 23);
    let session = json!({
        "id": id,
        "object": "billing_portal.session",
        "configuration": configuration.id,
        "created": tx.now,
        "customer": customer,
        "customer_account": null,
        "flow": flow,
        "livemode": false,
        "locale": args.text("locale"),
        "on_behalf_of": args.text("on_behalf_of"),
        "return_url": return_url,
        "url": format!("{}/p/session/{id}", tx.base_url),
    });
    let life = match tx.assumptions.get("portal_life") {
        "five_minutes" => 300,
        _ => LIFE,
    };
    let expires = json!({ "expires_at": tx.simulator_now() + life });
    tx.insert(
        Kind::PortalSession,
        call.owner,
        session.clone(),
        expires,
        None,
    );
    tx.emit("billing_portal.session.created", call.owner, &session);
    Ok(session)
}

/// A session whose page may be used, and what it may do.
pub(crate) fn session(tx: &Tx<'_>, id: &str) -> Result<(Arc<Record>, Arc<Record>), ApiError> {
    let missing = || ApiError::missing("billing_portal.session", id, "session");
    let session = tx
        .get(id)
        .filter(|r| r.kind == Kind::PortalSession)
        .ok_or_else(missing)?;
    if session.hidden["expires_at"].as_i64() <= Some(tx.simulator_now()) {
        return Err(ApiError::invalid(
            "This link to the billing portal has expired.",
        ));
    }
    let configuration = tx.get(session.text("configuration")).ok_or_else(missing)?;
    Ok((session, configuration))
}
