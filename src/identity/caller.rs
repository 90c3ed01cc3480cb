//! Extractors of the caller. They load the session and the user for each request, so that a logout and a change of role
//! take effect at once.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use souk_entity::user::{self, Role};
use souk_entity::{SessionId, UserId};

use super::{sessions, tokens};
use crate::app::App;
use crate::error::{Error, Result};

/// The authenticated caller, by `Authorization: Bearer …`; 401 otherwise.
pub struct Caller {
    /// The user's row.
    pub user: user::Model,
    /// The session that the token belongs to.
    pub session: SessionId,
}

/// The caller, or none without a token. A bad token gets 401.
pub struct MaybeCaller(pub Option<Caller>);

/// A caller who is an admin; 403 for members.
pub struct Admin(pub Caller);

impl Caller {
    /// The user's id.
    pub fn id(&self) -> &UserId {
        &self.user.id
    }

    /// Whether they are an admin of the platform.
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// The scope of their `Idempotency-Key`s, and the actor in the audit log.
    pub fn principal(&self) -> String {
        self.user.id.to_string()
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = bearer(parts)?.ok_or(Error::Unauthenticated(
            "unauthenticated",
            "Log in and send Authorization: Bearer <access_token>.",
        ))?;
        by_token(app, token).await
    }
}

impl FromRequestParts<App> for MaybeCaller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match bearer(parts)? {
            None => Ok(Self(None)),
            Some(token) => Ok(Self(Some(by_token(app, token).await?))),
        }
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        if !caller.is_admin() {
            return Err(Error::Forbidden("Only the platform's admins may do this."));
        }
        Ok(Self(caller))
    }
}

/// The token of the `Authorization` header. None: there is no such header.
fn bearer(parts: &Parts) -> Result<Option<&str>> {
    let Some(header) = parts.headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    header
        .to_str()
        .ok()
        .and_then(|text| text.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| Some(token.trim()))
        .ok_or_else(|| tokens::invalid("Authorization must be Bearer and an access token."))
}

async fn by_token(app: &App, token: &str) -> Result<Caller> {
    let now = app.clock.now();
    let (user, session) = tokens::read_access_token(&app.config, now, token)?;
    sessions::user_of(&app.db.read, &session, now)
        .await?
        .filter(|found| found.id == user)
        .map(|user| Caller { user, session })
        .ok_or_else(|| tokens::invalid("This session has ended. Log in again."))
}
