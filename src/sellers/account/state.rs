//! What is stored of an account, and what follows from a change of it.

use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::json;
use souk_entity::seller::{self, SellerStatus};
use souk_entity::{AccountId, JsonText, SellerId};

use super::create;
use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Recipient};
use crate::sellers::reading::{self, AccountRead};
use crate::sellers::status::{self, AccountState};
use crate::sellers::{by_account, find, find_locked};
use crate::stripe::requests::accounts;
use crate::stripe::views::BalanceView;

/// Re-reads the account because somebody asked for it. An account that was disconnected and can be read again counts as
/// connected again.
///
/// # Errors
/// 404 without such a seller; Stripe's errors otherwise.
pub async fn sync(app: &App, id: &SellerId) -> Result<seller::Model> {
    reread(app, id, true)
        .await?
        .ok_or(Error::NotFound("seller"))
}

/// Re-reads the account because something hinted that it changed. Events come in any order, so a disconnection stands
/// until somebody asks for a `sync`. `None`: there is no such seller.
pub async fn refresh(app: &App, id: &SellerId) -> Result<Option<seller::Model>> {
    reread(app, id, false).await
}

/// A read is stored only if no other was stored since it began, so that of two concurrent reads the older state never
/// stays. `synced_at` grows with each and is compared under the row's lock. A caller that loses twice is done: the second
/// of the stored reads began after the first was stored, and so after this call began.
async fn reread(app: &App, id: &SellerId, reconnects: bool) -> Result<Option<seller::Model>> {
    for _ in 0..2 {
        let Some(before) = find(&app.db.read, id).await? else {
            return Ok(None);
        };
        let Some(account) = &before.stripe_account else {
            return create(app, id).await;
        };
        let read = reading::read(app, &before, account).await?;
        if let Some(stored) = store_read(app, &before, read, reconnects).await? {
            return Ok(Some(stored));
        }
    }
    find(&app.db.read, id).await
}

/// Stores a read of the account. `before` is the row as the read began; `read` is none if the account has disconnected.
/// `None`: another read was stored meanwhile.
async fn store_read(
    app: &App,
    before: &seller::Model,
    read: Option<AccountRead>,
    reconnects: bool,
) -> Result<Option<seller::Model>> {
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, &before.id).await?;
    if row.synced_at != before.synced_at {
        return Ok(None);
    }
    match read {
        Some(read) if read.closed => close(&tx, &mut row).await?,
        Some(read) => {
            if reconnects && row.deauthorized_at.take().is_some() {
                reconnected(&tx, &row).await?;
            }
            if row.deauthorized_at.is_none() {
                write(&tx, &mut row, &read).await?;
            }
        }
        None => disconnect(&tx, &mut row, "system").await?,
    }
    tx.commit().await?;
    Ok(Some(row))
}

/// Stores what a read says of an account, and the status that it gives.
pub(super) async fn write(tx: &Tx, row: &mut seller::Model, read: &AccountRead) -> Result<()> {
    let old = row.clone();
    row.accounts_api = read.api.unwrap_or(row.accounts_api);
    row.charges_enabled = read.charges.unwrap_or(row.charges_enabled);
    row.payouts_enabled = read.payouts.unwrap_or(row.payouts_enabled);
    // A seller who has been through onboarding stays so, whatever Stripe wants later.
    row.details_submitted |= read.submitted.unwrap_or(false) || row.charges_enabled;
    if let Some(requirements) = &read.requirements {
        row.requirements = JsonText(requirements.clone());
    }
    if let Some(capabilities) = &read.capabilities {
        row.capabilities = JsonText(capabilities.clone());
    }
    row.dashboard = read.dashboard.unwrap_or(row.dashboard);
    row.closed_at = None;
    store(tx, row, &old).await?;
    if row.account_name.as_ref() != Some(&row.name) {
        let seller = row.id.clone();
        jobs::stage(tx, &Job::RenameAccount { seller }).await?;
    }
    Ok(())
}

/// Notes that an account has connected again, and has read what happened on it meanwhile.
async fn reconnected(tx: &Tx, row: &seller::Model) -> Result<()> {
    audit::record(
        tx,
        "system",
        "seller.reconnected",
        row.id.as_ref(),
        json!({}),
    )
    .await?;
    let Some(account) = row.stripe_account.clone() else {
        return Ok(());
    };
    let livemode = row.livemode;
    let pull = Job::Pull {
        account: account.clone(),
        livemode,
    };
    let account = Some(account);
    jobs::stage_all(tx, &[pull, Job::CatchUp { account, livemode }]).await?;
    jobs::schedule(tx, &Job::SweepPayments).await?;
    jobs::schedule(tx, &Job::Reconcile).await
}

/// Has the account's seller re-read, since Stripe says that the account has disconnected. Once the seller's row says so,
/// nothing is staged.
pub async fn note_access_lost(app: &App, account: &AccountId) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let seller = by_account(&tx, account, app.stripe.livemode()).await?;
    if let Some(seller) = seller.filter(|seller| seller.deauthorized_at.is_none()) {
        jobs::stage(&tx, &Job::SyncAccount { seller: seller.id }).await?;
    }
    tx.commit().await
}

/// Marks the seller as closed. Stripe lets nobody act on a closed account, so that it counts as disconnected, too.
async fn close(tx: &Tx, row: &mut seller::Model) -> Result<()> {
    if row.closed_at.is_some() {
        return Ok(());
    }
    let old = row.clone();
    row.closed_at = Some(tx.now());
    row.deauthorized_at = row.deauthorized_at.or(Some(tx.now()));
    row.charges_enabled = false;
    row.payouts_enabled = false;
    store(tx, row, &old).await?;
    jobs::schedule(tx, &Job::Reconcile).await?;
    let data = json!({ "stripe_account": row.stripe_account });
    audit::record(tx, "stripe", "seller.closed", row.id.as_ref(), data).await
}

/// Marks the seller as disconnected: nothing can be charged or paid out any more. What was left open is looked at at once.
pub(in crate::sellers) async fn disconnect(
    tx: &Tx,
    row: &mut seller::Model,
    actor: &str,
) -> Result<()> {
    if row.deauthorized_at.is_some() {
        return Ok(());
    }
    let old = row.clone();
    row.deauthorized_at = Some(tx.now());
    row.charges_enabled = false;
    row.payouts_enabled = false;
    store(tx, row, &old).await?;
    jobs::schedule(tx, &Job::Reconcile).await?;
    let data = json!({ "stripe_account": row.stripe_account });
    audit::record(tx, actor, "seller.deauthorized", row.id.as_ref(), data).await
}

/// The mail to a seller about a change of the account: what it can't do any more, or else what Stripe has begun to want. None
/// to one that hasn't been through onboarding, nor about an account that has left.
fn mail_about(row: &seller::Model, old: &seller::Model) -> Option<&'static str> {
    let left = [SellerStatus::Closed, SellerStatus::Deauthorized].contains(&row.status);
    if left || !old.details_submitted {
        return None;
    }
    if old.charges_enabled && !row.charges_enabled {
        return Some("charges_stopped");
    }
    if old.payouts_enabled && !row.payouts_enabled {
        return Some("payouts_stopped");
    }
    let (now, before) = (&row.requirements.0, &old.requirements.0);
    let begins = |now: &[String], before: &[String]| !now.is_empty() && before.is_empty();
    let wants_more = begins(&now.currently_due, &before.currently_due)
        || begins(&now.past_due, &before.past_due);
    wants_more.then_some("requirements_due")
}

/// Writes the columns that belong to the account, under the row's lock.
async fn store(tx: &Tx, row: &mut seller::Model, old: &seller::Model) -> Result<()> {
    row.status = status::derive(&AccountState::of(row));
    if row != old {
        row.updated_at = tx.now();
    }
    if let Some(what) = mail_about(row, old) {
        let mail = Job::Mail {
            what: what.to_owned(),
            to: Recipient::Seller,
            about: format!("{}:{}", row.id, tx.now().0),
        };
        jobs::stage(tx, &mail).await?;
    }
    let after_last = row.synced_at.map_or(tx.now(), |last| last.plus_ms(1));
    row.synced_at = Some(std::cmp::Ord::max(tx.now(), after_last));
    seller::Entity::update(seller::ActiveModel {
        id: Set(row.id.clone()),
        stripe_account: Set(row.stripe_account.clone()),
        status: Set(row.status),
        charges_enabled: Set(row.charges_enabled),
        payouts_enabled: Set(row.payouts_enabled),
        details_submitted: Set(row.details_submitted),
        dashboard: Set(row.dashboard),
        accounts_api: Set(row.accounts_api),
        capabilities: Set(row.capabilities.clone()),
        requirements: Set(row.requirements.clone()),
        deauthorized_at: Set(row.deauthorized_at),
        closed_at: Set(row.closed_at),
        synced_at: Set(row.synced_at),
        updated_at: Set(row.updated_at),
        ..Default::default()
    })
    .exec(tx)
    .await?;
    Ok(())
}

/// The seller's balance at Stripe at this moment. It is empty while there is no account.
///
/// # Errors
/// `seller_deauthorized`; Stripe's errors otherwise.
pub async fn balance(app: &App, seller: &seller::Model) -> Result<BalanceView> {
    let Some(account) = &seller.stripe_account else {
        return Ok(BalanceView::default());
    };
    if seller.deauthorized_at.is_some() {
        return Err(deauthorized());
    }
    let read = app.stripe.at(account).get(&accounts::balance()).await;
    detect_deauthorized(app, &seller.id, read).await
}

pub(in crate::sellers) fn deauthorized() -> Error {
    Error::conflict(
        "seller_deauthorized",
        "This seller's Stripe account has disconnected from the platform.",
    )
}

/// Turns a refusal into `seller_deauthorized` if the account has disconnected, and stores that. Each of Stripe's routes
/// has other words for it, so the account itself is read.
///
/// # Errors
/// `seller_deauthorized`, or the answer's own.
pub async fn detect_deauthorized<T>(app: &App, id: &SellerId, answer: Result<T>) -> Result<T> {
    match answer {
        Err(refused @ (Error::StripeRefused(_) | Error::AccessLost { .. })) => {
            match refresh(app, id).await {
                Ok(Some(row)) if row.deauthorized_at.is_some() => Err(deauthorized()),
                _ => Err(refused),
            }
        }
        answer => answer,
    }
}
