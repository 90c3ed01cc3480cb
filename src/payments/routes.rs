//! Checkout, refunds and cancelling over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{OrderId, PaymentId, RefundId, SellerId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, Filters, Keyed, List, Pages, Path, Valid, given};
use crate::identity::{Caller, MaybeCaller};
use crate::orders::{self, OrderAccess, OrderView, Proof};
use crate::sellers;

use super::{NewCheckout, Opened, open_checkout, pages, refunds, sessions, with_order};

/// The routes of checkout, refunds and the buyer's pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/checkout_sessions", post(create))
        .route("/v1/checkout_sessions/{id}", get(read))
        .route("/v1/checkout_sessions/{id}/expire", post(expire))
        .route("/v1/checkout_sessions/{id}/verify", post(verify))
        .route("/v1/orders/{id}/cancel", post(cancel))
        .route("/v1/refunds", post(create_refund).get(list_refunds))
        .route("/v1/refunds/{id}", get(read_refund))
        .merge(pages::router())
}

#[derive(Serialize)]
struct SessionResource {
    id: Option<String>,
    object: &'static str,
    order_id: OrderId,
    seller_id: SellerId,
    payment_id: PaymentId,
    livemode: bool,
    status: &'static str,
    payment_status: &'static str,
    url: Option<String>,
    currency: String,
    amount_subtotal: i64,
    amount_discount: Option<i64>,
    amount_total: Option<i64>,
    application_fee_amount: i64,
    allow_promotion_codes: bool,
    success_url: String,
    cancel_url: String,
    expires_at: Timestamp,
    created_at: Timestamp,
    order_secret: Option<String>,
}

impl From<Opened> for SessionResource {
    fn from(opened: Opened) -> Self {
        let Opened {
            payment,
            order,
            url,
            secret,
        } = opened;
        Self {
            object: "checkout_session",
            order_id: order.id,
            seller_id: order.seller_id,
            livemode: payment.livemode,
            status: session_status(payment.status),
            payment_status: match (payment.status, payment.amount_paid) {
                (PaymentStatus::Paid, Some(0)) => "no_payment_required",
                (PaymentStatus::Paid, _) => "paid",
                _ => "unpaid",
            },
            url: url.filter(|_| payment.status == PaymentStatus::Pending),
            currency: payment.currency,
            amount_subtotal: payment.amount_subtotal,
            amount_discount: payment.amount_discount,
            amount_total: payment.amount_paid,
            application_fee_amount: payment.application_fee,
            allow_promotion_codes: payment.allow_discounts,
            success_url: payment.success_url,
            cancel_url: payment.cancel_url,
            expires_at: payment.expires_at,
            created_at: payment.created_at,
            order_secret: secret,
            payment_id: payment.id,
            id: payment.stripe_object,
        }
    }
}

fn session_status(status: PaymentStatus) -> &'static str {
    match status {
        PaymentStatus::Pending => "open",
        PaymentStatus::Processing => "processing",
        PaymentStatus::Paid => "complete",
        PaymentStatus::Expired => "expired",
        PaymentStatus::Failed => "failed",
    }
}

async fn create(
    State(app): State<App>,
    MaybeCaller(buyer): MaybeCaller,
    request: Keyed<NewCheckout>,
) -> Result<Response> {
    // Guests share no name, so a guest's key counts together with the e-mail: nobody is answered another's secret.
    let principal = match &buyer {
        Some(caller) => caller.principal(),
        None => format!(
            "guest:{}",
            request.body().customer_email.as_deref().unwrap_or_default()
        ),
    };
    let may_resume = request.may_resume();
    let work = async |id, new| {
        Ok(SessionResource::from(
            open_checkout(&app, buyer.as_ref(), id, may_resume, new).await?,
        ))
    };
    request.once(&app, &principal, work).await
}

/// The payment of a session and its order, as far as the caller may see them.
async fn find(
    app: &App,
    session: &str,
    proof: &Proof,
) -> Result<(payment::Model, order::Model, Option<OrderAccess>)> {
    let (payment, order) = with_order(&app.db.read, session)
        .await?
        .ok_or(Error::NotFound("checkout session"))?;
    let access = orders::access(&app.db.read, order.clone(), proof).await?;
    Ok((payment, order, access))
}

#[derive(Serialize)]
struct SessionStatus {
    id: String,
    object: &'static str,
    status: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SessionAnswer {
    Whole(Box<SessionResource>),
    Status(SessionStatus),
}

async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    proof: Proof,
) -> Answer<SessionAnswer> {
    let (payment, order, access) = find(&app, &id, &proof).await?;
    Ok(Json(match access {
        Some(_) => SessionAnswer::Whole(Box::new(
            Opened {
                payment,
                order,
                url: None,
                secret: None,
            }
            .into(),
        )),
        None => SessionAnswer::Status(SessionStatus {
            id,
            object: "checkout_session_status",
            status: session_status(payment.status),
        }),
    }))
}

async fn expire(
    State(app): State<App>,
    Path(id): Path<String>,
    proof: Proof,
    Valid(Empty {}): Valid<Empty>,
) -> Answer<SessionResource> {
    if !proof.is_given() {
        return Err(Error::Unauthenticated(
            "unauthenticated",
            "Log in, or send the Order-Secret header.",
        ));
    }
    let (payment, order, access) = find(&app, &id, &proof).await?;
    let access = access.ok_or(Error::NotFound("checkout session"))?;
    let payment = sessions::expire(&app, &payment, &access.actor).await?;
    Ok(Json(
        Opened {
            payment,
            order,
            url: None,
            secret: None,
        }
        .into(),
    ))
}

#[derive(Serialize)]
struct Verification {
    object: &'static str,
    success: bool,
    status: OrderStatus,
    message: &'static str,
    order: Option<OrderView>,
}

async fn verify(
    State(app): State<App>,
    Path(id): Path<String>,
    proof: Proof,
    Valid(Empty {}): Valid<Empty>,
) -> Answer<Verification> {
    let stands = sessions::verify(&app, &id).await?;
    let order = match proof.is_given() {
        true => whole(&app, stands.order_id, &proof).await?,
        false => None,
    };
    Ok(Json(Verification {
        object: "verification",
        success: stands.status == OrderStatus::Paid,
        status: stands.status,
        message: message(stands.status, stands.refund_reason.as_deref()),
        order,
    }))
}

/// The order, for those who may see it.
async fn whole(app: &App, id: OrderId, proof: &Proof) -> Result<Option<OrderView>> {
    let order = order::Entity::find_by_id(id).one(&app.db.read).await?;
    let order = order.ok_or(Error::NotFound("order"))?;
    match orders::access(&app.db.read, order, proof).await? {
        Some(access) => Ok(Some(orders::view(&app.db.read, access.order).await?)),
        None => Ok(None),
    }
}

/// What is true, in a sentence that a buyer understands.
fn message(status: OrderStatus, refund_reason: Option<&str>) -> &'static str {
    match (status, refund_reason) {
        (OrderStatus::Pending, _) => "The payment is still being confirmed.",
        (OrderStatus::Processing, _) => "The payment is on its way; this method takes a few days.",
        (OrderStatus::Paid, _) => "The payment is confirmed.",
        (OrderStatus::RefundDue, Some("oversold")) => {
            "It sold out before your payment arrived. Your money is going back."
        }
        (OrderStatus::RefundDue, _) => {
            "The order had ended before your payment arrived. Your money is going back."
        }
        (OrderStatus::Refunded, Some("oversold")) => {
            "It sold out before your payment arrived. Your money has been refunded."
        }
        (OrderStatus::Refunded, Some(_)) => {
            "The order had ended before your payment arrived. Your money has been refunded."
        }
        (OrderStatus::Refunded, None) => "The order has been refunded.",
        (OrderStatus::Cancelled, _) => "The order was cancelled; nothing was charged.",
        (OrderStatus::CancelledSoldOut, _) => "It sold out; nothing was charged.",
        (OrderStatus::Expired, _) => "The checkout has expired; nothing was charged.",
        (OrderStatus::Failed, _) => "The payment failed; nothing was charged.",
    }
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    #[serde(default, deserialize_with = "given")]
    #[validate(length(max = 500, message = "reason has at most 500 characters."))]
    reason: Option<String>,
}

async fn cancel(
    State(app): State<App>,
    access: OrderAccess,
    Valid(new): Valid<Cancellation>,
) -> Answer<OrderView> {
    let order = sessions::cancel(&app, access, new.reason).await?;
    Ok(Json(orders::view(&app.db.read, order).await?))
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
    stripe_refund: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<refund::Model> for RefundResource {
    fn from(row: refund::Model) -> Self {
        Self {
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
            stripe_refund: row.stripe_refund,
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
    #[serde(default, deserialize_with = "given")]
    #[validate(range(
        min = 1,
        max = 99_999_999,
        message = "amount is 1 to 99999999 minor units."
    ))]
    amount: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    reason: Option<Reason>,
    #[serde(default, deserialize_with = "given")]
    #[validate(length(max = 500, message = "note has at most 500 characters."))]
    note: Option<String>,
}

async fn create_refund(
    State(app): State<App>,
    caller: Caller,
    request: Keyed<RefundCreate>,
) -> Result<Response> {
    let principal = caller.principal();
    let proof = Proof {
        caller: Some(caller),
        secret: None,
    };
    let work = async |id: RefundId, new: RefundCreate| {
        let access = order_for(&app, new.order_id, &proof).await?;
        let reason = new.reason.map(|reason| match reason {
            Reason::Duplicate => "duplicate".to_owned(),
            Reason::Fraudulent => "fraudulent".to_owned(),
            Reason::RequestedByCustomer => "requested_by_customer".to_owned(),
        });
        let new = refunds::NewRefund {
            amount: new.amount,
            reason,
            note: new.note,
        };
        Ok(RefundResource::from(
            refunds::request(&app, &access, id, new).await?,
        ))
    };
    request.once(&app, &principal, work).await
}

async fn order_for(app: &App, id: OrderId, proof: &Proof) -> Result<OrderAccess> {
    let none = || Error::no_such("order", "order_id");
    let order = order::Entity::find_by_id(id)
        .one(&app.db.read)
        .await?
        .ok_or_else(none)?;
    orders::access(&app.db.read, order, proof)
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

async fn list_refunds(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<RefundFilters>,
) -> Answer<List<RefundResource>> {
    use refund::Column as C;
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
        let proof = Proof {
            caller: Some(caller),
            secret: None,
        };
        let access = order_for(&app, id, &proof).await?;
        query = query.filter(C::OrderId.eq(access.order.id));
    } else if !scoped {
        let bought = sea_orm::QueryTrait::into_query(sea_orm::QuerySelect::column(
            sea_orm::QuerySelect::select_only(order::Entity::find())
                .filter(order::Column::BuyerId.eq(caller.id().clone())),
            order::Column::Id,
        ));
        query = query.filter(C::OrderId.in_subquery(bought));
    }
    let page = query.page(&paging, C::Id, &app.db.read).await?;
    Ok(Json(paging.list(page, RefundResource::from)))
}

async fn read_refund(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RefundId>,
) -> Answer<RefundResource> {
    let refund = refunds::find(&app.db.read, &id).await?;
    let order = order::Entity::find_by_id(refund.order_id.clone())
        .one(&app.db.read)
        .await?;
    let order = order.ok_or(Error::NotFound("refund"))?;
    let proof = Proof {
        caller: Some(caller),
        secret: None,
    };
    orders::access(&app.db.read, order, &proof)
        .await?
        .ok_or(Error::NotFound("refund"))?;
    Ok(Json(refund.into()))
}
