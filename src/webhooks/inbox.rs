//! The inbox: one row an event, and what its effect came to.

use std::collections::HashSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use souk_entity::inbox_event::{self, Endpoint, EventState, Source};

use crate::app::App;
use crate::db::set_wise::SetWise;
use crate::db::{self, RowCounts, Tx};
use crate::error::{Error, Result};
use crate::jobs;
use crate::metrics;
use crate::stripe::{Effect, Event};

use super::effects;

/// Tries of an effect before it is given up.
const MAX_ATTEMPTS: i32 = 12;
/// Characters kept of why an effect failed: it may name a field as the event does.
const MAX_ERROR_CHARS: usize = 2000;

/// A verified event on its way into the inbox.
#[derive(Clone, Debug)]
pub(super) struct Incoming {
    pub(super) endpoint: Endpoint,
    pub(super) source: Source,
    pub(super) event: Event,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receipt {
    /// It was in the inbox already.
    Duplicate,
    /// It is in the inbox now.
    Stored(EventState),
    /// It is of the other mode: nothing was kept.
    OtherMode,
}

impl Receipt {
    /// What Stripe, and whoever counts, is told.
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

/// How effects that fail by their own rules are kept from the others of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Not at all: the effects are done together, and one that fails is an error of the batch.
    None,
    /// Each effect behind a savepoint of its own: one that fails leaves a row that says so.
    Savepoints,
}

/// Puts events into the inbox and does their effects, in the caller's transaction: the rows first, so that only one
/// delivery of each gets there; then the effects.
///
/// # Errors
/// An engine failure; and without isolation an effect that failed. The transaction is then to be rolled back.
pub(super) async fn receive(
    tx: &Tx,
    batch: &[&Incoming],
    isolation: Isolation,
) -> Result<Vec<Receipt>> {
    if batch.is_empty() {
        return Ok(Vec::new());
    }
    let mut inserted = insert(tx, batch).await?;
    // Of two deliveries of one event in a batch the first is the one that got there.
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
            let effects = effects::apply(tx, &events).await?;
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

/// As `processed`, which nearly every event is. Their payloads are one blob, since that is much to quote, and each row
/// says which part of it is its own.
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

/// Writes the rows. Answers the ids that were not there.
async fn insert(tx: &Tx, batch: &[&Incoming]) -> Result<HashSet<String>> {
    #[derive(FromQueryResult)]
    struct Inserted {
        id: String,
    }
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

/// Each effect behind a savepoint of its own, so that one that fails leaves the others alone.
async fn apply_each(tx: &Tx, events: &[(Endpoint, &Event)]) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(events.len());
    for (endpoint, event) in events {
        outcomes.push(attempt(tx, *endpoint, event).await?);
    }
    Ok(outcomes)
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

    /// What it waits for, and what is said of it.
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

/// Does an event's effect behind a savepoint. A failure by its own rules undoes the effect alone; an engine failure
/// may have ended the whole transaction, and is the caller's.
async fn attempt(tx: &Tx, endpoint: Endpoint, event: &Event) -> Result<Outcome> {
    let savepoint = tx.savepoint().await?;
    match effects::apply(&savepoint, &[(endpoint, event)]).await {
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

/// Writes down what events came to: each by its id, with its tries so far.
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

/// Tries an unfinished event again, in a transaction of its own that first claims the row. `false`: somebody else had it
/// meanwhile.
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

/// Counts one more try of an event that is as it was seen. `false`: somebody else had it meanwhile.
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

/// What an event came to when it was done again.
pub(super) struct Replayed {
    pub(super) state: EventState,
    pub(super) waits_for: Option<String>,
    pub(super) error: Option<String>,
    /// The rows that its effect wrote.
    pub(super) row_counts: RowCounts,
}

/// Does an event's effect again in the caller's transaction, whatever became of it before; the row is locked. What has
/// had its effect keeps its state: a second time must find nothing to do.
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
