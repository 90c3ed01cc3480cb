//! What an account still has to tell, where the platform collects it, and what follows from that.
//! <https://docs.stripe.com/connect/required-verification-information>,
//! <https://docs.stripe.com/connect/handling-api-verification>.

use serde_json::{Value, json};

use super::persons::{self, Judgement};
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
struct Wanted {
    missing: Vec<String>,
    /// What was told and couldn't be verified.
    proof: Vec<String>,
    pending: Vec<String>,
    eventually: Vec<String>,
    errors: Vec<Value>,
    alternatives: Vec<Value>,
}

impl Wanted {
    fn text(&mut self, account: &Value, path: &str) {
        if at(account, path).is_null() || at(account, path) == &json!(false) {
            self.missing.push(path.to_owned());
        }
    }

    fn person(&mut self, prefix: &str, judgement: &Judgement) {
        let full = |field: &String| format!("{prefix}.{field}");
        self.missing.extend(judgement.missing.iter().map(full));
        self.eventually
            .extend(judgement.eventually.iter().map(full));
        self.pending.extend(judgement.pending.iter().map(full));
        for (field, code, reason) in &judgement.failed {
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
pub(super) fn settle(tx: &mut Tx<'_>, record: &Record, account: &mut Value) {
    let wanted = gather(tx, record, account);
    let mut due: Vec<String> = wanted.missing.clone();
    due.extend(wanted.proof.iter().cloned());
    due.sort();
    let mut eventually = due.clone();
    eventually.extend(wanted.eventually);
    eventually.sort();
    let some = account["capabilities"]
        .as_object()
        .is_some_and(|c| !c.is_empty());
    let disabled = if !due.is_empty() {
        Some("requirements.past_due")
    } else if !wanted.pending.is_empty() {
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
        "alternatives": wanted.alternatives,
        "current_deadline": null,
        "currently_due": due,
        "disabled_reason": disabled,
        "errors": wanted.errors,
        "eventually_due": eventually,
        "past_due": due,
        "pending_verification": wanted.pending,
    });
    account["details_submitted"] =
        json!(wanted.missing.is_empty() || account["details_submitted"] == json!(true));
    account["charges_enabled"] = json!(can_charge(account));
    account["payouts_enabled"] = json!(disabled.is_none());
}

fn gather(tx: &mut Tx<'_>, record: &Record, account: &mut Value) -> Wanted {
    let mut wanted = Wanted::default();
    let country = account["country"].as_str().unwrap_or_default().to_owned();
    let recipient = account["tos_acceptance"]["service_agreement"] == "recipient";
    if account["external_accounts"]["data"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        wanted.missing.push("external_account".to_owned());
    }
    for path in ["business_type", "tos_acceptance.date", "tos_acceptance.ip"] {
        wanted.text(account, path);
    }
    if account["capabilities"]["card_payments"].is_string() {
        wanted.text(account, "business_profile.mcc");
        let profile = &account["business_profile"];
        if profile["url"].is_null() && profile["product_description"].is_null() {
            let url = "business_profile.url";
            wanted.missing.push(url.to_owned());
            wanted.alternatives.push(json!({
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
        Some("individual") => individual(tx, account, &persons, &country, &mut wanted),
        Some(kind) => company(
            tx,
            record,
            account,
            (kind, &country, recipient),
            &persons,
            &mut wanted,
        ),
        None => {
            for field in ["first_name", "last_name"] {
                wanted.missing.push(format!("representative.{field}"));
            }
        }
    }
    wanted
}

fn individual(
    tx: &mut Tx<'_>,
    account: &mut Value,
    persons: &[String],
    country: &str,
    wanted: &mut Wanted,
) {
    let mine = persons
        .iter()
        .find(|id| tx.get(id).is_some_and(|p| persons::represents(&p)));
    let Some(mine) = mine else {
        let fields = persons::fields(persons::Role::Individual, country);
        wanted
            .missing
            .extend(fields.iter().map(|field| format!("individual.{field}")));
        return;
    };
    let judgement = persons::judge(tx, mine, persons::Role::Individual, country);
    wanted.person("individual", &judgement);
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
    wanted: &mut Wanted,
) {
    for field in address_of(country) {
        wanted.text(account, &format!("company.address.{field}"));
    }
    for field in ["name", "phone", "tax_id_provided"] {
        wanted.text(account, &format!("company.{field}"));
    }
    if kind == "company" && !recipient {
        wanted.text(account, "company.owners_provided");
        if !matches!(country, "US" | "CA") {
            wanted.text(account, "company.directors_provided");
            wanted.text(account, "company.executives_provided");
        }
    }
    for field in &mut wanted.missing {
        if field == "company.tax_id_provided" {
            "company.tax_id".clone_into(field);
        }
    }
    tax_id(record, account, wanted);
    let mut represented = false;
    for id in persons {
        let Some(person) = tx.get(id) else {
            continue;
        };
        let role = persons::role(&person);
        represented |= persons::represents(&person);
        let judgement = persons::judge(tx, id, role, country);
        wanted.person(id, &judgement);
    }
    if !represented {
        let fields = persons::fields(persons::Role::Representative, country);
        wanted
            .missing
            .extend(fields.iter().map(|field| format!("representative.{field}")));
    }
}

/// Stripe's test numbers that don't match, until a document proves the company
/// (<https://docs.stripe.com/connect/testing#test-business-tax-ids>).
fn tax_id(record: &Record, account: &Value, wanted: &mut Wanted) {
    let number = record.hidden["tax_id"].as_str().unwrap_or_default();
    let document = account["company"]["verification"]["document"]["front"].as_str();
    let proven = document.is_some_and(|file| !file.contains("fail"));
    if number.starts_with("11111111") && !proven {
        let requirement = "company.verification.document";
        wanted.proof.push(requirement.to_owned());
        wanted.errors.push(json!({
            "code": "verification_failed_tax_id_match",
            "reason": "The tax ID couldn't be verified. Verify the tax ID is correct or upload a document that shows it.",
            "requirement": requirement,
        }));
    }
}
