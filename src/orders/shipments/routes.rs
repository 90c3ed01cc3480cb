//! Shipments over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::{OrderLineId, ShipmentId, Timestamp, shipment};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Filters, IdempotentJson, List, NoFilters, Paginate, ValidJson, deserialize_some,
    json_objects, web_address,
};

use super::changes::{self, Correction};
use super::view::{ShipmentView, views};
use super::{Carriage, NewShipment, OrderAccess, ShipmentAccess};

/// Shipments' routes.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/orders/{id}/shipments", post(create).get(list))
        .route("/v1/shipments/{id}", get(read).patch(update))
        .route("/v1/shipments/{id}/deliver", post(deliver))
        .route("/v1/shipments/{id}/void", post(void))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ShipmentCreate {
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(min = 1, max = 100, message = "carrier has 1 to 100 characters."))]
    carrier: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 100,
        message = "tracking_number has 1 to 100 characters."
    ))]
    tracking_number: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    tracking_url: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    delivery_url: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "note has at most 500 characters."))]
    note: Option<String>,
    #[serde(default, deserialize_with = "some_lines")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    lines: Option<Vec<ShipmentLine>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    shipped_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_some")]
    despite_dispute: Option<bool>,
}

#[derive(Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct ShipmentLine {
    order_line_id: OrderLineId,
    #[validate(range(min = 1, max = 999, message = "quantity is 1 to 999."))]
    quantity: i64,
}

fn some_lines<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<ShipmentLine>>, D::Error> {
    json_objects(deserializer).map(Some)
}

async fn create(
    State(app): State<App>,
    access: OrderAccess,
    request: IdempotentJson<ShipmentCreate>,
) -> Result<Response> {
    let actor = access.actor.clone();
    let make = async |id: ShipmentId, body: ShipmentCreate| {
        let address = |param, given: Option<String>| {
            let given = given.map(|given| web_address(param, &given));
            given.transpose()
        };
        let lines = body.lines.map(|lines| {
            let lines = lines.into_iter();
            lines.map(|line| (line.order_line_id, line.quantity))
        });
        let new = NewShipment {
            carriage: Carriage {
                carrier: body.carrier,
                tracking_number: body.tracking_number,
                tracking_url: address("tracking_url", body.tracking_url)?,
                delivery_url: address("delivery_url", body.delivery_url)?,
                note: body.note,
            },
            lines: lines.map(Iterator::collect),
            shipped_at: body.shipped_at,
            despite_dispute: body.despite_dispute.unwrap_or(false),
        };
        let row = super::create(&app, &access, id, new).await?;
        view(&app, row).await
    };
    request.once(&app, &actor, make).await
}

async fn view(app: &App, row: shipment::Model) -> Result<ShipmentView> {
    let view = views(&app.db.read, vec![row]).await?.pop();
    view.ok_or_else(|| Error::internal("a shipment without a view"))
}

async fn list(
    State(app): State<App>,
    access: OrderAccess,
    Filters(NoFilters {}, paging): Filters<NoFilters>,
) -> Answer<List<ShipmentView>> {
    let (rows, has_more) = shipment::Entity::find()
        .filter(shipment::Column::OrderId.eq(access.order.id))
        .page(&paging, shipment::Column::Id, &app.db.read)
        .await?;
    let views = views(&app.db.read, rows).await?;
    Ok(Json(paging.list((views, has_more), |view| view)))
}

async fn read(State(app): State<App>, access: ShipmentAccess) -> Answer<ShipmentView> {
    Ok(Json(view(&app, access.shipment).await?))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct ShipmentUpdate {
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(min = 1, max = 100, message = "carrier has 1 to 100 characters."))]
    carrier: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 100,
        message = "tracking_number has 1 to 100 characters."
    ))]
    tracking_number: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    tracking_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    delivery_url: Option<Option<String>>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "note has at most 500 characters."))]
    note: Option<Option<String>>,
}

async fn update(
    State(app): State<App>,
    access: ShipmentAccess,
    ValidJson(body): ValidJson<ShipmentUpdate>,
) -> Answer<ShipmentView> {
    let address = |param, given: Option<Option<String>>| match given {
        Some(Some(given)) => web_address(param, &given).map(|url| Some(Some(url))),
        given => Ok(given),
    };
    let change = Correction {
        carrier: body.carrier,
        tracking_number: body.tracking_number,
        tracking_url: address("tracking_url", body.tracking_url)?,
        delivery_url: address("delivery_url", body.delivery_url)?,
        note: body.note,
    };
    let row = changes::correct(&app, &access, change).await?;
    Ok(Json(view(&app, row).await?))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Delivery {
    #[serde(default, deserialize_with = "deserialize_some")]
    delivered_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(
        min = 1,
        max = 500,
        message = "delivery_proof has 1 to 500 characters."
    ))]
    delivery_proof: Option<String>,
}

async fn deliver(
    State(app): State<App>,
    access: ShipmentAccess,
    ValidJson(body): ValidJson<Delivery>,
) -> Answer<ShipmentView> {
    let (at, proof) = (body.delivered_at, body.delivery_proof);
    let row = changes::deliver(&app, &access, at, proof).await?;
    Ok(Json(view(&app, row).await?))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Void {
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "reason has at most 500 characters."))]
    reason: Option<String>,
}

async fn void(
    State(app): State<App>,
    access: ShipmentAccess,
    ValidJson(body): ValidJson<Void>,
) -> Answer<ShipmentView> {
    let row = changes::void(&app, &access, body.reason).await?;
    Ok(Json(view(&app, row).await?))
}
