//! Addresses that people prove to be theirs: a code is mailed to the address, and whoever has it proves that they read mail there.
//! What is answered never depends on whether the address is a user's.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter};
use serde_json::json;
use souk_entity::AddressVerificationId;
use souk_entity::address_verification::{self, Column as C};
use subtle::ConstantTimeEq;

use super::throttle::CodeSender;
use super::{email_address, tokens};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Recipient};
use crate::{audit, ids};

/// The life of a code.
const CODE_MS: i64 = 15 * 60_000;
/// How many codes may be tried.
const TRIES: i32 = 5;
/// The life of a guest's token, in seconds.
pub const TOKEN_SECONDS: i64 = 3_600;
/// How long a row is kept.
const KEPT_MS: i64 = 24 * 3_600_000;
/// What the mail with a code is called.
const MAIL: &str = "address_code";

/// An address that somebody has proved to be theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedAddress {
    /// Lower case.
    pub email: String,
}

impl VerifiedAddress {
    /// Whether an address, as somebody typed it, is this one.
    pub fn is(&self, typed: &str) -> bool {
        typed.trim().to_lowercase() == self.email
    }
}

/// Has a code mailed to an address.
///
/// # Errors
/// What is no address, and 429 after too many codes.
pub async fn open(
    app: &App,
    sender: &CodeSender,
    typed: &str,
) -> Result<address_verification::Model> {
    let email = email_address(typed).ok_or_else(|| {
        Error::invalid(
            "email",
            "email must be an e-mail address such as sam@example.com.",
        )
    })?;
    sender.use_one(&email)?;
    let tx = app.db.begin_write().await?;
    let row = address_verification::Model {
        id: ids::new(tx.now()),
        email,
        tries: 0,
        expires_at: tx.now().plus_ms(CODE_MS),
        used_at: None,
        token_hash: None,
        token_expires_at: None,
        created_at: tx.now(),
    };
    address_verification::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let mail = Job::Mail {
        what: MAIL.to_owned(),
        to: Recipient::Buyer,
        about: row.id.to_string(),
    };
    jobs::stage(&tx, &mail).await?;
    let (action, id) = ("address_verification.created", row.id.as_ref());
    audit::record(&tx, "guest", action, id, json!({})).await?;
    tx.commit().await?;
    Ok(row)
}

/// A verification by its id.
pub async fn find<D: ConnectionTrait>(
    db: &D,
    id: &AddressVerificationId,
) -> Result<Option<address_verification::Model>> {
    let row = address_verification::Entity::find_by_id(id.clone());
    Ok(row.one(db).await?)
}

/// Address and code of the mail. None: nobody can use the code any more.
///
/// # Errors
/// The database failed.
pub async fn mail(app: &App, id: &AddressVerificationId) -> Result<Option<(String, String)>> {
    let row = find(&app.db.read, id).await?;
    let row = row.filter(|row| row.used_at.is_none() && row.expires_at > app.clock.now());
    Ok(row.map(|row| (row.email, tokens::address_code(&app.config, id))))
}

/// Tries a code. Each try counts, whatever else happens at the same time, and a right one counts once. `false`: the code is wrong,
/// and the caller commits that it was tried.
///
/// # Errors
/// `verification_over`: it was used, has expired, or too many codes were tried.
pub async fn prove(app: &App, tx: &Tx, id: &AddressVerificationId, code: &str) -> Result<bool> {
    let open = C::UsedAt.is_null().and(C::ExpiresAt.gt(tx.now()));
    let tried = address_verification::Entity::update_many()
        .col_expr(C::Tries, Expr::col(C::Tries).add(1))
        .filter(C::Id.eq(id.clone()))
        .filter(open)
        .filter(C::Tries.lt(TRIES))
        .exec(tx)
        .await?;
    if tried.rows_affected == 0 {
        return Err(Error::conflict(
            "verification_over",
            "This code was used, has expired, or wrong ones were tried too often. Ask for a new one.",
        ));
    }
    let right = tokens::address_code(&app.config, id);
    if !bool::from(right.as_bytes().ct_eq(code.as_bytes())) {
        return Ok(false);
    }
    address_verification::Entity::update_many()
        .col_expr(C::UsedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    Ok(true)
}

/// A guest's token for an address that was proved just now. It is told once.
pub async fn give_token(tx: &Tx, id: &AddressVerificationId) -> Result<String> {
    let token = format!("gst_{}", ids::random_token());
    let until = tx.now().plus_ms(TOKEN_SECONDS * 1000);
    address_verification::Entity::update_many()
        .col_expr(C::TokenHash, Expr::value(ids::sha256_hex(token.as_bytes())))
        .col_expr(C::TokenExpiresAt, Expr::value(until))
        .filter(C::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    Ok(token)
}

/// The address that a guest's token was given for. None: it is unknown or has expired.
pub(super) async fn by_token(app: &App, token: &str) -> Result<Option<VerifiedAddress>> {
    let row = address_verification::Entity::find()
        .filter(C::TokenHash.eq(ids::sha256_hex(token.as_bytes())))
        .filter(C::TokenExpiresAt.gt(app.clock.now()))
        .one(&app.db.read)
        .await?;
    Ok(row.map(|row| VerifiedAddress { email: row.email }))
}

/// Deletes the verifications that are over, with their tokens.
pub async fn delete_old(tx: &Tx) -> Result<()> {
    address_verification::Entity::delete_many()
        .filter(C::CreatedAt.lt(tx.now().plus_ms(-KEPT_MS)))
        .exec(tx)
        .await?;
    Ok(())
}
