//! Shipments: what of an order was sent to its buyer, in how many parts, how, and whether it arrived. A digital delivery is
//! one, too.

mod changes;
pub mod routes;
mod view;

pub use view::{ShipmentView, ShipmentsOfOrders};

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::FromRequestParts;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, JoinType, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use souk_entity::order::{self, OrderStatus};
use souk_entity::refund::{self, RefundStatus};
use souk_entity::{
    OrderId, OrderLineId, ShipmentId, Timestamp, payment_order, refund_line, refund_order,
    shipment, shipment_line,
};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::http::Path;
use crate::jobs::{self, Job, Recipient};
use crate::{audit, ids, money};

use super::{Credentials, OrderAccess, access, for_sellers, is_disputed, lines, log};

/// How a shipment travels, and how its way can be followed.
#[derive(Clone, Debug, Default)]
pub(super) struct Carriage {
    pub carrier: Option<String>,
    pub tracking_number: Option<String>,
    pub tracking_url: Option<String>,
    /// Where the buyer gets what is delivered digitally.
    pub delivery_url: Option<String>,
    /// The buyer can read it.
    pub note: Option<String>,
}

/// A shipment as the API asks for it.
pub(super) struct NewShipment {
    pub carriage: Carriage,
    /// None: all that is left to be sent.
    pub lines: Option<Vec<(OrderLineId, i64)>>,
    /// None: now.
    pub shipped_at: Option<Timestamp>,
    pub despite_dispute: bool,
}

/// A shipment, and the access of somebody to its order.
pub struct ShipmentAccess {
    /// The row.
    pub shipment: shipment::Model,
    /// To its order.
    pub order: OrderAccess,
}

impl FromRequestParts<App> for ShipmentAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, app: &App) -> Result<Self> {
        let credentials = Credentials::from_request_parts(parts, app).await?;
        credentials.given()?;
        let Path(id) = Path::<ShipmentId>::from_request_parts(parts, app).await?;
        let missing = || Error::NotFound("shipment");
        let shipment = shipment::Entity::find_by_id(id).one(&app.db.read).await?;
        let shipment = shipment.ok_or_else(missing)?;
        let order = order::Entity::find_by_id(shipment.order_id.clone());
        let order = order.one(&app.db.read).await?.ok_or_else(missing)?;
        let order = access(&app.db.read, order, &credentials).await?;
        Ok(Self {
            shipment,
            order: order.ok_or_else(missing)?,
        })
    }
}

/// An order by its id, locked until the transaction ends.
pub(super) async fn lock(tx: &Tx, id: &OrderId) -> Result<order::Model> {
    let order = order::Entity::find_by_id(id.clone());
    let order = order.lock_exclusive().one(tx).await?;
    order.ok_or(Error::NotFound("order"))
}

/// Records that goods of an order were sent, and tells the buyer. A second call with the same id answers the same shipment.
/// The shipment of the last goods fulfils the order.
///
/// # Errors
/// 403 for the buyer; `order_fulfilled`, `order_not_paid`, `order_disputed`; lines that aren't the order's, or more units
/// than are left to be sent.
pub(super) async fn create(
    app: &App,
    access: &OrderAccess,
    id: ShipmentId,
    new: NewShipment,
) -> Result<shipment::Model> {
    for_sellers(access)?;
    let order_id = &access.order.id;
    let stored = shipment::Entity::find_by_id(id.clone());
    if let Some(stored) = stored.one(&app.db.read).await? {
        return if stored.order_id == *order_id {
            Ok(stored)
        } else {
            Err(super::another_order())
        };
    }
    if let Some(wanted) = &new.lines {
        check_lines(&app.db.read, order_id, wanted).await?;
    }
    let shipped_at = check_shipped_at(new.shipped_at, &access.order, app.clock.now())?;
    let tx = app.db.begin_write().await?;
    let order = lock(&tx, order_id).await?;
    if order.fulfilled_at.is_some() {
        return Err(Error::conflict(
            "order_fulfilled",
            "All of this order was sent already. To correct what was recorded, void that shipment first.",
        ));
    }
    check_sendable(&tx, &order, new.despite_dispute).await?;
    let left = left(&tx, order_id).await?;
    let units = match new.lines {
        None => rest(&left)?,
        Some(wanted) => chosen(wanted, &left)?,
    };
    let row = insert(
        &tx,
        id,
        order_id,
        new.carriage,
        &units,
        shipped_at,
        &access.actor,
    )
    .await?;
    let data = timeline_data(&row, &units, new.despite_dispute);
    log(&tx, order_id, "shipped", data.clone()).await?;
    audit::record(
        &tx,
        &access.actor,
        "shipment.created",
        row.id.as_ref(),
        data,
    )
    .await?;
    let sent = |line: &OrderLineId| units.get(line).copied().unwrap_or(0);
    if left.iter().all(|(line, units)| *units <= sent(line)) {
        mark_fulfilled(&tx, order_id, row.tracking_number.as_deref()).await?;
        log(&tx, order_id, "fulfilled", json!({ "shipment": row.id })).await?;
    }
    tx.commit().await?;
    Ok(row)
}

/// Sends all that is left of an order that is being fulfilled, and tells the buyer. None: nothing is left. The caller has
/// locked the order.
///
/// # Errors
/// The database failed.
pub(super) async fn send_rest(
    tx: &Tx,
    order: &OrderId,
    carriage: Carriage,
    actor: &str,
) -> Result<Option<ShipmentId>> {
    let left = left(tx, order).await?;
    let Ok(units) = rest(&left) else {
        return Ok(None);
    };
    let id = ids::new(tx.now());
    let row = insert(tx, id, order, carriage, &units, tx.now(), actor).await?;
    Ok(Some(row.id))
}

/// Writes a shipment and its lines, and stages the mail to the buyer.
async fn insert(
    tx: &Tx,
    id: ShipmentId,
    order: &OrderId,
    carriage: Carriage,
    units: &BTreeMap<OrderLineId, i64>,
    shipped_at: Timestamp,
    actor: &str,
) -> Result<shipment::Model> {
    let row = shipment::Model {
        id: id.clone(),
        order_id: order.clone(),
        carrier: carriage.carrier,
        tracking_number: carriage.tracking_number,
        tracking_url: carriage.tracking_url,
        delivery_url: carriage.delivery_url,
        note: carriage.note,
        shipped_at,
        delivered_at: None,
        delivery_proof: None,
        voided_at: None,
        void_reason: None,
        created_by: actor.to_owned(),
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    shipment::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(tx)
        .await?;
    let rows = units.iter().map(|(line, quantity)| {
        let row = shipment_line::Model {
            shipment_id: id.clone(),
            order_line_id: line.clone(),
            quantity: *quantity,
        };
        row.into_active_model()
    });
    shipment_line::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    tell_buyer(tx, "order_shipped", &row.id).await?;
    Ok(row)
}

/// Stages a mail about a shipment. There is one of each kind.
async fn tell_buyer(tx: &Tx, what: &str, shipment: &ShipmentId) -> Result<()> {
    let mail = Job::Mail {
        what: what.to_owned(),
        to: Recipient::Buyer,
        about: shipment.to_string(),
    };
    jobs::stage(tx, &mail).await
}

/// What a timeline says of a shipment.
fn timeline_data(
    row: &shipment::Model,
    units: &BTreeMap<OrderLineId, i64>,
    despite_dispute: bool,
) -> Value {
    let units = units
        .iter()
        .map(|(line, quantity)| json!({ "order_line_id": line, "quantity": quantity }));
    let mut data = json!({
        "shipment": row.id, "carrier": row.carrier, "tracking_number": row.tracking_number,
        "digital": row.delivery_url.is_some(), "shipped_at": row.shipped_at, "lines": units.collect::<Vec<_>>(),
    });
    if despite_dispute {
        data["despite_dispute"] = json!(true);
    }
    data
}

/// Writes that all of an order was sent.
pub(super) async fn mark_fulfilled(
    tx: &Tx,
    order: &OrderId,
    tracking_number: Option<&str>,
) -> Result<()> {
    use order::Column as C;
    order::Entity::update_many()
        .col_expr(C::FulfilledAt, Expr::value(tx.now()))
        .col_expr(C::TrackingNumber, Expr::value(tracking_number))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(order.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Checks that an order's goods may be sent.
///
/// # Errors
/// `order_not_paid`; `order_disputed`, unless it is to be sent all the same.
pub(super) async fn check_sendable(
    tx: &Tx,
    order: &order::Model,
    despite_dispute: bool,
) -> Result<()> {
    // Whoever ships first captures the money that is held when the goods are on their way.
    if !matches!(order.status, OrderStatus::Paid | OrderStatus::Authorized) {
        return Err(Error::conflict(
            "order_not_paid",
            "Only an order that is paid, or whose money is held, can be fulfilled.",
        ));
    }
    if goes_back(tx, &order.id).await? {
        return Err(Error::conflict(
            "order_not_paid",
            "All that was paid for this order is on its way back to the buyer.",
        ));
    }
    if !despite_dispute && is_disputed(tx, &order.id).await? {
        return Err(Error::conflict(
            "order_disputed",
            "The buyer has disputed the payment with their bank, so its money may be gone. To fulfil the order all the \
             same, send despite_dispute: true.",
        ));
    }
    Ok(())
}

/// Refunds that ended without money going back.
const UNSUCCESSFUL: [RefundStatus; 3] = [
    RefundStatus::Failed,
    RefundStatus::Canceled,
    RefundStatus::Blocked,
];

/// Whether refunds that may still succeed return all the money of an order. The order is still paid until they have.
async fn goes_back(tx: &Tx, order: &OrderId) -> Result<bool> {
    let of = refund_order::Entity::belongs_to(refund::Entity)
        .from(refund_order::Column::RefundId)
        .to(refund::Column::Id);
    let back = refund_order::Entity::find()
        .filter(refund_order::Column::OrderId.eq(order.clone()))
        .join(JoinType::InnerJoin, of.into())
        .filter(refund::Column::Status.is_not_in(UNSUCCESSFUL))
        .all(tx)
        .await?;
    let back = back.iter().map(|row| row.amount).try_fold(0, money::add)?;
    if back == 0 {
        return Ok(false);
    }
    let shares = payment_order::Entity::find()
        .filter(payment_order::Column::OrderId.eq(order.clone()))
        .all(tx)
        .await?;
    let paid = shares.iter().filter_map(|share| share.amount_paid);
    Ok(back >= paid.into_iter().try_fold(0, money::add)?)
}

/// The units of each line that can still be sent: what was bought, less what was sent and what is refunded by line. A unit
/// that was sent and came back counts for both, and so never lets more be sent than was bought.
///
/// # Errors
/// The database failed.
pub(super) async fn left(tx: &Tx, order: &OrderId) -> Result<BTreeMap<OrderLineId, i64>> {
    let lines = lines(tx, order).await?;
    let ids: Vec<OrderLineId> = lines.iter().map(|line| line.id.clone()).collect();
    let shipments = ShipmentsOfOrders::find(tx, std::slice::from_ref(order)).await?;
    let of = refund_line::Entity::belongs_to(refund::Entity)
        .from(refund_line::Column::RefundId)
        .to(refund::Column::Id);
    let refunded = refund_line::Entity::find()
        .filter(refund_line::Column::OrderLineId.is_in(ids))
        .join(JoinType::InnerJoin, of.into())
        .filter(
            Condition::any()
                .add(refund::Column::Status.is_not_in(UNSUCCESSFUL))
                .add(refund::Column::SettledAt.is_not_null()),
        )
        .all(tx)
        .await?;
    let mut left = BTreeMap::new();
    for line in lines {
        let refunded = refunded.iter().filter(|row| row.order_line_id == line.id);
        let refunded = refunded.map(|row| row.quantity).try_fold(0, money::add)?;
        let gone = money::add(shipments.sent(&line.id)?, refunded)?;
        let units = money::sub(line.quantity, gone)?;
        left.insert(line.id, std::cmp::max(units, 0));
    }
    Ok(left)
}

fn exceeds(param: String, left: i64) -> Error {
    Error::Conflict {
        code: "shipment_exceeds_ordered",
        param: Some(param),
        message: format!(
            "Only {left} can still be sent: what was bought, and was neither sent nor refunded."
        ),
    }
}

/// All that is left.
fn rest(left: &BTreeMap<OrderLineId, i64>) -> Result<BTreeMap<OrderLineId, i64>> {
    let rest = left.iter().filter(|(_, units)| **units > 0);
    let rest: BTreeMap<_, _> = rest.map(|(line, units)| (line.clone(), *units)).collect();
    match rest.is_empty() {
        true => Err(exceeds("lines".to_owned(), 0)),
        false => Ok(rest),
    }
}

/// The units that were asked for, if they are left.
fn chosen(
    wanted: Vec<(OrderLineId, i64)>,
    left: &BTreeMap<OrderLineId, i64>,
) -> Result<BTreeMap<OrderLineId, i64>> {
    for ((line, quantity), at) in wanted.iter().zip(0..) {
        let left = left.get(line).copied().unwrap_or(0);
        if *quantity > left {
            return Err(exceeds(format!("lines[{at}].quantity"), left));
        }
    }
    Ok(wanted.into_iter().collect())
}

/// Checks that the lines are the order's, each named once.
async fn check_lines<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
    wanted: &[(OrderLineId, i64)],
) -> Result<()> {
    let lines = lines(db, order).await?;
    let mut seen = BTreeSet::new();
    for ((id, _), at) in wanted.iter().zip(0..) {
        let param = format!("lines[{at}].order_line_id");
        if !lines.iter().any(|line| line.id == *id) {
            return Err(Error::no_such("order line", param));
        }
        if !seen.insert(id) {
            let twice = "lines names a line of the order twice.";
            return Err(Error::invalid(param, twice));
        }
    }
    Ok(())
}

/// When something was sent: now, or a time between the order and now.
fn check_shipped_at(
    given: Option<Timestamp>,
    order: &order::Model,
    now: Timestamp,
) -> Result<Timestamp> {
    match given {
        None => Ok(now),
        Some(at) if at > now => Err(Error::invalid(
            "shipped_at",
            "shipped_at is in the future. Record a shipment once it is on its way.",
        )),
        Some(at) if at < order.created_at => Err(Error::invalid(
            "shipped_at",
            "shipped_at is before the order was made.",
        )),
        Some(at) => Ok(at),
    }
}

/// Whether some of an order was sent.
///
/// # Errors
/// The database failed.
pub async fn any<C: ConnectionTrait>(db: &C, order: &OrderId) -> Result<bool> {
    let first = shipment::Entity::find()
        .filter(shipment::Column::OrderId.eq(order.clone()))
        .filter(shipment::Column::VoidedAt.is_null())
        .one(db)
        .await?;
    Ok(first.is_some())
}

/// The shipments of an order that were not voided, oldest first.
///
/// # Errors
/// The database failed.
pub async fn of_order<C: ConnectionTrait>(db: &C, order: &OrderId) -> Result<Vec<shipment::Model>> {
    Ok(shipment::Entity::find()
        .filter(shipment::Column::OrderId.eq(order.clone()))
        .filter(shipment::Column::VoidedAt.is_null())
        .order_by_asc(shipment::Column::Id)
        .all(db)
        .await?)
}

/// The names of the goods of a shipment, with their units.
///
/// # Errors
/// The database failed.
pub async fn goods<C: ConnectionTrait>(
    db: &C,
    shipment: &shipment::Model,
) -> Result<Vec<(String, i64)>> {
    let units = shipment_line::Entity::find()
        .filter(shipment_line::Column::ShipmentId.eq(shipment.id.clone()))
        .all(db)
        .await?;
    let lines = lines(db, &shipment.order_id).await?;
    let units_of = |line: &OrderLineId| units.iter().find(|one| one.order_line_id == *line);
    let goods = lines.into_iter().filter_map(|line| {
        let units = units_of(&line.id)?.quantity;
        Some((line.name, units))
    });
    Ok(goods.collect())
}
