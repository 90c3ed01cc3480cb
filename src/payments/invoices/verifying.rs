//! Verifying the first payment of a subscription over HTTP.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use crate::app::App;
use crate::error::Error;
use crate::http::{Answer, Empty, Path, ValidJson};
use crate::orders::Credentials;

use super::super::sessions::verification::{self, Verification};
use super::first;

/// The route of verifying a subscription.
pub fn router() -> Router<App> {
    Router::new().route("/v1/subscriptions/{id}/verify", post(verify))
}

/// By its session, or its first invoice: whichever it began with.
async fn verify(
    State(app): State<App>,
    Path(id): Path<String>,
    credentials: Credentials,
    ValidJson(Empty {}): ValidJson<Empty>,
) -> Answer<Verification> {
    let missing = || Error::NotFound("subscription");
    let payment = first::payment_of(&app, &id).await?.ok_or_else(missing)?;
    let object = payment.stripe_object.ok_or_else(missing)?;
    let verified = verification::verify(&app, payment.kind, &object, &credentials);
    verified.await.map(Json)
}
