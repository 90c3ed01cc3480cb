//! What events about accounts do.

use std::collections::HashMap;

use serde::Deserialize;
use souk_entity::{AccountId, SellerId, seller};

use super::{account, by_account, find, locked};
use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::requests::accounts::METADATA_SELLER;
use crate::stripe::views::hint;
use crate::stripe::{Effect, Event};

const NOT_OURS: Effect = Effect::Ignored("the account is no seller's");

/// `account.updated`: a snapshot that may be older than what we know, so the account is read again.
pub async fn account_updated(tx: &Tx, event: &Event) -> Result<Effect> {
    let own = || event.object_id.as_deref().map(AccountId::from);
    let Some(account) = event.account.clone().or_else(own) else {
        return Ok(Effect::Ignored("the event names no account"));
    };
    let livemode = event.livemode()?;
    if let Some(seller) = by_account(tx, &account, livemode).await? {
        jobs::stage(tx, &Job::SyncAccount { seller: seller.id }).await?;
        return Ok(Effect::Applied);
    }
    if being_made(tx, event, livemode).await?.is_some() {
        let waits_for = account.to_string();
        return Ok(Effect::Deferred { waits_for });
    }
    Ok(NOT_OURS)
}

/// The seller whose account this may be, since it has none yet: Stripe's event can be faster than its answer.
async fn being_made(tx: &Tx, event: &Event, livemode: bool) -> Result<Option<seller::Model>> {
    #[derive(Deserialize)]
    struct Account {
        metadata: HashMap<String, String>,
    }
    let account = event.object::<Account>().ok();
    let Some(id) = account.and_then(|account| hint(&account.metadata, METADATA_SELLER)) else {
        return Ok(None);
    };
    let seller = find(tx, &SellerId(id)).await?;
    Ok(seller.filter(|seller| seller.stripe_account.is_none() && seller.livemode == livemode))
}

/// `account.application.deauthorized`: its object is our application; the account is the envelope's.
pub async fn account_application_deauthorized(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(Effect::Ignored("the event names no account"));
    };
    let Some(seller) = by_account(tx, account, event.livemode()?).await? else {
        return Ok(NOT_OURS);
    };
    let mut row = locked(tx, &seller.id).await?;
    account::disconnect(tx, &mut row, "stripe").await?;
    Ok(Effect::Applied)
}
