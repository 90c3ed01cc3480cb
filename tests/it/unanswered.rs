//! Sellers when Stripe gives no answer, or a 500 that it saves under the idempotency key.

use std::collections::BTreeSet;

use serde_json::json;
use souk_simulator::FaultKind;

use crate::harness::{Has, TestApp, account_links_path, accounts_path, text};
use crate::sellers::get_seller;

#[tokio::test]
async fn a_seller_whose_creation_stripe_did_not_answer_has_one_account_in_the_end() {
    let app = TestApp::start().await;
    let accounts = async || {
        app.simulator.oracle().await["accounts"]
            .as_object()
            .map_or(0, |all| all.len())
    };
    let platform_only = accounts().await;
    let (mira, body) = (
        app.member("mira").await,
        json!({ "name": "Mira", "country": "US" }),
    );
    let call = || {
        app.post("/v1/sellers", body.clone())
            .by(&mira)
            .keyed("once")
    };
    app.fault("POST", accounts_path(), FaultKind::CommitThenTimeout, None)
        .await;
    call().refused(503, "stripe_unavailable").await;
    let list = app.get("/v1/sellers").by(&mira).expect(200).await;
    let seller = &list["data"][0];
    seller.has(json!({ "status": "created", "stripe_account": null }));
    let none = app
        .get(format!("/v1/sellers/{}/balance", text(seller, "id")))
        .by(&mira)
        .expect(200)
        .await;
    none.has(json!({ "available": [], "pending": [] }));
    // Events about the account wait until we know its id.
    app.apply_events().await;
    app.simulator.clear_faults().await;
    let made = call().expect(201).await;
    assert_eq!(made["id"], seller["id"]);
    assert!(made["stripe_account"].is_string());
    let again = call().await;
    again.expect_replay(201);
    assert_eq!(again.body, made);
    app.settle().await;
    assert_eq!(accounts().await, platform_only + 1);
    assert_eq!(app.count("sellers").await, 1);
}

#[tokio::test]
async fn the_job_creates_the_account_of_a_seller_that_nobody_asked_for_again() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    for kind in [FaultKind::CommitThenTimeout, FaultKind::TimeoutBeforeCommit] {
        app.fault("POST", accounts_path(), kind, None).await;
        let body = json!({ "name": "Mira", "country": "US" });
        app.post("/v1/sellers", body)
            .by(&mira)
            .refused(503, "stripe_unavailable")
            .await;
        app.simulator.clear_faults().await;
    }
    app.settle().await;
    assert_eq!(
        app.count("sellers WHERE stripe_account IS NULL").await,
        2,
        "whoever asked has their time"
    );
    app.advance(20).await;
    app.settle().await;
    assert_eq!(app.count("sellers WHERE stripe_account IS NULL").await, 0);
    assert_eq!(
        app.query::<i64>("SELECT COUNT(DISTINCT stripe_account) AS it FROM sellers")
            .await,
        2
    );
}

#[tokio::test]
async fn a_sync_creates_the_account_of_a_seller_after_a_500_saved_under_its_key() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    app.fault("POST", accounts_path(), FaultKind::Error500, Some(3))
        .await;
    let body = json!({ "name": "Mira", "country": "US" });
    app.post("/v1/sellers", body)
        .by(&mira)
        .refused(503, "stripe_unavailable")
        .await;
    app.simulator.clear_faults().await;
    let admin = app.admin().await;
    let seller = app.get("/v1/sellers").by(&admin).expect(200).await["data"][0].clone();
    let path = format!("/v1/sellers/{}/sync", text(&seller, "id"));
    assert!(app.post(path, json!({})).by(&admin).expect(200).await["stripe_account"].is_string());
    app.settle().await;
}

/// Operations that need Stripe, each with the request that it makes.
fn asking() -> [(&'static str, &'static str, &'static str, &'static str); 6] {
    [
        ("POST", "onboarding_links", "POST", account_links_path()),
        ("POST", "dashboard_links", "POST", "/v1/accounts"),
        ("POST", "account_sessions", "POST", "/v1/account_sessions"),
        ("POST", "sync", "GET", accounts_path()),
        ("GET", "balance", "GET", "/v1/balance"),
        ("POST", "", "POST", accounts_path()),
    ]
}

#[tokio::test]
async fn each_operation_says_that_stripe_is_away_and_works_again_afterwards() {
    let app = TestApp::with(&[("CHARGE_PROFILE", "direct_express")]).await;
    let shop = app.shop("mira").await;
    let kinds = [
        FaultKind::TimeoutBeforeCommit,
        FaultKind::Error500,
        FaultKind::Error429,
        FaultKind::Reset,
    ];
    let mut worked = BTreeSet::new();
    for (method, what, at, path) in asking() {
        let call = || match (method, what) {
            (_, "") => app.post("/v1/sellers", json!({ "name": "Second", "country": "US" })),
            ("GET", _) => app.get(format!("/v1/sellers/{}/{what}", shop.id)),
            (_, "account_sessions") => app.post(
                format!("/v1/sellers/{}/{what}", shop.id),
                json!({ "components": ["payouts"] }),
            ),
            _ => app.post(format!("/v1/sellers/{}/{what}", shop.id), json!({})),
        };
        for kind in kinds {
            println!("{what} {kind:?}");
            app.fault(at, path, kind, None).await;
            let answer = call().by(&shop.owner).await;
            answer.refused(503, "stripe_unavailable");
            assert!(answer.header("retry-after").is_some(), "{what}");
            app.simulator.clear_faults().await;
        }
        worked.insert(call().by(&shop.owner).await.status);
    }
    assert!(worked.is_subset(&BTreeSet::from([200, 201])), "{worked:?}");
    assert_eq!(get_seller(&app, &shop).await["status"], "active");
    app.allow_unfinished_work();
}
