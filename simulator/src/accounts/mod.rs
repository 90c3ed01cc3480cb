//! Connected accounts and the platform's own: <https://docs.stripe.com/api/accounts>.

pub(crate) mod capabilities;
mod defaults;
mod details;
pub(crate) mod externals;
pub(crate) mod links;
pub(crate) mod onboarding;
pub(crate) mod persons;
mod requirements;
pub(crate) mod sessions;
pub(crate) mod v2;

use serde_json::{Value, json};

use defaults::{account, controller, no_requirements};
use externals::bank_account;

use crate::{
    api::{Call, Route, connected, lists, merge_metadata, metadata, no_access},
    balance::schedule,
    countries,
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/accounts", create),
    ("GET", "/v1/accounts", list),
    ("GET", "/v1/account", retrieve_own),
    ("GET", "/v1/accounts/{account}", retrieve),
    ("POST", "/v1/accounts/{account}", update),
    ("DELETE", "/v1/accounts/{account}", delete),
    ("POST", "/v1/accounts/{account}/reject", reject),
];

/// Creates the platform's own account, which is fully set up.
pub(crate) fn create_platform(tx: &mut Tx<'_>) -> String {
    let id = tx.mint("acct_1", 15);
    let controller = json!({ "type": "account" });
    let mut account = account(&id, tx.now, "US", controller, "standard");
    account["business_profile"]["name"] = json!("Platform (simulated)");
    account["capabilities"] = json!({ "card_payments": "active", "transfers": "active" });
    for flag in ["charges_enabled", "payouts_enabled", "details_submitted"] {
        account[flag] = json!(true);
    }
    account["requirements"] = no_requirements();
    let bank = bank_account(tx, &id, "US", "usd", "6789");
    account["external_accounts"]["data"] = json!([bank]);
    account["settings"]["payouts"]["schedule"]["interval"] = json!("manual");
    tx.insert(Kind::Account, &id, account, Value::Null, None);
    id
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    if call.owner != tx.store().platform {
        return Err(ApiError::invalid(
            "You cannot create connected accounts on behalf of a connected account.",
        ));
    }
    let args = call.args;
    let (controller, kind) = controller(args)?;
    let country = args.text("country").unwrap_or("US").to_ascii_uppercase();
    countries::check_served(&country, "country")?;
    let id = tx.mint("acct_1", 15);
    let full = controller["stripe_dashboard"]["type"] == "full";
    let mut account = account(&id, tx.now, &country, controller, kind);
    account["metadata"] = metadata(args, "metadata")?;
    if full {
        // An account with the full dashboard requests its capabilities itself.
        account["capabilities"] = json!({ "card_payments": "inactive", "transfers": "inactive" });
    }
    let platform = tx.platform();
    let record = tx.insert(Kind::Account, &platform, account.clone(), json!({}), None);
    let bank = apply_params(tx, &record, &mut account, args)?;
    requirements_of(tx, &record, &mut account);
    tx.update(&id, |r| r.value = account.clone());
    if let Some(bank) = bank {
        tx.emit("account.external_account.created", &id, &bank);
    }
    if tx.assumptions.get("new_capabilities") == "sent" {
        capabilities::emit_updates(tx, &id, &Value::Null);
    }
    schedule::schedule(tx, &id);
    Ok(account)
}

/// Applies the parameters that creating and updating have in common. Returns the external account
/// that was added; the caller emits its event.
fn apply_params(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &mut Value,
    args: &Node,
) -> Result<Option<Value>, ApiError> {
    details::apply(tx, record, account, args)?;
    if args.at("company.tax_id").is_some() {
        let number = json!(args.text("company.tax_id"));
        tx.update(&record.id, |r| {
            if !r.hidden.is_object() {
                r.hidden = json!({});
            }
            r.hidden["tax_id"] = number;
        });
    }
    capabilities::request_all(tx, record, account, args.sub("capabilities"))?;
    externals::add(tx, record, account, args)
}

/// Recomputes the requirements of an account whose platform collects them, unless the control API
/// has set them.
fn requirements_of(tx: &mut Tx<'_>, record: &Record, account: &mut Value) {
    let record = tx.get(&record.id);
    let Some(record) = record.filter(|r| r.hidden["decided"] != json!(true)) else {
        return;
    };
    if requirements::collected_by_platform(account) {
        requirements::update(tx, &record, account);
    }
}

/// Writes a changed account with what follows from the change, and emits the events.
fn save(tx: &mut Tx<'_>, id: &str, mut account: Value) -> Answer {
    let Some(record) = tx.get(id) else {
        return Err(no_access(id));
    };
    requirements_of(tx, &record, &mut account);
    let before = capabilities::pending_first(tx, &record, &account);
    tx.update(id, |r| r.value = account.clone());
    schedule::schedule(tx, id);
    if id != tx.store().platform {
        tx.emit_update("account.updated", id, &before, &account);
        capabilities::emit_updates(tx, id, &before);
    }
    Ok(account)
}

fn from_path(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    let own = call.id() == call.owner;
    connected(tx, call.id())
        .filter(|_| own || call.owner == tx.store().platform)
        .ok_or_else(|| no_access(call.id()))
}

fn retrieve(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    Ok(from_path(tx, call)?.value.clone())
}

fn retrieve_own(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    connected(tx, call.owner)
        .map(|r| r.value.clone())
        .ok_or_else(|| no_access(call.owner))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let platform = tx.platform();
    let alive = |r: &Record| r.id != platform && r.hidden["deauthorized"] != json!(true);
    lists::list(tx, call, Kind::Account, alive)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let mut account = record.value.clone();
    merge_metadata(&mut account["metadata"], call.args, "metadata")?;
    let bank = apply_params(tx, &record, &mut account, call.args)?;
    let account = save(tx, &record.id, account)?;
    if let Some(bank) = bank {
        tx.emit("account.external_account.created", &record.id, &bank);
    }
    Ok(account)
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let rule = tx.assumptions.get("account_deletion");
    if record.id == tx.store().platform {
        return Err(ApiError::invalid(
            "You cannot delete your own account with the API.",
        ));
    }
    if rule == "live_rules" && record.value["controller"]["stripe_dashboard"]["type"] == "full" {
        return Err(ApiError::invalid(
            "This account has access to the full Stripe Dashboard and cannot be deleted by your platform.",
        ));
    }
    let sums = tx.store().balances(&record.id);
    let some = sums
        .values()
        .any(|(available, pending)| *available != 0 || *pending != 0);
    if some && rule != "any_time" {
        return Err(ApiError::invalid(
            "This account cannot be deleted because it still has a balance.",
        ));
    }
    onboarding::close(tx, &record.id)?;
    Ok(json!({ "id": record.id, "object": "account", "deleted": true }))
}

fn reject(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = from_path(tx, call)?;
    let reason = call.args.text("reason").unwrap_or("other");
    if !["fraud", "terms_of_service", "other"].contains(&reason) {
        return Err(ApiError::invalid(
            "Invalid reason: must be one of fraud, terms_of_service, or other",
        )
        .param("reason"));
    }
    onboarding::reject(tx, &record.id, reason)
}
