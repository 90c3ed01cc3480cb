//! Bad input of every kind, to every operation: each is refused by name, and nothing is half written.

use super::fixture::{Fixture, Who, encoded, id_prefix};
use super::invalid_values::{self, What};
use crate::contract::{Body, Operation, Parameter, contract};
use crate::harness::{Answer, TestApp};

/// The bytes that a body may have, as the contract says.
const LIMIT: usize = 64 * 1024;

/// The operations that take a body with fields from a caller. Stripe's events are signed bytes, and files are plain ones; tests
/// of their own try those.
fn with_body() -> impl Iterator<Item = (&'static Operation, &'static Body)> {
    let all = contract().operations.iter();
    all.filter(|o| !o.parameters.iter().any(|p| p.name == "Stripe-Signature"))
        .filter_map(|o| Some((o, o.body.as_ref()?)))
        .filter(|(_, body)| !body.example.is_string())
}

/// Sends these bytes to an operation as an admin, who is refused for nothing but the input.
async fn send(fixture: &Fixture, operation: &Operation, kind: &str, bytes: Vec<u8>) -> Answer {
    let call = fixture
        .app
        .call(&operation.method, fixture.path(operation, None, &[]));
    fixture
        .by(Who::Admin, call.content(kind, bytes), operation)
        .await
        .await
}

/// Says what is wrong with an answer that should name a field.
fn names(answer: &Answer, param: &str) -> Option<String> {
    let right =
        answer.status_and_code() == (422, "invalid_request") && answer.body["param"] == param;
    (!right).then(|| {
        format!(
            "should be 422 naming {param}: {} {}",
            answer.status, answer.text
        )
    })
}

#[tokio::test]
async fn a_body_of_the_wrong_type_size_or_syntax_is_refused() {
    let fixture = Fixture::new().await;
    let before = fixture.rows().await;
    for (operation, body) in with_body() {
        let kind = body.content_type.as_str();
        let is_json = kind == "application/json";
        let good = encoded(kind, &body.example);
        let at_limit = [b"{".to_vec(), vec![b' '; LIMIT - 1]].concat();
        let over = [at_limit.clone(), b" ".to_vec()].concat();
        let other = if is_json {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        };
        let mut tries = vec![
            (kind, over, 413, "payload_too_large"),
            ("text/plain", good.clone(), 415, "unsupported_media_type"),
            (other, good.clone(), 415, "unsupported_media_type"),
        ];
        if is_json {
            let broken: [&[u8]; 5] = [b"", b"{", b"nonsense", b"{\"a\": \"\xff\"}", b"{'a': 1}"];
            let broken = broken.into_iter().map(<[u8]>::to_vec);
            let trailing = [good.clone(), b"}".to_vec()].concat();
            for bytes in broken.chain([trailing, at_limit]) {
                tries.push((kind, bytes, 400, "malformed_json"));
            }
        }
        for (kind, bytes, status, code) in tries {
            println!("sent as {kind}");
            let answer = send(&fixture, operation, kind, bytes).await;
            answer.refused(status, code);
        }
    }
    assert_eq!(fixture.rows().await, before, "something was written");
}

#[tokio::test]
async fn a_missing_body_is_an_empty_object_and_a_body_without_a_type_is_refused() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let product = app.product(&shop, 2500, None).await;
    let checkout = app.checkout(&product).await;
    let path = format!("/v1/checkout_sessions/{}/verify", checkout.id);
    let verified = app.call("POST", &path).expect(200).await;
    assert_eq!(verified["status"], "pending");
    app.call("POST", "/v1/products")
        .by(&shop.owner)
        .refuses_field("seller_id")
        .await;
    let untyped = reqwest::Client::new()
        .post(format!("{}{path}", app.base))
        .body("{}");
    assert_eq!(untyped.send().await.expect("an answer").status(), 415);
}

#[tokio::test]
async fn every_field_that_is_wrong_unknown_or_missing_is_named() {
    let fixture = Fixture::new().await;
    let (mut faults, mut tried) = (vec![], 0);
    for (operation, kind) in with_body() {
        let good = fixture.body(operation).await;
        let before = fixture.rows().await;
        for wrong in invalid_values::all(&kind.schema, &good, "") {
            // A form has texts only, and the page that it is sent to answers what is in them.
            if kind.content_type != "application/json" && wrong.what != What::Field {
                continue;
            }
            tried += 1;
            let bytes = encoded(&kind.content_type, &wrong.body);
            let answer = send(&fixture, operation, &kind.content_type, bytes).await;
            let param = if wrong.param.is_empty() {
                "body"
            } else {
                wrong.param.as_str()
            };
            if wrong.what == What::Id && answer.status == 404 && answer.body["param"] == param {
                continue;
            }
            let fault = names(&answer, param);
            faults.extend(fault.map(|fault| format!("{} {}: {fault}", operation.id, wrong.body)));
        }
        if fixture.rows().await != before {
            faults.push(format!("{}: something was written", operation.id));
        }
    }
    assert!(
        faults.is_empty(),
        "{} of {tried}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert!(tried > 500, "only {tried} were tried");
}

/// Values that a parameter can't have.
fn nonsense(parameter: &Parameter) -> Vec<String> {
    let schema = &parameter.schema;
    let mut values = vec!["a\0b".to_owned()];
    let number = |name: &str| schema[name].as_i64();
    values.extend(number("minimum").map(|n| (n - 1).to_string()));
    values.extend(number("maximum").map(|n| (n + 1).to_string()));
    // An id that names nothing is not wrong in itself.
    if id_prefix(schema).is_none() {
        values.extend(["", "not it!", "1.5", "NONSENSE"].map(str::to_owned));
    }
    values
}

#[tokio::test]
async fn every_query_parameter_that_is_wrong_unknown_missing_or_given_twice_is_named() {
    let fixture = Fixture::new().await;
    let mut faults = vec![];
    // Others append their own names to a page's address, so pages pass them over.
    let lists = contract().operations.iter().filter(|o| !o.is_page());
    for operation in lists.filter(|o| o.parameters_in("query").count() > 0) {
        let mut tries = vec![(
            fixture.path(operation, None, &[("colour", "red")]),
            "colour",
        )];
        for parameter in operation.parameters_in("query") {
            let name = parameter.name.as_str();
            let good = fixture.good(operation, parameter);
            tries.push((
                fixture.path(operation, None, &[(name, &good), (name, &good)]),
                name,
            ));
            for value in nonsense(parameter) {
                tries.push((fixture.path(operation, None, &[(name, &value)]), name));
            }
            if parameter.required {
                let bare = fixture.path(operation, None, &[]);
                tries.push((bare.split('?').next().unwrap_or_default().to_owned(), name));
            }
        }
        // Paging is as unknown as anything else where nothing is paged.
        let unknown = ["limit", "starting_after", "ending_before"];
        for name in unknown
            .into_iter()
            .filter(|name| !operation.parameters.iter().any(|p| p.name == *name))
        {
            tries.push((fixture.path(operation, None, &[(name, "1")]), name));
        }
        for (path, param) in tries {
            let call = fixture.app.call(&operation.method, &path);
            let answer = fixture.by(Who::Admin, call, operation).await.await;
            faults.extend(names(&answer, param).map(|fault| format!("{path}: {fault}")));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn a_header_that_the_contract_bounds_is_held_to_it() {
    let fixture = Fixture::new().await;
    let before = fixture.rows().await;
    let mut tried = 0;
    for (operation, _) in with_body() {
        for header in operation.parameters_in("header") {
            let most = header.schema["maxLength"]
                .as_u64()
                .and_then(|n| usize::try_from(n).ok());
            for value in [String::new(), "x".repeat(most.expect("a bound") + 1)] {
                let body = fixture.body(operation).await;
                let call = fixture.request(operation, &fixture.path(operation, None, &[]), &body);
                let call = fixture.by(Who::Admin, call, operation).await;
                let answer = call.header(&header.name, &value).await;
                assert_eq!(names(&answer, &header.name), None, "{}", operation.id);
                tried += 1;
            }
        }
    }
    assert!(tried >= 10, "only {tried} were tried");
    assert_eq!(fixture.rows().await, before, "something was written");
}

#[tokio::test]
async fn an_id_that_names_nothing_is_not_found_however_it_is_written() {
    let fixture = Fixture::new().await;
    let before = fixture.rows().await;
    let mut tried = 0;
    for operation in &contract().operations {
        let Some(id) = operation.parameters_in("path").next() else {
            continue;
        };
        let prefix = id_prefix(&id.schema).expect("an id");
        let unknown = format!("{prefix}_00000000000000000000000000");
        let long = format!("{prefix}_{}", "0".repeat(2000));
        let ours = fixture.thing(&id.schema).expect("one of ours");
        let (upper, spaced) = (ours.to_uppercase(), format!("{ours}%20"));
        let odd = [
            "nonsense",
            "%00",
            "%FF",
            "%2e%2e%2fhealthz",
            "'%20OR%201=1--",
        ];
        let own = [&unknown, &long, &upper, &spaced].map(String::as_str);
        for id in own.into_iter().chain(odd) {
            let path = fixture.path(operation, Some(id), &[]);
            let body = fixture.body(operation).await;
            let call = fixture.request(operation, &path, &body);
            let answer = fixture.by(Who::Admin, call, operation).await.await;
            answer.refused(404, "not_found");
            tried += 1;
        }
    }
    assert!(tried > 100, "only {tried} were tried");
    assert_eq!(fixture.rows().await, before, "something was written");
}
