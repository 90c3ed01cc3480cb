//! The Stripe side of a promotion code: a coupon and a code on the seller's account.

use std::collections::BTreeSet;
use std::future::ready;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::promotion_code::{self, Column as C};
use souk_entity::{AccountId, PromotionCodeId, Timestamp};

use super::{find, redemptions};
use crate::app::App;
use crate::error::{Error, Result, StripeFault};
use crate::identity::Caller;
use crate::jobs::{self, Job};
use crate::stripe::IdempotentCreate;
use crate::stripe::requests::promotions::METADATA_PROMOTION_CODE;
use crate::stripe::requests::promotions::{self as requests, Discount, NewCode, NewCoupon};
use crate::stripe::views::{CouponView, PromotionCodeView};
use crate::{audit, ids, sellers};

/// The promotion code with its coupon and code at Stripe, which are created now if they aren't yet.
pub(super) async fn ensure(app: &App, id: &PromotionCodeId) -> Result<promotion_code::Model> {
    let row = create(app, id).await?;
    row.ok_or(Error::NotFound("promotion code"))
}

/// Creates coupon and promotion code at Stripe, if they aren't created yet. The keys are the row's, so a repetition creates
/// no second ones. Once a key can't be trusted any more, Stripe is searched for the code first. `None`: there is no such
/// promotion code, for one because Stripe refused it.
///
/// # Errors
/// [`Error::StripeRefused`]: nothing was created; if the request was at fault, the row is deleted.
pub async fn create(app: &App, id: &PromotionCodeId) -> Result<Option<promotion_code::Model>> {
    if find(&app.db.read, id).await?.is_none() {
        return Ok(None);
    }
    match create_missing(app, id).await {
        Err(Error::StripeRefused(fault)) if concerns_the_request(&fault) => {
            let data = json!({ "code": fault.code, "param": fault.param });
            delete_refused(app, id, data).await?;
            Err(Error::StripeRefused(fault))
        }
        Err(Error::AccessLost { account }) => {
            delete_refused(app, id, json!({ "code": "account_invalid" })).await?;
            Err(Error::AccessLost { account })
        }
        outcome => outcome.map(Some),
    }
}

/// Whether Stripe refused the request itself and not our key.
fn concerns_the_request(fault: &StripeFault) -> bool {
    fault.status == Some(400) && fault.kind == "invalid_request_error"
}

async fn create_missing(app: &App, id: &PromotionCodeId) -> Result<promotion_code::Model> {
    let mut row = require(app, id).await?;
    if row.stripe_promotion_code.is_some() {
        return Ok(row);
    }
    let account = account_of(app, &row).await?;
    if row.stripe_coupon.is_none() {
        let coupon = create_coupon(app, &account, &row).await?;
        store_stripe_id(app, id, C::StripeCoupon, &coupon).await?;
        row = require(app, id).await?;
    }
    let code = create_code(app, &account, &row).await?;
    store_stripe_id(app, id, C::StripePromotionCode, &code).await?;
    require(app, id).await
}

async fn require(app: &App, id: &PromotionCodeId) -> Result<promotion_code::Model> {
    let row = find(&app.db.read, id).await?;
    row.ok_or(Error::NotFound("promotion code"))
}

fn idempotent_create(row: &promotion_code::Model) -> IdempotentCreate {
    IdempotentCreate::of(
        promotion_code::Entity,
        &row.id,
        row.key_number,
        row.key_until,
    )
}

/// Creates the coupon. Its id is our row's, so there can't be a second one and no search is needed.
async fn create_coupon(
    app: &App,
    account: &AccountId,
    row: &promotion_code::Model,
) -> Result<String> {
    let id = &row.id;
    let request = requests::create_coupon(&NewCoupon {
        id: id.as_ref(),
        name: &row.code,
        discount: discount(row)?,
        duration: row.duration,
        months: row.duration_in_months,
    });
    let made = idempotent_create(row)
        .make(&app.db, app.clock.now(), ready(Ok(None)), async |n| {
            let key = format!("coupon:{id}:{n}");
            let made: CouponView = app.stripe.at(account).post(&request, &key).await?;
            Ok(made.id)
        })
        .await;
    match made {
        Err(Error::StripeRefused(fault))
            if fault.code.as_deref() == Some("resource_already_exists") =>
        {
            Ok(id.to_string())
        }
        made => made,
    }
}

/// Creates the promotion code, and answers its id.
async fn create_code(
    app: &App,
    account: &AccountId,
    row: &promotion_code::Model,
) -> Result<String> {
    let id = &row.id;
    let coupon = row.stripe_coupon.as_deref().unwrap_or_default();
    let request = requests::create_code(&NewCode {
        id: id.as_ref(),
        code: &row.code,
        coupon,
        max_redemptions: row.max_redemptions,
        expires_at: row.expires_at.map(Timestamp::seconds),
        minimum: row
            .minimum_amount
            .zip(row.minimum_amount_currency.as_deref()),
        first_time: row.first_time_transaction,
    });
    let stripe = app.stripe.at(account);
    let find_existing = async {
        let mark = (METADATA_PROMOTION_CODE, id.as_ref());
        let page = |last: Option<&str>| requests::list(coupon, last);
        let marked: Vec<PromotionCodeView> = stripe.find_by_metadata(mark, page).await?;
        Ok(marked.into_iter().next().map(|code| code.id))
    };
    idempotent_create(row)
        .make(&app.db, app.clock.now(), find_existing, async |n| {
            let key = format!("promotion_code:{id}:{n}");
            let made: PromotionCodeView = stripe.post(&request, &key).await?;
            Ok(made.id)
        })
        .await
}

/// Stores an id of Stripe's, once. The promotion code's id also settles the job.
async fn store_stripe_id(app: &App, id: &PromotionCodeId, column: C, value: &str) -> Result<()> {
    let tx = app.db.begin_write().await?;
    promotion_code::Entity::update_many()
        .col_expr(column, Expr::value(value))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(column.is_null())
        .exec(&tx)
        .await?;
    if matches!(column, C::StripePromotionCode) {
        jobs::settle(&tx, &Job::CreatePromotionCode { code: id.clone() }).await?;
    }
    tx.commit().await
}

async fn delete_refused(app: &App, id: &PromotionCodeId, data: serde_json::Value) -> Result<()> {
    let tx = app.db.begin_write().await?;
    promotion_code::Entity::delete_many()
        .filter(C::Id.eq(id.clone()))
        .filter(C::StripePromotionCode.is_null())
        .exec(&tx)
        .await?;
    jobs::settle(&tx, &Job::CreatePromotionCode { code: id.clone() }).await?;
    audit::record(&tx, "system", "promotion_code.refused", id.as_ref(), data).await?;
    tx.commit().await
}

fn discount(row: &promotion_code::Model) -> Result<Discount<'_>> {
    match (row.percent_off, row.amount_off, &row.currency) {
        (Some(percent), None, _) => Ok(Discount::Percent(percent)),
        (None, Some(amount), Some(currency)) => Ok(Discount::Amount(amount, currency)),
        _ => Err(Error::internal(format!("{} takes nothing off", row.id))),
    }
}

async fn account_of(app: &App, row: &promotion_code::Model) -> Result<AccountId> {
    let seller = sellers::find(&app.db.read, &row.seller_id).await?;
    let account = seller.and_then(|seller| seller.stripe_account);
    account.ok_or_else(|| Error::internal(format!("{} has no account", row.seller_id)))
}

/// Switches a code on or off, first at Stripe, since only Stripe's side counts for buyers
/// (docs.stripe.com/api/promotion_codes/update).
///
/// # Errors
/// Stripe's errors.
pub async fn set_active(
    app: &App,
    caller: &Caller,
    id: &PromotionCodeId,
    active: bool,
) -> Result<promotion_code::Model> {
    let row = ensure(app, id).await?;
    if row.active == active {
        return Ok(row);
    }
    let account = account_of(app, &row).await?;
    let at_stripe = row.stripe_promotion_code.as_deref().unwrap_or_default();
    let request = requests::set_active(at_stripe, active);
    // A new key each time: the update may safely be repeated, and a saved 500 would spoil a fixed key.
    let key = format!("promotion_code_active:{}", ids::random_token());
    let switched = app.stripe.at(&account).post(&request, &key).await;
    let now: PromotionCodeView =
        sellers::account::detect_deauthorized(app, &row.seller_id, switched).await?;
    let tx = app.db.begin_write().await?;
    let changed_at = tx.now();
    promotion_code::Entity::update_many()
        .col_expr(C::Active, Expr::value(now.active))
        .col_expr(C::UpdatedAt, Expr::value(changed_at))
        .filter(C::Id.eq(id.clone()))
        .exec(&tx)
        .await?;
    match now.active {
        false => redemptions::note_switched_off(&tx, id).await?,
        true => redemptions::review(&tx, &BTreeSet::from([at_stripe.to_owned()])).await?,
    }
    let data = json!({ "active": now.active });
    let actor = caller.principal();
    audit::record(&tx, &actor, "promotion_code.updated", id.as_ref(), data).await?;
    tx.commit().await?;
    Ok(promotion_code::Model {
        active: now.active,
        updated_at: changed_at,
        ..row
    })
}
