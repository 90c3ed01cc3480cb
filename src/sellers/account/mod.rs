//! The Stripe side of a seller: its account is created, re-read and disconnected, and its balance is read.

mod state;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::seller::{self, AccountsApi};
use souk_entity::{AccountId, SellerId};

use super::reading::{self, AccountRead};
use super::{by_account, find, find_locked, refusals};
use crate::app::App;
use crate::config::profiles::terms;
use crate::error::{Error, Result, StripeFault};
use crate::jobs::{self, Job, Recipient};
use crate::stripe::requests::{accounts, accounts_v2};
use crate::stripe::views::{AccountV2View, AccountView};
use crate::stripe::{IdempotentCreate, V2Page};
use crate::{audit, findings, ids};

pub use state::{balance, detect_deauthorized, note_access_lost, refresh, sync};
pub(super) use state::{deauthorized, disconnect};

/// The seller with its account, which is created now if it isn't yet.
pub(super) async fn ensure(app: &App, id: &SellerId) -> Result<seller::Model> {
    create(app, id).await?.ok_or(Error::NotFound("seller"))
}

/// Creates the seller's account at Stripe (docs.stripe.com/api/v2/core/accounts/create, or docs.stripe.com/api/accounts/create
/// by v1), if it isn't created yet. The key is the seller's, so a repetition creates no second account. Once the key can't be
/// trusted any more, Stripe is searched for the account first. `None`: there is no such seller, for one because Stripe
/// refused it.
///
/// # Errors
/// No account was created: [`Error::StripeRefused`] or [`Error::InvalidWith`] if the request was at fault, and the seller is
/// deleted; [`Error::PlatformNotReady`] if Stripe refuses the platform, and the seller waits.
pub async fn create(app: &App, id: &SellerId) -> Result<Option<seller::Model>> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(None);
    };
    if row.stripe_account.is_some() {
        return Ok(Some(row));
    }
    let api = app.config.accounts_api;
    let new = accounts::NewAccount {
        seller: id.as_ref(),
        // The key goes with the name that it was first used with.
        name: row.account_name.as_deref(),
        country: &row.country,
        email: &row.email,
        business_type: row.business_type.as_deref(),
        profile: row.charge_profile,
    };
    let made = IdempotentCreate::of(seller::Entity, id, row.key_number, row.key_until)
        .by_v2(api == AccountsApi::V2)
        .again_after_refusal()
        // Another API was asked before, under keys of its own.
        .search_first(row.accounts_api != api)
        .make(
            &app.db,
            app.clock.now(),
            find_existing(app, &row),
            async |n| send(app, api, &new, &format!("account:{id}:{n}")).await,
        )
        .await;
    match made {
        Ok(read) => attach(app, id, &read).await.map(Some),
        Err(Error::StripeRefused(fault)) => Err(refused(app, id, api, *fault).await?),
        Err(e) => Err(e),
    }
}

async fn send(
    app: &App,
    api: AccountsApi,
    new: &accounts::NewAccount<'_>,
    key: &str,
) -> Result<AccountRead> {
    let platform = app.stripe.platform();
    match api {
        AccountsApi::V1 => {
            let view: AccountView = platform.post(&accounts::create(new), key).await?;
            Ok(reading::of_v1(&view))
        }
        AccountsApi::V2 => {
            let view: AccountV2View = platform.post_v2(&accounts_v2::create(new), key).await?;
            Ok(reading::of_v2(&view, terms(new.profile).configuration))
        }
    }
}

/// Deletes the seller if its request was at fault. If it was the platform, which its operator can mend, the seller waits and
/// there is a finding. Answers what the caller is told.
async fn refused(app: &App, id: &SellerId, api: AccountsApi, fault: StripeFault) -> Result<Error> {
    if let Some(error) = refusals::of_request(&fault) {
        delete_refused(app, id, &fault).await?;
        return Ok(error);
    }
    tracing::error!(
        error = fault.message,
        code = fault.code,
        request_id = fault.request_id,
        "Stripe lets this platform create no account"
    );
    let advice = refusals::advice(api, &fault);
    let tx = app.db.begin_write().await?;
    findings::raise(&tx, refusals::finding(&advice)).await?;
    tx.commit().await?;
    Ok(Error::PlatformNotReady(advice))
}

/// Searches Stripe for an account that was created for a seller whose row doesn't have it. Metadata only finds candidates,
/// since an account's holder can change it. The account must belong to no seller and must be what was asked for.
async fn find_existing(app: &App, row: &seller::Model) -> Result<Option<AccountRead>> {
    let marked = match row.accounts_api {
        AccountsApi::V1 => marked_by_v1(app, row).await,
        AccountsApi::V2 => marked_by_v2(app, row).await,
    };
    let marked = match marked {
        // A platform without that API has made nothing by it.
        Err(Error::StripeRefused(_)) if row.accounts_api != app.config.accounts_api => Vec::new(),
        marked => marked?,
    };
    // The oldest first: an account that was made to imitate ours is younger.
    for read in marked.into_iter().rev() {
        let dashboard = terms(row.charge_profile).dashboard;
        let fits = read.country.as_ref() == Some(&row.country) && read.dashboard == Some(dashboard);
        if fits
            && by_account(&app.db.read, &read.id, row.livemode)
                .await?
                .is_none()
        {
            return Ok(Some(read));
        }
    }
    Ok(None)
}

/// The accounts that carry the seller's id, newest first.
async fn marked_by_v1(app: &App, row: &seller::Model) -> Result<Vec<AccountRead>> {
    let mark = (accounts::METADATA_SELLER, row.id.as_ref());
    let marked: Vec<AccountView> = app
        .stripe
        .platform()
        .find_by_metadata(mark, |last| accounts::list(row.created_at, last))
        .await?;
    Ok(marked.iter().map(reading::of_v1).collect())
}

/// As `marked_by_v1`. A list has neither a date to filter by nor what we read of an account, so that each page is read, and
/// each account that is found. A list of v2's may be some time behind (docs.stripe.com/api-v2-overview), and in that time
/// its key still does.
async fn marked_by_v2(app: &App, row: &seller::Model) -> Result<Vec<AccountRead>> {
    let platform = app.stripe.platform();
    let mut found = Vec::new();
    let mut next = Some(accounts_v2::list());
    while let Some(request) = next {
        let page: V2Page = platform.get_v2(&request).await?;
        for account in &page.data {
            let marked = account["metadata"][accounts::METADATA_SELLER] == row.id.as_ref();
            let id = account["id"].as_str().filter(|_| marked);
            if let Some(id) = id {
                let request = accounts_v2::retrieve(&AccountId::from(id));
                let view: AccountV2View = platform.get_v2(&request).await?;
                found.push(reading::of_v2(
                    &view,
                    terms(row.charge_profile).configuration,
                ));
            }
        }
        next = page.next()?;
    }
    Ok(found)
}

async fn attach(app: &App, id: &SellerId, read: &AccountRead) -> Result<seller::Model> {
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, id).await?;
    if row.stripe_account.is_none() {
        let account = read.id.clone();
        row.stripe_account = Some(account.clone());
        state::write(&tx, &mut row, read).await?;
        findings::resolve(&tx, refusals::KIND, refusals::SUBJECT).await?;
        jobs::settle(&tx, &Job::CreateAccount { seller: id.clone() }).await?;
        // Events of the account that came before its id was stored.
        let waits_for = account.to_string();
        jobs::stage(&tx, &Job::RetryDeferred { waits_for }).await?;
        let data = json!({ "stripe_account": account });
        audit::record(&tx, "system", "seller.account_created", id.as_ref(), data).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Deletes a seller whose account Stripe refused to create. A seller that other rows refer to stays.
async fn delete_refused(app: &App, id: &SellerId, fault: &StripeFault) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let deleted = seller::Entity::delete_many()
        .filter(seller::Column::Id.eq(id.clone()))
        .filter(seller::Column::StripeAccount.is_null())
        .exec(&tx)
        .await;
    if let Err(e) = deleted {
        tracing::warn!(seller = %id, error = %e, "a refused seller stays, since it is in use");
        return tx.rollback().await;
    }
    jobs::settle(&tx, &Job::CreateAccount { seller: id.clone() }).await?;
    let data = json!({ "code": fault.code, "param": fault.param });
    audit::record(&tx, "system", "seller.refused", id.as_ref(), data).await?;
    tx.commit().await
}

/// The job: sends the seller's name to its account, which Stripe's page shows to buyers. Once the seller has been to Stripe's
/// form, it may be theirs alone to change. Stripe's refusal is told to the seller, written to the audit log, and no error. A
/// disconnected account is told when it is connected again.
///
/// # Errors
/// Stripe has not answered, or refuses our key or its access to the account.
pub async fn rename(app: &App, id: &SellerId) -> Result<()> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(());
    };
    let Some(account) = row.stripe_account.as_ref() else {
        return Ok(());
    };
    if row.deauthorized_at.is_some() || row.account_name.as_ref() == Some(&row.name) {
        return Ok(());
    }
    // A repetition does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("rename_account:{}", ids::random_token());
    let refusal = match send_name(app, &row, account, &key).await {
        Ok(()) => None,
        // v2 says no more of an account that has disconnected.
        Err(Error::StripeRefused(fault)) if fault.is_missing() => {
            return refresh(app, id).await.map(drop);
        }
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    let tx = app.db.begin_write().await?;
    seller::Entity::update_many()
        .col_expr(seller::Column::AccountName, Expr::value(row.name.as_str()))
        .filter(seller::Column::Id.eq(id.clone()))
        .exec(&tx)
        .await?;
    let (action, data) = match refusal {
        None => ("seller.account_renamed", json!({ "name": row.name })),
        Some(fault) => {
            tracing::warn!(seller = %id, error = %fault.message, "Stripe keeps an account's old name");
            let mail = Job::Mail {
                what: "name_kept".to_owned(),
                to: Recipient::Seller,
                about: format!("{id}:{}", tx.now().0),
            };
            jobs::stage(&tx, &mail).await?;
            let data = json!({ "name": row.name, "reason": fault.message });
            ("seller.account_rename_refused", data)
        }
    };
    audit::record(&tx, "system", action, id.as_ref(), data).await?;
    tx.commit().await
}

async fn send_name(app: &App, row: &seller::Model, account: &AccountId, key: &str) -> Result<()> {
    let platform = app.stripe.platform();
    match row.accounts_api {
        AccountsApi::V1 => {
            let request = accounts::rename(account, &row.name);
            platform.post::<AccountView, _>(&request, key).await?;
        }
        AccountsApi::V2 => {
            let request = accounts_v2::rename(account, &row.name);
            platform.post_v2::<AccountV2View>(&request, key).await?;
        }
    }
    Ok(())
}
