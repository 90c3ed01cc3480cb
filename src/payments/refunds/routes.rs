//! Refunds over HTTP.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::sea_query::{SelectStatement, SimpleExpr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect, QueryTrait};
use serde::{Deserialize, Deserializer, Serialize};
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{
    OrderId, OrderLineId, PaymentId, RefundId, SellerId, Timestamp, order, refund_line,
    refund_order,
};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{
    Answer, Empty, Filters, IdempotentJson, List, Paginate, Path, ValidJson, deserialize_some,
    json_objects,
};
use crate::identity::Caller;
use crate::orders::{self, Credentials, OrderAccess};
use crate::{money, sellers};

use super::plan::{self, Preview};
use super::{NewRefund, find};

/// The routes of refunds.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/refunds", post(create).get(list))
        .route("/v1/refunds/preview", post(preview))
        .route("/v1/refunds/{id}", get(read))
        .route("/v1/refunds/{id}/cancel", post(cancel))
        .route(
            "/v1/refunds/{id}/settle_outside_stripe",
            post(settle_outside_stripe),
        )
}

#[derive(Serialize)]
struct RefundResource {
    id: RefundId,
    object: &'static str,
    order_id: OrderId,
    payment_id: PaymentId,
    seller_id: SellerId,
    amount: i64,
    currency: String,
    application_fee_refunded: Option<i64>,
    reason: Option<String>,
    note: Option<String>,
    origin: RefundOrigin,
    status: RefundStatus,
    failure_reason: Option<String>,
    pending_reason: Option<String>,
    /// What helps, in a sentence.
    pending_help: Option<&'static str>,
    instructions_email: Option<String>,
    stripe_refund: Option<String>,
    failed_at: Option<Timestamp>,
    settled_at: Option<Timestamp>,
    settled_note: Option<String>,
    restock: bool,
    lines: Vec<RefundLine>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What helps a refund that hasn't succeeded yet (docs.stripe.com/api/refunds/object#refund_object-pending_reason).
fn pending_help(status: RefundStatus, reason: Option<&str>) -> Option<&'static str> {
    match (status, reason) {
        (RefundStatus::RequiresAction, _) => Some(
            "Stripe has written to the buyer, who must say where the money is to go. Until then it can be canceled.",
        ),
        (RefundStatus::Pending, Some("insufficient_funds")) => Some(
            "The balance at Stripe doesn't suffice: the refund is made once it does, by the next sales or by money that is \
             added in the Stripe dashboard.",
        ),
        (RefundStatus::Pending, Some("charge_pending")) => Some(
            "The payment itself is still on its way: the refund is made once it has arrived. Nothing needs to be done.",
        ),
        (RefundStatus::Pending, Some("processing")) => {
            Some("The buyer's bank is at work, which may take days. Nothing needs to be done.")
        }
        _ => None,
    }
}

/// Units of an order line that a refund is for.
#[derive(Deserialize, Serialize, Validate)]
#[serde(deny_unknown_fields)]
struct RefundLine {
    order_line_id: OrderLineId,
    #[validate(range(min = 1, max = 999, message = "quantity is 1 to 999."))]
    quantity: i64,
}

/// The views of some refunds, in the same order.
async fn views(app: &App, rows: Vec<refund::Model>) -> Result<Vec<RefundResource>> {
    let ids: Vec<RefundId> = rows.iter().map(|row| row.id.clone()).collect();
    let mut lines: HashMap<_, Vec<_>> = HashMap::new();
    for line in super::lines::of_refunds(&app.db.read, &ids).await? {
        lines.entry(line.refund_id.clone()).or_default().push(line);
    }
    let view = |row: refund::Model| {
        let lines = lines.remove(&row.id).unwrap_or_default();
        RefundResource::of(row, lines)
    };
    Ok(rows.into_iter().map(view).collect())
}

async fn view(app: &App, row: refund::Model) -> Result<RefundResource> {
    let view = views(app, vec![row]).await?.pop();
    view.ok_or_else(|| Error::internal("a refund without a view"))
}

impl RefundResource {
    fn of(row: refund::Model, lines: Vec<refund_line::Model>) -> Self {
        let restock = lines.iter().any(|line| line.restock);
        let lines = lines.into_iter().map(|line| RefundLine {
            order_line_id: line.order_line_id,
            quantity: line.quantity,
        });
        Self {
            restock,
            lines: lines.collect(),
            id: row.id,
            object: "refund",
            order_id: row.order_id,
            payment_id: row.payment_id,
            seller_id: row.seller_id,
            amount: row.amount,
            currency: row.currency,
            application_fee_refunded: row.application_fee_refunded,
            reason: row.reason,
            note: row.note,
            origin: row.origin,
            status: row.status,
            failure_reason: row.failure_reason,
            pending_help: pending_help(row.status, row.pending_reason.as_deref()),
            pending_reason: row.pending_reason,
            instructions_email: row.instructions_email,
            stripe_refund: row.stripe_refund,
            failed_at: row.failed_at,
            settled_at: row.settled_at,
            settled_note: row.settled_note,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reason {
    Duplicate,
    Fraudulent,
    RequestedByCustomer,
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct RefundCreate {
    order_id: OrderId,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(
        min = 1,
        max = money::MAX_AMOUNT,
        message = "amount is 1 to 999999999999 minor units."
    ))]
    amount: Option<i64>,
    #[serde(default, deserialize_with = "deserialize_some")]
    reason: Option<Reason>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "note has at most 500 characters."))]
    note: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(email(message = "instructions_email is not an e-mail address."))]
    instructions_email: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    restock: Option<bool>,
    #[serde(default, deserialize_with = "some_lines")]
    #[validate(
        length(min = 1, max = 50, message = "lines has 1 to 50 lines."),
        nested
    )]
    lines: Option<Vec<RefundLine>>,
}

fn some_lines<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<RefundLine>>, D::Error> {
    json_objects(deserializer).map(Some)
}

impl RefundCreate {
    fn into_new(self) -> NewRefund {
        let reason = self.reason.map(|reason| match reason {
            Reason::Duplicate => "duplicate",
            Reason::Fraudulent => "fraudulent",
            Reason::RequestedByCustomer => "requested_by_customer",
        });
        let lines = self.lines.unwrap_or_default().into_iter();
        NewRefund {
            amount: self.amount,
            lines: lines
                .map(|line| (line.order_line_id, line.quantity))
                .collect(),
            restock: self.restock.unwrap_or(false),
            reason: reason.map(str::to_owned),
            note: self.note,
            instructions_email: self.instructions_email,
        }
    }
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<RefundCreate>,
) -> Result<Response> {
    let principal = caller.principal();
    let credentials = Credentials {
        caller: Some(caller),
        secret: None,
    };
    let work = async |id: RefundId, new: RefundCreate| {
        let access = order_for(&app, new.order_id.clone(), &credentials).await?;
        view(
            &app,
            super::request(&app, &access, id, new.into_new()).await?,
        )
        .await
    };
    request.once(&app, &principal, work).await
}

async fn preview(
    State(app): State<App>,
    caller: Caller,
    ValidJson(new): ValidJson<RefundCreate>,
) -> Answer<Preview> {
    let credentials = Credentials {
        caller: Some(caller),
        secret: None,
    };
    let access = order_for(&app, new.order_id.clone(), &credentials).await?;
    super::only_for_sellers(&access)?;
    Ok(Json(plan::preview(&app, &access, &new.into_new()).await?))
}

async fn cancel(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RefundId>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<RefundResource> {
    let (refund, access) = visible(&app, caller, &id).await?;
    let canceled = super::cancel(&app, &access, refund).await?;
    Ok(Json(view(&app, canceled).await?))
}

async fn order_for(app: &App, id: OrderId, credentials: &Credentials) -> Result<OrderAccess> {
    let none = || Error::no_such("order", "order_id");
    let order = order::Entity::find_by_id(id)
        .one(&app.db.read)
        .await?
        .ok_or_else(none)?;
    orders::access(&app.db.read, order, credentials)
        .await?
        .ok_or_else(none)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundFilters {
    order_id: Option<OrderId>,
    seller_id: Option<SellerId>,
    status: Option<RefundStatus>,
}

async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<RefundFilters>,
) -> Answer<List<RefundResource>> {
    use refund::Column as C;
    use refund_order::Column as P;
    let mut query = refund::Entity::find();
    if let Some(seller) = &filters.seller_id {
        sellers::owned(&app.db.read, &caller, seller, "seller_id").await?;
        query = query.filter(C::SellerId.eq(seller.clone()));
    }
    if let Some(status) = filters.status {
        query = query.filter(C::Status.eq(status));
    }
    let scoped = filters.seller_id.is_some() || caller.is_admin();
    if let Some(id) = filters.order_id {
        let credentials = Credentials {
            caller: Some(caller),
            secret: None,
        };
        let access = order_for(&app, id, &credentials).await?;
        query = query.filter(C::Id.in_subquery(of_orders(P::OrderId.eq(access.order.id))));
    } else if !scoped {
        let bought = order::Entity::find()
            .select_only()
            .column(order::Column::Id)
            .filter(order::Column::BuyerId.eq(caller.id().clone()));
        let bought = bought.into_query();
        query = query.filter(C::Id.in_subquery(of_orders(P::OrderId.in_subquery(bought))));
    }
    let (rows, has_more) = query.page(&paging, C::Id, &app.db.read).await?;
    let views = views(&app, rows).await?;
    Ok(Json(paging.list((views, has_more), |view| view)))
}

/// The refunds that return money of these orders.
fn of_orders(orders: SimpleExpr) -> SelectStatement {
    let refunds = refund_order::Entity::find()
        .select_only()
        .column(refund_order::Column::RefundId)
        .filter(orders);
    refunds.into_query()
}

async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RefundId>,
) -> Answer<RefundResource> {
    let (refund, _) = visible(&app, caller, &id).await?;
    Ok(Json(view(&app, refund).await?))
}

/// A refund, and the caller's access to its order.
async fn visible(app: &App, caller: Caller, id: &RefundId) -> Result<(refund::Model, OrderAccess)> {
    let refund = find(&app.db.read, id).await?;
    let order = order::Entity::find_by_id(refund.order_id.clone())
        .one(&app.db.read)
        .await?;
    let order = order.ok_or(Error::NotFound("refund"))?;
    let credentials = Credentials {
        caller: Some(caller),
        secret: None,
    };
    let access = orders::access(&app.db.read, order, &credentials).await?;
    Ok((refund, access.ok_or(Error::NotFound("refund"))?))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Settlement {
    #[validate(length(min = 1, max = 500, message = "note has 1 to 500 characters."))]
    note: String,
}

async fn settle_outside_stripe(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RefundId>,
    ValidJson(settlement): ValidJson<Settlement>,
) -> Answer<RefundResource> {
    let (_, access) = visible(&app, caller, &id).await?;
    let settled = super::settle_outside_stripe(&app, &access, &id, &settlement.note).await?;
    Ok(Json(view(&app, settled).await?))
}
