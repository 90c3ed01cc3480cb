//! Events and their deliveries.

use serde_json::{Value, json};
use souk_simulator::{ClockMode, Deliveries, Options, sign};

use crate::support::{DAY, Receiver, Stripe, options};

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
async fn of_an_account_that_left_the_platform_hears_nothing_but_that() {
    for (how, waited) in [("dropped", 0), ("go_on", 1)] {
        let s = Stripe::under("deauthorized_retries", how).await;
        let (hook, own) = (Receiver::start().await, Receiver::start().await);
        s.simulator
            .ensure_webhook_endpoint("connect", &hook.url, true)
            .await;
        let acct = s.seller().await;
        let body = format!("url={}&enabled_events[]=*", own.url);
        s.on(&acct, "/v1/webhook_endpoints", &body).await;
        let stays = s.seller().await;
        s.simulator.deliver_pending().await;
        // One of each waits, since nobody answers.
        *hook.answer.lock().expect("lock") = 500;
        for seller in [&acct, &stays] {
            s.post(&format!("/v1/accounts/{seller}"), "metadata[x]=1")
                .await;
        }
        s.simulator.deliver_pending().await;
        *hook.answer.lock().expect("lock") = 200;
        let (before, own_before) = (hook.count(), own.count());
        s.post(&format!("/_simulator/accounts/{acct}/deauthorize"), "")
            .await;
        let emit = json!({ "type": "payout.paid", "object": { "id": "po_1", "object": "payout" } });
        let path = format!("/_simulator/accounts/{acct}/events");
        s.post(&path, &emit.to_string()).await;
        s.simulator.deliver_pending().await;
        let heard = hook.bodies().split_off(before);
        let of = |account: &str| {
            let mut types: Vec<_> = heard
                .iter()
                .filter(|event| event["account"] == account)
                .map(|event| event["type"].as_str().expect("type").to_owned())
                .collect();
            types.sort();
            types
        };
        let mut expected = vec!["account.application.deauthorized"; 1];
        expected.extend(vec!["account.updated"; waited]);
        assert_eq!(of(&acct), expected, "{how}");
        assert_eq!(of(&stays), ["account.updated"], "the others go on");
        assert_eq!(own.count() - own_before, 2, "its own endpoint hears all");
        let list = s
            .send("GET", "/v1/events", "", &[("Stripe-Account", &acct)])
            .await;
        assert_eq!((list.status, list.error("code")), (403, "account_invalid"));
    }
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
        r#"{"drop_types":["account.external_account","capability"]}"#,
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

/// Waits until a receiver has the expected events, and a little longer for unexpected ones.
async fn settled(hook: &Receiver, at_least: usize) -> Vec<Value> {
    let began = std::time::Instant::now();
    while hook.count() < at_least {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        assert!(began.elapsed().as_secs() < 10, "{} came", hook.count());
    }
    tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    hook.bodies()
}

fn automatic(seed: u64, deliveries: Deliveries) -> Options {
    Options {
        clock: ClockMode::Real,
        seed,
        deliveries,
        ..options()
    }
}

#[tokio::test]
async fn by_default_events_come_twice_and_out_of_order_but_all_and_soon() {
    let s = Stripe::with(automatic(3, Deliveries::Automatic)).await;
    let hook = Receiver::start().await;
    s.simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    let began = std::time::Instant::now();
    let acct = s.seller().await;
    for _ in 0..6 {
        s.sale(&acct, 1000, 0).await;
    }
    while hook.count() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(began.elapsed().as_secs() < 2, "a person sees it at once");
    let all = s.get_on(&acct, "/v1/events?limit=100").await;
    let mut sent: Vec<String> = ids(all["data"].as_array().expect("list"));
    sent.reverse();
    let came = ids(&settled(&hook, sent.len()).await);
    assert!(sent.iter().all(|id| came.contains(id)), "none is lost");
    assert!(came.len() > sent.len(), "some come twice");
    let mut first = came.clone();
    let mut seen = std::collections::HashSet::new();
    first.retain(|id| seen.insert(id.clone()));
    assert_ne!(first, sent, "some overtake others");
    let left = s.get_on(&acct, "/v1/events?delivery_success=false").await;
    assert_eq!(left["data"], json!([]));
}

fn ids(events: &[Value]) -> Vec<String> {
    events
        .iter()
        .map(|e| e["id"].as_str().expect("id").to_owned())
        .collect()
}

#[tokio::test]
async fn faithful_deliveries_come_once() {
    let s = Stripe::with(automatic(3, Deliveries::Faithful)).await;
    let hook = Receiver::start().await;
    s.simulator
        .ensure_webhook_endpoint("connect", &hook.url, true)
        .await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 0).await;
    let all = s.get_on(&acct, "/v1/events?limit=100").await;
    let sent = ids(all["data"].as_array().expect("list"));
    let mut came = ids(&settled(&hook, sent.len()).await);
    assert_eq!(came.len(), sent.len());
    came.sort();
    came.dedup();
    assert_eq!(came.len(), sent.len());
}

#[tokio::test]
async fn what_is_sent_by_hand_is_lost_doubled_and_shuffled_by_the_seed_when_asked_for() {
    let mut runs = Vec::new();
    for seed in [5, 5, 6] {
        let s = Stripe::with(Options { seed, ..options() }).await;
        let hook = Receiver::start().await;
        s.simulator
            .ensure_webhook_endpoint("connect", &hook.url, true)
            .await;
        s.post(
            "/_simulator/deliveries",
            r#"{"duplicate_rate":0.5,"loss_rate":0.3,"shuffle_ms":100}"#,
        )
        .await;
        let acct = s.seller().await;
        for _ in 0..5 {
            s.sale(&acct, 1000, 0).await;
        }
        let waiting: Vec<_> = s.simulator.pending_events().await;
        let results = s.simulator.deliver_pending().await;
        let came = ids(&hook.bodies());
        assert_eq!(results.len(), came.len());
        let order: Vec<usize> = came
            .iter()
            .map(|id| waiting.iter().position(|w| w.event_id == *id).expect("one"))
            .collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_ne!(order, sorted);
        sorted.dedup();
        assert!(sorted.len() < waiting.len(), "some are lost");
        assert!(sorted.len() < order.len(), "some come twice");
        assert!(s.simulator.pending_events().await.is_empty());
        runs.push(order);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let s = Stripe::start().await;
    for wrong in [
        r#"{"loss_rate":2}"#,
        r#"{"delay_ms":-1}"#,
        r#"{"mode":"x"}"#,
        r#"{"x":1}"#,
    ] {
        let answer = s.send("POST", "/_simulator/deliveries", wrong, &[]).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    let rules = s
        .post("/_simulator/deliveries", r#"{"mode":"automatic"}"#)
        .await;
    assert_eq!(rules["duplicate_rate"], 0.25);
    let rules = s
        .post("/_simulator/deliveries", r#"{"mode":"faithful"}"#)
        .await;
    assert_eq!(
        (&rules["duplicate_rate"], &rules["shuffle_ms"]),
        (&json!(0.0), &json!(0))
    );
}

#[tokio::test]
async fn an_endpoint_is_checked_and_there_are_sixteen_at_most() {
    let s = Stripe::start().await;
    let path = "/v1/webhook_endpoints";
    for (body, param) in [
        ("url=ftp://x.example&enabled_events[]=*", "url"),
        ("url=nonsense&enabled_events[]=*", "url"),
        ("enabled_events[]=*", "url"),
        ("url=https://x.example", "enabled_events"),
        (
            "url=https://x.example&enabled_events[]=*&enabled_events[]=charge.suceeded",
            "enabled_events[1]",
        ),
        (
            "url=https://x.example&enabled_events[]=*&api_version=yesterday",
            "api_version",
        ),
        (
            "url=https://x.example&enabled_events[]=*&connect=perhaps",
            "connect",
        ),
    ] {
        let answer = s.send("POST", path, body, &[]).await;
        assert_eq!(
            (answer.status, answer.error("param")),
            (400, param),
            "{}",
            answer.body
        );
    }
    let body =
        "url=http://127.0.0.1:9/a&enabled_events[]=charge.succeeded&api_version=2026-05-27.dahlia";
    let made = s.post(path, body).await;
    assert_eq!(made["api_version"], "2026-05-27.dahlia");
    assert!(
        made["secret"]
            .as_str()
            .is_some_and(|s| s.starts_with("whsec_"))
    );
    let one = format!("{path}/{}", made["id"].as_str().expect("id"));
    assert!(s.get(&one).await.get("secret").is_none(), "shown once");
    let wrong = s.send("POST", &one, "enabled_events[]=nothing", &[]).await;
    assert_eq!(wrong.error("param"), "enabled_events[0]");
    for _ in 1..16 {
        s.post(path, "url=https://x.example&enabled_events[]=*")
            .await;
    }
    let over = s
        .send(
            "POST",
            path,
            "url=https://x.example&enabled_events[]=*",
            &[],
        )
        .await;
    assert_eq!(over.status, 400);
    assert!(
        over.error("message").contains("maximum of 16"),
        "{}",
        over.body
    );
}

#[tokio::test]
async fn endpoints_hear_what_they_asked_for_and_nothing_once_disabled() {
    let s = Stripe::start().await;
    let (hook, own) = (Receiver::start().await, Receiver::start().await);
    let acct = s.seller().await;
    let body = format!(
        "url={}&enabled_events[]=charge.succeeded&connect=true",
        hook.url
    );
    let made = s.post("/v1/webhook_endpoints", &body).await;
    let body = format!("url={}&enabled_events[]=payment_intent.succeeded", own.url);
    s.on(&acct, "/v1/webhook_endpoints", &body).await;
    s.sale(&acct, 1000, 0).await;
    let event = s.simulator.pending_events().await.remove(0);
    let told = |id: &str| format!("/v1/events/{id}");
    assert_eq!(
        s.get_on(&acct, &told(&event.event_id)).await["pending_webhooks"],
        1
    );
    s.simulator.deliver_pending().await;
    assert_eq!(
        s.get_on(&acct, &told(&event.event_id)).await["pending_webhooks"],
        0
    );
    let types = |bodies: Vec<Value>| -> Vec<String> {
        bodies
            .iter()
            .map(|b| b["type"].as_str().expect("type").to_owned())
            .collect()
    };
    assert_eq!(types(hook.bodies()), ["charge.succeeded"]);
    assert_eq!(
        types(own.bodies()),
        ["payment_intent.succeeded"],
        "an account's own endpoint"
    );
    let path = format!("/v1/events/{}/retry", event.event_id);
    let which = format!("webhook_endpoint={}", event.endpoint_id);
    s.post(&path, &which).await;
    s.simulator.deliver_pending().await;
    assert_eq!(hook.count() + own.count(), 3, "once more, by hand");
    s.sale(&acct, 1000, 0).await;
    let one = format!("/v1/webhook_endpoints/{}", made["id"].as_str().expect("id"));
    assert_eq!(s.post(&one, "disabled=true").await["status"], "disabled");
    s.simulator.deliver_pending().await;
    s.sale(&acct, 1000, 0).await;
    s.simulator.deliver_pending().await;
    assert_eq!(
        hook.count() + own.count(),
        5,
        "only the account's own went on"
    );
}

#[tokio::test]
async fn a_failed_delivery_is_retried_on_the_simulators_clock() {
    let s = Stripe::with(Options {
        deliveries: Deliveries::Faithful,
        ..options()
    })
    .await;
    let hook = Receiver::start().await;
    *hook.answer.lock().expect("lock") = 500;
    let body = format!(
        "url={}&enabled_events[]=account.updated&connect=true",
        hook.url
    );
    s.post("/v1/webhook_endpoints", &body).await;
    let acct = s.post("/v1/accounts", "").await;
    let id = acct["id"].as_str().expect("id");
    s.post(&format!("/v1/accounts/{id}"), "metadata[a]=b").await;
    assert_eq!(settled(&hook, 1).await.len(), 1, "time stands still");
    s.simulator.advance(2).await;
    assert_eq!(settled(&hook, 2).await.len(), 2);
    *hook.answer.lock().expect("lock") = 200;
    s.simulator.advance(4 * DAY).await;
    let got = settled(&hook, 3).await;
    assert_eq!(got.len(), 3, "and after a success no more");
    let event = got[0]["id"].as_str().expect("id");
    let history = s
        .get(&format!("/_simulator/events/{event}/deliveries"))
        .await;
    let tried: Vec<_> = history[0]["attempts"]
        .as_array()
        .expect("attempts")
        .iter()
        .map(|a| a["status"].clone())
        .collect();
    assert_eq!(tried, [json!(500), json!(500), json!(200)]);
    assert_eq!(history[0]["status"], "succeeded");
}

#[tokio::test]
async fn events_are_filtered_and_forgotten_after_thirty_days() {
    let s = Stripe::start().await;
    let acct = s.seller().await;
    s.sale(&acct, 1000, 0).await;
    let count = async |query: &str| {
        let list = s
            .get_on(&acct, &format!("/v1/events?limit=100{query}"))
            .await;
        list["data"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(count("&type=charge.succeeded").await, 1);
    assert_eq!(count("&type=charge.*").await, 1);
    assert_eq!(
        count("&types[]=charge.succeeded&types[]=payment_intent.succeeded").await,
        2
    );
    let on = [("Stripe-Account", acct.as_str())];
    let both = s.send("GET", "/v1/events?type=a&types[]=b", "", &on).await;
    assert_eq!(both.status, 400);
    let all = s.get_on(&acct, "/v1/events").await;
    let one = format!("/v1/events/{}", all["data"][0]["id"].as_str().expect("id"));
    s.simulator.advance(31 * DAY).await;
    assert_eq!(count("&type=charge.succeeded").await, 0);
    assert_eq!(s.send("GET", &one, "", &on).await.status, 404);
}
