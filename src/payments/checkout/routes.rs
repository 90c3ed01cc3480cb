//! Checkout Sessions over HTTP, and cancelling an order that one is open for.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::ColumnTrait;
use serde::{Deserialize, Serialize};
use souk_entity::order;
use souk_entity::payment::{self, CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::{OrderId, PaymentId, SellerId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, IdempotentJson, Path, ValidJson, deserialize_some};
use crate::identity::MaybeCaller;
use crate::orders::{self, Credentials, OrderAccess, OrderView};

use super::super::payment_with_order;
use super::super::sessions::verification::{self, Verification};
use super::super::sessions::{self, pages};
use super::origin::Origin;
use super::{Checkout, NewCheckout, idempotency_principal, open_checkout};

/// The routes of checkout and the buyer's pages.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/checkout_sessions", post(create))
        .route("/v1/checkout_sessions/{id}", get(read))
        .route("/v1/checkout_sessions/{id}/expire", post(expire))
        .route("/v1/checkout_sessions/{id}/verify", post(verify))
        .route("/v1/orders/{id}/cancel", post(cancel))
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
    capture_method: &'static str,
    /// The intent of money that is held until the seller captures it, and what can be captured until when.
    payment_intent: Option<String>,
    amount_capturable: Option<i64>,
    capture_before: Option<Timestamp>,
    allow_promotion_codes: bool,
    stripe_promotion_code: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    order_secret: Option<String>,
}

impl From<Checkout> for SessionResource {
    fn from(checkout: Checkout) -> Self {
        let Checkout {
            payment,
            order,
            url,
            secret,
            ..
        } = checkout;
        let is_manual = payment.capture_method == CaptureMethod::Manual;
        let is_held = payment.status == PaymentStatus::Authorized;
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
            capture_method: super::capture_method(payment.capture_method),
            payment_intent: payment.payment_intent.filter(|_| is_manual),
            amount_capturable: payment.amount_capturable,
            capture_before: payment.capture_before.filter(|_| is_held),
            allow_promotion_codes: payment.allow_discounts,
            stripe_promotion_code: payment.stripe_promotion_code,
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
        PaymentStatus::Authorized => "authorized",
        PaymentStatus::Paid => "complete",
        PaymentStatus::Expired => "expired",
        PaymentStatus::Failed => "failed",
        PaymentStatus::Canceled => "canceled",
    }
}

async fn create(
    State(app): State<App>,
    MaybeCaller(buyer): MaybeCaller,
    origin: Origin,
    request: IdempotentJson<NewCheckout>,
) -> Result<Response> {
    let principal = idempotency_principal(buyer.as_ref(), request.body().customer_email.as_deref());
    let may_resume = request.may_resume();
    let work = async |id, new: NewCheckout| {
        let new = NewCheckout { origin, ..new };
        Ok(SessionResource::from(
            open_checkout(&app, buyer.as_ref(), id, may_resume, new).await?,
        ))
    };
    request.once(&app, &principal, work).await
}

/// A session's payment and order, and the caller's access to the order.
async fn find(
    app: &App,
    session: &str,
    credentials: &Credentials,
) -> Result<(payment::Model, order::Model, Option<OrderAccess>)> {
    let of = payment::Column::StripeObject.eq(session);
    let found = payment_with_order(&app.db.read, of).await?;
    let found = found.filter(|(payment, _)| payment.kind == PaymentKind::Session);
    let (payment, order) = found.ok_or(Error::NotFound("checkout session"))?;
    let access = orders::access(&app.db.read, order.clone(), credentials).await?;
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
    Full(Box<SessionResource>),
    Status(SessionStatus),
}

async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
) -> Answer<SessionAnswer> {
    let (payment, order, access) = find(&app, &id, &credentials).await?;
    Ok(Json(match access {
        Some(_) => SessionAnswer::Full(Box::new(Checkout::as_stored(payment, order).into())),
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
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SessionResource> {
    let (payment, order, access) = find(&app, &id, credentials.given()?).await?;
    let access = access.ok_or(Error::NotFound("checkout session"))?;
    let payment = sessions::expire(&app, &payment, &access.actor).await?;
    Ok(Json(Checkout::as_stored(payment, order).into()))
}

async fn verify(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<Verification> {
    let verified = verification::verify(&app, PaymentKind::Session, &id, &credentials);
    verified.await.map(Json)
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct Cancellation {
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(length(max = 500, message = "reason has at most 500 characters."))]
    reason: Option<String>,
}

async fn cancel(
    State(app): State<App>,
    access: OrderAccess,
    ValidJson(new): ValidJson<Cancellation>,
) -> Answer<OrderView> {
    let order = sessions::cancel(&app, access, new.reason).await?;
    Ok(Json(orders::view(&app.db.read, order).await?))
}
