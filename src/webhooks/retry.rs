//! Retries of unfinished events: when the awaited object has come, and when `retry_at` has passed.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::Timestamp;
use souk_entity::inbox_event;

use crate::app::App;
use crate::error::{Error, Result};

use super::inbox;

/// Passes over the waiting events. Another process may have claimed one before the awaited object came, so it is tried
/// once more.
const MAX_PASSES: u32 = 5;

/// The job: retries the events that wait for this object.
///
/// # Errors
/// [`Error::Busy`] while other processes keep claiming them.
pub async fn retry_deferred(app: &App, waits_for: &str) -> Result<()> {
    for _ in 0..MAX_PASSES {
        let mut all = true;
        for row in waiting_events(app, waits_for).await? {
            all &= inbox::retry(app, &row).await?;
        }
        if all {
            return Ok(());
        }
    }
    Err(Error::Busy(format!(
        "the events that wait for {waits_for} are in others' hands"
    )))
}

/// Retries unfinished events that are due. Returns their number.
///
/// # Errors
/// The due events can't be read. An event that can't be retried is logged and stays due.
pub async fn sweep(app: &App) -> Result<usize> {
    let rows = due_events(app, app.clock.now()).await?;
    for row in &rows {
        if let Err(e) = inbox::retry(app, row).await {
            tracing::warn!(event = row.id, error = %e, "an event could not be tried again");
        }
    }
    Ok(rows.len())
}

/// The indexes' conditions, word for word: with a bound value SQLite can't tell that the index applies, and reads every
/// event.
const RETRIED: &str = "state IN ('deferred', 'failed')";
const WAITS: &str = "state = 'deferred'";

/// Unfinished events that are due, oldest first.
async fn due_events(app: &App, now: Timestamp) -> Result<Vec<inbox_event::Model>> {
    use inbox_event::Column as C;
    Ok(inbox_event::Entity::find()
        .filter(Expr::cust(RETRIED))
        .filter(C::RetryAt.lte(now))
        .order_by_asc(C::RetryAt)
        .limit(100)
        .all(&app.db.read)
        .await?)
}

/// Events that wait for an object.
async fn waiting_events(app: &App, waits_for: &str) -> Result<Vec<inbox_event::Model>> {
    use inbox_event::Column as C;
    Ok(inbox_event::Entity::find()
        .filter(Expr::cust(WAITS))
        .filter(C::WaitsFor.eq(waits_for))
        .all(&app.db.read)
        .await?)
}
