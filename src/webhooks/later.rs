//! Unfinished events, tried again: when what they wait for has come, and by sweep.

use souk_entity::AccountId;

use crate::app::App;
use crate::error::{Error, Result};

use super::{catching_up, inbox};

/// How often events that somebody else had in hand are looked at: that may have been before what they wait for came.
const LOOKS: u32 = 5;

/// Stages a catch-up for the platform and every connected account.
pub async fn catch_all_up(app: &App) -> Result<()> {
    catching_up::catch_all_up(app).await
}

/// Puts the events into the inbox that Stripe lists and nobody delivered.
pub async fn catch_up(app: &App, account: Option<&AccountId>, livemode: bool) -> Result<()> {
    catching_up::catch_up(app, account, livemode).await
}

/// Tries the events again that wait for this.
pub async fn retry_deferred(app: &App, waits_for: &str) -> Result<()> {
    for _ in 0..LOOKS {
        let mut all = true;
        for row in inbox::waiting(app, waits_for).await? {
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
    let rows = inbox::due(app, app.clock.now()).await?;
    for row in &rows {
        if let Err(e) = inbox::retry(app, row).await {
            tracing::warn!(event = row.id, error = %e, "an event could not be tried again");
        }
    }
    Ok(rows.len())
}
