//! Events and their deliveries.

use serde_json::json;
use souk_simulator::sign;

use crate::support::{Receiver, Stripe, options};

#[tokio::test]
async fn events_go_signed_to_the_endpoint_they_belong_to() {
    let s = Stripe::start().await;
    let (platform, connect) = (Receiver::start().await, Receiver::start().await);
    s.simulator
        .ensure_webhook_endpoint("platform", &platform.url, false)
        .await;
    let endpoint = s
        .simulator
        .ensure_webhook_endpoint("connect", &connect.url, true)
        .await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 100).await;
    let waiting = s.simulator.pending_events().await;
    let results = s.simulator.deliver_pending().await;
    assert_eq!(waiting.len(), results.len());
    assert!(results.iter().all(|r| r.status == Some(200)));
    assert_eq!(platform.bodies().len(), 1);
    assert_eq!(platform.bodies()[0]["type"], "application_fee.created");
    assert!(platform.bodies()[0].get("account").is_none());
    let last = connect.bodies().pop().expect("event");
    assert_eq!(
        (&last["type"], &last["account"]),
        (&json!("checkout.session.completed"), &json!(acct))
    );
    assert_eq!(
        (&last["api_version"], &last["livemode"]),
        (&json!("2026-09-30.endive"), &json!(false))
    );
    let (headers, body) = connect
        .got
        .lock()
        .expect("lock")
        .last()
        .cloned()
        .expect("post");
    let header = headers["stripe-signature"].to_str().expect("text");
    let time: i64 = header[2..]
        .split(',')
        .next()
        .expect("t")
        .parse()
        .expect("number");
    assert_eq!(header, sign(&endpoint.secret, time, &body));
    let mine: Vec<_> = waiting.iter().filter(|p| p.connect).collect();
    assert_eq!(mine.last().expect("event").payload.as_bytes(), body);
    assert!(s.simulator.pending_events().await.is_empty());
}

#[tokio::test]
async fn an_event_can_be_sent_again_many_times_with_the_same_bytes() {
    let s = Stripe::start().await;
    let hook = Receiver::start().await;
    s.simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    let acct = s.seller().await;
    let first = s.simulator.pending_events().await.remove(0);
    s.simulator.deliver_pending().await;
    let already = hook.count();
    s.post(&format!("/v1/accounts/{acct}"), "metadata[x]=1")
        .await;
    let again = s.simulator.deliver(&first.event_id, 20).await;
    assert_eq!((again.len(), hook.count()), (20, already + 20));
    let got = hook.got.lock().expect("lock");
    assert!(
        got[already..]
            .iter()
            .all(|(_, body)| body == first.payload.as_bytes())
    );
}

#[tokio::test]
async fn what_was_dropped_never_arrives_and_what_failed_waits() {
    let s = Stripe::start().await;
    let hook = Receiver::start().await;
    s.simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    s.seller().await;
    assert!(s.simulator.drop_pending().await > 0);
    assert!(s.simulator.deliver_pending().await.is_empty());
    s.seller().await;
    *hook.answer.lock().expect("lock") = 500;
    let failed = s.simulator.deliver_pending().await;
    assert!(failed.iter().all(|r| r.status == Some(500)));
    *hook.answer.lock().expect("lock") = 200;
    assert_eq!(s.simulator.deliver_pending().await.len(), failed.len());
}

#[tokio::test]
async fn a_deauthorised_account_says_so_with_the_application_as_object() {
    let s = Stripe::start().await;
    let hook = Receiver::start().await;
    s.simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    let acct = s.seller().await;
    s.post(&format!("/_simulator/accounts/{acct}/deauthorize"), "")
        .await;
    s.simulator.deliver_pending().await;
    let event = hook.bodies().pop().expect("event");
    assert_eq!(event["type"], "account.application.deauthorized");
    assert_eq!(
        (&event["account"], &event["data"]["object"]["object"]),
        (&json!(acct), &json!("application"))
    );
}

#[tokio::test]
async fn automatic_deliveries_are_retried_and_a_rolled_secret_signs_along() {
    let options = souk_simulator::Options {
        clock: souk_simulator::ClockMode::Real,
        deliveries: souk_simulator::Deliveries::Automatic,
        ..options()
    };
    let s = Stripe::with(options).await;
    let hook = Receiver::start().await;
    *hook.answer.lock().expect("lock") = 503;
    let endpoint = s
        .simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    let rolled = s
        .simulator
        .roll_webhook_secret(&endpoint.id)
        .await
        .expect("secret");
    assert_ne!(rolled, endpoint.secret);
    s.post(
        "/_simulator/deliveries",
        r#"{"drop_types":["account.external_account"]}"#,
    )
    .await;
    s.seller().await;
    let began = std::time::Instant::now();
    while hook.count() < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(began.elapsed().as_secs() < 5, "no delivery");
    }
    *hook.answer.lock().expect("lock") = 200;
    while hook.count() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(began.elapsed().as_secs() < 5, "no retry");
    }
    let got = hook.got.lock().expect("lock").clone();
    assert_eq!(got[0].1, got[1].1);
    let header = got[0].0["stripe-signature"]
        .to_str()
        .expect("text")
        .to_owned();
    let time: i64 = header[2..]
        .split(',')
        .next()
        .expect("t")
        .parse()
        .expect("number");
    for secret in [&rolled, &endpoint.secret] {
        let one = sign(secret, time, &got[0].1);
        assert!(header.contains(one.split_once(",").expect("v1").1));
    }
}
