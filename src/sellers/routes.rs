//! Sellers over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::seller::{
    self, AccountsApi, Capabilities, ChargeProfile, Dashboard, RenewalNotices, Requirement,
    RequirementError, Requirements, SellerStatus, SubscriptionEndsOn,
};
use souk_entity::{AccountId, Amounts, Metadata, SellerId, Timestamp, UserId};
use validator::Validate;

use super::requirements::sentence;
use super::{NewSeller, SellerAccess, SellerChange, Way, pages};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Empty, Filters, IdempotentJson, List, Paginate, Path, ValidJson, allowed_redirect,
    deserialize_some, web_address,
};
use crate::identity::{Caller, MaybeCaller};
use crate::stripe::requests::accounts_v2::UseCase;
use crate::stripe::views::{BalanceAmountView, BalanceView};

/// Sellers' routes and the pages that Stripe sends them back to.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/sellers", post(create).get(list))
        .route("/v1/sellers/{id}", get(read).patch(update))
        .route("/v1/sellers/{id}/onboarding_links", post(onboarding_link))
        .route("/v1/sellers/{id}/dashboard_links", post(dashboard_link))
        .route("/v1/sellers/{id}/account_sessions", post(account_session))
        .route("/v1/sellers/{id}/sync", post(sync))
        .route("/v1/sellers/{id}/requirements", get(requirements))
        .route("/v1/sellers/{id}/balance", get(balance))
        .route("/onboarding/return", get(pages::onboarding_return))
        .route(
            "/onboarding/refresh",
            get(pages::login_page).post(pages::log_in),
        )
}

#[derive(Serialize)]
struct SellerView {
    id: SellerId,
    object: &'static str,
    owner_id: UserId,
    name: String,
    email: String,
    country: String,
    business_type: Option<String>,
    stripe_account: Option<AccountId>,
    livemode: bool,
    status: SellerStatus,
    charges_enabled: bool,
    payouts_enabled: bool,
    details_submitted: bool,
    dashboard: Dashboard,
    charge_profile: ChargeProfile,
    accounts_api: AccountsApi,
    capabilities: Capabilities,
    requirements: RequirementsView,
    application_fee_bps: Option<i32>,
    application_fee_fixed: Option<Amounts>,
    refund_policy: Option<String>,
    refund_policy_url: Option<String>,
    subscription_grace_days: i32,
    subscription_ends_on: SubscriptionEndsOn,
    renewal_notices: RenewalNotices,
    allowed_payment_method_types: Option<Vec<String>>,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

fn view(row: seller::Model) -> SellerView {
    SellerView {
        id: row.id,
        object: "seller",
        owner_id: row.owner_id,
        name: row.name,
        email: row.email,
        country: row.country,
        business_type: row.business_type,
        stripe_account: row.stripe_account,
        livemode: row.livemode,
        status: row.status,
        charges_enabled: row.charges_enabled,
        payouts_enabled: row.payouts_enabled,
        details_submitted: row.details_submitted,
        dashboard: row.dashboard,
        charge_profile: row.charge_profile,
        accounts_api: row.accounts_api,
        capabilities: row.capabilities.0,
        requirements: requirements_view(row.requirements.0),
        application_fee_bps: row.application_fee_bps,
        application_fee_fixed: row.application_fee_fixed.map(|fixed| fixed.0),
        refund_policy: row.refund_policy,
        refund_policy_url: row.refund_policy_url,
        subscription_grace_days: row.subscription_grace_days,
        subscription_ends_on: row.subscription_ends_on,
        renewal_notices: row.renewal_notices,
        allowed_payment_method_types: row.allowed_payment_method_types.map(|types| types.0),
        metadata: row.metadata.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

#[derive(Serialize)]
struct RequirementsView {
    object: &'static str,
    currently_due: Vec<String>,
    past_due: Vec<String>,
    eventually_due: Vec<String>,
    pending_verification: Vec<String>,
    disabled_reason: Option<String>,
    current_deadline: Option<Timestamp>,
    entries: Vec<RequirementView>,
}

/// Something that Stripe wants, in Stripe's words and in a sentence.
#[derive(Serialize)]
struct RequirementView {
    code: String,
    message: String,
    awaiting_action_from: String,
    deadline_status: String,
    deadline: Option<Timestamp>,
    restricts_capabilities: Vec<String>,
    errors: Vec<RequirementError>,
}

fn requirement_view(wanted: Requirement) -> RequirementView {
    RequirementView {
        message: sentence(&wanted),
        code: wanted.code,
        awaiting_action_from: wanted.awaiting_action_from,
        deadline_status: wanted.deadline_status,
        deadline: wanted.deadline,
        restricts_capabilities: wanted.restricts_capabilities,
        errors: wanted.errors,
    }
}

fn requirements_view(wanted: Requirements) -> RequirementsView {
    RequirementsView {
        object: "requirements",
        currently_due: wanted.currently_due,
        past_due: wanted.past_due,
        eventually_due: wanted.eventually_due,
        pending_verification: wanted.pending_verification,
        disabled_reason: wanted.disabled_reason,
        current_deadline: wanted.current_deadline,
        entries: wanted.entries.into_iter().map(requirement_view).collect(),
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct SellerCreate {
    name: String,
    country: String,
    #[serde(default, deserialize_with = "deserialize_some")]
    email: Option<String>,
    #[serde(default)]
    business_type: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<SellerCreate>,
) -> Result<Response> {
    let make = async |id: SellerId, body: SellerCreate| {
        let new = NewSeller {
            name: body.name,
            country: body.country,
            email: body.email,
            business_type: body.business_type,
            metadata: body.metadata,
        };
        super::create(&app, &caller.user, id, new).await.map(view)
    };
    request.once(&app, &caller.principal(), make).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SellerFilters {
    status: Option<SellerStatus>,
    owner_id: Option<UserId>,
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<SellerFilters>,
) -> Answer<List<SellerView>> {
    let mut query = super::visible(&caller, filters.owner_id)?;
    if let Some(status) = filters.status {
        query = query.filter(seller::Column::Status.eq(status));
    }
    let rows = query
        .page(&paging, seller::Column::Id, &app.db.read)
        .await?;
    Ok(Json(paging.list(rows, view)))
}

/// What buyers see of a seller.
#[derive(Serialize)]
struct PublicSellerView {
    id: SellerId,
    object: &'static str,
    name: String,
    charges_enabled: bool,
    refund_policy: Option<String>,
    refund_policy_url: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SellerAnswer {
    Full(Box<SellerView>),
    Public(PublicSellerView),
}

async fn read(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Path(id): Path<SellerId>,
) -> Answer<SellerAnswer> {
    let seller = super::find(&app.db.read, &id).await?;
    let seller = seller.ok_or(Error::NotFound("seller"))?;
    if caller.is_some_and(|caller| super::may_access(&caller, &seller)) {
        return Ok(Json(SellerAnswer::Full(Box::new(view(seller)))));
    }
    Ok(Json(SellerAnswer::Public(PublicSellerView {
        object: "seller",
        charges_enabled: super::can_charge(&app, &seller),
        name: seller.name,
        refund_policy: seller.refund_policy,
        refund_policy_url: seller.refund_policy_url,
        id: seller.id,
    })))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct SellerUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    name: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    metadata: Option<Metadata>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(
        min = 0,
        max = 10_000,
        message = "application_fee_bps is 0 to 10000, or null."
    ))]
    application_fee_bps: Option<Option<i32>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    application_fee_fixed: Option<Option<Amounts>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 5000,
        message = "refund_policy has 1 to 5000 characters, or is null."
    ))]
    refund_policy: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    refund_policy_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 0, max = 90, message = "subscription_grace_days is 0 to 90."))]
    subscription_grace_days: Option<i32>,
    #[serde(default, deserialize_with = "deserialize_some")]
    subscription_ends_on: Option<SubscriptionEndsOn>,
    #[serde(default, deserialize_with = "deserialize_some")]
    renewal_notices: Option<RenewalNotices>,
    #[serde(default, deserialize_with = "deserialize_some")]
    allowed_payment_method_types: Option<Option<Vec<String>>>,
}

async fn update(
    State(app): State<App>,
    access: SellerAccess,
    ValidJson(body): ValidJson<SellerUpdate>,
) -> Answer<SellerView> {
    let policy_url = match body.refund_policy_url {
        Some(Some(url)) => Some(Some(web_address("refund_policy_url", &url)?)),
        url => url,
    };
    let change = SellerChange {
        refund_policy: body.refund_policy,
        refund_policy_url: policy_url,
        subscription_grace_days: body.subscription_grace_days,
        subscription_ends_on: body.subscription_ends_on,
        renewal_notices: body.renewal_notices,
        allowed_payment_method_types: body.allowed_payment_method_types,
        name: body.name,
        metadata: body.metadata,
        application_fee_bps: body.application_fee_bps,
        application_fee_fixed: body.application_fee_fixed,
    };
    let row = super::update(&app, &access.caller, &access.seller.id, change).await?;
    Ok(Json(view(row)))
}

#[derive(Serialize)]
struct OnboardingLink {
    object: &'static str,
    url: String,
    expires_at: Timestamp,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct OnboardingLinkCreate {
    #[serde(default)]
    r#type: LinkType,
    #[serde(default, deserialize_with = "deserialize_some")]
    return_url: Option<String>,
}

/// Which of Stripe's forms a link leads into.
#[derive(Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LinkType {
    #[default]
    AccountOnboarding,
    AccountUpdate,
}

async fn onboarding_link(
    State(app): State<App>,
    access: SellerAccess,
    ValidJson(body): ValidJson<OnboardingLinkCreate>,
) -> Result<Response> {
    let actor = access.caller.principal();
    let allowed = |url| allowed_redirect(&app.config, "return_url", url);
    let way = Way {
        use_case: match body.r#type {
            LinkType::AccountOnboarding => UseCase::Onboarding,
            LinkType::AccountUpdate => UseCase::Update,
        },
        return_url: body.return_url.map(allowed).transpose()?,
    };
    let (url, expires_at) = super::account_link(&app, &actor, &access.seller.id, &way).await?;
    let link = OnboardingLink {
        object: "onboarding_link",
        url,
        expires_at,
    };
    Ok((StatusCode::CREATED, Json(link)).into_response())
}

#[derive(Serialize)]
struct DashboardLink {
    object: &'static str,
    url: String,
}

async fn dashboard_link(
    State(app): State<App>,
    access: SellerAccess,
    ValidJson(_): ValidJson<Empty>,
) -> Result<Response> {
    let actor = access.caller.principal();
    let link = DashboardLink {
        object: "dashboard_link",
        url: super::dashboard_link(&app, &actor, &access.seller.id).await?,
    };
    Ok((StatusCode::CREATED, Json(link)).into_response())
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AccountSessionCreate {
    components: Vec<String>,
}

/// The secret is for Stripe's script in the seller's browser, for a while.
#[derive(Serialize)]
struct AccountSession {
    object: &'static str,
    client_secret: String,
    expires_at: Timestamp,
    components: Vec<String>,
}

async fn account_session(
    State(app): State<App>,
    access: SellerAccess,
    ValidJson(AccountSessionCreate { components }): ValidJson<AccountSessionCreate>,
) -> Result<Response> {
    let actor = access.caller.principal();
    let made = super::account_session(&app, &actor, &access.seller.id, &components).await?;
    let session = AccountSession {
        object: "account_session",
        client_secret: made.client_secret,
        expires_at: Timestamp::from_seconds(made.expires_at),
        components,
    };
    Ok((StatusCode::CREATED, Json(session)).into_response())
}

async fn sync(
    State(app): State<App>,
    access: SellerAccess,
    ValidJson(_): ValidJson<Empty>,
) -> Answer<SellerView> {
    let row = super::sync(&app, &access.seller.id).await?;
    Ok(Json(view(row)))
}

async fn requirements(access: SellerAccess) -> Json<RequirementsView> {
    Json(requirements_view(access.seller.requirements.0))
}

#[derive(Serialize)]
struct Balance {
    object: &'static str,
    available: Vec<BalanceAmount>,
    pending: Vec<BalanceAmount>,
}

#[derive(Serialize)]
struct BalanceAmount {
    currency: String,
    amount: i64,
}

async fn balance(State(app): State<App>, access: SellerAccess) -> Answer<Balance> {
    let BalanceView { available, pending } = super::balance(&app, &access.seller).await?;
    let amounts = |all: Vec<BalanceAmountView>| {
        let amount = |one: BalanceAmountView| BalanceAmount {
            currency: one.currency,
            amount: one.amount,
        };
        all.into_iter().map(amount).collect()
    };
    Ok(Json(Balance {
        object: "balance",
        available: amounts(available),
        pending: amounts(pending),
    }))
}
