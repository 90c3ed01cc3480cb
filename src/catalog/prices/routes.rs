//! Recurring prices over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use souk_entity::price::{self, Interval};
use souk_entity::{PriceId, ProductId, SellerId, Timestamp};
use validator::Validate;

use super::{NewPrice, PriceAccess, PriceChange, PriceOffer, PriceTerms};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Filters, IdempotentJson, List, Paginate, Path, ValidJson, deserialize_some, json_object,
};
use crate::identity::{Caller, MaybeCaller};

/// The routes of prices.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/prices", post(create_price).get(list_prices))
        .route("/v1/prices/{id}", get(read_price).patch(update_price))
}

#[derive(Serialize)]
struct PriceView {
    id: PriceId,
    object: &'static str,
    product_id: ProductId,
    seller_id: SellerId,
    unit_amount: i64,
    currency: String,
    recurring: RecurringView,
    nickname: Option<String>,
    min_quantity: Option<i64>,
    max_quantity: Option<i64>,
    takes_stock_each_period: bool,
    active: bool,
    purchasable: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Serialize)]
struct RecurringView {
    interval: Interval,
    interval_count: i32,
    trial_period_days: Option<i32>,
}

fn price_view(app: &App, offer: PriceOffer) -> PriceView {
    let purchasable = offer.is_purchasable(app);
    let (row, product) = (offer.price, offer.product);
    PriceView {
        id: row.id,
        object: "price",
        product_id: row.product_id,
        seller_id: product.seller_id,
        unit_amount: row.unit_amount,
        currency: product.currency,
        recurring: RecurringView {
            interval: row.interval,
            interval_count: row.interval_count,
            trial_period_days: row.trial_period_days,
        },
        nickname: row.nickname,
        min_quantity: row.min_quantity,
        max_quantity: row.max_quantity,
        takes_stock_each_period: row.takes_stock_each_period,
        active: row.active,
        purchasable,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

/// The view of one price.
async fn viewed(app: &App, row: price::Model) -> Result<PriceView> {
    let offer = super::offers(app, vec![row]).await?.pop();
    let offer = offer.ok_or_else(|| Error::internal("a price without an offer"))?;
    Ok(price_view(app, offer))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct PriceCreate {
    product_id: ProductId,
    unit_amount: i64,
    #[serde(deserialize_with = "json_object")]
    recurring: RecurringCreate,
    #[serde(default)]
    nickname: Option<String>,
    #[serde(default)]
    min_quantity: Option<i64>,
    #[serde(default)]
    max_quantity: Option<i64>,
    #[serde(default)]
    takes_stock_each_period: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecurringCreate {
    interval: Interval,
    #[serde(default, deserialize_with = "deserialize_some")]
    interval_count: Option<i32>,
    #[serde(default)]
    trial_period_days: Option<i32>,
}

async fn create_price(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<PriceCreate>,
) -> Result<Response> {
    let make = async |id: PriceId, body: PriceCreate| {
        let new = NewPrice {
            product_id: body.product_id,
            unit_amount: body.unit_amount,
            interval: body.recurring.interval,
            interval_count: body.recurring.interval_count.unwrap_or(1),
            terms: PriceTerms {
                trial_period_days: body.recurring.trial_period_days,
                nickname: body.nickname,
                min_quantity: body.min_quantity,
                max_quantity: body.max_quantity,
                takes_stock_each_period: body.takes_stock_each_period,
            },
        };
        let made = super::create_price(&app, &caller, id, new).await?;
        viewed(&app, made).await
    };
    request.once(&app, &caller.principal(), make).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceFilters {
    product_id: ProductId,
    active: Option<bool>,
}

async fn list_prices(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Filters(filters, paging): Filters<PriceFilters>,
) -> Answer<List<PriceView>> {
    let active = filters.active.unwrap_or(true);
    let query = super::visible(&app, caller.as_ref(), &filters.product_id, active).await?;
    let (rows, has_more) = match query {
        Some(query) => query.page(&paging, price::Column::Id, &app.db.read).await?,
        None => (Vec::new(), false),
    };
    let offers = super::offers(&app, rows).await?;
    let view = |offer| price_view(&app, offer);
    Ok(Json(paging.list((offers, has_more), view)))
}

async fn read_price(State(app): State<App>, Path(id): Path<PriceId>) -> Answer<PriceView> {
    let offer = super::offer(&app, &id).await?;
    let offer = offer.ok_or(Error::NotFound("price"))?;
    Ok(Json(price_view(&app, offer)))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct PriceUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    active: Option<bool>,
    #[serde(default, deserialize_with = "deserialize_some")]
    recurring: Option<crate::http::JsonObject<RecurringUpdate>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    nickname: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    min_quantity: Option<Option<i64>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    max_quantity: Option<Option<i64>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    takes_stock_each_period: Option<bool>,
}

/// Of how often it is paid only the trial may change.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecurringUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    trial_period_days: Option<Option<i32>>,
}

async fn update_price(
    State(app): State<App>,
    access: PriceAccess,
    ValidJson(body): ValidJson<PriceUpdate>,
) -> Answer<PriceView> {
    let change = PriceChange {
        active: body.active,
        trial_period_days: body.recurring.and_then(|often| often.0.trial_period_days),
        nickname: body.nickname,
        min_quantity: body.min_quantity,
        max_quantity: body.max_quantity,
        takes_stock_each_period: body.takes_stock_each_period,
    };
    let row = super::update_price(&app, &access.caller, &access.price.id, change).await?;
    Ok(Json(viewed(&app, row).await?))
}
