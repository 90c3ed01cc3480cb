//! The Stripe side of a seller: its account is created, re-read and disconnected, and its balance is read.

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::seller::{self, Dashboard, Requirements};
use souk_entity::{AccountId, JsonText, SellerId, Timestamp};

use super::status::{self, AccountState};
use super::{by_account, find, find_locked};
use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::jobs::{self, Job, Recipient};
use crate::stripe::IdempotentCreate;
use crate::stripe::requests::accounts;
use crate::stripe::views::{AccountView, BalanceView};
use crate::{audit, ids};

/// The seller with its account, which is created now if it isn't yet.
pub(super) async fn ensure(app: &App, id: &SellerId) -> Result<seller::Model> {
    create(app, id).await?.ok_or(Error::NotFound("seller"))
}

/// Creates the seller's account at Stripe (docs.stripe.com/api/accounts/create), if it isn't created yet. The key is the
/// seller's, so a repetition creates no second account. Once the key can't be trusted any more, Stripe is searched for the
/// account first. `None`: there is no such seller, for one because Stripe refused it.
///
/// # Errors
/// [`Error::StripeRefused`]: no account was created; if the request was at fault, the seller is deleted.
pub async fn create(app: &App, id: &SellerId) -> Result<Option<seller::Model>> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(None);
    };
    if row.stripe_account.is_some() {
        return Ok(Some(row));
    }
    let request = accounts::create(&accounts::NewAccount {
        seller: id.as_ref(),
        // The key goes with the name that it was first used with.
        name: row.account_name.as_deref(),
        country: &row.country,
        email: &row.email,
        business_type: row.business_type.as_deref(),
        dashboard: row.dashboard,
    });
    let made = IdempotentCreate::of(seller::Entity, id, row.key_number, row.key_until)
        .make(
            &app.db,
            app.clock.now(),
            find_existing(app, &row),
            async |n| {
                let key = format!("account:{id}:{n}");
                app.stripe.platform().post(&request, &key).await
            },
        )
        .await;
    match made {
        Ok(view) => attach(app, id, &view).await.map(Some),
        Err(Error::StripeRefused(fault)) if concerns_the_request(&fault) => {
            delete_refused(app, id, &fault).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(e) => Err(e),
    }
}

/// Searches Stripe for an account that was created for a seller whose row doesn't have it. Metadata only finds candidates,
/// since an account's holder can change it. The account must belong to no seller and must be what was asked for.
async fn find_existing(app: &App, row: &seller::Model) -> Result<Option<AccountView>> {
    let mark = (accounts::METADATA_SELLER, row.id.as_ref());
    let marked: Vec<AccountView> = app
        .stripe
        .platform()
        .find_by_metadata(mark, |last| accounts::list(row.created_at, last))
        .await?;
    // The oldest first: an account that was made to imitate ours is younger.
    for view in marked.into_iter().rev() {
        let fits =
            view.country.as_ref() == Some(&row.country) && dashboard(&view) == Some(row.dashboard);
        let account = AccountId(view.id.clone());
        if fits
            && by_account(&app.db.read, &account, row.livemode)
                .await?
                .is_none()
        {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// Whether Stripe refused the request itself and not our key. Then nothing was created, now or earlier.
fn concerns_the_request(fault: &StripeFault) -> bool {
    fault.status == Some(400) && fault.kind == "invalid_request_error"
}

async fn attach(app: &App, id: &SellerId, view: &AccountView) -> Result<seller::Model> {
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, id).await?;
    if row.stripe_account.is_none() {
        let account = AccountId(view.id.clone());
        row.stripe_account = Some(account.clone());
        write(&tx, &mut row, view).await?;
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
        let request = accounts::retrieve(account);
        let read = match app.stripe.platform().get(&request).await {
            Ok(view) => Some(view),
            Err(Error::AccessLost { .. }) => None,
            Err(e) => return Err(e),
        };
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
    read: Option<AccountView>,
    reconnects: bool,
) -> Result<Option<seller::Model>> {
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, &before.id).await?;
    if row.synced_at != before.synced_at {
        return Ok(None);
    }
    match read {
        Some(view) => {
            if reconnects && row.deauthorized_at.take().is_some() {
                reconnected(&tx, &row).await?;
            }
            if row.deauthorized_at.is_none() {
                write(&tx, &mut row, &view).await?;
            }
        }
        None => disconnect(&tx, &mut row, "system").await?,
    }
    tx.commit().await?;
    Ok(Some(row))
}

/// Stores an account's fields, and the status that they give.
async fn write(tx: &Tx, row: &mut seller::Model, view: &AccountView) -> Result<()> {
    let old = row.clone();
    row.charges_enabled = view.charges_enabled;
    row.payouts_enabled = view.payouts_enabled;
    row.details_submitted = view.details_submitted;
    row.requirements = JsonText(requirements(view));
    row.dashboard = dashboard(view).unwrap_or(row.dashboard);
    store(tx, row, &old).await?;
    if row.account_name.as_ref() != Some(&row.name) {
        let seller = row.id.clone();
        jobs::stage(tx, &Job::RenameAccount { seller }).await?;
    }
    Ok(())
}

/// The job: sends the seller's name to its account, which Stripe's page shows to buyers. Stripe's refusal is written to the
/// audit log and is no error. A disconnected account is told when it is connected again.
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
    let request = accounts::rename(account, &row.name);
    // A repetition does no harm, so each request has a new key: under an old one Stripe could repeat a saved 500.
    let key = format!("rename_account:{}", ids::random_token());
    let sent: Result<AccountView> = app.stripe.platform().post(&request, &key).await;
    let refusal = match sent {
        Ok(_) => None,
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
            let data = json!({ "name": row.name, "reason": fault.message });
            ("seller.account_rename_refused", data)
        }
    };
    audit::record(&tx, "system", action, id.as_ref(), data).await?;
    tx.commit().await
}

fn dashboard(view: &AccountView) -> Option<Dashboard> {
    match view.controller.stripe_dashboard.r#type.as_deref() {
        Some("full") => Some(Dashboard::Full),
        Some("express") => Some(Dashboard::Express),
        _ => None,
    }
}

fn requirements(view: &AccountView) -> Requirements {
    let wanted = view.requirements.clone();
    Requirements {
        currently_due: wanted.currently_due,
        past_due: wanted.past_due,
        eventually_due: wanted.eventually_due,
        pending_verification: wanted.pending_verification,
        disabled_reason: wanted.disabled_reason,
        current_deadline: wanted.current_deadline.map(Timestamp::from_seconds),
    }
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

/// Marks the seller as disconnected: nothing can be charged or paid out any more. What was left open is looked at at once.
pub(super) async fn disconnect(tx: &Tx, row: &mut seller::Model, actor: &str) -> Result<()> {
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

/// Whether Stripe has begun to want something of a seller who had given all that it wanted, or wants it at last.
fn wants_more(row: &seller::Model, old: &seller::Model) -> bool {
    let (now, before) = (&row.requirements.0, &old.requirements.0);
    let begins = |now: &[String], before: &[String]| !now.is_empty() && before.is_empty();
    let was_complete = old.details_submitted && row.deauthorized_at.is_none();
    was_complete
        && (begins(&now.currently_due, &before.currently_due)
            || begins(&now.past_due, &before.past_due))
}

/// Writes the columns that belong to the account, under the row's lock.
async fn store(tx: &Tx, row: &mut seller::Model, old: &seller::Model) -> Result<()> {
    row.status = status::derive(&AccountState::of(row));
    if row != old {
        row.updated_at = tx.now();
    }
    if wants_more(row, old) {
        let mail = Job::Mail {
            what: "requirements_due".to_owned(),
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
        requirements: Set(row.requirements.clone()),
        deauthorized_at: Set(row.deauthorized_at),
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
    let read = app.stripe.on(account).get(&accounts::balance()).await;
    detect_deauthorized(app, &seller.id, read).await
}

pub(super) fn deauthorized() -> Error {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, kind: &str, code: Option<&str>) -> StripeFault {
        StripeFault {
            status: Some(status),
            kind: kind.to_owned(),
            code: code.map(str::to_owned),
            ..StripeFault::default()
        }
    }

    #[test]
    fn a_refused_key_takes_back_no_seller() {
        assert!(concerns_the_request(&refusal(
            400,
            "invalid_request_error",
            None
        )));
        assert!(!concerns_the_request(&refusal(
            401,
            "invalid_request_error",
            None
        )));
        assert!(!concerns_the_request(&refusal(
            400,
            "idempotency_error",
            None
        )));
    }
}
