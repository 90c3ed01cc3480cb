//! Setup intents over HTTP.

use axum::extract::State;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::ExposeSecret;
use serde::Serialize;
use souk_entity::setup_intent::SetupStatus;
use souk_entity::{AccountId, CustomerId, Metadata, SellerId, Timestamp};

use crate::app::App;
use crate::error::Result;
use crate::http::{Answer, Empty, IdempotentJson, Path, ValidJson};
use crate::identity::Buyer;

use super::super::checkout::origin::Origin;
use super::super::intents::declines::{Decline, LastError};
use super::{NewSetupIntent, Setup, addresses};

/// The routes of setup intents.
pub fn router() -> Router<App> {
    Router::new()
        .route("/v1/setup_intents", post(create))
        .route("/v1/setup_intents/{id}", get(read))
        .route("/v1/setup_intents/{id}/verify", post(verify))
        .route("/v1/setup_intents/{id}/cancel", post(cancel))
}

#[derive(Serialize)]
struct Mandate {
    text: String,
    agreed_at: Timestamp,
}

#[derive(Serialize)]
struct SetupIntentResource {
    id: Option<String>,
    object: &'static str,
    seller_id: SellerId,
    customer_id: CustomerId,
    livemode: bool,
    status: SetupStatus,
    /// What it has saved.
    payment_method: Option<String>,
    mandate: Option<Mandate>,
    /// For Stripe.js, with the publishable key and the account.
    client_secret: Option<String>,
    publishable_key: Option<String>,
    stripe_account: AccountId,
    /// Stripe's own page: its session, and its address while that is open.
    checkout_session: Option<String>,
    url: Option<String>,
    success_url: Option<String>,
    cancel_url: Option<String>,
    /// For Stripe.js: where the buyer goes in the end.
    return_url: Option<String>,
    last_error: Option<LastError>,
    metadata: Metadata,
    created_at: Timestamp,
}

fn view(app: &App, setup: Setup) -> SetupIntentResource {
    let Setup {
        row,
        client_secret,
        url,
    } = setup;
    let is_open = row.status == SetupStatus::Open;
    let return_url = addresses::for_stripe_js(app, &row);
    let decline = row.last_error.as_deref().and_then(Decline::read);
    SetupIntentResource {
        object: "setup_intent",
        id: row.stripe_object,
        seller_id: row.seller_id,
        customer_id: row.customer_id,
        livemode: row.livemode,
        status: row.status,
        payment_method: row.payment_method,
        mandate: row
            .mandate_text
            .zip(row.mandate_agreed_at)
            .map(|(text, agreed_at)| Mandate { text, agreed_at }),
        client_secret: client_secret.map(|secret| secret.expose_secret().to_owned()),
        publishable_key: app.config.stripe_publishable_key.clone(),
        stripe_account: row.stripe_account,
        checkout_session: row.checkout_session,
        url,
        success_url: row.success_url,
        cancel_url: row.cancel_url,
        return_url,
        last_error: decline.filter(|_| is_open).map(LastError::of_setup),
        metadata: row.metadata.0,
        created_at: row.created_at,
    }
}

async fn create(
    State(app): State<App>,
    buyer: Buyer,
    origin: Origin,
    request: IdempotentJson<NewSetupIntent>,
) -> Result<Response> {
    let principal = buyer.principal();
    let may_resume = request.may_resume();
    let work = async |id, new: NewSetupIntent| {
        let new = NewSetupIntent { origin, ..new };
        let opened = super::open(&app, &buyer, id, may_resume, new).await?;
        Ok(view(&app, opened))
    };
    request.once(&app, &principal, work).await
}

async fn read(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
) -> Answer<SetupIntentResource> {
    let row = super::of_buyer(&app, &buyer, &id).await?;
    let setup = super::resume(&app, row).await?;
    Ok(Json(view(&app, setup)))
}

fn without_secret(app: &App, row: souk_entity::setup_intent::Model) -> Json<SetupIntentResource> {
    Json(view(app, Setup::as_stored(row)))
}

async fn verify(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SetupIntentResource> {
    let row = super::of_buyer(&app, &buyer, &id).await?;
    let row = super::verify(&app, row).await?;
    Ok(without_secret(&app, row))
}

async fn cancel(
    State(app): State<App>,
    buyer: Buyer,
    Path(id): Path<String>,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<SetupIntentResource> {
    let row = super::of_buyer(&app, &buyer, &id).await?;
    let row = super::cancel(&app, row, &buyer.actor()).await?;
    Ok(without_secret(&app, row))
}
