//! The contract, held from both sides: openapi.yaml against the routes, and its own schemas against the house's rules.
//! The harness holds every answer of the server to it.

mod document;

use std::collections::BTreeSet;

use serde_json::Value;
use syn::visit::Visit;

pub use document::{Answered, Body, Operation, Parameter, contract, record_met, root};

/// Method and path of every `.route("…", get(…).post(…))` in the server.
#[derive(Default)]
struct Routes(BTreeSet<(String, String)>);

impl<'ast> Visit<'ast> for Routes {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method == "route" && call.args.len() == 2 {
            let syn::Expr::Lit(syn::ExprLit {
                lit: syn::Lit::Str(path),
                ..
            }) = &call.args[0]
            else {
                panic!("a route whose path is no literal: the contract can't be held to it");
            };
            for method in methods(&call.args[1]) {
                self.0.insert((method, path.value()));
            }
        }
        syn::visit::visit_expr_method_call(self, call);
    }
}

/// The methods of a route: `get(a).post(b)` has two.
fn methods(expression: &syn::Expr) -> Vec<String> {
    match expression {
        syn::Expr::Call(call) => match &*call.func {
            syn::Expr::Path(path) => path
                .path
                .segments
                .last()
                .map(|s| s.ident.to_string().to_uppercase())
                .into_iter()
                .collect(),
            _ => vec![],
        },
        syn::Expr::MethodCall(call) => {
            let mut all = methods(&call.receiver);
            all.push(call.method.to_string().to_uppercase());
            all.retain(|name| ["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&name.as_str()));
            all
        }
        _ => vec![],
    }
}

fn routes() -> BTreeSet<(String, String)> {
    let mut routes = Routes::default();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file");
                routes.visit_file(&syn::parse_file(&text).expect("Rust"));
            }
        }
    }
    // Styles, scripts and the metrics, which have a port of their own, are no part of the contract.
    routes
        .0
        .retain(|(_, path)| !path.starts_with("/assets/") && path != "/metrics");
    routes.0
}

#[test]
fn every_route_is_in_the_contract_and_every_operation_has_a_route() {
    let written: BTreeSet<_> = contract()
        .operations
        .iter()
        .map(|o| (o.method.clone(), o.path.clone()))
        .collect();
    let routed = routes();
    let undocumented: Vec<_> = routed.difference(&written).collect();
    let unrouted: Vec<_> = written.difference(&routed).collect();
    assert!(
        undocumented.is_empty(),
        "not in openapi.yaml: {undocumented:?}"
    );
    assert!(unrouted.is_empty(), "no route answers: {unrouted:?}");
}

/// All `$ref`s into the schemas below a value, in turn.
fn reachable(from: &Value, found: &mut BTreeSet<String>) {
    match from {
        Value::Object(map) => {
            if let Some(name) = map.get("$ref").and_then(Value::as_str)
                && found.insert(name.to_owned())
            {
                let target = contract().document.pointer(name.trim_start_matches('#'));
                reachable(target.expect("it leads somewhere"), found);
            }
            map.values().for_each(|value| reachable(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| reachable(value, found)),
        _ => {}
    }
}

/// Objects of a schema, the inner ones too, that leave a property out of `required` or let unknown ones in.
fn open_objects(at: &str, schema: &Value, faults: &mut Vec<String>) {
    if let Some(properties) = schema["properties"].as_object() {
        let required: BTreeSet<&str> = schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let all: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        if required != all {
            faults.push(format!(
                "{at}: required is {required:?}, the properties are {all:?}"
            ));
        }
        if schema["unevaluatedProperties"] != false {
            faults.push(format!("{at}: lacks unevaluatedProperties: false"));
        }
    }
    match schema {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| open_objects(&format!("{at}/{key}"), value, faults)),
        Value::Array(list) => list
            .iter()
            .for_each(|value| open_objects(at, value, faults)),
        _ => {}
    }
}

#[test]
fn every_response_object_requires_all_its_properties_and_lets_no_other_in() {
    let mut found = BTreeSet::new();
    let mut faults = vec![];
    for operation in &contract().operations {
        reachable(&operation.item["responses"], &mut found);
        open_objects(&operation.id, &operation.item["responses"], &mut faults);
    }
    for name in found
        .iter()
        .filter(|name| name.starts_with("#/components/schemas/"))
    {
        let schema = contract()
            .document
            .pointer(&name[1..])
            .expect("it leads somewhere");
        open_objects(name, schema, &mut faults);
    }
    assert!(found.len() > 30, "the walk found only {found:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_object_that_is_not_closed_is_found() {
    let mut faults = vec![];
    let schema = serde_json::json!({ "items": { "properties": { "a": {} }, "required": [] } });
    open_objects("x", &schema, &mut faults);
    assert_eq!(faults.len(), 2, "{faults:?}");
}

#[test]
fn every_example_holds_to_its_schema() {
    let mut checked = 0;
    let mut faults = vec![];
    let mut pending = vec![(String::new(), contract().document)];
    while let Some((at, value)) = pending.pop() {
        if let Some(map) = value.as_object() {
            if map.contains_key("schema") {
                let mut examples: Vec<&Value> = map.get("example").into_iter().collect();
                for example in map
                    .get("examples")
                    .and_then(Value::as_object)
                    .into_iter()
                    .flat_map(|all| all.values())
                {
                    let named = example["$ref"]
                        .as_str()
                        .and_then(|name| contract().document.pointer(&name[1..]));
                    examples.push(&named.unwrap_or(example)["value"]);
                }
                for example in examples {
                    checked += 1;
                    if let Err(fault) = contract().check_value(&format!("{at}/schema"), example) {
                        faults.push(format!("{at}: {fault}"));
                    }
                }
            }
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                pending.push((format!("{at}/{key}"), inner));
            }
        }
    }
    assert!(checked > 50, "only {checked} examples were found");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The step `coverage` of `./test`: reads what the step `sqlite` has left behind.
#[test]
#[ignore = "it judges a whole run of the others, and so comes after them: ./test sqlite coverage"]
fn the_suite_has_met_every_operation_and_status() {
    let folder = document::met_folder();
    let seen: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}; run ./test sqlite first", folder.display()))
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let missed: Vec<String> = contract()
        .operations
        .iter()
        .flat_map(|o| {
            o.item["responses"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(s, _)| format!("{}.{s}", o.id))
        })
        .filter(|pair| !seen.contains(pair))
        .collect();
    assert!(
        missed.is_empty(),
        "{} of operation.status were never met:\n{}",
        missed.len(),
        missed.join("\n")
    );
}
