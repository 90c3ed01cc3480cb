//! What an account may do: <https://docs.stripe.com/api/capabilities>,
//! <https://docs.stripe.com/connect/account-capabilities>.

use serde_json::{Value, json};

use super::{from_path, requirements, save};
use crate::{
    api::{Call, Route},
    error::{Answer, ApiError},
    form::Node,
    store::{Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/accounts/{account}/capabilities", list),
    (
        "GET",
        "/v1/accounts/{account}/capabilities/{capability}",
        |tx, call| {
            let record = from_path(tx, call)?;
            known(call)?;
            Ok(describe(&record, capability(call)))
        },
    ),
    (
        "POST",
        "/v1/accounts/{account}/capabilities/{capability}",
        update,
    ),
];

/// Those that aren't named after a way to pay.
const OTHERS: [&str; 7] = [
    "app_distribution",
    "card_issuing",
    "legacy_payments",
    "tax_reporting_us_1099_k",
    "tax_reporting_us_1099_misc",
    "transfers",
    "treasury",
];

fn capability<'a>(call: &'a Call<'_>) -> &'a str {
    call.ids.get(1).copied().unwrap_or_default()
}

fn known(call: &Call<'_>) -> Result<(), ApiError> {
    let name = capability(call);
    if name.ends_with("_payments") || OTHERS.contains(&name) {
        return Ok(());
    }
    Err(ApiError::missing("capability", name, "capability"))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let mut names: Vec<&str> = record.value["capabilities"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .collect();
    for usual in ["card_payments", "transfers"] {
        if !names.contains(&usual) {
            names.push(usual);
        }
    }
    let data = names.iter().map(|name| describe(&record, name)).collect();
    Ok(page(call.path, data, false))
}

/// The `capability` object.
fn describe(account: &Record, name: &str) -> Value {
    let status = account.value["capabilities"][name].as_str();
    let wants = |lists: &Value, status: Option<&str>| {
        let due = |list: &str| match status {
            None => json!([]),
            Some(_) => lists[list].clone(),
        };
        json!({
            "alternatives": due("alternatives"),
            "current_deadline": lists["current_deadline"],
            "currently_due": due("currently_due"),
            "disabled_reason": match status {
                Some("inactive") => reason(account),
                _ => None,
            },
            "errors": due("errors"),
            "eventually_due": due("eventually_due"),
            "past_due": due("past_due"),
            "pending_verification": due("pending_verification"),
        })
    };
    let requested = account.hidden["requested"][name].as_i64();
    json!({
        "id": name,
        "object": "capability",
        "account": account.id,
        "future_requirements": wants(&account.value["future_requirements"], None),
        "requested": status.is_some(),
        "requested_at": status.map(|_| requested.unwrap_or(account.int("created"))),
        "requirements": wants(&account.value["requirements"], status),
        "status": status.unwrap_or("unrequested"),
    })
}

/// Why a requested capability is inactive, as far as the account says.
fn reason(account: &Record) -> Option<&'static str> {
    let requirements = &account.value["requirements"];
    match requirements["disabled_reason"].as_str() {
        Some(reason) if reason.starts_with("rejected.") => Some("rejected.other"),
        Some("requirements.past_due") => Some("requirements.fields_needed"),
        Some("requirements.pending_verification" | "under_review") => Some("pending.review"),
        Some("platform_paused") => Some("platform_paused"),
        Some(_) => Some("other"),
        None => None,
    }
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    known(call)?;
    let mut account = record.value.clone();
    if let Some(wanted) = call.args.flag("requested") {
        request(tx, &record, &mut account, capability(call), wanted)?;
    }
    save(tx, &record.id, account)?;
    let record = from_path(tx, call)?;
    Ok(describe(&record, capability(call)))
}

/// Asks for capabilities, or no longer, as a form of `name[requested]` has it.
pub(super) fn request_all(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    form: &Node,
) -> Result<(), ApiError> {
    for (name, node) in form.children() {
        if let Some(wanted) = node.flag("requested") {
            request(tx, record, account, name, wanted)?;
        }
    }
    Ok(())
}

fn request(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    name: &str,
    wanted: bool,
) -> Result<(), ApiError> {
    let now = tx.now;
    let has = account["capabilities"][name].is_string();
    if wanted
        && account["tos_acceptance"]["service_agreement"] == "recipient"
        && name != "transfers"
    {
        return Err(ApiError::invalid(
            "You cannot request any capabilities other than `transfers` for accounts under the `recipient` service agreement.",
        )
        .param("capabilities"));
    }
    if wanted && !has {
        // Where Stripe collects what it wants, a finished account gets what it asks for at once.
        let done = account["details_submitted"] == json!(true)
            && account["requirements"]["disabled_reason"].is_null();
        account["capabilities"][name] = json!(if done { "active" } else { "inactive" });
        tx.update(&record.id, |r| {
            if !r.hidden.is_object() {
                r.hidden = json!({});
            }
            r.hidden["requested"][name] = json!(now);
        });
    } else if !wanted && has {
        if let Some(map) = account["capabilities"].as_object_mut() {
            map.remove(name);
        }
        if !requirements::can_charge(account) {
            account["charges_enabled"] = json!(false);
        }
    }
    Ok(())
}

/// The account before a change; where what becomes active is pending first, that is written and told.
pub(super) fn pending_first(tx: &mut Tx<'_>, record: &Record, account: &Value) -> Value {
    let fresh: Vec<&String> = account["capabilities"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, status)| {
            let was = &record.value["capabilities"][name.as_str()];
            *status == "active" && was != "active" && was != "pending"
        })
        .map(|(name, _)| name)
        .collect();
    if fresh.is_empty() || tx.assumptions.get("capabilities") == "active_at_once" {
        return record.value.clone();
    }
    let mut between = account.clone();
    for name in fresh {
        between["capabilities"][name] = json!("pending");
    }
    for flag in ["charges_enabled", "payouts_enabled"] {
        between[flag] = record.value[flag].clone();
    }
    if between["charges_enabled"] != json!(true) {
        between["requirements"]["disabled_reason"] = json!("requirements.pending_verification");
    }
    tx.update(&record.id, |r| r.value = between.clone());
    tx.emit_update("account.updated", &record.id, &record.value, &between);
    emit_updates(tx, &record.id, &record.value);
    between
}

/// `capability.updated` for each that changed.
pub(super) fn emit_updates(tx: &mut Tx<'_>, id: &str, before: &Value) {
    let Some(record) = tx.get(id) else {
        return;
    };
    let empty = serde_json::Map::new();
    let now = record.value["capabilities"].as_object().unwrap_or(&empty);
    let old = before["capabilities"].as_object().unwrap_or(&empty);
    let changed: Vec<&String> = now
        .keys()
        .chain(old.keys().filter(|name| !now.contains_key(*name)))
        .filter(|name| now.get(*name) != old.get(*name))
        .collect();
    for name in changed {
        let was = old
            .get(name)
            .map_or_else(|| json!("unrequested"), Clone::clone);
        let object = describe(&record, name);
        let before = Some(json!({ "status": was }));
        tx.emit_change("capability.updated", id, &object, before);
    }
}
