//! The 3-D Secure challenge of an intent that no Checkout Session made.

use axum::{
    extract::{Form, Path, State},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{document, error_page, escape, go};
use crate::{
    Simulator,
    error::ApiError,
    money,
    payments::{
        confirm::{self, Challenge, End},
        setup,
    },
    store::{Kind, Record},
};

fn waiting(simulator: &Simulator, id: &str) -> Result<std::sync::Arc<Record>, ApiError> {
    let core = simulator.engine().lock();
    core.store
        .get(id)
        .filter(|r| matches!(r.kind, Kind::Intent | Kind::SetupIntent))
        .cloned()
        .ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
}

pub(super) async fn show(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let intent = match waiting(&s, &id) {
        Ok(intent) => intent,
        Err(error) => return error_page(&error),
    };
    if let Some(session) = intent.hidden["session"].as_str() {
        return go(&format!("/c/pay/{session}/challenge"));
    }
    if intent.text("status") != "requires_action" {
        return error_page(&ApiError::invalid("There is no challenge to answer."));
    }
    let body = format!(
        r#"<main class="card"><h1>3-D Secure</h1><form method="post">
<p>Your simulated bank asks whether you are {what}.</p>
<button name="outcome" value="complete">Complete authentication</button>
<button class="quiet" name="outcome" value="fail">Fail authentication</button>
</form></main>"#,
        what = match intent.kind {
            Kind::SetupIntent => "saving this card".to_owned(),
            _ => format!(
                "paying <strong>{}</strong>",
                escape(&money::show(intent.int("amount"), intent.text("currency")))
            ),
        },
    );
    Html(document("3-D Secure", &body)).into_response()
}

#[derive(Deserialize)]
pub(super) struct Answered {
    outcome: Challenge,
}

/// Sends the customer back to `return_url`, with what Stripe adds to it.
pub(super) async fn answer(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Answered>,
) -> Response {
    let before = match waiting(&s, &id) {
        Ok(intent) => intent,
        Err(error) => return error_page(&error),
    };
    let sets_up = before.kind == Kind::SetupIntent;
    let outcome = s.engine().work(|tx| match sets_up {
        true => setup::challenge(tx, &id, form.outcome),
        false => confirm::challenge(tx, &id, form.outcome),
    });
    let status = match outcome {
        Ok(End::Declined(..)) => "failed",
        Ok(_) => "succeeded",
        Err(error) => return error_page(&error),
    };
    let back = before.value["next_action"]["redirect_to_url"]["return_url"].as_str();
    let Some(mut url) = back.and_then(|url| url::Url::parse(url).ok()) else {
        let text = format!("Authentication {status}. You can close this page.");
        let body = format!(r#"<main class="card"><h1>3-D Secure</h1><p>{text}</p></main>"#);
        return Html(document("3-D Secure", &body)).into_response();
    };
    let noun = before.text("object").to_owned();
    url.query_pairs_mut()
        .append_pair(&noun, &id)
        .append_pair(
            &format!("{noun}_client_secret"),
            before.text("client_secret"),
        )
        .append_pair("redirect_status", status);
    go(url.as_str())
}
