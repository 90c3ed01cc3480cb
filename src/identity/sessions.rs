//! Sessions. A session is a family of refresh tokens that replace one another. Each works once. A token that is used
//! again ends the session, since one of its two holders is a thief.

use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QuerySelect,
};
use serde_json::json;
use souk_entity::{SessionId, Timestamp, UserId, refresh_token, session, user};

use super::{Caller, tokens};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::{audit, ids};

const DAY_MS: i64 = 86_400_000;
/// The life of a session since its login, however often it is renewed.
const SESSION_MS: i64 = 90 * DAY_MS;
/// The life of an unused refresh token.
const REFRESH_MS: i64 = 30 * DAY_MS;

/// A client's access and refresh token.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// Starts a session.
pub(super) async fn start(app: &App, tx: &Tx, user: &UserId) -> Result<Tokens> {
    let id: SessionId = ids::new(tx.now());
    session::Entity::insert(session::ActiveModel {
        id: Set(id.clone()),
        user_id: Set(user.clone()),
        created_at: Set(tx.now()),
        expires_at: Set(tx.now().plus_ms(SESSION_MS)),
        revoked_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    audit::record(tx, user.as_ref(), "session.started", id.as_ref(), json!({})).await?;
    issue(app, tx, user, &id).await
}

/// Exchanges a refresh token for new tokens. `invalid_token` if it is unknown, expired, of an ended session, or used
/// before; a token used before ends the session.
pub(super) async fn refresh(app: &App, token: &str) -> Result<(user::Model, Tokens)> {
    use refresh_token::Column as C;
    let hash = ids::sha256_hex(token.as_bytes());
    // Read outside of a transaction, since guesses must not queue for SQLite's one writer.
    let known = refresh_token::Entity::find()
        .filter(C::TokenHash.eq(hash))
        .one(&app.db.read)
        .await?
        .ok_or_else(refused)?;
    let tx = app.db.begin_write().await?;
    let used = refresh_token::Entity::update_many()
        .col_expr(C::UsedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(known.id))
        .filter(C::UsedAt.is_null())
        .exec(&tx)
        .await?;
    if used.rows_affected == 0 {
        tracing::warn!(session = %known.session_id, "a refresh token came back: its session ends");
        revoke(&tx, &known.session_id, "system", "refresh_token_reused").await?;
        tx.commit().await?;
        return Err(refused());
    }
    if known.expires_at <= tx.now() {
        return Err(refused());
    }
    let user = user_of(&tx, &known.session_id, tx.now())
        .await?
        .ok_or_else(refused)?;
    let tokens = issue(app, &tx, &user.id, &known.session_id).await?;
    tx.commit().await?;
    Ok((user, tokens))
}

/// Ends a session at once, with its access and refresh tokens. A session that has ended stays as it is.
async fn revoke(tx: &Tx, id: &SessionId, actor: &str, reason: &str) -> Result<()> {
    let revoked = session::Entity::update_many()
        .col_expr(session::Column::RevokedAt, Expr::value(tx.now()))
        .filter(session::Column::Id.eq(id.clone()))
        .filter(session::Column::RevokedAt.is_null())
        .exec(tx)
        .await?;
    if revoked.rows_affected > 0 {
        let data = json!({"reason": reason});
        audit::record(tx, actor, "session.revoked", id.as_ref(), data).await?;
    }
    Ok(())
}

/// Logs the caller out of the session they call in.
pub(super) async fn log_out(app: &App, caller: &Caller) -> Result<()> {
    let tx = app.db.begin_write().await?;
    revoke(&tx, &caller.session, caller.id().as_ref(), "logout").await?;
    tx.commit().await
}

/// Ends every session of a user.
pub(super) async fn revoke_all(tx: &Tx, user: &UserId, actor: &str, reason: &str) -> Result<()> {
    let open = session::Entity::find()
        .filter(session::Column::UserId.eq(user.clone()))
        .filter(session::Column::RevokedAt.is_null())
        .all(tx)
        .await?;
    for session in open {
        revoke(tx, &session.id, actor, reason).await?;
    }
    Ok(())
}

/// Deletes the sessions that have expired, with their tokens.
pub async fn delete_expired_sessions(tx: &Tx) -> Result<()> {
    let mut expired = Query::select();
    expired
        .column(session::Column::Id)
        .from(session::Entity)
        .and_where(session::Column::ExpiresAt.lt(tx.now()));
    refresh_token::Entity::delete_many()
        .filter(refresh_token::Column::SessionId.in_subquery(expired))
        .exec(tx)
        .await?;
    session::Entity::delete_many()
        .filter(session::Column::ExpiresAt.lt(tx.now()))
        .exec(tx)
        .await?;
    Ok(())
}

/// The user of a session that has neither ended nor expired.
pub(super) async fn user_of<C: ConnectionTrait>(
    db: &C,
    id: &SessionId,
    now: Timestamp,
) -> Result<Option<user::Model>> {
    let of_user = session::Entity::belongs_to(user::Entity)
        .from(session::Column::UserId)
        .to(user::Column::Id);
    let user = user::Entity::find()
        .join_rev(JoinType::InnerJoin, of_user.into())
        .filter(session::Column::Id.eq(id.clone()))
        .filter(session::Column::RevokedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .one(db)
        .await?;
    Ok(user)
}

async fn issue(app: &App, tx: &Tx, user: &UserId, session: &SessionId) -> Result<Tokens> {
    let refresh = format!("rt_{}", ids::random_token());
    refresh_token::Entity::insert(refresh_token::ActiveModel {
        id: Set(ids::new(tx.now())),
        session_id: Set(session.clone()),
        token_hash: Set(ids::sha256_hex(refresh.as_bytes())),
        created_at: Set(tx.now()),
        expires_at: Set(tx.now().plus_ms(REFRESH_MS)),
        used_at: Set(None),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(Tokens {
        access: tokens::access_token(&app.config, tx.now(), user, session)?,
        refresh,
    })
}

/// The same error for every reason, so that a thief learns nothing from it.
fn refused() -> Error {
    tokens::invalid("The refresh token is unknown, expired, used or revoked. Log in again.")
}
