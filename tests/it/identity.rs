//! Registering, logging in and out, and what a token is good for.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use futures_util::future::join_all;
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use souk::identity::{authenticate, ensure_user};
use souk::webhooks::Intake;
use souk_entity::audit_entry;
use souk_entity::user::Role;
use tower::ServiceExt;

use crate::harness::{Answer, Call, PASSWORD, TestApp, text};

const DAY_MS: i64 = 86_400_000;

impl Answer {
    /// A field of a pair of tokens.
    fn token(&self, name: &str) -> String {
        text(&self.body, name)
    }
}

async fn register(app: &TestApp, email: &str) -> Answer {
    let body = json!({ "email": email, "password": PASSWORD, "name": "Mira" });
    app.post("/v1/auth/register", body).await
}

async fn login(app: &TestApp, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    app.post("/v1/auth/login", body).await
}

/// With the refresh token of a pair.
async fn refresh(app: &TestApp, pair: &Answer) -> Answer {
    let body = json!({ "refresh_token": pair.token("refresh_token") });
    app.post("/v1/auth/refresh", body).await
}

/// With the access token of a pair.
fn with<'a>(call: Call<'a>, pair: &Answer) -> Call<'a> {
    let token = format!("Bearer {}", pair.token("access_token"));
    call.header("authorization", &token)
}

async fn me(app: &TestApp, pair: &Answer) -> Answer {
    with(app.get("/v1/users/me"), pair).await
}

async fn audited(app: &TestApp) -> Vec<String> {
    let lines = audit_entry::Entity::find().all(&app.app.db.read).await;
    let lines = lines.expect("reads").into_iter();
    lines.map(|line| line.action).collect()
}

#[tokio::test]
async fn somebody_registers_logs_in_and_is_who_they_say() {
    let app = TestApp::start().await;
    let registered = register(&app, " Mira@Example.com ").await;
    assert_eq!(registered.status, 201);
    assert_eq!(registered.body["user"]["email"], "mira@example.com");
    let logged_in = login(&app, "MIRA@example.com", PASSWORD).await;
    assert_eq!(logged_in.status, 200);
    let me = me(&app, &logged_in).await;
    assert_eq!(me.body, registered.body["user"]);
    assert_eq!(me.body["created_at"], "2026-11-18T11:06:40.000Z");
    assert_eq!(
        audited(&app).await,
        ["user.registered", "session.started", "session.started"]
    );
}

#[tokio::test]
async fn one_of_twenty_who_register_the_same_address_at_once_gets_it() {
    let app = TestApp::start().await;
    let tries = (0..20).map(|_| register(&app, "mira@example.com"));
    let replies = join_all(tries).await;
    let with = |said| {
        replies
            .iter()
            .filter(|reply| reply.status_and_code() == said)
            .count()
    };
    assert_eq!(with((201, "")), 1);
    assert_eq!(with((409, "email_taken")), 19);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let app = TestApp::start().await;
    register(&app, "mira@example.com").await;
    let wrong = login(&app, "mira@example.com", "wrong horse battery").await;
    wrong.refused(401, "invalid_credentials");
    for unknown in ["nobody@example.com", "no address"] {
        let unknown = login(&app, unknown, PASSWORD).await;
        let but_for_its_id = |answer: &Answer| {
            let mut body = answer.body.clone();
            body["request_id"].take();
            (answer.status, body)
        };
        assert_eq!(but_for_its_id(&unknown), but_for_its_id(&wrong));
    }
}

#[tokio::test]
async fn an_unknown_address_takes_as_long_as_a_known_one() {
    let app = TestApp::start().await;
    register(&app, "mira@example.com").await;
    let (mut known, mut unknown) = (Duration::MAX, Duration::MAX);
    // The fastest of each, in turn, since a busy machine holds up some.
    for _ in 0..5 {
        for (email, fastest) in [
            ("mira@example.com", &mut known),
            ("nobody@example.com", &mut unknown),
        ] {
            let start = tokio::time::Instant::now();
            login(&app, email, "wrong horse battery").await;
            *fastest = start.elapsed().min(*fastest);
        }
    }
    // Without the hash it would take a twentieth.
    assert!(
        unknown * 3 > known && known * 3 > unknown,
        "{unknown:?} and {known:?}"
    );
}

#[tokio::test]
async fn wrong_passwords_slow_an_account_down() {
    let app = TestApp::start().await;
    register(&app, "slow@example.com").await;
    for _ in 0..20 {
        let right = login(&app, "slow@example.com", PASSWORD).await;
        assert_eq!(right.status, 200);
    }
    let tries = (0..30).map(|_| login(&app, "Slow@example.com", "wrong horse battery"));
    let replies = join_all(tries).await;
    let (slowed, wrong): (Vec<_>, Vec<_>) = replies
        .iter()
        .partition(|reply| reply.status_and_code() == (429, "too_many_requests"));
    assert!(
        wrong
            .iter()
            .all(|reply| reply.status_and_code() == (401, "invalid_credentials"))
    );
    // Real time passes: on a slow machine some of it fills the allowance again.
    assert!(
        (10..=15).contains(&wrong.len()),
        "{} were tried",
        wrong.len()
    );
    for reply in slowed {
        let seconds = reply.header("retry-after").expect("Retry-After");
        let seconds: i64 = seconds.parse().expect("a number");
        assert!((1..=6).contains(&seconds), "{seconds} s");
    }
    let other = login(&app, "nobody@example.com", PASSWORD).await;
    assert_eq!(other.status, 401, "others aren't slowed");
}

#[tokio::test]
async fn an_address_that_calls_too_often_is_refused() {
    let app = TestApp::start().await;
    // From an address of its own, as no real connection can come: the tests of one process share its allowances.
    let (intake, _) = Intake::start(app.app.clone());
    let routes = souk::router(app.app.clone(), intake);
    let call = async || {
        let request = Request::post("/v1/auth/refresh")
            .header("content-type", "application/json")
            .extension(ConnectInfo(SocketAddr::from(([198, 51, 100, 1], 4711))))
            .body(Body::from(r#"{"refresh_token": "rt_guess"}"#))
            .expect("a request");
        let answer = routes.clone().oneshot(request).await;
        answer.expect("an answer").status()
    };
    let mut calls = 0;
    // The refused call is not repeated: the allowance fills again as time goes by, between two calls too.
    let told = loop {
        match call().await {
            StatusCode::UNAUTHORIZED => calls += 1,
            told => break told,
        }
        assert!(calls < 5000, "it is never told");
    };
    assert!(calls >= 1200, "told after {calls}");
    assert_eq!(told, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_return_ends_the_session() {
    let app = TestApp::start().await;
    let first = register(&app, "mira@example.com").await;
    let second = refresh(&app, &first).await;
    assert_eq!(second.status, 200);
    assert_eq!(me(&app, &second).await.status, 200);
    let again = refresh(&app, &first).await;
    again.refused(401, "invalid_token");
    for dead in [&first, &second] {
        let me = me(&app, dead).await;
        me.refused(401, "invalid_token");
        let refreshed = refresh(&app, dead).await;
        refreshed.refused(401, "invalid_token");
    }
    assert_eq!(
        audited(&app)
            .await
            .iter()
            .filter(|a| *a == "session.revoked")
            .count(),
        1
    );
}

#[tokio::test]
async fn at_most_one_of_two_who_refresh_with_the_same_token_at_once_gets_a_pair() {
    let app = TestApp::start().await;
    let pair = register(&app, "mira@example.com").await;
    let tries = (0..8).map(|_| refresh(&app, &pair));
    let replies = join_all(tries).await;
    let won: Vec<_> = replies.iter().filter(|r| r.status == 200).collect();
    assert_eq!(won.len(), 1);
    let me = me(&app, won[0]).await;
    me.refused(401, "invalid_token");
}

#[tokio::test]
async fn tokens_expire() {
    let app = TestApp::start().await;
    let pair = register(&app, "mira@example.com").await;
    app.app.clock.advance_ms(600_000);
    me(&app, &pair).await.refused(401, "invalid_token");
    let pair = refresh(&app, &pair).await;
    assert_eq!(pair.status, 200);
    app.app.clock.advance_ms(30 * DAY_MS);
    refresh(&app, &pair).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_session_ends_90_days_after_its_login_however_often_it_is_renewed() {
    let app = TestApp::start().await;
    let mut pair = register(&app, "mira@example.com").await;
    for _ in 0..4 {
        app.app.clock.advance_ms(20 * DAY_MS);
        pair = refresh(&app, &pair).await;
        assert_eq!(pair.status, 200);
    }
    app.app.clock.advance_ms(10 * DAY_MS);
    refresh(&app, &pair).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn logging_out_ends_one_session_at_once_and_no_other() {
    let app = TestApp::start().await;
    let here = register(&app, "mira@example.com").await;
    let there = login(&app, "mira@example.com", PASSWORD).await;
    let log_out = async || with(app.call("POST", "/v1/auth/logout"), &here).await;
    assert_eq!(log_out().await.status, 204);
    me(&app, &here).await.refused(401, "invalid_token");
    refresh(&app, &here).await.refused(401, "invalid_token");
    assert_eq!(me(&app, &there).await.status, 200);
    log_out().await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_role_counts_from_the_moment_it_is_given() {
    let app = TestApp::start().await;
    let member = register(&app, "mira@example.com").await;
    let findings = || app.get("/v1/ledger/findings");
    with(findings(), &member).refused(403, "forbidden").await;
    findings().refused(401, "unauthenticated").await;
    app.sql("UPDATE users SET role = 'admin'").await;
    with(findings(), &member).expect(200).await;
}

#[tokio::test]
async fn a_caller_without_a_token_is_a_guest_and_one_with_a_bad_token_is_refused() {
    let app = TestApp::start().await;
    let shop = app.new_shop("mira", "US").await;
    let lamp = app.product(&shop, 2500, None).await;
    let pair = login(&app, &shop.owner.email, PASSWORD).await;
    let change = app.patch(
        format!("/v1/products/{lamp}"),
        json!({ "status": "archived" }),
    );
    with(change, &pair).expect(200).await;
    app.run_jobs().await;
    // An archived product is listed to its owner alone, so the list says whether the caller is known.
    let archived = || app.get("/v1/products?status=archived");
    let shown = |list: &Value| list["data"].as_array().map(Vec::len);
    assert_eq!(shown(&archived().expect(200).await), Some(0));
    assert_eq!(shown(&with(archived(), &pair).expect(200).await), Some(1));
    let refresh = format!("Bearer {}", pair.token("refresh_token"));
    let others = [
        "Bearer nonsense",
        "Basic bWlyYTpzZWNyZXQ=",
        "Bearer",
        "\u{e9}",
    ];
    for header in others.into_iter().chain([refresh.as_str()]) {
        let call = archived().header("authorization", header);
        call.refused(401, "invalid_token").await;
    }
}

#[tokio::test]
async fn a_name_changes_and_nothing_else_does() {
    let app = TestApp::start().await;
    let pair = register(&app, "mira@example.com").await;
    let patch = |body| with(app.patch("/v1/users/me", body), &pair);
    assert_eq!(patch(json!({})).expect(200).await["name"], "Mira");
    let named = patch(json!({"name": " Mira H. "})).expect(200).await;
    assert_eq!(named["name"], "Mira H.");
    assert_eq!(me(&app, &pair).await.body["name"], "Mira H.");
    for (body, param) in [
        (json!({"name": null}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"role": "admin"}), "role"),
        (json!({"email": "other@example.com"}), "email"),
    ] {
        patch(body).refuses_field(param).await;
    }
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let app = TestApp::start().await;
    let good = json!({"email": "mira@example.com", "password": PASSWORD, "name": "Mira"});
    for (field, value) in [
        ("email", json!("no address")),
        ("password", json!("too short")),
        ("password", json!(123_456_789_012_i64)),
        ("name", json!("")),
        ("name", json!("Mi\0ra")),
        ("role", json!("admin")),
    ] {
        let mut body = good.clone();
        body[field] = value;
        let call = app.post("/v1/auth/register", body);
        call.refuses_field(field).await;
    }
    assert!(audited(&app).await.is_empty(), "nothing is half done");
}

#[tokio::test]
async fn an_admin_is_made_once_and_a_member_raised_and_logged_out() {
    let app = TestApp::start().await;
    let ensure = async |role, password: &str| {
        ensure_user(&app.app, "mira@example.com", "Mira", password, role)
            .await
            .expect("ensured")
    };
    let member = register(&app, "mira@example.com").await;
    assert_eq!(
        ensure(Role::Member, "another password").await.role,
        Role::Member
    );
    assert_eq!(me(&app, &member).await.status, 200);
    let admin = ensure(Role::Admin, "another password").await;
    assert_eq!(admin.role, Role::Admin);
    assert_eq!(member.body["user"]["id"], json!(admin.id));
    me(&app, &member).await.refused(401, "invalid_token");
    let old_password = login(&app, "mira@example.com", PASSWORD).await;
    old_password.expect(401);
    let pair = login(&app, "mira@example.com", "another password").await;
    assert_eq!(ensure(Role::Admin, "another password").await, admin);
    assert_eq!(me(&app, &pair).await.status, 200);
    let authenticated = authenticate(&app.app, "mira@example.com", "another password").await;
    assert_eq!(authenticated.ok(), Some(admin));
}
