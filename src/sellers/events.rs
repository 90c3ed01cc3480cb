//! Effects of events about accounts.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::{EntityTrait, FromQueryResult, QuerySelect};
use serde::Deserialize;
use souk_entity::{AccountId, SellerId, seller};

use super::{account, by_account, find_locked};
use crate::db::Tx;
use crate::db::set_wise::SetWise;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::stripe::requests::accounts::METADATA_SELLER;
use crate::stripe::views::metadata_value;
use crate::stripe::{Effect, Event, EventObject};

const NOT_OURS: Effect = Effect::Ignored("the account is no seller's");

/// The account of a snapshot.
fn updated_account(event: &Event) -> Option<AccountId> {
    let own = || event.object_id.as_deref().map(AccountId::from);
    event.account.clone().or_else(own)
}

#[derive(FromQueryResult)]
struct KnownAccount {
    id: SellerId,
    account: AccountId,
    livemode: bool,
}

const KNOWN_ACCOUNTS: SetWise = SetWise {
    text: "SELECT s.id, input.account, s.livemode FROM {input} JOIN sellers s \
           ON s.stripe_account = input.account AND s.livemode = input.livemode",
    columns: &[("account", "text"), ("livemode", "boolean")],
};

/// `account.updated`. A snapshot may be older than our row, so each account is read again. Events of sellers' accounts are
/// applied set-wise. The rare others, of accounts that are being created or are no seller's, are applied one by one.
pub async fn accounts_updated(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut updated = Vec::with_capacity(events.len());
    for event in events {
        let account = updated_account(event);
        updated.push(match account {
            Some(account) => Some((account, event.livemode()?)),
            None => None,
        });
    }
    let accounts: BTreeSet<_> = updated.iter().flatten().collect();
    let accounts: Vec<_> = accounts.into_iter().collect();
    let known: Vec<KnownAccount> = KNOWN_ACCOUNTS.all(tx, &accounts, []).await?;
    let (mut jobs, mut ours) = (Vec::new(), HashSet::new());
    for KnownAccount {
        id,
        account,
        livemode,
    } in known
    {
        jobs.push(Job::SyncAccount { seller: id });
        ours.insert((account, livemode));
    }
    let mut effects = Vec::with_capacity(events.len());
    for (event, updated) in events.iter().zip(&updated) {
        effects.push(match updated {
            None => Effect::Ignored("the event names no account"),
            Some(of) if ours.contains(of) => Effect::Applied,
            Some((account, livemode)) => {
                unknown_updated(tx, event, account, *livemode, &mut jobs).await?
            }
        });
    }
    jobs::stage_all(tx, &jobs).await?;
    Ok(effects)
}

/// `account.updated` of an account that no seller had when the batch was read.
async fn unknown_updated(
    tx: &Tx,
    event: &Event,
    account: &AccountId,
    livemode: bool,
    jobs: &mut Vec<Job>,
) -> Result<Effect> {
    match find_by_metadata(tx, event, livemode).await? {
        Some(seller) if seller.stripe_account.is_none() => {
            let waits_for = account.to_string();
            Ok(Effect::Deferred { waits_for })
        }
        // Its id was stored between the two queries.
        Some(seller) if seller.stripe_account.as_ref() == Some(account) => {
            jobs.push(Job::SyncAccount { seller: seller.id });
            Ok(Effect::Applied)
        }
        _ => Ok(NOT_OURS),
    }
}

/// Stages a re-read of an event's account. `false`: no seller has it.
pub async fn reread_account(tx: &Tx, object: &EventObject) -> Result<bool> {
    let Some(account) = &object.account else {
        return Ok(false);
    };
    let Some(seller) = by_account(tx, account, object.livemode).await? else {
        return Ok(false);
    };
    jobs::stage(tx, &Job::SyncAccount { seller: seller.id }).await?;
    Ok(true)
}

/// The seller that the account's metadata names: Stripe's event can come before its answer to the creation. The row is
/// locked. So the account's id is either stored before and is seen here, or stored after and wakes the event that waits.
async fn find_by_metadata(tx: &Tx, event: &Event, livemode: bool) -> Result<Option<seller::Model>> {
    #[derive(Deserialize)]
    struct Account {
        metadata: HashMap<String, String>,
    }
    let account = event.object::<Account>().ok();
    let Some(id) = account.and_then(|account| metadata_value(&account.metadata, METADATA_SELLER))
    else {
        return Ok(None);
    };
    let seller = seller::Entity::find_by_id(SellerId(id))
        .lock_exclusive()
        .one(tx)
        .await?;
    Ok(seller.filter(|seller| seller.livemode == livemode))
}

/// `account.application.deauthorized`. Its object is our application; the account is in the envelope.
pub async fn account_application_deauthorized(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = &event.account else {
        return Ok(Effect::Ignored("the event names no account"));
    };
    let Some(seller) = by_account(tx, account, event.livemode()?).await? else {
        return Ok(NOT_OURS);
    };
    let mut row = find_locked(tx, &seller.id).await?;
    account::disconnect(tx, &mut row, "stripe").await?;
    Ok(Effect::Applied)
}
