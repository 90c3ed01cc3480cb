//! The plain pages for a returning buyer. They poll `verify` with growing delays and show its answer.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;

use crate::app::App;
use crate::error::Result;
use crate::http::{Query, escape, page};

use super::super::payment_by_object;

pub(in crate::payments) fn router() -> Router<App> {
    Router::new()
        .route("/checkout/success", get(success))
        .route("/checkout/cancelled", get(cancelled))
        .route("/assets/checkout.js", get(script))
}

#[derive(Deserialize)]
struct ReturnQuery {
    session_id: Option<String>,
}

async fn success(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let session = query.session_id.unwrap_or_default();
    verify_page(&app, &session, "Your payment is being confirmed").await
}

/// Stripe puts no session's id into a `cancel_url`, so there is mostly none. With an id the page can say more.
async fn cancelled(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    if let Some(session) = query.session_id {
        return verify_page(&app, &session, "You left the checkout").await;
    }
    let body = "<h1>You left the checkout</h1>\n\
                <p>Unless you had paid before, nothing was charged. Your checkout stays open until it expires: go back \
                to it to pay after all.</p>";
    Ok(page(StatusCode::OK, "Checkout left", body))
}

/// A page that polls `verify` and shows its answer.
async fn verify_page(app: &App, session: &str, headline: &str) -> Result<Response> {
    if payment_by_object(&app.db.read, session).await?.is_none() {
        return Ok(unknown_checkout_page());
    }
    let simulated = if app.config.simulated() {
        "<p class=\"note\">Simulated money: nothing is charged.</p>"
    } else {
        ""
    };
    let body = format!(
        "<h1 id=\"title\">{headline}</h1>\n\
         <p id=\"message\" role=\"status\" aria-live=\"polite\" data-session=\"{}\">One moment, please.</p>\n\
         {simulated}\n\
         <noscript><p>This page asks for your payment's state with JavaScript. Without it, the mail you get says \
         whether the payment was confirmed.</p></noscript>\n\
         <script src=\"/assets/checkout.js\"></script>",
        escape(session)
    );
    Ok(page(StatusCode::OK, "Your payment", &body))
}

fn unknown_checkout_page() -> Response {
    let body = "<h1>We don't know this checkout</h1>\n\
                <p>The address is incomplete or wrong. If you have paid, your order is confirmed all the same, and a \
                mail says so.</p>";
    page(StatusCode::NOT_FOUND, "Unknown checkout", body)
}

async fn script() -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")],
        include_str!("checkout.js"),
    )
}
