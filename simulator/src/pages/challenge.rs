//! The 3-D Secure challenge of an intent that no Checkout Session made.

use axum::{
    extract::{Form, Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    html::{error_page, page, see_other},
    stripe_js::finished,
};
use crate::{
    Simulator,
    error::ApiError,
    money,
    payments::{
        confirm::{self, AttemptOutcome, Challenge},
        setup,
    },
    store::{Kind, Record},
};

/// The bank's question; the form comes back to the address it is shown at.
pub(super) fn question(what: &Markup) -> Response {
    let main = html! {
        main.card {
            h1 { "Your bank wants to know it is you" }
            form method="post" {
                p { "Your simulated bank asks whether you are " (what) "." }
                button name="outcome" value="complete" { "Complete authentication" }
                button.quiet name="outcome" value="fail" { "Fail authentication" }
            }
            p.soft { "3-D Secure. A real bank would ask for a code or a tap in its app." }
        }
    };
    page("3-D Secure", main)
}

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
        return see_other(&format!("/c/pay/{session}/challenge"));
    }
    if intent.text("status") != "requires_action" {
        return error_page(&ApiError::invalid("There is no challenge to answer."));
    }
    question(&match intent.kind {
        Kind::SetupIntent => html! { "saving this card" },
        _ => {
            html! { "paying " strong { (money::format(intent.int("amount"), intent.text("currency"))) } }
        }
    })
}

#[derive(Deserialize)]
pub(super) struct Answered {
    pub outcome: Challenge,
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
        Ok(AttemptOutcome::Declined(..)) => "failed",
        Ok(_) => "succeeded",
        Err(error) => return error_page(&error),
    };
    let back = before.value["next_action"]["redirect_to_url"]["return_url"].as_str();
    let Some(mut url) = back.and_then(|url| url::Url::parse(url).ok()) else {
        let main = html! {
            main.card { h1 { "3-D Secure" } p { "Authentication " (status) ". You can close this page." } }
        };
        return finished(page("3-D Secure", main));
    };
    let noun = before.text("object").to_owned();
    url.query_pairs_mut()
        .append_pair(&noun, &id)
        .append_pair(
            &format!("{noun}_client_secret"),
            before.text("client_secret"),
        )
        .append_pair("redirect_status", status);
    see_other(url.as_str())
}
