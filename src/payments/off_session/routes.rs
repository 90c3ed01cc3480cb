//! Charges on saved cards over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::EntityTrait;
use serde::Serialize;
use souk_entity::off_session_charge::ChargeState;
use souk_entity::payment::PaymentStatus;
use souk_entity::{CustomerId, OrderId, PaymentId, SellerId, Timestamp, order};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, IdempotentJson, Path};
use crate::identity::Caller;

use super::super::intents::declines::{Decline, LastError};
use super::{NewOffSessionPayment, OffSessionPayment};

/// The routes of charges on saved cards.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/off_session_payments", post(create))
        .route("/v1/off_session_payments/{id}", get(read))
}

#[derive(Serialize)]
struct OffSessionPaymentResource {
    id: PaymentId,
    object: &'static str,
    order_id: OrderId,
    seller_id: SellerId,
    customer_id: CustomerId,
    payment_method: String,
    payment_intent: Option<String>,
    livemode: bool,
    status: &'static str,
    currency: String,
    amount: i64,
    amount_received: i64,
    application_fee_amount: i64,
    tries: i32,
    next_try_at: Option<Timestamp>,
    advice_code: Option<String>,
    last_error: Option<LastError>,
    created_at: Timestamp,
}

/// What is true of the payment, and else what the charge waits for.
fn status(payment: PaymentStatus, charge: ChargeState) -> &'static str {
    match (payment, charge) {
        (PaymentStatus::Pending, ChargeState::NeedsBuyer) => "needs_buyer",
        (PaymentStatus::Pending, _) => "trying",
        (PaymentStatus::Processing | PaymentStatus::Authorized, _) => "processing",
        (PaymentStatus::Paid, _) => "succeeded",
        (PaymentStatus::Failed | PaymentStatus::Expired | PaymentStatus::Canceled, _) => "canceled",
    }
}

fn view(of: OffSessionPayment) -> OffSessionPaymentResource {
    let OffSessionPayment {
        charge,
        payment,
        order,
    } = of;
    let is_open = payment.status == PaymentStatus::Pending;
    let decline = payment.last_error.as_deref().and_then(Decline::read);
    OffSessionPaymentResource {
        object: "off_session_payment",
        order_id: order.id,
        seller_id: order.seller_id,
        customer_id: charge.customer_id,
        payment_method: charge.payment_method,
        payment_intent: payment.stripe_object,
        livemode: payment.livemode,
        status: status(payment.status, charge.state),
        currency: payment.currency,
        amount: payment.amount_subtotal,
        amount_received: payment.amount_paid.unwrap_or(0),
        application_fee_amount: payment.application_fee,
        tries: charge.tries,
        next_try_at: charge.next_try_at.filter(|_| is_open),
        advice_code: charge.advice,
        last_error: decline.filter(|_| is_open).map(LastError::of),
        created_at: payment.created_at,
        id: payment.id,
    }
}

async fn create(
    State(app): State<App>,
    caller: Caller,
    request: IdempotentJson<NewOffSessionPayment>,
) -> Result<Response> {
    let principal = caller.principal();
    let may_resume = request.may_resume();
    let work = async |id, new: NewOffSessionPayment| {
        Ok(view(super::open(&app, &caller, id, may_resume, new).await?))
    };
    request.once(&app, &principal, work).await
}

/// For the seller's owner and admins.
async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PaymentId>,
) -> Answer<OffSessionPaymentResource> {
    let missing = || Error::NotFound("off-session payment");
    let charge = super::charge_of(&app, &id).await?.ok_or_else(missing)?;
    let customer = super::charged_customer(&app, &caller, &charge.customer_id);
    customer.await.map_err(|e| match e {
        Error::NoSuch { .. } => missing(),
        e => e,
    })?;
    let payment = super::find(&app, &id).await?;
    let orders = super::super::shares::order_ids(&app.db.read, &id).await?;
    let order = match orders.into_iter().next() {
        Some(order) => order::Entity::find_by_id(order).one(&app.db.read).await?,
        None => None,
    };
    let order = order.ok_or_else(missing)?;
    Ok(Json(view(OffSessionPayment {
        charge,
        payment,
        order,
    })))
}
