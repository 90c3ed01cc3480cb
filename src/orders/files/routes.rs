//! Files of orders over HTTP.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::order_file::{self, FileKind};
use souk_entity::{OrderFileId, OrderId, ShipmentId, Timestamp};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, FILE_LIMIT, FileBody, Filters, List, NoFilters, Paginate, Unpaged};
use crate::orders::{OrderAccess, for_sellers};

use super::FileAccess;

/// The routes of files.
pub fn router() -> Router<App> {
    Router::new()
        .route(
            "/v1/orders/{id}/files",
            post(upload)
                .get(list)
                .layer(DefaultBodyLimit::max(FILE_LIMIT)),
        )
        .route("/v1/order_files/{id}", get(read))
        .route("/v1/order_files/{id}/content", get(content))
}

#[derive(Serialize)]
struct FileView {
    id: OrderFileId,
    object: &'static str,
    order_id: OrderId,
    shipment_id: Option<ShipmentId>,
    kind: FileKind,
    content_type: String,
    size: i64,
    sha256: String,
    created_by: String,
    created_at: Timestamp,
}

fn view(row: order_file::Model) -> FileView {
    FileView {
        id: row.id,
        object: "order_file",
        order_id: row.order_id,
        shipment_id: row.shipment_id,
        kind: row.kind,
        content_type: row.content_type,
        size: row.size,
        sha256: row.sha256,
        created_by: row.created_by,
        created_at: row.created_at,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    kind: FileKind,
    shipment_id: Option<ShipmentId>,
}

/// Who may keep files is asked before their bytes are read.
async fn upload(
    State(app): State<App>,
    access: OrderAccess,
    Unpaged(query, _): Unpaged<Upload>,
    request: Request,
) -> Result<Response> {
    for_sellers(&access)?;
    let file = FileBody::read(request).await?;
    let row = super::keep(&app, &access, query.kind, query.shipment_id, file).await?;
    Ok((StatusCode::CREATED, Json(view(row))).into_response())
}

async fn list(
    State(app): State<App>,
    access: OrderAccess,
    Filters(NoFilters {}, paging): Filters<NoFilters>,
) -> Answer<List<FileView>> {
    for_sellers(&access)?;
    let page = order_file::Entity::find()
        .filter(order_file::Column::OrderId.eq(access.order.id))
        .page(&paging, order_file::Column::Id, &app.db.read)
        .await?;
    Ok(Json(paging.list(page, view)))
}

async fn read(FileAccess(file): FileAccess) -> Json<FileView> {
    Json(view(file))
}

/// The bytes, to be saved and never shown: a browser runs what it believes to be a page or a PDF of ours.
async fn content(State(app): State<App>, FileAccess(file): FileAccess) -> Result<Response> {
    let content = Body::from_stream(super::content(&app.db, &file.id));
    let end = match file.content_type.as_str() {
        "application/pdf" => "pdf",
        "image/jpeg" => "jpg",
        _ => "png",
    };
    let name = format!("attachment; filename=\"{}.{end}\"", file.id);
    let name = HeaderValue::from_str(&name).map_err(|e| Error::internal(e.to_string()))?;
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (header::CONTENT_DISPOSITION, name),
        (header::CONTENT_LENGTH, HeaderValue::from(file.size)),
    ];
    Ok((headers, content).into_response())
}
