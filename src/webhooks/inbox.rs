//! The inbox: one row an event, and what its effect came to.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use souk_entity::Timestamp;
use souk_entity::inbox_event::{self, EventState};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result};
use crate::jobs;
use crate::stripe::{Effect, Event};

use super::{Incoming, Receipt, effects};

/// Tries of an effect before it is given up.
const MAX_ATTEMPTS: i32 = 12;

/// Puts an event into the inbox and does its effect, in the caller's transaction: the row first, so that only one
/// delivery gets there; then, behind a savepoint, the effect. Only an engine failure is an error.
pub(super) async fn receive(tx: &Tx, incoming: &Incoming) -> Result<Receipt> {
    if !insert(tx, incoming).await? {
        return Ok(Receipt::Duplicate);
    }
    let outcome = attempt(tx, &incoming.event).await?;
    let state = outcome.state(1);
    if state != EventState::Processed {
        store(tx, &incoming.event.id, 1, outcome).await?;
    }
    Ok(Receipt::Stored(state))
}

/// Writes the row as `processed`, which nearly every event is; `false`: it was there.
async fn insert(tx: &Tx, incoming: &Incoming) -> Result<bool> {
    let event = &incoming.event;
    let insert = inbox_event::Entity::insert(inbox_event::ActiveModel {
        id: Set(event.id.clone()),
        endpoint: Set(incoming.endpoint),
        kind: Set(event.kind.clone()),
        account: Set(event.account.clone()),
        livemode: Set(event.livemode),
        api_version: Set(event.api_version.clone()),
        object: Set(event.object_id().map(str::to_owned)),
        stripe_created: Set(event.created),
        payload: Set(incoming.payload.clone()),
        state: Set(EventState::Processed),
        waits_for: Set(None),
        attempts: Set(1),
        retry_at: Set(None),
        error: Set(None),
        received_at: Set(tx.now()),
        processed_at: Set(Some(tx.now())),
        source: Set(incoming.source),
    })
    .on_conflict(
        OnConflict::column(inbox_event::Column::Id)
            .do_nothing()
            .to_owned(),
    )
    .exec_without_returning(tx)
    .await;
    Ok(db::inserted(insert)?.is_some_and(|rows| rows > 0))
}

/// How an effect went.
enum Outcome {
    Done(Effect),
    Failed(Error),
}

impl Outcome {
    fn state(&self, attempts: i32) -> EventState {
        match self {
            Self::Done(Effect::Applied) => EventState::Processed,
            Self::Done(Effect::Ignored(_)) => EventState::Ignored,
            _ if attempts >= MAX_ATTEMPTS => EventState::Dead,
            Self::Done(Effect::Deferred { .. }) => EventState::Deferred,
            Self::Failed(_) => EventState::Failed,
        }
    }
}

/// Does an event's effect behind a savepoint. A failure by its own rules undoes the effect alone; an engine failure
/// may have ended the whole transaction, and is the caller's.
async fn attempt(tx: &Tx, event: &Event) -> Result<Outcome> {
    let savepoint = tx.savepoint().await?;
    match effects::apply(&savepoint, event).await {
        Ok(effect) => {
            savepoint.commit().await?;
            Ok(Outcome::Done(effect))
        }
        Err(e) if e.is_engine_error() => Err(e),
        Err(e) => {
            savepoint.rollback().await?;
            tracing::warn!(event = event.id, kind = event.kind, error = %e, "the effect of an event failed");
            Ok(Outcome::Failed(e))
        }
    }
}

async fn store(tx: &Tx, id: &str, attempts: i32, outcome: Outcome) -> Result<()> {
    use inbox_event::Column as C;
    let state = outcome.state(attempts);
    let again = matches!(state, EventState::Failed | EventState::Deferred);
    let retry_at = again.then(|| tx.now().plus_ms(jobs::backoff_ms(attempts)));
    let (waits_for, error) = match outcome {
        Outcome::Done(Effect::Applied) => (None, None),
        Outcome::Done(Effect::Ignored(why)) => (None, Some(why.to_owned())),
        Outcome::Done(Effect::Deferred { waits_for }) => {
            let error = format!("waits for {waits_for}");
            (Some(waits_for), Some(error))
        }
        Outcome::Failed(e) => (None, Some(e.to_string())),
    };
    inbox_event::Entity::update_many()
        .col_expr(C::State, Expr::value(state))
        .col_expr(C::WaitsFor, Expr::value(waits_for))
        .col_expr(C::Error, Expr::value(error))
        .col_expr(C::RetryAt, Expr::value(retry_at))
        .col_expr(C::ProcessedAt, Expr::value((!again).then(|| tx.now())))
        .filter(C::Id.eq(id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Tries an unfinished event again, in a transaction of its own that first claims the row.
pub(super) async fn retry(app: &App, row: &inbox_event::Model) -> Result<()> {
    use inbox_event::Column as C;
    let event = Event::read(row.payload.as_bytes())
        .ok_or_else(|| Error::internal("a stored event can't be read"))?;
    let tx = app.db.begin_write().await?;
    let claimed = inbox_event::Entity::update_many()
        .col_expr(C::Attempts, Expr::value(row.attempts + 1))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::State.is_in([EventState::Failed, EventState::Deferred]))
        .filter(C::Attempts.eq(row.attempts))
        .exec(&tx)
        .await?;
    if claimed.rows_affected == 1 {
        let outcome = attempt(&tx, &event).await?;
        store(&tx, &row.id, row.attempts + 1, outcome).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Unfinished events whose time has come, oldest first.
pub(super) async fn due(app: &App, now: Timestamp) -> Result<Vec<inbox_event::Model>> {
    use inbox_event::Column as C;
    Ok(inbox_event::Entity::find()
        .filter(C::State.is_in([EventState::Failed, EventState::Deferred]))
        .filter(C::RetryAt.lte(now))
        .limit(100)
        .all(&app.db.read)
        .await?)
}

/// Events that wait for something.
pub(super) async fn waiting(app: &App, waits_for: &str) -> Result<Vec<inbox_event::Model>> {
    use inbox_event::Column as C;
    Ok(inbox_event::Entity::find()
        .filter(C::State.eq(EventState::Deferred))
        .filter(C::WaitsFor.eq(waits_for))
        .all(&app.db.read)
        .await?)
}
