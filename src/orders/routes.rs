//! Orders over HTTP.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::order::{self, OrderStatus};
use souk_entity::{OrderEventId, OrderId, SellerId, Timestamp, order_event};
use validator::Validate;

use crate::app::App;
use crate::http::{Answer, Filters, List, NoFilters, Paginate, ValidJson, deserialize_some};
use crate::identity::Caller;
use crate::sellers;

use super::view::{OrderView, view, views};
use super::{NewFulfilment, OrderAccess};

/// Orders' routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/orders", get(list))
        .route("/v1/orders/{id}", get(read))
        .route("/v1/orders/{id}/timeline", get(timeline))
        .route("/v1/orders/{id}/fulfil", post(fulfil))
}

#[derive(Serialize)]
struct EventView {
    id: OrderEventId,
    object: &'static str,
    order_id: OrderId,
    r#type: String,
    data: serde_json::Value,
    created_at: Timestamp,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OrderFilters {
    status: Option<OrderStatus>,
    seller_id: Option<SellerId>,
    created_gte: Option<Timestamp>,
    created_lt: Option<Timestamp>,
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<OrderFilters>,
) -> Answer<List<OrderView>> {
    use order::Column as C;
    let mut query = order::Entity::find();
    if let Some(seller) = &filters.seller_id {
        sellers::owned(&app.db.read, &caller, seller, "seller_id").await?;
        query = query.filter(C::SellerId.eq(seller.clone()));
    } else if !caller.is_admin() {
        query = query.filter(C::BuyerId.eq(caller.id().clone()));
    }
    if let Some(status) = filters.status {
        query = query.filter(C::Status.eq(status));
    }
    if let Some(from) = filters.created_gte {
        query = query.filter(C::CreatedAt.gte(from));
    }
    if let Some(to) = filters.created_lt {
        query = query.filter(C::CreatedAt.lt(to));
    }
    let (rows, has_more) = query.page(&paging, C::Id, &app.db.read).await?;
    Ok(Json(paging.list(
        (views(&app.db.read, rows).await?, has_more),
        |view| view,
    )))
}

async fn read(State(app): State<App>, access: OrderAccess) -> Answer<OrderView> {
    Ok(Json(view(&app.db.read, access.order).await?))
}

async fn timeline(
    State(app): State<App>,
    access: OrderAccess,
    Filters(_, paging): Filters<NoFilters>,
) -> Answer<List<EventView>> {
    let page = order_event::Entity::find()
        .filter(order_event::Column::OrderId.eq(access.order.id))
        .page(&paging, order_event::Column::Id, &app.db.read)
        .await?;
    Ok(Json(paging.list(page, |event| EventView {
        id: event.id,
        object: "order_event",
        order_id: event.order_id,
        r#type: event.kind,
        data: event.data.0,
        created_at: event.at,
    })))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Fulfilment {
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "note has at most 500 characters."))]
    note: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 100,
        message = "tracking_number has 1 to 100 characters."
    ))]
    tracking_number: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    despite_dispute: Option<bool>,
}

async fn fulfil(
    State(app): State<App>,
    access: OrderAccess,
    ValidJson(new): ValidJson<Fulfilment>,
) -> Answer<OrderView> {
    let new = NewFulfilment {
        tracking_number: new.tracking_number,
        note: new.note,
        despite_dispute: new.despite_dispute.unwrap_or(false),
    };
    let order = super::fulfil(&app, access, new).await?;
    Ok(Json(view(&app.db.read, order).await?))
}
