//! Registering, logging in and out, and what a token is good for.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::EntityTrait;
use serde_json::{Value, json};
use souk_entity::user::{self, Role};
use souk_entity::{Timestamp, audit_entry};
use tempfile::TempDir;
use tower::ServiceExt;

use souk::app::App;
use souk::clock::Clock;
use souk::config::Config;
use souk::db::Db;
use souk::identity::routes::router;
use souk::identity::{Admin, MaybeCaller, authenticate, ensure_user};
use souk::mailer::Mailer;
use souk::stripe::Stripe;

use crate::contract::{Answered, contract, saw};
use crate::harness::Database;

const PASSWORD: &str = "correct horse battery";

struct House {
    app: App,
    routes: Router,
    _database: Database,
    _data: TempDir,
}

struct Reply {
    status: StatusCode,
    retry_after: Option<i64>,
    body: Value,
}

impl Reply {
    fn text(&self, pointer: &str) -> &str {
        self.body
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    fn said(&self) -> (u16, &str) {
        (self.status.as_u16(), self.text("/code"))
    }
}

impl House {
    async fn build() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let database = Database::migrated(data.path()).await;
        let vars = [
            ("DATABASE_URL", database.url.as_str()),
            ("JWT_SECRET", "a secret of more than thirty-two characters"),
            ("DATA_DIR", data.path().to_str().expect("a path")),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let config = Config::read(&vars.into()).expect("settings");
        let clock = Clock::fixed(Timestamp(1_795_000_000_000));
        let db = Db::connect(&config.database_url, clock.clone())
            .await
            .expect("connects");
        db.migrate().await.expect("migrates");
        let app = App {
            db,
            stripe: Stripe::new(&config).expect("a client"),
            mailer: Mailer::new(&config).expect("a mailer"),
            config: Arc::new(config),
            clock,
        };
        let routes = router()
            .route("/admin", get(async |_: Admin| StatusCode::NO_CONTENT))
            .route(
                "/maybe",
                get(async |MaybeCaller(caller): MaybeCaller| Json(json!(caller.is_some()))),
            )
            .with_state(app.clone());
        Self {
            app,
            routes,
            _database: database,
            _data: data,
        }
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Reply {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711))));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Body::from(body.to_string()))
            .expect("a request");
        let response = self
            .routes
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let retry_after = response.headers().get("retry-after").cloned();
        let kind = response.headers().get("content-type").cloned();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .expect("a body");
        if path.starts_with("/v1/") {
            let answered = Answered {
                method,
                path,
                status: status.as_u16(),
                content_type: kind.as_ref().and_then(|kind| kind.to_str().ok()),
                body: &bytes,
            };
            match contract().check(&answered) {
                Ok(operation) => operation.into_iter().for_each(|o| saw(o, status.as_u16())),
                Err(fault) => panic!("{method} {path}: the answer {status} {fault}"),
            }
        }
        Reply {
            status,
            retry_after: retry_after.and_then(|value| value.to_str().ok()?.parse().ok()),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, "", body).await
    }

    async fn register(&self, email: &str) -> Reply {
        let body = json!({"email": email, "password": PASSWORD, "name": "Mira"});
        self.post("/v1/auth/register", body).await
    }

    async fn login(&self, email: &str, password: &str) -> Reply {
        let body = json!({"email": email, "password": password});
        self.post("/v1/auth/login", body).await
    }

    async fn refresh(&self, token: &str) -> Reply {
        self.post("/v1/auth/refresh", json!({"refresh_token": token}))
            .await
    }

    async fn me(&self, token: &str) -> Reply {
        self.call("GET", "/v1/users/me", token, json!(null)).await
    }

    async fn audited(&self) -> Vec<String> {
        let lines = audit_entry::Entity::find()
            .all(&self.app.db.read)
            .await
            .expect("reads");
        lines.into_iter().map(|line| line.action).collect()
    }
}

#[tokio::test]
async fn somebody_registers_logs_in_and_is_who_they_say() {
    let house = House::build().await;
    let registered = house.register(" Mira@Example.com ").await;
    assert_eq!(registered.status, StatusCode::CREATED);
    assert_eq!(registered.text("/user/email"), "mira@example.com");
    let logged_in = house.login("MIRA@example.com", PASSWORD).await;
    assert_eq!(logged_in.status, StatusCode::OK);
    let me = house.me(logged_in.text("/access_token")).await;
    assert_eq!(me.body, registered.body["user"]);
    assert_eq!(me.text("/created_at"), "2026-11-18T11:06:40.000Z");
    assert_eq!(
        house.audited().await,
        ["user.registered", "session.started", "session.started"]
    );
}

#[tokio::test]
async fn of_twenty_who_register_one_address_at_once_one_gets_it() {
    let house = House::build().await;
    let tries = (0..20).map(|_| house.register("mira@example.com"));
    let replies = futures_util::future::join_all(tries).await;
    let with = |said| replies.iter().filter(|reply| reply.said() == said).count();
    assert_eq!((with((201, "")), with((409, "email_taken"))), (1, 19));
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let house = House::build().await;
    house.register("mira@example.com").await;
    let wrong = house.login("mira@example.com", "wrong horse battery").await;
    assert_eq!(wrong.said(), (401, "invalid_credentials"));
    for unknown in ["nobody@example.com", "no address"] {
        let unknown = house.login(unknown, PASSWORD).await;
        assert_eq!(unknown.said(), wrong.said());
        assert_eq!(unknown.body, wrong.body);
    }
}

#[tokio::test]
async fn an_unknown_address_takes_as_long_as_a_known_one() {
    let house = House::build().await;
    house.register("mira@example.com").await;
    let time = async |email| {
        let start = tokio::time::Instant::now();
        for _ in 0..5 {
            house.login(email, "wrong horse battery").await;
        }
        start.elapsed()
    };
    let (known, unknown) = (
        time("mira@example.com").await,
        time("nobody@example.com").await,
    );
    // Without the hash it would take a twentieth.
    assert!(
        unknown * 3 > known && known * 3 > unknown,
        "{unknown:?} and {known:?}"
    );
}

#[tokio::test]
async fn wrong_passwords_slow_an_account_down() {
    let house = House::build().await;
    house.register("slow@example.com").await;
    for _ in 0..20 {
        let right = house.login("slow@example.com", PASSWORD).await;
        assert_eq!(right.status, StatusCode::OK);
    }
    let tries = (0..30).map(|_| house.login("Slow@example.com", "wrong horse battery"));
    let replies = futures_util::future::join_all(tries).await;
    let (slowed, wrong): (Vec<_>, Vec<_>) = replies
        .iter()
        .partition(|reply| reply.said() == (429, "too_many_requests"));
    assert!(
        wrong
            .iter()
            .all(|reply| reply.said() == (401, "invalid_credentials"))
    );
    // Real time passes: on a slow machine some of it fills the allowance again.
    assert!(
        (10..=15).contains(&wrong.len()),
        "{} were tried",
        wrong.len()
    );
    for reply in slowed {
        let seconds = reply.retry_after.expect("Retry-After");
        assert!((1..=6).contains(&seconds), "{seconds} s");
    }
    let other = house.login("nobody@example.com", PASSWORD).await;
    assert_eq!(
        other.status,
        StatusCode::UNAUTHORIZED,
        "others aren't slowed"
    );
}

#[tokio::test]
async fn an_address_that_calls_too_often_is_told_so() {
    let house = House::build().await;
    // An address of its own: the tests of one process share its allowances.
    let call = async || {
        let request = Request::post("/v1/auth/refresh")
            .header("content-type", "application/json")
            .extension(ConnectInfo(SocketAddr::from(([198, 51, 100, 1], 4711))))
            .body(Body::from(r#"{"refresh_token": "rt_guess"}"#))
            .expect("a request");
        let answer = house.routes.clone().oneshot(request).await;
        answer.expect("an answer").status()
    };
    let mut calls = 0;
    while call().await == StatusCode::UNAUTHORIZED {
        calls += 1;
        assert!(calls < 5000, "it is never told");
    }
    assert!(calls >= 1200, "told after {calls}");
    assert_eq!(call().await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_return_ends_the_session() {
    let house = House::build().await;
    let first = house.register("mira@example.com").await;
    let second = house.refresh(first.text("/refresh_token")).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_eq!(
        house.me(second.text("/access_token")).await.status,
        StatusCode::OK
    );
    let again = house.refresh(first.text("/refresh_token")).await;
    assert_eq!(again.said(), (401, "invalid_token"));
    for dead in [&first, &second] {
        let me = house.me(dead.text("/access_token")).await;
        assert_eq!(me.said(), (401, "invalid_token"));
        let refreshed = house.refresh(dead.text("/refresh_token")).await;
        assert_eq!(refreshed.said(), (401, "invalid_token"));
    }
    assert_eq!(
        house
            .audited()
            .await
            .iter()
            .filter(|a| *a == "session.revoked")
            .count(),
        1
    );
}

#[tokio::test]
async fn of_two_who_refresh_with_one_token_at_once_at_most_one_gets_a_pair() {
    let house = House::build().await;
    let pair = house.register("mira@example.com").await;
    let tries = (0..8).map(|_| house.refresh(pair.text("/refresh_token")));
    let replies = futures_util::future::join_all(tries).await;
    let won: Vec<_> = replies
        .iter()
        .filter(|r| r.status == StatusCode::OK)
        .collect();
    assert_eq!(won.len(), 1);
    let me = house.me(won[0].text("/access_token")).await;
    assert_eq!(me.said(), (401, "invalid_token"));
}

#[tokio::test]
async fn tokens_expire() {
    let house = House::build().await;
    let pair = house.register("mira@example.com").await;
    house.app.clock.advance_ms(600_000);
    assert_eq!(
        house.me(pair.text("/access_token")).await.said(),
        (401, "invalid_token")
    );
    let pair = house.refresh(pair.text("/refresh_token")).await;
    assert_eq!(pair.status, StatusCode::OK);
    house.app.clock.advance_ms(30 * 86_400_000);
    assert_eq!(
        house.refresh(pair.text("/refresh_token")).await.said(),
        (401, "invalid_token")
    );
}

#[tokio::test]
async fn a_session_ends_90_days_after_its_login_however_often_it_is_renewed() {
    let house = House::build().await;
    let mut pair = house.register("mira@example.com").await;
    for _ in 0..4 {
        house.app.clock.advance_ms(20 * 86_400_000);
        pair = house.refresh(pair.text("/refresh_token")).await;
        assert_eq!(pair.status, StatusCode::OK);
    }
    house.app.clock.advance_ms(10 * 86_400_000);
    assert_eq!(
        house.refresh(pair.text("/refresh_token")).await.said(),
        (401, "invalid_token")
    );
}

#[tokio::test]
async fn logging_out_ends_one_session_at_once_and_no_other() {
    let house = House::build().await;
    let here = house.register("mira@example.com").await;
    let there = house.login("mira@example.com", PASSWORD).await;
    let token = here.text("/access_token");
    let gone = house
        .call("POST", "/v1/auth/logout", token, json!(null))
        .await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!(house.me(token).await.said(), (401, "invalid_token"));
    assert_eq!(
        house.refresh(here.text("/refresh_token")).await.said(),
        (401, "invalid_token")
    );
    assert_eq!(
        house.me(there.text("/access_token")).await.status,
        StatusCode::OK
    );
    let again = house
        .call("POST", "/v1/auth/logout", token, json!(null))
        .await;
    assert_eq!(again.said(), (401, "invalid_token"));
}

#[tokio::test]
async fn a_role_counts_from_the_moment_it_is_given() {
    let house = House::build().await;
    let member = house.register("mira@example.com").await;
    let token = member.text("/access_token");
    assert_eq!(
        house.call("GET", "/admin", token, json!(null)).await.said(),
        (403, "forbidden")
    );
    assert_eq!(
        house.call("GET", "/admin", "", json!(null)).await.said(),
        (401, "unauthenticated")
    );
    let update = user::Entity::update_many().col_expr(
        user::Column::Role,
        sea_orm::sea_query::Expr::value(Role::Admin),
    );
    let tx = house.app.db.begin_write().await.expect("begins");
    update.exec(&tx).await.expect("updates");
    tx.commit().await.expect("commits");
    let now = house.call("GET", "/admin", token, json!(null)).await;
    assert_eq!(now.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn nobody_is_a_guest_but_a_bad_token_is_not() {
    let house = House::build().await;
    let pair = house.register("mira@example.com").await;
    let guest = house.call("GET", "/maybe", "", json!(null)).await;
    assert_eq!(guest.body, json!(false));
    let known = house
        .call("GET", "/maybe", pair.text("/access_token"), json!(null))
        .await;
    assert_eq!(known.body, json!(true));
    let bad = house.call("GET", "/maybe", "nonsense", json!(null)).await;
    assert_eq!(bad.said(), (401, "invalid_token"));
    let refresh = house
        .call("GET", "/maybe", pair.text("/refresh_token"), json!(null))
        .await;
    assert_eq!(refresh.said(), (401, "invalid_token"));
    for header in ["Basic bWlyYTpzZWNyZXQ=", "Bearer", "\u{e9}"] {
        let request = Request::get("/maybe").header("authorization", header);
        let request = request.body(Body::empty()).expect("a request");
        let answer = house.routes.clone().oneshot(request).await;
        assert_eq!(
            answer.expect("an answer").status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn a_name_changes_and_nothing_else_does() {
    let house = House::build().await;
    let pair = house.register("mira@example.com").await;
    let token = pair.text("/access_token");
    let patch = async |body| house.call("PATCH", "/v1/users/me", token, body).await;
    assert_eq!(patch(json!({})).await.text("/name"), "Mira");
    assert_eq!(
        patch(json!({"name": " Mira H. "})).await.text("/name"),
        "Mira H."
    );
    assert_eq!(house.me(token).await.text("/name"), "Mira H.");
    for (body, param) in [
        (json!({"name": null}), "name"),
        (json!({"name": " "}), "name"),
        (json!({"role": "admin"}), "role"),
        (json!({"email": "other@example.com"}), "email"),
    ] {
        let refused = patch(body).await;
        assert_eq!(refused.said(), (422, "invalid_request"));
        assert_eq!(refused.text("/param"), param);
    }
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let house = House::build().await;
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
        let refused = house.post("/v1/auth/register", body).await;
        assert_eq!(
            (refused.said(), refused.text("/param")),
            ((422, "invalid_request"), field)
        );
    }
    assert!(house.audited().await.is_empty(), "nothing is half done");
}

#[tokio::test]
async fn an_admin_is_made_once_and_a_member_raised_and_logged_out() {
    let house = House::build().await;
    let ensure = async |role, password: &str| {
        ensure_user(&house.app, "mira@example.com", "Mira", password, role)
            .await
            .expect("ensured")
    };
    let member = house.register("mira@example.com").await;
    assert_eq!(
        ensure(Role::Member, "another password").await.role,
        Role::Member
    );
    assert_eq!(
        house.me(member.text("/access_token")).await.status,
        StatusCode::OK
    );
    let admin = ensure(Role::Admin, "another password").await;
    assert_eq!(
        (admin.role, admin.id.as_ref()),
        (Role::Admin, member.text("/user/id"))
    );
    assert_eq!(
        house.me(member.text("/access_token")).await.said(),
        (401, "invalid_token")
    );
    assert_eq!(
        house.login("mira@example.com", PASSWORD).await.said().0,
        401
    );
    let pair = house.login("mira@example.com", "another password").await;
    assert_eq!(ensure(Role::Admin, "another password").await, admin);
    assert_eq!(
        house.me(pair.text("/access_token")).await.status,
        StatusCode::OK
    );
    let authenticated = authenticate(&house.app, "mira@example.com", "another password").await;
    assert_eq!(authenticated.ok(), Some(admin));
}
