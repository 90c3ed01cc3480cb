//! Event destinations and the thin events that they get.

use serde_json::{Value, json};
use souk_simulator::sign;

use crate::support::{DAY, Receiver, Stripe};

const REQUIREMENTS: &str = "v2.core.account[requirements].updated";

async fn v2(s: &Stripe, method: &str, path: &str, body: Value) -> (u16, Value) {
    let answer = s.v2(method, path, &body, &[]).await;
    (answer.status, answer.body)
}

async fn good(s: &Stripe, method: &str, path: &str, body: Value) -> Value {
    let (status, body) = v2(s, method, path, body).await;
    assert_eq!(status, 200, "{method} {path}: {body}");
    body
}

fn wanted(url: &str, types: &[&str]) -> Value {
    json!({
        "name": "mine", "type": "webhook_endpoint", "event_payload": "thin", "events_from": ["@accounts"],
        "enabled_events": types, "webhook_endpoint": { "url": url },
        "include": ["webhook_endpoint.signing_secret", "webhook_endpoint.url"],
    })
}

const PATH: &str = "/v2/core/event_destinations";

async fn destination(s: &Stripe, url: &str, types: &[&str]) -> Value {
    good(s, "POST", PATH, wanted(url, types)).await
}

fn id(value: &Value) -> &str {
    value["id"].as_str().expect("an id")
}

#[tokio::test]
async fn the_secret_is_shown_at_creation_to_those_who_ask_and_never_again() {
    let s = Stripe::start().await;
    let made = destination(&s, "https://a.example/hook", &[REQUIREMENTS]).await;
    let secret = made["webhook_endpoint"]["signing_secret"].as_str();
    assert!(secret.is_some_and(|secret| secret.starts_with("whsec_")));
    assert_eq!(made["webhook_endpoint"]["url"], "https://a.example/hook");
    assert_eq!(
        (&made["status"], &made["snapshot_api_version"]),
        (&json!("enabled"), &Value::Null)
    );
    let path = format!("{PATH}/{}", id(&made));
    let plain = good(&s, "GET", &path, Value::Null).await;
    assert_eq!(plain["webhook_endpoint"], Value::Null);
    let asked = format!("{path}?include[0]=webhook_endpoint.url");
    let asked = good(&s, "GET", &asked, Value::Null).await;
    assert_eq!(
        asked["webhook_endpoint"],
        json!({ "signing_secret": null, "url": "https://a.example/hook" })
    );
    let mut quiet = wanted("https://a.example/hook", &[REQUIREMENTS]);
    quiet["include"] = json!([]);
    let quiet = good(&s, "POST", PATH, quiet).await;
    assert_eq!(quiet["webhook_endpoint"], Value::Null);
}

#[tokio::test]
async fn a_destination_has_one_payload_style_and_types_of_it_alone() {
    let s = Stripe::start().await;
    let refused = async |change: Value, param: &str| {
        let mut body = wanted("https://a.example/hook", &[REQUIREMENTS]);
        for (name, value) in change.as_object().expect("fields") {
            body[name] = value.clone();
        }
        let (status, body) = v2(&s, "POST", PATH, body).await;
        assert_eq!(
            (status, &body["error"]["param"]),
            (400, &json!(param)),
            "{body}"
        );
    };
    refused(
        json!({ "enabled_events": ["account.updated"] }),
        "enabled_events.0",
    )
    .await;
    refused(
        json!({ "enabled_events": [REQUIREMENTS, "v2.moon"] }),
        "enabled_events.1",
    )
    .await;
    refused(json!({ "enabled_events": [] }), "enabled_events").await;
    refused(json!({ "event_payload": "snapshot" }), "enabled_events.0").await;
    refused(
        json!({ "snapshot_api_version": "2026-09-30.endive" }),
        "snapshot_api_version",
    )
    .await;
    refused(json!({ "events_from": ["@everybody"] }), "events_from.0").await;
    refused(json!({ "type": "amazon_eventbridge" }), "type").await;
    refused(json!({ "webhook_endpoint": { "url": "ftp://a" } }), "url").await;
    let snapshots = json!({ "event_payload": "snapshot", "enabled_events": ["account.updated"] });
    let mut body = wanted("https://a.example/hook", &[]);
    for (name, value) in snapshots.as_object().expect("fields") {
        body[name] = value.clone();
    }
    let made = good(&s, "POST", PATH, body).await;
    assert_eq!(made["snapshot_api_version"], souk_simulator::API_VERSION);
}

#[tokio::test]
async fn what_can_be_changed_is_changed_in_place_and_the_rest_can_not() {
    let s = Stripe::start().await;
    let made = destination(&s, "https://a.example/hook", &[REQUIREMENTS]).await;
    let path = format!("{PATH}/{}", id(&made));
    let change = json!({
        "name": "ours", "description": "of accounts", "metadata": { "by": "us" },
        "enabled_events": ["v2.core.account.closed"], "webhook_endpoint": { "url": "https://b.example/hook" },
        "include": ["webhook_endpoint.url"],
    });
    let changed = good(&s, "POST", &path, change).await;
    assert_eq!(changed["enabled_events"], json!(["v2.core.account.closed"]));
    assert_eq!(changed["webhook_endpoint"]["url"], "https://b.example/hook");
    assert_eq!(
        (&changed["name"], &changed["metadata"]["by"]),
        (&json!("ours"), &json!("us"))
    );
    for fixed in [
        "events_from",
        "event_payload",
        "snapshot_api_version",
        "type",
    ] {
        let (status, body) = v2(&s, "POST", &path, json!({ fixed: "x" })).await;
        assert_eq!(
            (status, &body["error"]["code"]),
            (400, &json!("parameter_unknown")),
            "{body}"
        );
    }
    let unset = good(&s, "POST", &path, json!({ "metadata": { "by": null } })).await;
    assert_eq!(unset["metadata"], json!({}));
    let off = good(&s, "POST", &format!("{path}/disable"), Value::Null).await;
    assert_eq!(
        (&off["status"], &off["status_details"]["disabled"]["reason"]),
        (&json!("disabled"), &json!("user"))
    );
    let (status, _) = v2(&s, "POST", &format!("{path}/ping"), Value::Null).await;
    assert_eq!(status, 400);
    let on = good(&s, "POST", &format!("{path}/enable"), Value::Null).await;
    assert_eq!(
        (&on["status"], &on["status_details"]),
        (&json!("enabled"), &Value::Null)
    );
    let gone = good(&s, "DELETE", &path, Value::Null).await;
    assert_eq!(
        gone,
        json!({ "id": id(&made), "object": "v2.core.event_destination" })
    );
    let (status, body) = v2(&s, "GET", &path, Value::Null).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn the_list_goes_by_pages_and_shows_webhook_endpoints_where_stripe_does() {
    for (how, there) in [("listed", 4), ("apart", 3)] {
        let s = Stripe::under("endpoints_as_destinations", how).await;
        for _ in 0..3 {
            destination(&s, "https://a.example/hook", &[REQUIREMENTS]).await;
        }
        let body = "url=https://c.example/hook&enabled_events[]=account.updated&connect=true";
        let endpoint = s.post("/v1/webhook_endpoints", body).await;
        let mut path = format!("{PATH}?limit=2");
        let mut seen = Vec::new();
        loop {
            let page = good(&s, "GET", &path, Value::Null).await;
            seen.extend(page["data"].as_array().expect("rows").clone());
            let Some(next) = page["next_page_url"].as_str() else {
                break;
            };
            path = next.to_owned();
        }
        assert_eq!(seen.len(), there);
        let of_endpoint = seen.iter().find(|one| one["id"] == endpoint["id"]);
        let expected = (how == "listed").then(|| json!(["@accounts"]));
        assert_eq!(of_endpoint.map(|one| one["events_from"].clone()), expected);
    }
}

#[tokio::test]
async fn a_ping_goes_signed_to_its_destination_alone_whatever_types_it_asks_for() {
    let s = Stripe::start().await;
    let (hook, other) = (Receiver::start().await, Receiver::start().await);
    let made = destination(&s, &hook.url, &[REQUIREMENTS]).await;
    destination(&s, &other.url, &["*"]).await;
    let path = format!("{PATH}/{}/ping", id(&made));
    let event = good(&s, "POST", &path, Value::Null).await;
    assert_eq!(event["related_object"]["id"], made["id"]);
    let results = s.simulator.deliver_pending().await;
    assert_eq!(results.len(), 1);
    assert_eq!((hook.count(), other.count()), (1, 0));
    let (headers, body) = hook.got.lock().expect("lock")[0].clone();
    let got: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(got["type"], "v2.core.event_destination.ping");
    assert_eq!(
        (&got["object"], &got["id"]),
        (&json!("v2.core.event"), &event["id"])
    );
    let header = headers["stripe-signature"].to_str().expect("text");
    let time = header[2..].split(',').next().and_then(|t| t.parse().ok());
    let secret = made["webhook_endpoint"]["signing_secret"].as_str();
    let secret = secret.expect("a secret");
    assert_eq!(header, sign(secret, time.expect("a time"), &body));
}

/// Has something happen to an account that `/v2` tells of.
async fn change(s: &Stripe, account: &str) {
    let due = json!({ "currently_due": ["external_account"] }).to_string();
    s.post(&format!("/_simulator/accounts/{account}/restrict"), &due)
        .await;
}

#[tokio::test]
async fn an_events_context_its_hearers_and_its_list_are_open_questions() {
    for (source, heard) in [("accounts", "@accounts"), ("self", "@self")] {
        let s = Stripe::under("account_event_source", source).await;
        let (accounts, own) = (Receiver::start().await, Receiver::start().await);
        destination(&s, &accounts.url, &[REQUIREMENTS]).await;
        let mut body = wanted(&own.url, &[REQUIREMENTS]);
        body["events_from"] = json!(["@self"]);
        good(&s, "POST", PATH, body).await;
        let acct = s.seller().await;
        s.simulator.drop_pending().await;
        change(&s, &acct).await;
        s.simulator.deliver_pending().await;
        let (hook, silent) = match heard {
            "@accounts" => (&accounts, &own),
            _ => (&own, &accounts),
        };
        assert_eq!((hook.count(), silent.count()), (1, 0), "{source}");
        let got = hook.bodies().remove(0);
        assert_eq!(
            (&got["type"], &got["context"]),
            (&json!(REQUIREMENTS), &json!(acct))
        );
        assert_eq!(got["related_object"]["id"], json!(acct));
        assert!(got.get("data").is_none() && got.get("changes").is_none());
    }
    for (how, context) in [
        ("account", "acct"),
        ("path", "platform/acct"),
        ("platform", "platform"),
        ("none", ""),
    ] {
        let s = Stripe::under("account_event_context", how).await;
        let hook = Receiver::start().await;
        destination(&s, &hook.url, &[REQUIREMENTS]).await;
        let acct = s.seller().await;
        s.simulator.drop_pending().await;
        change(&s, &acct).await;
        s.simulator.deliver_pending().await;
        let platform = s.get("/v1/account").await;
        let expected = match context {
            "" => Value::Null,
            "acct" => json!(acct),
            "platform" => platform["id"].clone(),
            _ => json!(format!("{}/{acct}", id(&platform))),
        };
        assert_eq!(hook.bodies().remove(0)["context"], expected, "{how}");
    }
}

#[tokio::test]
async fn thin_events_are_listed_by_type_object_and_time_for_thirty_days() {
    for (how, of_platform) in [("platform", true), ("account", false)] {
        let s = Stripe::under("account_event_list", how).await;
        let acct = s.seller().await;
        s.simulator.advance(10).await;
        change(&s, &acct).await;
        let list = async |query: &str, account: Option<&str>| {
            let headers: Vec<_> = account
                .map(|account| ("Stripe-Context", account))
                .into_iter()
                .collect();
            let path = format!("/v2/core/events?{query}");
            let answer = s.v2("GET", &path, &Value::Null, &headers).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
            answer.body["data"].as_array().expect("rows").clone()
        };
        let types = format!(
            "types[0]={}",
            REQUIREMENTS.replace('[', "%5B").replace(']', "%5D")
        );
        let whose = (!of_platform).then_some(acct.as_str());
        let other = of_platform.then_some(acct.as_str());
        // The simulator begins at 14:13:20, and this happens ten seconds later.
        let since = format!("{types}&created[gt]=2026-09-21T14:13:25.000Z");
        let found = list(&since, whose).await;
        assert_eq!(found.len(), 1, "{how}: {found:?}");
        assert_eq!(list(&types, other).await.len(), 0);
        let about = list(&format!("object_id={acct}"), whose).await;
        assert!(about.len() >= found.len());
        assert!(list("object_id=acct_nobodys", whose).await.is_empty());
        let whole = format!("/v2/core/events/{}", id(&found[0]));
        let whole = good(&s, "GET", &whole, Value::Null).await;
        assert_eq!(whole, found[0]);
        let many: Vec<String> = (0..21).map(|n| format!("types[{n}]=x")).collect();
        let (status, body) = v2(
            &s,
            "GET",
            &format!("/v2/core/events?{}", many.join("&")),
            Value::Null,
        )
        .await;
        assert_eq!((status, &body["error"]["param"]), (400, &json!("types")));
        s.simulator.advance(31 * DAY).await;
        assert!(list(&types, whose).await.is_empty());
        let (status, _) = v2(
            &s,
            "GET",
            &format!("/v2/core/events/{}", id(&found[0])),
            Value::Null,
        )
        .await;
        assert_eq!(status, 404);
    }
}

#[tokio::test]
async fn a_destination_of_snapshots_gets_them_and_one_of_thin_forms_names_the_snapshot() {
    let s = Stripe::start().await;
    let (whole, thin) = (Receiver::start().await, Receiver::start().await);
    let mut body = wanted(&whole.url, &["charge.succeeded"]);
    body["event_payload"] = json!("snapshot");
    good(&s, "POST", PATH, body).await;
    destination(&s, &thin.url, &["v1.charge.succeeded"]).await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 100).await;
    s.simulator.deliver_pending().await;
    let (whole, thin) = (whole.bodies(), thin.bodies());
    assert_eq!((whole.len(), thin.len()), (1, 1));
    assert_eq!(
        (&whole[0]["object"], &whole[0]["account"]),
        (&json!("event"), &json!(acct))
    );
    assert_eq!(
        (&thin[0]["type"], &thin[0]["context"]),
        (&json!("v1.charge.succeeded"), &json!(acct))
    );
    assert_eq!(thin[0]["snapshot_event"], whole[0]["id"]);
    let charge = whole[0]["data"]["object"]["id"].as_str().expect("id");
    assert_eq!(
        thin[0]["related_object"],
        json!({ "id": charge, "type": "charge", "url": format!("/v1/charges/{charge}") })
    );
    let fetched = s.get_on(&acct, &format!("/v1/charges/{charge}")).await;
    assert_eq!(fetched["id"], charge);
}

#[tokio::test]
async fn what_waits_for_a_disabled_destination_is_dropped_and_failures_are_tried_again() {
    let s = Stripe::start().await;
    let hook = Receiver::start().await;
    let made = destination(&s, &hook.url, &[REQUIREMENTS]).await;
    let acct = s.seller().await;
    s.simulator.drop_pending().await;
    *hook.answer.lock().expect("lock") = 500;
    change(&s, &acct).await;
    assert_eq!(s.simulator.deliver_pending().await.len(), 1);
    *hook.answer.lock().expect("lock") = 200;
    assert_eq!(s.simulator.deliver_pending().await.len(), 1);
    let bodies = hook.bodies();
    assert_eq!(bodies[0], bodies[1]);
    assert!(s.simulator.deliver_pending().await.is_empty());
    change(&s, &acct).await;
    s.post(&format!("/_simulator/accounts/{acct}/unrestrict"), "")
        .await;
    good(
        &s,
        "POST",
        &format!("{PATH}/{}/disable", id(&made)),
        Value::Null,
    )
    .await;
    assert!(s.simulator.deliver_pending().await.is_empty());
}
