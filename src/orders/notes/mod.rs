//! Notes of an order: what the seller's people wrote down, and messages with the buyer that they kept. The buyer doesn't see
//! them, and they stay as they were written.

pub mod routes;

use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::json;
use souk_entity::order_note::{self, NoteKind};
use souk_entity::{OrderId, OrderNoteId, Timestamp};

use crate::app::App;
use crate::audit;
use crate::error::{Error, Result};

use super::OrderAccess;

/// A note as the API asks for it.
struct NewNote {
    kind: NoteKind,
    text: String,
    /// When it was written or said. None: now.
    happened_at: Option<Timestamp>,
}

/// Adds a note to an order. A second call with the same id answers the same note.
///
/// # Errors
/// 403 for the buyer; a time in the future.
async fn create(
    app: &App,
    access: &OrderAccess,
    id: OrderNoteId,
    new: NewNote,
) -> Result<order_note::Model> {
    super::for_sellers(access)?;
    let stored = order_note::Entity::find_by_id(id.clone());
    if let Some(stored) = stored.one(&app.db.read).await? {
        return match stored.order_id == access.order.id {
            true => Ok(stored),
            false => Err(super::another_order()),
        };
    }
    let tx = app.db.begin_write().await?;
    let happened_at = new.happened_at.unwrap_or(tx.now());
    if happened_at > tx.now() {
        return Err(Error::invalid(
            "happened_at",
            "happened_at is in the future.",
        ));
    }
    let row = order_note::Model {
        id,
        order_id: access.order.id.clone(),
        kind: new.kind,
        text: new.text,
        happened_at,
        created_by: access.actor.clone(),
        created_at: tx.now(),
    };
    order_note::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let data = json!({ "order": row.order_id, "kind": row.kind });
    let (actor, id) = (&access.actor, row.id.as_ref());
    audit::record(&tx, actor, "order_note.created", id, data).await?;
    tx.commit().await?;
    Ok(row)
}

/// The notes of an order, in the order in which what they tell happened.
///
/// # Errors
/// The database failed.
pub async fn of_order<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
) -> Result<Vec<order_note::Model>> {
    let mut notes = order_note::Entity::find()
        .filter(order_note::Column::OrderId.eq(order.clone()))
        .order_by_asc(order_note::Column::Id)
        .all(db)
        .await?;
    notes.sort_by_key(|note| note.happened_at);
    Ok(notes)
}
