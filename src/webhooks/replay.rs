//! Events looked at, done again or given up by a person: one, or a range of them.

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

/// Which events; all that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct EventFilters {
    /// What became of them.
    #[serde(deserialize_with = "deserialize_some")]
    pub state: Option<EventState>,
    /// Stripe's `type`.
    #[serde(rename = "type", deserialize_with = "deserialize_some")]
    pub kind: Option<FilterValue>,
    /// Whose they are; the platform's own have none.
    #[serde(deserialize_with = "deserialize_some")]
    pub stripe_account: Option<FilterValue>,
    /// Which door they came through.
    #[serde(deserialize_with = "deserialize_some")]
    pub endpoint: Option<Endpoint>,
    /// How they came.
    #[serde(deserialize_with = "deserialize_some")]
    pub source: Option<Source>,
    /// The id of the object they are about.
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
    /// Whether nothing is given, and so every event is meant.
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

    /// The query of them.
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
pub async fn find<C: ConnectionTrait>(db: &C, id: &str) -> Result<inbox_event::Model> {
    let found = inbox_event::Entity::find_by_id(id).one(db).await?;
    found.ok_or(Error::NotFound("event"))
}

/// What doing an event again came to, or would have come to.
#[derive(Clone, Debug, Serialize)]
pub struct Replay {
    /// The event's id.
    pub id: String,
    /// Its `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it was only tried, and undone.
    pub dry_run: bool,
    /// Its state before.
    pub state_before: EventState,
    /// Its state after. What has had its effect stays `processed`.
    pub state: EventState,
    /// What it waits for now.
    pub waits_for: Option<String>,
    /// Why it had no effect this time.
    pub error: Option<String>,
    /// The rows that its effect wrote, by table: none where there was nothing left to do.
    pub changes: RowCounts,
}

/// Does an event again, in one transaction that begins with its row. `by` is a user id or `cli`. A dry run does the
/// same, tells what it changed, and undoes it.
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

/// Events of a range, oldest first, from behind the one that is named.
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

/// Says of an unfinished event that it isn't wanted: it is tried no more, unless somebody replays it.
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

/// The event's row, which nobody else changes until the transaction ends.
async fn lock_event(tx: &Tx, id: &str) -> Result<inbox_event::Model> {
    let query = inbox_event::Entity::find_by_id(id).lock_exclusive();
    query.one(tx).await?.ok_or(Error::NotFound("event"))
}
