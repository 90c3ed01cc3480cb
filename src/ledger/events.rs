//! Effects of events about payouts, and of all others that say that money has moved.

use std::collections::BTreeSet;

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde::Deserialize;
use souk_entity::{AccountId, application_fee_refund};

use crate::db::{self, Tx};
use crate::error::Result;
use crate::installation;
use crate::jobs::{self, Job};
use crate::stripe::views::{ApplicationFeeView, Expandable, IdView, PayoutView};
use crate::stripe::{Effect, Event, EventObject};

use super::payouts::{self, StoreOutcome};
use super::{deadlines, open_book};

const UNKNOWN_PLATFORM: Effect =
    Effect::Ignored("Stripe has not told the platform's own account yet");
const NO_BOOK: Effect = Effect::Ignored("no seller has this account");

/// The account that an event is about: without one it is the platform's own, of which nothing is lost while it isn't known
/// yet, since its book is then read from the beginning.
async fn account_of(tx: &Tx, account: Option<&AccountId>) -> Result<Option<AccountId>> {
    match account {
        Some(account) => Ok(Some(account.clone())),
        None => installation::platform_account(tx).await,
    }
}

/// `payout.created`, `.updated`, `.paid`, `.failed`, `.canceled` and `.reconciliation_completed`. The event's snapshot
/// is stored if it is newer. Then the payout is re-read and its account pulled, so that the order and the shape of events
/// never matter.
pub async fn payout(tx: &Tx, event: &Event) -> Result<Effect> {
    let Some(account) = account_of(tx, event.account.as_ref()).await? else {
        return Ok(UNKNOWN_PLATFORM);
    };
    let Some(id) = event.object_id.as_deref() else {
        return Ok(Effect::Ignored("the event names no payout"));
    };
    let livemode = event.livemode()?;
    let Some(book) = open_book(tx, &account, livemode).await? else {
        return Ok(NO_BOOK);
    };
    if let Ok(snapshot) = event.object::<PayoutView>()
        && payouts::store(tx, &book, &snapshot).await? == StoreOutcome::OtherAccount
    {
        return Ok(Effect::Ignored("the payout is another account's"));
    }
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
pub async fn reread_payout(tx: &Tx, object: &EventObject) -> Result<Effect> {
    let Some(account) = account_of(tx, object.account.as_ref()).await? else {
        return Ok(UNKNOWN_PLATFORM);
    };
    let Some(id) = &object.id else {
        return Ok(Effect::Ignored("the event names no payout"));
    };
    let livemode = object.livemode;
    if open_book(tx, &account, livemode).await?.is_none() {
        return Ok(NO_BOOK);
    }
    let reread = Job::SyncPayout {
        account: account.clone(),
        livemode,
        payout: id.clone(),
    };
    jobs::stage_all(tx, &[Job::Pull { account, livemode }, reread]).await?;
    Ok(Effect::Applied)
}

/// Whose balance an event of the platform's is about: of a transfer its `destination`, of an application fee its `account`
/// (docs.stripe.com/api/transfers/object, docs.stripe.com/api/application_fees/object).
#[derive(Deserialize)]
struct Whose {
    destination: Option<Expandable<IdView>>,
    account: Option<Expandable<IdView>>,
}

/// Events that say only that money has moved on an account, in whatever way: the next pull of its book is brought forward.
/// What happens at the platform moves the platform's own money, and mostly a connected account's with it.
pub async fn money_moved(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    let mut moved: Vec<BTreeSet<(AccountId, bool)>> = Vec::with_capacity(events.len());
    let mut platform = None;
    for event in events {
        let named = event.account.clone().or_else(|| {
            let whose: Whose = event.object().ok()?;
            let account = whose.destination.or(whose.account)?;
            Some(AccountId::from(account.id()))
        });
        if event.account.is_none() && platform.is_none() {
            platform = installation::platform_account(tx).await?;
        }
        let own = platform.clone().filter(|_| event.account.is_none());
        let mut accounts = BTreeSet::new();
        for account in named.into_iter().chain(own) {
            accounts.insert((account, event.livemode()?));
        }
        moved.push(accounts);
    }
    let accounts: BTreeSet<_> = moved.iter().flatten().cloned().collect();
    let has_book = deadlines::bring_forward(tx, &accounts).await?;
    let effect = |moved: BTreeSet<(AccountId, bool)>| match moved {
        moved if moved.is_empty() => UNKNOWN_PLATFORM,
        moved if moved.is_disjoint(&has_book) => NO_BOOK,
        _ => Effect::Applied,
    };
    Ok(moved.into_iter().map(effect).collect())
}

/// `application_fee.refunded`: notes of which charge the fee was, so that the money that went back finds its order, and brings
/// the pull forward. The event carries the newest refunds.
pub async fn application_fee_refunded(tx: &Tx, event: &Event) -> Result<Effect> {
    use application_fee_refund::Column as C;
    let fee = event.object::<ApplicationFeeView>()?;
    let (account, livemode) = (AccountId::from(fee.account.id()), event.livemode()?);
    let platform = account_of(tx, event.account.as_ref()).await?;
    let moved = platform.into_iter().chain([account.clone()]);
    let moved = moved.map(|account| (account, livemode)).collect();
    if deadlines::bring_forward(tx, &moved).await?.is_empty() {
        return Ok(NO_BOOK);
    }
    let refunds = fee.refunds.map(|refunds| refunds.data).unwrap_or_default();
    let Some(charge) = fee.charge.filter(|_| !refunds.is_empty()) else {
        return Ok(Effect::Applied);
    };
    let rows = refunds
        .into_iter()
        .map(|refund| application_fee_refund::ActiveModel {
            id: Set(refund.id),
            stripe_account: Set(account.clone()),
            livemode: Set(livemode),
            charge: Set(charge.id().to_owned()),
            created_at: Set(tx.now()),
        });
    let noted = application_fee_refund::Entity::insert_many(rows)
        .on_conflict(OnConflict::column(C::Id).do_nothing().to_owned())
        .exec_without_returning(tx)
        .await;
    db::inserted(noted)?;
    Ok(Effect::Applied)
}

/// Brings the pull forward, though the event has no other effect: the money that moved was of no payment of ours.
pub async fn others_money_moved(tx: &Tx, account: &AccountId, livemode: bool) -> Result<bool> {
    let moved = BTreeSet::from([(account.clone(), livemode)]);
    Ok(!deadlines::bring_forward(tx, &moved).await?.is_empty())
}

/// Brings the pull of an object's account forward.
pub async fn reread_balance(tx: &Tx, object: &EventObject) -> Result<Effect> {
    Ok(match account_of(tx, object.account.as_ref()).await? {
        Some(account) if others_money_moved(tx, &account, object.livemode).await? => {
            Effect::Applied
        }
        Some(_) => NO_BOOK,
        None => UNKNOWN_PLATFORM,
    })
}
