//! Checkout Sessions over HTTP, and cancelling an order that one is open for.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::EntityTrait;
use serde::{Deserialize, Serialize};
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, PaymentStatus};
use souk_entity::{OrderId, PaymentId, SellerId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, IdempotentJson, Path, ValidJson, deserialize_some};
use crate::identity::MaybeCaller;
use crate::orders::{self, Credentials, OrderAccess, OrderView};

use super::super::payment_with_order;
use super::super::sessions::{self, CheckoutStatus, pages};
use super::origin::Origin;
use super::{Checkout, NewCheckout, open_checkout};

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
        } = checkout;
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
    // Guests have no id, so a guest's key counts together with the e-mail: nobody gets another guest's secret.
    let principal = match &buyer {
        Some(caller) => caller.principal(),
        None => format!(
            "guest:{}",
            request.body().customer_email.as_deref().unwrap_or_default()
        ),
    };
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
    let (payment, order) = payment_with_order(&app.db.read, session)
        .await?
        .ok_or(Error::NotFound("checkout session"))?;
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
        Some(_) => SessionAnswer::Full(Box::new(
            Checkout {
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
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SessionResource> {
    if !credentials.is_given() {
        return Err(Error::Unauthenticated(
            "unauthenticated",
            "Log in, or send the Order-Secret header.",
        ));
    }
    let (payment, order, access) = find(&app, &id, &credentials).await?;
    let access = access.ok_or(Error::NotFound("checkout session"))?;
    let payment = sessions::expire(&app, &payment, &access.actor).await?;
    Ok(Json(
        Checkout {
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
    refund_failed: bool,
    disputed: bool,
    seller_disconnected: bool,
    message: &'static str,
    order: Option<OrderView>,
    orders: Vec<OrderVerification>,
}

/// One of the orders that a session pays for.
#[derive(Serialize)]
struct OrderVerification {
    status: OrderStatus,
    refund_failed: bool,
    disputed: bool,
    message: &'static str,
    order: Option<OrderView>,
}

async fn verify(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<Verification> {
    let checkout = sessions::verify(&app, &id).await?;
    let mut orders = Vec::with_capacity(checkout.len());
    for of in &checkout {
        orders.push(OrderVerification {
            status: of.status,
            refund_failed: of.refund_failed,
            disputed: of.disputed,
            message: verdict(of),
            order: match credentials.is_given() {
                true => visible_order(&app, of.order_id.clone(), &credentials).await?,
                false => None,
            },
        });
    }
    let (whole, message) = whole(&checkout)?;
    Ok(Json(Verification {
        object: "verification",
        success: whole.status == OrderStatus::Paid,
        status: whole.status,
        refund_failed: checkout.iter().any(|of| of.refund_failed),
        disputed: checkout.iter().any(|of| of.disputed),
        seller_disconnected: checkout.iter().any(|of| of.disconnected),
        message,
        order: orders.iter().find_map(|of| of.order.clone()),
        orders,
    }))
}

const IN_PART: &str = "A part of what you ordered is confirmed. Each order says what became of it.";

/// The state of all of a session's orders, and what to tell the buyer. If any is paid, the session is.
fn whole(checkout: &[CheckoutStatus]) -> Result<(&CheckoutStatus, &'static str)> {
    let paid = checkout.iter().find(|of| of.status == OrderStatus::Paid);
    let whole = paid.or(checkout.first());
    let whole = whole.ok_or(Error::NotFound("checkout session"))?;
    let message = match checkout.iter().all(|of| of.status == whole.status) {
        false if paid.is_some() => IN_PART,
        _ => verdict(whole),
    };
    Ok((whole, message))
}

/// The order, if the caller may see it.
async fn visible_order(
    app: &App,
    id: OrderId,
    credentials: &Credentials,
) -> Result<Option<OrderView>> {
    let order = order::Entity::find_by_id(id).one(&app.db.read).await?;
    let order = order.ok_or(Error::NotFound("order"))?;
    match orders::access(&app.db.read, order, credentials).await? {
        Some(access) => Ok(Some(orders::view(&app.db.read, access.order).await?)),
        None => Ok(None),
    }
}

const SHOP_GONE: &str = "This shop's payments can't be confirmed here any more. If you have paid, ask the shop for what you ordered, \
    or for your money.";

const REFUND_DISPUTED: &str = "Your money was to go back. You have disputed the payment with your bank, which decides about it now.";

const REFUND_FAILED: &str = "Your money was to go back, but the refund failed. The shop has been told and will be in touch.";

/// What to tell the buyer, in a sentence.
fn verdict(checkout: &CheckoutStatus) -> &'static str {
    match checkout.status {
        OrderStatus::RefundDue if checkout.disputed => REFUND_DISPUTED,
        _ if checkout.refund_failed => REFUND_FAILED,
        OrderStatus::Pending | OrderStatus::Processing if checkout.disconnected => SHOP_GONE,
        status => message(status, checkout.refund_reason.as_deref()),
    }
}

/// The order's state as a sentence for the buyer.
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
