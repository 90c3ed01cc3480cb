//! Files of an order, such as messages with the buyer and proofs of delivery, for the seller's people and admins. They are kept
//! in the database, and nothing deletes them: a payment can be disputed for many months.

pub mod routes;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, try_unfold};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::json;
use souk_entity::order_file::{self, FileKind};
use souk_entity::{OrderFileId, OrderId, ShipmentId, order, order_file_content, shipment};

use crate::app::App;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::http::{FileBody, Path};
use crate::{audit, ids};

use super::shipments::lock;
use super::{Credentials, OrderAccess, access, for_sellers};

/// The most files of an order. Stripe takes at most 5 MB for a whole dispute.
const MOST: usize = 20;

/// A file that somebody may read.
struct FileAccess(order_file::Model);

impl FromRequestParts<App> for FileAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let credentials = Credentials::from_request_parts(parts, app).await?;
        credentials.given()?;
        let Path(id) = Path::<OrderFileId>::from_request_parts(parts, app).await?;
        let missing = || Error::NotFound("file");
        let file = order_file::Entity::find_by_id(id).one(&app.db.read).await?;
        let file = file.ok_or_else(missing)?;
        let order = order::Entity::find_by_id(file.order_id.clone());
        let order = order.one(&app.db.read).await?.ok_or_else(missing)?;
        let access = access(&app.db.read, order, &credentials).await?;
        for_sellers(&access.ok_or_else(missing)?)?;
        Ok(Self(file))
    }
}

/// Keeps a file with an order. The same bytes of the same kind are kept once, and the file that is there is the answer.
///
/// # Errors
/// `too_many_files`; a shipment that isn't the order's.
async fn keep(
    app: &App,
    access: &OrderAccess,
    kind: FileKind,
    shipment: Option<ShipmentId>,
    file: FileBody,
) -> Result<order_file::Model> {
    if let Some(id) = &shipment {
        let found = shipment::Entity::find_by_id(id.clone());
        let found = found.one(&app.db.read).await?;
        if found.is_none_or(|found| found.order_id != access.order.id) {
            return Err(Error::no_such("shipment", "shipment_id"));
        }
    }
    let sha256 = ids::sha256_hex(&file.bytes);
    let tx = app.db.begin_write().await?;
    lock(&tx, &access.order.id).await?;
    let kept = of_order(&tx, &access.order.id).await?;
    let mut same = kept.iter();
    if let Some(same) = same.find(|one| one.sha256 == sha256 && one.kind == kind) {
        return Ok(same.clone());
    }
    if kept.len() >= MOST {
        return Err(Error::conflict(
            "too_many_files",
            format!("An order has at most {MOST} files."),
        ));
    }
    let row = order_file::Model {
        id: ids::new(tx.now()),
        order_id: access.order.id.clone(),
        shipment_id: shipment,
        kind,
        content_type: file.content_type.to_owned(),
        size: i64::try_from(file.bytes.len()).map_err(|e| Error::internal(e.to_string()))?,
        sha256,
        created_by: access.actor.clone(),
        created_at: tx.now(),
    };
    order_file::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let content = order_file_content::Model {
        id: row.id.clone(),
        bytes: file.bytes.into(),
    };
    order_file_content::Entity::insert(content.into_active_model())
        .exec_without_returning(&tx)
        .await?;
    let data =
        json!({ "order": row.order_id, "kind": row.kind, "size": row.size, "sha256": row.sha256 });
    let (actor, id) = (&access.actor, row.id.as_ref());
    audit::record(&tx, actor, "order_file.created", id, data).await?;
    tx.commit().await?;
    Ok(row)
}

/// The files of an order, oldest first.
///
/// # Errors
/// The database failed.
pub async fn of_order<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
) -> Result<Vec<order_file::Model>> {
    Ok(order_file::Entity::find()
        .filter(order_file::Column::OrderId.eq(order.clone()))
        .order_by_asc(order_file::Column::Id)
        .all(db)
        .await?)
}

/// So many bytes of a file are in memory at a time.
const PART: i32 = 256 * 1024;

/// The bytes of a file, read from the database part by part. A part that can't be read is an error of the stream.
pub fn content(db: &Db, id: &OrderFileId) -> BoxStream<'static, Result<Bytes>> {
    let start = (db.read.clone(), id.clone(), 1);
    let parts = try_unfold(start, async |(db, id, from): (_, OrderFileId, i32)| {
        let part = Func::cust("substr")
            .arg(Expr::col(order_file_content::Column::Bytes))
            .arg(from)
            .arg(PART);
        let part: Option<Vec<u8>> = order_file_content::Entity::find_by_id(id.clone())
            .select_only()
            .expr_as(part, "part")
            .into_tuple()
            .one(&db)
            .await?;
        let part = part.ok_or(Error::NotFound("file"))?;
        let next = (!part.is_empty()).then(|| (part.into(), (db, id, from.saturating_add(PART))));
        Ok(next)
    });
    parts.boxed()
}
