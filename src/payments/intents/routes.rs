//! Payment intents over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::{AccountId, OrderId, PaymentId, SellerId, Timestamp, order};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Answer, Empty, Filters, IdempotentJson, List, Path, ValidJson, page_by_time};
use crate::identity::{Caller, MaybeBuyer};
use crate::orders::{self, Credentials, OrderAccess, Side};
use crate::sellers;

use super::super::capture::{self, NewCapture};
use super::super::checkout::object::NextAction;
use super::super::checkout::origin::Origin;
use super::super::checkout::{self, Checkout, capture_method};
use super::super::sessions::pay_page;
use super::super::sessions::verification::{self, Verification};
use super::super::{orders_of_payments, payment_with_order, payments_of_buyer};
use super::NewPaymentIntent;
use super::confirmation::{self, Confirmation};
use super::declines::{Decline, LastError};

/// The routes of payment intents.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/payment_intents", post(create).get(list))
        .route("/v1/payment_intents/{id}", get(read))
        .route("/v1/payment_intents/{id}/confirm", post(confirm))
        .route("/v1/payment_intents/{id}/verify", post(verify))
        .route("/v1/payment_intents/{id}/cancel", post(cancel))
        .route("/v1/payment_intents/{id}/capture", post(capture))
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
    /// What the seller can capture, while it is held.
    amount_capturable: Option<i64>,
    /// Until when.
    capture_before: Option<Timestamp>,
    capture_method: &'static str,
    application_fee_amount: i64,
    /// For Stripe.js, with the publishable key and the account.
    client_secret: Option<String>,
    publishable_key: Option<String>,
    stripe_account: AccountId,
    /// What the buyer has to do, as Stripe says it.
    next_action: Option<NextAction>,
    /// A page of ours where the buyer can pay it.
    url: Option<String>,
    /// For Stripe.js: where the buyer goes in the end.
    return_url: Option<String>,
    last_error: Option<LastError>,
    expires_at: Option<Timestamp>,
    created_at: Timestamp,
    order_secret: Option<String>,
}

impl IntentResource {
    /// As somebody sees it. Only for the buyer was Stripe asked for the client secret.
    fn new(app: &App, side: Side, checkout: Checkout) -> Self {
        let Checkout {
            payment,
            order,
            client_secret,
            next_action,
            secret,
            ..
        } = checkout;
        let is_open = payment.status == PaymentStatus::Pending;
        let url = pay_page::address(app, &payment).filter(|_| side == Side::Buyer);
        let is_own = payment.kind == PaymentKind::Intent;
        let back = payment.return_url.as_deref();
        let return_url = is_own.then(|| confirmation::at_stripe(app, back));
        let is_held = payment.status == PaymentStatus::Authorized;
        let decline = payment.last_error.as_deref().and_then(Decline::read);
        let decline = decline.filter(|_| is_open);
        let last_error = decline.map(|decline| match side {
            Side::Buyer => LastError::for_buyers(decline),
            Side::Seller | Side::Admin => LastError::of(decline),
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
            amount_capturable: payment.amount_capturable,
            capture_before: payment.capture_before.filter(|_| is_held),
            capture_method: capture_method(payment.capture_method),
            application_fee_amount: payment.application_fee,
            client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
            publishable_key: app.config.stripe_publishable_key.clone(),
            stripe_account: payment.charge_account,
            next_action,
            url,
            return_url,
            last_error,
            expires_at: payment.expires_at,
            created_at: payment.created_at,
            order_secret: secret,
            payment_id: payment.id,
            // Of a session whose money is held, the session's.
            id: match payment.kind {
                PaymentKind::Intent => payment.stripe_object,
                _ => payment.payment_intent,
            },
        }
    }
}

async fn create(
    State(app): State<App>,
    MaybeBuyer(buyer): MaybeBuyer,
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentFilters {
    seller_id: Option<SellerId>,
    created_gte: Option<Timestamp>,
    created_lt: Option<Timestamp>,
}

/// A seller's intents for its owner and admins, else the caller's own; all for admins.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Filters(filters, paging): Filters<IntentFilters>,
) -> Answer<List<IntentResource>> {
    use payment::Column as C;
    let db = &app.db.read;
    let mut visible = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("kind = 'intent'"))
        .filter(C::StripeObject.is_not_null());
    let side = if let Some(id) = &filters.seller_id {
        let seller = sellers::owned(db, &caller, id, "seller_id").await?;
        visible = visible.filter(C::ChargeAccount.eq(seller.stripe_account));
        Side::Seller
    } else if caller.is_admin() {
        Side::Admin
    } else {
        visible = visible.filter(C::Id.in_subquery(payments_of_buyer(caller.id())));
        Side::Buyer
    };
    let mut query = visible.clone();
    if let Some(from) = filters.created_gte {
        query = query.filter(C::CreatedAt.gte(from));
    }
    if let Some(to) = filters.created_lt {
        query = query.filter(C::CreatedAt.lt(to));
    }
    let by = (C::CreatedAt, C::StripeObject);
    let (rows, has_more) = page_by_time(query, visible, &paging, by, db).await?;
    let mut orders = orders_of_payments(db, &rows).await?;
    let known = rows.into_iter().filter_map(|payment: payment::Model| {
        let order = orders.remove(&payment.id)?;
        Some(Checkout::as_stored(payment, order))
    });
    let known = known.collect();
    Ok(Json(paging.list((known, has_more), |intent| {
        IntentResource::new(&app, side, intent)
    })))
}

/// An intent's payment and order, for somebody who may see the order.
async fn find(
    app: &App,
    intent: &str,
    credentials: &Credentials,
) -> Result<(payment::Model, OrderAccess)> {
    let of = payment::Column::StripeObject.eq(intent);
    let found = payment_with_order(&app.db.read, of).await?;
    let found = found.filter(|(one, _)| one.kind == PaymentKind::Intent);
    if_visible(app, found, credentials).await
}

/// As `find`. The intent may also be that of a session whose money is held.
async fn find_held(
    app: &App,
    intent: &str,
    credentials: &Credentials,
) -> Result<(payment::Model, OrderAccess)> {
    let of = Condition::all()
        .add(payment::Column::PaymentIntent.eq(intent))
        // As the index says it, word for word, so that SQLite sees that it will do.
        .add(Expr::cust("capture_method = 'manual'"));
    match payment_with_order(&app.db.read, of).await? {
        Some(found) => if_visible(app, Some(found), credentials).await,
        None => find(app, intent, credentials).await,
    }
}

async fn if_visible(
    app: &App,
    found: Option<(payment::Model, order::Model)>,
    credentials: &Credentials,
) -> Result<(payment::Model, OrderAccess)> {
    let missing = Error::NotFound("payment intent");
    let Some((payment, order)) = found else {
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

/// Only the buyer's own page has a token.
async fn confirm(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(new): ValidJson<Confirmation>,
) -> Answer<IntentResource> {
    let (payment, access) = find(&app, &id, credentials.given()?).await?;
    if access.side != Side::Buyer {
        return Err(Error::Forbidden("Only the buyer confirms a payment."));
    }
    let return_url = confirmation::checked(&app, new.return_url)?;
    let (token, back) = (&new.confirmation_token, return_url.as_deref());
    let intent = confirmation::confirm(&app, access.order, payment, token, back).await?;
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
    let (payment, access) = find_held(&app, &id, credentials.given()?).await?;
    let payment = super::cancel(&app, &payment, &access).await?;
    let intent = Checkout::as_stored(payment, access.order);
    Ok(Json(IntentResource::new(&app, access.side, intent)))
}

async fn capture(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(new): ValidJson<NewCapture>,
) -> Answer<IntentResource> {
    let (payment, access) = find_held(&app, &id, credentials.given()?).await?;
    let payment = capture::request(&app, &access, &payment.id, new).await?;
    let intent = Checkout::as_stored(payment, access.order);
    Ok(Json(IntentResource::new(&app, access.side, intent)))
}
