//! The catalog over HTTP.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::product::{self, ProductStatus};
use souk_entity::promotion_code::CodeDuration;
use souk_entity::stock_movement::{self, StockReason};
use souk_entity::{
    Metadata, OrderId, ProductId, PromotionCodeId, SellerId, StockMovementId, Timestamp,
    promotion_code,
};
use validator::Validate;

use super::promotions::{self, NewPromotionCode, PromotionCodeAccess, redemptions};
use super::{Adjustment, NewProduct, Offer, ProductAccess, ProductChange};
use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Filters, IdempotentJson, List, NoFilters, Paginate, Path, ValidJson, deserialize_some,
};
use crate::identity::{Caller, MaybeCaller};
use crate::sellers;

/// The catalog's routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/products", post(create_product).get(list_products))
        .route("/v1/products/{id}", get(read_product).patch(update_product))
        .route(
            "/v1/products/{id}/stock_adjustments",
            post(adjust_stock).get(list_adjustments),
        )
        .route("/v1/promotion_codes", post(create_code).get(list_codes))
        .route(
            "/v1/promotion_codes/{id}",
            get(read_code).patch(update_code),
        )
}

#[derive(Serialize)]
struct ProductView {
    id: ProductId,
    object: &'static str,
    seller_id: SellerId,
    seller_name: String,
    name: String,
    description: Option<String>,
    unit_amount: Option<i64>,
    currency: String,
    stock: Option<i64>,
    status: ProductStatus,
    purchasable: bool,
    metadata: Metadata,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The view of one product.
async fn product_view(app: &App, row: product::Model) -> Result<ProductView> {
    let offer = super::offers(app, vec![row]).await?.pop();
    let offer = offer.ok_or_else(|| Error::internal("a product without an offer"))?;
    Ok(offer_view(offer))
}

fn offer_view(offer: Offer) -> ProductView {
    let row = offer.product;
    ProductView {
        id: row.id,
        object: "product",
        seller_id: row.seller_id,
        seller_name: offer.seller_name,
        purchasable: offer.purchasable,
        name: row.name,
        description: row.description,
        unit_amount: row.unit_amount,
        currency: row.currency,
        stock: row.available,
        status: row.status,
        metadata: row.metadata.0,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ProductCreate {
    seller_id: SellerId,
    name: String,
    #[serde(default)]
    description: Option<String>,
    /// Null must be said: forgetting it makes nothing that can't be bought.
    #[serde(deserialize_with = "Option::deserialize")]
    unit_amount: Option<i64>,
    currency: String,
    #[serde(default)]
    stock: Option<i64>,
    #[serde(default)]
    metadata: Metadata,
}

async fn create_product(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<ProductCreate>,
) -> Result<Response> {
    let make = async |id: ProductId, body: ProductCreate| {
        let new = NewProduct {
            seller_id: body.seller_id,
            name: body.name,
            description: body.description,
            unit_amount: body.unit_amount,
            currency: body.currency,
            stock: body.stock,
            metadata: body.metadata,
        };
        let made = super::create_product(&app, &caller, id, new).await?;
        product_view(&app, made).await
    };
    request.once(&app, &caller.principal(), make).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductFilters {
    seller_id: Option<SellerId>,
    status: Option<ProductStatus>,
}

async fn list_products(
    State(app): State<App>,
    MaybeCaller(caller): MaybeCaller,
    Filters(filters, paging): Filters<ProductFilters>,
) -> Answer<List<ProductView>> {
    let status = filters.status.unwrap_or(ProductStatus::Active);
    let query = super::visible(&app, caller.as_ref(), filters.seller_id, status).await?;
    let (rows, has_more) = match query {
        Some(query) => {
            query
                .page(&paging, product::Column::Id, &app.db.read)
                .await?
        }
        None => (Vec::new(), false),
    };
    let offers = super::offers(&app, rows).await?;
    Ok(Json(paging.list((offers, has_more), offer_view)))
}

async fn read_product(State(app): State<App>, Path(id): Path<ProductId>) -> Answer<ProductView> {
    let product = super::find(&app.db.read, &id).await?;
    let product = product.ok_or(Error::NotFound("product"))?;
    Ok(Json(product_view(&app, product).await?))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ProductUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    name: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    description: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    unit_amount: Option<Option<i64>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    status: Option<ProductStatus>,
    #[serde(default, deserialize_with = "deserialize_some")]
    metadata: Option<Metadata>,
}

async fn update_product(
    State(app): State<App>,
    access: ProductAccess,
    ValidJson(body): ValidJson<ProductUpdate>,
) -> Answer<ProductView> {
    let change = ProductChange {
        name: body.name,
        description: body.description,
        unit_amount: body.unit_amount,
        status: body.status,
        metadata: body.metadata,
    };
    let row = super::update_product(&app, &access.caller, &access.product.id, change).await?;
    Ok(Json(product_view(&app, row).await?))
}

#[derive(Serialize)]
struct AdjustmentView {
    id: StockMovementId,
    object: &'static str,
    product_id: ProductId,
    delta: i64,
    reason: StockReason,
    note: Option<String>,
    order_id: Option<OrderId>,
    created_at: Timestamp,
}

fn adjustment_view(row: stock_movement::Model) -> AdjustmentView {
    AdjustmentView {
        id: row.id,
        object: "stock_adjustment",
        product_id: row.product_id,
        delta: row.delta,
        reason: row.reason,
        note: row.note,
        order_id: row.order_id,
        created_at: row.created_at,
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct AdjustmentCreate {
    delta: i64,
    reason: StockReason,
    #[serde(default, deserialize_with = "deserialize_some")]
    note: Option<String>,
}

async fn adjust_stock(
    State(app): State<App>,
    access: ProductAccess,
    request: IdempotentJson<AdjustmentCreate>,
) -> Result<Response> {
    let ProductAccess { product, caller } = access;
    let make = async |id: StockMovementId, body: AdjustmentCreate| {
        let change = Adjustment {
            delta: body.delta,
            reason: body.reason,
            note: body.note,
        };
        super::adjust_stock(&app, &caller, &product.id, id, change)
            .await
            .map(adjustment_view)
    };
    request.once(&app, &caller.principal(), make).await
}

/// No filters besides paging.
async fn list_adjustments(
    State(app): State<App>,
    access: ProductAccess,
    Filters(NoFilters {}, paging): Filters<NoFilters>,
) -> Answer<List<AdjustmentView>> {
    use stock_movement::Column as C;
    let rows = stock_movement::Entity::find()
        .filter(C::ProductId.eq(access.product.id))
        .page(&paging, C::Id, &app.db.read)
        .await?;
    Ok(Json(paging.list(rows, adjustment_view)))
}

#[derive(Serialize)]
struct CodeView {
    id: PromotionCodeId,
    object: &'static str,
    seller_id: SellerId,
    code: String,
    percent_off: Option<i32>,
    amount_off: Option<i64>,
    currency: Option<String>,
    duration: CodeDuration,
    duration_in_months: Option<i32>,
    minimum_amount: Option<i64>,
    minimum_amount_currency: Option<String>,
    first_time_transaction: bool,
    max_redemptions: Option<i32>,
    expires_at: Option<Timestamp>,
    times_redeemed: i64,
    active: bool,
    stripe_promotion_code: Option<String>,
    created_at: Timestamp,
}

/// A code, with how often each was redeemed, by Stripe's id of it.
fn code_view(row: promotion_code::Model, times: &HashMap<String, i64>) -> CodeView {
    let at_stripe = row.stripe_promotion_code.as_ref();
    CodeView {
        id: row.id,
        object: "promotion_code",
        seller_id: row.seller_id,
        code: row.code,
        percent_off: row.percent_off,
        amount_off: row.amount_off,
        currency: row.currency,
        duration: row.duration,
        duration_in_months: row.duration_in_months,
        minimum_amount: row.minimum_amount,
        minimum_amount_currency: row.minimum_amount_currency,
        first_time_transaction: row.first_time_transaction,
        max_redemptions: row.max_redemptions,
        expires_at: row.expires_at,
        times_redeemed: at_stripe.and_then(|id| times.get(id)).copied().unwrap_or(0),
        active: row.active,
        stripe_promotion_code: row.stripe_promotion_code,
        created_at: row.created_at,
    }
}

async fn viewed(app: &App, row: promotion_code::Model) -> Answer<CodeView> {
    let times = redemptions::times_redeemed(&app.db.read, std::slice::from_ref(&row)).await?;
    Ok(Json(code_view(row, &times)))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct CodeCreate {
    seller_id: SellerId,
    code: String,
    #[serde(default, deserialize_with = "deserialize_some")]
    percent_off: Option<i32>,
    #[serde(default, deserialize_with = "deserialize_some")]
    amount_off: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    max_redemptions: Option<i32>,
    #[serde(default, deserialize_with = "deserialize_some")]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    duration: CodeDuration,
    #[serde(default, deserialize_with = "deserialize_some")]
    duration_in_months: Option<i32>,
    #[serde(default, deserialize_with = "deserialize_some")]
    minimum_amount: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    minimum_amount_currency: Option<String>,
    #[serde(default)]
    first_time_transaction: bool,
}

async fn create_code(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<CodeCreate>,
) -> Result<Response> {
    let make = async |id: PromotionCodeId, body: CodeCreate| {
        let new = NewPromotionCode {
            seller_id: body.seller_id,
            code: body.code,
            percent_off: body.percent_off,
            amount_off: body.amount_off,
            currency: body.currency,
            max_redemptions: body.max_redemptions,
            expires_at: body.expires_at,
            duration: body.duration,
            duration_in_months: body.duration_in_months,
            minimum_amount: body.minimum_amount,
            minimum_amount_currency: body.minimum_amount_currency,
            first_time_transaction: body.first_time_transaction,
        };
        let row = promotions::create_code(&app, &caller, id, new).await?;
        let times = redemptions::times_redeemed(&app.db.read, std::slice::from_ref(&row)).await?;
        Ok(code_view(row, &times))
    };
    request.once(&app, &caller.principal(), make).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodeFilters {
    seller_id: SellerId,
}

async fn list_codes(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<CodeFilters>,
) -> Answer<List<CodeView>> {
    use promotion_code::Column as C;
    let seller = sellers::owned(&app.db.read, &caller, &filters.seller_id, "seller_id").await?;
    let rows = promotion_code::Entity::find()
        .filter(C::SellerId.eq(seller.id))
        .page(&paging, C::Id, &app.db.read)
        .await?;
    let times = redemptions::times_redeemed(&app.db.read, &rows.0).await?;
    Ok(Json(paging.list(rows, |row| code_view(row, &times))))
}

async fn read_code(State(app): State<App>, access: PromotionCodeAccess) -> Answer<CodeView> {
    viewed(&app, access.code).await
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct CodeUpdate {
    active: bool,
}

async fn update_code(
    State(app): State<App>,
    access: PromotionCodeAccess,
    ValidJson(body): ValidJson<CodeUpdate>,
) -> Answer<CodeView> {
    let row = promotions::at_stripe::set_active(&app, &access.caller, &access.code.id, body.active)
        .await?;
    viewed(&app, row).await
}
