//! Extractors of a buyer: a user by their token, or a guest by the token for an address that they have proved.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::addresses::{self, VerifiedAddress};
use super::{Caller, MaybeCaller, tokens};
use crate::app::App;
use crate::error::{Error, Result};

/// The header of a guest's token.
const GUEST_TOKEN: &str = "guest-token";

/// Somebody who can have a customer; 401 otherwise. Who sends both tokens is the user.
pub enum Buyer {
    /// Somebody who is logged in.
    User(Caller),
    /// Somebody whose address is proved.
    Guest(VerifiedAddress),
}

/// A buyer, or none without a token. A bad token gets 401.
pub struct MaybeBuyer(pub Option<Buyer>);

impl Buyer {
    /// Their address.
    pub fn email(&self) -> &str {
        match self {
            Self::User(caller) => &caller.user.email,
            Self::Guest(address) => &address.email,
        }
    }

    /// The user. None: a guest.
    pub fn user(&self) -> Option<&Caller> {
        match self {
            Self::User(caller) => Some(caller),
            Self::Guest(_) => None,
        }
    }

    /// Whose their `Idempotency-Key`s are.
    pub fn principal(&self) -> String {
        match self {
            Self::User(caller) => caller.principal(),
            Self::Guest(address) => format!("verified:{}", address.email),
        }
    }

    /// Who they are in the audit log.
    pub fn actor(&self) -> String {
        actor(self.user())
    }
}

/// Who somebody is in the audit log: a user, or else a guest.
pub fn actor(caller: Option<&Caller>) -> String {
    caller.map_or_else(|| "guest".to_owned(), Caller::principal)
}

impl FromRequestParts<App> for Buyer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let MaybeBuyer(buyer) = MaybeBuyer::from_request_parts(parts, app).await?;
        buyer.ok_or(Error::Unauthenticated(
            "unauthenticated",
            "Log in and send Authorization: Bearer <access_token>, or prove an address (POST /v1/address_verifications) and send the \
             Guest-Token header.",
        ))
    }
}

impl FromRequestParts<App> for MaybeBuyer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        if let Some(caller) = caller {
            return Ok(Self(Some(Buyer::User(caller))));
        }
        let Some(token) = parts.headers.get(GUEST_TOKEN) else {
            return Ok(Self(None));
        };
        let proved = match token.to_str() {
            Ok(token) => addresses::by_token(app, token).await?,
            Err(_) => None,
        };
        let address = proved.ok_or_else(|| {
            tokens::invalid(
                "The Guest-Token is not one of ours, or has expired. Prove the address again.",
            )
        })?;
        Ok(Self(Some(Buyer::Guest(address))))
    }
}
