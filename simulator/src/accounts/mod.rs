//! Connected accounts and the platform's own: <https://docs.stripe.com/api/accounts>.

pub(crate) mod externals;
pub(crate) mod links;
pub(crate) mod onboarding;
pub(crate) mod persons;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, connected, lists, merge_metadata, metadata, no_access},
    balance::schedule,
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/accounts", create),
    ("GET", "/v1/accounts", list),
    ("GET", "/v1/account", own),
    ("GET", "/v1/accounts/{account}", retrieve),
    ("POST", "/v1/accounts/{account}", update),
    ("DELETE", "/v1/accounts/{account}", delete),
    ("POST", "/v1/accounts/{account}/reject", reject),
    ("GET", "/v1/accounts/{account}/capabilities", capabilities),
    ("GET", "/v1/accounts/{account}/external_accounts", externals),
];

/// What an account must tell before it can take money, when it hasn't said what kind of business it
/// is. The hosted form asks for these.
const REQUIREMENTS: [&str; 12] = [
    "business_profile.product_description",
    "business_profile.support_phone",
    "business_profile.url",
    "business_type",
    "email",
    "external_account",
    "representative.dob.day",
    "representative.dob.month",
    "representative.dob.year",
    "representative.first_name",
    "representative.last_name",
    "tos_acceptance.date",
];

/// The country's own currency, lower case.
pub(crate) fn currency_of(country: &str) -> &'static str {
    match country {
        "US" => "usd",
        "GB" => "gbp",
        "CH" | "LI" => "chf",
        "CA" => "cad",
        "AU" => "aud",
        "NZ" => "nzd",
        "JP" => "jpy",
        "SE" => "sek",
        "NO" => "nok",
        "DK" => "dkk",
        "PL" => "pln",
        "CZ" => "czk",
        "HU" => "huf",
        "RO" => "ron",
        "MX" => "mxn",
        "BR" => "brl",
        "SG" => "sgd",
        "HK" => "hkd",
        "IN" => "inr",
        "TH" => "thb",
        "MY" => "myr",
        "AE" => "aed",
        _ => "eur",
    }
}

/// The account that the keys belong to: complete from the start.
pub(crate) fn create_platform(tx: &mut Tx<'_>) -> String {
    let id = tx.mint("acct_1", 15);
    let controller = json!({ "type": "account" });
    let mut account = blank(&id, tx.now, "US", controller, "standard");
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
    // ISO 3166-1 gives the last two to nobody.
    let plain = country.len() == 2 && country.chars().all(|c| c.is_ascii_uppercase());
    if !plain || matches!(country.as_str(), "AA" | "ZZ") {
        return Err(
            ApiError::invalid(format!("Country '{country}' is unknown. Try using a 2-character alphanumeric country code instead, such as 'US', 'EG', or 'GB'. A full list of country codes can be found at https://en.wikipedia.org/wiki/ISO_3166-1_alpha-2"))
                .code("country_unsupported")
                .param("country"),
        );
    }
    let id = tx.mint("acct_1", 15);
    let full = controller["stripe_dashboard"]["type"] == "full";
    let mut account = blank(&id, tx.now, &country, controller, kind);
    account["metadata"] = metadata(args, "metadata")?;
    if let Some(currency) = args.text("default_currency") {
        account["default_currency"] = json!(currency.to_ascii_lowercase());
    }
    if full {
        // An account with the full dashboard asks for its capabilities itself.
        account["capabilities"] = json!({ "card_payments": "inactive", "transfers": "inactive" });
    }
    apply(&mut account, args)?;
    let platform = tx.platform();
    tx.insert(Kind::Account, &platform, account.clone(), Value::Null, None);
    Ok(account)
}

/// The `controller` hash and legacy `type`: <https://docs.stripe.com/connect/migrate-to-controller-properties>.
fn controller(args: &Node) -> Result<(Value, &'static str), ApiError> {
    let pick = |path: &str, default: &'static str| args.text(path).unwrap_or(default).to_owned();
    if args.at("controller").is_some() {
        if args.at("type").is_some() {
            return Err(ApiError::invalid(
                "You may not provide the `type` parameter and `controller` parameters simultaneously. They are mutually exclusive.",
            )
            .param("type"));
        }
        let fees = pick("controller.fees.payer", "account");
        let losses = pick("controller.losses.payments", "stripe");
        let dashboard = pick("controller.stripe_dashboard.type", "full");
        let collection = pick("controller.requirement_collection", "stripe");
        let bad = match (
            fees.as_str(),
            losses.as_str(),
            dashboard.as_str(),
            collection.as_str(),
        ) {
            (_, "stripe", _, "application") => Some("controller[losses][payments]"),
            ("application", "stripe", ..) => Some("controller[fees][payer]"),
            (_, _, "full" | "express", "application") => Some("controller[stripe_dashboard][type]"),
            (_, "application", "full", _) => Some("controller[losses][payments]"),
            _ => None,
        };
        if let Some(param) = bad {
            return Err(ApiError::invalid(
                "This combination of controller properties is not supported. See https://docs.stripe.com/connect/design-an-integration for those that are.",
            )
            .param(param));
        }
        let kind = match (
            fees.as_str(),
            losses.as_str(),
            dashboard.as_str(),
            collection.as_str(),
        ) {
            ("account", "stripe", "full", "stripe") => "standard",
            ("application", "application", "express", "stripe") => "express",
            ("application", "application", "none", "application") => "custom",
            _ => "none",
        };
        return Ok((controller_of(&fees, &losses, &dashboard, &collection), kind));
    }
    Ok(match args.text("type") {
        Some("express") => (
            controller_of("application_express", "application", "express", "stripe"),
            "express",
        ),
        Some("custom") => (
            controller_of("application_custom", "application", "none", "application"),
            "custom",
        ),
        _ => (
            controller_of("account", "stripe", "full", "stripe"),
            "standard",
        ),
    })
}

fn controller_of(fees: &str, losses: &str, dashboard: &str, collection: &str) -> Value {
    json!({
        "type": "application",
        "is_controller": true,
        "fees": { "payer": fees },
        "losses": { "payments": losses },
        "requirement_collection": collection,
        "stripe_dashboard": { "type": dashboard },
    })
}

fn blank(id: &str, now: i64, country: &str, controller: Value, kind: &str) -> Value {
    let wanting: Vec<&str> = REQUIREMENTS.to_vec();
    json!({
        "id": id,
        "object": "account",
        "business_profile": {
            "annual_revenue": null, "estimated_worker_count": null, "mcc": null,
            "minority_owned_business_designation": null, "name": null, "product_description": null,
            "support_address": null, "support_email": null, "support_phone": null,
            "support_url": null, "url": null,
        },
        "business_type": null,
        "capabilities": {},
        "charges_enabled": false,
        "controller": controller,
        "country": country,
        "created": now,
        "default_currency": currency_of(country),
        "details_submitted": false,
        "email": null,
        "external_accounts": page(&format!("/v1/accounts/{id}/external_accounts"), vec![], false),
        "future_requirements": no_requirements(),
        "metadata": {},
        "payouts_enabled": false,
        "requirements": wants(&wanting, &wanting, &[], Some("requirements.past_due"), None),
        "settings": {
            "bacs_debit_payments": { "display_name": null, "service_user_number": null },
            "branding": { "icon": null, "logo": null, "primary_color": null, "secondary_color": null },
            "card_issuing": { "tos_acceptance": { "date": null, "ip": null } },
            "card_payments": {
                "decline_on": { "avs_failure": false, "cvc_failure": false },
                "statement_descriptor_prefix": null,
                "statement_descriptor_prefix_kana": null,
                "statement_descriptor_prefix_kanji": null,
            },
            "dashboard": { "display_name": null, "timezone": "Etc/UTC" },
            "invoices": { "default_account_tax_ids": null, "hosted_payment_method_save": "offer" },
            "payments": {
                "statement_descriptor": null, "statement_descriptor_kana": null,
                "statement_descriptor_kanji": null,
            },
            "payouts": {
                "debit_negative_balances": true,
                "schedule": { "delay_days": 2, "interval": "daily" },
                "statement_descriptor": null,
            },
            "sepa_debit_payments": {},
        },
        "tos_acceptance": { "date": null },
        "type": kind,
    })
}

/// A `requirements` hash: <https://docs.stripe.com/api/accounts/object#account_object-requirements>.
pub(crate) fn wants(
    currently: &[&str],
    past: &[&str],
    pending: &[&str],
    disabled: Option<&str>,
    deadline: Option<i64>,
) -> Value {
    json!({
        "alternatives": [],
        "current_deadline": deadline,
        "currently_due": currently,
        "disabled_reason": disabled,
        "errors": [],
        "eventually_due": currently,
        "past_due": past,
        "pending_verification": pending,
    })
}

pub(crate) fn no_requirements() -> Value {
    wants(&[], &[], &[], None, None)
}

/// A verified bank account to pay out to.
pub(crate) fn bank_account(
    tx: &mut Tx<'_>,
    account: &str,
    country: &str,
    currency: &str,
    last4: &str,
) -> Value {
    json!({
        "id": tx.mint("ba_1", 23),
        "object": "bank_account",
        "account": account,
        "account_holder_name": null,
        "account_holder_type": null,
        "account_type": null,
        "available_payout_methods": ["standard"],
        "bank_name": "STRIPE TEST BANK",
        "country": country,
        "currency": currency,
        "default_for_currency": true,
        "fingerprint": tx.mint("", 16),
        "future_requirements": {
            "currently_due": [], "errors": [], "past_due": [], "pending_verification": [],
        },
        "last4": last4,
        "metadata": {},
        "requirements": {
            "currently_due": [], "errors": [], "past_due": [], "pending_verification": [],
        },
        "routing_number": if country == "US" { Value::from("110000000") } else { Value::Null },
        "status": "new",
    })
}

fn named(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    let own = call.id() == call.owner;
    connected(tx, call.id())
        .filter(|_| own || call.owner == tx.store().platform)
        .ok_or_else(|| no_access(call.id()))
}

fn retrieve(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    Ok(named(tx, call)?.value.clone())
}

fn own(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
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
    let record = named(tx, call)?;
    let mut account = record.value.clone();
    merge_metadata(&mut account["metadata"], call.args, "metadata")?;
    apply(&mut account, call.args)?;
    let before = changes(&record.value, &account);
    tx.update(&record.id, |r| r.value = account.clone());
    schedule::schedule(tx, &record.id);
    if before.as_object().is_some_and(|b| !b.is_empty()) && record.id != tx.store().platform {
        tx.emit_account(&record.id, Some(before));
    }
    Ok(account)
}

/// Writes what creating and updating have in common.
fn apply(account: &mut Value, args: &Node) -> Result<(), ApiError> {
    for field in ["email", "business_type", "default_currency"] {
        if let Some(text) = args.text(field) {
            account[field] = json!(text);
        }
    }
    for hash in ["business_profile", "company", "individual"] {
        copy(account, args, hash);
    }
    copy(account, args, "settings");
    if let Some(interval) = args.text("settings.payouts.schedule.interval")
        && !["manual", "daily", "weekly", "monthly"].contains(&interval)
    {
        return Err(ApiError::invalid(
            "Invalid interval: must be one of manual, daily, weekly, or monthly",
        )
        .param("settings[payouts][schedule][interval]"));
    }
    for (name, node) in args.sub("capabilities").children() {
        let now = account["capabilities"][name].as_str();
        match node.flag("requested") {
            Some(true) if now.is_none() => account["capabilities"][name] = json!("inactive"),
            Some(false) => {
                if let Some(map) = account["capabilities"].as_object_mut() {
                    map.remove(name);
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Copies a subtree of the form into the account. Numbers stay numbers where the object has them.
fn copy(target: &mut Value, form: &Node, name: &str) {
    match form.at(name) {
        Some(Node::Leaf(text)) => {
            target[name] = match (text.as_str(), text.parse::<i64>()) {
                ("", _) => Value::Null,
                ("true", _) => json!(true),
                ("false", _) => json!(false),
                (_, Ok(number)) if name == "delay_days" || name == "monthly_anchor" => {
                    json!(number)
                }
                _ => json!(text),
            }
        }
        Some(Node::Tree(children)) if name.ends_with("_payout_days") => {
            let day = |node: &Node| match node {
                Node::Leaf(text) => text
                    .parse::<i64>()
                    .map_or_else(|_| json!(text), Value::from),
                Node::Tree(_) => Value::Null,
            };
            target[name] = children.iter().map(|(_, node)| day(node)).collect();
        }
        Some(Node::Tree(children)) => {
            if !target[name].is_object() {
                target[name] = json!({});
            }
            for (child, _) in children {
                copy(&mut target[name], form.sub(name), child);
            }
        }
        None => {}
    }
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = named(tx, call)?;
    let sums = tx.store().balances(&record.id);
    if sums
        .values()
        .any(|(available, pending)| available + pending != 0)
    {
        return Err(ApiError::invalid(
            "This account cannot be deleted because it still has a balance.",
        ));
    }
    onboarding::deauthorize(tx, &record.id)?;
    tx.update(&record.id, |r| {
        r.hidden = json!({ "deauthorized": true });
        r.due = None;
    });
    Ok(json!({ "id": record.id, "object": "account", "deleted": true }))
}

fn reject(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = named(tx, call)?;
    let reason = call.args.text("reason").unwrap_or("other");
    if !["fraud", "terms_of_service", "other"].contains(&reason) {
        return Err(ApiError::invalid(
            "Invalid reason: must be one of fraud, terms_of_service, or other",
        )
        .param("reason"));
    }
    onboarding::reject(tx, &record.id, reason)
}

fn capabilities(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = named(tx, call)?;
    let created = record.int("created");
    let all = record.value["capabilities"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    let data = all
        .iter()
        .map(|(name, status)| {
            json!({
                "id": name,
                "object": "capability",
                "account": record.id,
                "requested": true,
                "requested_at": created,
                "status": status,
                "requirements": record.value["requirements"],
                "future_requirements": record.value["future_requirements"],
            })
        })
        .collect();
    Ok(page(call.path, data, false))
}

fn externals(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let record = named(tx, call)?;
    let all = record.value["external_accounts"]["data"]
        .as_array()
        .cloned();
    lists::page_of(call, all.unwrap_or_default())
}
