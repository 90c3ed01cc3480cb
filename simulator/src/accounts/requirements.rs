//! What an account still has to tell, where the platform collects it, and what follows from that.
//! <https://docs.stripe.com/connect/required-verification-information>,
//! <https://docs.stripe.com/connect/handling-api-verification>.

use serde_json::{Value, json};

use super::persons::{self, Verification};
use crate::store::{Kind, Record, Tx};

/// Whether the platform asks for what Stripe wants to know (`requirement_collection` is `application`, as with Custom
/// accounts); else Stripe's hosted form does.
pub(super) fn collected_by_platform(account: &Value) -> bool {
    account["controller"]["requirement_collection"] == "application"
}

/// Whether a way to be paid is active.
pub(super) fn can_charge(account: &Value) -> bool {
    let all = account["capabilities"].as_object();
    all.into_iter()
        .flatten()
        .any(|(name, status)| name.ends_with("_payments") && status == "active")
}

/// What is wanted, gathered from the account and its persons.
#[derive(Default)]
struct Outstanding {
    missing: Vec<String>,
    /// What was told and couldn't be verified.
    proof: Vec<String>,
    pending: Vec<String>,
    eventually: Vec<String>,
    errors: Vec<Value>,
    alternatives: Vec<Value>,
}

impl Outstanding {
    fn require(&mut self, account: &Value, path: &str) {
        if at(account, path).is_null() || at(account, path) == &json!(false) {
            self.missing.push(path.to_owned());
        }
    }

    fn require_of_person(&mut self, prefix: &str, verification: &Verification) {
        let full = |field: &String| format!("{prefix}.{field}");
        self.missing.extend(verification.missing.iter().map(full));
        self.eventually
            .extend(verification.eventually.iter().map(full));
        self.pending.extend(verification.pending.iter().map(full));
        for (field, code, reason) in &verification.failed {
            let requirement = format!("{prefix}.{field}");
            self.errors.push(json!({
                "code": code, "reason": reason, "requirement": requirement,
            }));
            self.proof.push(requirement);
        }
    }
}

/// A field at a dotted path.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    static NOTHING: Value = Value::Null;
    path.split('.')
        .fold(value, |value, name| value.get(name).unwrap_or(&NOTHING))
}

/// What of an address a country wants.
pub(super) fn address_of(country: &str) -> &'static [&'static str] {
    match country {
        "US" | "CA" | "AU" | "MX" | "BR" | "IN" | "MY" => {
            &["city", "line1", "postal_code", "state"]
        }
        "AE" | "HK" | "GH" | "JM" | "KE" => &["city", "line1"],
        _ => &["city", "line1", "postal_code"],
    }
}

/// Looks at the account and its persons again, and writes what is due and what it may do.
pub(super) fn update(tx: &mut Tx<'_>, record: &Record, account: &mut Value) {
    let outstanding = collect(tx, record, account);
    let mut due: Vec<String> = outstanding.missing.clone();
    due.extend(outstanding.proof.iter().cloned());
    due.sort();
    let mut eventually = due.clone();
    eventually.extend(outstanding.eventually);
    eventually.sort();
    let some = account["capabilities"]
        .as_object()
        .is_some_and(|c| !c.is_empty());
    let disabled = if !due.is_empty() {
        Some("requirements.past_due")
    } else if !outstanding.pending.is_empty() {
        Some("requirements.pending_verification")
    } else if !some {
        Some("action_required.requested_capabilities")
    } else {
        None
    };
    let status = match disabled {
        None => "active",
        Some("requirements.pending_verification") => "pending",
        Some(_) => "inactive",
    };
    if let Some(all) = account["capabilities"].as_object_mut() {
        for each in all.values_mut() {
            *each = json!(status);
        }
    }
    account["requirements"] = json!({
        "alternatives": outstanding.alternatives,
        "current_deadline": null,
        "currently_due": due,
        "disabled_reason": disabled,
        "errors": outstanding.errors,
        "eventually_due": eventually,
        "past_due": due,
        "pending_verification": outstanding.pending,
    });
    account["details_submitted"] =
        json!(outstanding.missing.is_empty() || account["details_submitted"] == json!(true));
    account["charges_enabled"] = json!(can_charge(account));
    account["payouts_enabled"] = json!(disabled.is_none());
}

fn collect(tx: &mut Tx<'_>, record: &Record, account: &mut Value) -> Outstanding {
    let mut outstanding = Outstanding::default();
    let country = account["country"].as_str().unwrap_or_default().to_owned();
    let recipient = account["tos_acceptance"]["service_agreement"] == "recipient";
    if account["external_accounts"]["data"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        outstanding.missing.push("external_account".to_owned());
    }
    for path in ["business_type", "tos_acceptance.date", "tos_acceptance.ip"] {
        outstanding.require(account, path);
    }
    if account["capabilities"]["card_payments"].is_string() {
        outstanding.require(account, "business_profile.mcc");
        let profile = &account["business_profile"];
        if profile["url"].is_null() && profile["product_description"].is_null() {
            let url = "business_profile.url";
            outstanding.missing.push(url.to_owned());
            outstanding.alternatives.push(json!({
                "alternative_fields_due": ["business_profile.product_description"],
                "original_fields_due": [url],
            }));
        }
    }
    let kind = account["business_type"].as_str().map(str::to_owned);
    let persons: Vec<_> = tx
        .store()
        .list(Kind::Person, &record.id)
        .map(|p| p.id.clone())
        .collect();
    match kind.as_deref() {
        Some("individual") => individual(tx, account, &persons, &country, &mut outstanding),
        Some(kind) => company(
            tx,
            record,
            account,
            (kind, &country, recipient),
            &persons,
            &mut outstanding,
        ),
        None => {
            for field in ["first_name", "last_name"] {
                outstanding.missing.push(format!("representative.{field}"));
            }
        }
    }
    outstanding
}

fn individual(
    tx: &mut Tx<'_>,
    account: &mut Value,
    persons: &[String],
    country: &str,
    outstanding: &mut Outstanding,
) {
    let mine = persons
        .iter()
        .find(|id| tx.get(id).is_some_and(|p| persons::is_representative(&p)));
    let Some(mine) = mine else {
        let fields = persons::fields(persons::Role::Individual, country);
        outstanding
            .missing
            .extend(fields.iter().map(|field| format!("individual.{field}")));
        return;
    };
    let verification = persons::verify(tx, mine, persons::Role::Individual, country);
    outstanding.require_of_person("individual", &verification);
    if let Some(person) = tx.get(mine) {
        account["individual"] = person.value.clone();
    }
}

fn company(
    tx: &mut Tx<'_>,
    record: &Record,
    account: &Value,
    (kind, country, recipient): (&str, &str, bool),
    persons: &[String],
    outstanding: &mut Outstanding,
) {
    for field in address_of(country) {
        outstanding.require(account, &format!("company.address.{field}"));
    }
    for field in ["name", "phone", "tax_id_provided"] {
        outstanding.require(account, &format!("company.{field}"));
    }
    if kind == "company" && !recipient {
        outstanding.require(account, "company.owners_provided");
        if !matches!(country, "US" | "CA") {
            outstanding.require(account, "company.directors_provided");
            outstanding.require(account, "company.executives_provided");
        }
    }
    for field in &mut outstanding.missing {
        if field == "company.tax_id_provided" {
            "company.tax_id".clone_into(field);
        }
    }
    tax_id(record, account, outstanding);
    let mut represented = false;
    for id in persons {
        let Some(person) = tx.get(id) else {
            continue;
        };
        let role = persons::role(&person);
        represented |= persons::is_representative(&person);
        let verification = persons::verify(tx, id, role, country);
        outstanding.require_of_person(id, &verification);
    }
    if !represented {
        let fields = persons::fields(persons::Role::Representative, country);
        outstanding
            .missing
            .extend(fields.iter().map(|field| format!("representative.{field}")));
    }
}

/// Stripe's test numbers that don't match, until a document proves the company
/// (<https://docs.stripe.com/connect/testing#test-business-tax-ids>).
fn tax_id(record: &Record, account: &Value, outstanding: &mut Outstanding) {
    let number = record.hidden["tax_id"].as_str().unwrap_or_default();
    let document = account["company"]["verification"]["document"]["front"].as_str();
    let proven = document.is_some_and(|file| !file.contains("fail"));
    if number.starts_with("11111111") && !proven {
        let requirement = "company.verification.document";
        outstanding.proof.push(requirement.to_owned());
        outstanding.errors.push(json!({
            "code": "verification_failed_tax_id_match",
            "reason": "The tax ID couldn't be verified. Verify the tax ID is correct or upload a document that shows it.",
            "requirement": requirement,
        }));
    }
}
