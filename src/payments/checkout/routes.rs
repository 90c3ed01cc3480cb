//! Checkout Sessions over HTTP, and cancelling an order that one is open for.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::ColumnTrait;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::order;
use souk_entity::payment::{
    self, CaptureMethod, PaymentKind, PaymentStatus, RedirectOnCompletion, UiMode,
};
use souk_entity::promotion_code::CodeDuration;
use souk_entity::{AccountId, OrderId, PaymentId, SellerId, Timestamp};
use validator::Validate;

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, IdempotentJson, Path, ValidJson, deserialize_some};
use crate::identity::{MaybeBuyer, MaybeCaller, RateLimited};
use crate::orders::{self, Credentials, OrderAccess, OrderView, Side};

use super::super::payment_with_order;
use super::super::sessions::verification::{self, Verification};
use super::super::sessions::{self, pages};
use super::super::setups::return_page;
use super::codes::{self, CodeAnswer, CodeQuestion};
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
        .route("/v1/promotion_codes/validate", post(validate_code))
        .merge(pages::router())
        .merge(return_page::router())
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
    ui_mode: UiMode,
    url: Option<String>,
    /// For Stripe.js, with the publishable key and the account, which a hosted page doesn't need.
    client_secret: Option<String>,
    publishable_key: Option<String>,
    stripe_account: Option<AccountId>,
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
    return_url: Option<String>,
    redirect_on_completion: Option<RedirectOnCompletion>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    order_secret: Option<String>,
}

impl SessionResource {
    /// As somebody sees it who may see the order. Only for the buyer was Stripe asked for the client secret.
    fn new(app: &App, checkout: Checkout) -> Self {
        let Checkout {
            payment,
            order,
            url,
            client_secret,
            secret,
            next_action: _,
            secret_of: _,
        } = checkout;
        let is_manual = payment.capture_method == CaptureMethod::Manual;
        let is_held = payment.status == PaymentStatus::Authorized;
        let is_open = payment.status == PaymentStatus::Pending;
        let client_secret = client_secret.filter(|_| is_open);
        let is_embedded = is_embedded(&payment);
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
            ui_mode: payment.ui_mode.unwrap_or(UiMode::HostedPage),
            url: url.filter(|_| is_open),
            client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
            publishable_key: app
                .config
                .stripe_publishable_key
                .clone()
                .filter(|_| is_embedded),
            stripe_account: is_embedded.then_some(payment.charge_account),
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
            return_url: payment.return_url,
            redirect_on_completion: payment.redirect_on_completion,
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
    MaybeBuyer(buyer): MaybeBuyer,
    origin: Origin,
    request: IdempotentJson<NewCheckout>,
) -> Result<Response> {
    let principal = idempotency_principal(buyer.as_ref(), request.body().customer_email.as_deref());
    let may_resume = request.may_resume();
    let work = async |id, new: NewCheckout| {
        let new = NewCheckout { origin, ..new };
        let opened = open_checkout(&app, buyer.as_ref(), id, may_resume, new).await?;
        Ok(SessionResource::new(&app, opened))
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
        Some(access) => {
            let session = as_seen(&app, access.side, payment, order).await?;
            SessionAnswer::Full(Box::new(SessionResource::new(&app, session)))
        }
        None => SessionAnswer::Status(SessionStatus {
            id,
            object: "checkout_session_status",
            status: session_status(payment.status),
        }),
    }))
}

/// Whether a session is paid in a page of one's own.
fn is_embedded(payment: &payment::Model) -> bool {
    payment.ui_mode.is_some_and(|ui| ui != UiMode::HostedPage)
}

/// A session as somebody sees it. For the buyer of an open one that is paid in a page of their own, Stripe is asked for its
/// client secret.
async fn as_seen(
    app: &App,
    side: Side,
    payment: payment::Model,
    order: order::Model,
) -> Result<Checkout> {
    let is_to_be_paid = payment.status == PaymentStatus::Pending && side == Side::Buyer;
    if !(is_embedded(&payment) && is_to_be_paid) {
        return Ok(Checkout::as_stored(payment, order));
    }
    let session = super::resume(app, order, payment).await?;
    Ok(Checkout {
        secret: None,
        ..session
    })
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
    let session = Checkout::as_stored(payment, order);
    Ok(Json(SessionResource::new(&app, session)))
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

/// What a code would take off.
#[derive(Serialize)]
struct CodeAnswerView {
    object: &'static str,
    valid: bool,
    reason: Option<&'static str>,
    message: Option<String>,
    currency: String,
    amount_subtotal: i64,
    amount_off: i64,
    amount_total: i64,
    percent_off: Option<i32>,
    duration: Option<CodeDuration>,
    duration_in_months: Option<i32>,
}

impl From<CodeAnswer> for CodeAnswerView {
    fn from(answer: CodeAnswer) -> Self {
        let (effect, refusal) = match answer.outcome {
            Ok(effect) => (Some(effect), None),
            Err(refusal) => (None, Some(refusal)),
        };
        let amount_off = effect.as_ref().map_or(0, |effect| effect.amount_off);
        Self {
            object: "promotion_code_validation",
            valid: effect.is_some(),
            reason: refusal.as_ref().map(|refusal| refusal.reason),
            message: refusal.map(|refusal| refusal.message),
            currency: answer.currency,
            amount_subtotal: answer.subtotal,
            amount_off,
            amount_total: answer.subtotal - amount_off,
            percent_off: effect.as_ref().and_then(|effect| effect.percent_off),
            duration: effect.as_ref().map(|effect| effect.duration),
            duration_in_months: effect.and_then(|effect| effect.duration_in_months),
        }
    }
}

async fn validate_code(
    _: RateLimited,
    State(app): State<App>,
    MaybeCaller(buyer): MaybeCaller,
    ValidJson(asked): ValidJson<CodeQuestion>,
) -> Answer<CodeAnswerView> {
    let answer = codes::ask(&app, buyer.as_ref(), asked).await?;
    Ok(Json(answer.into()))
}
