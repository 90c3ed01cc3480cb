//! Payment intents over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::ExposeSecret;
use serde::Serialize;
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::{AccountId, OrderId, PaymentId, SellerId, Timestamp, order};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, IdempotentJson, Path, ValidJson};
use crate::identity::MaybeCaller;
use crate::orders::{self, Credentials, OrderAccess, Side};

use super::super::checkout::origin::Origin;
use super::super::checkout::{self, Checkout};
use super::super::payment_with_order;
use super::super::sessions::verification::{self, Verification};
use super::NewPaymentIntent;
use super::declines::Decline;

/// The routes of payment intents.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/payment_intents", post(create))
        .route("/v1/payment_intents/{id}", get(read))
        .route("/v1/payment_intents/{id}/verify", post(verify))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
}

#[derive(Serialize)]
struct IntentResource {
    id: Option<String>,
    object: &'static str,
    order_id: OrderId,
    seller_id: SellerId,
    payment_id: PaymentId,
    livemode: bool,
    status: &'static str,
    currency: String,
    amount: i64,
    amount_received: i64,
    application_fee_amount: i64,
    /// For Stripe.js, with the publishable key and the account.
    client_secret: Option<String>,
    publishable_key: Option<String>,
    stripe_account: AccountId,
    last_error: Option<LastError>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    order_secret: Option<String>,
}

#[derive(Serialize)]
struct LastError {
    code: Option<String>,
    decline_code: Option<String>,
    /// What to tell the buyer, in a sentence.
    message: &'static str,
}

impl IntentResource {
    /// As somebody sees it. Only for the buyer was Stripe asked for the client secret.
    fn new(app: &App, side: Side, checkout: Checkout) -> Self {
        let Checkout {
            payment,
            order,
            client_secret,
            secret,
            ..
        } = checkout;
        let is_open = payment.status == PaymentStatus::Pending;
        let decline = payment.last_error.as_deref().and_then(Decline::read);
        let last_error = decline.filter(|_| is_open).map(|decline| {
            let message = decline.sentence();
            let decline = match side {
                Side::Buyer => decline.for_buyers(),
                Side::Seller | Side::Admin => decline,
            };
            LastError {
                code: decline.code,
                decline_code: decline.decline_code,
                message,
            }
        });
        Self {
            object: "payment_intent",
            order_id: order.id,
            seller_id: order.seller_id,
            livemode: payment.livemode,
            status: match payment.status {
                PaymentStatus::Pending => "open",
                PaymentStatus::Processing => "processing",
                PaymentStatus::Authorized => "authorized",
                PaymentStatus::Paid => "succeeded",
                PaymentStatus::Failed => "failed",
                PaymentStatus::Expired | PaymentStatus::Canceled => "canceled",
            },
            currency: payment.currency,
            amount: payment.amount_subtotal,
            amount_received: payment.amount_paid.unwrap_or(0),
            application_fee_amount: payment.application_fee,
            client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
            publishable_key: app.config.stripe_publishable_key.clone(),
            stripe_account: payment.charge_account,
            last_error,
            expires_at: payment.expires_at,
            created_at: payment.created_at,
            order_secret: secret,
            payment_id: payment.id,
            id: payment.stripe_object,
        }
    }
}

async fn create(
    State(app): State<App>,
    MaybeCaller(buyer): MaybeCaller,
    origin: Origin,
    request: IdempotentJson<NewPaymentIntent>,
) -> Result<Response> {
    let email = request.body().customer_email.as_deref();
    let principal = checkout::idempotency_principal(buyer.as_ref(), email);
    let may_resume = request.may_resume();
    let work = async |id, new: NewPaymentIntent| {
        let new = NewPaymentIntent { origin, ..new };
        let opened = super::open(&app, buyer.as_ref(), id, may_resume, new).await?;
        Ok(IntentResource::new(&app, Side::Buyer, opened))
    };
    request.once(&app, &principal, work).await
}

/// An intent's payment and order, for somebody who may see the order.
async fn find(
    app: &App,
    intent: &str,
    credentials: &Credentials,
) -> Result<(payment::Model, OrderAccess)> {
    let missing = Error::NotFound("payment intent");
    let found: Option<(payment::Model, order::Model)> =
        payment_with_order(&app.db.read, intent).await?;
    let Some((payment, order)) = found.filter(|(one, _)| one.kind == PaymentKind::Intent) else {
        return Err(missing);
    };
    let access = orders::access(&app.db.read, order, credentials).await?;
    Ok((payment, access.ok_or(missing)?))
}

async fn read(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
) -> Answer<IntentResource> {
    let (payment, access) = find(&app, &id, credentials.given()?).await?;
    let is_to_be_paid = payment.status == PaymentStatus::Pending && access.side == Side::Buyer;
    let intent = match is_to_be_paid {
        true => checkout::resume(&app, access.order, payment).await?,
        false => Checkout::as_stored(payment, access.order),
    };
    let intent = Checkout {
        secret: None,
        ..intent
    };
    Ok(Json(IntentResource::new(&app, access.side, intent)))
}

async fn verify(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<Verification> {
    let verified = verification::verify(&app, PaymentKind::Intent, &id, &credentials);
    verified.await.map(Json)
}

async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<IntentResource> {
    let (payment, access) = find(&app, &id, credentials.given()?).await?;
    let payment = super::cancel(&app, &payment, &access.actor).await?;
    let intent = Checkout::as_stored(payment, access.order);
    Ok(Json(IntentResource::new(&app, access.side, intent)))
}
