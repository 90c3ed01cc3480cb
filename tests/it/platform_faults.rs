//! A platform that Stripe lets make no accounts: its operator is told what to mend, and no seller is lost.

use serde_json::{Value, json};
use souk_simulator::FaultKind;

use crate::harness::{Answer, Between, TestApp, User, accounts_api, accounts_path, text};

const FOUND: (&str, &str) = ("platform_not_ready", "platform");

fn found() -> Vec<(String, String)> {
    vec![(FOUND.0.to_owned(), FOUND.1.to_owned())]
}

async fn make_seller(app: &TestApp, mira: &User, key: &str) -> Answer {
    let body = json!({ "name": "Mira", "country": "US" });
    app.post("/v1/sellers", body).by(mira).keyed(key).await
}

/// Refuses every account in these words.
fn refuse(between: &Between, fault: Value) {
    between.edit(move |path, status, answer| {
        if path.starts_with(accounts_path()) {
            *status = 400;
            *answer = json!({ "error": fault.clone() });
        }
    });
}

#[tokio::test]
async fn a_platform_that_may_not_make_accounts_is_told_what_to_do_and_keeps_the_seller() {
    let (app, between) = Between::start().await;
    let mira = app.member("mira").await;
    for (n, (fault, says)) in [
        (
            json!({ "type": "invalid_request_error", "message": "You can only create new accounts if you've signed up for Connect." }),
            "dashboard.stripe.com",
        ),
        (
            json!({ "type": "invalid_request_error", "code": "inactive_api_operation_confirmation_required", "message": "This API operation has been inactive." }),
            "STRIPE_ACCOUNTS",
        ),
        (
            json!({ "code": "accounts_v2_access_blocked", "message": "Accounts v2 is not enabled for your merchant." }),
            "platform-setup",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        refuse(&between, fault);
        let key = format!("seller {n}");
        let told = make_seller(&app, &mira, &key).await;
        let told = told.refused(503, "platform_not_ready");
        assert!(text(told, "detail").contains(says), "{told}");
        assert!(!told.to_string().contains("sk_test"), "{told}");
        assert_eq!(app.open_findings().await, found());
        assert_eq!(app.count("sellers WHERE stripe_account IS NULL").await, 1);
        // It goes on when the platform is mended, under another key: Stripe would replay its no.
        between.be_honest();
        let made = make_seller(&app, &mira, &key).await;
        made.expect(201);
        assert_eq!(app.open_findings().await, vec![]);
        assert_eq!(app.count("sellers WHERE key_number = 2").await, i64::try_from(n).expect("few") + 1);
        app.settle().await;
    }
}

#[tokio::test]
async fn a_waiting_seller_gets_its_account_by_itself_once_the_platform_is_mended() {
    let (app, between) = Between::start().await;
    let mira = app.member("mira").await;
    refuse(
        &between,
        json!({ "type": "invalid_request_error", "message": "Not now." }),
    );
    make_seller(&app, &mira, "once")
        .await
        .refused(503, "platform_not_ready");
    for _ in 0..30 {
        app.advance(11).await;
        app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
            .await;
        app.run_jobs().await;
    }
    assert_eq!(app.count("jobs WHERE state = 'dead'").await, 0);
    assert_eq!(app.open_findings().await, found());
    between.be_honest();
    app.sql("UPDATE jobs SET run_at = 0 WHERE state = 'ready'")
        .await;
    app.settle().await;
    // Events of accounts that nobody keeps have waited for their seller; they are none of ours.
    app.advance(700).await;
    app.settle().await;
    assert_eq!(
        app.count("sellers WHERE stripe_account IS NOT NULL").await,
        1
    );
    assert_eq!(app.open_findings().await, vec![]);
}

#[tokio::test]
async fn what_the_owner_gave_is_named_and_nothing_is_kept() {
    let (app, between) = Between::start().await;
    let mira = app.member("mira").await;
    for (fault, status, field) in [
        (
            json!({ "type": "invalid_request_error", "code": "email_invalid", "param": "email", "message": "Invalid email." }),
            422,
            "email",
        ),
        (
            json!({ "code": "cross_border_connected_account_creation_not_allowed", "message": "no", "user_message": "Not in this country." }),
            422,
            "country",
        ),
    ] {
        refuse(&between, fault);
        let told = make_seller(&app, &mira, field).await;
        assert_eq!(told.status, status, "{}", told.text);
        assert_eq!(told.body["param"], field);
        assert_eq!(app.count("sellers").await, 0);
        assert_eq!(app.open_findings().await, vec![]);
    }
    app.run_jobs().await;
}

#[tokio::test]
async fn a_key_that_another_request_had_is_not_used_again_until_stripe_is_searched() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    app.fault("POST", accounts_path(), FaultKind::CommitThenTimeout, None)
        .await;
    make_seller(&app, &mira, "once")
        .await
        .refused(503, "stripe_unavailable");
    app.simulator.clear_faults().await;
    app.intercept().await;
    // As after an upgrade that asks for it in other words.
    app.sql("UPDATE sellers SET account_name = 'Mira and Sons'")
        .await;
    make_seller(&app, &mira, "once")
        .await
        .refused(503, "stripe_unavailable");
    make_seller(&app, &mira, "once").await.expect(201);
    let made = app.simulator.oracle().await["accounts"].clone();
    assert_eq!(
        made.as_object().expect("accounts").len(),
        2,
        "the platform's and one more"
    );
    app.settle().await;
}

/// Sets what the platform may do at Stripe; what isn't named is allowed.
async fn platform(app: &TestApp, may: Value) {
    app.simulate("/platform", may).await;
}

#[tokio::test]
async fn what_the_platform_lacks_is_said_by_the_name_of_the_switch_or_page() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    let own = match accounts_api() {
        "v1" => (json!({ "accounts_v1": false }), "set STRIPE_ACCOUNTS=v2"),
        _ => (json!({ "accounts_v2": false }), "set STRIPE_ACCOUNTS=v1"),
    };
    let connect = (
        json!({ "connect": false }),
        "https://dashboard.stripe.com/connect",
    );
    for (n, (may, says)) in [own, connect].into_iter().enumerate() {
        platform(&app, may).await;
        let key = format!("seller {n}");
        let told = make_seller(&app, &mira, &key).await;
        let told = told.refused(503, "platform_not_ready");
        assert!(text(told, "detail").contains(says), "{told}");
        let message: String = app
            .query("SELECT message AS it FROM findings WHERE state = 'open'")
            .await;
        assert!(message.contains(says), "{message}");
        platform(&app, json!({})).await;
        make_seller(&app, &mira, &key).await.expect(201);
        assert_eq!(app.open_findings().await, vec![]);
        app.settle().await;
    }
    let books = app.simulator.oracle().await["accounts"].clone();
    assert_eq!(
        books.as_object().expect("accounts").len(),
        3,
        "the platform's and two more"
    );
}

#[tokio::test]
async fn a_seller_that_waits_is_made_by_the_other_api_if_the_settings_say_so_then() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    let (other, may) = match accounts_api() {
        "v1" => ("v2", json!({ "accounts_v1": false })),
        _ => ("v1", json!({ "accounts_v2": false })),
    };
    platform(&app, may).await;
    make_seller(&app, &mira, "once")
        .await
        .refused(503, "platform_not_ready");
    platform(&app, json!({})).await;
    // As it stands after the settings were changed from the other to this one.
    app.sql(&format!("UPDATE sellers SET accounts_api = '{other}'"))
        .await;
    let made = make_seller(&app, &mira, "once").await;
    made.expect(201);
    assert_eq!(made.body["accounts_api"], accounts_api());
    let books = app.simulator.oracle().await["accounts"].clone();
    assert_eq!(
        books.as_object().expect("accounts").len(),
        2,
        "the platform's and one more"
    );
    app.settle().await;
}

#[tokio::test]
async fn an_account_made_without_an_answer_by_the_other_api_is_found_and_not_made_again() {
    let app = TestApp::start().await;
    let mira = app.member("mira").await;
    let lost = FaultKind::TimeoutBeforeCommit;
    app.fault("POST", accounts_path(), lost, None).await;
    make_seller(&app, &mira, "once")
        .await
        .refused(503, "stripe_unavailable");
    app.simulator.clear_faults().await;
    // What a server with the other setting had made, of which it heard no more.
    let other = match accounts_api() {
        "v1" => "v2",
        _ => "v1",
    };
    app.sql(&format!("UPDATE sellers SET accounts_api = '{other}'"))
        .await;
    let seller: String = app.query("SELECT id AS it FROM sellers").await;
    let form = [
        ("country", "US"),
        ("controller[stripe_dashboard][type]", "full"),
        ("capabilities[card_payments][requested]", "true"),
        ("metadata[souk_seller]", seller.as_str()),
    ];
    let there = app.platform_api("POST", "/accounts", &form).await;
    app.intercept().await;
    let made = make_seller(&app, &mira, "once").await;
    made.expect(201);
    assert_eq!(made.body["stripe_account"], there["id"]);
    let books = app.simulator.oracle().await["accounts"].clone();
    assert_eq!(
        books.as_object().expect("accounts").len(),
        2,
        "the platform's and one more"
    );
    app.settle().await;
}

#[tokio::test]
async fn direct_charges_that_stripe_refuses_on_a_legacy_account_are_explained() {
    let app = TestApp::with(&[("CHARGE_PROFILE", "direct_express")]).await;
    let shop = app.shop("mira").await;
    let lamp = app.product(&shop, 2500, None).await;
    // An account that another program made, of the legacy type.
    let form = [
        ("type", "express"),
        ("country", "US"),
        ("capabilities[card_payments][requested]", "true"),
        ("capabilities[transfers][requested]", "true"),
    ];
    let legacy = app.platform_api("POST", "/accounts", &form).await;
    let legacy = text(&legacy, "id");
    app.simulate(&format!("/accounts/{legacy}/onboard"), json!({}))
        .await;
    app.intercept().await;
    app.sql(&format!("UPDATE sellers SET stripe_account = '{legacy}'"))
        .await;
    platform(&app, json!({ "legacy_direct_charges": false })).await;
    let body = json!({ "lines": [{ "product_id": lamp, "quantity": 1 }], "customer_email": "g@example.com" });
    let refused = app
        .post("/v1/checkout_sessions", body)
        .refused(409, "charges_unsupported")
        .await;
    assert!(text(&refused, "detail").contains("exemption"), "{refused}");
    app.allow_unfinished_work();
}
