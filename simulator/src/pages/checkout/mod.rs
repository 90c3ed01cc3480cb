//! The hosted payment page and its 3-D Secure challenge.

mod form;

use std::{collections::BTreeMap, sync::Arc};

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
        Field, Problem, address, amount, error_page, page, page_with, problem_summary, see_other,
    },
    stripe_js::finished,
};
use crate::{
    Simulator,
    checkout::{
        self,
        pay::{self, Method, Outcome, Payment},
    },
    error::ApiError,
    money,
    store::Record,
};

/// The session and what its page shows.
struct View {
    session: Arc<Record>,
    merchant: String,
    code: Option<String>,
    /// Cards the customer has saved, newest first: id and what is shown.
    saved: Vec<(String, String)>,
    /// Ways to send the goods: id and what is shown.
    shipping: Vec<(String, String)>,
}

/// What the buyer typed, by the names of the fields.
type Fields = BTreeMap<String, String>;

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
        let saved = checkout::offered(tx, &session);
        let options = session.value["shipping_options"].as_array();
        let rates = options.into_iter().flatten();
        let rates = rates.filter_map(|o| tx.get(o["shipping_rate"].as_str()?));
        Ok(View {
            merchant: merchant.unwrap_or_else(|| "Simulated seller".to_owned()),
            saved: saved.iter().map(|method| saved_card(method)).collect(),
            shipping: rates
                .map(|rate| shipping(&rate, session.text("currency")))
                .collect(),
            session,
            code,
        })
    })
}

fn saved_card(method: &Record) -> (String, String) {
    let text = |name: &str| method.value["card"][name].as_str().unwrap_or_default();
    let label = format!("{} •••• {}", text("brand"), text("last4"));
    (method.id.clone(), label)
}

fn shipping(rate: &Record, currency: &str) -> (String, String) {
    let price = rate.value["fixed_amount"]["amount"].as_i64().unwrap_or(0);
    let label = format!(
        "{}, {}",
        rate.text("display_name"),
        money::format(price, currency)
    );
    (rate.id.clone(), label)
}

pub(super) async fn show(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    render(&s, &id, &Fields::new(), None)
}

fn render(simulator: &Simulator, id: &str, typed: &Fields, problem: Option<&Problem>) -> Response {
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
        "setup" => format!("Save your payment details for {merchant}"),
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

fn open(view: &View, title: &str, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let session = &view.session;
    let total = money::format(session.int("amount_total"), session.text("currency"));
    let setup = session.text("mode") == "setup";
    html! {
        main.two {
            section {
                (back_link(session))
                h1 { (title) }
                @if !setup {
                    p.total { (total) }
                    (summary(session, problem))
                    (promotion(view, problem))
                }
            }
            section.panel aria-labelledby="how" {
                h2 #how { "Payment details" }
                (problem_summary(problem))
                (form::show(view, &total, typed, problem))
            }
        }
    }
}

/// The price's interval, as in `every 3 months`.
fn interval_text(item: &Value) -> Option<String> {
    let recurring = &item["price"]["recurring"];
    let interval = recurring["interval"].as_str()?;
    Some(match recurring["interval_count"].as_i64() {
        Some(n) if n > 1 => format!("every {n} {interval}s"),
        _ => format!("every {interval}"),
    })
}

/// The quantity field of an adjustable item.
fn quantity(session: &Record, item: &Value) -> Markup {
    let bounds = &item["adjustable_quantity"];
    if bounds["enabled"] != Value::Bool(true) {
        return html! {};
    }
    let (id, what) = (&item["id"], &item["description"]);
    let (id, what) = (
        id.as_str().unwrap_or_default(),
        what.as_str().unwrap_or("Item"),
    );
    html! {
        form.inline method="post" action={ "/c/pay/" (session.id) "/quantities" } {
            input type="number" name=(id) value=(item["quantity"]) min=(bounds["minimum"]) max=(bounds["maximum"])
                required aria-label={ "Quantity of " (what) };
            button.quiet aria-label={ "Update the quantity of " (what) } { "Update" }
        }
    }
}

fn summary(session: &Record, problem: Option<&Problem>) -> Markup {
    let currency = session.text("currency");
    let off = session.value["total_details"]["amount_discount"]
        .as_i64()
        .unwrap_or(0);
    html! {
        div.panel {
            @if let Some(p) = problem.filter(|p| p.field == "quantities") {
                p.wrong id="quantities" { (p.message) }
            }
            table {
                caption.soft { "Your order" }
                tbody {
                    @for item in session.hidden["items"].as_array().into_iter().flatten() {
                        tr {
                            td {
                                (item["description"].as_str().unwrap_or("Item")) " × " (item["quantity"])
                                @if let Some(interval_text) = interval_text(item) { br; span.soft { (interval_text) } }
                                (quantity(session, item))
                            }
                            (amount(item["amount_subtotal"].as_i64().unwrap_or(0), currency))
                        }
                    }
                    @if off != 0 { tr { td { "Discount" } (amount(-off, currency)) } }
                    @if let Some(sent) = session.value["shipping_cost"]["amount_total"].as_i64() {
                        tr { td { "Shipping" } (amount(sent, currency)) }
                    }
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

/// The field that an error of the API is about.
fn field_of(error: &ApiError, typed: &Fields) -> &'static str {
    match error.param.as_deref() {
        Some(param) if param.contains("email") => "email",
        Some(param) if param.contains("promotion_code") => "code",
        Some("country") => "country",
        Some("custom_fields") => "asked",
        _ => paid_with(typed),
    }
}

/// The form field of the card that was tried: a saved card, or the card number.
fn paid_with(typed: &Fields) -> &'static str {
    match typed.get("payment_method").is_some_and(|id| !id.is_empty()) {
        true => "saved",
        false => "card",
    }
}

pub(super) async fn pay(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    let text = |name: &str| form.get(name).filter(|t| !t.is_empty()).cloned();
    let custom_fields = form
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("field_")?.to_owned(), value.clone())))
        .collect();
    let method = match text("method").as_deref() {
        Some("sepa_debit") => Method::SepaDebit,
        _ => Method::Card,
    };
    let payment = Payment {
        method,
        card: text("card"),
        // The chosen card doesn't matter when no card is used.
        payment_method: text("payment_method").filter(|_| method == Method::Card),
        email: text("email"),
        name: text("name"),
        phone: text("phone"),
        country: text("country"),
        shipping_rate: text("shipping_rate"),
        save: text("save").is_some(),
        custom_fields,
        ..Payment::default()
    };
    let outcome = s.engine().work(|tx| pay::pay(tx, &id, &payment));
    respond(&s, &id, &form, outcome)
}

/// Leads to the shop's page, or to a page of our own if the shop has none.
fn leave(id: &str, url: &str) -> Response {
    match url {
        "" => finished(see_other(&format!("/c/pay/{id}"))),
        url => see_other(url),
    }
}

/// Opens a session that expired once more.
pub(super) async fn recover(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    match s.engine().work(|tx| checkout::recover(tx, &id)) {
        Ok(url) => see_other(&url),
        Err(error) => error_page(&error),
    }
}

fn respond(
    simulator: &Simulator,
    id: &str,
    typed: &Fields,
    outcome: Result<Outcome, ApiError>,
) -> Response {
    let problem = match outcome {
        Ok(Outcome::Completed(url)) => return leave(id, &url),
        Ok(Outcome::Challenge) => return see_other(&format!("/c/pay/{id}/challenge")),
        Ok(Outcome::Declined { message, .. }) => Problem::at(paid_with(typed), message),
        Err(error) if error.status == 404 => return error_page(&error),
        Err(error) => Problem::at(field_of(&error, typed), error.message),
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
        Ok(_) => see_other(&format!("/c/pay/{id}")),
        Err(error) => {
            let problem = Problem::at("code", error.message);
            render(&s, &id, &Fields::new(), Some(&problem))
        }
    }
}

pub(super) async fn quantities(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<Fields>,
) -> Response {
    let read = |(name, text): (&String, &String)| {
        // Text that isn't a number counts as less than any bound.
        (name.clone(), text.trim().parse().unwrap_or(-1))
    };
    let choice = Payment {
        quantities: form.iter().map(read).collect(),
        ..Payment::default()
    };
    match s.engine().work(|tx| pay::adjust(tx, &id, &choice)) {
        Ok(()) => see_other(&format!("/c/pay/{id}")),
        Err(error) => {
            let problem = Problem::at("quantities", error.message);
            render(&s, &id, &Fields::new(), Some(&problem))
        }
    }
}

pub(super) async fn challenge(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let view = match view(&s, &id) {
        Ok(view) if view.session.text("status") == "open" => view,
        Ok(_) => return render(&s, &id, &Fields::new(), None),
        Err(error) => return error_page(&error),
    };
    let session = &view.session;
    let total = money::format(session.int("amount_total"), session.text("currency"));
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
    respond(&s, &id, &Fields::new(), outcome)
}
