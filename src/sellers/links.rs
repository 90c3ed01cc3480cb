//! Links into Stripe's onboarding and into the Express dashboard.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::seller::{self, Dashboard, SellerStatus};
use souk_entity::{AccountId, SellerId, Timestamp};

use super::account::{deauthorized, detect_deauthorized, ensure};
use super::find_locked;
use super::status::{self, AccountState};
use crate::app::App;
use crate::error::{Error, Result};
use crate::stripe::requests::accounts;
use crate::stripe::views::LinkView;
use crate::{audit, identity, ids};

/// The purpose that the state of a `return_url` is signed for.
pub(super) const RETURN: &str = "onboarding_return";
/// The purpose that the state of a `refresh_url` is signed for.
pub(super) const REFRESH: &str = "onboarding_refresh";
/// How long a seller may take for Stripe's form.
const STATE_MS: i64 = 7 * 24 * 3_600_000;

/// A link into Stripe's onboarding (docs.stripe.com/api/account_links), for the owner's browser at once. It works one time,
/// for some minutes, and is neither stored nor logged.
///
/// # Errors
/// `seller_deauthorized`, `seller_rejected`; Stripe's errors otherwise.
pub async fn onboarding_link(app: &App, actor: &str, id: &SellerId) -> Result<(String, Timestamp)> {
    let row = connected_seller(app, id).await?;
    if row.status == SellerStatus::Rejected {
        return Err(Error::conflict(
            "seller_rejected",
            "Stripe has rejected this account. Ask Stripe's support; there is nothing to onboard.",
        ));
    }
    let account = account_of(&row)?;
    let page = |purpose, path: &str| {
        let state = identity::sign_state(app, purpose, id.as_ref(), STATE_MS);
        app.config.page(&format!("{path}?state={state}"))
    };
    let refresh_url = page(REFRESH, "/onboarding/refresh");
    let return_url = page(RETURN, "/onboarding/return");
    let request = accounts::onboarding_link(account, &refresh_url, &return_url);
    // A new key each time, since each click wants a link of its own.
    let key = format!("onboarding_link:{}", ids::random_token());
    let made = app.stripe.platform().post(&request, &key).await;
    let link: LinkView = detect_deauthorized(app, id, made).await?;
    mark_onboarding_started(app, actor, id).await?;
    let soon = app.clock.now().plus_ms(5 * 60_000);
    let expires_at = link.expires_at.map_or(soon, Timestamp::from_seconds);
    Ok((link.url, expires_at))
}

/// Stores when onboarding began, the first time.
async fn mark_onboarding_started(app: &App, actor: &str, id: &SellerId) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let mut row = find_locked(&tx, id).await?;
    if row.onboarding_started_at.is_none() {
        row.onboarding_started_at = Some(tx.now());
        let status = status::derive(&AccountState::of(&row));
        seller::Entity::update_many()
            .col_expr(seller::Column::OnboardingStartedAt, Expr::value(tx.now()))
            .col_expr(seller::Column::Status, Expr::value(status))
            .col_expr(seller::Column::UpdatedAt, Expr::value(tx.now()))
            .filter(seller::Column::Id.eq(id.clone()))
            .exec(&tx)
            .await?;
    }
    let data = json!({});
    audit::record(
        &tx,
        actor,
        "seller.onboarding_link_created",
        id.as_ref(),
        data,
    )
    .await?;
    tx.commit().await
}

/// A link into the Express dashboard (docs.stripe.com/api/accounts/login_link).
///
/// # Errors
/// `dashboard_not_express`, `seller_deauthorized`; Stripe's errors otherwise.
pub async fn dashboard_link(app: &App, actor: &str, id: &SellerId) -> Result<String> {
    let row = connected_seller(app, id).await?;
    if row.dashboard != Dashboard::Express {
        return Err(Error::conflict(
            "dashboard_not_express",
            "This account has Stripe's full dashboard: log in at https://dashboard.stripe.com.",
        ));
    }
    let request = accounts::login_link(account_of(&row)?);
    let key = format!("login_link:{}", ids::random_token());
    let made = app.stripe.platform().post(&request, &key).await;
    let link: LinkView = detect_deauthorized(app, id, made).await?;
    let tx = app.db.begin_write().await?;
    let data = json!({});
    audit::record(
        &tx,
        actor,
        "seller.dashboard_link_created",
        id.as_ref(),
        data,
    )
    .await?;
    tx.commit().await?;
    Ok(link.url)
}

/// The seller with a connected account, which is created now if it isn't yet.
async fn connected_seller(app: &App, id: &SellerId) -> Result<seller::Model> {
    let row = ensure(app, id).await?;
    if row.deauthorized_at.is_some() {
        return Err(deauthorized());
    }
    Ok(row)
}

fn account_of(row: &seller::Model) -> Result<&AccountId> {
    let account = row.stripe_account.as_ref();
    account.ok_or_else(|| Error::internal("an account was ensured, but isn't there"))
}
