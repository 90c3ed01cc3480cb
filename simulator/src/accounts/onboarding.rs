//! What Stripe and the seller do to an account: onboarding, restriction, rejection,
//! deauthorization.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    capabilities as all_capabilities,
    defaults::{no_requirements, requirements},
    externals::bank_account,
    requirements::can_charge,
    v2,
};
use crate::{
    api::connected,
    balance::schedule,
    error::ApiError,
    events::changes,
    store::{Kind, Record, Tx},
    webhooks,
};

/// How the hosted onboarding ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// Nothing is due, charges and payouts are enabled.
    #[default]
    Complete,
    /// Submitted, but Stripe still wants a document.
    DetailsMissing,
    /// Submitted, and Stripe is looking at it.
    PendingVerification,
}

/// The fields of the hosted form. Each has a default.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Details {
    pub outcome: Outcome,
    pub business_type: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub business_name: Option<String>,
    pub email: Option<String>,
    pub url: Option<String>,
    /// An IBAN or account number; only its last four characters are kept.
    pub bank_account: Option<String>,
}

/// How an account is restricted by Stripe.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Restriction {
    pub disabled_reason: Option<String>,
    pub currently_due: Vec<String>,
    /// Unix seconds.
    pub current_deadline: Option<i64>,
    pub eventually_due: Vec<String>,
    pub pending_verification: Vec<String>,
    /// What is wrong with what was given.
    pub errors: Vec<RequirementError>,
    /// What is restricted, `card_payments`, `transfers` or another capability, or `payouts`: everything, unless some are named.
    pub capabilities: Vec<String>,
}

/// <https://docs.stripe.com/api/accounts/object#account_object-requirements-errors>.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequirementError {
    code: String,
    reason: String,
    requirement: String,
}

/// Changes a connected account and emits `account.updated`.
fn change(
    tx: &mut Tx<'_>,
    account: &str,
    change: impl FnOnce(&mut Tx<'_>, &mut Value),
) -> Result<Value, ApiError> {
    let record = connected(tx, account)
        .filter(|r| r.id != tx.store().platform)
        .ok_or_else(|| ApiError::missing("account", account, "account"))?;
    let mut value = record.value.clone();
    change(tx, &mut value);
    let before = all_capabilities::pending_first(tx, &record, &value);
    tx.update(account, |r| {
        r.value = value.clone();
        if !r.hidden.is_object() {
            r.hidden = json!({});
        }
        // From now on the requirements are no longer computed from the platform's data.
        r.hidden["decided"] = json!(true);
    });
    tx.emit_account(account, Some(changes(&before, &value)));
    all_capabilities::emit_updates(tx, account, &before);
    Ok(value)
}

/// Does what the hosted onboarding form does when it is sent.
pub(crate) fn onboard(
    tx: &mut Tx<'_>,
    account: &str,
    details: &Details,
) -> Result<Value, ApiError> {
    let mut added = None;
    let value = change(tx, account, |tx, value| {
        fill_in(tx, value, made_by_v2(tx, account).as_deref(), details);
        if external_accounts(value).is_some_and(|list| list.is_empty()) {
            let (country, currency) = (text(value, "country"), text(value, "default_currency"));
            let number: String = details
                .bank_account
                .as_deref()
                .unwrap_or("000123456789")
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            let last4 = &number[number.len().saturating_sub(4)..];
            let bank = bank_account(tx, account, &country, &currency, last4);
            if let Some(list) = external_accounts(value) {
                list.push(bank.clone());
            }
            added = Some(bank);
        }
        apply_outcome(value, details.outcome);
    })?;
    if let Some(bank) = added {
        tx.emit("account.external_account.created", account, &bank);
    }
    if details.outcome == Outcome::Complete {
        schedule::schedule(tx, account);
    }
    Ok(value)
}

/// The configurations of an account that `/v2` made.
fn made_by_v2(tx: &Tx<'_>, account: &str) -> Option<Vec<String>> {
    tx.get(account)
        .filter(|r| v2::made_here(r))
        .map(|r| v2::configurations(&r))
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_default().to_owned()
}

fn external_accounts(value: &mut Value) -> Option<&mut Vec<Value>> {
    value["external_accounts"]["data"].as_array_mut()
}

fn fill_in(tx: &Tx<'_>, value: &mut Value, configurations: Option<&[String]>, details: &Details) {
    if value["business_type"].is_null() || details.business_type.is_some() {
        value["business_type"] = json!(details.business_type.as_deref().unwrap_or("individual"));
    }
    if let Some(email) = &details.email {
        value["email"] = json!(email);
    }
    let profile = &mut value["business_profile"];
    if profile["product_description"].is_null() {
        profile["product_description"] = json!("Goods and services");
    }
    if let Some(url) = &details.url {
        profile["url"] = json!(url);
    }
    let name = details.business_name.clone().or_else(|| {
        let first = details.first_name.as_deref()?;
        let last = details.last_name.as_deref().unwrap_or_default();
        Some(format!("{first} {last}").trim().to_owned())
    });
    if let Some(name) = name {
        profile["name"] = json!(name);
        value["settings"]["dashboard"]["display_name"] = json!(name);
    }
    value["tos_acceptance"]["date"] = json!(tx.now);
    // Charges and payouts need these two capabilities, requested or not; an account by `/v2` has those of its configurations.
    for (name, configuration) in [("card_payments", "merchant"), ("transfers", "recipient")] {
        let wanted = configurations.is_none_or(|all| all.iter().any(|c| c == configuration));
        if wanted && value["capabilities"][name].is_null() {
            value["capabilities"][name] = json!("inactive");
        }
    }
}

fn apply_outcome(value: &mut Value, outcome: Outcome) {
    let complete = outcome == Outcome::Complete;
    value["details_submitted"] = json!(true);
    value["payouts_enabled"] = json!(complete);
    let document = ["individual.verification.document"];
    value["requirements"] = match outcome {
        Outcome::Complete => no_requirements(),
        Outcome::DetailsMissing => requirements(
            &document,
            &document,
            &[],
            Some("requirements.past_due"),
            None,
        ),
        Outcome::PendingVerification => requirements(
            &[],
            &[],
            &document,
            Some("requirements.pending_verification"),
            None,
        ),
    };
    capabilities(
        value,
        match outcome {
            Outcome::Complete => "active",
            Outcome::DetailsMissing => "inactive",
            Outcome::PendingVerification => "pending",
        },
    );
    value["charges_enabled"] = json!(complete && can_charge(value));
}

fn capabilities(value: &mut Value, status: &str) {
    if let Some(map) = value["capabilities"].as_object_mut() {
        for each in map.values_mut() {
            *each = json!(status);
        }
    }
}

/// Restricts an account. With a deadline in the future and no reason, it may still trade.
pub(crate) fn restrict(
    tx: &mut Tx<'_>,
    account: &str,
    how: &Restriction,
) -> Result<Value, ApiError> {
    change(tx, account, |_, value| {
        let due: Vec<&str> = how.currently_due.iter().map(String::as_str).collect();
        let warned_only = how.disabled_reason.is_none() && how.current_deadline.is_some();
        let reason = how
            .disabled_reason
            .as_deref()
            .unwrap_or("requirements.past_due");
        let disabled = (!warned_only).then_some(reason);
        let past: &[&str] = if disabled == Some("requirements.past_due") {
            &due
        } else {
            &[]
        };
        let pending: Vec<&str> = how
            .pending_verification
            .iter()
            .map(String::as_str)
            .collect();
        value["requirements"] = requirements(&due, past, &pending, disabled, how.current_deadline);
        value["requirements"]["errors"] = json!(how.errors);
        let eventually: Vec<&String> = how
            .currently_due
            .iter()
            .chain(&how.eventually_due)
            .collect();
        value["requirements"]["eventually_due"] = json!(eventually);
        if disabled.is_some() {
            stop(value, &how.capabilities);
        }
    })
}

/// Takes capabilities away, or all of them with the payouts.
fn stop(value: &mut Value, only: &[String]) {
    if only.is_empty() {
        value["charges_enabled"] = json!(false);
        value["payouts_enabled"] = json!(false);
        capabilities(value, "inactive");
    }
    for name in only {
        if name == "payouts" {
            value["payouts_enabled"] = json!(false);
        } else if value["capabilities"][name].is_string() {
            value["capabilities"][name] = json!("inactive");
        }
    }
    value["charges_enabled"] = json!(value["charges_enabled"] == json!(true) && can_charge(value));
}

/// Everything Stripe wanted has been given and checked.
pub(crate) fn unrestrict(tx: &mut Tx<'_>, account: &str) -> Result<Value, ApiError> {
    let value = change(tx, account, |_, value| {
        apply_outcome(value, Outcome::Complete)
    })?;
    schedule::schedule(tx, account);
    Ok(value)
}

/// Stripe closes the account for good; `reason` is what follows `rejected.`.
pub(crate) fn reject(tx: &mut Tx<'_>, account: &str, reason: &str) -> Result<Value, ApiError> {
    change(tx, account, |_, value| {
        let reason = format!("rejected.{reason}");
        value["requirements"] = requirements(&[], &[], &[], Some(&reason), None);
        value["charges_enabled"] = json!(false);
        value["payouts_enabled"] = json!(false);
        capabilities(value, "inactive");
    })
}

/// The seller disconnects the platform: `account.application.deauthorized`, whose object is the
/// *application*, and from then on 403 and no other event (<https://docs.stripe.com/connect/webhooks>).
pub(crate) fn deauthorize(tx: &mut Tx<'_>, account: &str) -> Result<Value, ApiError> {
    let record: std::sync::Arc<Record> = connected(tx, account)
        .filter(|r| r.id != tx.store().platform)
        .ok_or_else(|| ApiError::missing("account", account, "account"))?;
    let application = json!({
        "id": tx.application(),
        "object": "application",
        "name": "Platform (simulated)",
    });
    webhooks::forget_account(tx, &record.id);
    tx.emit("account.application.deauthorized", &record.id, &application);
    tx.update(account, |r| r.hidden["deauthorized"] = json!(true));
    Ok(application)
}

/// The account ends for good: nothing is done with it any more, though `/v2` still shows that it was.
pub(crate) fn close(tx: &mut Tx<'_>, account: &str) -> Result<(), ApiError> {
    deauthorize(tx, account)?;
    tx.update(account, |r| {
        let v2 = r.hidden["v2"].take();
        r.hidden = json!({ "deauthorized": true, "decided": true, "v2": v2 });
        r.hidden["v2"]["closed"] = json!(true);
        r.due = None;
    });
    Ok(())
}

/// The seller connects the platform again. Stripe has no event for that.
pub(crate) fn reauthorize(tx: &mut Tx<'_>, account: &str) -> Result<Value, ApiError> {
    let left = |record: &Record| {
        record.kind == Kind::Account
            && record.hidden["deauthorized"] == json!(true)
            && !v2::closed(record)
    };
    if !tx.get(account).is_some_and(|record| left(&record)) {
        return Err(ApiError::missing("account", account, "account"));
    }
    let back = tx.update(account, |r| r.hidden["deauthorized"] = json!(false));
    Ok(back.map(|record| record.value.clone()).unwrap_or_default())
}
