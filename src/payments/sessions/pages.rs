//! The plain pages for a returning buyer. They poll `verify` with growing delays and show its answer. They tell the shop's page
//! that opened them that the buyer is back, and lead back to an app.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sea_orm::EntityTrait;
use serde::Deserialize;
use souk_entity::{PaymentId, payment};

use crate::app::App;
use crate::error::Result;
use crate::http::{Query, app_link, escape, page};

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
    payment_id: Option<PaymentId>,
}

/// How a buyer has come back.
#[derive(Clone, Copy)]
enum Return {
    Success,
    Cancelled,
}

async fn success(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let session = query.session_id.unwrap_or_default();
    match payment_by_object(&app.db.read, &session).await? {
        Some(payment) => Ok(verify_page(&app, &payment, Return::Success)),
        None => Ok(unknown_checkout_page()),
    }
}

/// Stripe puts no session's id into a `cancel_url`, so we put our payment's there.
async fn cancelled(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let payment = match (query.session_id, query.payment_id) {
        (Some(session), _) => payment_by_object(&app.db.read, &session).await?,
        (None, Some(id)) => {
            let payments = payment::Entity::find_by_id(id);
            payments.one(&app.db.read).await?
        }
        (None, None) => return Ok(left_page()),
    };
    match payment {
        Some(payment) => Ok(verify_page(&app, &payment, Return::Cancelled)),
        None => Ok(unknown_checkout_page()),
    }
}

fn left_page() -> Response {
    let body = "<h1>You left the checkout</h1>\n\
                <p>Unless you had paid before, nothing was charged. Your checkout stays open until it expires: go back \
                to it to pay after all.</p>";
    page(StatusCode::OK, "Checkout left", body)
}

/// A page that polls `verify` and shows its answer. Its script tells pages of the allowed origins, and no others, that the buyer
/// is back: browsers deliver a message to the origin alone that it is meant for.
fn verify_page(app: &App, payment: &payment::Model, back: Return) -> Response {
    let Some(session) = &payment.stripe_object else {
        return unknown_checkout_page();
    };
    let simulated = if app.config.simulated() {
        "<p class=\"note\">Simulated money: nothing is charged.</p>"
    } else {
        ""
    };
    let (name, headline, address) = match back {
        Return::Success => (
            "success",
            "Your payment is being confirmed",
            &payment.success_url,
        ),
        Return::Cancelled => ("cancelled", "You left the checkout", &payment.cancel_url),
    };
    let link = address
        .as_deref()
        .and_then(|address| way_to_app(app, address, session, name));
    let link = link.unwrap_or_default();
    let body = format!(
        "<h1 id=\"title\">{headline}</h1>\n\
         <p id=\"message\" role=\"status\" aria-live=\"polite\" data-session=\"{}\" data-page=\"{name}\" \
         data-origins=\"{}\">One moment, please.</p>\n\
         {link}{simulated}\n\
         <noscript><p>This page asks for your payment's state with JavaScript. Without it, the mail you get says \
         whether the payment was confirmed.</p></noscript>\n\
         <script src=\"/assets/checkout.js\"></script>",
        escape(session),
        escape(&app.config.redirect_origins.join(" ")),
    );
    page(StatusCode::OK, "Your payment", &body)
}

/// The link to the app that a checkout was opened from. Its scheme is looked at again: it may no longer be allowed.
fn way_to_app(app: &App, address: &str, session: &str, page: &str) -> Option<String> {
    let mut link = app_link(&app.config, address)?;
    link.query_pairs_mut()
        .append_pair("session_id", session)
        .append_pair("page", page);
    let link = escape(link.as_str());
    Some(format!(
        "<p><a id=\"app\" href=\"{link}\">Back to the app</a></p>\n"
    ))
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
