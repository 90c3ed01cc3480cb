//! Faults, and what survives them.

use serde_json::json;
use souk_simulator::{Fault, FaultKind};

use crate::support::{Stripe, check_books, file, without};

fn once(path: &str, kind: FaultKind) -> Fault {
    Fault {
        method: Some("POST".into()),
        path_prefix: path.into(),
        times: Some(1),
        ..Fault::new(kind)
    }
}

#[tokio::test]
async fn a_refund_committed_without_an_answer_is_replayed_by_its_key() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 5000, 0).await;
    let charge = s.sale(&acct, 1000, 100).await;
    let body = format!(
        "charge={}&refund_application_fee=true",
        charge["id"].as_str().expect("id")
    );
    let headers = [
        ("Stripe-Account", acct.as_str()),
        ("Idempotency-Key", "refund-1"),
    ];
    s.simulator
        .fault(once("/v1/refunds", FaultKind::CommitThenTimeout))
        .await;
    assert!(
        s.try_send("POST", "/v1/refunds", &body, &headers)
            .await
            .is_err()
    );
    let refunds = s.get_on(&acct, "/v1/refunds").await;
    assert_eq!(refunds["data"].as_array().map(Vec::len), Some(1));
    let again = s.send("POST", "/v1/refunds", &body, &headers).await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(again.body["id"], refunds["data"][0]["id"]);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn timeouts_before_commit_resets_and_429s_do_nothing() {
    let s = Stripe::start().await;
    let key = [("Idempotency-Key", "k")];
    for kind in [FaultKind::TimeoutBeforeCommit, FaultKind::Reset] {
        s.simulator.fault(once("/v1/accounts", kind)).await;
        assert!(s.try_send("POST", "/v1/accounts", "", &key).await.is_err());
    }
    s.simulator
        .fault(once("/v1/accounts", FaultKind::Error429))
        .await;
    assert_eq!(s.send("POST", "/v1/accounts", "", &key).await.status, 429);
    assert_eq!(s.get("/v1/accounts").await["data"], json!([]));
    let fine = s.send("POST", "/v1/accounts", "", &key).await;
    assert_eq!(fine.status, 200);
    assert!(!fine.headers.contains_key("idempotent-replayed"));
}

#[tokio::test]
async fn a_500_is_saved_under_its_key_as_stripe_saves_it() {
    let s = Stripe::start().await;
    s.post(
        "/_simulator/faults",
        r#"{"path_prefix":"/v1/accounts","kind":"error500","times":1}"#,
    )
    .await;
    let key = [("Idempotency-Key", "k")];
    assert_eq!(s.send("POST", "/v1/accounts", "", &key).await.status, 500);
    let again = s.send("POST", "/v1/accounts", "", &key).await;
    assert_eq!(
        (
            again.status,
            again.headers["idempotent-replayed"].to_str().ok()
        ),
        (500, Some("true"))
    );
}

#[tokio::test]
async fn a_key_in_flight_is_refused_with_409() {
    let s = Stripe::start().await;
    s.simulator
        .fault(once("/v1/accounts", FaultKind::Slow { ms: 300 }))
        .await;
    let key = [("Idempotency-Key", "k")];
    let (slow, quick) = tokio::join!(s.send("POST", "/v1/accounts", "", &key), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        s.send("POST", "/v1/accounts", "", &key).await
    });
    assert_eq!((slow.status, quick.status), (200, 409));
    assert_eq!(quick.error("code"), "idempotency_key_in_use");
}

#[tokio::test]
async fn a_restart_on_the_file_forgets_nothing_and_repeats_no_id() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.jsonl");
    let s = Stripe::with(file(&path)).await;
    let hook = s
        .simulator
        .ensure_webhook_endpoint("app", "http://127.0.0.1:9/a", true)
        .await;
    let acct = s.seller().await;
    let open = s.session(&acct, 700, "").await;
    let charge = s.sale(&acct, 1000, 100).await;
    let key = [("Idempotency-Key", "k")];
    let made = s.send("POST", "/v1/accounts", "country=FR", &key).await;
    s.simulator.advance(3600).await;
    let (before, now) = (s.simulator.oracle().await, s.simulator.now());
    let old = s.simulator.base_url();
    s.simulator.stop().await;

    let s = Stripe::with(file(&path)).await;
    assert_eq!(s.simulator.now(), now);
    let new = s.simulator.base_url();
    let after = s.simulator.oracle().await;
    let mine = &after["accounts"][&acct];
    for moved in [
        &mine["checkout_sessions"][0]["url"],
        &mine["charges"][0]["receipt_url"],
    ] {
        assert!(moved.as_str().expect("url").starts_with(&new), "{moved}");
    }
    // Events stay as they were sent.
    assert_eq!(
        without(&before, &old),
        without(&without(&after, &new), &old)
    );
    let replay = s.send("POST", "/v1/accounts", "country=FR", &key).await;
    assert_eq!(replay.body, made.body);
    let again = s
        .simulator
        .ensure_webhook_endpoint("app", "http://127.0.0.1:9/b", true)
        .await;
    assert_eq!((again.id, again.secret), (hook.id, hook.secret));
    assert_eq!(s.pay(&open, json!({})).await["payment_status"], "paid");
    let next = s.sale(&acct, 1000, 100).await;
    assert_ne!(next["id"], charge["id"]);
    check_books(&s.simulator.oracle().await);
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_and_a_damaged_middle_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.jsonl");
    let s = Stripe::with(file(&path)).await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 0).await;
    let before = without(&s.simulator.oracle().await, &s.simulator.base_url());
    let old = s.simulator.base_url();
    s.simulator.stop().await;
    let whole = std::fs::read(&path).expect("file");
    let mut torn = whole.clone();
    torn.extend_from_slice(br#"{"put":[{"kind":"char"#);
    std::fs::write(&path, &torn).expect("write");
    let s = Stripe::with(file(&path)).await;
    let after = without(&s.simulator.oracle().await, &s.simulator.base_url());
    assert_eq!(without(&after, &old), before);
    s.simulator.stop().await;
    let mut broken = b"{nonsense\n".to_vec();
    broken.extend_from_slice(&whole);
    std::fs::write(&path, &broken).expect("write");
    assert!(souk_simulator::Simulator::start(file(&path)).await.is_err());
}

#[tokio::test]
async fn one_state_file_has_one_simulator() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("state.jsonl");
    let s = Stripe::with(file(&path)).await;
    assert!(souk_simulator::Simulator::start(file(&path)).await.is_err());
    s.simulator.stop().await;
}

#[tokio::test]
async fn malformed_requests_are_answered_in_stripes_shape() {
    let s = Stripe::start().await;
    let deep = format!("a{}=1", "[b]".repeat(500));
    let huge = "a=".to_owned() + &"x".repeat(3 << 20);
    for (body, status) in [(deep.as_str(), 400), ("a[b=1", 400), (huge.as_str(), 413)] {
        let answer = s.send("POST", "/v1/accounts", body, &[]).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.error("type"), "invalid_request_error");
    }
}

#[tokio::test]
async fn a_request_asks_for_its_own_fault_in_a_header() {
    let s = Stripe::start().await;
    let ask = async |fault: &'static str, key: &'static str| {
        let headers = [("Simulator-Fault", fault), ("Idempotency-Key", key)];
        s.try_send("POST", "/v1/accounts", "", &headers).await
    };
    let accounts = async || {
        let list = s.get("/v1/accounts").await;
        list["data"].as_array().map_or(0, Vec::len)
    };
    for (fault, key, status, code) in [
        ("error_429", "a", 429, "rate_limit"),
        ("lock_timeout", "b", 429, "lock_timeout"),
        ("error_402", "c", 402, "card_declined"),
        ("error_500", "d", 500, ""),
        ("nonsense", "e", 400, ""),
        ("slow; ms=x", "f", 400, ""),
    ] {
        let answer = ask(fault, key).await.expect("answer");
        assert_eq!(
            (answer.status, answer.error("code")),
            (status, code),
            "{fault}"
        );
    }
    assert!(ask("timeout_before_commit", "g").await.is_err());
    assert!(ask("reset", "h").await.is_err());
    assert_eq!(accounts().await, 0);
    assert!(ask("commit_then_timeout", "i").await.is_err());
    let spoiled = ask("commit_then_error500", "j").await.expect("answer");
    assert_eq!((spoiled.status, spoiled.error("type")), (500, "api_error"));
    assert_eq!(accounts().await, 2);
    let again = s
        .send("POST", "/v1/accounts", "", &[("Idempotency-Key", "j")])
        .await;
    assert_eq!(again.status, 500, "what was said is what is kept");
    let began = std::time::Instant::now();
    let slow = ask("slow; ms=300", "k").await.expect("answer");
    assert_eq!(slow.status, 200);
    assert!(began.elapsed().as_millis() >= 300);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(ask("error_429; times=2", "l").await.expect("answer").status);
    }
    assert_eq!(seen, [429, 429, 200], "a client's own retry comes through");
}

#[tokio::test]
async fn a_rate_strikes_the_same_requests_of_the_same_seed() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let options = souk_simulator::Options {
            seed,
            ..crate::support::options()
        };
        let s = Stripe::with(options).await;
        s.post("/_simulator/faults", r#"{"kind":"error429","rate":0.4}"#)
            .await;
        let mut run = Vec::new();
        for _ in 0..40 {
            run.push(s.send("GET", "/v1/balance", "", &[]).await.status);
        }
        assert!(run.contains(&200) && run.contains(&429));
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn rate_limits_are_off_until_they_are_wanted() {
    let s = Stripe::start().await;
    let burst = async || {
        let mut refused = Vec::new();
        for _ in 0..40 {
            let answer = s.send("GET", "/v1/balance", "", &[]).await;
            if answer.status == 429 {
                assert_eq!(answer.error("code"), "rate_limit");
                let reason = answer.headers["stripe-rate-limited-reason"].clone();
                refused.push(reason.to_str().expect("text").to_owned());
            }
        }
        refused
    };
    assert!(burst().await.is_empty());
    s.post("/_simulator/rate_limits", r#"{"mode":"live"}"#)
        .await;
    assert!(burst().await.iter().any(|reason| reason == "endpoint-rate"));
    s.simulator
        .limit_rates(souk_simulator::RateLimits::Test)
        .await;
    assert!(burst().await.iter().any(|reason| reason == "global-rate"));
    s.post("/_simulator/rate_limits", r#"{"mode":"off"}"#).await;
    assert!(burst().await.is_empty());
}
