//! The two webhook endpoints: which requests they accept, and that each event counts once.

mod malformed;
mod review;
mod signature_header;
mod thin;

use futures_util::future::join_all;
use sea_orm::ConnectionTrait;
use serde_json::json;
use souk_simulator::sign;

use crate::harness::{Endpoint, Has, START, TestApp, event, on_postgres, text};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_event_delivered_twenty_times_at_once_counts_once() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(5)).await;
    let checkout = app.checkout(&lamp).await;
    app.pay(&checkout).await;
    let completed = app.pending_one("checkout.session.completed").await;
    let states = join_all((0..20).map(|_| app.deliver(&completed))).await;
    assert_eq!(
        states.iter().filter(|state| *state == "processed").count(),
        1,
        "{states:?}"
    );
    assert_eq!(
        states.iter().filter(|state| *state == "duplicate").count(),
        19,
        "{states:?}"
    );
    app.settle().await;
    assert_eq!(app.order(&checkout).await["status"], "paid");
    assert_eq!(app.stock(&lamp).await, 4);
    assert_eq!(app.count("order_events WHERE kind = 'paid'").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_bad_event_fails_alone_in_its_batch_and_duplicates_count_once() {
    let app = TestApp::start().await;
    app.allow_unfinished_work();
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, Some(20)).await;
    let mut events = Vec::new();
    for _ in 0..12 {
        let checkout = app.checkout(&lamp).await;
        app.pay(&checkout).await;
    }
    for event in app.intercept().await {
        if event["type"] == "checkout.session.completed" {
            events.push(event.clone());
            events.push(event);
        }
    }
    for n in 0..3 {
        let id = format!("evt_bad{n}");
        let broken = json!({ "id": 7, "status": [] });
        events.push(event(
            &id,
            "checkout.session.completed",
            &shop.account,
            broken,
        ));
    }
    // Its effect can be counted: each asks for one more re-read of the account.
    let account = json!({ "id": shop.account });
    events.push(event("evt_a", "account.updated", &shop.account, account));
    let wanted = async || {
        let sum = "SELECT CAST(SUM(wanted_generation) AS BIGINT) AS it FROM jobs WHERE kind = 'sync_account'";
        app.query::<Option<i64>>(sum).await.unwrap_or_default()
    };
    let before = wanted().await;
    let other = json!({ "id": "cus_1" });
    events.push(event("evt_other", "customer.created", &shop.account, other));

    // Nobody else can write until they are all queued.
    let held = app.app.db.begin_write().await.expect("begins");
    if on_postgres() {
        let lock = "LOCK TABLE inbox_events IN EXCLUSIVE MODE";
        held.execute_unprepared(lock).await.expect("locks");
    }
    let release = async {
        tokio::time::sleep(std::time::Duration::from_millis(400)).await;
        held.rollback().await.expect("ends");
    };
    let (states, ()) = tokio::join!(join_all(events.iter().map(|e| app.deliver(e))), release);
    let count = |what: &str| states.iter().filter(|state| *state == what).count();
    assert_eq!(count("processed"), 13, "{states:?}");
    assert_eq!(count("duplicate"), 12, "{states:?}");
    assert_eq!(count("failed"), 3, "{states:?}");
    assert_eq!(count("ignored"), 1, "{states:?}");
    assert_eq!(app.stock(&lamp).await, 8);
    assert_eq!(app.count("orders WHERE status = 'paid'").await, 12);
    assert_eq!(
        app.count("inbox_events WHERE state = 'failed' AND error <> ''")
            .await,
        3
    );
    assert_eq!(app.count("jobs WHERE kind = 'mail'").await, 24);
    assert_eq!(wanted().await, before + 1, "an effect was left standing");
}

#[tokio::test]
async fn an_event_signed_with_the_other_endpoints_secret_is_refused_and_the_mistake_is_named() {
    let app = TestApp::start().await;
    let ours = event(
        "evt_1",
        "account.updated",
        "acct_1",
        json!({ "id": "acct_1" }),
    )
    .to_string();
    for (endpoint, secret, setting) in [
        (
            Endpoint::Connect,
            &app.platform.secret,
            "STRIPE_CONNECT_WEBHOOK_SECRET",
        ),
        (
            Endpoint::Platform,
            &app.connect.secret,
            "STRIPE_WEBHOOK_SECRET",
        ),
    ] {
        let answer = app.post_event(endpoint, &ours, secret, app.now()).await;
        answer.refused(400, "wrong_secret");
        assert!(
            text(&answer.body, "detail").contains(setting),
            "{}",
            answer.text
        );
    }
    assert_eq!(app.count("inbox_events").await, 0);
}

#[tokio::test]
async fn an_event_of_a_connected_account_is_refused_at_the_platforms_endpoint_and_the_reverse() {
    let app = TestApp::start().await;
    let theirs = event(
        "evt_1",
        "account.updated",
        "acct_1",
        json!({ "id": "acct_1" }),
    )
    .to_string();
    let answer = app
        .post_event(Endpoint::Platform, &theirs, &app.platform.secret, app.now())
        .await;
    answer.refused(400, "account_not_allowed");
    let ours = json!({ "id": "evt_2", "type": "payout.paid", "livemode": false }).to_string();
    let answer = app
        .post_event(Endpoint::Connect, &ours, &app.connect.secret, app.now())
        .await;
    answer.refused(400, "account_required");
    let answer = app
        .post_event(Endpoint::Platform, &ours, &app.platform.secret, app.now())
        .await;
    answer.expect(200).has(json!({ "state": "ignored" }));
}

#[tokio::test]
async fn either_of_two_signatures_counts_in_either_order_while_a_secret_is_rolled() {
    let app = TestApp::start().await;
    let ours = event("evt_1", "a.b", "acct_1", json!({})).to_string();
    let made = |secret: &str| {
        let header = sign(secret, START, ours.as_bytes());
        header.rsplit_once("v1=").expect("a signature").1.to_owned()
    };
    let (good, bad) = (made(&app.connect.secret), made("whsec_rolled"));
    for header in [
        format!("t={START},v1={bad},v1={good}"),
        format!("t={START},v1={good},v1={bad}"),
    ] {
        assert_eq!(
            app.post_with_signature(Endpoint::Connect, &ours, &header)
                .await
                .status,
            200,
            "{header}"
        );
    }
    let answer = app
        .post_with_signature(
            Endpoint::Connect,
            &ours,
            &format!("t={START},v1={bad},v0={good}"),
        )
        .await;
    answer.refused(400, "invalid_signature");
}

#[tokio::test]
async fn events_signed_with_the_old_or_the_new_secret_are_accepted_while_it_is_rolled() {
    let app = TestApp::with(&[("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_new,whsec_old")]).await;
    for (id, secret) in [("evt_1", "whsec_new"), ("evt_2", "whsec_old")] {
        let ours = event(id, "a.b", "acct_1", json!({})).to_string();
        assert_eq!(
            app.post_event(Endpoint::Connect, &ours, secret, app.now())
                .await
                .status,
            200
        );
    }
}

#[tokio::test]
async fn a_body_that_was_serialised_again_is_refused() {
    let app = TestApp::start().await;
    let ours = event("evt_1", "a.b", "acct_1", json!({})).to_string();
    let signature = sign(&app.connect.secret, START, ours.as_bytes());
    let again = serde_json::to_string_pretty(
        &serde_json::from_str::<serde_json::Value>(&ours).expect("JSON"),
    );
    let answer = app
        .post_with_signature(Endpoint::Connect, &again.expect("JSON"), &signature)
        .await;
    answer.refused(400, "invalid_signature");
}

#[tokio::test]
async fn a_signature_of_300_seconds_ago_counts_and_one_of_301_does_not() {
    let app = TestApp::start().await;
    for (age, status) in [(299, 200), (300, 200), (301, 400), (-300, 200), (-301, 400)] {
        let ours = event(&format!("evt_{}", age + 1000), "a.b", "acct_1", json!({})).to_string();
        let answer = app
            .post_event(
                Endpoint::Connect,
                &ours,
                &app.connect.secret,
                app.now() - age,
            )
            .await;
        assert_eq!(answer.status, status, "{age} s: {}", answer.text);
        if status == 400 {
            assert_eq!(answer.code(), "timestamp_out_of_tolerance");
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_event_is_refused_and_one_with_an_id_is_kept() {
    let app = TestApp::start().await;
    for endpoint in [Endpoint::Platform, Endpoint::Connect] {
        let secret = if endpoint == Endpoint::Connect {
            &app.connect.secret
        } else {
            &app.platform.secret
        };
        for body in [
            "",
            "[]",
            "{",
            "{}",
            r#"{"id": ""}"#,
            r#"{"id": 7}"#,
            "\u{0}",
        ] {
            let answer = app.post_event(endpoint, body, secret, app.now()).await;
            answer.refused(400, "malformed_event");
        }
        assert_eq!(
            app.call("POST", endpoint.path()).await.code(),
            "invalid_signature"
        );
        let large = format!(r#"{{"id": "evt_1", "pad": "{}"}}"#, "x".repeat(512 * 1024));
        let answer = app.post_event(endpoint, &large, secret, app.now()).await;
        answer.refused(413, "payload_too_large");
    }
    assert_eq!(app.count("inbox_events").await, 0);
    assert_eq!(
        app.deliver(&json!({ "id": "evt_odd", "account": "acct_1" }))
            .await,
        "ignored"
    );
    assert_eq!(app.count("inbox_events").await, 1);
}

#[tokio::test]
async fn a_known_type_in_an_unknown_shape_is_kept_and_retried() {
    let app = TestApp::start().await;
    let odd = event(
        "evt_odd",
        "checkout.session.completed",
        "acct_1",
        json!({ "id": 17, "status": ["complete"] }),
    );
    assert_eq!(app.deliver(&odd).await, "failed");
    assert_eq!(app.deliver(&odd).await, "duplicate");
    let state: String = app.query("SELECT state AS it FROM inbox_events").await;
    assert_eq!(state, "failed");
    for _ in 0..20 {
        app.advance(3600).await;
        app.run_jobs().await;
    }
    let state: String = app.query("SELECT state AS it FROM inbox_events").await;
    assert_eq!(state, "dead");
    app.allow_unfinished_work();
}

#[tokio::test]
async fn an_event_of_the_other_mode_is_acknowledged_and_not_kept() {
    let app = TestApp::start().await;
    let mut live = event(
        "evt_live",
        "account.updated",
        "acct_1",
        json!({ "id": "acct_1" }),
    );
    live["livemode"] = json!(true);
    assert_eq!(app.deliver(&live).await, "ignored");
    assert_eq!(app.count("inbox_events").await, 0);
}

#[tokio::test]
async fn an_event_is_not_acknowledged_while_the_database_is_away() {
    let app = TestApp::start().await;
    app.app.db.clone().close().await.expect("closes");
    for (endpoint, secret) in [
        (Endpoint::Connect, &app.connect.secret),
        (Endpoint::Platform, &app.platform.secret),
    ] {
        let mut ours = event("evt_1", "a.b", "acct_1", json!({}));
        if endpoint == Endpoint::Platform {
            ours["account"] = json!(null);
        }
        let answer = app
            .post_event(endpoint, &ours.to_string(), secret, app.now())
            .await;
        answer.refused(503, "busy");
        assert!(answer.header("retry-after").is_some());
    }
    app.get("/readyz").refused(503, "busy").await;
}
