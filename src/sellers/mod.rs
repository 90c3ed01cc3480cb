//! Sellers: who owns them, their connected accounts, and whether they can take money.

pub mod account;
pub mod events;
mod links;
mod pages;
mod reading;
mod refusals;
pub mod requirements;
pub mod routes;
mod sessions;
mod status;

use std::collections::BTreeSet;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel,
    Iterable, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use souk_entity::seller::{self, ChargeProfile, RenewalNotices, SellerStatus, SubscriptionEndsOn};
use souk_entity::{AccountId, Amounts, JsonText, Metadata, SellerId, UserId, user};
use validator::{ValidateEmail, ValidateLength};

pub use account::{balance, sync};
pub use links::{Way, account_link, dashboard_link, read_returned_link};
pub use refusals::{KIND as PLATFORM_NOT_READY, advice as platform_advice};
pub use sessions::account_session;

use crate::app::App;
use crate::config::profiles::{ChargeType, terms};
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::{Path, check_metadata, merge_metadata};
use crate::identity::Caller;
use crate::jobs::{self, Job};
use crate::money::FeeRule;
use crate::stripe::key_until;
use crate::stripe::requests::intents::is_payment_method_type;
use crate::{audit, countries, money};

/// An account is read again after this time, whatever was heard of it: the job that looks comes every hour, so that each
/// is read every day.
const UNREAD_MS: i64 = 23 * 60 * 60_000;
/// The most accounts that one run has read again, and how many of them in a minute.
const MOST_UNREAD: u64 = 3_000;
const UNREAD_A_MINUTE: usize = 60;
/// As the index says it, word for word, so that SQLite sees that it will do.
const CONNECTED: &str = "stripe_account IS NOT NULL AND deauthorized_at IS NULL";
/// How long a request to Stripe may take before the job that repeats it begins.
const RETRY_DELAY_MS: i64 = 15_000;
/// For how many days a renewal may be unpaid, unless the seller says otherwise.
const DEFAULT_GRACE_DAYS: i32 = 7;

/// The seller of the path's `{id}`, for its owner and for admins; 404 for anyone else.
pub struct SellerAccess {
    /// The row.
    pub seller: seller::Model,
    /// The seller's owner, or an admin.
    pub caller: Caller,
}

impl FromRequestParts<App> for SellerAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let Path(id) = Path::<SellerId>::from_request_parts(parts, app).await?;
        let seller = find(&app.db.read, &id).await?;
        let seller = seller.filter(|seller| may_access(&caller, seller));
        let seller = seller.ok_or(Error::NotFound("seller"))?;
        Ok(Self { seller, caller })
    }
}

/// Whether somebody is the seller's owner or an admin.
fn may_access(caller: &Caller, seller: &seller::Model) -> bool {
    caller.is_admin() || seller.owner_id == *caller.id()
}

/// A seller by id.
pub async fn find<C: ConnectionTrait>(db: &C, id: &SellerId) -> Result<Option<seller::Model>> {
    Ok(seller::Entity::find_by_id(id.clone()).one(db).await?)
}

/// The seller that a request's field `param` names.
///
/// # Errors
/// 404 if the caller neither owns it nor is an admin.
pub async fn owned<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    id: &SellerId,
    param: &str,
) -> Result<seller::Model> {
    let seller = find(db, id)
        .await?
        .filter(|seller| may_access(caller, seller));
    seller.ok_or_else(|| Error::no_such("seller", param))
}

/// The sellers that the caller owns. An admin gets only their own, too.
pub async fn owned_ids<C: ConnectionTrait>(db: &C, caller: &Caller) -> Result<Vec<SellerId>> {
    let ids = seller::Entity::find()
        .select_only()
        .column(seller::Column::Id)
        .filter(seller::Column::OwnerId.eq(caller.id().clone()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(ids)
}

/// The seller of a connected account, in live or test mode.
pub async fn by_account<C: ConnectionTrait>(
    db: &C,
    account: &AccountId,
    livemode: bool,
) -> Result<Option<seller::Model>> {
    let seller = seller::Entity::find()
        .filter(seller::Column::StripeAccount.eq(account.clone()))
        .filter(seller::Column::Livemode.eq(livemode))
        .one(db)
        .await?;
    Ok(seller)
}

/// The accounts of this mode that have not disconnected, as far as we know.
pub async fn connected_accounts<C: ConnectionTrait>(
    db: &C,
    livemode: bool,
) -> Result<Vec<AccountId>> {
    let sellers = seller::Entity::find()
        .filter(seller::Column::StripeAccount.is_not_null())
        .filter(seller::Column::DeauthorizedAt.is_null())
        .filter(seller::Column::Livemode.eq(livemode))
        .order_by_asc(seller::Column::Id)
        .all(db)
        .await?;
    let accounts = sellers
        .into_iter()
        .filter_map(|seller| seller.stripe_account);
    Ok(accounts.collect())
}

/// The job: stages re-reads of the connected accounts that nobody has read for nearly a day. An event may never have come,
/// and Stripe's list of events doesn't tell of everything.
///
/// # Errors
/// The database failed.
pub async fn sync_unread(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let unread: Vec<SellerId> = seller::Entity::find()
        .select_only()
        .column(seller::Column::Id)
        .filter(Expr::cust(CONNECTED))
        .filter(seller::Column::SyncedAt.lte(tx.now().plus_ms(-UNREAD_MS)))
        .filter(seller::Column::Livemode.eq(app.stripe.livemode()))
        .order_by_asc(seller::Column::SyncedAt)
        .limit(MOST_UNREAD)
        .into_tuple()
        .all(&tx)
        .await?;
    // Not all at once: other jobs would wait behind them.
    let mut at = tx.now();
    for some in unread.chunks(UNREAD_A_MINUTE) {
        for seller in some {
            let seller = seller.clone();
            jobs::stage_at(&tx, &Job::SyncAccount { seller }, at).await?;
        }
        at = at.plus_ms(60_000);
    }
    tx.commit().await
}

/// The application fee of this seller's payments. Each of the seller's own terms, if set, replaces the platform's: the fixed
/// fee in all currencies.
pub fn fee_rule(platform: &FeeRule, seller: &seller::Model) -> FeeRule {
    let fixed = seller.application_fee_fixed.as_ref();
    FeeRule {
        bps: seller.application_fee_bps.unwrap_or(platform.bps),
        fixed: fixed.map_or_else(|| platform.fixed.clone(), |own| own.0.clone()),
    }
}

/// Whether direct charges are made on a seller's account. Souk makes no others.
fn takes_direct_charges(profile: ChargeProfile) -> bool {
    terms(profile).is_for(ChargeType::Direct)
}

/// The account to charge on, if the seller can take payments now. Only `charges_enabled` counts: a seller whose payouts
/// Stripe holds back can still take money.
fn chargeable<'a>(app: &App, seller: &'a seller::Model) -> Option<&'a AccountId> {
    let can = seller.charges_enabled && seller.livemode == app.stripe.livemode();
    let can = can && takes_direct_charges(seller.charge_profile);
    seller.stripe_account.as_ref().filter(|_| can)
}

/// Whether the seller can take payments now.
pub fn can_charge(app: &App, seller: &seller::Model) -> bool {
    chargeable(app, seller).is_some()
}

/// `can_charge` as a condition on a query of sellers.
pub fn who_can_charge(app: &App) -> Condition {
    use seller::Column as C;
    let profiles = ChargeProfile::iter().filter(|profile| takes_direct_charges(*profile));
    Condition::all()
        .add(C::ChargesEnabled.eq(true))
        .add(C::Livemode.eq(app.stripe.livemode()))
        .add(C::StripeAccount.is_not_null())
        .add(C::ChargeProfile.is_in(profiles))
}

/// The account to charge on.
///
/// # Errors
/// `seller_not_active` if the seller can't take payments now; `charges_unsupported` if its charge profile is for other charges
/// than Souk makes.
pub fn charging_account<'a>(app: &App, seller: &'a seller::Model) -> Result<&'a AccountId> {
    if !takes_direct_charges(seller.charge_profile) {
        return Err(Error::conflict(
            "charges_unsupported",
            "This seller is set up for destination charges (its charge profile is marketplace), and Souk makes only direct ones.",
        ));
    }
    chargeable(app, seller).ok_or_else(|| {
        Error::conflict(
            "seller_not_active",
            "This seller can't take payments at the moment.",
        )
    })
}

/// The details of a new seller.
#[derive(Clone, Debug, Default)]
pub struct NewSeller {
    /// Shown to buyers, 1 to 200 characters.
    pub name: String,
    /// ISO 3166-1 alpha-2, upper case; one that Stripe serves.
    pub country: String,
    /// The owner's unless given.
    pub email: Option<String>,
    /// `individual` or `company`.
    pub business_type: Option<String>,
    /// The caller's own.
    pub metadata: Metadata,
}

/// Creates a seller and then its account at Stripe. Resumable by `id`: if the row exists, it goes on with the account.
/// Without an answer from Stripe, or if Stripe refuses the platform, the seller stays and a job goes on. If Stripe refuses the
/// request, the seller is deleted.
///
/// # Errors
/// Names the field that is wrong; Stripe's errors otherwise.
pub async fn create(
    app: &App,
    owner: &user::Model,
    id: SellerId,
    new: NewSeller,
) -> Result<seller::Model> {
    if find(&app.db.read, &id).await?.is_none() {
        insert(app, owner, &id, new).await?;
    }
    account::ensure(app, &id).await
}

async fn insert(app: &App, owner: &user::Model, id: &SellerId, new: NewSeller) -> Result<()> {
    let name = display_name(&new.name)?;
    check_country(&new.country)?;
    let email = new.email.unwrap_or_else(|| owner.email.clone());
    if !email.validate_length(Some(3), Some(254), None) || !email.validate_email() {
        return Err(Error::invalid(
            "email",
            "email must be an e-mail address such as mira@example.com.",
        ));
    }
    let kinds = [None, Some("individual"), Some("company")];
    if !kinds.contains(&new.business_type.as_deref()) {
        return Err(Error::invalid(
            "business_type",
            "business_type must be individual, company or null.",
        ));
    }
    check_metadata(&new.metadata)?;
    let tx = app.db.begin_write().await?;
    let row = seller::Model {
        id: id.clone(),
        owner_id: owner.id.clone(),
        account_name: Some(name.clone()),
        name,
        email,
        country: new.country,
        business_type: new.business_type,
        stripe_account: None,
        livemode: app.stripe.livemode(),
        dashboard: terms(app.config.charge_profile).dashboard,
        accounts_api: app.config.accounts_api,
        charge_profile: app.config.charge_profile,
        status: SellerStatus::Created,
        charges_enabled: false,
        payouts_enabled: false,
        details_submitted: false,
        capabilities: JsonText::default(),
        requirements: JsonText::default(),
        onboarding_started_at: None,
        deauthorized_at: None,
        closed_at: None,
        application_fee_bps: None,
        application_fee_fixed: None,
        refund_policy: None,
        refund_policy_url: None,
        subscription_grace_days: DEFAULT_GRACE_DAYS,
        subscription_ends_on: SubscriptionEndsOn::Nothing,
        renewal_notices: RenewalNotices::LongPeriods,
        allowed_payment_method_types: None,
        metadata: JsonText(new.metadata),
        key_number: 1,
        key_until: key_until(tx.now()),
        synced_at: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let country = row.country.clone();
    seller::Entity::insert(row.into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let job = Job::CreateAccount { seller: id.clone() };
    jobs::stage_at(&tx, &job, tx.now().plus_ms(RETRY_DELAY_MS)).await?;
    let data = json!({ "country": country });
    audit::record(&tx, owner.id.as_ref(), "seller.created", id.as_ref(), data).await?;
    tx.commit().await
}

fn check_country(code: &str) -> Result<()> {
    if !countries::is_country(code) {
        return Err(Error::invalid(
            "country",
            "country must be a country's two capital letters (ISO 3166-1), such as DE.",
        ));
    }
    if !countries::is_served(code) {
        return Err(country_unsupported(
            "Stripe doesn't serve sellers in this country.",
        ));
    }
    Ok(())
}

/// Stripe's own code for it (docs.stripe.com/error-codes#country-unsupported).
fn country_unsupported(message: &str) -> Error {
    Error::invalid_with("country_unsupported", "country", message)
}

fn display_name(text: &str) -> Result<String> {
    let name = text.trim();
    if !(1..=200).contains(&name.chars().count()) || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "name",
            "name must have 1 to 200 characters, none of them a control character.",
        ));
    }
    Ok(name.to_owned())
}

/// A change of a seller. `None` leaves a field as it is.
#[derive(Debug, Default)]
pub struct SellerChange {
    /// Shown to buyers.
    pub name: Option<String>,
    /// Shown to buyers; null: none.
    pub refund_policy: Option<Option<String>>,
    /// Shown to buyers; null: none.
    pub refund_policy_url: Option<Option<String>>,
    /// 0 to 90.
    pub subscription_grace_days: Option<i32>,
    /// What ends a subscription by itself, from then on.
    pub subscription_ends_on: Option<SubscriptionEndsOn>,
    /// Of which renewals buyers are told beforehand.
    pub renewal_notices: Option<RenewalNotices>,
    /// Stripe's names of the payment methods that buyers may pay by; null: what the seller's dashboard allows.
    pub allowed_payment_method_types: Option<Option<Vec<String>>>,
    /// Merged name by name; an empty value removes its name.
    pub metadata: Option<Metadata>,
    /// For admins. Hundredths of a per cent; null: the platform's.
    pub application_fee_bps: Option<Option<i32>>,
    /// For admins. By currency, replaced as a whole; null: the platform's.
    pub application_fee_fixed: Option<Option<Amounts>>,
}

/// The names, each once.
fn check_payment_method_types(types: Vec<String>) -> Result<Vec<String>> {
    let param = "allowed_payment_method_types";
    let types: BTreeSet<String> = types.into_iter().collect();
    if types.is_empty() {
        let why =
            "Name at least one payment method, or send null for those of the seller's dashboard.";
        return Err(Error::invalid(param, why));
    }
    match types.iter().find(|name| !is_payment_method_type(name)) {
        None => Ok(types.into_iter().collect()),
        Some(unknown) => Err(Error::invalid(
            param,
            format!("Stripe knows no payment method {unknown}."),
        )),
    }
}

/// Changes a seller. Only admins set the fee, which applies to checkouts opened from then on.
///
/// # Errors
/// Names the field that is wrong; 403 for a fee by anyone but an admin.
pub async fn update(
    app: &App,
    caller: &Caller,
    id: &SellerId,
    change: SellerChange,
) -> Result<seller::Model> {
    let fees = change.application_fee_bps.is_some() || change.application_fee_fixed.is_some();
    if fees && !caller.is_admin() {
        return Err(Error::Forbidden(
            "Only the platform's admins set the application fee.",
        ));
    }
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, id).await?;
    let mut changed = Vec::new();
    change_subscriptions(&mut row, &change, &mut changed);
    if let Some(name) = change.name {
        row.name = display_name(&name)?;
        changed.push("name");
    }
    if let Some(policy) = change.refund_policy {
        row.refund_policy = policy;
        changed.push("refund_policy");
    }
    if let Some(url) = change.refund_policy_url {
        row.refund_policy_url = url;
        changed.push("refund_policy_url");
    }
    if let Some(types) = change.allowed_payment_method_types {
        let types = types.map(check_payment_method_types).transpose()?;
        row.allowed_payment_method_types = types.map(JsonText);
        changed.push("allowed_payment_method_types");
    }
    if let Some(metadata) = change.metadata {
        row.metadata = JsonText(merge_metadata(row.metadata.0, metadata)?);
        changed.push("metadata");
    }
    if let Some(bps) = change.application_fee_bps {
        row.application_fee_bps = bps;
        changed.push("application_fee_bps");
    }
    if let Some(fixed) = change.application_fee_fixed {
        row.application_fee_fixed = fixed.map(check_fixed_fee).transpose()?;
        changed.push("application_fee_fixed");
    }
    if changed.is_empty() {
        return Ok(row);
    }
    row.updated_at = tx.now();
    write_changes(&tx, &row).await?;
    if row.account_name.as_ref() != Some(&row.name) && row.stripe_account.is_some() {
        jobs::stage(&tx, &Job::RenameAccount { seller: id.clone() }).await?;
    }
    let data = json!({
        "changed": changed,
        "application_fee_bps": row.application_fee_bps,
        "application_fee_fixed": row.application_fee_fixed.as_ref().map(|fixed| &fixed.0),
    });
    let actor = caller.principal();
    audit::record(&tx, &actor, "seller.updated", id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(row)
}

/// What holds of the seller's subscriptions.
fn change_subscriptions(
    row: &mut seller::Model,
    change: &SellerChange,
    changed: &mut Vec<&'static str>,
) {
    if let Some(days) = change.subscription_grace_days {
        row.subscription_grace_days = days;
        changed.push("subscription_grace_days");
    }
    if let Some(what) = change.subscription_ends_on {
        row.subscription_ends_on = what;
        changed.push("subscription_ends_on");
    }
    if let Some(which) = change.renewal_notices {
        row.renewal_notices = which;
        changed.push("renewal_notices");
    }
}

/// Writes what an update may change.
async fn write_changes(tx: &Tx, row: &seller::Model) -> Result<()> {
    seller::Entity::update(seller::ActiveModel {
        id: Set(row.id.clone()),
        name: Set(row.name.clone()),
        refund_policy: Set(row.refund_policy.clone()),
        refund_policy_url: Set(row.refund_policy_url.clone()),
        subscription_grace_days: Set(row.subscription_grace_days),
        subscription_ends_on: Set(row.subscription_ends_on),
        renewal_notices: Set(row.renewal_notices),
        allowed_payment_method_types: Set(row.allowed_payment_method_types.clone()),
        metadata: Set(row.metadata.clone()),
        application_fee_bps: Set(row.application_fee_bps),
        application_fee_fixed: Set(row.application_fee_fixed.clone()),
        updated_at: Set(row.updated_at),
        ..Default::default()
    })
    .exec(tx)
    .await?;
    Ok(())
}

fn check_fixed_fee(fixed: Amounts) -> Result<JsonText<Amounts>> {
    for (currency, fee) in &fixed {
        if let Some(fault) = money::fixed_fee_fault(*fee, currency) {
            let param = format!("application_fee_fixed.{currency}");
            return Err(Error::invalid(
                param,
                format!("application_fee_fixed {fault}."),
            ));
        }
    }
    Ok(JsonText(fixed))
}

/// The sellers that the caller may list: all for an admin, their own for anybody else.
pub fn visible(caller: &Caller, owner: Option<UserId>) -> Result<sea_orm::Select<seller::Entity>> {
    let query = seller::Entity::find();
    match owner {
        Some(_) if !caller.is_admin() => Err(Error::Forbidden("owner_id is for admins.")),
        Some(owner) => Ok(query.filter(seller::Column::OwnerId.eq(owner))),
        None if caller.is_admin() => Ok(query),
        None => Ok(query.filter(seller::Column::OwnerId.eq(caller.id().clone()))),
    }
}

async fn find_locked(tx: &crate::db::Tx, id: &SellerId) -> Result<seller::Model> {
    let row = seller::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(tx)
        .await?;
    row.ok_or(Error::NotFound("seller"))
}
