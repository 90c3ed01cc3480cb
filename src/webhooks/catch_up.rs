//! Catch-up reads events that were never delivered from Stripe's own list, into the same inbox.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use souk_entity::event_cursor;
use souk_entity::inbox_event::{Endpoint, Source};
use souk_entity::seller::{self, AccountsApi};
use souk_entity::{AccountId, Timestamp};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::stripe::{Event, Page, Scope, V2Page, requests};
use crate::{payments, sellers};

use super::committer;
use super::effects::{self, PayloadStyle, TypeGroup};
use super::inbox::{Incoming, Receipt};

/// How far each reading goes back before the last one's end, since Stripe may list an event late.
const OVERLAP_MS: i64 = 60 * 60_000;
/// How long Stripe lists an event (docs.stripe.com/api/events), less a day to be safe.
const LISTED_MS: i64 = 29 * 24 * 60 * 60_000;

/// The platform's own scope.
const PLATFORM: &str = "platform";
/// The finding that Stripe doesn't let us read the list of thin events.
const THIN_UNREAD: &str = "thin_events_unread";

/// The job: stages a catch-up of the platform, and of each account that is still connected.
pub async fn catch_all_up(app: &App) -> Result<()> {
    let livemode = app.stripe.livemode();
    let tx = app.db.begin_write().await?;
    let accounts = sellers::connected_accounts(&tx, livemode).await?;
    for account in std::iter::once(None).chain(accounts.into_iter().map(Some)) {
        jobs::stage(&tx, &Job::CatchUp { account, livemode }).await?;
    }
    tx.commit().await
}

/// The job: reads the events of an account or of the platform since the last catch-up, into the inbox. It goes through the
/// groups of types, each with a cursor of its own. After a gap longer than Stripe's list it stages a re-read of the
/// account's objects.
///
/// # Errors
/// Stripe has not answered, or an event could not be committed. A lost access is stored and is no error.
pub async fn catch_up(app: &App, account: Option<&AccountId>, livemode: bool) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let seller = match account {
        Some(account) => sellers::by_account(&app.db.read, account, livemode).await?,
        None => None,
    };
    let mut thin_refused = None;
    for group in groups(app, account) {
        match read_group(app, account, livemode, seller.as_ref(), &group).await {
            Err(Error::AccessLost { .. }) => {
                return record_access_lost(app, account, livemode, seller.as_ref()).await;
            }
            Err(Error::StripeRefused(fault) | Error::KeyRefused(fault))
                if group.payload == PayloadStyle::Thin =>
            {
                thin_refused = Some(fault);
            }
            read => read?,
        }
    }
    match account {
        None => note_thin_events(app, thin_refused.as_deref()).await,
        // Whether an account has a list of its own there, Stripe doesn't say.
        Some(_) => Ok(()),
    }
}

/// The types to read: all snapshots of the scope; and thin events, where accounts are made by `/v2`. Whose list an account's
/// are in, its own or the platform's, Stripe doesn't say, so that both are read.
fn groups(app: &App, account: Option<&AccountId>) -> Vec<TypeGroup> {
    let mut groups = effects::type_groups(endpoint_of(account));
    if app.config.accounts_api == AccountsApi::V2 {
        groups.extend(effects::thin_groups());
    }
    groups
}

/// Raises the finding that the platform's list of thin events can't be read, or resolves it.
async fn note_thin_events(app: &App, refused: Option<&StripeFault>) -> Result<()> {
    let tx = app.db.begin_write().await?;
    match refused {
        None => findings::resolve(&tx, THIN_UNREAD, PLATFORM).await?,
        Some(fault) => {
            tracing::warn!(
                error = fault.message,
                "Stripe refuses the list of thin events"
            );
            let finding = NewFinding {
                kind: THIN_UNREAD,
                stripe_account: None,
                subject: PLATFORM.to_owned(),
                message: "Stripe refuses GET /v2/core/events (the log has its words), so that an event of an account that \
                          isn't delivered is not caught up with; accounts are still read once a day. Use a secret key \
                          that may read /v2, or set STRIPE_ACCOUNTS=v1 if your platform makes accounts by /v1."
                    .to_owned(),
                amount: None,
                currency: None,
            };
            findings::raise(&tx, finding).await?;
        }
    }
    tx.commit().await
}

/// Reads a group of types to the list's end. If the last reading is longer ago than Stripe lists events, the account's
/// objects are to be re-read: that is staged together with the cursor's move, so that a kill between the two loses nothing.
async fn read_group(
    app: &App,
    account: Option<&AccountId>,
    livemode: bool,
    seller: Option<&seller::Model>,
    group: &TypeGroup,
) -> Result<()> {
    let cursor = load_cursor(app, scope(account), livemode, seller, &group.name).await?;
    let began = app.clock.now();
    let gap = cursor
        .listed_at
        .is_some_and(|at| began.plus_ms(-LISTED_MS) > at);
    let since = cursor.listed_to.plus_ms(-OVERLAP_MS);
    let stripe = account.map_or_else(|| app.stripe.platform(), |account| app.stripe.at(account));
    let listed = match group.payload {
        PayloadStyle::Snapshot => read_events(app, &stripe, account, &group.types, since).await?,
        PayloadStyle::Thin => read_thin(app, &stripe, account, &group.types, since).await?,
    };
    if listed.new > 0 {
        let (scope, events) = (scope(account), listed.new);
        tracing::info!(
            scope,
            events,
            "catch-up found events that were never delivered"
        );
    }
    let tx = app.db.begin_write().await?;
    let moved = event_cursor::Model {
        listed_to: std::cmp::max(cursor.listed_to, listed.to.unwrap_or(cursor.listed_to)),
        listed_at: Some(began),
        access_lost_at: None,
        ..cursor
    };
    store_cursor(&tx, moved).await?;
    if let (Some(account), Some(seller), true) = (account, seller, gap) {
        tracing::warn!(%account, "not read for longer than Stripe lists events; its objects are read instead");
        stage_rereads(&tx, account, seller).await?;
    }
    tx.commit().await
}

fn endpoint_of(account: Option<&AccountId>) -> Endpoint {
    account.map_or(Endpoint::Platform, |_| Endpoint::Connect)
}

fn scope(account: Option<&AccountId>) -> &str {
    account.map_or(PLATFORM, |account| account.as_ref())
}

/// The result of a reading.
#[derive(Default)]
struct Listed {
    /// `created` of the newest event.
    to: Option<Timestamp>,
    /// How many events were not in the inbox.
    new: usize,
}

async fn read_events(
    app: &App,
    stripe: &Scope,
    account: Option<&AccountId>,
    types: &[&str],
    since: Timestamp,
) -> Result<Listed> {
    let mut listed = Listed::default();
    let mut after: Option<String> = None;
    loop {
        let request = requests::events::list(types, since, after.as_deref());
        let page: Page = stripe.get(&request).await?;
        let events = page
            .data
            .into_iter()
            .map(|raw| incoming(raw, account))
            .collect::<Result<Vec<_>>>()?;
        after = events.last().map(|last| last.event.id.clone());
        listed = commit_page(app, listed, events).await?;
        if !page.has_more || after.is_none() {
            return Ok(listed);
        }
    }
}

/// As `read_events`, of thin events (docs.stripe.com/api/v2/core/events/list).
async fn read_thin(
    app: &App,
    stripe: &Scope,
    account: Option<&AccountId>,
    types: &[&str],
    since: Timestamp,
) -> Result<Listed> {
    let mut listed = Listed::default();
    let mut request = Some(requests::events::list_thin(types, since));
    while let Some(wanted) = request {
        let page: V2Page = stripe.get_v2(&wanted).await?;
        request = page.next()?;
        let events = page
            .data
            .into_iter()
            .map(|raw| incoming(raw, account))
            .collect::<Result<Vec<_>>>()?;
        listed = commit_page(app, listed, events).await?;
    }
    Ok(listed)
}

async fn commit_page(app: &App, mut listed: Listed, mut events: Vec<Incoming>) -> Result<Listed> {
    listed.to = events
        .iter()
        .map(|e| e.event.created)
        .chain(listed.to)
        .max();
    // In the committer's order, so that the two don't deadlock.
    events.sort_by(|a, b| a.event.id.cmp(&b.event.id));
    let batch: Vec<&Incoming> = events.iter().collect();
    for receipt in committer::commit_all(app, &batch).await {
        if receipt? != Receipt::Duplicate {
            listed.new += 1;
        }
    }
    Ok(listed)
}

/// An event of the list in the form of its delivery. An account's own list need not name the account. Of a thin event the
/// list has more than is delivered; that is kept, and not used.
fn incoming(mut raw: Value, account: Option<&AccountId>) -> Result<Incoming> {
    if let Some(account) = account {
        let name = match raw["object"] == "v2.core.event" {
            true => "context",
            false => "account",
        };
        raw[name] = json!(account);
    }
    let event = Event::read(raw.to_string().into())
        .ok_or_else(|| Error::internal("an event of Stripe's list has no id"))?;
    Ok(Incoming {
        endpoint: account.map_or(Endpoint::Platform, |_| Endpoint::Connect),
        source: Source::CatchUp,
        event,
    })
}

/// The stored cursor. A new one begins where the seller began, and the platform's begins now.
async fn load_cursor(
    app: &App,
    scope: &str,
    livemode: bool,
    seller: Option<&seller::Model>,
    group: &str,
) -> Result<event_cursor::Model> {
    let key = (scope.to_owned(), livemode, group.to_owned());
    let stored = event_cursor::Entity::find_by_id(key);
    if let Some(stored) = stored.one(&app.db.read).await? {
        return Ok(stored);
    }
    use event_cursor::Column as C;
    let others = event_cursor::Entity::find()
        .filter(C::Scope.eq(scope))
        .filter(C::Livemode.eq(livemode));
    // A platform that has read other types before may have had these all the time.
    let since = match (seller, others.one(&app.db.read).await?) {
        (Some(seller), _) => seller.created_at,
        (None, Some(_)) => app.clock.now().plus_ms(-LISTED_MS),
        (None, None) => app.clock.now(),
    };
    Ok(event_cursor::Model {
        scope: scope.to_owned(),
        livemode,
        type_group: group.to_owned(),
        listed_to: since,
        listed_at: None,
        access_lost_at: None,
    })
}

async fn store_cursor(tx: &Tx, cursor: event_cursor::Model) -> Result<()> {
    use event_cursor::Column as C;
    let update = OnConflict::columns([C::Scope, C::Livemode, C::TypeGroup])
        .update_columns([C::ListedTo, C::ListedAt, C::AccessLostAt])
        .to_owned();
    event_cursor::Entity::insert(event_cursor::ActiveModel {
        scope: Set(cursor.scope),
        livemode: Set(cursor.livemode),
        type_group: Set(cursor.type_group),
        listed_to: Set(cursor.listed_to),
        listed_at: Set(cursor.listed_at),
        access_lost_at: Set(cursor.access_lost_at),
    })
    .on_conflict(update)
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Stages re-reads of the objects that may have changed on an account during the gap.
async fn stage_rereads(tx: &Tx, account: &AccountId, seller: &seller::Model) -> Result<()> {
    payments::reread::open_of(tx, account).await?;
    let (seller, livemode) = (seller.id.clone(), seller.livemode);
    jobs::stage(tx, &Job::SyncAccount { seller }).await?;
    let account = account.clone();
    jobs::stage(tx, &Job::Pull { account, livemode }).await
}

/// Notes the lost access in the account's cursors, and has its seller re-read: that stores the disconnection.
async fn record_access_lost(
    app: &App,
    account: Option<&AccountId>,
    livemode: bool,
    seller: Option<&seller::Model>,
) -> Result<()> {
    let mut cursors = Vec::new();
    for group in groups(app, account) {
        cursors.push(load_cursor(app, scope(account), livemode, seller, &group.name).await?);
    }
    let tx = app.db.begin_write().await?;
    if let Some(seller) = seller {
        let seller = seller.id.clone();
        jobs::stage(&tx, &Job::SyncAccount { seller }).await?;
    }
    for cursor in cursors {
        let lost = event_cursor::Model {
            access_lost_at: cursor.access_lost_at.or(Some(tx.now())),
            ..cursor
        };
        store_cursor(&tx, lost).await?;
    }
    tx.commit().await
}
