//! Orders: access to them, their states and their timelines.

pub mod files;
pub mod notes;
pub mod routes;
pub mod shipments;
mod view;

pub use view::{OrderView, view};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, JoinType,
    QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::{Value, json};
use souk_entity::order::{self, OrderStatus};
use souk_entity::{
    JsonText, OrderId, OrderLineId, dispute, order_event, order_line, payment_order,
};
use subtle::ConstantTimeEq;

use crate::app::App;
use crate::audit;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::identity::{Caller, MaybeCaller};
use crate::{ids, sellers};

use shipments::Carriage;

/// Somebody's relation to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its buyer, or a guest with its secret.
    Buyer,
    /// Its seller's owner.
    Seller,
    /// An admin.
    Admin,
}

/// An order, and the relation of somebody who may see it.
pub struct OrderAccess {
    /// The row.
    pub order: order::Model,
    /// Their relation to the order.
    pub side: Side,
    /// For the audit log: a user id, or `guest`.
    pub actor: String,
}

/// What somebody proves their access to an order by: a token, the `Order-Secret` header, or nothing.
pub struct Credentials {
    /// The user of the bearer token.
    pub caller: Option<Caller>,
    /// The `Order-Secret` header.
    pub secret: Option<String>,
}

impl Credentials {
    /// Whether there is a token or a secret.
    pub fn is_given(&self) -> bool {
        self.caller.is_some() || self.secret.is_some()
    }

    /// These, where a request must have some.
    ///
    /// # Errors
    /// 401 without a token and a secret.
    pub fn given(&self) -> Result<&Self> {
        match self.is_given() {
            true => Ok(self),
            false => Err(Error::Unauthenticated(
                "unauthenticated",
                "Log in, or send the Order-Secret header.",
            )),
        }
    }
}

impl FromRequestParts<App> for Credentials {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let MaybeCaller(caller) = MaybeCaller::from_request_parts(parts, app).await?;
        let secret = parts
            .headers
            .get("order-secret")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        Ok(Self { caller, secret })
    }
}

impl FromRequestParts<App> for OrderAccess {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let credentials = Credentials::from_request_parts(parts, app).await?;
        credentials.given()?;
        let crate::http::Path(id) =
            crate::http::Path::<OrderId>::from_request_parts(parts, app).await?;
        let order = order::Entity::find_by_id(id)
            .one(&app.db.read)
            .await?
            .ok_or(Error::NotFound("order"))?;
        access(&app.db.read, order, &credentials)
            .await?
            .ok_or(Error::NotFound("order"))
    }
}

/// The access of these credentials to an order. `None`: they give none.
pub async fn access<C: ConnectionTrait>(
    db: &C,
    order: order::Model,
    credentials: &Credentials,
) -> Result<Option<OrderAccess>> {
    if let (Some(secret), Some(hash)) = (&credentials.secret, &order.secret_hash)
        && bool::from(
            ids::sha256_hex(secret.as_bytes())
                .as_bytes()
                .ct_eq(hash.as_bytes()),
        )
    {
        return Ok(Some(OrderAccess {
            order,
            side: Side::Buyer,
            actor: "guest".to_owned(),
        }));
    }
    let Some(caller) = &credentials.caller else {
        return Ok(None);
    };
    let seller = sellers::find(db, &order.seller_id).await?;
    let side = if seller.is_some_and(|seller| seller.owner_id == *caller.id()) {
        Side::Seller
    } else if order.buyer_id.as_ref() == Some(caller.id()) {
        Side::Buyer
    } else if caller.is_admin() {
        Side::Admin
    } else {
        return Ok(None);
    };
    Ok(Some(OrderAccess {
        order,
        side,
        actor: caller.principal(),
    }))
}

/// What only the seller's side does: sending an order's goods, for instance.
///
/// # Errors
/// 403 for the buyer.
fn for_sellers(access: &OrderAccess) -> Result<()> {
    match access.side {
        Side::Buyer => Err(Error::Forbidden(
            "Only the order's seller or an admin may do this.",
        )),
        Side::Seller | Side::Admin => Ok(()),
    }
}

/// A line to be ordered, priced from the database.
pub struct PricedLine {
    /// The product.
    pub product: souk_entity::product::Model,
    /// What one of it costs once, in minor units.
    pub unit_amount: i64,
    /// Units.
    pub quantity: i64,
    /// Unit amount × quantity, in minor units.
    pub amount: i64,
}

/// Writes an order and its lines, and begins its timeline.
pub async fn place(tx: &Tx, order: &order::Model, lines: &[PricedLine]) -> Result<()> {
    order::Entity::insert(order.clone().into_active_model())
        .exec_without_returning(tx)
        .await?;
    let rows = lines
        .iter()
        .zip(0..)
        .map(|(line, position)| order_line::ActiveModel {
            id: Set(ids::new::<OrderLineId>(tx.now())),
            order_id: Set(order.id.clone()),
            position: Set(position),
            product_id: Set(line.product.id.clone()),
            name: Set(line.product.name.clone()),
            unit_amount: Set(line.unit_amount),
            quantity: Set(line.quantity),
            amount: Set(line.amount),
            ships_period: Set(false),
        });
    order_line::Entity::insert_many(rows)
        .exec_without_returning(tx)
        .await?;
    log(tx, &order.id, "created", json!({})).await
}

/// The lines of an order, by position.
pub async fn lines<C: ConnectionTrait>(db: &C, order: &OrderId) -> Result<Vec<order_line::Model>> {
    Ok(order_line::Entity::find()
        .filter(order_line::Column::OrderId.eq(order.clone()))
        .order_by_asc(order_line::Column::Position)
        .all(db)
        .await?)
}

/// Adds an entry to an order's timeline.
pub async fn log(tx: &Tx, order: &OrderId, kind: &str, data: Value) -> Result<()> {
    order_event::Entity::insert(order_event::ActiveModel {
        id: Set(ids::new(tx.now())),
        order_id: Set(order.clone()),
        at: Set(tx.now()),
        kind: Set(kind.to_owned()),
        data: Set(JsonText(data)),
    })
    .exec_without_returning(tx)
    .await?;
    Ok(())
}

/// Moves an order from one of the states `from` to `to`, with an entry in its timeline. `false`: it was in none of them,
/// and nothing was written.
pub async fn advance(
    tx: &Tx,
    order: &OrderId,
    from: &[OrderStatus],
    to: OrderStatus,
    data: Value,
) -> Result<bool> {
    use order::Column as C;
    let mut update = order::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(order.clone()))
        .filter(C::Status.is_in(from.iter().copied()));
    match to {
        OrderStatus::Paid => update = update.col_expr(C::PaidAt, Expr::value(tx.now())),
        OrderStatus::Cancelled | OrderStatus::CancelledSoldOut => {
            let reason = data["reason"].as_str().map(str::to_owned);
            update = update
                .col_expr(C::CancelledAt, Expr::value(tx.now()))
                .col_expr(C::CancelReason, Expr::value(reason));
        }
        OrderStatus::RefundDue => {
            let reason = data["reason"].as_str().map(str::to_owned);
            update = update.col_expr(C::RefundReason, Expr::value(reason));
        }
        _ => {}
    }
    if update.exec(tx).await?.rows_affected == 0 {
        return Ok(false);
    }
    log(tx, order, sea_orm::ActiveEnum::to_value(&to).as_str(), data).await?;
    Ok(true)
}

/// Takes `refunded` back, since a refund failed after it had succeeded. The timeline has that already; when it was paid and
/// why it was to be refunded stay.
pub async fn take_back_refunded(tx: &Tx, order: &OrderId, to: OrderStatus) -> Result<()> {
    use order::Column as C;
    order::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(order.clone()))
        .filter(C::Status.eq(OrderStatus::Refunded))
        .exec(tx)
        .await?;
    Ok(())
}

/// How an order is fulfilled.
struct NewFulfilment {
    tracking_number: Option<String>,
    note: Option<String>,
    despite_dispute: bool,
}

/// Marks a paid order as fulfilled, once: all that is left of it was sent, which is a shipment. A repetition answers the order
/// as it is.
///
/// # Errors
/// 403 for the buyer; `order_not_paid`; `order_disputed`, unless it is to be fulfilled all the same.
async fn fulfil(app: &App, access: OrderAccess, new: NewFulfilment) -> Result<order::Model> {
    for_sellers(&access)?;
    let id = access.order.id.clone();
    let tx = app.db.begin_write().await?;
    let order = shipments::lock(&tx, &id).await?;
    if order.fulfilled_at.is_some() {
        return Ok(order);
    }
    shipments::check_sendable(&tx, &order, new.despite_dispute).await?;
    let carriage = Carriage {
        tracking_number: new.tracking_number.clone(),
        note: new.note.clone(),
        ..Carriage::default()
    };
    let shipment = shipments::send_rest(&tx, &id, carriage, &access.actor).await?;
    shipments::mark_fulfilled(&tx, &id, new.tracking_number.as_deref()).await?;
    let mut data = json!({
        "note": new.note, "tracking_number": new.tracking_number, "shipment": shipment,
    });
    if new.despite_dispute {
        data["despite_dispute"] = json!(true);
    }
    log(&tx, &id, "fulfilled", data).await?;
    let (actor, data) = (&access.actor, json!({}));
    audit::record(&tx, actor, "order.fulfilled", id.as_ref(), data).await?;
    tx.commit().await?;
    let order = order::Entity::find_by_id(id).one(&app.db.read).await?;
    order.ok_or(Error::NotFound("order"))
}

/// An `Idempotency-Key` that made something of another order.
fn another_order() -> Error {
    Error::invalid_with(
        "idempotency_mismatch",
        "Idempotency-Key",
        "This Idempotency-Key was used for another order. Use a new key for a new request.",
    )
}

/// Whether a dispute of the order's payments may take its money, or has taken it. A payment may be of several orders.
async fn is_disputed(tx: &Tx, order: &OrderId) -> Result<bool> {
    let link = dispute::Entity::belongs_to(payment_order::Entity)
        .from(dispute::Column::PaymentId)
        .to(payment_order::Column::PaymentId);
    let dispute = dispute::Entity::find()
        .join(JoinType::InnerJoin, link.into())
        .filter(payment_order::Column::OrderId.eq(order.clone()))
        .filter(dispute::Column::Status.is_not_in(["won", "warning_closed"]))
        .one(tx)
        .await?;
    Ok(dispute.is_some())
}
