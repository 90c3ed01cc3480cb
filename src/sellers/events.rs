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
use crate::stripe::{Effect, Event};

const NOT_OURS: Effect = Effect::Ignored("the account is no seller's");

/// `account.updated`. Its snapshot may be older than our row, so the account is read again.
pub async fn account_updated(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = updated(event) else {
        return Ok(Effect::Ignored("the event names no account"));
    };
    let livemode = event.livemode()?;
    if let Some(seller) = by_account(tx, &account, livemode).await? {
        jobs::stage(tx, &Job::SyncAccount { seller: seller.id }).await?;
        return Ok(Effect::Applied);
    }
    match find_by_metadata(tx, event, livemode).await? {
        Some(seller) if seller.stripe_account.is_none() => {
            let waits_for = account.to_string();
            Ok(Effect::Deferred { waits_for })
        }
        // Its id was stored between the two queries.
        Some(seller) if seller.stripe_account.as_ref() == Some(&account) => {
            jobs::stage(tx, &Job::SyncAccount { seller: seller.id }).await?;
            Ok(Effect::Applied)
        }
        _ => Ok(NOT_OURS),
    }
}

/// The account of a snapshot.
fn updated(event: &Event) -> Option<AccountId> {
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

/// Applies all snapshots of `account.updated` of sellers' accounts set-wise. Answers their positions in `events`; the
/// caller applies the others afterwards, one by one.
pub async fn accounts_updated(tx: &Tx, events: &[&Event]) -> Result<HashSet<usize>> {
    let of_account = |(at, event): (usize, &&Event)| {
        let is_one = event.kind == "account.updated" && !event.thin;
        let of = is_one.then(|| Some((updated(event)?, event.livemode().ok()?)));
        Some((at, of.flatten()?))
    };
    let updated: Vec<_> = events.iter().enumerate().filter_map(of_account).collect();
    if updated.len() < 2 {
        return Ok(HashSet::new());
    }
    let accounts: BTreeSet<_> = updated.iter().map(|(_, of)| of).collect();
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
    jobs::stage_all(tx, &jobs).await?;
    let ours = updated.into_iter().filter(|(_, of)| ours.contains(of));
    Ok(ours.map(|(at, _)| at).collect())
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
