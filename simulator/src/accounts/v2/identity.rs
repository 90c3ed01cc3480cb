//! `identity` of an account and the people behind it, between the names of v1 and `/v2`.

use serde_json::{Map, Value, json};

use super::view::{given, some};
use crate::{
    api::namespace::{rfc3339, unix},
    form::Node,
    store::Record,
};

/// `identity` as `/v2` shows it; `individual` is the person where the account is an individual's.
pub(super) fn account(record: &Record, individual: Option<Value>) -> Value {
    let value = &record.value;
    let raw = &given(record)["identity"];
    let company = &value["company"];
    let mut business = object(&raw["business_details"]);
    if company.is_object() {
        business.insert("phone".to_owned(), company["phone"].clone());
        business.insert("registered_name".to_owned(), company["name"].clone());
        business.insert("address".to_owned(), some(&company["address"]));
        business.insert("structure".to_owned(), company["structure"].clone());
    }
    let tos = &value["tos_acceptance"];
    let accepted = tos["date"].as_i64().map(|date| {
        json!({ "account": {
            "date": rfc3339(date), "ip": tos["ip"], "user_agent": tos["user_agent"],
        } })
    });
    let mut attestations = object(&raw["attestations"]);
    attestations.insert("terms_of_service".to_owned(), json!(accepted));
    if company.is_object() {
        let provided = attestations.entry("persons_provided").or_insert(json!({}));
        for name in ["directors", "executives", "owners"] {
            provided[name] = company[format!("{name}_provided")].clone();
        }
    }
    let mut out = Map::new();
    out.insert(
        "attestations".to_owned(),
        some(&Value::Object(attestations)),
    );
    out.insert(
        "business_details".to_owned(),
        some(&Value::Object(business)),
    );
    out.insert("country".to_owned(), country(&value["country"]));
    out.insert("entity_type".to_owned(), entity_type(value));
    out.insert("individual".to_owned(), json!(individual));
    Value::Object(out)
}

/// Stripe writes countries of `/v2` in small letters.
fn country(code: &Value) -> Value {
    code.as_str()
        .map_or(Value::Null, |code| json!(code.to_ascii_lowercase()))
}

fn entity_type(value: &Value) -> Value {
    value["business_type"].clone()
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// A person as `/v2` shows it: <https://docs.stripe.com/api/v2/core/account-persons>.
pub(crate) fn person(record: &Record) -> Value {
    let value = &record.value;
    let mut out = object(&record.hidden["v2"]);
    out.remove("person_token");
    out.remove("include");
    let percent = match &value["relationship"]["percent_ownership"] {
        Value::Null => Value::Null,
        number => json!(number.to_string()),
    };
    let dob = &value["dob"];
    let mut relationship = object(&value["relationship"]);
    relationship.insert("percent_ownership".to_owned(), percent);
    let born = [&dob["day"], &dob["month"], &dob["year"]];
    let address = some(&value["address"]);
    for (name, shown) in [
        ("id", json!(record.id)),
        ("object", json!("v2.core.account_person")),
        ("account", json!(record.owner)),
        ("address", lower_country(address)),
        ("created", json!(rfc3339(record.int("created")))),
        (
            "date_of_birth",
            if born.iter().all(|part| part.is_i64()) {
                dob.clone()
            } else {
                Value::Null
            },
        ),
        ("email", value["email"].clone()),
        ("given_name", value["first_name"].clone()),
        ("livemode", json!(false)),
        ("metadata", value["metadata"].clone()),
        ("phone", value["phone"].clone()),
        ("relationship", Value::Object(relationship)),
        ("surname", value["last_name"].clone()),
        (
            "updated",
            json!(rfc3339(
                record.hidden["updated"]
                    .as_i64()
                    .unwrap_or(record.int("created"))
            )),
        ),
    ] {
        out.insert(name.to_owned(), shown);
    }
    Value::Object(out)
}

fn lower_country(mut address: Value) -> Value {
    if address.is_object() {
        address["country"] = country(&address["country"]);
    }
    address
}

/// The v1 parameters that say the same as a person's of `/v2`.
pub(super) fn person_params(form: &Node) -> Node {
    let mut out = Vec::new();
    for (name, node) in form.children() {
        let v1 = match name.as_str() {
            "given_name" => "first_name",
            "surname" => "last_name",
            "date_of_birth" => "dob",
            "additional_terms_of_service" => "additional_tos_acceptances",
            "email" | "phone" | "address" | "metadata" | "relationship" => name,
            _ => continue,
        };
        let node = match v1 {
            "additional_tos_acceptances" => Node::Tree(vec![(
                "account".to_owned(),
                acceptance(node.sub("account")),
            )]),
            _ => node.clone(),
        };
        out.push((v1.to_owned(), node));
    }
    for number in form.list("id_numbers") {
        let value = number.at("value").cloned();
        let name = match number.text("type") {
            Some("us_ssn_last_4" | "us_itin_last_4") => "ssn_last_4",
            _ => "id_number",
        };
        out.extend(value.map(|value| (name.to_owned(), value)));
    }
    let mut documents = Vec::new();
    for (v2, v1) in [
        ("primary_verification", "document"),
        ("secondary_verification", "additional_document"),
    ] {
        if let Some(sides) = form.at(&format!("documents.{v2}.front_back")) {
            documents.push((v1.to_owned(), sides.clone()));
        }
    }
    if !documents.is_empty() {
        out.push(("verification".to_owned(), Node::Tree(documents)));
    }
    Node::Tree(out)
}

/// The v1 parameters that say the same as an account's `identity` of `/v2`.
pub(super) fn account_params(identity: &Node, out: &mut Vec<(String, Node)>) {
    if let Some(node) = identity.at("entity_type") {
        out.push(("business_type".to_owned(), node.clone()));
    }
    if let Some(node) = identity.at("individual") {
        out.push(("individual".to_owned(), person_params(node)));
    }
    let mut company = Vec::new();
    let business = identity.sub("business_details");
    for (v2, v1) in [
        ("registered_name", "name"),
        ("phone", "phone"),
        ("address", "address"),
        ("structure", "structure"),
        ("registration_date", "registration_date"),
    ] {
        if let Some(node) = business.at(v2) {
            company.push((v1.to_owned(), node.clone()));
        }
    }
    if let Some(number) = business.list("id_numbers").find_map(|n| n.at("value")) {
        company.push(("tax_id".to_owned(), number.clone()));
    }
    let proof = business.list("documents.company_tax_id_verification.files");
    if let Some(file) = proof.into_iter().next() {
        let document = Node::Tree(vec![("front".to_owned(), file.clone())]);
        let document = Node::Tree(vec![("document".to_owned(), document)]);
        company.push(("verification".to_owned(), document));
    }
    let attestations = identity.sub("attestations");
    for name in ["directors", "executives", "owners"] {
        if let Some(node) = attestations.at(&format!("persons_provided.{name}")) {
            company.push((format!("{name}_provided"), node.clone()));
        }
    }
    if !company.is_empty() {
        out.push(("company".to_owned(), Node::Tree(company)));
    }
    if let Some(account) = attestations.at("terms_of_service.account") {
        out.push(("tos_acceptance".to_owned(), acceptance(account)));
    }
}

/// `tos_acceptance` of v1, whose date is in unix seconds.
fn acceptance(account: &Node) -> Node {
    let mut out: Vec<(String, Node)> = Vec::new();
    for (name, node) in account.children() {
        let node = match (name.as_str(), node) {
            ("date", Node::Leaf(text)) => {
                Node::Leaf(unix(text).map(|at| at.to_string()).unwrap_or_default())
            }
            (_, node) => node.clone(),
        };
        out.push((name.clone(), node));
    }
    Node::Tree(out)
}
