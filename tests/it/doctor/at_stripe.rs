//! What only Stripe knows.

use axum::Json;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use souk::doctor::State::{Failed, Warning};
use souk::webhooks::destinations::fingerprint;
use souk_simulator::FaultKind;
use tokio::net::TcpListener;

use super::{Checks, examine, healthy, settings};
use crate::harness::{Endpoint, TestApp, text};

/// A test's clock stands still, and Stripe stamps its answers with the real time.
const CLOCK: (&str, souk::doctor::State, &str) = ("clock", Failed, "apart");

async fn online(app: &TestApp) -> Checks {
    examine(settings(app), app.app.clock.clone(), false).await
}

/// A server whose endpoints are at Stripe as they should be.
async fn registered() -> TestApp {
    let app = healthy().await;
    for (endpoint, made) in [
        (Endpoint::Platform, &app.platform),
        (Endpoint::Connect, &app.connect),
    ] {
        app.platform_api("DELETE", &format!("/webhook_endpoints/{}", made.id), &[])
            .await;
        // The server has the secrets of the endpoints that are gone, so these say that they have the same.
        let mark = fingerprint(&made.secret.clone().into());
        register(&app, endpoint, &[("metadata[souk_secret]", &mark)]).await;
    }
    app
}

/// Makes an endpoint, with some parameters changed.
async fn register(app: &TestApp, endpoint: Endpoint, changed: &[(&str, &str)]) -> Value {
    let url = format!("{}{}", app.base, endpoint.path());
    let connect = (endpoint == Endpoint::Connect).to_string();
    let mut form = vec![
        ("url", url.as_str()),
        ("enabled_events[0]", "*"),
        ("api_version", souk_simulator::API_VERSION),
        ("connect", connect.as_str()),
    ];
    if endpoint == Endpoint::Connect && crate::harness::assumed("endpoint_application") == "never" {
        // As a setup notes it.
        form.push(("metadata[souk_application]", "none"));
    }
    form.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    form.extend(changed);
    app.platform_api("POST", "/webhook_endpoints", &form).await
}

/// Deletes the endpoint at an address of ours, and registers another.
async fn register_instead(app: &TestApp, endpoint: Endpoint, changed: &[(&str, &str)]) -> Value {
    let listed = app
        .platform_api("GET", "/webhook_endpoints?limit=100", &[])
        .await;
    let url = format!("{}{}", app.base, endpoint.path());
    for one in listed["data"].as_array().expect("a list") {
        if one["url"] == url {
            let path = format!("/webhook_endpoints/{}", text(one, "id"));
            app.platform_api("DELETE", &path, &[]).await;
        }
    }
    match changed {
        [("none", _)] => Value::Null,
        changed => register(app, endpoint, changed).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_at_stripe_where_nothing_is_wrong() {
    let app = registered().await;
    let checks = online(&app).await;
    checks.are_ok_but(&[CLOCK]);
    for name in [
        "platform",
        "connect",
        "key_permissions",
        "platform_endpoint",
        "connect_endpoint",
    ] {
        assert!(checks.0.contains_key(name), "{name} is not checked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stripe_that_does_not_answer_is_one_line() {
    let app = registered().await;
    let mut config = settings(&app);
    config.stripe_api_base = "http://127.0.0.1:9".to_owned();
    let checks = examine(config, app.app.clock.clone(), false).await;
    checks.are_ok_but(&[("stripe", Failed, "no connection")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_that_the_key_lacks_is_named() {
    let app = registered().await;
    for (path, name, words) in [
        (
            "/v1/account",
            "platform",
            "Stripe doesn't say: whose key it is",
        ),
        (
            "/v1/accounts",
            "connect",
            "Stripe doesn't say: whether Connect is enabled",
        ),
        (
            "/v1/events",
            "key_permissions",
            "Stripe doesn't say: the platform's events",
        ),
        (
            "/v1/balance",
            "key_permissions",
            "Stripe doesn't say: the platform's balance",
        ),
        (
            "/v1/webhook_endpoints",
            "connect_endpoint",
            "Stripe doesn't say: what is registered for events",
        ),
    ] {
        app.fault("GET", path, FaultKind::Error403, None).await;
        let checks = online(&app).await;
        let check = &checks.0[name];
        assert!(
            check.state == Failed && check.message.contains(words),
            "{check:?}"
        );
        assert!(!format!("{checks:?}").contains("rk_test"), "a key is shown");
        app.simulator.clear_faults().await;
    }
}

/// A Stripe that knows nothing but the platform's account, and refuses to list connected ones.
async fn stripe_of(account: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let refusal = json!({ "error": {
        "type": "invalid_request_error",
        "message": "You can only use Connect if you've signed up for it.",
    }});
    let stripe = axum::Router::new()
        .route("/v1/account", get(move || async { Json(account) }))
        .route(
            "/v1/accounts",
            get(move || async { (StatusCode::BAD_REQUEST, Json(refusal)) }),
        );
    tokio::spawn(async move { axum::serve(listener, stripe).await });
    format!("http://{addr}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_without_connect_or_in_a_country_that_stripe_does_not_serve_is_seen() {
    let app = registered().await;
    let mut config = settings(&app);
    let account = json!({ "id": "acct_pole", "country": "AQ", "charges_enabled": false });
    config.stripe_api_base = stripe_of(account).await;
    let checks = examine(config.clone(), app.app.clock.clone(), false).await;
    let seen = |checks: &Checks, name: &str, state, words: &str| {
        let check = &checks.0[name];
        assert!(
            check.state == state && check.message.contains(words),
            "{check:?}"
        );
    };
    seen(
        &checks,
        "platform",
        Failed,
        "acct_pole's, in AQ, where Stripe has no platforms",
    );
    seen(
        &checks,
        "connect",
        Failed,
        "Connect isn't enabled. Stripe says: You can only use Connect",
    );
    let account = json!({ "id": "acct_new", "country": "DE", "charges_enabled": false });
    config.stripe_api_base = stripe_of(account).await;
    config.livemode = true;
    let checks = examine(config, app.app.clock.clone(), false).await;
    seen(&checks, "platform", Warning, "can't take money yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_missing_or_wrong_is_seen() {
    let app = registered().await;
    let mark = fingerprint(&app.connect.secret.clone().into());
    let mark = ("metadata[souk_secret]", mark.as_str());
    for (changed, state, words) in [
        (
            vec![("none", "")],
            Failed,
            "Stripe has no webhook endpoint for http://127.0.0.1",
        ),
        (
            vec![mark, ("enabled_events[0]", "account.updated")],
            Failed,
            "is not sent account.application.deauthorized, balance.available, charge.captured, charge.dispute.closed and ",
        ),
        (
            vec![mark, ("api_version", "2025-09-30.clover")],
            Warning,
            "in the shape of 2025-09-30.clover",
        ),
        (
            vec![("metadata[souk_secret]", "0123456789abcdef")],
            Failed,
            "does not hold the secret",
        ),
    ] {
        register_instead(&app, Endpoint::Connect, &changed).await;
        let checks = online(&app).await;
        checks.are_ok_but(&[CLOCK, ("connect_endpoint", state, words)]);
    }
    let made = register_instead(&app, Endpoint::Connect, &[mark]).await;
    online(&app).await.are_ok_but(&[CLOCK]);
    let path = format!("/webhook_endpoints/{}", text(&made, "id"));
    app.platform_api("POST", &path, &[("disabled", "true")])
        .await;
    let words = "is disabled, so no event comes";
    online(&app)
        .await
        .are_ok_but(&[CLOCK, ("connect_endpoint", Failed, words)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hears_of_others_than_it_should_is_seen() {
    let app = registered().await;
    let mark = |secret: &str| fingerprint(&secret.to_owned().into());
    let (platform, connect) = (mark(&app.platform.secret), mark(&app.connect.secret));
    let (platform, connect) = (
        ("metadata[souk_secret]", platform.as_str()),
        ("metadata[souk_secret]", connect.as_str()),
    );
    // Both at the platform's own events, as whoever clicks too fast has it.
    let by_hand = ("metadata[souk_application]", "");
    let changed = [connect, by_hand, ("connect", "false")];
    register_instead(&app, Endpoint::Connect, &changed).await;
    let words = "may send events of the platform's own account";
    let checks = online(&app).await;
    checks.are_ok_but(&[CLOCK, ("connect_endpoint", Warning, words)]);
    // Where another endpoint shows that Stripe tells, it is certain.
    let other = ("url", "https://other.example");
    app.platform_api(
        "POST",
        "/webhook_endpoints",
        &[other, ("enabled_events[0]", "*"), ("connect", "true")],
    )
    .await;
    let tells = crate::harness::assumed("endpoint_application") == "connect";
    let (state, words) = match tells {
        true => (Failed, "sends events of the platform's own account"),
        false => (Warning, words),
    };
    online(&app)
        .await
        .are_ok_but(&[CLOCK, ("connect_endpoint", state, words)]);
    // Until an event of a connected account has come.
    if !tells {
        app.shop("mira").await;
        app.settle().await;
        online(&app).await.are_ok_but(&[CLOCK]);
    }

    register_instead(&app, Endpoint::Connect, &[connect]).await;
    register_instead(&app, Endpoint::Platform, &[platform, ("connect", "true")]).await;
    let words = "sends events of connected accounts";
    let checks = online(&app).await;
    match tells {
        true => checks.are_ok_but(&[CLOCK, ("platform_endpoint", Failed, words)]),
        false => checks.are_ok_but(&[CLOCK]),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_is_told_the_same_and_nobody_else() {
    let app = registered().await;
    let admin = app.admin().await;
    let report = app.get("/v1/admin/doctor").by(&admin).expect(200).await;
    let checks = report["checks"].as_array().expect("checks");
    let state = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name);
        check.map(|check| check["state"].clone())
    };
    // Nobody answers at http://shop.test.
    assert_eq!(state("public_url"), Some(json!("failed")));
    assert_eq!(state("worker"), Some(json!("ok")));
    assert_eq!(state("connect"), Some(json!("ok")));
    assert_eq!(report["state"], "failed");
    let offline = app
        .get("/v1/admin/doctor?offline=true")
        .by(&admin)
        .expect(200)
        .await;
    let names = offline["checks"].as_array().expect("checks").iter();
    let names: Vec<_> = names.filter_map(|check| check["name"].as_str()).collect();
    assert!(
        names.contains(&"worker") && !names.contains(&"connect"),
        "{names:?}"
    );
    app.get("/v1/admin/doctor?offline=perhaps")
        .by(&admin)
        .expect(422)
        .await;
}
