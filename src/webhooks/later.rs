//! Unfinished events, tried again: when what they wait for has come, and by sweep.

use crate::app::App;
use crate::error::Result;

use super::inbox;

/// Tries the events again that wait for this.
pub async fn retry_deferred(app: &App, waits_for: &str) -> Result<()> {
    for row in inbox::waiting(app, waits_for).await? {
        inbox::retry(app, &row).await?;
    }
    Ok(())
}

/// Tries all unfinished events whose time has come. Answers how many there were.
pub async fn sweep(app: &App) -> Result<usize> {
    let rows = inbox::due(app, app.clock.now()).await?;
    for row in &rows {
        if let Err(e) = inbox::retry(app, row).await {
            tracing::warn!(event = row.id, error = %e, "an event could not be tried again");
        }
    }
    Ok(rows.len())
}
