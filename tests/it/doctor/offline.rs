//! What needs no Stripe.

use std::sync::Arc;

use axum::Json;
use axum::routing::get;
use serde_json::json;
use souk::clock::Clock;
use souk::config::Config;
use souk::doctor::State::{Failed, Warning};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::{Checks, examine, healthy, settings};
use crate::harness::{TestApp, on_postgres};

async fn offline(app: &TestApp, config: Config) -> Checks {
    examine(config, app.app.clock.clone(), true).await
}

/// A server on this machine that answers every connection by `answer`.
async fn server<F: Future<Output = ()> + Send>(
    answer: impl Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            answer(stream).await;
        }
    });
    addr.to_string()
}

/// A mail server, as far as somebody who only asks whether it is one can tell.
async fn mail_server(stream: tokio::net::TcpStream) {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream
        .write_all(b"220 mail.test\r\n")
        .await
        .expect("writes");
    while let Ok(1..) = stream.read_line(&mut line).await {
        stream
            .write_all(b"250 mail.test\r\n")
            .await
            .expect("writes");
        line.clear();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_is_well_where_nothing_is_wrong() {
    let app = healthy().await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[]);
    let names = [
        "stripe_key",
        "public_url",
        "redirect_origins",
        "mail",
        "database",
        "migrations",
        "database_mode",
        "worker",
        "jobs",
        "events",
        "books",
        "platform_door",
        "connect_door",
    ];
    for name in names {
        assert!(checks.0.contains_key(name), "{name} is not checked");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_nobody_can_reach_is_seen() {
    let app = healthy().await;
    let mut live = settings(&app);
    live.livemode = true;
    let checks = offline(&app, live).await;
    let failed = |name: &'static str, words: &'static str| (name, Failed, words);
    let mut wrong = vec![
        failed("public_url", "only over https"),
        failed(
            "redirect_origins",
            "buyers may be sent back to http://127.0.0.1",
        ),
        ("mail", Warning, "nobody gets them"),
        failed("database_mode", "the settings are for live"),
    ];
    // As the tests' own server may have it.
    if on_postgres() {
        let fsync: String = app.query("SELECT current_setting('fsync') AS it").await;
        let off = failed("database", "fsync or full_page_writes is off");
        wrong.extend((fsync == "off").then_some(off));
    }
    checks.are_ok_but(&wrong);
    let mut at_stripe = settings(&app);
    at_stripe.stripe_api_base = "https://api.stripe.com".to_owned();
    let checks = offline(&app, at_stripe).await;
    checks.are_ok_but(&[failed("public_url", "use a tunnel")]);

    let mut nowhere = settings(&app);
    nowhere.public_url = "http://127.0.0.1:9".parse().expect("an address");
    let checks = offline(&app, nowhere).await;
    let unreachable = "can't be reached: no connection";
    checks.are_ok_but(&[
        failed("public_url", "no Souk answers at http://127.0.0.1:9"),
        failed("platform_door", unreachable),
        failed("connect_door", unreachable),
    ]);

    // Somebody else's server: with real money, and without our endpoints.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let ready = || async { Json(json!({ "status": "ok", "simulated": false })) };
    let other = axum::Router::new().route("/readyz", get(ready));
    tokio::spawn(async move { axum::serve(listener, other).await });
    let mut elsewhere = settings(&app);
    elsewhere.public_url = format!("http://{addr}").parse().expect("an address");
    let checks = offline(&app, elsewhere).await;
    checks.are_ok_but(&[
        failed("public_url", "another server answers"),
        failed("platform_door", "something else (status 404)"),
        failed("connect_door", "something else (status 404)"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_does_not_answer_is_seen_and_one_that_does_is_fine() {
    let app = healthy().await;
    let with = async |url: String| {
        let mut config = settings(&app);
        config.smtp_url = Some(url.into());
        offline(&app, config).await
    };
    let checks = with("smtp://127.0.0.1:9".to_owned()).await;
    checks.are_ok_but(&[("mail", Failed, "mail can't be sent")]);
    let addr = server(mail_server).await;
    with(format!("smtp://{addr}")).await.are_ok_but(&[]);
    // A file where the folder should be.
    let mut config = settings(&app);
    config.data_dir = app.folder.path().join("no-folder");
    std::fs::write(&config.data_dir, "").expect("writes");
    let checks = offline(&app, config).await;
    checks.are_ok_but(&[("mail", Failed, "mail can't be sent")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_or_forgets_is_seen() {
    let app = healthy().await;
    let mut away = settings(&app);
    away.database_url = match on_postgres() {
        true => "postgres://nobody@127.0.0.1:9/nothing".to_owned(),
        false => format!("sqlite://{}/none.sqlite", app.folder.path().display()),
    };
    let checks = offline(&app, away).await;
    checks.are_ok_but(&[("database", Failed, "can't be reached")]);
    assert!(
        !app.folder.path().join("none.sqlite").exists(),
        "the doctor made a database"
    );
    assert!(!checks.0.contains_key("worker"), "{:?}", checks.0.keys());

    let mut forgets = settings(&app);
    if on_postgres() {
        let name: String = app.query("SELECT current_database() AS it").await;
        app.sql(&format!(
            "ALTER DATABASE {name} SET synchronous_commit = off"
        ))
        .await;
        let checks = offline(&app, forgets).await;
        checks.are_ok_but(&[("database", Failed, "synchronous_commit is off")]);
        return;
    }
    forgets.database_url = "sqlite::memory:".to_owned();
    let checks = offline(&app, forgets).await;
    checks.are_ok_but(&[
        (
            "database",
            Failed,
            "journal_mode and synchronous are memory",
        ),
        ("migrations", Failed, "the schema lacks"),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_of_another_version_and_a_database_of_other_money_are_seen() {
    let app = healthy().await;
    app.sql("UPDATE installation SET mode = 'live'").await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[(
        "database_mode",
        Failed,
        "holds live money, and the settings are for test",
    )]);
    app.sql("UPDATE installation SET mode = 'test'").await;
    app.sql("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m2099_tomorrow', 1)")
        .await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[(
        "migrations",
        Failed,
        "1 changes that this version doesn't know",
    )]);
    app.sql("UPDATE seaql_migrations SET version = 'm2098' WHERE version LIKE 'm20261123_000001%'")
        .await;
    app.sql("DELETE FROM seaql_migrations WHERE version IN ('m2098', 'm2099_tomorrow')")
        .await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[("migrations", Failed, "lacks 1 changes")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_nobody_does_is_seen() {
    let never = TestApp::start().await;
    let checks = offline(&never, settings(&never)).await;
    checks.are_ok_but(&[("worker", Failed, "no worker has ever")]);

    let app = healthy().await;
    app.allow_unfinished_work();
    app.advance(61).await;
    offline(&app, settings(&app)).await.are_ok_but(&[]);
    app.advance(61).await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[("jobs", Warning, "a job (keep_books) is due since")]);
    app.advance(700).await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[
        ("worker", Failed, "no worker has been at work since"),
        ("jobs", Failed, "a job (keep_books) is due since"),
    ]);
    app.run_jobs().await;
    offline(&app, settings(&app)).await.are_ok_but(&[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_and_books_past_their_deadline_are_seen() {
    let app = healthy().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(1)).await;
    app.sale(&lamp).await;
    app.settle().await;
    offline(&app, settings(&app)).await.are_ok_but(&[]);
    app.sql("UPDATE jobs SET state = 'dead' WHERE kind = 'sync_account'")
        .await;
    let dead = app.count("jobs WHERE state = 'dead'").await;
    assert!(dead > 0);
    app.sql("UPDATE inbox_events SET state = 'dead' WHERE id = (SELECT MIN(id) FROM inbox_events)")
        .await;
    app.sql(&format!(
        "UPDATE books SET pull_by = {}",
        app.app.clock.now().plus_ms(-16 * 60_000).0
    ))
    .await;
    let late = app.count("books").await;
    assert!(late > 0, "there is no book");
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[
        ("jobs", Warning, "were given up"),
        ("events", Warning, "1 events were given up"),
        (
            "books",
            Failed,
            "books are past their deadline, such as acct_",
        ),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_other_secrets_or_has_another_time_is_seen() {
    let app = healthy().await;
    let mut rolled = settings(&app);
    rolled.connect_webhook_secrets.push("whsec_new".into());
    let checks = offline(&app, rolled).await;
    // Behind those of the Connect endpoint and of the destination of thin events.
    let words = "doesn't take what is signed with secret 3 of STRIPE_CONNECT_WEBHOOK_SECRET";
    checks.are_ok_but(&[("connect_door", Failed, words)]);
    let mut swapped = settings(&app);
    std::mem::swap(
        &mut swapped.connect_webhook_secrets,
        &mut swapped.platform_webhook_secrets,
    );
    let checks = offline(&app, swapped).await;
    let words = "doesn't take what is signed with ";
    checks.are_ok_but(&[
        ("platform_door", Failed, words),
        ("connect_door", Failed, words),
    ]);
    let mut none = settings(&app);
    none.platform_webhook_secrets.clear();
    let checks = offline(&app, none).await;
    checks.are_ok_but(&[("platform_door", Failed, "souk webhooks setup")]);

    let ahead = Clock::fixed(app.app.clock.now().plus_ms(6 * 60_000));
    let checks = examine(settings(&app), ahead, true).await;
    let words = "more than five minutes apart";
    for name in ["platform_door", "connect_door"] {
        let check = &checks.0[name];
        assert!(
            check.state == Failed && check.message.contains(words),
            "{check:?}"
        );
    }
    // Nothing that was asked has left a trace.
    assert_eq!(app.count("inbox_events").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_when_an_event_last_came_to_each_door() {
    let app = healthy().await;
    app.shop("mira").await;
    app.settle().await;
    let checks = offline(&app, settings(&app)).await;
    checks.are_ok_but(&[]);
    let says = |name: &str| checks.0[name].message.clone();
    assert!(
        says("connect_door").contains("an event last came at 2026-11-18T"),
        "{}",
        says("connect_door")
    );
    assert!(
        says("platform_door").contains("no event came within a month"),
        "{}",
        says("platform_door")
    );
}
