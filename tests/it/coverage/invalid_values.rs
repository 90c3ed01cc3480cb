//! Wrong bodies, made from a schema and a good one.

use serde_json::{Map, Value, json};

use super::fixture::id_prefix;

/// A body with one thing wrong in it.
pub struct Wrong {
    pub body: Value,
    /// The path of what is wrong, such as `lines[0].quantity`; empty for the body itself.
    pub param: String,
    pub what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A field that nobody knows, or one that is missing.
    Field,
    /// A value of another type.
    Type,
    /// A value of the right type that the schema forbids.
    Bound,
    /// The same for an id: one that nothing has may be answered with 404, too.
    Id,
}

fn wrong(body: Value, param: &str, what: What) -> Wrong {
    Wrong {
        body,
        param: param.to_owned(),
        what,
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

/// Every wrong type, unknown field, missing field and value out of bounds, each alone.
pub fn all(schema: &Value, good: &Value, at: &str) -> Vec<Wrong> {
    let mut all = types(schema, good, at);
    all.extend(bounds(schema, good, at));
    if let Some(properties) = schema["properties"].as_object() {
        all.extend(fields(schema, properties, good, at));
    } else if schema["type"] == "object" && schema["additionalProperties"] == false {
        all.push(wrong(
            json!({ "colour": "red" }),
            &join(at, "colour"),
            What::Field,
        ));
    }
    if schema["additionalProperties"].is_object() {
        let inner = self::all(
            &schema["additionalProperties"],
            &json!("x"),
            &join(at, "key"),
        );
        all.extend(inner.into_iter().map(|inner| Wrong {
            body: json!({ "key": inner.body }),
            ..inner
        }));
    }
    if schema["items"].is_object() {
        let inner = self::all(&schema["items"], &good[0], &format!("{at}[0]"));
        all.extend(inner.into_iter().map(|inner| Wrong {
            body: json!([inner.body]),
            ..inner
        }));
    }
    all
}

/// Values of the types that it isn't.
fn types(schema: &Value, good: &Value, at: &str) -> Vec<Wrong> {
    let allows = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|one| one == kind),
        one => one == kind,
    };
    let mut candidates = vec![
        ("null", json!(null)),
        ("boolean", json!(true)),
        ("integer", json!(7)),
        ("number", json!(1.5)),
        ("string", json!("7")),
        ("array", json!([])),
        ("array", json!([7])),
        ("object", json!({})),
    ];
    // The values alone, without their names.
    if let Some(fields) = good.as_object() {
        candidates.push(("array", fields.values().cloned().collect()));
    }
    let others = candidates.into_iter().filter(|(kind, _)| !allows(kind));
    others
        .map(|(_, value)| wrong(value, at, What::Type))
        .collect()
}

/// An object with one field wrong, unknown or missing.
fn fields(schema: &Value, properties: &Map<String, Value>, good: &Value, at: &str) -> Vec<Wrong> {
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let mut all = vec![wrong(
        with("colour", json!("red")),
        &join(at, "colour"),
        What::Field,
    )];
    for (name, property) in properties {
        // One of several ways, each of which excludes the others: those need a good body of their own.
        let is_other_way = schema["oneOf"].is_array()
            && good[name].is_null()
            && schema["oneOf"].to_string().contains(&format!("\"{name}\""));
        let nested = self::all(property, &good[name], &join(at, name));
        let usable = nested
            .into_iter()
            .filter(|inner| !is_other_way || inner.what == What::Type);
        all.extend(usable.map(|inner| Wrong {
            body: with(name, inner.body),
            ..inner
        }));
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        // Null where the example leaves an object out that needn't be there.
        let mut body = good.as_object().cloned().unwrap_or_default();
        body.remove(name);
        all.push(wrong(body.into(), &join(at, name), What::Field));
    }
    all
}

/// Values of the right type that the schema forbids.
fn bounds(schema: &Value, good: &Value, at: &str) -> Vec<Wrong> {
    let number = |name: &str| schema[name].as_i64();
    let times = |n: i64| "x".repeat(usize::try_from(n).expect("a length"));
    let mut values = vec![];
    values.extend(number("minLength").map(|n| json!(times(n - 1))));
    values.extend(number("maxLength").map(|n| json!(times(n + 1))));
    values.extend(number("minimum").map(|n| json!(n - 1)));
    values.extend(number("maximum").map(|n| json!(n + 1)));
    values.extend(number("minItems").map(|_| json!([])));
    let item = match (&good[0], schema["items"]["type"] == "string") {
        (Value::Null, true) => json!("x"),
        (item, _) => item.clone(),
    };
    values.extend(number("maxItems").map(|n| (0..=n).map(|_| item.clone()).collect()));
    values.extend(number("maxProperties").map(|n| {
        let many = (0..=n).map(|n| (format!("key{n}"), json!("x")));
        Value::Object(many.collect())
    }));
    if !schema["not"]["const"].is_null() {
        values.push(schema["not"]["const"].clone());
    }
    let formats = ["email", "date-time"].map(Value::from);
    if schema["enum"].is_array()
        || schema["pattern"].is_string()
        || formats.contains(&schema["format"])
    {
        values.push(json!("not it!"));
        values.push(json!(""));
    }
    let what = match id_prefix(schema) {
        Some(_) => What::Id,
        None => What::Bound,
    };
    let mut all: Vec<Wrong> = values
        .into_iter()
        .map(|body| wrong(body, at, what))
        .collect();
    if let Some(n) = schema["propertyNames"]["maxLength"].as_i64() {
        let name = times(n + 1);
        all.push(wrong(
            json!({ name.clone(): "x" }),
            &join(at, &name),
            What::Bound,
        ));
    }
    all
}
