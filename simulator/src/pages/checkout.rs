//! The hosted payment page and its 3-D Secure challenge.

use std::sync::Arc;

use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    challenge::{self, Answered},
    html::{
        Field, Problem, address, amount, choice, error_page, go, page, page_with, problem_summary,
    },
};
use crate::{
    Simulator,
    checkout::pay::{self, Method, Outcome, Payment},
    error::ApiError,
    money,
    store::Record,
};

/// What the page is made of.
struct View {
    session: Arc<Record>,
    merchant: String,
    code: Option<String>,
}

/// What the buyer typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Paying {
    email: Option<String>,
    name: Option<String>,
    card: Option<String>,
    method: Option<String>,
}

fn view(simulator: &Simulator, id: &str) -> Result<View, ApiError> {
    simulator.engine().work(|tx| {
        let session = pay::session(tx, id)?;
        let name = |account: &Record| {
            let name = account.value["business_profile"]["name"].as_str()?;
            Some(name.to_owned())
        };
        let merchant = tx.get(&session.owner).and_then(|account| name(&account));
        let code = session.hidden["discount"]["promotion_code"]
            .as_str()
            .and_then(|id| tx.get(id))
            .map(|code| code.text("code").to_owned());
        Ok(View {
            merchant: merchant.unwrap_or_else(|| "Simulated seller".to_owned()),
            session,
            code,
        })
    })
}

pub(super) async fn show(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    render(&s, &id, &Paying::default(), None)
}

fn render(simulator: &Simulator, id: &str, typed: &Paying, problem: Option<&Problem>) -> Response {
    let view = match view(simulator, id) {
        Ok(view) => view,
        Err(error) => return error_page(&error),
    };
    let title = heading(&view);
    match view.session.text("status") {
        "open" => {
            let status = match problem {
                Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
                None => StatusCode::OK,
            };
            page_with(status, &title, open(&view, &title, typed, problem))
        }
        "complete" => page("Done", complete(&view)),
        _ => page("Expired", expired(&view)),
    }
}

fn heading(view: &View) -> String {
    let merchant = &view.merchant;
    match view.session.text("mode") {
        "subscription" => format!("Subscribe to {merchant}"),
        "setup" => format!("Save a payment method for {merchant}"),
        _ => format!("Pay {merchant}"),
    }
}

fn complete(view: &View) -> Markup {
    let on = pay::success_url(&view.session);
    html! {
        main.card {
            h1 { "You’re all done here" }
            p { "You’ve already completed this with " (view.merchant) ". Nothing more is charged." }
            @if !on.is_empty() { p { a href=(address(&on)) { "Go on to " (view.merchant) } } }
        }
    }
}

fn expired(view: &View) -> Markup {
    html! {
        main.card {
            h1 { "This page has expired" }
            p { (view.merchant) " no longer waits for this payment. Nothing was charged." }
            (back_link(&view.session))
        }
    }
}

fn back_link(session: &Record) -> Markup {
    html! {
        @if let Some(url) = session.value["cancel_url"].as_str() {
            @let url = url.replace("{CHECKOUT_SESSION_ID}", &session.id);
            p { a #cancel href=(address(&url)) { "← Back to the shop" } }
        }
    }
}

fn open(view: &View, title: &str, typed: &Paying, problem: Option<&Problem>) -> Markup {
    let session = &view.session;
    let total = money::show(session.int("amount_total"), session.text("currency"));
    let setup = session.text("mode") == "setup";
    html! {
        main.two {
            section {
                (back_link(session))
                h1 { (title) }
                @if !setup {
                    p.total { (total) }
                    (summary(session))
                    (promotion(view, problem))
                }
            }
            section.panel aria-labelledby="how" {
                h2 #how { "Payment details" }
                (problem_summary(problem))
                (form(session, &total, typed, problem))
            }
        }
    }
}

/// The price's rhythm, as in `every 3 months`.
fn rhythm(item: &Value) -> Option<String> {
    let recurring = &item["price"]["recurring"];
    let interval = recurring["interval"].as_str()?;
    Some(match recurring["interval_count"].as_i64() {
        Some(n) if n > 1 => format!("every {n} {interval}s"),
        _ => format!("every {interval}"),
    })
}

fn summary(session: &Record) -> Markup {
    let currency = session.text("currency");
    let off = session.value["total_details"]["amount_discount"]
        .as_i64()
        .unwrap_or(0);
    html! {
        div.panel {
            table {
                caption.soft { "Your order" }
                tbody {
                    @for item in session.hidden["items"].as_array().into_iter().flatten() {
                        tr {
                            td {
                                (item["description"].as_str().unwrap_or("Item")) " × " (item["quantity"])
                                @if let Some(rhythm) = rhythm(item) { br; span.soft { (rhythm) } }
                            }
                            (amount(item["amount_subtotal"].as_i64().unwrap_or(0), currency))
                        }
                    }
                    @if off != 0 { tr { td { "Discount" } (amount(-off, currency)) } }
                    tr.sum { td { "Total" } (amount(session.int("amount_total"), currency)) }
                }
            }
        }
    }
}

fn promotion(view: &View, problem: Option<&Problem>) -> Markup {
    let session = &view.session;
    if session.value["allow_promotion_codes"] != Value::Bool(true) {
        return html! {};
    }
    let code = Field {
        id: "code",
        label: "Promotion code",
        autocomplete: Some("off"),
        ..Field::default()
    };
    html! {
        form.inline method="post" action={ "/c/pay/" (session.id) "/promotion_code" } {
            @match &view.code {
                Some(code) => {
                    p.good role="status" { "Code " strong { (code) } " is applied" }
                    button.quiet name="remove" value="1" { "Remove" }
                }
                None => { (code.show(problem)) button.quiet { "Apply" } }
            }
        }
    }
}

/// A setup always asks for a card, and a free order never does; a free trial does unless told not to.
fn wants_card(session: &Record) -> bool {
    match session.text("mode") {
        "setup" => true,
        "subscription" => {
            session.int("amount_total") > 0
                || session.text("payment_method_collection") != "if_required"
        }
        _ => session.int("amount_total") > 0,
    }
}

fn form(session: &Record, total: &str, typed: &Paying, problem: Option<&Problem>) -> Markup {
    let methods = session.value["payment_method_types"].as_array();
    let debit = methods.is_some_and(|m| m.iter().any(|x| x == "sepa_debit"))
        && session.text("mode") == "payment";
    let known = session.value["customer_email"].as_str().unwrap_or_default();
    let email = Field {
        id: "email",
        label: "E-mail",
        kind: "email",
        value: typed.email.as_deref().unwrap_or(known),
        autocomplete: Some("email"),
        ..Field::default()
    };
    let name = Field {
        id: "name",
        label: "Name",
        value: typed.name.as_deref().unwrap_or_default(),
        autocomplete: Some("name"),
        optional: true,
        ..Field::default()
    };
    let label = match session.text("mode") {
        "setup" => "Save".to_owned(),
        "subscription" => "Subscribe".to_owned(),
        _ if session.int("amount_total") == 0 => "Complete order".to_owned(),
        _ => format!("Pay {total}"),
    };
    let method = typed.method.as_deref().unwrap_or("card");
    html! {
        form #pay method="post" action={ "/c/pay/" (session.id) } {
            (email.show(problem))
            (name.show(problem))
            @if wants_card(session) {
                @if debit {
                    fieldset {
                        legend { "Pay by" }
                        (choice("method", "card", method, "Card"))
                        (choice("method", "sepa_debit", method, "SEPA Direct Debit: from a simulated bank account, arrives days later"))
                    }
                }
                (card(typed, problem))
            } @else {
                p.good { "Nothing to pay: no card is needed." }
            }
            button type="submit" { (label) }
        }
    }
}

fn card(typed: &Paying, problem: Option<&Problem>) -> Markup {
    let card = Field {
        id: "card",
        label: "Card number",
        value: typed.card.as_deref().unwrap_or("4242 4242 4242 4242"),
        autocomplete: Some("off"),
        numeric: true,
        ..Field::default()
    };
    let expiry = Field {
        id: "expiry",
        label: "Expiry",
        value: "12 / 34",
        autocomplete: Some("off"),
        ..Field::default()
    };
    let cvc = Field {
        id: "cvc",
        label: "CVC",
        value: "123",
        autocomplete: Some("off"),
        numeric: true,
        ..Field::default()
    };
    let others = [
        ("4000 0000 0000 0002", "is declined"),
        ("4000 0000 0000 9995", "has insufficient funds"),
        ("4000 0025 0000 3155", "asks for 3-D Secure"),
    ];
    html! {
        div.card-fields {
            (card.show(problem))
            div.row { (expiry.show(problem)) (cvc.show(problem)) }
            details {
                summary { "Other test cards" }
                ul { @for (number, what) in others { li { code { (number) } " " (what) } } }
            }
        }
    }
}

/// The field that an error of the API is about.
fn field_of(error: &ApiError) -> &'static str {
    match error.param.as_deref() {
        Some(param) if param.contains("email") => "email",
        Some(param) if param.contains("promotion_code") => "code",
        _ => "card",
    }
}

pub(super) async fn pay(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Paying>,
) -> Response {
    let payment = Payment {
        method: match form.method.as_deref() {
            Some("sepa_debit") => Method::SepaDebit,
            _ => Method::Card,
        },
        card: form.card.clone(),
        email: form.email.clone(),
        name: form.name.clone(),
        ..Payment::default()
    };
    let outcome = s.engine().work(|tx| pay::pay(tx, &id, &payment));
    after(&s, &id, &form, outcome)
}

fn after(
    simulator: &Simulator,
    id: &str,
    typed: &Paying,
    outcome: Result<Outcome, ApiError>,
) -> Response {
    let problem = match outcome {
        Ok(Outcome::Completed(url)) => return go(&url),
        Ok(Outcome::Challenge) => return go(&format!("/c/pay/{id}/challenge")),
        Ok(Outcome::Declined { message, .. }) => Problem::at("card", message),
        Err(error) if error.status == 404 => return error_page(&error),
        Err(error) => Problem::at(field_of(&error), error.message),
    };
    render(simulator, id, typed, Some(&problem))
}

#[derive(Deserialize)]
pub(super) struct Code {
    code: Option<String>,
    remove: Option<String>,
}

pub(super) async fn promotion_code(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Code>,
) -> Response {
    let code = match form.remove {
        Some(_) => None,
        None => Some(form.code.unwrap_or_default()),
    };
    let applied = s
        .engine()
        .work(|tx| pay::apply_code(tx, &id, code.as_deref()));
    match applied {
        Ok(_) => go(&format!("/c/pay/{id}")),
        Err(error) => {
            let problem = Problem::at("code", error.message);
            render(&s, &id, &Paying::default(), Some(&problem))
        }
    }
}

pub(super) async fn challenge(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let view = match view(&s, &id) {
        Ok(view) if view.session.text("status") == "open" => view,
        Ok(_) => return render(&s, &id, &Paying::default(), None),
        Err(error) => return error_page(&error),
    };
    let session = &view.session;
    let total = money::show(session.int("amount_total"), session.text("currency"));
    challenge::question(&match session.text("mode") {
        "setup" => html! { "saving this card for " strong { (view.merchant) } },
        _ => html! { "paying " strong { (total) } " to " strong { (view.merchant) } },
    })
}

pub(super) async fn answer(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Answered>,
) -> Response {
    let outcome = s.engine().work(|tx| pay::challenge(tx, &id, form.outcome));
    after(&s, &id, &Paying::default(), outcome)
}
