//! An account as `/v2/core/accounts` shows it. It is the same record that v1 shows: what v1 has too is read from the v1
//! object, the rest is what `/v2` was given. <https://docs.stripe.com/connect/accounts-v2>.

use serde_json::{Map, Value, json};

use super::{super::persons, identity, requirements::requirements};
use crate::{
    api::namespace::rfc3339,
    store::{Kind, Record, Tx},
};

/// What can be included in an account: <https://docs.stripe.com/api-includable-response-values>.
pub(super) const INCLUDABLE: [&str; 7] = [
    "configuration.customer",
    "configuration.merchant",
    "configuration.recipient",
    "defaults",
    "future_requirements",
    "identity",
    "requirements",
];

/// The whole account, with all that can be included.
pub(crate) fn account(tx: &Tx<'_>, record: &Record) -> Value {
    let value = &record.value;
    let given = given(record);
    let applied = configurations(record);
    let mut configuration = json!({ "customer": null, "merchant": null, "recipient": null });
    for name in &applied {
        configuration[name] = match name.as_str() {
            "merchant" => merchant(record),
            "recipient" => recipient(record),
            _ => customer(record),
        };
    }
    let individual = tx
        .store()
        .list(Kind::Person, &record.id)
        .find(|p| persons::is_representative(p) && value["individual"]["id"] == p.id.as_str())
        .map(|person| {
            let mut shown = identity::person(person);
            if let Some(map) = shown.as_object_mut() {
                map.remove("livemode");
            }
            shown
        });
    json!({
        "id": record.id,
        "object": "v2.core.account",
        "applied_configurations": applied,
        "closed": closed(record),
        "configuration": configuration,
        "contact_email": value["email"],
        "contact_phone": given["contact_phone"],
        "created": rfc3339(record.int("created")),
        "dashboard": value["controller"]["stripe_dashboard"]["type"],
        "defaults": defaults(record),
        "display_name": given["display_name"].as_str().map_or_else(|| value["settings"]["dashboard"]["display_name"].clone(), |name| json!(name)),
        "future_requirements": requirements(record, "future_requirements"),
        "identity": identity::account(record, individual),
        "livemode": false,
        "metadata": value["metadata"],
        "requirements": requirements(record, "requirements"),
    })
}

/// What `/v2` was given for the account, by the names of `/v2`; null where it was given nothing.
pub(super) fn given(record: &Record) -> &Value {
    &record.hidden["v2"]["given"]
}

/// Whether the account was closed, by `/v2` or by being deleted in v1.
pub(crate) fn closed(record: &Record) -> bool {
    record.hidden["v2"]["closed"] == json!(true)
}

/// The configurations of an account: those it was given, and those that its capabilities belong to.
pub(crate) fn configurations(record: &Record) -> Vec<String> {
    let given = record.hidden["v2"]["configurations"].as_array();
    let mut names: Vec<&str> = given
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let capabilities = record.value["capabilities"].as_object();
    for capability in capabilities.into_iter().flatten().map(|(name, _)| name) {
        if capability == "transfers" {
            names.push("recipient");
        } else if capability.ends_with("_payments") && capability != "legacy_payments" {
            names.push("merchant");
        }
    }
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

/// The capabilities of a configuration with their v1 status, by the names of `/v2`. Payouts come with any capability
/// (<https://docs.stripe.com/connect/accounts-v2/capabilities>).
pub(super) fn capabilities(record: &Record, configuration: &str) -> Vec<(String, String)> {
    let all = record.value["capabilities"].as_object();
    let mut out: Vec<(String, String)> = all
        .into_iter()
        .flatten()
        .filter_map(|(name, status)| {
            let status = status.as_str()?.to_owned();
            match (configuration, name.as_str()) {
                ("recipient", "transfers") => {
                    Some(("stripe_balance.stripe_transfers".to_owned(), status))
                }
                ("merchant", name) if name.ends_with("_payments") && name != "legacy_payments" => {
                    Some((name.to_owned(), status))
                }
                _ => None,
            }
        })
        .collect();
    if !out.is_empty() {
        let status = if record.value["payouts_enabled"] == json!(true) {
            "active".to_owned()
        } else {
            out.iter()
                .map(|(_, status)| status.clone())
                .find(|status| status != "active")
                .unwrap_or_else(|| "inactive".to_owned())
        };
        out.push(("stripe_balance.payouts".to_owned(), status));
    }
    out
}

/// The status of a capability in `/v2`, and why it is that.
fn status(record: &Record, v1: &str) -> Value {
    let requirements = &record.value["requirements"];
    let (status, code, resolution) = match v1 {
        "active" => return json!({ "status": "active", "status_details": [] }),
        "pending" => (
            "pending",
            "requirements_pending_verification",
            "no_resolution",
        ),
        _ => match requirements["disabled_reason"].as_str() {
            Some("requirements.past_due" | "action_required.requested_capabilities") => {
                ("restricted", "requirements_past_due", "provide_info")
            }
            Some("requirements.pending_verification" | "under_review") => (
                "restricted",
                "requirements_pending_verification",
                "no_resolution",
            ),
            Some(_) => ("restricted", "restricted_other", "contact_stripe"),
            None => ("restricted", "determining_status", "no_resolution"),
        },
    };
    json!({
        "status": status,
        "status_details": [{ "code": code, "resolution": resolution }],
    })
}

fn shown_capabilities(record: &Record, configuration: &str) -> Value {
    let mut out = json!({});
    for (name, v1) in capabilities(record, configuration) {
        let shown = status(record, &v1);
        match name.split_once('.') {
            Some((parent, part)) => out[parent][part] = shown,
            None => out[name] = shown,
        }
    }
    out
}

/// A configuration as it was given, without what only requests have.
fn given_configuration(record: &Record, name: &str) -> Value {
    let mut out = given(record)["configuration"][name].clone();
    if !out.is_object() {
        out = json!({});
    }
    if let Some(map) = out.as_object_mut() {
        map.remove("capabilities");
    }
    out["applied"] = json!(true);
    out
}

fn merchant(record: &Record) -> Value {
    let value = &record.value;
    let (profile, settings) = (&value["business_profile"], &value["settings"]);
    let mut out = given_configuration(record, "merchant");
    out["capabilities"] = shown_capabilities(record, "merchant");
    out["mcc"] = profile["mcc"].clone();
    out["card_payments"] = json!({ "decline_on": settings["card_payments"]["decline_on"] });
    out["branding"] = some(&settings["branding"]);
    out["statement_descriptor"] = some(&json!({
        "descriptor": settings["payments"]["statement_descriptor"],
        "prefix": settings["card_payments"]["statement_descriptor_prefix"],
    }));
    out["support"] = some(&json!({
        "address": profile["support_address"],
        "email": profile["support_email"],
        "phone": profile["support_phone"],
        "url": profile["support_url"],
    }));
    out
}

fn recipient(record: &Record) -> Value {
    let mut out = given_configuration(record, "recipient");
    out["capabilities"] = shown_capabilities(record, "recipient");
    out
}

fn customer(record: &Record) -> Value {
    let mut out = given_configuration(record, "customer");
    let asked = &given(record)["configuration"]["customer"]["capabilities"];
    out["capabilities"] = match asked["automatic_indirect_tax"]["requested"].as_bool() {
        Some(true) => {
            json!({ "automatic_indirect_tax": { "status": "active", "status_details": [] } })
        }
        _ => json!({}),
    };
    if let Some(tax) = out["automatic_indirect_tax"].as_object_mut() {
        tax.remove("validate_location");
    }
    out
}

/// An object, or null when all of its fields are null.
pub(super) fn some(object: &Value) -> Value {
    let empty = object
        .as_object()
        .is_none_or(|map| map.values().all(Value::is_null));
    if empty { Value::Null } else { object.clone() }
}

fn defaults(record: &Record) -> Value {
    let value = &record.value;
    let (profile, controller) = (&value["business_profile"], &value["controller"]);
    let fees = match controller["fees"]["payer"].as_str() {
        Some("account") | None => json!("stripe"),
        Some(payer) => json!(payer),
    };
    let or_stripe = |party: &Value| match party {
        Value::Null => json!("stripe"),
        party => party.clone(),
    };
    let mut out: Map<String, Value> = Map::new();
    out.insert("currency".to_owned(), value["default_currency"].clone());
    out.insert(
        "locales".to_owned(),
        given(record)["defaults"]["locales"].clone(),
    );
    out.insert(
        "profile".to_owned(),
        json!({
            "business_url": profile["url"],
            "doing_business_as": profile["name"],
            "product_description": profile["product_description"],
        }),
    );
    out.insert(
        "responsibilities".to_owned(),
        json!({
            "fees_collector": fees,
            "losses_collector": or_stripe(&controller["losses"]["payments"]),
            "requirements_collector": or_stripe(&controller["requirement_collection"]),
        }),
    );
    Value::Object(out)
}
