//! What a JSON value has, said as JSON.

use std::panic::catch_unwind;

use serde_json::{Value, json};

/// Says what a value has, and leaves open what else it has.
pub trait Has {
    /// Fails unless this has all of `expected`: an object at least these fields, a list as many elements, and each field
    /// and element has what is expected of it. Everything else is equal. A field that should be null is there.
    #[track_caller]
    fn has(&self, expected: Value);
}

impl Has for Value {
    #[track_caller]
    fn has(&self, expected: Value) {
        let faults = faults("", self, &expected);
        assert!(faults.is_empty(), "{}\nin {self:#}", faults.join("\n"));
    }
}

impl Has for [Value] {
    #[track_caller]
    fn has(&self, expected: Value) {
        Value::from(self).has(expected);
    }
}

/// A line for each place at which there is something else than expected.
fn faults(path: &str, actual: &Value, expected: &Value) -> Vec<String> {
    match (actual, expected) {
        (Value::Object(actual), Value::Object(expected)) => {
            let of_field = |(name, expected): (&String, &Value)| {
                let path = format!("{path}.{name}");
                match actual.get(name) {
                    Some(actual) => faults(&path, actual, expected),
                    None => vec![format!("{path} is missing, not {expected}")],
                }
            };
            expected.iter().flat_map(of_field).collect()
        }
        (Value::Array(actual), Value::Array(expected)) if actual.len() == expected.len() => {
            let pairs = actual.iter().zip(expected).enumerate();
            pairs
                .flat_map(|(at, (actual, expected))| {
                    faults(&format!("{path}[{at}]"), actual, expected)
                })
                .collect()
        }
        _ if actual == expected => vec![],
        _ => {
            let place = if path.is_empty() { "the value" } else { path };
            vec![format!("{place} is {actual}, not {expected}")]
        }
    }
}

#[track_caller]
fn fails(actual: &Value, expected: Value, message: &str) {
    let failed = catch_unwind(|| actual.has(expected)).expect_err("it has not what is expected");
    let failed = *failed.downcast::<String>().expect("a message");
    let (said, whole) = failed.split_once("\nin ").expect("the whole value");
    assert_eq!(said, message);
    assert_eq!(whole.parse::<Value>().expect("JSON"), *actual);
}

#[test]
fn a_value_has_what_is_expected_whatever_else_it_has() {
    let order = json!({
        "status": "paid", "total": 2500, "note": null, "lines": [{ "name": "Lamp", "quantity": 1 }, { "name": "Rug" }],
        "buyer": { "id": "usr_1", "name": "Mira" }, "tags": [],
    });
    order.has(json!({}));
    order.has(json!({ "status": "paid", "total": 2500, "note": null, "tags": [] }));
    order.has(json!({ "buyer": { "id": "usr_1" }, "lines": [{ "quantity": 1 }, {}] }));
    order.has(order.clone());
    json!(7).has(json!(7));
    [json!({ "a": 1, "b": 2 })].has(json!([{ "b": 2 }]));
}

#[test]
fn another_value_fails_with_its_place_and_both_values() {
    let order = json!({ "status": "paid", "lines": [{ "quantity": 1 }, { "quantity": 2 }] });
    fails(
        &order,
        json!({ "status": "refunded" }),
        r#".status is "paid", not "refunded""#,
    );
    fails(
        &order,
        json!({ "lines": [{ "quantity": 1 }, { "quantity": 3 }] }),
        ".lines[1].quantity is 2, not 3",
    );
    fails(&json!(1), json!(2), "the value is 1, not 2");
    fails(&json!(1), json!("1"), r#"the value is 1, not "1""#);
    fails(&json!({ "a": 1 }), json!({ "a": {} }), ".a is 1, not {}");
    fails(
        &json!({ "a": {} }),
        json!({ "a": null }),
        ".a is {}, not null",
    );
    fails(
        &json!({ "a": 1, "b": 2 }),
        json!({ "a": 2, "b": 1 }),
        ".a is 1, not 2\n.b is 2, not 1",
    );
}

#[test]
fn a_list_of_another_length_or_order_fails() {
    let list = json!([1, 2]);
    fails(&list, json!([1]), "the value is [1,2], not [1]");
    fails(&list, json!([]), "the value is [1,2], not []");
    fails(&list, json!([1, 2, 3]), "the value is [1,2], not [1,2,3]");
    fails(&list, json!([2, 1]), "[0] is 1, not 2\n[1] is 2, not 1");
}

#[test]
fn a_field_that_is_missing_fails_even_where_null_is_expected() {
    let order = json!({ "buyer": {} });
    fails(&order, json!({ "id": 7 }), ".id is missing, not 7");
    fails(
        &order,
        json!({ "buyer": { "id": null } }),
        ".buyer.id is missing, not null",
    );
}
