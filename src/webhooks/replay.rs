//! An operator's work on events: finding, replaying and discarding them, one or a range.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::inbox_event;
use validator::Validate;

pub use souk_entity::Timestamp;
pub use souk_entity::inbox_event::{Endpoint, EventState, Source};

use crate::app::App;
use crate::audit;
use crate::db::{RowCounts, Tx};
use crate::error::{Error, Result};
use crate::http::{FilterValue, deserialize_some};

use super::inbox;

/// Filters of events. All that are given must hold.
#[derive(Clone, Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilters {
    /// Their state.
    #[serde(deserialize_with = "deserialize_some")]
    pub state: Option<EventState>,
    /// Stripe's `type`.
    #[serde(rename = "type", deserialize_with = "deserialize_some")]
    pub kind: Option<FilterValue>,
    /// Their account; the platform's own events have none.
    #[serde(deserialize_with = "deserialize_some")]
    pub stripe_account: Option<FilterValue>,
    /// The endpoint that they came to.
    #[serde(deserialize_with = "deserialize_some")]
    pub endpoint: Option<Endpoint>,
    /// By webhook or by catch-up.
    #[serde(deserialize_with = "deserialize_some")]
    pub source: Option<Source>,
    /// The id of their object.
    #[serde(deserialize_with = "deserialize_some")]
    pub object_id: Option<FilterValue>,
    /// Received then or later.
    #[serde(deserialize_with = "deserialize_some")]
    pub received_gte: Option<Timestamp>,
    /// Received before.
    #[serde(deserialize_with = "deserialize_some")]
    pub received_lt: Option<Timestamp>,
}

impl EventFilters {
    /// Whether no filter is given, so that every event matches.
    pub fn is_empty(&self) -> bool {
        let Self {
            state,
            kind,
            stripe_account,
            endpoint,
            source,
            object_id,
            received_gte,
            received_lt,
        } = self;
        let words = kind.is_none() && object_id.is_none() && stripe_account.is_none();
        let times = received_gte.is_none() && received_lt.is_none();
        words && times && state.is_none() && endpoint.is_none() && source.is_none()
    }

    /// The query with these filters.
    pub fn query(&self) -> Select<inbox_event::Entity> {
        use inbox_event::Column as C;
        let unfinished = self
            .state
            .is_some_and(|state| !matches!(state, EventState::Processed | EventState::Ignored));
        let conditions = [
            // As the index says it, word for word, so that SQLite sees that it will do.
            unfinished.then(|| Expr::cust("state IN ('deferred', 'failed', 'dead', 'discarded')")),
            self.state.map(|state| C::State.eq(state)),
            self.kind.as_ref().map(|kind| C::Kind.eq(kind.as_ref())),
            self.stripe_account
                .as_ref()
                .map(|account| C::Account.eq(account.as_ref())),
            self.endpoint.map(|endpoint| C::Endpoint.eq(endpoint)),
            self.source.map(|source| C::Source.eq(source)),
            self.object_id
                .as_ref()
                .map(|object| C::Object.eq(object.as_ref())),
            self.received_gte.map(|from| C::ReceivedAt.gte(from)),
            self.received_lt.map(|to| C::ReceivedAt.lt(to)),
        ];
        let all = conditions.into_iter().flatten();
        inbox_event::Entity::find().filter(all.fold(Condition::all(), Condition::add))
    }
}

/// An event by Stripe's id.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn find<C: ConnectionTrait>(db: &C, id: &str) -> Result<inbox_event::Model> {
    let found = inbox_event::Entity::find_by_id(id).one(db).await?;
    found.ok_or(Error::NotFound("event"))
}

/// The result of a replay, or of its dry run.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// The event's id.
    pub id: String,
    /// Its `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it was rolled back.
    pub dry_run: bool,
    /// Its state before.
    pub state_before: EventState,
    /// Its state after. A processed event stays `processed`.
    pub state: EventState,
    /// The object that it waits for now.
    pub waits_for: Option<String>,
    /// Why there was no effect this time.
    pub error: Option<String>,
    /// The rows that the effect wrote, by table. None if nothing was left to do.
    pub changes: RowCounts,
}

/// Replays an event, in one transaction that begins with its row. `actor` is a user id or `cli`. A dry run does the same,
/// reports the changes and rolls back.
///
/// # Errors
/// An unknown event, or one whose stored payload can't be read. An effect that fails is part of the result.
pub async fn replay(app: &App, actor: &str, id: &str, dry_run: bool) -> Result<Replay> {
    let mut tx = app.db.begin_write().await?;
    let row = lock_event(&tx, id).await?;
    let replayed = inbox::replay(&mut tx, &row).await?;
    let replay = Replay {
        id: row.id,
        kind: row.kind,
        dry_run,
        state_before: row.state,
        state: replayed.state,
        waits_for: replayed.waits_for,
        error: replayed.error,
        changes: replayed.row_counts,
    };
    if dry_run {
        tx.rollback().await?;
        return Ok(replay);
    }
    let data = json!({
        "state_before": replay.state_before, "state": replay.state, "error": replay.error, "changes": replay.changes,
    });
    audit::record(&tx, actor, "event.replayed", &replay.id, data).await?;
    tx.commit().await?;
    Ok(replay)
}

/// Ids of events, oldest first, after the named one; and whether there are more.
///
/// # Errors
/// The named event is unknown.
pub async fn range(
    app: &App,
    filters: &EventFilters,
    starting_after: Option<&str>,
    limit: u64,
) -> Result<(Vec<String>, bool)> {
    use inbox_event::Column as C;
    let mut query = filters.query();
    if let Some(id) = starting_after {
        let seen = inbox_event::Entity::find_by_id(id)
            .one(&app.db.read)
            .await?;
        let seen = seen.ok_or_else(|| Error::NoSuch {
            what: "event",
            param: "starting_after".to_owned(),
        })?;
        let later = C::ReceivedAt.gt(seen.received_at);
        query = query.filter(later.or(C::ReceivedAt.eq(seen.received_at).and(C::Id.gt(id))));
    }
    let mut ids: Vec<String> = query
        .select_only()
        .column(C::Id)
        .order_by_asc(C::ReceivedAt)
        .order_by_asc(C::Id)
        .limit(limit + 1)
        .into_tuple()
        .all(&app.db.read)
        .await?;
    let has_more = ids.len() as u64 > limit;
    ids.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((ids, has_more))
}

/// Discards an unfinished event: it is retried no more, unless somebody replays it.
///
/// # Errors
/// An unknown event, or `event_finished`.
pub async fn discard(app: &App, actor: &str, id: &str, reason: &str) -> Result<inbox_event::Model> {
    use inbox_event::Column as C;
    let tx = app.db.begin_write().await?;
    let row = lock_event(&tx, id).await?;
    if matches!(
        row.state,
        EventState::Processed | EventState::Ignored | EventState::Discarded
    ) {
        let message = "Only an event that failed or waits for something can be discarded.";
        return Err(Error::conflict("event_finished", message));
    }
    inbox_event::Entity::update_many()
        .col_expr(C::State, Expr::value(EventState::Discarded))
        .col_expr(C::DiscardReason, Expr::value(reason))
        .col_expr(C::RetryAt, Expr::value(None::<Timestamp>))
        .col_expr(C::ProcessedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id))
        .exec(&tx)
        .await?;
    let data = json!({ "state_before": row.state, "reason": reason });
    audit::record(&tx, actor, "event.discarded", id, data).await?;
    let row = find(&tx, id).await?;
    tx.commit().await?;
    Ok(row)
}

/// The event's row, locked until the transaction ends.
async fn lock_event(tx: &Tx, id: &str) -> Result<inbox_event::Model> {
    let query = inbox_event::Entity::find_by_id(id).lock_exclusive();
    query.one(tx).await?.ok_or(Error::NotFound("event"))
}
