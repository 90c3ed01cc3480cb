//! The pages that a buyer comes back to from a bank's page, or from Stripe's own, where they save a card. They ask Stripe how far the
//! setup is and say that alone: coming back proves nothing. While it isn't settled they look again by themselves.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use souk_entity::SetupIntentId;
use souk_entity::setup_intent::{self, SetupStatus};

use crate::app::App;
use crate::error::{Error, Result};
use crate::http::{Query, escape, page};
use crate::sellers;

use super::super::intents::declines::Decline;
use super::super::sessions::pay_page::link_back;

/// The pauses before the page looks again, in seconds.
const PAUSES: [u32; 6] = [3, 3, 5, 10, 20, 40];

pub(in crate::payments) fn router() -> Router<App> {
    Router::new()
        .route("/setup/return", get(returned))
        .route("/setup/cancelled", get(cancelled))
        .route("/assets/setup.js", get(script))
}

/// Stripe adds `setup_intent_client_secret` and `redirect_status` to an intent's `return_url`
/// (docs.stripe.com/payments/save-and-reuse). Neither is read: the one is nobody's but the buyer's, and the other proves nothing.
#[derive(Deserialize)]
struct ReturnQuery {
    session_id: Option<String>,
    setup_intent: Option<String>,
    setup_id: Option<SetupIntentId>,
    /// How often the page has looked again.
    tries: Option<String>,
}

/// How a buyer has come back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Return {
    Returned,
    Left,
}

impl Return {
    fn name(self) -> &'static str {
        match self {
            Self::Returned => "return",
            Self::Left => "cancelled",
        }
    }
}

async fn returned(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let object = query.session_id.or(query.setup_intent).unwrap_or_default();
    let tries = query.tries.and_then(|tries| tries.parse().ok());
    match super::by_object(&app, &object).await? {
        Some(row) => show(&app, row, Return::Returned, tries.unwrap_or(0)).await,
        None => Ok(unknown_page()),
    }
}

/// Stripe puts no session's id into a `cancel_url`, so we put our own there.
async fn cancelled(State(app): State<App>, Query(query): Query<ReturnQuery>) -> Result<Response> {
    let row = match query.setup_id {
        Some(id) => super::find(&app.db.read, &id).await?,
        None => None,
    };
    match row {
        Some(row) => show(&app, row, Return::Left, 0).await,
        None => Ok(unknown_page()),
    }
}

fn unknown_page() -> Response {
    let body = "<h1>We don't know what was to be saved here</h1>\n\
                <p>The address is incomplete or wrong. Nothing was charged. Open the shop to see which cards you have saved.</p>";
    page(StatusCode::NOT_FOUND, "Unknown", body)
}

/// What is true of a setup, to its buyer.
struct Words {
    title: &'static str,
    message: String,
    is_settled: bool,
}

fn words(row: &setup_intent::Model, back: Return, shop: &str) -> Words {
    let decline = row.last_error.as_deref().and_then(Decline::read);
    let (title, message, is_settled) = match (row.status, decline, back) {
        (SetupStatus::Succeeded, ..) => (
            "Your card is saved",
            format!("It is saved with {shop}. Nothing was charged."),
            true,
        ),
        (SetupStatus::Processing, ..) => (
            "Your card is still being checked",
            "Your bank hasn't answered yet. Nothing was charged, and this page looks again by itself.".to_owned(),
            false,
        ),
        (SetupStatus::Open, Some(decline), _) => (
            "Your card was not saved",
            decline.sentence_of_setup().to_owned(),
            true,
        ),
        (SetupStatus::Open, None, Return::Left) => (
            "You left before your card was saved",
            "Nothing was saved, and nothing was charged. Go back to save it after all.".to_owned(),
            true,
        ),
        (SetupStatus::Open, None, Return::Returned) => (
            "Your card is not saved yet",
            "If you have just confirmed it with your bank, this page looks again by itself. Else go back and try again. Nothing was \
             charged."
                .to_owned(),
            false,
        ),
        (SetupStatus::Canceled, ..) => (
            "Your card was not saved",
            "Saving it was cancelled, or wasn't finished in time. Nothing was charged.".to_owned(),
            true,
        ),
        (SetupStatus::Failed, ..) => (
            "Your card was not saved",
            "It can't be saved at the moment. Nothing was charged.".to_owned(),
            true,
        ),
    };
    Words {
        title,
        message,
        is_settled,
    }
}

async fn show(app: &App, row: setup_intent::Model, back: Return, tries: usize) -> Result<Response> {
    let row = match super::verify(app, row.clone()).await {
        // What is known counts.
        Err(Error::StripeUnavailable(_) | Error::AccessLost { .. } | Error::StripeRefused(_)) => {
            row
        }
        verified => verified?,
    };
    let seller = sellers::find(&app.db.read, &row.seller_id).await?;
    let shop = seller.map_or_else(|| "the shop".to_owned(), |seller| seller.name);
    let words = words(&row, back, &shop);
    let named = match back {
        Return::Left => row.cancel_url.as_deref(),
        Return::Returned => row.success_url.as_deref().or(row.return_url.as_deref()),
    };
    let ids = [
        ("session_id", row.checkout_session.as_deref()),
        ("setup_intent", row.stripe_object.as_deref()),
        ("page", Some(back.name())),
    ];
    let ids: Vec<(&str, &str)> = ids
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect();
    let simulated = match app.config.simulated() {
        true => "<p class=\"note\">Simulated money: nothing is charged.</p>",
        false => "",
    };
    let body = format!(
        "<h1 id=\"title\"{good}>{title}</h1>\n\
         <p id=\"message\" role=\"status\" data-session=\"{session}\" data-setup=\"{setup}\" data-page=\"{page}\" \
         data-tries=\"{tries}\" data-origins=\"{origins}\">{message}</p>\n{link}{simulated}\n\
         <script src=\"/assets/setup.js\"></script>",
        good = match row.status {
            SetupStatus::Succeeded => " class=\"good\"",
            _ => "",
        },
        title = words.title,
        session = escape(row.checkout_session.as_deref().unwrap_or_default()),
        setup = escape(row.stripe_object.as_deref().unwrap_or_default()),
        page = back.name(),
        origins = escape(&app.config.redirect_origins.join(" ")),
        message = escape(&words.message),
        link = link_back(app, named, &ids).unwrap_or_default(),
    );
    let mut response = page(StatusCode::OK, "Your card", &body);
    let again = PAUSES.get(tries).filter(|_| !words.is_settled);
    if let Some(value) = again.and_then(|pause| look_again(app, &row, *pause, tries)) {
        response.headers_mut().insert(REFRESH, value);
    }
    Ok(response)
}

const REFRESH: HeaderName = HeaderName::from_static("refresh");

/// What has a browser load the page again, without the secret that Stripe may have put into its address.
fn look_again(
    app: &App,
    row: &setup_intent::Model,
    pause: u32,
    tries: usize,
) -> Option<HeaderValue> {
    let (name, id) = match (&row.checkout_session, &row.stripe_object) {
        (Some(session), _) => ("session_id", session),
        (None, Some(intent)) => ("setup_intent", intent),
        (None, None) => return None,
    };
    let again = app
        .config
        .page(&format!("/setup/return?{name}={id}&tries={}", tries + 1));
    HeaderValue::from_str(&format!("{pause}; url={again}")).ok()
}

async fn script() -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], include_str!("setup.js"))
}
