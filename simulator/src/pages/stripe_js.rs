//! The stand-in for Stripe.js, and the pages that it shows in frames of an application's own pages: the bank's question, and a
//! Checkout Session with `ui_mode=embedded_page`. <https://docs.stripe.com/js>

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use maud::html;
use serde_json::{Value, json};

use super::{elements, html::page};
use crate::{
    Simulator,
    api::{Call, Key},
    customers::{
        configurations::{self, Terms},
        sessions,
    },
    error::{Answer, ApiError},
    form::Node,
    payments::confirmation_tokens,
    server::allow_any_origin,
    store::{Kind, Record, Tx},
};

/// The files of `js`, in one function, so that a page sees only `Stripe`.
const SCRIPT: &str = concat!(
    "(function () {\n'use strict'\n",
    include_str!("js/base.js"),
    include_str!("js/elements.js"),
    include_str!("js/client.js"),
    include_str!("js/checkout.js"),
    include_str!("js/stripe.js"),
    "})()\n"
);

pub(super) fn router() -> Router<Simulator> {
    Router::new()
        .route("/js/stripe.js", get(|| async { script(SCRIPT) }))
        .route(
            "/js/frame.js",
            get(|| async { script(include_str!("js/frame.js")) }),
        )
        .route("/js/embedded_checkout", post(embedded_checkout))
        .route("/js/customer_session", post(customer_session))
        .route("/js/customer_session/remove", post(remove_saved))
        .route("/js/payment_method_types", post(payment_method_types))
        .route("/js/confirmation_tokens", post(confirmation_token))
        .route("/js/checkout_session/{act}", post(elements::act))
}

fn script(text: &'static str) -> impl IntoResponse {
    let kind = "text/javascript; charset=utf-8";
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (headers, text)
}

/// Does what Stripe.js asks for from an application's page, on an account; any page may read the answer.
pub(super) fn asked(
    simulator: &Simulator,
    body: &str,
    work: impl FnOnce(&mut Tx<'_>, &str, &Node) -> Answer,
) -> Response {
    let answer = Node::parse(body).and_then(|args| {
        simulator.engine().work(|tx| {
            let account = args.text("account").map(str::to_owned);
            let account = account.unwrap_or_else(|| tx.platform());
            work(tx, &account, &args)
        })
    });
    allow_any_origin(match answer {
        Ok(value) => Json(value).into_response(),
        Err(error) => error.into_response(),
    })
}

/// The session of whoever has its client secret.
pub(super) fn session_of(
    tx: &Tx<'_>,
    account: &str,
    args: &Node,
) -> Result<std::sync::Arc<Record>, ApiError> {
    let secret = args.text("client_secret").unwrap_or_default();
    let id = secret.split("_secret_").next().unwrap_or_default();
    let session = tx
        .find(Kind::Session, account, id)
        .filter(|session| session.text("client_secret") == secret);
    session.ok_or_else(|| ApiError::missing("checkout.session", id, "client_secret"))
}

/// The page of a session, for whoever has its client secret.
async fn embedded_checkout(State(s): State<Simulator>, body: String) -> Response {
    asked(&s, &body, |tx, account, args| {
        let session = session_of(tx, account, args)?;
        match session.text("ui_mode") {
            "embedded_page" => Ok(json!({
                "redirect_on_completion": session.text("redirect_on_completion"),
                "url": format!("{}/c/pay/{}", tx.base_url, session.id),
            })),
            mode => Err(ApiError::invalid(format!(
                "createEmbeddedCheckoutPage() is for Checkout Sessions with `ui_mode` `embedded_page`, and this one's is `{mode}`."
            ))),
        }
    })
}

/// What the Payment Element may show and do for a customer, by the secret of a customer session.
async fn customer_session(State(s): State<Simulator>, body: String) -> Response {
    asked(&s, &body, |tx, account, args| {
        let secret = args.text("client_secret").unwrap_or_default();
        sessions::claim(tx, account, secret)
    })
}

async fn remove_saved(State(s): State<Simulator>, body: String) -> Response {
    asked(&s, &body, |tx, account, args| {
        let text = |name: &str| args.text(name).unwrap_or_default();
        sessions::remove(tx, account, text("client_secret"), text("payment_method"))
    })
}

/// What a page offers that has no intent yet.
async fn payment_method_types(State(s): State<Simulator>, body: String) -> Response {
    asked(&s, &body, |tx, account, args| {
        let named = args.text("payment_method_configuration");
        let found = configurations::resolve(tx, account, named)?;
        let terms = Terms {
            currency: args.text("currency").unwrap_or_default(),
            redirects: true,
            excluded: &Value::Null,
        };
        Ok(json!(configurations::offered(tx, &found, terms)))
    })
}

/// Stripe's API lets only its own clients make these; for a server there is a test helper.
async fn confirmation_token(State(s): State<Simulator>, body: String) -> Response {
    asked(&s, &body, |tx, account, args| {
        let call = Call {
            args,
            body: &Value::Null,
            ids: Vec::new(),
            owner: account,
            path: "/v1/confirmation_tokens",
            key: Key::Publishable,
        };
        confirmation_tokens::create(tx, &call)
    })
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
    let frame = dest.is_some_and(|dest| dest == "iframe");
    let frame = frame.then(|| frame_of(&s, &request)).flatten();
    // Of a session with elements only the bank's question is framed, which ends with its answer.
    let is_answered = frame == Some(Frame::Question) && request.method() == Method::POST;
    let answer = next.run(request).await;
    if frame.is_none() {
        return answer;
    }
    let location = answer.headers().get(header::LOCATION);
    let location = location.and_then(|value| value.to_str().ok());
    let outside = location.filter(|url| url.contains("://") && !url.starts_with(&s.base_url()));
    let is_finished = answer.extensions().get::<Finished>().is_some() || is_answered;
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

/// What may stand in a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    /// A page that goes on within its frame.
    Page,
    /// The bank's question alone.
    Question,
}

fn frame_of(simulator: &Simulator, request: &Request) -> Option<Frame> {
    let mut parts = request.uri().path().split('/').skip(2);
    match (parts.next()?, parts.next()?, parts.next()) {
        ("challenge", ..) => Some(Frame::Page),
        ("pay", id, rest) => {
            let core = simulator.engine().lock();
            match (core.store.get(id)?.text("ui_mode"), rest) {
                ("embedded_page", _) => Some(Frame::Page),
                ("elements", Some("challenge")) => Some(Frame::Question),
                _ => None,
            }
        }
        _ => None,
    }
}

fn end(url: &str) -> Response {
    let main = html! {
        main.card { h1 { "Done" } p { "You are being led back." } }
        script src="/js/frame.js" data-url=(url) {}
    };
    page("Done", main)
}
