//! The plain pages for a returning buyer. They poll `verify` with growing delays and show its answer. They tell the shop's page
//! that opened them that the buyer is back, and lead back to an app.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use sea_orm::EntityTrait;
use serde::Deserialize;
use souk_entity::PaymentId;
use souk_entity::payment::{self, PaymentKind};

use crate::app::App;
use crate::error::Result;
use crate::http::{Query, app_link, escape, page};

use super::super::payment_by_object;
use super::pay_page;

pub(in crate::payments) fn router() -> Router<App> {
    Router::new()
        .route("/checkout/success", get(success))
        .route("/checkout/cancelled", get(cancelled))
        .route("/assets/checkout.js", get(script))
        .merge(pay_page::router())
}

/// Stripe adds `payment_intent_client_secret` and `redirect_status` to an intent's `return_url`
/// (docs.stripe.com/payments/accept-a-payment). Neither is read: the one is nobody's but the buyer's, and the other proves nothing.
#[derive(Deserialize)]
struct ReturnQuery {
    session_id: Option<String>,
    payment_id: Option<PaymentId>,
    payment_intent: Option<String>,
    state: Option<String>,
}

/// How a buyer has come back.
#[derive(Clone, Copy)]
enum Return {
    Success,
    Cancelled,
}

async fn success(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let state = query.state.unwrap_or_default();
    let by_state = pay_page::payment_of(&app, &state).await?;
    let again = by_state.as_ref().map(|_| state);
    let found = match by_state {
        Some(payment) => Some(payment),
        None => {
            let object = query.session_id.or(query.payment_intent);
            payment_by_object(&app.db.read, &object.unwrap_or_default()).await?
        }
    };
    match found {
        Some(payment) => Ok(verify_page(
            &app,
            &payment,
            Return::Success,
            again.as_deref(),
        )),
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
        Some(payment) => Ok(verify_page(&app, &payment, Return::Cancelled, None)),
        None => Ok(unknown_checkout_page()),
    }
}

fn left_page() -> Response {
    let body = "<h1>You left the checkout</h1>\n\
                <p>Unless you had paid before, nothing was charged. Your checkout stays open until it expires: go back \
                to it to pay after all.</p>";
    page(StatusCode::OK, "Checkout left", body)
}

/// A page that polls `verify` and shows its answer. `again` is the state of the page where an intent is paid. Its script tells pages of the allowed origins, and no others, that the buyer
/// is back: browsers deliver a message to the origin alone that it is meant for.
fn verify_page(app: &App, payment: &payment::Model, back: Return, again: Option<&str>) -> Response {
    let Some(object) = &payment.stripe_object else {
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
    let is_intent = payment.kind == PaymentKind::Intent;
    let link = match is_intent {
        true => pay_page::way_back(app, payment),
        false => address
            .as_deref()
            .and_then(|address| way_to_app(app, address, object, name)),
    };
    let again = again.map_or_else(String::new, |state| {
        let state = escape(state);
        format!("<p id=\"again\" hidden><a href=\"/checkout/pay?state={state}\">Try again, or pay in another way</a></p>\n")
    });
    let body = format!(
        "<h1 id=\"title\">{headline}</h1>\n\
         <p id=\"message\" role=\"status\" aria-live=\"polite\" data-{}=\"{}\" data-page=\"{name}\" \
         data-origins=\"{}\">One moment, please.</p>\n\
         {again}{}{simulated}\n\
         <noscript><p>This page asks for your payment's state with JavaScript. Without it, the mail you get says \
         whether the payment was confirmed.</p></noscript>\n\
         <script src=\"/assets/checkout.js\"></script>",
        if is_intent { "intent" } else { "session" },
        escape(object),
        escape(&app.config.redirect_origins.join(" ")),
        link.unwrap_or_default(),
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
