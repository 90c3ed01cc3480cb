//! The billing portal over HTTP.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::{CustomerId, SellerId};
use validator::Validate;

use crate::app::App;
use crate::error::Result;
use crate::http::{ValidJson, deserialize_some};
use crate::identity::Buyer;

use super::{FlowType, NewSession};

/// The portal's route.
pub fn router() -> Router<App> {
    Router::new().route("/v1/billing_portal_sessions", post(create))
}

#[derive(Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct PortalSessionCreate {
    #[serde(default, deserialize_with = "deserialize_some")]
    seller_id: Option<SellerId>,
    #[serde(default, deserialize_with = "deserialize_some")]
    subscription_id: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    return_url: Option<String>,
    #[serde(default, deserialize_with = "deserialize_some")]
    flow: Option<FlowType>,
}

#[derive(Serialize)]
struct PortalSessionResource {
    object: &'static str,
    seller_id: SellerId,
    customer_id: CustomerId,
    return_url: String,
    url: String,
}

async fn create(
    State(app): State<App>,
    buyer: Buyer,
    ValidJson(body): ValidJson<PortalSessionCreate>,
) -> Result<(StatusCode, Json<PortalSessionResource>)> {
    let new = NewSession {
        seller_id: body.seller_id,
        subscription_id: body.subscription_id,
        return_url: body.return_url,
        flow: body.flow,
    };
    let made = super::open(&app, &buyer, new).await?;
    let view = PortalSessionResource {
        object: "billing_portal_session",
        seller_id: made.seller,
        customer_id: made.customer,
        return_url: made.return_url,
        url: made.session.url.expose_secret().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(view)))
}
