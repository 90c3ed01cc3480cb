//! Unfinished events, tried again: when what they wait for has come, and when their time has.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use souk_entity::Timestamp;
use souk_entity::inbox_event;

use crate::app::App;
use crate::error::{Error, Result};

use super::inbox;

/// How often events that somebody else had in hand are looked at: that may have been before what they wait for came.
const MAX_PASSES: u32 = 5;

/// The job: tries the events again that wait for this.
///
/// # Errors
/// `Busy` while somebody else is at them.
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

/// Tries all unfinished events whose time has come. Answers how many there were.
pub async fn sweep(app: &App) -> Result<usize> {
    let rows = due_events(app, app.clock.now()).await?;
    for row in &rows {
        if let Err(e) = inbox::retry(app, row).await {
            tracing::warn!(event = row.id, error = %e, "an event could not be tried again");
        }
    }
    Ok(rows.len())
}

/// As their indexes say it, word for word: with a value to be bound SQLite can't tell that the index will do, and reads
/// every event there ever was.
const RETRIED: &str = "state IN ('deferred', 'failed')";
const WAITS: &str = "state = 'deferred'";

/// Unfinished events whose time has come, oldest first.
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

/// Events that wait for something.
async fn waiting_events(app: &App, waits_for: &str) -> Result<Vec<inbox_event::Model>> {
    use inbox_event::Column as C;
    Ok(inbox_event::Entity::find()
        .filter(Expr::cust(WAITS))
        .filter(C::WaitsFor.eq(waits_for))
        .all(&app.db.read)
        .await?)
}
