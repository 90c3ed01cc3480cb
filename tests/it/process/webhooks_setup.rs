//! `souk webhooks setup` against the simulator.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::harness::{Souk, TestApp, run_souk, text};

use super::operator_tools::of;

/// The settings of somebody who has entered a key and an address, and nothing else yet. Accounts are made by v1.
fn before_setup(app: &TestApp, public_url: &str) -> HashMap<String, String> {
    let mut settings = of(app);
    settings.retain(|name, _| !name.ends_with("WEBHOOK_SECRET") && name != "JWT_SECRET");
    settings.insert("PUBLIC_URL".to_owned(), public_url.to_owned());
    settings.insert("STRIPE_ACCOUNTS".to_owned(), "v1".to_owned());
    settings
}

async fn setup(settings: &HashMap<String, String>, options: &[&str]) -> String {
    let arguments = [&["webhooks", "setup"], options].concat();
    let (ok, said, why) = run_souk(&arguments, settings).await;
    assert!(ok, "{said}{why}");
    said
}

/// The endpoints of Souk's, as Stripe lists them.
async fn endpoints(app: &TestApp) -> Vec<Value> {
    let listed = app
        .platform_api("GET", "/webhook_endpoints?limit=100", &[])
        .await;
    let all = listed["data"].as_array().expect("a list").clone();
    let ours = |one: &Value| one["metadata"]["souk_destination"].is_string();
    all.into_iter().filter(ours).collect()
}

async fn endpoint(app: &TestApp, id: &str) -> Value {
    app.platform_api("GET", &format!("/webhook_endpoints/{id}"), &[])
        .await
}

fn called<'a>(endpoints: &'a [Value], name: &str) -> Vec<&'a Value> {
    let of_it = |one: &&Value| one["metadata"]["souk_destination"] == name;
    endpoints.iter().filter(of_it).collect()
}

fn types_of(endpoint: &Value) -> BTreeSet<&str> {
    let types = endpoint["enabled_events"].as_array().expect("types");
    types.iter().filter_map(Value::as_str).collect()
}

/// The settings that a setup has printed.
fn printed(said: &str) -> Vec<(String, String)> {
    let lines = said.lines().filter(|line| line.starts_with("STRIPE_"));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn are_as_souk_needs_them(made: &[Value]) {
    for (name, path, has, has_not) in [
        (
            "platform",
            "/webhooks/stripe",
            "application_fee.created",
            "account.updated",
        ),
        (
            "connect",
            "/webhooks/stripe/connect",
            "checkout.session.completed",
            "application_fee.created",
        ),
    ] {
        let found = called(made, name);
        let [one] = found.as_slice() else {
            panic!("{name}: {made:?}")
        };
        assert_eq!(one["url"], format!("https://souk.example{path}"));
        assert_eq!(one["api_version"], souk_simulator::API_VERSION);
        assert_eq!(one["status"], "enabled");
        let types = types_of(one);
        assert!(types.contains(has) && !types.contains(has_not), "{types:?}");
        assert!(types.contains("payout.paid"), "{types:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_makes_both_endpoints_once_and_touches_nobody_elses() {
    let app = TestApp::start().await;
    let settings = before_setup(&app, "https://souk.example");
    let foreign = [&app.platform.id, &app.connect.id];
    let before = [
        endpoint(&app, foreign[0]).await,
        endpoint(&app, foreign[1]).await,
    ];

    let said = setup(&settings, &["--dry-run"]).await;
    assert_eq!(said.matches("would make").count(), 2, "{said}");
    assert!(endpoints(&app).await.is_empty(), "a dry run made something");

    let said = setup(&settings, &[]).await;
    let made = endpoints(&app).await;
    assert_eq!(made.len(), 2);
    are_as_souk_needs_them(&made);
    let secrets = printed(&said);
    let names: Vec<_> = secrets.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["STRIPE_WEBHOOK_SECRET", "STRIPE_CONNECT_WEBHOOK_SECRET"]
    );
    assert!(
        secrets
            .iter()
            .all(|(_, secret)| secret.starts_with("whsec_"))
    );

    // Without the secrets a second run changes nothing either, and says what is missing.
    let said = setup(&settings, &[]).await;
    assert_eq!(said.matches("nothing to change").count(), 2, "{said}");
    assert_eq!(
        said.matches("does not hold the secret").count(),
        2,
        "{said}"
    );
    assert!(printed(&said).is_empty(), "{said}");
    let mut settings = settings;
    settings.extend(secrets);
    let said = setup(&settings, &[]).await;
    assert_eq!(said.matches("nothing to change").count(), 2, "{said}");
    assert!(!said.contains('!'), "{said}");
    assert_eq!(endpoints(&app).await, made);
    let after = [
        endpoint(&app, foreign[0]).await,
        endpoint(&app, foreign[1]).await,
    ];
    assert_eq!(after, before);

    // Another installation on the same account has its own.
    let mut other = settings.clone();
    other.insert(
        "PUBLIC_URL".to_owned(),
        "https://staging.example".to_owned(),
    );
    setup(&other, &["--installation", "staging"]).await;
    let all = endpoints(&app).await;
    assert_eq!(all.len(), 4);
    assert!(made.iter().all(|one| all.contains(one)), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_mends_address_types_and_status_in_place() {
    let app = TestApp::start().await;
    let mut settings = before_setup(&app, "https://souk.example");
    let said = setup(&settings, &[]).await;
    settings.extend(printed(&said));
    let made = endpoints(&app).await;
    let id = text(called(&made, "connect")[0], "id");
    let path = format!("/webhook_endpoints/{id}");
    for (form, what) in [
        (
            vec![("enabled_events[0]", "account.updated")],
            "event types",
        ),
        (vec![("enabled_events[0]", "*")], "event types"),
        (vec![("url", "https://elsewhere.example")], "address"),
        (vec![("disabled", "true")], "status"),
    ] {
        app.platform_api("POST", &path, &form).await;
        let broken = endpoint(&app, &id).await;
        let would = setup(&settings, &["--dry-run"]).await;
        let wanted = format!("would mend the {what} of {id}");
        assert!(would.contains(&wanted), "{wanted}: {would}");
        assert_eq!(endpoint(&app, &id).await, broken, "a dry run mended");
        let said = setup(&settings, &[]).await;
        let wanted = format!("  mended the {what} of {id}\n");
        assert!(said.contains(&wanted), "{wanted}: {said}");
        assert_eq!(endpoints(&app).await, made);
    }
    settings.insert("PUBLIC_URL".to_owned(), "https://new.example".to_owned());
    let said = setup(&settings, &[]).await;
    assert_eq!(said.matches("mended the address").count(), 2, "{said}");
    let moved = endpoint(&app, &id).await;
    assert_eq!(moved["url"], "https://new.example/webhooks/stripe/connect");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_changed_is_made_anew_and_the_old_one_goes_once_the_server_takes_the_new_secret()
 {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    // Made by an older version of Souk.
    let url = "https://souk.example/webhooks/stripe";
    let old = app
        .platform_api(
            "POST",
            "/webhook_endpoints",
            &[
                ("url", url),
                ("enabled_events[0]", "payout.paid"),
                ("api_version", "2025-09-30.clover"),
                ("metadata[souk_destination]", "platform"),
                ("metadata[souk_installation]", "souk"),
            ],
        )
        .await;
    let (old_id, old_secret) = (text(&old, "id"), text(&old, "secret"));
    let mut settings = of(&app);
    settings.insert("STRIPE_ACCOUNTS".to_owned(), "v1".to_owned());
    settings.insert("STRIPE_WEBHOOK_SECRET".to_owned(), old_secret.clone());

    let souk = Souk::serve(&settings).await;
    let at = format!("http://{}", souk.addr);
    settings.insert("PUBLIC_URL".to_owned(), at);
    let said = setup(&settings, &[]).await;
    assert!(
        said.contains(&format!("{old_id} is replaced and stays in use")),
        "{said}"
    );
    let new = printed(&said);
    let both = new.iter().find(|(name, _)| name == "STRIPE_WEBHOOK_SECRET");
    let both = both.expect("a secret").1.clone();
    assert!(both.ends_with(&format!(",{old_secret}")), "{both}");
    settings.extend(new);
    // The settings have it, but the server that runs has not.
    let said = setup(&settings, &[]).await;
    assert!(said.contains("stays in use"), "{said}");
    assert_eq!(endpoint(&app, &old_id).await["status"], "enabled");
    assert!(souk.stop().await.success());

    let souk = Souk::serve(&settings).await;
    let at = format!("http://{}", souk.addr);
    settings.insert("PUBLIC_URL".to_owned(), at);
    let said = setup(&settings, &["--dry-run"]).await;
    assert!(said.contains(&format!("would disable {old_id}")), "{said}");
    assert_eq!(endpoint(&app, &old_id).await["status"], "enabled");
    let said = setup(&settings, &[]).await;
    assert!(said.contains(&format!("  disabled {old_id}")), "{said}");
    assert_eq!(endpoint(&app, &old_id).await["status"], "disabled");
    let made = endpoints(&app).await;
    let in_use = called(&made, "platform").into_iter();
    let in_use: Vec<_> = in_use.filter(|one| one["status"] == "enabled").collect();
    assert_eq!(in_use.len(), 1, "{in_use:?}");
    assert_eq!(in_use[0]["api_version"], souk_simulator::API_VERSION);
    let said = setup(&settings, &[]).await;
    assert_eq!(said.matches("nothing to change").count(), 2, "{said}");
    assert!(souk.stop().await.success());
    app.simulator.drop_pending().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_of_the_wrong_scope_is_replaced_where_stripe_shows_it() {
    let app = TestApp::start().await;
    let marked = [
        ("url", "https://souk.example/webhooks/stripe"),
        ("enabled_events[0]", "payout.paid"),
        ("api_version", souk_simulator::API_VERSION),
        ("connect", "true"),
        ("metadata[souk_destination]", "platform"),
        ("metadata[souk_installation]", "souk"),
    ];
    app.platform_api("POST", "/webhook_endpoints", &marked)
        .await;
    let settings = before_setup(&app, "https://souk.example");
    setup(&settings, &[]).await;
    let made = endpoints(&app).await;
    let shown = crate::harness::assumed("endpoint_application") == "connect";
    assert_eq!(called(&made, "platform").len(), if shown { 2 } else { 1 });
    setup(&settings, &[]).await;
    assert_eq!(endpoints(&app).await.len(), made.len(), "another was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_written_into_a_file_and_a_lost_one_is_replaced() {
    let app = TestApp::start().await;
    let settings = before_setup(&app, "https://souk.example");
    let file = app.folder.path().join("souk.env");
    std::fs::write(&file, "BIND=127.0.0.1:1\nSTRIPE_WEBHOOK_SECRET=whsec_old\n").expect("writes");
    let write = ["--write", file.to_str().expect("a path")];
    let said = setup(&settings, &write).await;
    assert!(!said.contains("whsec_"), "{said}");
    let written = std::fs::read_to_string(&file).expect("a file");
    assert!(
        written.starts_with("BIND=127.0.0.1:1\nSTRIPE_WEBHOOK_SECRET=whsec_"),
        "{written}"
    );
    assert!(
        written.contains(",whsec_old\nSTRIPE_CONNECT_WEBHOOK_SECRET=whsec_"),
        "{written}"
    );

    // Nobody has the file any more.
    let said = setup(&settings, &["--replace"]).await;
    assert_eq!(printed(&said).len(), 2, "{said}");
    assert_eq!(
        said.matches("is replaced and stays in use").count(),
        2,
        "{said}"
    );
    assert_eq!(endpoints(&app).await.len(), 4);
    let mut settings = settings;
    settings.extend(printed(&said));
    let said = setup(&settings, &["--replace"]).await;
    assert!(printed(&said).is_empty(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_says_what_is_missing_and_prints_the_secrets_that_it_could_not_write() {
    let app = TestApp::start().await;
    let mut settings = before_setup(&app, "https://souk.example");
    let nowhere = app.folder.path().join("nowhere/souk.env");
    let write = [
        "webhooks",
        "setup",
        "--write",
        nowhere.to_str().expect("a path"),
    ];
    let (ok, said, why) = run_souk(&write, &settings).await;
    assert!(!ok && why.contains("nowhere/souk.env"), "{why}");
    assert_eq!(printed(&said).len(), 2, "the secrets are lost: {said}");
    settings.remove("STRIPE_SECRET_KEY");
    settings.remove("STRIPE_API_BASE");
    let (ok, _, why) = run_souk(&["webhooks", "setup"], &settings).await;
    assert!(!ok && why.contains("STRIPE_SECRET_KEY"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_stripe_has_shown_survives_the_next_endpoints_failure() {
    let app = TestApp::start().await;
    let settings = before_setup(&app, "https://souk.example");
    // An account can have sixteen, and two are there.
    for at in 0..13 {
        let url = format!("https://other.example/{at}");
        let form = [("url", url.as_str()), ("enabled_events[0]", "payout.paid")];
        app.platform_api("POST", "/webhook_endpoints", &form).await;
    }
    let (ok, said, why) = run_souk(&["webhooks", "setup"], &settings).await;
    assert!(!ok && why.contains("maximum of 16"), "{why}");
    let names: Vec<_> = printed(&said).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["STRIPE_WEBHOOK_SECRET"], "{said}");
    assert_eq!(json!(endpoints(&app).await.len()), json!(1));
}

/// Calls `/v2/core/event_destinations`, as in Stripe's dashboard.
async fn v2(app: &TestApp, method: &str, path: &str, body: Option<Value>) -> Value {
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
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_string());
    }
    let sent = request.send().await.expect("an answer");
    let status = sent.status();
    let text = sent.text().await.expect("a text");
    assert!(status.is_success(), "{method} {path}: {text}");
    serde_json::from_str(&text).expect("JSON")
}

/// The event destinations of Souk's.
async fn destinations(app: &TestApp) -> Vec<Value> {
    let listed = v2(app, "GET", "?include[0]=webhook_endpoint.url", None).await;
    let all = listed["data"].as_array().expect("a list").clone();
    let ours = |one: &Value| one["metadata"]["souk_destination"] == "accounts";
    all.into_iter().filter(ours).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_accounts_v2_an_event_destination_is_made_and_mended_too() {
    let app = TestApp::start().await;
    let mut settings = before_setup(&app, "https://souk.example");
    settings.insert("STRIPE_ACCOUNTS".to_owned(), "v2".to_owned());
    let foreign = app
        .simulator
        .ensure_event_destination("foreign", "https://other.example", &["*"])
        .await;
    let before = v2(&app, "GET", &format!("/{}", foreign.id), None).await;
    let said = setup(&settings, &["--dry-run"]).await;
    assert_eq!(said.matches("would make").count(), 3, "{said}");
    assert!(destinations(&app).await.is_empty());

    let said = setup(&settings, &[]).await;
    let made = destinations(&app).await;
    let [one] = made.as_slice() else {
        panic!("{made:?}")
    };
    assert_eq!(one["event_payload"], "thin");
    assert_eq!(one["events_from"], json!(["@accounts"]));
    let url = "https://souk.example/webhooks/stripe/connect";
    assert_eq!(one["webhook_endpoint"]["url"], url);
    assert!(types_of(one).contains("v2.core.account.closed"), "{one}");
    assert!(
        types_of(one).contains("v2.core.account_link.returned"),
        "{one}"
    );
    // Both secrets of the one endpoint of ours are in one setting.
    let secrets = printed(&said);
    let connect = secrets
        .iter()
        .find(|(name, _)| name == "STRIPE_CONNECT_WEBHOOK_SECRET");
    assert_eq!(connect.expect("secrets").1.split(',').count(), 2, "{said}");
    settings.extend(secrets);
    let said = setup(&settings, &[]).await;
    assert_eq!(said.matches("nothing to change").count(), 3, "{said}");
    assert!(!said.contains('!'), "{said}");
    assert_eq!(destinations(&app).await, made);

    let id = text(one, "id");
    let path = format!("/{id}");
    let disable = format!("{path}/disable");
    let other = json!({ "webhook_endpoint": { "url": "https://elsewhere.example" } });
    for (path, body, what) in [
        (
            &path,
            json!({ "enabled_events": ["v2.core.account.closed"] }),
            "event types",
        ),
        (&path, other, "address"),
        (&disable, json!({}), "status"),
    ] {
        v2(&app, "POST", path, Some(body)).await;
        let said = setup(&settings, &[]).await;
        let wanted = format!("  mended the {what} of {id}\n");
        assert!(said.contains(&wanted), "{wanted}: {said}");
        let mended = destinations(&app).await;
        for field in [
            "enabled_events",
            "webhook_endpoint",
            "status",
            "events_from",
            "metadata",
        ] {
            assert_eq!(mended[0][field], one[field]);
        }
    }
    assert_eq!(
        v2(&app, "GET", &format!("/{}", foreign.id), None).await,
        before
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_destination_of_another_scope_is_replaced() {
    let app = TestApp::start().await;
    let mut settings = before_setup(&app, "https://souk.example");
    settings.insert("STRIPE_ACCOUNTS".to_owned(), "v2".to_owned());
    let url = "https://souk.example/webhooks/stripe/connect";
    let wrong = json!({
        "name": "an older Souk's", "type": "webhook_endpoint", "event_payload": "thin", "events_from": ["@self"],
        "enabled_events": ["*"], "webhook_endpoint": { "url": url },
        "metadata": { "souk_destination": "accounts", "souk_installation": "souk" },
    });
    let old = text(&v2(&app, "POST", "", Some(wrong)).await, "id");
    let said = setup(&settings, &[]).await;
    assert!(
        said.contains(&format!("{old} is replaced and stays in use")),
        "{said}"
    );
    settings.extend(printed(&said));
    let souk = Souk::serve(&settings).await;
    settings.insert("PUBLIC_URL".to_owned(), format!("http://{}", souk.addr));
    let said = setup(&settings, &[]).await;
    assert!(said.contains(&format!("  disabled {old}")), "{said}");
    let disabled = v2(&app, "GET", &format!("/{old}"), None).await;
    assert_eq!(disabled["status"], "disabled");
    assert!(souk.stop().await.success());
}
