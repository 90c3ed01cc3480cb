//! `openapi.yaml` as the suite reads it: operations, and whether an answer is one that it allows.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::{Registry, Validator};
use serde_json::{Value, json};

use crate::harness::on_postgres;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
const URN: &str = "urn:openapi";

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// The contract of this checkout.
pub fn contract() -> &'static Contract {
    &CONTRACT
}

pub struct Contract {
    pub document: &'static Value,
    pub operations: Vec<Operation>,
    registry: Registry<'static>,
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// A method on a path.
#[derive(Clone, Debug)]
pub struct Operation {
    pub id: String,
    /// Upper case.
    pub method: String,
    /// With its `{variables}`.
    pub path: String,
    pub item: Value,
    /// The path's own and the operation's, with every reference followed.
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
}

/// Something of a path, a query or the headers.
#[derive(Clone, Debug)]
pub struct Parameter {
    pub name: String,
    /// `path`, `query` or `header`.
    pub place: String,
    pub required: bool,
    pub schema: Value,
}

/// What a request carries.
#[derive(Clone, Debug)]
pub struct Body {
    pub content_type: String,
    /// With every reference followed.
    pub schema: Value,
    pub example: Value,
}

impl Operation {
    /// Those in a `path`, a `query` or the headers.
    pub fn parameters_in(&self, place: &str) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |p| p.place == place)
    }

    /// Whether credentials count for nothing here.
    pub fn is_public(&self) -> bool {
        self.item["security"].as_array().is_some_and(Vec::is_empty)
    }

    /// Whether it is a page for a browser.
    pub fn is_page(&self) -> bool {
        let good = ["200", "303"].map(|status| &self.item["responses"][status]);
        good.iter()
            .any(|r| r["content"]["text/html"].is_object() || r["headers"]["Location"].is_object())
    }
}

/// An answer as it came.
pub struct Answered<'a> {
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    pub status: u16,
    pub content_type: Option<&'a str>,
    pub body: &'a [u8],
}

impl Contract {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("openapi.yaml")).expect("openapi.yaml");
        let document: Value = serde_yaml_ng::from_str(&text).expect("openapi.yaml is YAML");
        let document: &'static Value = Box::leak(Box::new(document));
        let registry = Registry::new().add(URN, document).expect("a resource");
        let mut contract = Self {
            document,
            operations: vec![],
            registry: registry.prepare().expect("references that resolve"),
            validators: Mutex::default(),
        };
        contract.operations = contract.list();
        contract
    }

    fn list(&self) -> Vec<Operation> {
        let paths = self.document["paths"].as_object().expect("paths");
        let mut operations = vec![];
        for (path, item) in paths {
            for method in METHODS {
                let operation = &item[method];
                if operation.is_null() {
                    continue;
                }
                operations.push(Operation {
                    id: operation["operationId"]
                        .as_str()
                        .expect("an operationId")
                        .to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    item: operation.clone(),
                    parameters: self.parameters(&[&item["parameters"], &operation["parameters"]]),
                    body: self.body(&operation["requestBody"]),
                });
            }
        }
        operations
    }

    fn parameters(&self, lists: &[&Value]) -> Vec<Parameter> {
        let all = lists.iter().filter_map(|list| list.as_array()).flatten();
        all.map(|parameter| {
            let parameter = self.inlined(parameter);
            let text = |name: &str| parameter[name].as_str().expect(name).to_owned();
            Parameter {
                name: text("name"),
                place: text("in"),
                required: parameter["required"] == true,
                schema: parameter["schema"].clone(),
            }
        })
        .collect()
    }

    fn body(&self, body: &Value) -> Option<Body> {
        let (content_type, content) = body["content"].as_object()?.iter().next()?;
        Some(Body {
            content_type: content_type.clone(),
            schema: self.inlined(&content["schema"]),
            example: content["example"].clone(),
        })
    }

    /// A value with what its references lead to in their place.
    fn inlined(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) if map.contains_key("$ref") => self.inlined(self.resolve(value).0),
            Value::Object(map) => map
                .iter()
                .map(|(name, inner)| (name.clone(), self.inlined(inner)))
                .collect(),
            Value::Array(list) => list.iter().map(|inner| self.inlined(inner)).collect(),
            plain => plain.clone(),
        }
    }

    /// Follows `$ref`. With the pointer of what it led to, if there was one.
    fn resolve<'v>(&'v self, value: &'v Value) -> (&'v Value, Option<String>) {
        let (mut value, mut pointer) = (value, None);
        while let Some(reference) = value["$ref"].as_str() {
            let at = reference.strip_prefix('#').expect("a local reference");
            value = self
                .document
                .pointer(at)
                .expect("a reference that leads somewhere");
            pointer = Some(at.to_owned());
        }
        (value, pointer)
    }

    /// The operation that a request meets.
    pub fn operation(&self, method: &str, path: &str) -> Option<&Operation> {
        let fits = |o: &&Operation| o.method == method && matches(&o.path, path);
        // A path without variables goes first.
        self.operations
            .iter()
            .filter(fits)
            .min_by_key(|o| o.path.matches('{').count())
    }

    /// Says what is wrong with an answer; the operation it belongs to, when all is right.
    pub fn check(&self, answered: &Answered<'_>) -> Result<Option<&Operation>, String> {
        let Some(operation) = self.operation(answered.method, answered.path) else {
            let known = self
                .operations
                .iter()
                .any(|o| matches(&o.path, answered.path));
            let wanted = if known { 405 } else { 404 };
            if answered.path.starts_with("/assets/") && answered.status == 200 {
                return Ok(None);
            }
            if answered.status != wanted {
                return Err(format!("is in no operation, so it should be {wanted}"));
            }
            return self.check_problem(answered).map(|()| None);
        };
        let status = answered.status.to_string();
        let response = &operation.item["responses"][status.as_str()];
        if response.is_null() {
            let code =
                serde_json::from_slice::<Value>(answered.body).unwrap_or_default()["code"].clone();
            return match answered.status {
                429 => self.check_problem(answered).map(|()| None),
                400 if code == "malformed_query" || code == "client_secret_refused" => {
                    self.check_problem(answered).map(|()| None)
                }
                _ => Err("is a status that the operation doesn't list".to_owned()),
            };
        }
        let own = format!(
            "/paths/{}/{}/responses/{status}",
            escape(&operation.path),
            answered.method.to_lowercase()
        );
        let (response, referred) = self.resolve(response);
        let at = referred.unwrap_or(own);
        let Some(contents) = response["content"].as_object() else {
            return if answered.body.is_empty() {
                Ok(Some(operation))
            } else {
                Err("has a body".to_owned())
            };
        };
        let essence = essence(answered.content_type);
        if !contents.contains_key(essence) {
            return Err(format!(
                "is {essence:?}, not one of {:?}",
                contents.keys().collect::<Vec<_>>()
            ));
        }
        if essence.ends_with("json") {
            self.check_json(
                &format!("{at}/content/{}/schema", escape(essence)),
                answered.body,
            )?;
        }
        Ok(Some(operation))
    }

    fn check_problem(&self, answered: &Answered<'_>) -> Result<(), String> {
        let essence = essence(answered.content_type);
        if essence != "application/problem+json" {
            return Err(format!("is {essence:?}, not a problem"));
        }
        self.check_json("/components/schemas/Problem", answered.body)
    }

    fn check_json(&self, pointer: &str, body: &[u8]) -> Result<(), String> {
        let value: Value = serde_json::from_slice(body).map_err(|e| format!("is no JSON: {e}"))?;
        self.check_value(pointer, &value)
    }

    /// Whether a value holds to the schema at a pointer.
    pub fn check_value(&self, pointer: &str, value: &Value) -> Result<(), String> {
        let validator = self.validator(pointer);
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(faults.join("; "))
        }
    }

    fn validator(&self, pointer: &str) -> Arc<Validator> {
        let mut all = self
            .validators
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let pointer = pointer.replace('{', "%7B").replace('}', "%7D");
            let schema = json!({ "$ref": format!("{URN}#{pointer}") });
            let validator = jsonschema::options()
                .with_registry(&self.registry)
                .build(&schema);
            Arc::new(validator.unwrap_or_else(|e| panic!("{pointer}: {e}")))
        };
        all.entry(pointer.to_owned()).or_insert_with(build).clone()
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) =
        (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len()
        && template
            .iter()
            .zip(path)
            .all(|(want, got)| *want == got || (want.starts_with('{') && !got.is_empty()))
}

fn essence(content_type: Option<&str>) -> &str {
    content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
}

fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
}

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The folder with an empty file for each operation and status that the suite met, since each test is a process of its own.
/// The two databases' runs may be under way at the same time.
pub fn met_folder() -> PathBuf {
    let database = if on_postgres() { "postgres" } else { "sqlite" };
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("contract")
        .join(database)
}

/// Notes that the suite met this.
pub fn record_met(operation: &Operation, status: u16) {
    let file = met_folder().join(format!("{}.{status}", operation.id));
    if !file.exists() {
        std::fs::create_dir_all(met_folder()).expect("a folder");
        std::fs::write(file, "").expect("a file");
    }
}
