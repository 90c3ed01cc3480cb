//! The people behind an account: <https://docs.stripe.com/api/persons>.
//!
//! A person is verified by Stripe's test values (<https://docs.stripe.com/connect/testing#identity-verification>).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    details::{address, date, document},
    from_path,
    requirements::{self, address_of, at},
    save,
};
use crate::{
    api::{Call, Route, lists, merge_metadata},
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    money,
    store::{Kind, Record, Tx},
    tokens,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/accounts/{account}/persons", create),
    ("GET", "/v1/accounts/{account}/persons", list),
    ("GET", "/v1/accounts/{account}/persons/{person}", retrieve),
    ("POST", "/v1/accounts/{account}/persons/{person}", update),
    ("DELETE", "/v1/accounts/{account}/persons/{person}", delete),
    // The older name of the same routes.
    ("POST", "/v1/accounts/{account}/people", create),
    ("GET", "/v1/accounts/{account}/people", list),
    ("GET", "/v1/accounts/{account}/people/{person}", retrieve),
    ("POST", "/v1/accounts/{account}/people/{person}", update),
    ("DELETE", "/v1/accounts/{account}/people/{person}", delete),
];

/// Seconds that a verification takes unless it is immediate.
const VERIFYING: i64 = 5;

const ROLES: [&str; 6] = [
    "authorizer",
    "director",
    "executive",
    "legal_guardian",
    "owner",
    "representative",
];

/// The role that decides which fields of a person Stripe requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Individual,
    Representative,
    Owner,
    /// A director or executive, or nobody in particular.
    Other,
}

pub(super) fn is_representative(person: &Record) -> bool {
    person.value["relationship"]["representative"] == json!(true)
}

pub(super) fn role(person: &Record) -> Role {
    if is_representative(person) {
        Role::Representative
    } else if person.value["relationship"]["owner"] == json!(true) {
        Role::Owner
    } else {
        Role::Other
    }
}

/// The fields that a role requires of a person.
pub(super) fn fields(role: Role, country: &str) -> Vec<String> {
    let mut out = vec!["first_name", "last_name"];
    if role != Role::Other {
        out.extend(["dob.day", "dob.month", "dob.year", "email"]);
    }
    if matches!(role, Role::Individual | Role::Representative) {
        out.push("phone");
        if country == "US" {
            out.push("ssn_last_4");
        }
    }
    if role == Role::Representative {
        out.push("relationship.title");
    }
    let mut out: Vec<String> = out.into_iter().map(str::to_owned).collect();
    if role != Role::Other {
        let address = address_of(country).iter();
        out.extend(address.map(|field| format!("address.{field}")));
    }
    out.sort();
    out
}

fn has(person: &Record, field: &str) -> bool {
    match field {
        "ssn_last_4" => {
            person.value["ssn_last_4_provided"] == json!(true)
                || person.value["id_number_provided"] == json!(true)
        }
        _ => !at(&person.value, field).is_null(),
    }
}

/// What a person still has to provide, and how the verification of the rest went.
#[derive(Debug, Default)]
pub(super) struct Verification {
    pub missing: Vec<String>,
    pub eventually: Vec<String>,
    pub pending: Vec<String>,
    /// The required document, the error's code and its reason.
    pub failed: Vec<(&'static str, &'static str, &'static str)>,
}

const DOCUMENT: &str = "verification.document";
const ADDITIONAL_DOCUMENT: &str = "verification.additional_document";

/// Verifies a person's data, and writes the person's requirements and verification.
pub(super) fn verify(tx: &mut Tx<'_>, id: &str, role: Role, country: &str) -> Verification {
    let mut out = Verification::default();
    let Some(person) = tx.get(id) else {
        return out;
    };
    out.missing = fields(role, country)
        .into_iter()
        .filter(|field| !has(&person, field))
        .collect();
    let id_number = person.value["id_number_provided"] == json!(true);
    if country == "US" && matches!(role, Role::Individual | Role::Representative) && !id_number {
        out.eventually.push("id_number".to_owned());
    }
    let mut status = "unverified";
    let mut until = None;
    if out.missing.is_empty() && role != Role::Other {
        out.failed = failed_checks(&person);
        let immediate = birth_date(&person) == (1902, 1, 1) || number(&person) == "222222222";
        let ends = person.hidden["verified_at"]
            .as_i64()
            .unwrap_or(tx.now + tx.takes(VERIFYING));
        if !out.failed.is_empty() {
        } else if immediate || ends <= tx.now {
            status = "verified";
            until = Some(ends.min(tx.now));
        } else {
            status = "pending";
            until = Some(ends);
            out.pending.push(DOCUMENT.to_owned());
        }
    }
    write_verification(tx, id, &out, status, until);
    out
}

fn write_verification(
    tx: &mut Tx<'_>,
    id: &str,
    verification: &Verification,
    status: &str,
    until: Option<i64>,
) {
    let proof = verification
        .failed
        .iter()
        .map(|(field, ..)| (*field).to_owned());
    let due: Vec<String> = verification.missing.iter().cloned().chain(proof).collect();
    let eventually: Vec<&String> = due.iter().chain(&verification.eventually).collect();
    let errors: Vec<Value> = verification
        .failed
        .iter()
        .map(
            |(field, code, reason)| json!({ "code": code, "reason": reason, "requirement": field }),
        )
        .collect();
    let requirements = json!({
        "alternatives": [], "currently_due": due, "errors": errors,
        "eventually_due": eventually, "past_due": due,
        "pending_verification": verification.pending,
    });
    tx.update(id, |r| {
        r.value["requirements"] = requirements;
        r.value["verification"]["status"] = json!(status);
        r.hidden["verified_at"] = json!(until);
        r.due = until.filter(|_| status == "pending");
    });
}

fn birth_date(person: &Record) -> (i64, i64, i64) {
    let part = |name: &str| person.value["dob"][name].as_i64().unwrap_or(0);
    (part("year"), part("month"), part("day"))
}

fn number(person: &Record) -> &str {
    person.hidden["id_number"].as_str().unwrap_or_default()
}

/// Whether a document of this kind was provided that passes.
fn has_document(person: &Record, which: &str) -> bool {
    person.value["verification"][which]["front"]
        .as_str()
        .is_some_and(|file| !file.contains("fail"))
}

/// The checks that a complete person fails, by Stripe's documented test values.
fn failed_checks(person: &Record) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut out = Vec::new();
    if !has_document(person, "document") {
        if !matches!(birth_date(person), (1901 | 1902, 1, 1)) {
            out.push((DOCUMENT, "verification_failed_keyed_identity", "The person's keyed-in identity information could not be verified. Correct any errors or upload a document that matches the identity fields (e.g., name and date of birth) entered."));
        } else if number(person) == "111111111" {
            out.push((DOCUMENT, "verification_failed_id_number_match", "The ID number could not be verified. Correct any errors or upload a document that matches the ID number."));
        }
    }
    let street = person.value["address"]["line1"].as_str();
    if street == Some("address_no_match") && !has_document(person, "additional_document") {
        out.push((ADDITIONAL_DOCUMENT, "verification_failed_residential_address", "We could not verify that the person resides at the provided address. The address must be a valid physical address where the individual resides and cannot be a P.O. Box."));
    }
    out
}

/// A pending verification has ended.
pub(crate) fn falls_due(tx: &mut Tx<'_>, person: &Record) {
    let Some(account) = tx.get(&person.owner) else {
        return;
    };
    let value = account.value.clone();
    if save(tx, &account.id, value).is_ok() {
        emit_updated(tx, person);
    }
}

fn new_person(tx: &mut Tx<'_>, account: &str) -> Value {
    let nobody = json!({ "currently_due": [], "errors": [], "eventually_due": [], "past_due": [], "pending_verification": [], "alternatives": [] });
    json!({
        "id": tx.mint("person_1", 23),
        "object": "person",
        "account": account,
        "additional_tos_acceptances": { "account": { "date": null, "ip": null, "user_agent": null } },
        "address": { "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null },
        "created": tx.now,
        "dob": { "day": null, "month": null, "year": null },
        "email": null,
        "first_name": null,
        "future_requirements": nobody,
        "id_number_provided": false,
        "last_name": null,
        "metadata": {},
        "phone": null,
        "relationship": {
            "authorizer": false, "director": false, "executive": false, "legal_guardian": false,
            "owner": false, "percent_ownership": null, "representative": false, "title": null,
        },
        "requirements": nobody,
        "ssn_last_4_provided": false,
        "verification": {
            "additional_document": { "back": null, "details": null, "details_code": null, "front": null },
            "details": null,
            "details_code": null,
            "document": { "back": null, "details": null, "details_code": null, "front": null },
            "status": "unverified",
        },
    })
}

/// Writes the fields of a form to a person.
fn write(value: &mut Value, hidden: &mut Value, form: &Node) -> Result<(), ApiError> {
    merge_metadata(&mut value["metadata"], form, "metadata")?;
    for (name, node) in form.children() {
        let text = match node {
            Node::Leaf(text) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        };
        match name.as_str() {
            "address" | "registered_address" => address(&mut value[name], node, &[]),
            "address_kana" | "address_kanji" => address(&mut value[name], node, &["town"]),
            "dob" => value["dob"] = read_dob(node)?,
            "ssn_last_4" => value["ssn_last_4_provided"] = json!(text.is_some()),
            "id_number" => {
                value["id_number_provided"] = json!(text.is_some());
                hidden["id_number"] = json!(text);
            }
            "id_number_secondary" => value["id_number_secondary_provided"] = json!(text.is_some()),
            "full_name_aliases" => value[name] = json!(form.texts(name)),
            "relationship" => write_relationship(&mut value["relationship"], node)?,
            "verification" => {
                for which in ["document", "additional_document"] {
                    if let Some(form) = node.at(which) {
                        document(&mut value["verification"][which], form);
                    }
                }
            }
            "additional_tos_acceptances" => {
                let form = node.sub("account");
                value[name]["account"] = json!({
                    "date": form.int("date"), "ip": form.text("ip"),
                    "user_agent": form.text("user_agent"),
                });
            }
            "documents" | "expand" | "metadata" | "person_token" | "us_cfpb_data" => {}
            _ => value[name] = json!(text),
        }
    }
    hidden["verified_at"] = Value::Null;
    Ok(())
}

fn read_dob(form: &Node) -> Result<Value, ApiError> {
    let day = date(form);
    let part = |name: &str| day[name].as_i64();
    let month = u8::try_from(part("month").unwrap_or(1))
        .ok()
        .and_then(|m| time::Month::try_from(m).ok());
    let year = i32::try_from(part("year").unwrap_or(1901)).unwrap_or(0);
    let number = u8::try_from(part("day").unwrap_or(1)).unwrap_or(0);
    let real = month.is_some_and(|m| time::Date::from_calendar_date(year, m, number).is_ok());
    if !real || year < 1900 {
        return Err(ApiError::invalid("Invalid date of birth.").param("dob"));
    }
    Ok(day)
}

fn write_relationship(target: &mut Value, form: &Node) -> Result<(), ApiError> {
    for role in ROLES {
        if let Some(flag) = form.flag(role) {
            target[role] = json!(flag);
        }
    }
    if form.at("title").is_some() {
        target["title"] = json!(form.text("title"));
    }
    if form.at("percent_ownership").is_some() {
        let text = form.text("percent_ownership").unwrap_or("0");
        if !money::percent(text).is_some_and(|share| (0..=1_000_000).contains(&share)) {
            return Err(
                ApiError::invalid("Percent ownership must be between 0 and 100.")
                    .param("relationship[percent_ownership]"),
            );
        }
        target["percent_ownership"] = match form.text("percent_ownership") {
            None => Value::Null,
            // The text is a plain number, so this reads it as one.
            Some(text) => serde_json::from_str(text).unwrap_or_default(),
        };
    }
    Ok(())
}

/// Writes an account's `individual`, and the person behind it.
pub(super) fn individual(
    tx: &mut Tx<'_>,
    account: &Record,
    value: &mut Value,
    form: &Node,
) -> Result<(), ApiError> {
    let mine = tx
        .store()
        .list(Kind::Person, &account.id)
        .find(|p| is_representative(p))
        .cloned();
    let person = match mine {
        Some(person) => change(tx, &person, form)?,
        None => {
            let mut person = new_person(tx, &account.id);
            person["relationship"]["representative"] = json!(true);
            add(tx, &account.id, person, form)?
        }
    };
    value["individual"] = person.value.clone();
    Ok(())
}

fn add(
    tx: &mut Tx<'_>,
    account: &str,
    mut person: Value,
    form: &Node,
) -> Result<Arc<Record>, ApiError> {
    let mut hidden = json!({});
    write(&mut person, &mut hidden, form)?;
    Ok(tx.insert(Kind::Person, account, person, hidden, None))
}

fn change(tx: &mut Tx<'_>, person: &Record, form: &Node) -> Result<Arc<Record>, ApiError> {
    let (mut value, mut hidden) = (person.value.clone(), person.hidden.clone());
    write(&mut value, &mut hidden, form)?;
    tx.update(&person.id, |r| (r.value, r.hidden) = (value, hidden))
        .ok_or_else(|| missing(&person.id))
}

fn missing(id: &str) -> ApiError {
    ApiError::missing("person", id, "person")
}

/// Recomputes the account's requirements after its persons changed.
fn refresh_requirements(tx: &mut Tx<'_>, account: &Record) -> Result<(), ApiError> {
    let mut value = account.value.clone();
    let mine = tx
        .store()
        .list(Kind::Person, &account.id)
        .find(|p| is_representative(p))
        .map(|p| p.value.clone());
    match mine {
        Some(person) if value["individual"].is_object() => value["individual"] = person,
        _ => {}
    }
    save(tx, &account.id, value).map(drop)
}

fn form_or_token(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<Node, ApiError> {
    let Some(token) = call.args.text("person_token") else {
        return Ok(call.args.clone());
    };
    let platform = tx.platform();
    tokens::consume(tx, &platform, token, "person", "person_token").map(|(_, form)| form)
}

/// Refuses a second representative.
fn check_only_representative(
    tx: &Tx<'_>,
    account: &str,
    me: &str,
    form: &Node,
) -> Result<(), ApiError> {
    if form.flag("relationship.representative") != Some(true) {
        return Ok(());
    }
    let other = tx
        .store()
        .list(Kind::Person, account)
        .find(|p| is_representative(p) && p.id != me);
    match other {
        None => Ok(()),
        Some(other) => Err(ApiError::invalid(format!(
            "This account already has a representative ({}).",
            other.id
        ))
        .param("relationship[representative]")),
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    let form = form_or_token(tx, call)?;
    check_only_representative(tx, &account.id, "", &form)?;
    Ok(create_on(tx, &account, &form)?.value.clone())
}

/// Adds a person to an account, with what follows from that.
pub(super) fn create_on(
    tx: &mut Tx<'_>,
    account: &Record,
    form: &Node,
) -> Result<Arc<Record>, ApiError> {
    let person = new_person(tx, &account.id);
    let person = add(tx, &account.id, person, form)?;
    refresh_requirements(tx, account)?;
    let person = tx.get(&person.id).unwrap_or(person);
    tx.emit("person.created", &account.id, &person.value);
    Ok(person)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    let wanted: Vec<(&str, bool)> = ROLES
        .iter()
        .filter_map(|role| Some((*role, call.args.flag(&format!("relationship.{role}"))?)))
        .collect();
    lists::list_of(tx, call, Kind::Person, &account.id, |r| {
        wanted
            .iter()
            .all(|(role, flag)| r.value["relationship"][*role] == json!(flag))
    })
}

fn person_of(tx: &Tx<'_>, call: &Call<'_>, account: &Record) -> Result<Arc<Record>, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    tx.find(Kind::Person, &account.id, id)
        .ok_or_else(|| missing(id))
}

fn retrieve(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    Ok(person_of(tx, call, &account)?.value.clone())
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    let person = person_of(tx, call, &account)?;
    let form = form_or_token(tx, call)?;
    check_only_representative(tx, &account.id, &person.id, &form)?;
    update_on(tx, &account, &person, &form)
}

/// Changes a person of an account, with what follows from that.
pub(super) fn update_on(tx: &mut Tx<'_>, account: &Record, person: &Record, form: &Node) -> Answer {
    change(tx, person, form)?;
    refresh_requirements(tx, account)?;
    Ok(emit_updated(tx, person))
}

fn emit_updated(tx: &mut Tx<'_>, person: &Record) -> Value {
    let Some(now) = tx.get(&person.id) else {
        return Value::Null;
    };
    let before = changes(&person.value, &now.value);
    if before.as_object().is_some_and(|b| !b.is_empty()) {
        tx.emit_change("person.updated", &now.owner, &now.value, Some(before));
    }
    now.value.clone()
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let account = from_path(tx, call)?;
    let person = person_of(tx, call, &account)?;
    delete_on(tx, &account, &person)?;
    Ok(json!({ "id": person.id, "object": "person", "deleted": true }))
}

/// Takes a person off an account, with what follows from that.
pub(super) fn delete_on(
    tx: &mut Tx<'_>,
    account: &Record,
    person: &Record,
) -> Result<(), ApiError> {
    if is_representative(person) && !requirements::collected_by_platform(&account.value) {
        return Err(
            ApiError::invalid("You cannot delete the account opener of this account.")
                .param("person"),
        );
    }
    tx.remove(&person.id);
    let mut value = account.value.clone();
    if value["individual"]["id"] == person.id.as_str()
        && let Some(map) = value.as_object_mut()
    {
        map.remove("individual");
    }
    save(tx, &account.id, value)?;
    tx.emit("person.deleted", &account.id, &person.value);
    Ok(())
}
