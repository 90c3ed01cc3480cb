//! `souk doctor` beside a server that runs.

use std::collections::HashMap;
use std::time::Duration;

use souk::clock::Stopwatch;

use crate::harness::{
    Database, Souk, TestApp, accounts_api, end_of_souk, free_port, settings, until,
};

/// Waits until the server's worker has been at work.
async fn doctor(settings: &HashMap<String, String>, options: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["doctor"], options].concat();
    until("a worker has been at work", async || {
        let (code, said, why) = end_of_souk(&arguments, settings).await;
        let waits = said.contains("no worker has ever") || said.contains("no such table");
        (!waits).then_some((code, said + &why))
    })
    .await
}

/// A server with simulated money, and the settings that the doctor needs.
async fn simulated(
    database: &Database,
    folder: &std::path::Path,
) -> (HashMap<String, String>, Souk) {
    let simulator = free_port().await;
    let mut settings: HashMap<String, String> = [
        ("DATABASE_URL", database.url.clone()),
        ("DATA_DIR", folder.to_str().expect("a path").to_owned()),
        ("SIMULATOR_BIND", simulator.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let souk = Souk::serve(&settings).await;
    settings.insert("BIND".to_owned(), souk.addr.to_string());
    (settings, souk)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_simulated_money_is_well_within_three_seconds() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let (settings, souk) = simulated(&database, folder.path()).await;
    let (code, said) = doctor(&settings, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.ends_with("\nAll is well.\n"), "{said}");
    let watch = Stopwatch::start();
    doctor(&settings, &[]).await;
    let took = watch.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(souk.stop().await.success());
    let (code, said) = doctor(&settings, &[]).await;
    assert_eq!(code, Some(2), "{said}");
    for line in [
        "FAILED   public_url",
        "FAILED   stripe ",
        "Something doesn't work.",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pre_launch_list_is_played_and_what_goes_wrong_in_it_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let (settings, souk) = simulated(&database, folder.path()).await;
    doctor(&settings, &[]).await;
    let (code, said) = doctor(&settings, &["--play"]).await;
    assert_eq!(code, Some(0), "{said}");
    for line in [
        "play_seller ",
        "play_payment ",
        "play_free_code ",
        "play_closed_browser ",
        "play_broken_verify ",
        "play_doors ",
        "play_race ",
        "play_last_one ",
    ] {
        assert!(
            said.contains(&format!("\nok       {line}")),
            "{line} is not in {said}"
        );
    }

    // Nobody can buy any more.
    let stripe = format!("http://{}", settings["SIMULATOR_BIND"]);
    let client = reqwest::Client::builder().no_proxy().build();
    let fault = client
        .expect("a client")
        .post(format!("{stripe}/_simulator/faults"));
    let fault =
        fault.body(r#"{"method":"POST","path_prefix":"/v1/checkout/sessions","kind":"error_403"}"#);
    let set = fault.send().await.expect("an answer");
    assert!(set.status().is_success(), "{}", set.status());
    let (code, said) = doctor(&settings, &["--play"]).await;
    assert_eq!(code, Some(2), "{said}");
    for line in [
        "ok       play_seller ",
        "FAILED   play_payment ",
        "FAILED   play_last_one ",
    ] {
        assert!(said.contains(line), "{line} is not in {said}");
    }
    assert!(souk.stop().await.success());

    let mut live = settings;
    for (name, value) in [
        ("STRIPE_SECRET_KEY", "sk_live_1"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
        ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_2"),
        ("STRIPE_API_BASE", "http://127.0.0.1:9"),
        ("JWT_SECRET", "a secret of more than thirty-two characters"),
    ] {
        live.insert(name.to_owned(), value.to_owned());
    }
    let (code, _, why) = end_of_souk(&["doctor", "--play"], &live).await;
    assert!(code == Some(1) && why.contains("live"), "{code:?} {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_setup_and_a_restart_all_is_well_and_the_exit_code_tells_what_is_not() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let folder = tempfile::tempdir().expect("a folder");
    let secrets = (app.platform.secret.as_str(), app.connect.secret.as_str());
    let base = app.simulator.base_url();
    let mut settings = settings(&base, secrets, app.database_url(), folder.path());
    settings.remove("PUBLIC_URL");
    let at = free_port().await;
    settings.insert("BIND".to_owned(), at.to_string());
    let written = folder.path().join("secrets.env");
    let file = written.to_str().expect("a path");
    let setup = ["webhooks", "setup", "--write", file];
    let (code, said, why) = end_of_souk(&setup, &settings).await;
    assert_eq!(code, Some(0), "{said}{why}");
    let text = std::fs::read_to_string(&written).expect("a file");
    settings.extend(text.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    }));
    let souk = Souk::serve(&settings).await;
    let stripe = app.simulator.clone();
    let deliveries = tokio::spawn(async move {
        loop {
            stripe.deliver_pending().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    settings.insert("BIND".to_owned(), souk.addr.to_string());
    let (code, said, why) = end_of_souk(&["webhooks", "setup"], &settings).await;
    assert_eq!(code, Some(0), "{said}{why}");
    let (code, said) = doctor(&settings, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains("signed with STRIPE_CONNECT_WEBHOOK_SECRET"),
        "{said}"
    );

    if accounts_api() == "v2" {
        assert!(said.contains("a ping of Stripe's arrived in "), "{said}");
    }
    deliveries.abort();

    app.sql("UPDATE jobs SET state = 'dead' WHERE kind = 'tidy'")
        .await;
    let (code, said) = doctor(&settings, &["--offline"]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("WARNING  jobs ") && said.contains("It works"),
        "{said}"
    );
    assert!(!said.contains("connect_endpoint"), "{said}");
    settings.insert("DATABASE_URL".to_owned(), "mysql://x".to_owned());
    let (code, said) = doctor(&settings, &[]).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("FAILED   settings            DATABASE_URL"),
        "{said}"
    );
    assert!(souk.stop().await.success());
    app.simulator.drop_pending().await;
}
