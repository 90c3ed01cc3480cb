//! The stand-in for Stripe.js, and the pages that it shows in frames of an application's own pages: the bank's question, and a
//! Checkout Session with `ui_mode=embedded_page`. <https://docs.stripe.com/js>

use axum::{
    Json, Router,
    extract::{Form, Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::html;
use serde::Deserialize;
use serde_json::json;

use super::html::page;
use crate::{
    Simulator,
    error::ApiError,
    server::allow_any_origin,
    store::{Kind, Record},
};

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route(
            "/js/stripe.js",
            get(|| async { script(include_str!("js/stripe.js")) }),
        )
        .route(
            "/js/frame.js",
            get(|| async { script(include_str!("js/frame.js")) }),
        )
        .route("/js/embedded_checkout", post(embedded_checkout))
}

fn script(text: &'static str) -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text)
}

#[derive(Deserialize)]
struct Embedding {
    client_secret: String,
    account: Option<String>,
}

/// The page of a session, for whoever has its client secret.
async fn embedded_checkout(State(s): State<Simulator>, Form(form): Form<Embedding>) -> Response {
    allow_any_origin(match find(&s, &form) {
        Ok(session) => Json(json!({
            "redirect_on_completion": session.text("redirect_on_completion"),
            "url": format!("{}/c/pay/{}", s.base_url(), session.id),
        }))
        .into_response(),
        Err(error) => error.into_response(),
    })
}

fn find(simulator: &Simulator, form: &Embedding) -> Result<std::sync::Arc<Record>, ApiError> {
    let secret = &form.client_secret;
    let id = secret.split("_secret_").next().unwrap_or_default();
    let core = simulator.engine().lock();
    let owner = form.account.as_deref().unwrap_or(&core.store.platform);
    let session = core.store.get(id).filter(|session| {
        session.kind == Kind::Session
            && session.owner == owner
            && session.text("client_secret") == secret.as_str()
    });
    let session = session
        .cloned()
        .ok_or_else(|| ApiError::missing("checkout.session", id, "client_secret"))?;
    match session.text("ui_mode") {
        "embedded_page" => Ok(session),
        mode => Err(ApiError::invalid(format!(
            "createEmbeddedCheckoutPage() is for Checkout Sessions with `ui_mode` `embedded_page`, and this one's is `{mode}`."
        ))),
    }
}

/// On an answer: the customer is done with this page, and would be shown it if nothing was around it.
#[derive(Clone, Copy)]
pub(super) struct Finished;

/// Marks an answer as the end.
pub(super) fn finished(mut answer: Response) -> Response {
    answer.extensions_mut().insert(Finished);
    answer
}

/// A frame's page may have any page around it, and runs our script.
const FRAMED: &str =
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; base-uri 'none'";

/// Lets pages that Stripe.js frames be framed. At their end they tell the page around them, and lead nowhere by themselves.
pub(super) async fn framed(State(s): State<Simulator>, request: Request, next: Next) -> Response {
    // Browsers say it, and no page can.
    let dest = request.headers().get("sec-fetch-dest");
    let is_framed = dest.is_some_and(|dest| dest == "iframe") && may_be_framed(&s, &request);
    let answer = next.run(request).await;
    if !is_framed {
        return answer;
    }
    let location = answer.headers().get(header::LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let outside = location.filter(|url| url.contains("://") && !url.starts_with(&s.base_url()));
    let is_finished = answer.extensions().get::<Finished>().is_some();
    let mut answer = match outside {
        Some(url) => end(url),
        None if is_finished => end(""),
        None => answer,
    };
    let policy = HeaderValue::from_static(FRAMED);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    answer
}

fn may_be_framed(simulator: &Simulator, request: &Request) -> bool {
    let mut parts = request.uri().path().split('/').skip(2);
    match (parts.next(), parts.next()) {
        (Some("challenge"), _) => true,
        (Some("pay"), Some(id)) => {
            let core = simulator.engine().lock();
            let session = core.store.get(id);
            session.is_some_and(|session| session.text("ui_mode") == "embedded_page")
        }
        _ => false,
    }
}

fn end(url: &str) -> Response {
    let main = html! {
        main.card { h1 { "Done" } p { "You are being led back." } }
        script src="/js/frame.js" data-url=(url) {}
    };
    page("Done", main)
}
