//! Thin events (docs.stripe.com/event-destinations): they name their object and don't carry it, and name their account,
//! if at all, as `context`. What they are about is read again.

mod classic;

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Endpoint, Shop, TestApp, event, text};

pub fn thin(id: &str, kind: &str, context: Value, related: Value) -> Value {
    json!({
        "id": id, "object": "v2.core.event", "type": kind, "livemode": false, "created": "2026-11-18T11:06:40.250Z",
        "context": context, "reason": null, "related_object": related,
    })
}

fn of_account(id: &str, context: Value, account: &str) -> Value {
    let url = format!("/v2/core/accounts/{account}");
    let related = json!({ "id": account, "type": "v2.core.account", "url": url });
    thin(
        id,
        "v2.core.account[requirements].updated",
        context,
        related,
    )
}

/// Posts an event to an endpoint, correctly signed. Returns the state that is answered.
pub async fn post(app: &TestApp, endpoint: Endpoint, event: &Value) -> String {
    let secret = match endpoint {
        Endpoint::Platform => &app.platform.secret,
        Endpoint::Connect => &app.connect.secret,
    };
    let answer = app.post_event(endpoint, event.to_string(), secret, app.now());
    text(answer.await.expect(200), "state")
}

async fn syncs(app: &TestApp) -> i64 {
    app.count("jobs WHERE kind = 'sync_account' AND state = 'ready'")
        .await
}

async fn status(app: &TestApp) -> String {
    app.query("SELECT status AS it FROM sellers").await
}

async fn restrict(app: &TestApp, shop: &Shop) {
    let how = json!({ "disabled_reason": "requirements.past_due", "currently_due": ["external_account"] });
    app.simulate(&format!("/accounts/{}/restrict", shop.account), how)
        .await;
}

#[tokio::test]
async fn a_thin_event_of_an_account_has_it_read_again_at_either_endpoint_whatever_its_context_is() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let account = shop.account.as_str();
    for endpoint in [Endpoint::Platform, Endpoint::Connect] {
        for (n, context) in [
            Value::Null,
            json!(account),
            json!("acct_platform"),
            json!(format!("acct_platform/{account}")),
            json!(7),
        ]
        .into_iter()
        .enumerate()
        {
            let event = of_account(&format!("evt_{endpoint:?}_{n}"), context, account);
            app.sql("DELETE FROM jobs WHERE kind = 'sync_account'")
                .await;
            assert_eq!(post(&app, endpoint, &event).await, "processed", "{event}");
            assert_eq!(syncs(&app).await, 1, "{event}");
            assert_eq!(post(&app, endpoint, &event).await, "duplicate");
        }
    }
    app.settle().await;
}

#[tokio::test]
async fn thin_and_snapshot_events_of_an_account_end_in_what_a_re_read_says_in_any_order() {
    for thin_first in [true, false] {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        let path = format!("/accounts/{}", shop.account);
        let old = app.platform_api("GET", &path, &[]).await;
        assert_eq!(old["charges_enabled"], true);
        restrict(&app, &shop).await;
        app.intercept().await;
        assert_eq!(status(&app).await, "active");
        // A snapshot of before that comes late; each comes twice.
        let mut events = [
            of_account("evt_1", json!(shop.account), &shop.account),
            event("evt_2", "account.updated", &shop.account, old),
        ];
        if !thin_first {
            events.reverse();
        }
        for event in events.iter().chain(&events) {
            post(&app, Endpoint::Connect, event).await;
            app.run_jobs().await;
            assert_eq!(status(&app).await, "restricted", "{event}");
        }
    }
}

#[tokio::test]
async fn a_thin_event_that_comes_before_the_sellers_row_knows_its_account_waits_for_that() {
    let app = TestApp::start().await;
    let owner = app.member("mira").await;
    for path in ["/v1/accounts", "/v2/core/accounts"] {
        app.fault("POST", path, FaultKind::CommitThenTimeout, None)
            .await;
    }
    let body = json!({ "name": "mira", "country": "US" });
    app.post("/v1/sellers", body)
        .by(&owner)
        .refused(503, "stripe_unavailable")
        .await;
    let made = app.platform_api("GET", "/accounts", &[]).await;
    let account = text(&made["data"][0], "id");
    let event = of_account("evt_1", json!(account), &account);
    assert_eq!(post(&app, Endpoint::Connect, &event).await, "deferred");
    app.simulate(&format!("/accounts/{account}/onboard"), json!({}))
        .await;
    app.intercept().await;
    app.simulator.clear_faults().await;
    app.advance(20).await;
    app.run_jobs().await;
    app.run_jobs().await;
    assert_eq!(status(&app).await, "active");
    let left = "inbox_events WHERE state <> 'processed'";
    assert_eq!(app.count(left).await, 0);
}

/// PostgreSQL lets the account be stored between two queries of one transaction.
#[tokio::test]
async fn a_thin_event_is_not_lost_while_its_account_is_being_stored() {
    let app = TestApp::start().await;
    for n in 0..8 {
        let owner = app.member(&format!("mira{n}")).await;
        for path in ["/v1/accounts", "/v2/core/accounts"] {
            app.fault("POST", path, FaultKind::CommitThenTimeout, None)
                .await;
        }
        let body = json!({ "name": format!("mira{n}"), "country": "US" });
        app.post("/v1/sellers", body)
            .by(&owner)
            .refused(503, "stripe_unavailable")
            .await;
        let made = app.platform_api("GET", "/accounts", &[]).await;
        let account = text(&made["data"][0], "id");
        app.intercept().await;
        app.simulator.clear_faults().await;
        app.advance(20).await;
        let event = of_account(&format!("evt_{n}"), json!(account), &account);
        let (state, _) = tokio::join!(post(&app, Endpoint::Connect, &event), app.run_jobs());
        assert_ne!(state, "ignored", "round {n}");
        app.settle().await;
    }
}

#[tokio::test]
async fn a_strangers_account_is_none_of_ours_also_while_an_account_of_ours_is_being_made() {
    let app = TestApp::start().await;
    app.shop("mira").await;
    let stranger = app.platform_api("POST", "/accounts", &[("type", "standard")]);
    let stranger = text(&stranger.await, "id");
    app.intercept().await;
    for (n, context) in [json!(stranger), json!("acct_platform"), Value::Null]
        .into_iter()
        .enumerate()
    {
        let event = of_account(&format!("evt_{n}"), context, &stranger);
        assert_eq!(post(&app, Endpoint::Connect, &event).await, "ignored");
    }
    app.fault("POST", "/v1/accounts", FaultKind::Error500, None)
        .await;
    app.fault("POST", "/v2/core/accounts", FaultKind::Error500, None)
        .await;
    let owner = app.member("otto").await;
    let body = json!({ "name": "otto", "country": "US" });
    app.post("/v1/sellers", body)
        .by(&owner)
        .refused(503, "stripe_unavailable")
        .await;
    let event = of_account("evt_later", json!(stranger), &stranger);
    assert_eq!(post(&app, Endpoint::Connect, &event).await, "deferred");
    app.simulator.clear_faults().await;
    app.advance(30).await;
    app.settle().await;
    app.advance(3_600).await;
    app.settle().await;
    let ignored = "inbox_events WHERE id = 'evt_later' AND state = 'ignored'";
    assert_eq!(app.count(ignored).await, 1);
    assert_eq!(
        app.count("sellers WHERE stripe_account IS NOT NULL").await,
        2
    );
}

#[tokio::test]
async fn a_thin_event_needs_the_endpoints_own_secret_and_one_of_the_other_mode_is_not_kept() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let mut event = of_account("evt_1", json!(shop.account), &shop.account);
    for (endpoint, secret, code) in [
        (
            Endpoint::Connect,
            app.platform.secret.as_str(),
            "wrong_secret",
        ),
        (
            Endpoint::Platform,
            app.connect.secret.as_str(),
            "wrong_secret",
        ),
        (Endpoint::Connect, "whsec_nobodys", "invalid_signature"),
    ] {
        let answer = app.post_event(endpoint, event.to_string(), secret, app.now());
        answer.await.refused(400, code);
    }
    event["livemode"] = json!(true);
    assert_eq!(post(&app, Endpoint::Connect, &event).await, "ignored");
    assert_eq!(app.count("inbox_events WHERE id = 'evt_1'").await, 0);
    assert_eq!(syncs(&app).await, 0);
}

#[tokio::test]
async fn an_account_that_is_gone_at_stripe_is_one_that_has_disconnected() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    app.simulate(
        &format!("/accounts/{}/deauthorize", shop.account),
        json!({}),
    )
    .await;
    app.intercept().await;
    let event = of_account("evt_1", json!(shop.account), &shop.account);
    assert_eq!(post(&app, Endpoint::Platform, &event).await, "processed");
    app.run_jobs().await;
    assert_eq!(status(&app).await, "deauthorized");
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
}

#[tokio::test]
async fn a_thousand_events_of_an_account_are_a_handful_of_reads_and_the_last_change_is_seen() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let account = shop.account.as_str();
    app.advance(60).await;
    // Each read is stored with a time of its own, a millisecond later if the clock stands still.
    let reads = async || {
        app.query::<i64>("SELECT synced_at AS it FROM sellers")
            .await
    };
    let began = app.app.clock.now().0;
    for burst in 0..40 {
        if burst == 39 {
            restrict(&app, &shop).await;
            app.intercept().await;
        }
        let events: Vec<_> = (0..25)
            .map(|n| of_account(&format!("evt_{burst}_{n}"), json!(account), account))
            .collect();
        let posts = events
            .iter()
            .map(|event| post(&app, Endpoint::Connect, event));
        for state in futures_util::future::join_all(posts).await {
            assert_eq!(state, "processed");
        }
        app.run_jobs().await;
    }
    let made = reads().await - began + 1;
    assert!((1..=5).contains(&made), "{made} reads");
    assert_eq!(status(&app).await, "active", "the last read is put off");
    app.advance(2).await;
    app.run_jobs().await;
    assert_eq!(status(&app).await, "restricted");
    assert_eq!(reads().await, app.app.clock.now().0, "one more read");
    // After a while without events the next one is followed at once.
    app.advance(60).await;
    let last = of_account("evt_last", json!(account), account);
    post(&app, Endpoint::Connect, &last).await;
    app.run_jobs().await;
    assert_eq!(reads().await, app.app.clock.now().0);
}

#[tokio::test]
async fn an_account_that_nobody_has_read_for_a_day_is_read_again_and_no_other() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let read = async || {
        souk::sellers::sync_unread(&app.app).await.expect("looks");
        let staged = syncs(&app).await;
        app.run_jobs().await;
        staged
    };
    restrict(&app, &shop).await;
    app.intercept().await;
    app.advance(22 * 3600).await;
    app.intercept().await;
    assert_eq!(read().await, 0, "it was read today");
    app.advance(3601).await;
    app.intercept().await;
    assert_eq!(read().await, 1);
    assert_eq!(status(&app).await, "restricted");
    assert_eq!(read().await, 0);
    app.advance(24 * 3600).await;
    app.intercept().await;
    app.sql("UPDATE sellers SET deauthorized_at = 1").await;
    assert_eq!(read().await, 0, "a disconnected one can't be read");
}

#[tokio::test]
async fn a_ping_and_a_type_that_nobody_knows_are_kept_and_do_nothing() {
    let app = TestApp::start().await;
    let related = json!({ "id": "ed_1", "type": "v2.core.event_destination", "url": "/v2/core/event_destinations/ed_1" });
    for (n, kind) in [
        "v2.core.event_destination.ping",
        "v2.money.moon",
        "v1.moon.rose",
        "v1.",
    ]
    .into_iter()
    .enumerate()
    {
        let event = thin(&format!("evt_{n}"), kind, Value::Null, related.clone());
        assert_eq!(post(&app, Endpoint::Platform, &event).await, "ignored");
        assert_eq!(post(&app, Endpoint::Connect, &event).await, "duplicate");
    }
    assert_eq!(app.count("inbox_events WHERE state = 'ignored'").await, 4);
}

/// What Stripe pushes of a link that somebody has come back from: it has no related object.
fn returned(id: &str, context: Value) -> Value {
    thin(id, "v2.core.account_link.returned", context, Value::Null)
}

#[tokio::test]
async fn whose_link_somebody_has_come_back_from_is_read_from_stripe_unless_the_event_says_it() {
    let app = TestApp::with(&[("STRIPE_ACCOUNTS", "v2")]).await;
    let owner = app.member("mira").await;
    let body = json!({ "name": "mira", "country": "US" });
    let seller = app.post("/v1/sellers", body).by(&owner).expect(201).await;
    let (id, account) = (text(&seller, "id"), text(&seller, "stripe_account"));
    let path = format!("/v1/sellers/{id}/onboarding_links");
    let link = app.post(path, json!({})).by(&owner).expect(201).await;
    complete(&app, &text(&link, "url")).await;
    app.intercept().await;
    let books = app.stripe_books(&account).await;
    let told = books["core_events"].as_array().expect("events").iter();
    let told = told
        .rev()
        .find(|event| event["type"] == "v2.core.account_link.returned");
    let event = returned(&text(told.expect("it is told"), "id"), Value::Null);
    // The same event with every context that Stripe may give.
    for (n, context) in [
        json!(account),
        Value::Null,
        json!("acct_platform"),
        json!(7),
    ]
    .into_iter()
    .enumerate()
    {
        app.sql("UPDATE sellers SET status = 'onboarding', charges_enabled = FALSE")
            .await;
        let mut event = event.clone();
        event["context"] = context;
        app.sql("DELETE FROM inbox_events").await;
        app.advance(60).await;
        app.intercept().await;
        assert_eq!(post(&app, Endpoint::Connect, &event).await, "processed");
        app.run_jobs().await;
        assert_eq!(status(&app).await, "active", "{n}");
    }
    // An event that is gone at Stripe, and one whose account is no seller's.
    let gone = returned("evt_gone", Value::Null);
    assert_eq!(post(&app, Endpoint::Connect, &gone).await, "processed");
    app.run_jobs().await;
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
}

/// Fills in Stripe's form behind a link, as the account's holder.
async fn complete(app: &TestApp, url: &str) {
    let browser = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .expect("a client");
    let leads_to = |answer: reqwest::Response| {
        let to = answer.headers().get("location").expect("a redirect");
        to.to_str().expect("an address").to_owned()
    };
    let opened = browser.get(url).send().await.expect("an answer");
    let form = format!("{}{}", app.simulator.base_url(), leads_to(opened));
    let fields = "business_type=individual&first_name=Mira&last_name=Lamp&bank_account=000123456789&outcome=complete&tos=yes";
    let sent = browser
        .post(form)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields)
        .send();
    assert!(leads_to(sent.await.expect("an answer")).contains("/onboarding/return"));
}
