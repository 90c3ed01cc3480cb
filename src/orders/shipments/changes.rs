//! What happens to a shipment after it was recorded: it arrives, is corrected, or is voided.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Map, Value, json};
use souk_entity::{OrderId, ShipmentId, Timestamp, order, shipment};

use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};

use super::{Carriage, ShipmentAccess, for_sellers, left, lock, log, of_order, tell_buyer};

/// What is corrected of a shipment's carriage. Each: none leaves it as it is, and a null takes it away.
#[derive(Default)]
pub struct Correction {
    pub carrier: Option<Option<String>>,
    pub tracking_number: Option<Option<String>>,
    pub tracking_url: Option<Option<String>>,
    pub delivery_url: Option<Option<String>>,
    pub note: Option<Option<String>>,
}

/// A shipment, its order locked until the transaction ends.
async fn locked(tx: &Tx, access: &ShipmentAccess) -> Result<(order::Model, shipment::Model)> {
    let order = lock(tx, &access.shipment.order_id).await?;
    Ok((order, find(tx, &access.shipment.id).await?))
}

async fn find(tx: &Tx, id: &ShipmentId) -> Result<shipment::Model> {
    let row = shipment::Entity::find_by_id(id.clone()).one(tx).await?;
    row.ok_or(Error::NotFound("shipment"))
}

fn refuse_voided(row: &shipment::Model) -> Result<()> {
    match row.voided_at {
        None => Ok(()),
        Some(_) => Err(Error::conflict(
            "shipment_voided",
            "This shipment was voided. Record a new one.",
        )),
    }
}

/// Records that a shipment arrived, once. A repetition answers it as it is.
///
/// # Errors
/// 403 for the buyer; `shipment_voided`; a time before it was sent, or in the future.
pub(super) async fn deliver(
    app: &App,
    access: &ShipmentAccess,
    at: Option<Timestamp>,
    proof: Option<String>,
) -> Result<shipment::Model> {
    use shipment::Column as C;
    for_sellers(&access.order)?;
    let at = at.unwrap_or_else(|| app.clock.now());
    if at > app.clock.now() || at < access.shipment.shipped_at {
        return Err(Error::invalid(
            "delivered_at",
            "delivered_at is between shipped_at and now.",
        ));
    }
    let tx = app.db.begin_write().await?;
    let (_, row) = locked(&tx, access).await?;
    refuse_voided(&row)?;
    if row.delivered_at.is_some() {
        return Ok(row);
    }
    shipment::Entity::update_many()
        .col_expr(C::DeliveredAt, Expr::value(at))
        .col_expr(C::DeliveryProof, Expr::value(proof.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .exec(&tx)
        .await?;
    let data = json!({ "shipment": row.id, "delivered_at": at, "delivery_proof": proof });
    log(&tx, &row.order_id, "delivered", data.clone()).await?;
    let (actor, id) = (&access.order.actor, row.id.as_ref());
    audit::record(&tx, actor, "shipment.delivered", id, data).await?;
    // What is delivered digitally is there as soon as the buyer has the link.
    if row.delivery_url.is_none() {
        tell_buyer(&tx, "order_delivered", &row.id).await?;
    }
    let row = find(&tx, &row.id).await?;
    tx.commit().await?;
    Ok(row)
}

/// Corrects how a shipment travels. The audit log keeps what it said before.
///
/// # Errors
/// 403 for the buyer; `shipment_voided`.
pub(super) async fn correct(
    app: &App,
    access: &ShipmentAccess,
    change: Correction,
) -> Result<shipment::Model> {
    use shipment::Column as C;
    for_sellers(&access.order)?;
    let tx = app.db.begin_write().await?;
    let (order, row) = locked(&tx, access).await?;
    refuse_voided(&row)?;
    let new = Carriage {
        carrier: change.carrier.unwrap_or_else(|| row.carrier.clone()),
        tracking_number: change
            .tracking_number
            .unwrap_or_else(|| row.tracking_number.clone()),
        tracking_url: change
            .tracking_url
            .unwrap_or_else(|| row.tracking_url.clone()),
        delivery_url: change
            .delivery_url
            .unwrap_or_else(|| row.delivery_url.clone()),
        note: change.note.unwrap_or_else(|| row.note.clone()),
    };
    let (from, to) = differences(&row, &new);
    if to.is_empty() {
        return Ok(row);
    }
    shipment::Entity::update_many()
        .col_expr(C::Carrier, Expr::value(new.carrier))
        .col_expr(C::TrackingNumber, Expr::value(new.tracking_number.clone()))
        .col_expr(C::TrackingUrl, Expr::value(new.tracking_url))
        .col_expr(C::DeliveryUrl, Expr::value(new.delivery_url))
        .col_expr(C::Note, Expr::value(new.note))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .exec(&tx)
        .await?;
    // The order has the number of the shipment that fulfilled it.
    if order.fulfilled_at.is_some() && order.tracking_number == row.tracking_number {
        set_tracking_number(&tx, &order.id, new.tracking_number).await?;
    }
    let data = json!({ "shipment": row.id, "from": from, "to": to });
    log(&tx, &row.order_id, "shipment_updated", data.clone()).await?;
    let (actor, id) = (&access.order.actor, row.id.as_ref());
    audit::record(&tx, actor, "shipment.updated", id, data).await?;
    let row = find(&tx, &row.id).await?;
    tx.commit().await?;
    Ok(row)
}

/// The fields that change, as they were and as they become.
fn differences(old: &shipment::Model, new: &Carriage) -> (Map<String, Value>, Map<String, Value>) {
    let (mut from, mut to) = (Map::new(), Map::new());
    for (name, before, after) in [
        ("carrier", &old.carrier, &new.carrier),
        (
            "tracking_number",
            &old.tracking_number,
            &new.tracking_number,
        ),
        ("tracking_url", &old.tracking_url, &new.tracking_url),
        ("delivery_url", &old.delivery_url, &new.delivery_url),
        ("note", &old.note, &new.note),
    ] {
        if before != after {
            from.insert(name.to_owned(), json!(before));
            to.insert(name.to_owned(), json!(after));
        }
    }
    (from, to)
}

async fn set_tracking_number(tx: &Tx, order: &OrderId, number: Option<String>) -> Result<()> {
    use order::Column as C;
    order::Entity::update_many()
        .col_expr(C::TrackingNumber, Expr::value(number))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(order.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Records that a shipment was never sent so. Its units can be sent again, and an order that it fulfilled isn't fulfilled any
/// more. A repetition answers it as it is.
///
/// # Errors
/// 403 for the buyer.
pub(super) async fn void(
    app: &App,
    access: &ShipmentAccess,
    reason: Option<String>,
) -> Result<shipment::Model> {
    use shipment::Column as C;
    for_sellers(&access.order)?;
    let tx = app.db.begin_write().await?;
    let (order, row) = locked(&tx, access).await?;
    if row.voided_at.is_some() {
        return Ok(row);
    }
    shipment::Entity::update_many()
        .col_expr(C::VoidedAt, Expr::value(tx.now()))
        .col_expr(C::VoidReason, Expr::value(reason.clone()))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(row.id.clone()))
        .exec(&tx)
        .await?;
    let data = json!({ "shipment": row.id, "reason": reason });
    log(&tx, &row.order_id, "shipment_voided", data.clone()).await?;
    let (actor, id) = (&access.order.actor, row.id.as_ref());
    audit::record(&tx, actor, "shipment.voided", id, data).await?;
    if order.fulfilled_at.is_some() {
        take_back_fulfilled(&tx, &order.id).await?;
    }
    let row = find(&tx, &row.id).await?;
    tx.commit().await?;
    Ok(row)
}

/// Takes back that an order is fulfilled, if something of it is left to be sent or nothing of it was sent.
async fn take_back_fulfilled(tx: &Tx, order: &OrderId) -> Result<()> {
    use order::Column as C;
    let sent = of_order(tx, order).await?;
    let is_left = left(tx, order).await?.values().any(|units| *units > 0);
    let number = sent
        .iter()
        .rev()
        .find_map(|one| one.tracking_number.clone());
    if !is_left && !sent.is_empty() {
        return set_tracking_number(tx, order, number).await;
    }
    order::Entity::update_many()
        .col_expr(C::FulfilledAt, Expr::value(None::<Timestamp>))
        .col_expr(C::TrackingNumber, Expr::value(None::<String>))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(order.clone()))
        .exec(tx)
        .await?;
    Ok(())
}
