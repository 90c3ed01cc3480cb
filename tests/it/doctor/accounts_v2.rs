//! Accounts v2: whether Stripe lets the platform use it, and the event destination.

use serde_json::{Value, json};
use souk::config::{AccountsApi, Config};
use souk::doctor::State::{Failed, Ok, Skipped, Warning};
use souk_simulator::WebhookEndpoint;

use super::{Checks, examine, healthy};
use crate::harness::{Endpoint, TestApp, assumed};

fn settings(app: &TestApp) -> Config {
    let mut config = super::settings(app);
    config.accounts_api = AccountsApi::V2;
    config
}

/// A server whose event destination is not at Stripe any more.
async fn without_destination() -> TestApp {
    let app = healthy().await;
    let listed = v2(&app, "GET", "", Value::Null).await;
    for one in listed["data"].as_array().expect("a list") {
        let id = one["id"].as_str().expect("an id");
        if id.starts_with("ed_") {
            v2(&app, "DELETE", &format!("/{id}"), Value::Null).await;
        }
    }
    app
}

async fn destination(app: &TestApp, types: &[&str]) -> WebhookEndpoint {
    let url = format!("{}{}", app.base, Endpoint::Connect.path());
    app.simulator
        .ensure_event_destination("accounts", &url, types)
        .await
}

/// Examines while Stripe delivers what waits, and fails if these checks aren't as wanted.
async fn sees(
    app: &TestApp,
    config: Config,
    wanted: &[(&str, souk::doctor::State, &str)],
) -> Checks {
    let deliver = async {
        loop {
            for event in app.intercept().await {
                let secret = &app.connect.secret;
                let event = event.to_string();
                let answer = app
                    .post_event(Endpoint::Connect, event, secret, app.now())
                    .await;
                assert_eq!(answer.status, 200, "{}", answer.text);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    let checks = tokio::select! {
        checks = examine(config, app.app.clock.clone(), false) => checks,
        () = deliver => unreachable!("it never ends"),
    };
    for (name, state, words) in wanted {
        let check = &checks.0[name];
        let said = format!("{} -> {:?}", check.message, check.action);
        assert_eq!(check.state, *state, "{check:?}");
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    checks
}

/// Calls Stripe's `/v2`, as in its dashboard.
async fn v2(app: &TestApp, method: &str, path: &str, body: Value) -> Value {
    let address = format!(
        "{}/v2/core/event_destinations{path}",
        app.simulator.base_url()
    );
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let mut request = client
        .request(method.parse().expect("a method"), address)
        .bearer_auth("sk_test_suite")
        .header("stripe-version", souk_simulator::API_VERSION);
    if !body.is_null() {
        let json = "application/json";
        request = request.header("content-type", json).body(body.to_string());
    }
    let sent = request.send().await.expect("an answer");
    let status = sent.status();
    let text = sent.text().await.expect("a text");
    assert!(status.is_success(), "{method} {path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ping_that_arrives_proves_the_event_destination() {
    let app = without_destination().await;
    destination(&app, &["*"]).await;
    let well = [
        ("accounts_api", Ok, "Accounts v2 is enabled"),
        ("event_destination", Ok, "sends all"),
        ("ping", Ok, "a ping of Stripe's arrived in "),
    ];
    sees(&app, settings(&app), &well).await;
    let pings = app
        .count("inbox_events WHERE kind = 'v2.core.event_destination.ping'")
        .await;
    assert_eq!(pings, 1);

    // Nothing is delivered.
    let checks = examine(settings(&app), app.app.clock.clone(), false).await;
    let ping = &checks.0["ping"];
    assert_eq!(ping.state, Failed, "{ping:?}");
    assert!(
        ping.message.contains("did not arrive within 3 s"),
        "{ping:?}"
    );
    app.simulator.drop_pending().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_destination_that_is_missing_or_wrong_is_seen_and_not_pinged() {
    let app = without_destination().await;
    let not_sent = ("ping", Skipped, "isn't as it should be");
    let missing = (
        "event_destination",
        Failed,
        "Stripe has no event destination for http://127.0.0.1",
    );
    sees(&app, settings(&app), &[missing, not_sent]).await;
    let made = destination(&app, &["v2.core.account.closed"]).await;
    let types = (
        "event_destination",
        Failed,
        "is not sent v2.core.account.created, v2.core.account.updated",
    );
    sees(&app, settings(&app), &[types, not_sent]).await;
    destination(&app, &["*"]).await;
    v2(&app, "POST", &format!("/{}/disable", made.id), json!({})).await;
    let disabled = (
        "event_destination",
        Failed,
        "is disabled, so no event comes",
    );
    sees(&app, settings(&app), &[disabled, not_sent]).await;
    v2(&app, "POST", &format!("/{}/enable", made.id), json!({})).await;
    let other = json!({ "metadata": { "souk_secret": "0123456789abcdef" } });
    v2(&app, "POST", &format!("/{}", made.id), other).await;
    let secret = ("event_destination", Failed, "does not hold the secret");
    sees(&app, settings(&app), &[secret, not_sent]).await;

    // Of the platform itself, or with snapshots.
    v2(
        &app,
        "POST",
        &format!("/{}", made.id),
        json!({ "webhook_endpoint": { "url": "https://other.example" } }),
    )
    .await;
    let url = format!("{}{}", app.base, Endpoint::Connect.path());
    let given = |payload: &str, from: &str, kind: &str| {
        json!({
            "name": "by hand", "type": "webhook_endpoint", "event_payload": payload, "events_from": [from],
            "enabled_events": [kind], "webhook_endpoint": { "url": url },
        })
    };
    let made = v2(&app, "POST", "", given("thin", "@self", "*")).await;
    let scope = (
        "event_destination",
        Failed,
        "doesn't send events of connected accounts",
    );
    sees(&app, settings(&app), &[scope, not_sent]).await;
    let id = made["id"].as_str().expect("an id");
    v2(
        &app,
        "POST",
        &format!("/{id}"),
        json!({ "webhook_endpoint": { "url": "https://other.example" } }),
    )
    .await;
    v2(
        &app,
        "POST",
        "",
        given("snapshot", "@accounts", "account.updated"),
    )
    .await;
    let shape = ("event_destination", Failed, "is not sent v2.core");
    sees(&app, settings(&app), &[shape, not_sent]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_or_a_key_that_may_not_use_accounts_v2_is_told_what_to_do() {
    let app = healthy().await;
    let platform = |changed: Value| {
        let mut platform = json!({
            "connect": true, "accounts_v1": true, "accounts_v2": true, "sandbox": true, "legacy_direct_charges": true,
        });
        for (name, value) in changed.as_object().expect("an object") {
            platform[name] = value.clone();
        }
        platform
    };
    for (changed, words) in [
        (
            json!({ "accounts_v2": false }),
            "Enable it at https://dashboard.stripe.com",
        ),
        (
            json!({ "connect": false }),
            "Sign the platform up for Connect",
        ),
        (
            json!({ "sandbox": false }),
            "Stripe says that it is none -> Some(\"set such a key; or set STRIPE_ACCOUNTS=v1",
        ),
    ] {
        app.simulate("/platform", platform(changed)).await;
        sees(&app, settings(&app), &[("accounts_api", Failed, words)]).await;
    }
    app.simulate("/platform", platform(json!({}))).await;
    let mut config = settings(&app);
    config.stripe_secret_key = "rk_test_suite".into();
    let state = match assumed("v2_restricted_keys") {
        "refused" => ("accounts_api", Failed, "Stripe says that it may not"),
        _ => ("accounts_api", Ok, "Accounts v2 is enabled"),
    };
    let warned = ("stripe_key", Warning, "STRIPE_ACCOUNTS=v1");
    sees(&app, config.clone(), &[warned, state]).await;
    config.accounts_api = AccountsApi::V1;
    let fine = ("accounts_api", Ok, "made by v1");
    sees(
        &app,
        config.clone(),
        &[("stripe_key", Ok, "a test key"), fine],
    )
    .await;

    // What Stripe has refused before is told, whatever the settings are now.
    app.sql(
        "INSERT INTO findings (id, kind, subject, message, state, created_at) VALUES ('fnd_1', 'platform_not_ready', \
         'platform', 'Stripe lets this platform create no account.', 'open', 1)",
    )
    .await;
    let told = ("accounts_api", Failed, "create no account");
    sees(&app, config, &[told]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_profile_that_costs_the_platform_is_a_warning() {
    let app = healthy().await;
    let mut config = settings(&app);
    config.charge_profile = souk::config::ChargeProfile::DirectExpress;
    config.application_fee.bps = 100;
    let checks = examine(config, app.app.clock.clone(), true).await;
    checks.are_ok_but(&[("charge_profile", Warning, "APPLICATION_FEE_BPS is 100")]);
}
