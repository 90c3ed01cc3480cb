//! `Idempotency-Key`: a POST that is sent twice creates one resource.
//!
//! The key's row holds the resource's id before the resource is created. A retry, even after a crash, goes on with the
//! same id, so a handler must be able to resume by id. No response is stored, and so no secret.

use axum::Json;
use axum::extract::{FromRequest, MatchedPath, Request};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use souk_entity::{IdempotencyId, RowId, Timestamp, idempotency_key};
use validator::Validate;

use crate::app::App;
use crate::client_secrets;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::ids;

use super::extract::{json_bytes, parse};

/// How long a key is kept, as at Stripe (docs.stripe.com/api/idempotent_requests).
const KEPT_MS: i64 = 24 * 60 * 60_000;
/// How long a request may run before a retry takes it over.
const LEASE_MS: i64 = 60_000;

/// A checked JSON body together with the request's `Idempotency-Key`.
pub struct IdempotentJson<T> {
    body: T,
    key: Option<String>,
    route: String,
    hash: String,
}

impl<T: DeserializeOwned + Validate, S: Send + Sync> FromRequest<S> for IdempotentJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let key = match request.headers().get("idempotency-key") {
            None => None,
            Some(value) => {
                if value.to_str().is_ok_and(client_secrets::is_in) {
                    let param = Some("Idempotency-Key".to_owned());
                    return Err(Error::ClientSecret { param });
                }
                let text = value
                    .to_str()
                    .ok()
                    .filter(|key| (1..=255).contains(&key.len()));
                Some(text.map(str::to_owned).ok_or_else(|| {
                    Error::invalid(
                        "Idempotency-Key",
                        "Idempotency-Key is 1 to 255 printable characters.",
                    )
                })?)
            }
        };
        let route = request
            .extensions()
            .get::<MatchedPath>()
            .map_or("", |path| path.as_str())
            .to_owned();
        let bytes = json_bytes(request, state).await?;
        Ok(Self {
            body: parse(&bytes)?,
            key,
            route,
            hash: ids::sha256_hex(&bytes),
        })
    }
}

struct Claim<I> {
    id: I,
    row: Option<(IdempotencyId, Timestamp)>,
    replayed: bool,
}

impl<T> IdempotentJson<T> {
    /// The body.
    pub fn body(&self) -> &T {
        &self.body
    }

    /// Whether an earlier request may have begun under the id that `work` is given. Without a key none can have.
    pub fn may_resume(&self) -> bool {
        self.key.is_some()
    }

    /// Runs `work` once for this principal, route and key, and answers 201. `work` is given the id of the resource. If it
    /// is called again with the same id, it must resume, and answer the same once all is done.
    ///
    /// # Errors
    /// `idempotency_mismatch` for another body, `idempotency_in_flight` while the first request runs, and `work`'s own.
    pub async fn once<I, V>(
        self,
        app: &App,
        principal: &str,
        work: impl AsyncFnOnce(I, T) -> Result<V>,
    ) -> Result<Response>
    where
        I: RowId,
        V: Serialize,
    {
        let scope = format!("{principal} {}", self.route);
        let claim: Claim<I> = claim(app, &scope, self.key.as_deref(), &self.hash).await?;
        let outcome = work(claim.id.clone(), self.body).await;
        if let Some((row, lease)) = &claim.row {
            let status = outcome.is_ok().then_some(201);
            settle(app, row, *lease, status).await?;
        }
        let mut response = (StatusCode::CREATED, Json(outcome?)).into_response();
        if claim.replayed {
            response
                .headers_mut()
                .insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        Ok(response)
    }
}

/// The id to make the thing under: a new one, or that of an earlier request with this key.
async fn claim<I: RowId>(
    app: &App,
    scope: &str,
    key: Option<&str>,
    hash: &str,
) -> Result<Claim<I>> {
    use idempotency_key::Column as C;
    let new_id: I = ids::new(app.clock.now());
    let Some(key) = key else {
        return Ok(Claim {
            id: new_id,
            row: None,
            replayed: false,
        });
    };
    let tx = app.db.begin_write().await?;
    let new_row = idempotency_key::Model {
        id: ids::new(tx.now()),
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: hash.to_owned(),
        resource_id: new_id.as_ref().to_owned(),
        status: None,
        lease_until: tx.now().plus_ms(LEASE_MS),
        created_at: tx.now(),
    };
    if insert(&tx, &new_row).await? {
        tx.commit().await?;
        return Ok(Claim {
            id: new_id,
            row: Some((new_row.id, new_row.lease_until)),
            replayed: false,
        });
    }
    let row = idempotency_key::Entity::find()
        .filter(C::Scope.eq(scope))
        .filter(C::Key.eq(key))
        .one(&tx)
        .await?
        .ok_or_else(|| Error::internal("an idempotency key went away"))?;
    let claim = resume(&tx, row, hash).await?;
    tx.commit().await?;
    Ok(claim)
}

/// Writes the row of a key. `false`: there is one for this scope and key already.
async fn insert(tx: &Tx, row: &idempotency_key::Model) -> Result<bool> {
    use idempotency_key::Column as C;
    let insert = idempotency_key::Entity::insert(row.clone().into_active_model())
        .on_conflict(
            OnConflict::columns([C::Scope, C::Key])
                .do_nothing()
                .to_owned(),
        )
        .exec_without_returning(tx)
        .await;
    Ok(db::inserted(insert)?.is_some_and(|rows| rows > 0))
}

/// Goes on with the request that used this key first: replays it if it is done, takes it over if its lease has ended.
///
/// # Errors
/// `idempotency_mismatch` where the body was another, `idempotency_in_flight` while the lease runs.
async fn resume<I: RowId>(tx: &Tx, row: idempotency_key::Model, hash: &str) -> Result<Claim<I>> {
    use idempotency_key::Column as C;
    if row.request_hash != hash {
        return Err(Error::invalid_with(
            "idempotency_mismatch",
            "Idempotency-Key",
            "This Idempotency-Key was used with another body. Use a new key for a new request.",
        ));
    }
    let id = I::from(row.resource_id);
    if row.status.is_some() {
        return Ok(Claim {
            id,
            row: None,
            replayed: true,
        });
    }
    let lease = tx.now().plus_ms(LEASE_MS);
    let taken = idempotency_key::Entity::update_many()
        .col_expr(C::LeaseUntil, Expr::value(lease))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::Status.is_null())
        .filter(C::LeaseUntil.lt(tx.now()))
        .exec(tx)
        .await?;
    if taken.rows_affected == 0 {
        return Err(Error::conflict(
            "idempotency_in_flight",
            "The first request with this Idempotency-Key is still at work. Try again shortly.",
        ));
    }
    Ok(Claim {
        id,
        row: Some((row.id, lease)),
        replayed: false,
    })
}

/// Stores the status of a request that is done, or ends the lease of one that failed so that a retry can go on at once.
/// Writes only while the lease is still ours.
async fn settle(
    app: &App,
    row: &IdempotencyId,
    lease: Timestamp,
    status: Option<i32>,
) -> Result<()> {
    use idempotency_key::Column as C;
    let tx = app.db.begin_write().await?;
    idempotency_key::Entity::update_many()
        .col_expr(C::Status, Expr::value(status))
        .col_expr(C::LeaseUntil, Expr::value(Timestamp(0)))
        .filter(C::Id.eq(row.clone()))
        .filter(C::LeaseUntil.eq(lease))
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// Deletes the keys that are older than a day.
pub async fn delete_expired_keys(tx: &Tx) -> Result<()> {
    use idempotency_key::Column as C;
    idempotency_key::Entity::delete_many()
        .filter(C::CreatedAt.lt(tx.now().plus_ms(-KEPT_MS)))
        .filter(C::LeaseUntil.lt(tx.now()))
        .exec(tx)
        .await?;
    Ok(())
}
