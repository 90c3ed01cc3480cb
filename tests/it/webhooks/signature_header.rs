//! The `Stripe-Signature` header, as a stranger may make it.

use serde_json::json;
use souk_simulator::sign;

use crate::harness::{Endpoint, START, TestApp, event};

#[tokio::test]
async fn a_header_that_is_no_signature_is_refused() {
    let app = TestApp::start().await;
    let ours = event("evt_1", "a.b", "acct_1", json!({})).to_string();
    let good = sign(&app.connect.secret, START, ours.as_bytes());
    let good = good.rsplit_once("v1=").expect("a signature").1;
    let at = |t: i64| sign(&app.connect.secret, t, ours.as_bytes());
    for (header, code) in [
        (String::new(), "invalid_signature"),
        ("é".repeat(100), "invalid_signature"),
        (format!("t={START}é,v1={good}"), "invalid_signature"),
        (format!("t={START},v1={good}é"), "invalid_signature"),
        (format!("t={START},v1=é"), "invalid_signature"),
        (",".repeat(64 * 1024), "invalid_signature"),
        ("t=1,".repeat(16 * 1024), "invalid_signature"),
        (
            format!("t={START},v1={}", "0".repeat(64 * 1024)),
            "invalid_signature",
        ),
        (format!("t={START},v1={good}{good}"), "invalid_signature"),
        (format!("t={START},v1={}", &good[..62]), "invalid_signature"),
        (format!("t={START},v1="), "invalid_signature"),
        (
            format!("t=99999999999999999999,v1={good}"),
            "invalid_signature",
        ),
        (format!("t=1e9,v1={good}"), "invalid_signature"),
        // The last `t` counts, and its value is signed.
        (format!("t={START},t=1,v1={good}"), "invalid_signature"),
        (format!("t={START},t=,v1={good}"), "invalid_signature"),
        (at(-1), "timestamp_out_of_tolerance"),
        (at(i64::MIN), "timestamp_out_of_tolerance"),
        (at(i64::MAX), "timestamp_out_of_tolerance"),
    ] {
        let answer = app
            .post_with_signature(Endpoint::Connect, &ours, &header)
            .await;
        answer.refused(400, code);
    }
    assert_eq!(app.count("inbox_events").await, 0);
    let twice = format!("t=1,t={START},v1={good}");
    assert_eq!(
        app.post_with_signature(Endpoint::Connect, &ours, &twice)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn the_right_signature_counts_among_a_thousand_wrong_ones() {
    let app = TestApp::start().await;
    let ours = event("evt_1", "a.b", "acct_1", json!({})).to_string();
    let wrong = format!(",v1={}", "0".repeat(64)).repeat(1000);
    let good = sign(&app.connect.secret, START, ours.as_bytes());
    let header = good.replace(",v1=", &format!("{wrong},v1="));
    assert_eq!(
        app.post_with_signature(Endpoint::Connect, &ours, &header)
            .await
            .status,
        200
    );
    let header = format!("t={START}{wrong}");
    let answer = app
        .post_with_signature(Endpoint::Connect, &ours, &header)
        .await;
    answer.refused(400, "invalid_signature");
}
