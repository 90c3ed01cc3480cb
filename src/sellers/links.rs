//! Links into Stripe's onboarding and into the Express dashboard.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::seller::{self, AccountsApi, Dashboard, SellerStatus};
use souk_entity::{AccountId, SellerId, Timestamp};

use super::account::{deauthorized, detect_deauthorized, ensure};
use super::status::{self, AccountState};
use super::{by_account, find_locked};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::stripe::requests::accounts_v2::{self, UseCase};
use crate::stripe::requests::{accounts, events};
use crate::stripe::views::{LinkV2View, LinkView, ReturnedLinkView};
use crate::{audit, identity, ids};

/// The purpose that the state of a `return_url` is signed for.
pub(super) const RETURN: &str = "onboarding_return";
/// The purpose that the state of a `refresh_url` is signed for.
pub(super) const REFRESH: &str = "onboarding_refresh";
/// How long a seller may take for Stripe's form, in milliseconds.
const STATE_MS: i64 = 7 * 24 * 3_600_000;

/// What a link is for, and where the seller goes at its end. It goes along in the signed state of the pages that Stripe leads
/// back to, so that a new link is as the first was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Stripe's form.
    pub use_case: UseCase,
    /// The caller's page, on an allowed origin. None: our own.
    pub return_url: Option<String>,
}

impl Way {
    /// Into onboarding, and back to our own page.
    pub const ONBOARDING: Self = Self {
        use_case: UseCase::Onboarding,
        return_url: None,
    };

    /// The subject of a state: the seller's id and, with spaces between, the way.
    pub(super) fn subject(&self, id: &SellerId) -> String {
        let url = self.return_url.as_deref().unwrap_or_default();
        match self.use_case {
            UseCase::Onboarding if url.is_empty() => id.to_string(),
            UseCase::Onboarding => format!("{id} onboarding {url}"),
            UseCase::Update => format!("{id} update {url}"),
        }
    }

    /// Reads `subject` back.
    pub(super) fn of(subject: &str) -> (SellerId, Self) {
        let mut parts = subject.splitn(3, ' ');
        let id = SellerId::from(parts.next().unwrap_or_default());
        let use_case = match parts.next() {
            Some("update") => UseCase::Update,
            _ => UseCase::Onboarding,
        };
        let url = parts.next().filter(|url| !url.is_empty());
        let return_url = url.map(str::to_owned);
        (
            id,
            Self {
                use_case,
                return_url,
            },
        )
    }
}

/// A link into Stripe's onboarding or into a change of what was given there (docs.stripe.com/api/v2/core/account-links, or
/// docs.stripe.com/api/account_links by v1), for the owner's browser at once. It works one time, for some minutes, and is
/// neither stored nor logged.
///
/// # Errors
/// `seller_deauthorized`, `seller_closed`, `seller_rejected`, `account_update_unavailable`; Stripe's errors otherwise.
pub async fn account_link(
    app: &App,
    actor: &str,
    id: &SellerId,
    way: &Way,
) -> Result<(String, Timestamp)> {
    let row = connected_seller(app, id).await?;
    if row.status == SellerStatus::Rejected {
        return Err(Error::conflict(
            "seller_rejected",
            "Stripe has rejected this account. Ask Stripe's support; there is nothing to onboard.",
        ));
    }
    // Where Stripe collects requirements, the dashboard is the place for changes (docs.stripe.com/api/account_links/create).
    if way.use_case == UseCase::Update && row.dashboard != Dashboard::None {
        return Err(Error::conflict(
            "account_update_unavailable",
            "This seller changes its details in its Stripe dashboard. Only sellers without one are given links for that.",
        ));
    }
    let (url, expires_at) = detect_deauthorized(app, id, make_link(app, &row, way).await).await?;
    mark_onboarding_started(app, actor, id).await?;
    let soon = app.clock.now().plus_ms(5 * 60_000);
    Ok((url, expires_at.unwrap_or(soon)))
}

async fn make_link(
    app: &App,
    row: &seller::Model,
    way: &Way,
) -> Result<(String, Option<Timestamp>)> {
    let account = account_of(row)?;
    let page = |purpose, path: &str| {
        let state = identity::sign_state(app, purpose, &way.subject(&row.id), STATE_MS);
        app.config.page(&format!("{path}?state={state}"))
    };
    let refresh = page(REFRESH, "/onboarding/refresh");
    let back = page(RETURN, "/onboarding/return");
    // A new key each time, since each click wants a link of its own.
    let key = format!("onboarding_link:{}", ids::random_token());
    let platform = app.stripe.platform();
    match row.accounts_api {
        AccountsApi::V1 => {
            let request = accounts::link(account, way.use_case, &refresh, &back);
            let link: LinkView = platform.post(&request, &key).await?;
            Ok((link.url, link.expires_at.map(Timestamp::from_seconds)))
        }
        AccountsApi::V2 => {
            let profile = row.charge_profile;
            let request = accounts_v2::link(account, profile, way.use_case, &refresh, &back);
            let link: LinkV2View = platform.post_v2(&request, &key).await?;
            Ok((link.url, link.expires_at))
        }
    }
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
    let elsewhere = match row.dashboard {
        Dashboard::Express => None,
        Dashboard::Full => Some(
            "This account has Stripe's full dashboard: log in at https://dashboard.stripe.com.",
        ),
        Dashboard::None => Some(
            "This account has no dashboard of Stripe's: the platform shows its payments and payouts.",
        ),
    };
    if let Some(elsewhere) = elsewhere {
        return Err(Error::conflict("dashboard_not_express", elsewhere));
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

/// The job: somebody has come back from a link, and only Stripe's own copy of the event says into whose account it leads.
/// That account is to be read again.
///
/// # Errors
/// Stripe has not answered, or has no such event any more.
pub async fn read_returned_link(app: &App, event: &str, livemode: bool) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    let request = events::retrieve_thin(event);
    let returned: ReturnedLinkView = app.stripe.platform().get_v2(&request).await?;
    let account = AccountId(returned.data.account_id);
    let tx = app.db.begin_write().await?;
    if let Some(seller) = by_account(&tx, &account, livemode).await? {
        jobs::stage(&tx, &Job::SyncAccount { seller: seller.id }).await?;
    }
    tx.commit().await
}

/// The seller with a connected account, which is created now if it isn't yet.
pub(super) async fn connected_seller(app: &App, id: &SellerId) -> Result<seller::Model> {
    let row = ensure(app, id).await?;
    if row.closed_at.is_some() {
        return Err(Error::conflict(
            "seller_closed",
            "This seller's account is closed at Stripe.",
        ));
    }
    if row.deauthorized_at.is_some() {
        return Err(deauthorized());
    }
    Ok(row)
}

pub(super) fn account_of(row: &seller::Model) -> Result<&AccountId> {
    let account = row.stripe_account.as_ref();
    account.ok_or_else(|| Error::internal("an account was ensured, but isn't there"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_goes_along_in_a_states_subject() {
        let id = SellerId::from("sel_1");
        let url = || Some("https://shop.example/a?b=c".to_owned());
        for use_case in [UseCase::Onboarding, UseCase::Update] {
            for return_url in [None, url()] {
                let way = Way {
                    use_case,
                    return_url,
                };
                assert_eq!(Way::of(&way.subject(&id)), (id.clone(), way));
            }
        }
        assert_eq!(Way::of("sel_1"), (id, Way::ONBOARDING));
    }
}
