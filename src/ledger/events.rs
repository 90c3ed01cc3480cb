//! Effects of payout events.

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::views::PayoutView;
use crate::stripe::{Effect, Event, EventObject};

use super::open_book;
use super::payouts::{self, StoreOutcome};

/// `payout.created`, `.updated`, `.paid`, `.failed`, `.canceled` and `.reconciliation_completed`. The event's snapshot
/// is stored if it is newer. Then the payout is re-read and its account pulled, so that the order and the shape of events
/// never matter.
pub async fn payout(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(Effect::Ignored("the platform's own book is not kept yet"));
    };
    let Some(id) = event.object_id.as_deref() else {
        return Ok(Effect::Ignored("the event names no payout"));
    };
    let livemode = event.livemode()?;
    let Some(book) = open_book(tx, account, livemode).await? else {
        return Ok(Effect::Ignored("no seller has this account"));
    };
    if let Ok(snapshot) = event.object::<PayoutView>()
        && payouts::store(tx, &book, &snapshot).await? == StoreOutcome::OtherAccount
    {
        return Ok(Effect::Ignored("the payout is another account's"));
    }
    let account = account.clone();
    let reread = Job::SyncPayout {
        account: account.clone(),
        livemode,
        payout: id.to_owned(),
    };
    jobs::stage(tx, &Job::Pull { account, livemode }).await?;
    jobs::stage(tx, &reread).await?;
    Ok(Effect::Applied)
}

/// Stages a re-read of a payout, and a pull of its account.
pub async fn reread_payout(tx: &Tx, object: &EventObject) -> Result<bool> {
    let (Some(account), Some(id)) = (&object.account, &object.id) else {
        return Ok(false);
    };
    let livemode = object.livemode;
    if open_book(tx, account, livemode).await?.is_none() {
        return Ok(false);
    }
    let account = account.clone();
    let reread = Job::SyncPayout {
        account: account.clone(),
        livemode,
        payout: id.clone(),
    };
    jobs::stage_all(tx, &[Job::Pull { account, livemode }, reread]).await?;
    Ok(true)
}
