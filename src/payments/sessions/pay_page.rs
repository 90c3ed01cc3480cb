//! The page where a buyer pays a payment intent with Stripe.js: their bank wants to see them, or another card is needed. It is for
//! whoever has its address, which is signed, ends, and is good for nothing else.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::{ColumnTrait, EntityTrait};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use souk_entity::order::OrderStatus;
use souk_entity::payment::{self, PaymentKind, PaymentStatus};
use souk_entity::{AccountId, PaymentId};
use validator::Validate;

use crate::app::App;
use crate::config::{Config, origin};
use crate::error::{Error, Result};
use crate::http::{Answer, Query, ValidJson, allowed_redirect, app_link, escape, page};
use crate::stripe::API_VERSION;
use crate::{identity, money, sellers};

use super::super::checkout::{self, Checkout};
use super::super::intents::declines::Decline;
use super::super::payment_with_order;
use super::verification;

/// The purpose that the page's state is signed for.
const PURPOSE: &str = "checkout_pay";
/// How long an address is good if the payment itself has no end.
const LIFE_MS: i64 = 24 * 3_600_000;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/checkout/pay", get(show).post(open))
        .route("/assets/pay.js", get(script))
}

/// The page's address, for the payment's buyer alone. None: there is nothing to pay there, or Stripe.js would have no key.
pub fn address(app: &App, payment: &payment::Model) -> Option<String> {
    let is_open = payment.kind == PaymentKind::Intent && payment.status == PaymentStatus::Pending;
    let can_pay = is_open && app.config.stripe_publishable_key.is_some();
    can_pay.then(|| {
        app.config
            .page(&format!("/checkout/pay?state={}", state(app, payment)))
    })
}

/// What stands in the page's address, the same each time. It ends with the payment.
fn state(app: &App, payment: &payment::Model) -> String {
    let end = payment.expires_at;
    let end = end.unwrap_or_else(|| payment.created_at.plus_ms(LIFE_MS));
    let left = end.0.saturating_sub(app.clock.now().0);
    identity::sign_state(app, PURPOSE, payment.id.as_ref(), left)
}

/// The payment of a state. None: it was altered or has expired.
pub(super) async fn payment_of(app: &App, state: &str) -> Result<Option<payment::Model>> {
    match identity::open_state(app, PURPOSE, state) {
        Some(id) => {
            let payment = payment::Entity::find_by_id(PaymentId::from(id.as_str()));
            Ok(payment.one(&app.db.read).await?)
        }
        None => Ok(None),
    }
}

#[derive(Deserialize)]
struct StateQuery {
    state: Option<String>,
}

async fn show(State(app): State<App>, query: Result<Query<StateQuery>>) -> Result<Response> {
    let state = query.ok().and_then(|Query(query)| query.state);
    let state = state.unwrap_or_default();
    let Some(payment) = payment_of(&app, &state).await? else {
        return Ok(invalid_link_page());
    };
    let Some(object) = payment.stripe_object.clone() else {
        return match payment.status {
            PaymentStatus::Pending => open_page(&app, &payment, &state).await,
            // Stripe refused to make it.
            _ => Ok(closed_page(
                &app,
                &payment,
                "The payment failed; nothing was charged.",
            )),
        };
    };
    let (status, message) = verification::outcome(&app, payment.kind, &object).await?;
    match status == OrderStatus::Pending {
        true => open_page(&app, &super::super::find(&app, &payment.id).await?, &state).await,
        false => Ok(closed_page(&app, &payment, message)),
    }
}

fn invalid_link_page() -> Response {
    page(
        StatusCode::BAD_REQUEST,
        "This link is not valid",
        "<h1>This link is not valid</h1>\n<p>It is incomplete, or too old. Nothing was charged by opening it. Open your order in \
         the shop to see what became of it, and to pay.</p>",
    )
}

/// Of an intent that nobody can pay any more, or that is paid.
fn closed_page(app: &App, payment: &payment::Model, message: &str) -> Response {
    let back = way_back(app, payment).unwrap_or_default();
    let body = format!(
        "<h1 id=\"title\">There is nothing to pay here now</h1>\n<p id=\"message\" role=\"status\">{}</p>\n{back}",
        escape(message),
    );
    page(StatusCode::OK, "Your payment", &body)
}

async fn open_page(app: &App, payment: &payment::Model, state: &str) -> Result<Response> {
    let amount = escape(&money::display(payment.amount_subtotal, &payment.currency));
    let (account, livemode) = (&payment.charge_account, payment.livemode);
    let seller = sellers::by_account(&app.db.read, account, livemode).await?;
    let seller = seller.map_or_else(|| "the shop".to_owned(), |seller| escape(&seller.name));
    let back = way_back(app, payment).unwrap_or_default();
    if app.config.stripe_publishable_key.is_none() {
        let body = format!(
            "<h1 id=\"title\">Pay {amount} to {seller}</h1>\n<p id=\"message\" role=\"status\">This can't be paid on this page. Open \
             your order in the shop, and pay there.</p>\n{back}"
        );
        return Ok(page(StatusCode::OK, "Your payment", &body));
    }
    let decline = payment.last_error.as_deref().and_then(Decline::read);
    let why = match &decline {
        Some(decline) if decline.wants_buyer() => {
            "Your bank wants you to confirm this payment. Nothing was charged."
        }
        Some(decline) => decline.sentence(),
        None => "Nothing is charged before you confirm.",
    };
    let simulated = match app.config.simulated() {
        true => {
            "\n<p class=\"note\">Simulated money: nothing is charged. Never type a real card here.</p>"
        }
        false => "",
    };
    let body = format!(
        "<h1 id=\"title\">Pay {amount} to {seller}</h1>\n\
         <p id=\"message\" role=\"status\" aria-live=\"polite\" data-state=\"{state}\">{why}</p>\n\
         <noscript><p class=\"note\">This page needs JavaScript: your bank asks you by it, and your card's number goes to Stripe \
         alone. Turn it on and load the page again, or open your order in the shop and pay there.</p></noscript>\n\
         <div id=\"pay\" hidden>\n\
         <button id=\"confirm\" type=\"button\" class=\"wide\" hidden></button>\n\
         <details id=\"other\"><summary>Pay by another card</summary>\n\
         <form id=\"form\"><div id=\"element\"></div><button id=\"submit\" class=\"wide\">Pay {amount}</button></form></details>\n\
         </div>\n{back}{simulated}\n\
         <script src=\"{script}\"></script>\n<script src=\"/assets/pay.js\"></script>",
        state = escape(state),
        script = escape(&stripe_js(&app.config)),
    );
    let mut response = page(StatusCode::OK, "Your payment", &body);
    if let Ok(policy) = HeaderValue::from_str(&policy(&app.config)) {
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    Ok(response)
}

/// The link to where the buyer came from: the app or the page of the shop that the payment names, else the shop's first page. Each is
/// looked at again: it may no longer be allowed.
pub(super) fn way_back(app: &App, payment: &payment::Model) -> Option<String> {
    let intent = payment.stripe_object.as_deref().unwrap_or_default();
    let named = payment.return_url.as_deref();
    link_back(app, named, &[("payment_intent", intent)])
}

/// The same of any address. An app is told `ids`.
pub(in crate::payments) fn link_back(
    app: &App,
    named: Option<&str>,
    ids: &[(&str, &str)],
) -> Option<String> {
    if let Some(mut link) = named.and_then(|named| app_link(&app.config, named)) {
        link.query_pairs_mut().extend_pairs(ids);
        let link = escape(link.as_str());
        return Some(format!(
            "<p><a id=\"app\" href=\"{link}\">Back to the app</a></p>\n"
        ));
    }
    let allowed = |url: &str| allowed_redirect(&app.config, "return_url", url.to_owned()).ok();
    // At our own address there is no shop.
    let own = origin(&app.config.public_url);
    let mut others = app
        .config
        .redirect_origins
        .iter()
        .filter(|one| **one != own);
    let shop = named.and_then(allowed).or_else(|| others.next().cloned())?;
    let link = escape(&shop);
    Some(format!(
        "<p><a id=\"shop\" href=\"{link}\">Back to the shop</a></p>\n"
    ))
}

/// Stripe wants its script from its own address, in the version of the API (docs.stripe.com/js/including,
/// docs.stripe.com/sdks/stripejs-versioning). With simulated money it is the simulator's.
fn stripe_js(config: &Config) -> String {
    match config.simulated() {
        true => format!("{}/js/stripe.js", config.stripe_api_base),
        false => {
            let train = API_VERSION.split('.').next_back().unwrap_or_default();
            format!("https://js.stripe.com/{train}/stripe.js")
        }
    }
}

/// What Stripe.js needs, and nothing else (docs.stripe.com/security/guide#content-security-policy).
fn policy(config: &Config) -> String {
    let simulator = config.stripe_api_base.as_str();
    let js = "https://js.stripe.com https://*.js.stripe.com";
    let (scripts, frames, api) = match config.simulated() {
        true => (simulator, simulator.to_owned(), simulator),
        false => (
            js,
            format!("{js} https://hooks.stripe.com"),
            "https://api.stripe.com",
        ),
    };
    format!(
        "default-src 'none'; script-src 'self' {scripts}; frame-src {frames}; connect-src 'self' {api}; style-src 'self'; \
         img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
    )
}

/// The page's address, as its script sends it.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
struct OpenPage {
    #[validate(length(min = 1, max = 1024, message = "state has 1 to 1024 characters."))]
    state: String,
}

/// What Stripe.js needs to have an intent paid.
#[derive(Serialize)]
struct PaymentPageResource {
    object: &'static str,
    payment_intent: Option<String>,
    /// None: it can't be paid any more, or is paid.
    client_secret: Option<String>,
    publishable_key: Option<String>,
    stripe_account: AccountId,
    /// Where Stripe.js leads a buyer at the end.
    return_url: String,
}

/// For the page's script. Stripe is asked for the client secret each time.
async fn open(
    State(app): State<App>,
    ValidJson(given): ValidJson<OpenPage>,
) -> Answer<PaymentPageResource> {
    let invalid = || Error::invalid("state", "state is not valid: it is incomplete, or too old.");
    let payment = payment_of(&app, &given.state).await?.ok_or_else(invalid)?;
    let of = payment::Column::Id.eq(payment.id.clone());
    let found = payment_with_order(&app.db.read, of).await?;
    let (payment, order) = found.ok_or_else(invalid)?;
    let is_open = payment.kind == PaymentKind::Intent && payment.status == PaymentStatus::Pending;
    let found = match is_open {
        true => checkout::resume(&app, order, payment).await?,
        false => Checkout::as_stored(payment, order),
    };
    let back = format!("/checkout/success?state={}", given.state);
    Ok(Json(PaymentPageResource {
        object: "payment_page",
        payment_intent: found.payment.stripe_object,
        client_secret: found
            .client_secret
            .map(|secret| secret.expose_secret().to_owned()),
        publishable_key: app.config.stripe_publishable_key.clone(),
        stripe_account: found.payment.charge_account,
        return_url: app.config.page(&back),
    }))
}

async fn script() -> impl axum::response::IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("pay.js"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Config {
        let vars = vars
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::read(&vars.collect()).expect("settings")
    }

    #[test]
    fn stripes_own_script_is_of_the_apis_version_and_the_page_allows_what_it_needs_alone() {
        let live = config(&[
            ("STRIPE_SECRET_KEY", "sk_live_1"),
            ("STRIPE_PUBLISHABLE_KEY", "pk_live_1"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
            ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_2"),
            ("PUBLIC_URL", "https://souk.example"),
            ("JWT_SECRET", "a secret of more than thirty-two characters"),
            ("DATABASE_URL", "postgres://db/souk"),
            ("MAIL_FROM", "shop@souk.example"),
            ("SMTP_URL", "smtps://mail.example"),
        ]);
        assert_eq!(stripe_js(&live), "https://js.stripe.com/endive/stripe.js");
        assert_eq!(
            policy(&live),
            "default-src 'none'; script-src 'self' https://js.stripe.com https://*.js.stripe.com; frame-src https://js.stripe.com \
             https://*.js.stripe.com https://hooks.stripe.com; connect-src 'self' https://api.stripe.com; style-src 'self'; \
             img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
        );
    }

    #[test]
    fn simulated_money_has_the_simulators_script_and_nothing_of_stripes() {
        let base = "http://127.0.0.1:12111";
        let simulated = config(&[
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("STRIPE_API_BASE", base),
            ("STRIPE_WEBHOOK_SECRET", "whsec_1"),
            ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_2"),
            ("JWT_SECRET", "a secret of more than thirty-two characters"),
        ]);
        assert_eq!(stripe_js(&simulated), format!("{base}/js/stripe.js"));
        assert_eq!(policy(&simulated).matches(base).count(), 3);
        assert!(!policy(&simulated).contains("https://"));
    }
}
