//! The requirements of an account as `/v2` lists them: an entry each, with who must act, by when, and what it restricts.
//! <https://docs.stripe.com/connect/accounts-v2/requirements>.

use serde_json::{Value, json};

use super::view::{capabilities, configurations};
use crate::{api::namespace::rfc3339, store::Record};

/// The v1 lists, strictest first, with the status they mean in `/v2`. What is being verified is due, but Stripe must act.
const LISTS: [(&str, &str, &str); 4] = [
    ("past_due", "past_due", "user"),
    ("pending_verification", "currently_due", "stripe"),
    ("currently_due", "currently_due", "user"),
    ("eventually_due", "eventually_due", "user"),
];

/// `requirements` or `future_requirements`, from the v1 hash of that name.
pub(super) fn requirements(record: &Record, name: &str) -> Value {
    let v1 = &record.value[name];
    let mut entries: Vec<Value> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for (list, status, actor) in LISTS {
        for field in v1[list].as_array().into_iter().flatten() {
            let Some(field) = field.as_str().filter(|field| !seen.contains(field)) else {
                continue;
            };
            seen.push(field);
            entries.push(entry(record, v1, field, status, actor));
        }
    }
    let strictest = ["past_due", "currently_due", "eventually_due"]
        .into_iter()
        .find(|status| {
            entries
                .iter()
                .any(|e| e["minimum_deadline"]["status"] == *status)
        });
    let summary = strictest.map(|status| {
        let time = v1["current_deadline"].as_i64().map(rfc3339);
        json!({ "minimum_deadline": { "status": status, "time": time } })
    });
    let mut out = json!({ "entries": entries, "summary": summary });
    if name == "future_requirements" {
        out["minimum_transition_date"] = Value::Null;
    }
    out
}

fn entry(record: &Record, v1: &Value, field: &str, status: &str, actor: &str) -> Value {
    let errors: Vec<Value> = v1["errors"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|error| error["requirement"] == field)
        .map(|error| json!({ "code": error["code"], "description": error["reason"] }))
        .collect();
    let restricts: Vec<Value> = configurations(record)
        .iter()
        .flat_map(|configuration| {
            capabilities(record, configuration)
                .into_iter()
                .map(|(capability, _)| {
                    json!({
                        "capability": capability,
                        "configuration": configuration,
                        "deadline": { "status": status },
                    })
                })
                .collect::<Vec<_>>()
        })
        .collect();
    let reason = if record.value["details_submitted"] == json!(true) {
        "routine_verification"
    } else {
        "routine_onboarding"
    };
    let person = field.split('.').next().filter(|p| p.starts_with("person_"));
    json!({
        "awaiting_action_from": actor,
        "description": description(&record.value, field),
        "errors": errors,
        "impact": { "restricts_capabilities": restricts },
        "minimum_deadline": { "status": status },
        "reference": person.map(|person| json!({ "resource": person, "type": "person" })),
        "requested_reasons": [{ "code": reason }],
    })
}

/// What a v1 requirement is called in `/v2`. A name that has no other is the same in both.
pub(super) fn description(account: &Value, field: &str) -> String {
    let exact = match field {
        "business_profile.mcc" => "configuration.merchant.mcc",
        "business_profile.name" => "defaults.profile.doing_business_as",
        "business_profile.product_description" => "defaults.profile.product_description",
        "business_profile.support_phone" => "configuration.merchant.support.phone",
        "business_profile.url" => "defaults.profile.business_url",
        "business_type" => "identity.entity_type",
        "company.directors_provided" => "identity.attestations.persons_provided.directors",
        "company.executives_provided" => "identity.attestations.persons_provided.executives",
        "company.name" => "identity.business_details.registered_name",
        "company.owners_provided" => "identity.attestations.persons_provided.owners",
        "company.tax_id" => "identity.business_details.id_numbers",
        "company.verification.document" => {
            "identity.business_details.documents.company_tax_id_verification"
        }
        "email" => "contact_email",
        "tos_acceptance.date" => "identity.attestations.terms_of_service.account.date",
        "tos_acceptance.ip" => "identity.attestations.terms_of_service.account.ip",
        _ => "",
    };
    if !exact.is_empty() {
        return exact.to_owned();
    }
    let Some((head, rest)) = field.split_once('.') else {
        return field.to_owned();
    };
    match head {
        "company" => format!("identity.business_details.{rest}"),
        "individual" => format!("identity.individual.{}", of_person(rest)),
        // Before it is known whose business it is, nobody's name is on it yet.
        "representative" if account["business_type"] == "individual" => {
            format!("identity.individual.{}", of_person(rest))
        }
        "representative" => format!("representative.{}", of_person(rest)),
        head if head.starts_with("person_") => of_person(rest),
        _ => field.to_owned(),
    }
}

/// A v1 field of a person by its name in `/v2`.
fn of_person(field: &str) -> String {
    match field {
        "first_name" => "given_name".to_owned(),
        "last_name" => "surname".to_owned(),
        "id_number" | "ssn_last_4" => "id_numbers".to_owned(),
        "verification.document" => "documents.primary_verification".to_owned(),
        "verification.additional_document" => "documents.secondary_verification".to_owned(),
        field => field.replacen("dob.", "date_of_birth.", 1),
    }
}
