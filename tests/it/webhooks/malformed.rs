//! Correctly signed bodies that Stripe never sent, or hasn't yet. A body with an id is kept, whatever else it is; the rest
//! is refused by name. Nothing is acknowledged and then lost, and neither the server nor the database fails.

use serde_json::json;
use souk::webhooks::replay::replay;

use crate::harness::{Answer, Endpoint, TestApp, event, lines_of, text};

/// Bytes that a delivery may have.
const LIMIT: usize = 512 * 1024;
const DEEP: usize = 100_000;

/// The answer, and the row in the inbox.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// 200 and a row in this state, of this type.
    Kept(&'static str, &'static str),
    /// 400, or 413, with this code, and no row.
    Refused(&'static str),
}
use Outcome::{Kept, Refused};

/// A kind of body, and its outcomes at the platform's endpoint and at the Connect endpoint.
struct Case {
    what: &'static str,
    /// `$id` is an id of its own, `$who` the account: null at the platform's endpoint.
    body: String,
    outcome: (Outcome, Outcome),
}

const MALFORMED: Outcome = Refused("malformed_event");
const STORED: Outcome = Kept("ignored", "a.b");
const SESSION: &str = "checkout.session.completed";

fn both(outcome: Outcome) -> (Outcome, Outcome) {
    (outcome, outcome)
}

/// Characters that no database compresses well.
fn noise(length: usize) -> String {
    let mut seed = 17_u32;
    let mut next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b"0123456789abcdefghijklmnopqrstuvwxyz"[(seed >> 16) as usize % 36])
    };
    (0..length).map(|_| next()).collect()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

/// An event of no effect with more fields, of which the last of a name counts.
fn with(more: &str) -> String {
    format!(r#"{{"id":"$id","type":"a.b","account":$who,"livemode":false,{more}}}"#)
}

fn named(id: &str) -> String {
    format!(r#"{{"id":"{id}","type":"a.b","account":$who}}"#)
}

/// An event of this type and object.
fn of(kind: &str, object: &str) -> String {
    with(&format!(r#""type":"{kind}","data":{{"object":{object}}}"#))
}

fn session(object: &str) -> String {
    of(SESSION, object)
}

/// Marks that are filled up to so many bytes.
const FULL: [(&str, usize); 2] = [("$full", LIMIT), ("$over", LIMIT + 1)];

fn padded(mark: &str) -> String {
    with(&format!(r#""pad":"{mark}""#))
}

impl Case {
    fn body(&self, id: &str, who: &str) -> String {
        let mut body = self.body.replace("$id", id).replace("$who", who);
        for (mark, size) in FULL {
            if body.contains(mark) {
                body = body.replace(mark, &noise(size + mark.len() - body.len()));
            }
        }
        body
    }
}

fn malformed() -> Vec<(&'static str, String)> {
    vec![
        ("nothing", String::new()),
        ("null", "null".to_owned()),
        ("a list", r#"[{"id": "$id"}]"#.to_owned()),
        ("a list nested 100,000 deep", nested(DEEP)),
        ("no id", r#"{"type": "a.b"}"#.to_owned()),
        ("an id that is null", r#"{"id": null}"#.to_owned()),
        ("an id that is a number", r#"{"id": 7}"#.to_owned()),
        (
            "an id that is an object",
            r#"{"id": {"id": "$id"}}"#.to_owned(),
        ),
        (
            "an id nested 100,000 deep",
            format!(r#"{{"id":{}}}"#, nested(DEEP)),
        ),
        ("an empty id", named("")),
        ("an id with half a surrogate pair", named("evt_\\ud800")),
        ("an id of 256 characters", named(&noise(256))),
        ("an id of 100,000 characters", named(&noise(DEEP))),
        ("an id and then none", with(r#""id":null"#)),
        ("cut short", r#"{"id": "$id", "type": "a"#.to_owned()),
        ("something behind it", with(r#""x":1"#) + " {}"),
        ("a byte order mark", format!("\u{feff}{}", named("$id"))),
        ("a NUL as it is", with("\"x\":\"\0\"")),
        ("a number that is none", with(r#""created":01"#)),
        (
            "brackets that never close",
            with(&format!(r#""x":{}"#, "[".repeat(DEEP))),
        ),
    ]
}

/// Kept at both endpoints, as of a type that has no effect.
fn stored() -> Vec<(&'static str, String)> {
    let (deep, long) = (nested(DEEP), noise(DEEP));
    let mut stored = vec![
        ("an id of 255 characters", named(&noise(255))),
        ("an id with a NUL", named("$id\\u0000")),
        (
            "NULs",
            with(r#""api_version":"\u0000","data":{"object":{"id":"\u0000"}}"#),
        ),
        (
            "half surrogate pairs",
            with(r#""api_version":"\ud800","data":{"object":{"id":"\udc00"}}"#),
        ),
        (
            "a name that is half a surrogate pair",
            with(r#""\ud800":1,"data":{"\udc00":1,"object":{"\ud800":1}}"#),
        ),
        (
            "nesting outside of the object",
            with(&format!(r#""x":{deep},"api_version":{deep}"#)),
        ),
        (
            "nesting inside of the object",
            with(&format!(r#""data":{{"object":{deep}}}"#)),
        ),
        (
            "a long api_version",
            with(&format!(r#""api_version":"{}""#, noise(400_000))),
        ),
        (
            "an object's long id",
            with(&format!(r#""data":{{"object":{{"id":"{long}"}}}}"#)),
        ),
        ("data that is a list", with(r#""data":[]"#)),
        (
            "twice data",
            with(r#""data":{"object":{"id":"a"}},"data":null"#),
        ),
        (
            "twice the same id and type",
            format!(r#"{{"id":"evt_x","type":"x",{}"#, &with(r#""x":1"#)[1..]),
        ),
        ("512 KiB", padded("$full")),
    ];
    for at in [
        "1e400",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "253402300800",
        "1.5",
        r#""soon""#,
        "{}",
    ] {
        stored.push(("a time that is none", with(&format!(r#""created":{at}"#))));
    }
    for mode in [r#""true""#, "1", "null", "[]"] {
        stored.push((
            "a mode that is none",
            with(&format!(r#""livemode":{mode}"#)),
        ));
    }
    stored
}

/// Sessions that say nothing we understand.
fn sessions() -> Vec<(&'static str, String)> {
    let (deep, long) = (nested(DEEP), noise(DEEP));
    let mut sessions = vec![
        (
            "80,000 objects",
            session(&format!(
                "{}1{}",
                r#"{"a":"#.repeat(80_000),
                "}".repeat(80_000)
            )),
        ),
        (
            "twice the same field",
            session(r#"{"id":"cs_1","id":"cs_2","status":"open"}"#),
        ),
        (
            "a list of its fields",
            session(r#"["cs_1","complete","paid",false,"usd",1,1,null,null,null,1,null]"#),
        ),
    ];
    for object in ["null", "7", "[]", "{}", r#"{"id":7,"status":["complete"]}"#] {
        sessions.push(("a session of another shape", session(object)));
    }
    for id in [&long, "cs_\\u0000", "\\ud800", ""] {
        sessions.push((
            "an id that is none",
            session(&format!(r#"{{"id":"{id}","status":"complete"}}"#)),
        ));
    }
    for name in ["a\\u0000b", &long, "\\ud800"] {
        let object = format!(r#"{{"id":"cs_1","metadata":{{"{name}":7}}}}"#);
        sessions.push(("metadata of an odd name that is no text", session(&object)));
    }
    for (field, value) in [
        ("metadata", r#"{"souk_payment":"\ud800"}"#),
        ("amount_total", "1e400"),
        ("amount_total", "0.5"),
        ("expires_at", "9223372036854775808"),
        ("metadata", &deep),
        ("amount_total", &deep),
        (
            "payment_intent",
            &format!(r#"{{"id":"pi_1","last_payment_error":{deep}}}"#),
        ),
    ] {
        let object = format!(r#"{{"id":"cs_1","status":"complete","{field}":{value}}}"#);
        sessions.push(("a field that can't be read", session(&object)));
    }
    sessions
}

/// Events of an unknown type, and events whose account is none or is there twice.
fn types_and_accounts() -> Vec<Case> {
    let mut cases = vec![];
    let mut add = |what, body, outcome| {
        cases.push(Case {
            what,
            body,
            outcome,
        })
    };
    for (json, kind) in [
        ("null", ""),
        ("7", ""),
        (r#""\ud800""#, ""),
        (r#""moon.landed""#, "moon.landed"),
        (r#""a\u0000b""#, "a\u{fffd}b"),
    ] {
        let body = with(&format!(r#""type":{json}"#));
        add("an unknown type", body, both(Kept("ignored", kind)));
    }
    for account in [
        r#""""#,
        "null",
        "7",
        r#"{"id":"acct_1"}"#,
        r#"["acct_1"]"#,
        r#""\ud800""#,
        &nested(DEEP),
    ] {
        let body = with(&format!(r#""account":"acct_1","account":{account}"#));
        let outcome = (STORED, Refused("account_required"));
        add("an account that is none", body, outcome);
    }
    for account in ["acct_1", "acct_\\u0000", &noise(DEEP)] {
        let body = with(&format!(r#""account":null,"account":"{account}""#));
        let outcome = (Refused("account_not_allowed"), STORED);
        add("an account, last", body, outcome);
    }
    cases
}

/// Events of a known type about an object that isn't ours, or has another shape.
fn foreign_objects() -> Vec<Case> {
    let mut cases = vec![];
    let mut add = |what, body, outcome| {
        cases.push(Case {
            what,
            body,
            outcome,
        })
    };
    let paid = r#""id":"cs_1","status":"complete","payment_status":"paid""#;
    for more in [
        String::new(),
        format!(r#","moon":{}"#, nested(DEEP)),
        format!(r#","metadata":{{"souk_payment":"a\u0000{}"}}"#, noise(DEEP)),
    ] {
        let body = session(&format!("{{{paid}{more}}}"));
        add(
            "a session of nobody's",
            body,
            both(Kept("ignored", SESSION)),
        );
    }
    for (kind, object) in [
        ("refund.created", r#"{"id":"re_1","amount":"5"}"#),
        ("refund.updated", "null"),
        ("charge.refunded", r#"{"payment_intent":7}"#),
    ] {
        let outcome = (Kept("ignored", kind), Kept("failed", kind));
        add("another shape", of(kind, object), outcome);
    }
    for (kind, object) in [
        ("account.updated", "[]"),
        (
            "account.updated",
            r#"{"metadata":{"souk_seller":"\u0000"}}"#,
        ),
        ("account.application.deauthorized", "7"),
        ("payout.paid", r#"{"id":"po_1","amount":"much"}"#),
        ("payout.failed", "null"),
    ] {
        let outcome = both(Kept("ignored", kind));
        add("of nobody of ours", of(kind, object), outcome);
    }
    cases
}

fn cases() -> Vec<Case> {
    let all = |bodies: Vec<(&'static str, String)>, outcome: (Outcome, Outcome)| {
        let case = move |(what, body)| Case {
            what,
            body,
            outcome,
        };
        bodies.into_iter().map(case).collect::<Vec<_>>()
    };
    let too_large = vec![("512 KiB and a byte", padded("$over"))];
    // None of the platform's own sessions is ours.
    let unreadable = (Kept("ignored", SESSION), Kept("failed", SESSION));
    [
        all(malformed(), both(MALFORMED)),
        all(stored(), both(STORED)),
        all(too_large, both(Refused("payload_too_large"))),
        all(sessions(), unreadable),
        types_and_accounts(),
        foreign_objects(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signed_body_with_an_id_is_kept_and_the_rest_is_refused_by_name() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let mut wrong = vec![];
    for (endpoint, who) in [
        (Endpoint::Platform, "null"),
        (Endpoint::Connect, "\"acct_1\""),
    ] {
        for (n, case) in cases().into_iter().enumerate() {
            let body = case.body(&format!("evt_{n}"), who);
            let (platform, connect) = case.outcome;
            let expected = if endpoint == Endpoint::Platform {
                platform
            } else {
                connect
            };
            let answer = deliver(&app, endpoint, body.as_bytes()).await;
            let outcome = match (answer.status, app.count("inbox_events").await) {
                (200, 1) => kept(&app, body.as_bytes()).await,
                (400 | 413, 0) => Err(answer.code().to_owned()),
                odd => Err(format!("{odd:?} {}", answer.text)),
            };
            let expected = match expected {
                Kept(state, kind) => Ok((state.to_owned(), kind.to_owned())),
                Refused(code) => Err(code.to_owned()),
            };
            if outcome != expected {
                wrong.push(format!("{} at {endpoint:?}: {outcome:.200?}", case.what));
            }
            if outcome.is_ok() && outcome == expected {
                let again = deliver(&app, endpoint, body.as_bytes()).await;
                assert_eq!(again.body["state"], "duplicate", "{}", case.what);
                // It can be looked at, and done again.
                app.get("/v1/admin/events").by(&admin).expect(200).await;
                let id = text(&answer.body, "id");
                replay(&app.app, "suite", &id, true).await.expect("replays");
            }
            app.sql("DELETE FROM inbox_events").await;
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[tokio::test]
async fn a_body_that_is_not_utf_8_is_refused() {
    let app = TestApp::start().await;
    for endpoint in [Endpoint::Platform, Endpoint::Connect] {
        for bytes in [
            b"\xff".as_slice(),
            b"\xc0\x80",
            b"\xed\xa0\x80",
            b"\xf5\x80\x80\x80",
            b"\xe2\x82",
        ] {
            for (before, after) in [
                (r#"{"id":"evt_1","x":""#, r#""}"#),
                (r#"{"id":"evt_1"#, r#""}"#),
                ("", r#"{"id":"evt_1"}"#),
            ] {
                let body = [before.as_bytes(), bytes, after.as_bytes()].concat();
                let answer = deliver(&app, endpoint, &body).await;
                answer.refused(400, "malformed_event");
            }
        }
    }
    assert_eq!(app.count("inbox_events").await, 0);
}

async fn deliver(app: &TestApp, endpoint: Endpoint, body: &[u8]) -> Answer {
    let secret = match endpoint {
        Endpoint::Platform => &app.platform.secret,
        Endpoint::Connect => &app.connect.secret,
    };
    app.post_event(endpoint, body, secret, app.now()).await
}

/// State and type of the one event in the inbox, or what is wrong with it.
async fn kept(app: &TestApp, body: &[u8]) -> Result<(String, String), String> {
    let ask = async |column: &str| -> String {
        let text = format!("SELECT COALESCE({column}, '') AS it FROM inbox_events");
        app.query(&text).await
    };
    if ask("payload").await.as_bytes() != body {
        return Err("it is not as it came".to_owned());
    }
    if ask("error").await.is_empty() {
        return Err("nothing says why it had no effect".to_owned());
    }
    Ok((ask("state").await, ask("kind").await))
}

#[tokio::test]
async fn an_event_that_would_wait_for_an_id_too_long_for_an_index_is_kept_as_failed() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(3)).await;
    let timeout = souk_simulator::FaultKind::TimeoutBeforeCommit;
    app.fault("POST", "/v1/checkout/sessions", timeout, None)
        .await;
    let body = json!({ "lines": lines_of(&[(&lamp, 1)]), "customer_email": "guest@example.com" });
    app.post("/v1/checkout_sessions", body)
        .refused(503, "stripe_unavailable")
        .await;
    let payment: String = app.query("SELECT id AS it FROM payments").await;
    let session = json!({ "id": noise(100_000), "metadata": { "souk_payment": payment } });
    assert_eq!(
        app.deliver(&event("evt_1", SESSION, &shop.account, session))
            .await,
        "failed"
    );
}

#[tokio::test]
async fn a_live_server_keeps_an_event_that_does_not_say_its_mode_and_changes_nothing() {
    let app = TestApp::with(&[("STRIPE_SECRET_KEY", "sk_live_suite")]).await;
    app.allow_unfinished_work();
    let mut odd = event("evt_1", "payout.paid", "acct_1", json!({ "id": "po_1" }));
    assert_eq!(app.deliver(&odd).await, "ignored");
    assert_eq!(app.count("inbox_events").await, 0, "it is a test event");
    odd["livemode"] = json!("true");
    assert_eq!(app.deliver(&odd).await, "failed");
    let why: String = app.query("SELECT error AS it FROM inbox_events").await;
    assert!(why.contains("neither"), "{why}");
}
