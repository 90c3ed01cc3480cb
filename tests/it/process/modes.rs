//! Simulated, test and live money never meet in one database, nor do two platforms.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use souk::error::Error;
use souk::installation::{self, Mode};
use souk_simulator::{Options, Simulator};

use crate::harness::{Database, Souk, TestApp, free_port, run_souk, settings, until};

/// The settings of a server with this key on this database, whose Stripe never answers.
fn with_key(key: &str, database: &Database, folder: &std::path::Path) -> HashMap<String, String> {
    let secrets = ("whsec_platform", "whsec_connect");
    let mut settings = settings("http://127.0.0.1:9", secrets, &database.url, folder);
    settings.insert("STRIPE_SECRET_KEY".to_owned(), key.to_owned());
    settings
}

/// What a start says that is refused.
async fn refusal(settings: &HashMap<String, String>) -> String {
    let mut settings = settings.clone();
    settings.insert("BIND".to_owned(), free_port().await.to_string());
    let started = tokio::time::timeout(Duration::from_secs(30), run_souk(&["serve"], &settings));
    let (ok, _, errors) = started.await.expect("the start is refused");
    assert!(!ok, "it started and stopped well");
    errors
}

async fn demo_admin_logs_in(souk: &Souk) {
    until("the demo is seeded", async || {
        let login = json!({ "email": "admin@demo.example", "password": "demo demo demo" });
        let answer = souk.client.post("/v1/auth/login", login).attempt().await;
        answer.filter(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_admin_does_not_survive_going_live() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::empty(folder.path()).await;
    let port = free_port().await;
    let mut demo = super::simulated(&database, folder.path(), port);
    demo.remove("SEED_DEMO");
    let souk = Souk::serve(&demo).await;
    demo_admin_logs_in(&souk).await;
    assert!(souk.stop().await.success());

    for key in ["sk_live_suite", "sk_test_suite"] {
        let live = with_key(key, &database, folder.path());
        let said = refusal(&live).await;
        assert!(said.contains("simulated money"), "{said}");
        assert!(said.contains("DATABASE_URL"), "{said}");
        for command in [
            &["worker"][..],
            &["admin", "create", "--email", "a@b.example"],
        ] {
            let (ok, _, said) = run_souk(command, &live).await;
            assert!(!ok, "{command:?} took the demo's database");
            assert!(!said.is_empty());
        }
    }
    // The demo itself goes on.
    let souk = Souk::serve(&demo).await;
    demo_admin_logs_in(&souk).await;
    assert!(souk.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_that_went_live_on_the_demo_is_refused_until_its_users_are_closed() {
    let app = TestApp::with(&[("STRIPE_SECRET_KEY", "sk_live_suite")]).await;
    for email in installation::SEEDED_USERS {
        let role = souk::identity::Role::Admin;
        let made = souk::identity::ensure_user(&app.app, email, "Demo", "demo demo demo", role);
        made.await.expect("a user");
    }
    live_seller(&app).await;
    app.sql("DELETE FROM installation").await;

    let opened = installation::open(&app.app.db, Mode::Live).await;
    let said = opened.expect_err("it has the demo's users").to_string();
    assert!(said.contains("souk migrate --mode"), "{said}");
    let settled = installation::set_mode(&app.app.db, Mode::Live).await;
    settled.expect("an operator says it");
    let opened = installation::open(&app.app.db, Mode::Live).await;
    opened.expect("it is settled");

    assert_eq!(
        app.count("users WHERE email LIKE '%@demo.example'").await,
        0
    );
    assert_eq!(app.count("users WHERE role = 'admin'").await, 0);
    let login = json!({ "email": "admin@demo.example", "password": "demo demo demo" });
    app.post("/v1/auth/login", login)
        .refused(401, "invalid_credentials")
        .await;
    let again = installation::set_mode(&app.app.db, Mode::Test).await;
    assert!(matches!(again, Err(Error::WrongDatabase(_))), "{again:?}");
}

/// A seller as a live key would have made one; the simulator takes no live key.
async fn live_seller(app: &TestApp) {
    app.sql(
        "INSERT INTO sellers (id, owner_id, name, email, country, livemode, dashboard, status, charges_enabled, \
             payouts_enabled, details_submitted, requirements, metadata, created_at, updated_at) \
         SELECT 'sel_live', id, 'Live', email, 'US', TRUE, 'full', 'created', FALSE, FALSE, FALSE, '{}', '{}', 1, 1 \
         FROM users ORDER BY id LIMIT 1",
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_from_before_is_told_by_its_rows() {
    let app = TestApp::with(&[("STRIPE_SECRET_KEY", "sk_live_suite")]).await;
    let db = &app.app.db;
    app.member("mira").await;
    live_seller(&app).await;
    app.sql("DELETE FROM installation").await;
    let opened = installation::open(db, Mode::Test).await;
    assert!(opened.is_err(), "live sellers were taken for test ones");
    let opened = installation::open(db, Mode::Live).await;
    opened.expect("its sellers are live");
    assert_eq!(app.count("installation WHERE mode = 'live'").await, 1);

    // Sellers of test mode may be Stripe's or the simulator's.
    app.sql("DELETE FROM installation").await;
    app.sql("UPDATE sellers SET livemode = FALSE").await;
    for mode in [Mode::Simulated, Mode::Test, Mode::Live] {
        let said = installation::open(db, mode)
            .await
            .expect_err("it isn't clear");
        assert!(said.to_string().contains("souk migrate --mode"), "{said}");
    }
    assert_eq!(app.count("installation").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn souk_migrate_settles_what_a_database_from_before_holds() {
    let app = TestApp::start().await;
    app.member("mira").await;
    app.sql("DELETE FROM installation").await;
    let secrets = (app.platform.secret.as_str(), app.connect.secret.as_str());
    let (stripe, folder) = (app.simulator.base_url(), app.folder.path());
    let settings = settings(&stripe, secrets, app.database_url(), folder);
    let (ok, _, said) = run_souk(&["migrate"], &settings).await;
    assert!(!ok && said.contains("souk migrate --mode"), "{said}");
    let (ok, _, said) = run_souk(&["migrate", "--mode", "test"], &settings).await;
    assert!(ok, "{said}");
    let (ok, _, said) = run_souk(&["migrate", "--mode", "live"], &settings).await;
    assert!(!ok && said.contains("holds test money"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_another_platform_ends_the_server_once_stripe_has_said_so() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let checked = installation::check_platform(app.app.clone()).await;
    checked.expect("the first answer is remembered");
    let account: String = app
        .query("SELECT platform_account AS it FROM installation")
        .await;
    assert!(account.starts_with("acct_"), "{account}");
    let again = installation::check_platform(app.app.clone()).await;
    again.expect("it is the same platform");

    let options = Options {
        seed: 7,
        ..Options::default()
    };
    let other = Simulator::start(options).await.expect("a simulator");
    let secrets = (app.platform.secret.as_str(), app.connect.secret.as_str());
    let (stripe, folder) = (other.base_url(), app.folder.path());
    let settings = settings(&stripe, secrets, app.database_url(), folder);
    for _ in 0..2 {
        let said = refusal(&settings).await;
        assert!(said.contains(&account), "{said}");
        assert!(said.contains("STRIPE_SECRET_KEY"), "{said}");
    }
    let kept: String = app
        .query("SELECT platform_account AS it FROM installation")
        .await;
    assert_eq!(kept, account);
}
