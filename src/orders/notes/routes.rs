//! Notes of orders over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::post;
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::order_note::{self, NoteKind};
use souk_entity::{OrderId, OrderNoteId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::error::Result;
use crate::http::{Answer, Filters, IdempotentJson, List, NoFilters, Paginate, deserialize_some};
use crate::orders::{OrderAccess, for_sellers};

use super::NewNote;

/// The routes of notes.
pub fn router() -> Router<App> {
    Router::new().route("/v1/orders/{id}/notes", post(create).get(list))
}

#[derive(Serialize)]
struct NoteView {
    id: OrderNoteId,
    object: &'static str,
    order_id: OrderId,
    kind: NoteKind,
    text: String,
    happened_at: Timestamp,
    created_by: String,
    created_at: Timestamp,
}

fn view(row: order_note::Model) -> NoteView {
    NoteView {
        id: row.id,
        object: "order_note",
        order_id: row.order_id,
        kind: row.kind,
        text: row.text,
        happened_at: row.happened_at,
        created_by: row.created_by,
        created_at: row.created_at,
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct NoteCreate {
    kind: NoteKind,
    #[validate(length(min = 1, max = 5000, message = "text has 1 to 5000 characters."))]
    text: String,
    #[serde(default, deserialize_with = "deserialize_some")]
    happened_at: Option<Timestamp>,
}

async fn create(
    State(app): State<App>,
    access: OrderAccess,
    request: IdempotentJson<NoteCreate>,
) -> Result<Response> {
    let actor = access.actor.clone();
    let make = async |id: OrderNoteId, body: NoteCreate| {
        let new = NewNote {
            kind: body.kind,
            text: body.text,
            happened_at: body.happened_at,
        };
        super::create(&app, &access, id, new).await.map(view)
    };
    request.once(&app, &actor, make).await
}

async fn list(
    State(app): State<App>,
    access: OrderAccess,
    Filters(NoFilters {}, paging): Filters<NoFilters>,
) -> Answer<List<NoteView>> {
    for_sellers(&access)?;
    let page = order_note::Entity::find()
        .filter(order_note::Column::OrderId.eq(access.order.id))
        .page(&paging, order_note::Column::Id, &app.db.read)
        .await?;
    Ok(Json(paging.list(page, view)))
}
