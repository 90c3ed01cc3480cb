//! An operator's tools: `souk replay`, `souk worker` and the metrics.

use std::collections::HashMap;

use serde_json::json;

use super::signed_now;
use crate::admin::sale_given_up;
use crate::harness::{
    Endpoint, Souk, TestApp, event, free_port, on_postgres, run_souk, settings, text, until,
};

pub(super) fn of(app: &TestApp) -> HashMap<String, String> {
    let secrets = (app.platform.secret.as_str(), app.connect.secret.as_str());
    let (stripe, folder) = (app.simulator.base_url(), app.folder.path());
    settings(&stripe, secrets, app.database_url(), folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn souk_replay_says_what_would_happen_and_then_does_it() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let (checkout, _, id) = sale_given_up(&app).await;
    let settings = of(&app);
    let (ok, said, _) = run_souk(&["replay", "--state", "dead", "--dry-run"], &settings).await;
    assert!(ok, "{said}");
    let line = said.lines().next().unwrap_or_default();
    for part in [&id, "dead -> processed", "orders 1", "stock_movements 1"] {
        assert!(line.contains(part), "{part} is not in {said}");
    }
    assert!(said.ends_with("1 replayed dry, 0 not well\n"), "{said}");
    assert_eq!(app.order(&checkout).await["status"], "pending");

    let wish = ["replay", "--type", "checkout.session.completed"];
    let (ok, said, _) = run_souk(&wish, &settings).await;
    assert!(ok, "{said}");
    assert_eq!(app.order(&checkout).await["status"], "paid");
    let by_cli = "audit_log WHERE actor = 'cli' AND action = 'event.replayed'";
    assert_eq!(app.count(by_cli).await, 1);

    let broken = json!({ "id": 7, "status": [] });
    let account: String = app.query("SELECT stripe_account AS it FROM sellers").await;
    let broken = event("evt_a", "checkout.session.completed", &account, broken);
    app.deliver(&broken).await;
    let (ok, said, _) = run_souk(&["replay", "evt_a", "evt_nowhere", &id], &settings).await;
    assert!(!ok, "{said}");
    for part in [
        "failed -> failed",
        "evt_nowhere  No such event",
        "processed -> processed",
        "2 replayed, 2 not well",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    for (wrong, named) in [
        (vec!["replay"], "--state dead"),
        (vec!["replay", "--state", "lost"], "dead"),
        (vec!["replay", "--since", "yesterday"], "2026-11-24T"),
        (vec!["replay", "evt_a", "--state", "dead"], "--state"),
    ] {
        let (ok, _, why) = run_souk(&wrong, &settings).await;
        assert!(!ok && why.contains(named), "{wrong:?}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_events_their_outcomes_and_the_unfinished_work() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let (_, _, dead) = sale_given_up(&app).await;
    let account: String = app.query("SELECT stripe_account AS it FROM sellers").await;
    let mut settings = of(&app);
    let metrics = free_port().await;
    settings.insert("METRICS_BIND".to_owned(), metrics.to_string());
    let scrape = async || {
        let answer = reqwest::get(format!("http://{metrics}/metrics")).await;
        answer.ok()?.text().await.ok()
    };
    let souk = Souk::serve(&settings).await;
    let post_event = async |secret: &str, endpoint: Endpoint, payload: &str| {
        let call = souk.client.call("POST", endpoint.path());
        let call = call.content("application/json", payload.to_owned());
        let signature = signed_now(secret, payload);
        call.header("stripe-signature", &signature).await.status
    };
    let object = json!({ "id": account });
    let updated = event("evt_1", "account.updated", &account, object).to_string();
    let secret = app.connect.secret.clone();
    assert_eq!(post_event(&secret, Endpoint::Connect, &updated).await, 200);
    assert_eq!(post_event(&secret, Endpoint::Connect, &updated).await, 200);
    assert_eq!(
        post_event("whsec_wrong", Endpoint::Platform, &updated).await,
        400
    );
    assert_eq!(post_event(&secret, Endpoint::Connect, "[]").await, 400);
    let told = until("a job is counted", async || {
        let told = scrape().await?;
        let done = "souk_jobs_total{kind=\"sync_account\",outcome=\"done\"} ";
        told.contains(done).then_some(told)
    })
    .await;
    for line in [
        "souk_events_total{endpoint=\"connect\",source=\"webhook\",outcome=\"processed\"} 1",
        "souk_events_total{endpoint=\"connect\",source=\"webhook\",outcome=\"duplicate\"} 1",
        "souk_deliveries_refused_total{endpoint=\"platform\",code=\"invalid_signature\"} 1",
        "souk_deliveries_refused_total{endpoint=\"connect\",code=\"malformed_event\"} 1",
        "souk_event_last_received_timestamp_seconds{endpoint=\"platform\"} 0",
        "souk_delivery_duration_seconds_count{endpoint=\"connect\"} 2",
        "souk_commit_events_bucket{le=\"1\"}",
        "souk_effects_duration_seconds_bucket{le=\"0.1\"}",
        "souk_commit_duration_seconds_count",
        "souk_queue_events 0",
        "souk_events_unfinished{state=\"dead\"} 1",
        "souk_events_unfinished{state=\"failed\"} 0",
        "souk_jobs_unfinished{state=\"dead\"} 0",
        "souk_findings_open 0",
        "souk_database_up 1",
        "# TYPE souk_job_duration_seconds histogram",
    ] {
        assert!(
            told.contains(&format!("{line}\n")) || told.contains(&format!("{line} ")),
            "{line} is not in\n{told}"
        );
    }
    assert!(!told.contains(&dead) && !told.contains(&account), "{told}");
    assert!(souk.stop().await.success());

    // A restart doesn't forget when the last event came.
    let souk = Souk::serve(&settings).await;
    let told = until("it is told", scrape).await;
    let last = told
        .lines()
        .find_map(|line| {
            line.strip_prefix("souk_event_last_received_timestamp_seconds{endpoint=\"connect\"} ")
        })
        .and_then(|seconds| seconds.parse::<i64>().ok());
    assert!(last > Some(1_700_000_000), "{last:?}");
    assert!(souk.stop().await.success());
    app.simulator.drop_pending().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_separate_worker_does_the_jobs_where_the_settings_say_so() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let mut settings = of(&app);
    settings.insert("WORKER".to_owned(), "false".to_owned());
    if !on_postgres() {
        let (ok, _, why) = run_souk(&["serve"], &settings).await;
        assert!(!ok && why.contains("WORKER is false"), "{why}");
        settings.remove("WORKER");
        let (ok, _, why) = run_souk(&["worker"], &settings).await;
        assert!(!ok && why.contains("PostgreSQL"), "{why}");
        return;
    }
    let souk = Souk::serve(&settings).await;
    let body = json!({ "email": "mira@example.com", "password": crate::harness::PASSWORD, "name": "Mira" });
    let pair = souk
        .client
        .post("/v1/auth/register", body)
        .expect(201)
        .await;
    let bearer = format!("Bearer {}", text(&pair, "access_token"));
    app.fault(
        "POST",
        crate::harness::accounts_path(),
        souk_simulator::FaultKind::TimeoutBeforeCommit,
        None,
    )
    .await;
    let body = json!({ "country": "US", "name": "Lamps" });
    let made = souk.client.post("/v1/sellers", body);
    let made = made.header("authorization", &bearer).await;
    let waits = "jobs WHERE kind = 'create_account' AND state = 'ready'";
    assert_eq!(app.count(waits).await, 1, "{}", made.text);
    // Longer than a worker waits between two looks.
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    assert_eq!(app.count(waits).await, 1);
    app.simulator.clear_faults().await;
    let worker = Souk::worker(&settings).await;
    until("the job is done", async || {
        (app.count("jobs WHERE kind = 'create_account' AND state = 'done'")
            .await
            == 1)
            .then_some(())
    })
    .await;
    assert!(worker.stop().await.success());
    assert!(souk.stop().await.success());
    app.simulator.drop_pending().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn souk_webhooks_prints_the_types_of_each_endpoint() {
    let app = TestApp::start().await;
    let (ok, printed, _) = run_souk(&["webhooks"], &of(&app)).await;
    assert!(ok, "{printed}");
    let (platform, connect) = printed
        .split_once("/webhooks/stripe/connect, events on connected accounts:")
        .expect("both endpoints");
    for kind in [
        "checkout.session.completed",
        "account.updated",
        "payout.paid",
    ] {
        assert!(connect.contains(kind), "{kind} is not in {connect}");
    }
    assert!(platform.contains("payout.paid") && !platform.contains("checkout."));
}
