//! Routes for registering, logging in and out, and for the caller's own user.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use souk_entity::user::{self, Role};
use souk_entity::{Timestamp, UserId};
use validator::Validate;

use super::sessions::{self, Tokens};
use super::throttle::RateLimited;
use super::{Caller, tokens};
use crate::app::App;
use crate::error::Result;
use crate::http::{Answer, ValidJson, deserialize_some};

/// The routes of this room.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/auth/register", post(register))
        .route("/v1/auth/login", post(login))
        .route("/v1/auth/refresh", post(refresh))
        .route("/v1/auth/logout", post(logout))
        .route("/v1/users/me", get(read_me).patch(update_me))
}

/// Checked by the domain, which `souk admin create` uses too.
#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct RegisterRequest {
    email: String,
    password: String,
    name: String,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct LoginRequest {
    #[validate(length(min = 1, max = 254, message = "email must have 1 to 254 characters."))]
    email: String,
    #[validate(length(
        min = 1,
        max = 128,
        message = "password must have 1 to 128 characters."
    ))]
    password: String,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct RefreshRequest {
    #[validate(length(
        min = 1,
        max = 512,
        message = "refresh_token must have 1 to 512 characters."
    ))]
    refresh_token: String,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct UserUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    name: Option<String>,
}

#[derive(Serialize)]
struct UserView {
    id: UserId,
    object: &'static str,
    email: String,
    email_verified_at: Option<Timestamp>,
    name: String,
    role: Role,
    created_at: Timestamp,
}

impl From<user::Model> for UserView {
    fn from(user: user::Model) -> Self {
        Self {
            id: user.id,
            object: "user",
            email: user.email,
            email_verified_at: user.email_verified_at,
            name: user.name,
            role: user.role,
            created_at: user.created_at,
        }
    }
}

#[derive(Serialize)]
struct TokenPair {
    object: &'static str,
    access_token: String,
    token_type: &'static str,
    /// Seconds.
    expires_in: i64,
    refresh_token: String,
    user: UserView,
}

impl From<(user::Model, Tokens)> for TokenPair {
    fn from((user, tokens): (user::Model, Tokens)) -> Self {
        Self {
            object: "token_pair",
            access_token: tokens.access,
            token_type: "Bearer",
            expires_in: tokens::ACCESS_SECONDS,
            refresh_token: tokens.refresh,
            user: user.into(),
        }
    }
}

async fn register(
    _: RateLimited,
    State(app): State<App>,
    ValidJson(new): ValidJson<RegisterRequest>,
) -> Result<(StatusCode, Json<TokenPair>)> {
    let registered = super::register(&app, &new.email, &new.name, &new.password).await?;
    Ok((StatusCode::CREATED, Json(registered.into())))
}

async fn login(
    _: RateLimited,
    State(app): State<App>,
    ValidJson(given): ValidJson<LoginRequest>,
) -> Answer<TokenPair> {
    let logged_in = super::login(&app, &given.email, &given.password).await?;
    Ok(Json(logged_in.into()))
}

async fn refresh(
    _: RateLimited,
    State(app): State<App>,
    ValidJson(given): ValidJson<RefreshRequest>,
) -> Answer<TokenPair> {
    let renewed = sessions::refresh(&app, &given.refresh_token).await?;
    Ok(Json(renewed.into()))
}

async fn logout(State(app): State<App>, caller: Caller) -> Result<StatusCode> {
    sessions::log_out(&app, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn read_me(caller: Caller) -> Answer<UserView> {
    Ok(Json(caller.user.into()))
}

async fn update_me(
    State(app): State<App>,
    caller: Caller,
    ValidJson(update): ValidJson<UserUpdate>,
) -> Answer<UserView> {
    let user = match update.name {
        Some(name) => super::rename(&app, caller.user, &name).await?,
        None => caller.user,
    };
    Ok(Json(user.into()))
}
