//! Effects of events about accounts.

use std::collections::{BTreeSet, HashMap, HashSet};

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
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
const NO_ACCOUNT: Effect = Effect::Ignored("the event names no account");

/// For how long an account that no seller has may be one that is being made. After that Stripe is asked for it by other ways.
const MAKING_MS: i64 = 24 * 60 * 60_000;
/// As the index says it, word for word, so that SQLite sees that it will do.
const WITHOUT_ACCOUNT: &str = "stripe_account IS NULL";

/// The account that an event of one is about. A thin event's `context` may be the platform, from which the account can be
/// read; its related object is the account itself.
fn account_of(object: &EventObject) -> Option<AccountId> {
    let named = object.id.as_deref().filter(|id| id.starts_with("acct_"));
    named
        .map(AccountId::from)
        .or_else(|| object.account.clone())
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

/// `account.updated`, and the thin events of an account. A snapshot may be older than our row and a thin event says nothing,
/// so each account is read again. Events of sellers' accounts are applied set-wise. The rare others, of accounts that are
/// being created or are no seller's, are applied one by one.
pub async fn accounts_updated(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut updated = Vec::with_capacity(events.len());
    for event in events {
        let object = event.about()?;
        updated.push(account_of(&object).map(|account| (account, object.livemode)));
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
            None => NO_ACCOUNT,
            Some(of) if ours.contains(of) => Effect::Applied,
            Some((account, livemode)) => {
                unknown_updated(tx, event, account, *livemode, &mut jobs).await?
            }
        });
    }
    jobs::stage_all(tx, &jobs).await?;
    Ok(effects)
}

/// An event of an account that no seller had when the batch was read.
async fn unknown_updated(
    tx: &Tx,
    event: &Event,
    account: &AccountId,
    livemode: bool,
    jobs: &mut Vec<Job>,
) -> Result<Effect> {
    if event.thin {
        return unknown(tx, account, livemode, jobs).await;
    }
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

/// Stages a re-read of an event's account.
pub async fn reread_account(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let Some(account) = account_of(object) else {
        return Ok(NO_ACCOUNT);
    };
    let mut jobs = Vec::new();
    let effect = match by_account(tx, &account, object.livemode).await? {
        Some(seller) => {
            jobs.push(Job::SyncAccount { seller: seller.id });
            Effect::Applied
        }
        None => unknown(tx, &account, object.livemode, &mut jobs).await?,
    };
    jobs::stage_all(tx, &jobs).await?;
    Ok(effect)
}

/// An event that says nothing of its account but the id, which no seller has. It may come before Stripe's answer to the
/// creation: it waits as long as an account is being made, for whichever seller, and otherwise is none of ours.
async fn unknown(
    tx: &Tx,
    account: &AccountId,
    livemode: bool,
    jobs: &mut Vec<Job>,
) -> Result<Effect> {
    let making = seller::Entity::find()
        .filter(Expr::cust(WITHOUT_ACCOUNT))
        .filter(seller::Column::CreatedAt.gt(tx.now().plus_ms(-MAKING_MS)))
        .filter(seller::Column::Livemode.eq(livemode));
    if making.one(tx).await?.is_some() {
        let waits_for = account.to_string();
        return Ok(Effect::Deferred { waits_for });
    }
    // Its id may have been stored since it was looked for.
    let Some(seller) = by_account(tx, account, livemode).await? else {
        return Ok(NOT_OURS);
    };
    jobs.push(Job::SyncAccount { seller: seller.id });
    Ok(Effect::Applied)
}

/// `v2.core.account_link.returned`: somebody has come back from a link into an account, which is read again. The event has
/// no related object; unless its `context` is the account, only Stripe's own copy of the event says which it is.
pub async fn link_returned(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let livemode = object.livemode;
    let seller = match account_of(object) {
        Some(account) => by_account(tx, &account, livemode).await?,
        None => None,
    };
    let job = match seller {
        Some(seller) => Job::SyncAccount { seller: seller.id },
        None => Job::ReadReturnedLink {
            event: object.event.clone(),
            livemode,
        },
    };
    jobs::stage(tx, &job).await?;
    Ok(Effect::Applied)
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
        return Ok(NO_ACCOUNT);
    };
    let Some(seller) = by_account(tx, account, event.livemode()?).await? else {
        return Ok(NOT_OURS);
    };
    let mut row = find_locked(tx, &seller.id).await?;
    account::disconnect(tx, &mut row, "stripe").await?;
    Ok(Effect::Applied)
}
