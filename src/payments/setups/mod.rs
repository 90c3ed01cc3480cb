//! Setup intents (docs.stripe.com/api/setup_intents): a user, or a guest whose address is proved, saves a card with a seller, without
//! paying. What they agree to be charged for while they aren't there is kept word for word.

mod addresses;
mod at_stripe;
pub mod events;
pub(super) mod return_page;
pub mod routes;

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use souk_entity::setup_intent::{self, Column as C, SetupStatus};
use souk_entity::{JsonText, Metadata, SellerId, SetupIntentId, customer};
use validator::Validate;

use crate::app::App;
use crate::customers::methods::{self, Bringer};
use crate::db::Tx;
use crate::error::{Error, Result, StripeFault};
use crate::http::{check_metadata, deserialize_some};
use crate::identity::Buyer;
use crate::jobs::{self, Job};
use crate::stripe::requests::setup_intents as requests;
use crate::stripe::views::{Expandable, PaymentMethodView};
use crate::stripe::{IdempotentCreate, PreparedRequest, key_until};
use crate::{audit, customers, sellers};

use super::checkout::origin::Origin;
use super::intents::declines::Decline;
use addresses::Addresses;
use at_stripe::Shown;

/// How long a create request may go unanswered before its job repeats it.
const RETRY_AFTER_MS: i64 = 15_000;
/// A setup intent stays open until somebody cancels it. We do after a day.
const LIFETIME_MS: i64 = 24 * 3_600_000;
/// Stripe is asked by a verify at most that often.
const ASK_EVERY_MS: i64 = 2_000;

/// A setup intent as the API asks for it.
#[derive(Debug, Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewSetupIntent {
    /// With whom the card is saved.
    pub seller_id: SellerId,
    /// What the buyer has agreed to be charged for while they aren't there, as they read it. None: they pay themselves.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 5000,
        message = "mandate_text has 1 to 5000 characters."
    ))]
    pub mandate_text: Option<String>,
    /// Where the buyer types the card; by default in a page of the shop's own.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub ui_mode: Option<SetupUiMode>,
    /// Of `hosted_page`: the address after saving; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub success_url: Option<String>,
    /// Of `hosted_page`: the address for a buyer who gives up; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub cancel_url: Option<String>,
    /// Of a page of the shop's own: the address after a page of the bank's; by default our own page.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub return_url: Option<String>,
    /// The caller's own data.
    #[serde(default, deserialize_with = "deserialize_some")]
    pub metadata: Option<Metadata>,
    /// Where it is asked for, which no body says.
    #[serde(skip)]
    origin: Origin,
}

/// Where a card is saved, as the API asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SetupUiMode {
    /// On Stripe's own page, by a Checkout Session with `mode=setup`.
    HostedPage,
    /// In a page of the shop's own, with Stripe.js.
    Elements,
}

/// A setup intent, and what a buyer needs to go on with it.
pub struct Setup {
    /// Its row.
    pub row: setup_intent::Model,
    /// For Stripe.js, while it is open. Stripe is asked for it each time, and it is never stored.
    pub client_secret: Option<SecretString>,
    /// Stripe's own page, while it is open. Stripe is asked for it each time.
    pub url: Option<String>,
}

impl Setup {
    /// Of which Stripe was asked nothing.
    fn as_stored(row: setup_intent::Model) -> Self {
        Self {
            row,
            client_secret: None,
            url: None,
        }
    }
}

/// Opens a setup intent for a buyer. A second call with the same id and `may_resume` goes on where the first one stopped.
///
/// # Errors
/// A seller who can't take money, and Stripe's refusal. Without an answer from Stripe a job repeats the same request.
pub async fn open(
    app: &App,
    buyer: &Buyer,
    id: SetupIntentId,
    may_resume: bool,
    new: NewSetupIntent,
) -> Result<Setup> {
    if may_resume && let Some(row) = find(&app.db.read, &id).await? {
        return resume(app, row).await;
    }
    let metadata = new.metadata.clone().unwrap_or_default();
    check_metadata(&metadata)?;
    let addresses = addresses::of(app, &new, &id)?;
    let seller = sellers::find(&app.db.read, &new.seller_id).await?;
    let seller = seller.ok_or_else(|| Error::no_such("seller", "seller_id"))?;
    let account = sellers::charging_account(app, &seller)?;
    let (customer, known) = customers::ensure(app, buyer, account).await?;
    let off_session = new.mandate_text.is_some();
    let scope = app.stripe.at(account);
    let request = match &addresses.at_stripe {
        None => scope.prepare(&requests::create(&known, off_session, id.as_ref())),
        Some(page) => scope.prepare(&requests::create_session(&known, page, id.as_ref())),
    };
    let actor = buyer.actor();
    let told = (metadata, addresses);
    let row = place(app, &actor, id, &customer, new, told, &request).await?;
    resume(app, row).await
}

/// Writes the intent down before anything is sent, and stages the job that repeats the request if nobody answers it.
async fn place(
    app: &App,
    actor: &str,
    id: SetupIntentId,
    customer: &customer::Model,
    new: NewSetupIntent,
    (metadata, addresses): (Metadata, Addresses),
    request: &PreparedRequest,
) -> Result<setup_intent::Model> {
    let request = serde_json::to_string(request).map_err(|e| Error::internal(e.to_string()))?;
    let tx = app.db.begin_write().await?;
    let agreed = new.mandate_text.is_some();
    let row = setup_intent::Model {
        id: id.clone(),
        customer_id: customer.id.clone(),
        seller_id: new.seller_id,
        stripe_account: customer.stripe_account.clone(),
        livemode: customer.livemode,
        stripe_object: None,
        hosted: new.ui_mode == Some(SetupUiMode::HostedPage),
        checkout_session: None,
        success_url: addresses.success_url,
        cancel_url: addresses.cancel_url,
        return_url: addresses.return_url,
        status: SetupStatus::Open,
        payment_method: None,
        mandate_text: new.mandate_text,
        mandate_agreed_at: agreed.then(|| tx.now()),
        mandate_ip: new.origin.ip.filter(|_| agreed),
        mandate_user_agent: new.origin.user_agent.filter(|_| agreed),
        last_error: None,
        failure: None,
        failure_code: None,
        metadata: JsonText(metadata),
        request,
        key_number: 1,
        key_until: key_until(tx.now()),
        asked_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    setup_intent::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let repeat = Job::CreateSetupIntent {
        setup_intent: id.clone(),
    };
    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
    let data = json!({ "off_session": agreed });
    audit::record(&tx, actor, "setup_intent.created", id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

/// A setup intent by its id.
async fn find<D: ConnectionTrait>(
    db: &D,
    id: &SetupIntentId,
) -> Result<Option<setup_intent::Model>> {
    Ok(setup_intent::Entity::find_by_id(id.clone()).one(db).await?)
}

/// A setup intent by Stripe's id, or by that of its session.
async fn by_object(app: &App, object: &str) -> Result<Option<setup_intent::Model>> {
    // As the indexes say it, word for word, so that SQLite sees that they will do.
    let of = match object.starts_with("cs_") {
        true => Expr::cust("checkout_session IS NOT NULL").and(C::CheckoutSession.eq(object)),
        false => Expr::cust("stripe_object IS NOT NULL").and(C::StripeObject.eq(object)),
    };
    let found = setup_intent::Entity::find()
        .filter(of)
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .one(&app.db.read)
        .await?;
    Ok(found)
}

/// A buyer's own setup intent, by Stripe's id; 404 for anyone else.
async fn of_buyer(app: &App, buyer: &Buyer, object: &str) -> Result<setup_intent::Model> {
    let missing = Error::NotFound("setup intent");
    let Some(row) = by_object(app, object).await? else {
        return Err(missing);
    };
    match customers::find(&app.db.read, &row.customer_id).await? {
        Some(customer) if customers::is_of(&customer, buyer) => Ok(row),
        _ => Err(missing),
    }
}

/// The job: makes the intent from its stored request, unless it exists.
///
/// # Errors
/// Stripe has not answered. A refusal is stored and is no error.
pub async fn make(app: &App, id: &SetupIntentId) -> Result<()> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(());
    };
    match resume(app, row).await {
        Ok(_) | Err(Error::StripeRefused(_)) => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes sure that Stripe has the intent, by the stored request under its key.
///
/// # Errors
/// Stripe's refusal, now or earlier, or no answer.
async fn resume(app: &App, row: setup_intent::Model) -> Result<Setup> {
    let is_known = row.stripe_object.is_some() || row.checkout_session.is_some();
    if is_known && row.status != SetupStatus::Open {
        return Ok(Setup::as_stored(row));
    }
    if let Some(shown) = at_stripe::retrieve(app, &row).await? {
        return Ok(setup(row, shown));
    }
    if row.status == SetupStatus::Failed {
        return Err(Error::StripeRefused(Box::new(StripeFault {
            code: row.failure_code,
            message: row.failure.unwrap_or_default(),
            ..StripeFault::default()
        })));
    }
    let (id, key) = (row.id.clone(), (row.key_number, row.key_until));
    let made = IdempotentCreate::of(setup_intent::Entity, &id, key.0, key.1)
        .make(
            &app.db,
            app.clock.now(),
            at_stripe::find_existing(app, &row),
            async |n| at_stripe::send(app, &row, &format!("setup_intent:{id}:{n}")).await,
        )
        .await;
    match made {
        Ok(shown) => Ok(setup(attach(app, &id, &shown).await?, shown)),
        Err(Error::StripeRefused(fault)) => {
            refuse(app, &row, fault.code.as_deref(), &fault.message).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(Error::AccessLost { account }) => {
            let lost = Error::AccessLost { account };
            refuse(app, &row, Some("account_invalid"), &lost.to_string()).await?;
            Err(lost)
        }
        Err(e) => Err(e),
    }
}

fn setup(row: setup_intent::Model, shown: Shown) -> Setup {
    if !shown.is_open() || row.status != SetupStatus::Open {
        return Setup::as_stored(row);
    }
    match shown {
        Shown::Intent(view) => Setup {
            client_secret: view.client_secret,
            ..Setup::as_stored(row)
        },
        Shown::Session(view) => Setup {
            url: view.url,
            ..Setup::as_stored(row)
        },
    }
}

/// Stores Stripe's ids, once, and has the events retried that came before them.
async fn attach(app: &App, id: &SetupIntentId, shown: &Shown) -> Result<setup_intent::Model> {
    let tx = app.db.begin_write().await?;
    let attached = setup_intent::Entity::update_many()
        .col_expr(C::StripeObject, Expr::value(shown.intent()))
        .col_expr(C::CheckoutSession, Expr::value(shown.session()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripeObject.is_null())
        .filter(C::CheckoutSession.is_null())
        .exec(&tx)
        .await?;
    if attached.rows_affected == 1 {
        let setup_intent = id.clone();
        jobs::settle(&tx, &Job::CreateSetupIntent { setup_intent }).await?;
        if let Some(intent) = shown.intent() {
            jobs::wake_deferred(&tx, intent).await?;
        }
        if !shown.is_open() {
            // Its events may have come and gone.
            let setup_intent = id.clone();
            jobs::stage(&tx, &Job::SyncSetupIntent { setup_intent }).await?;
        }
    }
    let row = find(&tx, id).await?;
    tx.commit().await?;
    row.ok_or_else(|| Error::internal("a setup intent went away"))
}

/// Stores Stripe's refusal: there is no intent and there won't be one. If it was the customer that Stripe doesn't know, that is
/// looked at, and the buyer's next try has another.
async fn refuse(
    app: &App,
    row: &setup_intent::Model,
    code: Option<&str>,
    words: &str,
) -> Result<()> {
    let tx = app.db.begin_write().await?;
    setup_intent::Entity::update_many()
        .col_expr(C::Status, Expr::value(SetupStatus::Failed))
        .col_expr(C::Failure, Expr::value(words))
        .col_expr(C::FailureCode, Expr::value(code))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .filter(C::Status.eq(SetupStatus::Open))
        .filter(C::StripeObject.is_null())
        .filter(C::CheckoutSession.is_null())
        .exec(&tx)
        .await?;
    let setup_intent = row.id.clone();
    jobs::settle(&tx, &Job::CreateSetupIntent { setup_intent }).await?;
    let customer = row.customer_id.clone();
    jobs::stage(&tx, &Job::SyncCustomer { customer }).await?;
    tx.commit().await
}

/// The job: reads an intent from Stripe, stores how far it is, and keeps what it has saved. One that nobody has finished in a
/// day is canceled.
///
/// # Errors
/// Stripe has not answered.
pub async fn sync(app: &App, id: &SetupIntentId) -> Result<()> {
    let Some(row) = find(&app.db.read, id).await? else {
        return Ok(());
    };
    if row.status == SetupStatus::Open && row.created_at.plus_ms(LIFETIME_MS) <= app.clock.now() {
        return end(app, &row).await;
    }
    read(app, &row).await
}

async fn read(app: &App, row: &setup_intent::Model) -> Result<()> {
    match at_stripe::retrieve(app, row).await? {
        Some(shown) => store(app, &row.id, shown).await,
        None => Ok(()),
    }
}

/// Asks Stripe to end an open intent, and stores what it is then.
async fn end(app: &App, row: &setup_intent::Model) -> Result<()> {
    match at_stripe::end(app, row).await? {
        Some(shown) => store(app, &row.id, shown).await,
        None => Ok(()),
    }
}

/// Stores how far an intent is, forward only, and keeps what it has saved.
async fn store(app: &App, id: &SetupIntentId, shown: Shown) -> Result<()> {
    let has_expired = shown.has_expired();
    let object = shown.intent().map(str::to_owned);
    let Some(view) = shown.into_intent() else {
        return match has_expired {
            true => expire(app, id).await,
            false => Ok(()),
        };
    };
    let status = match view.status.as_deref() {
        Some("succeeded") => SetupStatus::Succeeded,
        Some("canceled") => SetupStatus::Canceled,
        Some("processing") => SetupStatus::Processing,
        _ if has_expired => SetupStatus::Canceled,
        _ => SetupStatus::Open,
    };
    let decline = view.last_setup_error.as_ref().filter(|e| !e.is_null());
    let decline = decline.map(|error| Decline::of(error).to_text());
    let tx = app.db.begin_write().await?;
    let row = setup_intent::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(&tx)
        .await?;
    let row = row.ok_or_else(|| Error::internal(format!("setup intent {id} is missing")))?;
    let customer = customers::find(&tx, &row.customer_id).await?;
    let customer = customer.ok_or_else(|| Error::internal("a setup intent of nobody"))?;
    let saved = match status {
        SetupStatus::Succeeded => view.payment_method,
        _ => None,
    };
    let method = saved.as_ref().map(|saved| match saved {
        Expandable::Id(id) => id.as_str(),
        Expandable::Object(method) => method.id.as_str(),
    });
    setup_intent::Entity::update_many()
        .col_expr(C::Status, Expr::value(status))
        .col_expr(C::StripeObject, Expr::value(object))
        .col_expr(C::PaymentMethod, Expr::value(method))
        .col_expr(C::LastError, Expr::value(decline))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.is_in([SetupStatus::Open, SetupStatus::Processing]))
        .exec(&tx)
        .await?;
    if let Some(Expandable::Object(method)) = &saved {
        keep(&tx, &row, &customer, method).await?;
    }
    tx.commit().await
}

/// A session has ended without having made an intent.
async fn expire(app: &App, id: &SetupIntentId) -> Result<()> {
    let tx = app.db.begin_write().await?;
    setup_intent::Entity::update_many()
        .col_expr(C::Status, Expr::value(SetupStatus::Canceled))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(SetupStatus::Open))
        .exec(&tx)
        .await?;
    tx.commit().await
}

async fn keep(
    tx: &Tx,
    row: &setup_intent::Model,
    customer: &customer::Model,
    method: &PaymentMethodView,
) -> Result<()> {
    let by = Bringer {
        id: row.id.as_ref(),
        mandate: row.mandate_text.as_ref().map(|_| &row.id),
    };
    methods::keep(tx, customer, method, by).await
}

/// Finds out how far a buyer's intent is, by asking Stripe at most once in two seconds.
///
/// # Errors
/// Stripe has not answered.
async fn verify(app: &App, row: setup_intent::Model) -> Result<setup_intent::Model> {
    if !matches!(row.status, SetupStatus::Open | SetupStatus::Processing) {
        return Ok(row);
    }
    let tx = app.db.begin_write().await?;
    let may_ask = C::AskedAt
        .is_null()
        .or(C::AskedAt.lte(tx.now().plus_ms(-ASK_EVERY_MS)));
    let asks = setup_intent::Entity::update_many()
        .col_expr(C::AskedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .filter(may_ask)
        .exec(&tx)
        .await?;
    tx.commit().await?;
    if asks.rows_affected == 1 {
        read(app, &row).await?;
    }
    require(app, &row.id).await
}

/// Cancels an open intent for its buyer.
///
/// # Errors
/// `setup_intent_not_open`, or no answer from Stripe.
async fn cancel(app: &App, row: setup_intent::Model, actor: &str) -> Result<setup_intent::Model> {
    if row.status == SetupStatus::Open {
        end(app, &row).await?;
    }
    let now = require(app, &row.id).await?;
    if row.status != SetupStatus::Open || now.status != SetupStatus::Canceled {
        return Err(Error::conflict(
            "setup_intent_not_open",
            "This setup intent can't be canceled any more: it has succeeded or ended.",
        ));
    }
    let tx = app.db.begin_write().await?;
    let (action, id) = ("setup_intent.canceled", row.id.as_ref());
    audit::record(&tx, actor, action, id, json!({})).await?;
    tx.commit().await?;
    Ok(now)
}

async fn require(app: &App, id: &SetupIntentId) -> Result<setup_intent::Model> {
    let row = find(&app.db.read, id).await?;
    row.ok_or_else(|| Error::internal(format!("setup intent {id} is missing")))
}

/// Stages a re-read of the intents that nobody has finished in a day, which cancels them.
///
/// # Errors
/// The database failed.
pub async fn sweep(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let left: BTreeSet<SetupIntentId> = setup_intent::Entity::find()
        .select_only()
        .column(C::Id)
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'open'"))
        .filter(C::CreatedAt.lte(tx.now().plus_ms(-LIFETIME_MS)))
        .filter(
            C::StripeObject
                .is_not_null()
                .or(C::CheckoutSession.is_not_null()),
        )
        .filter(C::Livemode.eq(app.stripe.livemode()))
        .into_tuple()
        .all(&tx)
        .await?
        .into_iter()
        .collect();
    for setup_intent in left {
        jobs::stage(&tx, &Job::SyncSetupIntent { setup_intent }).await?;
    }
    tx.commit().await
}
