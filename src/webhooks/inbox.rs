//! The inbox: one row for each event, with the outcome of its effect.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::inbox_event::{self, Endpoint, EventState, Source};

use crate::app::App;
use crate::db::set_wise::{SetWise, read_in_order};
use crate::db::{self, RowCounts, Tx};
use crate::error::{Error, Result};
use crate::jobs;
use crate::metrics;
use crate::stripe::{Effect, Event};

use super::effects;

/// Attempts before an event is dead.
const MAX_ATTEMPTS: i32 = 12;
/// Characters kept of an error: it may quote a field of the event, of any length.
const MAX_ERROR_CHARS: usize = 2000;

/// A verified event on its way into the inbox.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) endpoint: Endpoint,
    pub(super) source: Source,
    pub(super) event: Event,
}

/// The result of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receipt {
    /// The event was in the inbox already.
    Duplicate,
    /// The event is in the inbox now.
    Stored(EventState),
    /// The event is of the other mode and was not kept.
    OtherMode,
}

impl Receipt {
    /// The name in the answer to Stripe and in the metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::OtherMode | Self::Stored(EventState::Ignored) => "ignored",
            Self::Stored(EventState::Processed) => "processed",
            Self::Stored(EventState::Deferred) => "deferred",
            Self::Stored(EventState::Failed | EventState::Dead | EventState::Discarded) => "failed",
        }
    }
}

/// How an effect that fails by its own rules is kept apart from the others of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Not at all: the effects are applied together, and one that fails is an error of the batch.
    None,
    /// Each effect behind a savepoint of its own: one that fails leaves a row that says so.
    Savepoints,
}

/// Inserts events and applies their effects, in the caller's transaction. The rows come first, so that only one delivery of
/// an event gets to its effect.
///
/// # Errors
/// An engine failure, and without isolation an effect that failed. The caller must then roll back.
pub(super) async fn receive(
    tx: &Tx,
    batch: &[&Incoming],
    isolation: Isolation,
) -> Result<Vec<Receipt>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut inserted = insert(tx, batch).await?;
    // Two deliveries of one event in a batch: the first one counts.
    let first: Vec<bool> = batch
        .iter()
        .map(|incoming| inserted.remove(&incoming.event.id))
        .collect();
    let new_events = batch.iter().zip(&first).filter(|(_, first)| **first);
    let events: Vec<_> = new_events
        .map(|(incoming, _)| (incoming.endpoint, &incoming.event))
        .collect();
    let outcomes: Vec<Outcome> = match isolation {
        Isolation::None => {
            let effects = apply(tx, &events).await?;
            effects.into_iter().map(Outcome::Done).collect()
        }
        Isolation::Savepoints => apply_each(tx, &events).await?,
    };
    let others: Vec<_> = events
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.state(1) != EventState::Processed)
        .map(|((_, event), outcome)| (event.id.as_str(), 1, outcome))
        .collect();
    store(tx, &others).await?;
    let mut states = outcomes.iter().map(|outcome| outcome.state(1));
    let receipt = |first: &bool| match first {
        true => states.next().map_or(Receipt::Duplicate, Receipt::Stored),
        false => Receipt::Duplicate,
    };
    Ok(first.iter().map(receipt).collect())
}

/// Inserts rows as `processed`, since nearly every event ends so. The payloads are one blob, which needs no quoting; each
/// row says which slice of it is its own.
const INSERT: SetWise = SetWise {
    text: "INSERT INTO inbox_events (id, endpoint, source, kind, account, livemode, api_version, object, \
               stripe_created, payload, state, attempts, received_at, processed_at, effects_version) \
           SELECT id, endpoint, source, kind, account, livemode, api_version, object, created, {slice of $3}, \
               'processed', 1, $2, $2, $4 FROM {input} WHERE true ON CONFLICT (id) DO NOTHING RETURNING id",
    columns: &[
        ("id", "text"),
        ("endpoint", "text"),
        ("source", "text"),
        ("kind", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
        ("api_version", "text"),
        ("object", "text"),
        ("created", "bigint"),
        ("at", "int"),
        ("bytes", "int"),
    ],
};

/// Inserts the rows. Returns the ids that are new.
async fn insert(tx: &Tx, batch: &[&Incoming]) -> Result<HashSet<String>> {
    struct Inserted {
        id: String,
    }
    read_in_order!(Inserted { id });
    let mut payloads = Vec::with_capacity(batch.iter().map(|one| one.event.payload.len()).sum());
    let rows: Vec<_> = batch
        .iter()
        .map(|incoming| {
            let (event, at) = (&incoming.event, payloads.len() + 1);
            payloads.extend_from_slice(&event.payload);
            (
                &event.id,
                incoming.endpoint.to_value(),
                incoming.source.to_value(),
                &event.kind,
                &event.account,
                event.livemode().unwrap_or_default(),
                &event.api_version,
                &event.object_id,
                event.created.0,
                at,
                event.payload.len(),
            )
        })
        .collect();
    let values = [tx.now().into(), payloads.into(), effects::VERSION.into()];
    let inserted: Vec<Inserted> = INSERT.all(tx, &rows, values).await?;
    Ok(inserted.into_iter().map(|row| row.id).collect())
}

async fn apply(tx: &Tx, events: &[(Endpoint, &Event)]) -> Result<Vec<Effect>> {
    panics_fail(effects::apply(tx, events)).await
}

/// A panic is a failure like any other: it must not end the committer, by which every event comes.
async fn panics_fail<T>(effects: impl Future<Output = Result<T>>) -> Result<T> {
    let done = AssertUnwindSafe(effects).catch_unwind().await;
    done.unwrap_or_else(|_| Err(Error::internal("an effect panicked")))
}

/// Each effect behind a savepoint of its own, so that one that fails leaves the others alone.
async fn apply_each(tx: &Tx, events: &[(Endpoint, &Event)]) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(events.len());
    for (endpoint, event) in events {
        outcomes.push(attempt(tx, *endpoint, event).await?);
    }
    Ok(outcomes)
}

/// The outcome of an effect.
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

    /// The columns `waits_for` and `error`.
    fn row_columns(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Done(Effect::Applied) => (None, None),
            Self::Done(Effect::Ignored(why)) => (None, Some((*why).to_owned())),
            Self::Done(Effect::Deferred { waits_for }) => (
                Some(waits_for.clone()),
                Some(format!("waits for {waits_for}")),
            ),
            Self::Failed(e) => (None, Some(db::fit(&e.to_string(), MAX_ERROR_CHARS))),
        }
    }
}

/// Applies an event behind a savepoint. A failure by its own rules undoes only the effect. An engine failure may have ended
/// the whole transaction, and is returned.
async fn attempt(tx: &Tx, endpoint: Endpoint, event: &Event) -> Result<Outcome> {
    let savepoint = tx.savepoint().await?;
    match apply(&savepoint, &[(endpoint, event)]).await {
        Ok(effects) => {
            savepoint.commit().await?;
            let effect = effects.into_iter().next();
            let effect = effect.ok_or_else(|| Error::internal("an event without an effect"))?;
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

const STORE: SetWise = SetWise {
    text: "UPDATE inbox_events SET state = input.state, waits_for = input.waits_for, error = input.error, \
               discard_reason = NULL, retry_at = input.retry_at, processed_at = input.processed_at, effects_version = $2 \
           FROM {input} WHERE inbox_events.id = input.id",
    columns: &[
        ("id", "text"),
        ("state", "text"),
        ("waits_for", "text"),
        ("error", "text"),
        ("retry_at", "bigint"),
        ("processed_at", "bigint"),
    ],
};

/// Stores outcomes: each with the event's id and its attempts so far.
async fn store(tx: &Tx, outcomes: &[(&str, i32, &Outcome)]) -> Result<()> {
    let rows: Vec<_> = outcomes
        .iter()
        .map(|(id, attempts, outcome)| {
            let state = outcome.state(*attempts);
            let is_unfinished = matches!(state, EventState::Failed | EventState::Deferred);
            let retry_at = is_unfinished.then(|| tx.now().plus_ms(jobs::backoff_ms(*attempts)).0);
            let (waits_for, error) = outcome.row_columns();
            let processed_at = (!is_unfinished).then_some(tx.now().0);
            let state = state.to_value();
            (id, state, waits_for, error, retry_at, processed_at)
        })
        .collect();
    if !rows.is_empty() {
        STORE.execute(tx, &rows, [effects::VERSION.into()]).await?;
    }
    Ok(())
}

/// Retries an unfinished event, in a transaction of its own that first claims the row. `false`: another process has
/// claimed it.
///
/// # Errors
/// An engine failure, or a stored payload that can't be read. An effect that fails is an outcome and no error.
pub(super) async fn retry(app: &App, row: &inbox_event::Model) -> Result<bool> {
    let tx = app.db.begin_write().await?;
    let claimed = claim(&tx, row).await?;
    if claimed {
        let outcome = attempt(&tx, row.endpoint, &event_of(row)?).await?;
        let state = outcome.state(row.attempts + 1);
        store(&tx, &[(&row.id, row.attempts + 1, &outcome)]).await?;
        tx.commit().await?;
        metrics::event_retried(state);
    }
    Ok(claimed)
}

/// Counts one more attempt, if the row is still as it was read. `false`: another process has claimed it.
async fn claim(tx: &Tx, row: &inbox_event::Model) -> Result<bool> {
    use inbox_event::Column as C;
    let claimed = inbox_event::Entity::update_many()
        .col_expr(C::Attempts, Expr::value(row.attempts + 1))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::State.eq(row.state))
        .filter(C::Attempts.eq(row.attempts))
        .exec(tx)
        .await?;
    Ok(claimed.rows_affected == 1)
}

fn event_of(row: &inbox_event::Model) -> Result<Event> {
    Event::read(row.payload.clone().into())
        .ok_or_else(|| Error::internal(format!("the stored event {} can't be read", row.id)))
}

/// The result of a replay.
pub(super) struct Replayed {
    pub(super) state: EventState,
    pub(super) waits_for: Option<String>,
    pub(super) error: Option<String>,
    /// The rows that the effect wrote.
    pub(super) row_counts: RowCounts,
}

/// Applies an event again, in any state, in the caller's transaction; the row is locked. A processed event keeps its state:
/// a second time must find nothing to do.
///
/// # Errors
/// An engine failure, or a stored payload that can't be read.
pub(super) async fn replay(tx: &mut Tx, row: &inbox_event::Model) -> Result<Replayed> {
    if !claim(tx, row).await? {
        return Err(Error::internal("a locked event was changed"));
    }
    let event = event_of(row)?;
    tx.count_rows();
    let outcome = attempt(tx, row.endpoint, &event).await?;
    let row_counts = tx.row_counts();
    let (waits_for, error) = outcome.row_columns();
    let state = match row.state {
        EventState::Processed => EventState::Processed,
        _ => {
            let state = outcome.state(row.attempts + 1);
            store(tx, &[(&row.id, row.attempts + 1, &outcome)]).await?;
            state
        }
    };
    Ok(Replayed {
        state,
        waits_for,
        error,
        row_counts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_an_effect_is_a_failure_of_that_effect_alone() {
        let panics = async {
            tokio::task::yield_now().await;
            let none: [i32; 0] = [];
            Ok(none.iter().max().expect("an effect's own fault") + 1)
        };
        let failed = panics_fail(panics).await.expect_err("panicked");
        // An engine failure would be tried again with the whole batch, for ever.
        assert!(!failed.is_engine_error(), "{failed}");
        assert_eq!(panics_fail(async { Ok(1) }).await.expect("is done"), 1);
    }
}
