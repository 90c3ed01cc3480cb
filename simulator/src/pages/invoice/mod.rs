//! The page of an invoice, where it can be paid, and its PDF:
//! <https://docs.stripe.com/invoicing/hosted-invoice-page>.

mod pdf;

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Form, Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::html::{
    Field, Problem, amount, badge, choice, error_page, page_with, problem_summary, see_other,
    table, when,
};
use crate::{
    Simulator,
    billing::invoices::{
        lines, payments,
        settle::{self, Collected},
    },
    cards,
    customers::methods,
    error::ApiError,
    money,
    payments::confirm::AttemptOptions,
    store::{Kind, Record, Tx},
};

/// An invoice and what its page shows.
struct View {
    invoice: Arc<Record>,
    merchant: String,
    lines: Vec<Value>,
    /// The customer's cards, newest first: id and what is shown.
    saved: Vec<(String, String)>,
}

fn load(tx: &Tx<'_>, id: &str, secret: &str) -> Result<View, ApiError> {
    let address = format!("{}/i/{id}/{secret}", tx.base_url);
    let invoice = tx
        .get(id)
        .filter(|r| r.kind == Kind::Invoice && r.text("hosted_invoice_url") == address)
        .ok_or_else(|| ApiError::missing("invoice", id, "invoice"))?;
    let name = invoice.value["account_name"].as_str();
    let saved = tx
        .store()
        .list(Kind::PaymentMethod, &invoice.owner)
        .rev()
        .filter(|m| m.value["customer"] == invoice.value["customer"] && m.text("type") == "card")
        .map(|m| {
            let text = |name: &str| m.value["card"][name].as_str().unwrap_or_default();
            (
                m.id.clone(),
                format!("{} •••• {}", text("brand"), text("last4")),
            )
        });
    Ok(View {
        merchant: name.unwrap_or("Simulated seller").to_owned(),
        lines: lines::of(&invoice),
        saved: saved.collect(),
        invoice,
    })
}

type Address = Path<(String, String)>;

pub(super) async fn show(
    State(s): State<Simulator>,
    Path((id, secret)): Address,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let failed = query.get("redirect_status").is_some_and(|s| s == "failed");
    let problem = failed.then(|| {
        Problem::at(
            "card",
            "Your bank couldn’t authenticate this card. Try another one.",
        )
    });
    render(&s, (&id, &secret), "", problem.as_ref())
}

fn render(
    simulator: &Simulator,
    (id, secret): (&str, &str),
    typed: &str,
    problem: Option<&Problem>,
) -> Response {
    let view = match simulator.engine().work(|tx| load(tx, id, secret)) {
        Ok(view) => view,
        Err(error) => return error_page(&error),
    };
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let invoice = &view.invoice;
    let currency = invoice.text("currency");
    let title = format!("Invoice {}", invoice.text("number"));
    let main = html! {
        main {
            h1 { (title) }
            p { "from " strong { (view.merchant) } " " (badge(invoice.text("status"))) }
            p.soft { (invoice.text("customer_name")) " " (invoice.text("customer_email")) " " code { (invoice.id) } }
            (problem_summary(problem))
            p.total { (money::format(invoice.int("amount_remaining"), currency)) " due"
                @if let Some(at) = invoice.value["due_date"].as_i64() { " by " (when(at)) }
            }
            section.panel #lines { h2 { "What it is for" } (bill(&view)) }
            @if payable(invoice) { section.panel #pay { h2 { "Pay" } (form(&view, typed, problem)) } }
            p { a #pdf href=(invoice.text("invoice_pdf")) { "Download as PDF" } }
        }
    };
    page_with(status, &title, main)
}

/// Whether an invoice takes money.
fn payable(invoice: &Record) -> bool {
    matches!(invoice.text("status"), "open" | "uncollectible")
}

/// The sums under an invoice's lines, each with its name.
fn sums(invoice: &Record) -> Vec<(&'static str, i64)> {
    let off: i64 = invoice.value["total_discount_amounts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|d| d["amount"].as_i64())
        .sum();
    let total = invoice.int("total");
    let mut sums = vec![("Subtotal", invoice.int("subtotal"))];
    if off != 0 {
        sums.push(("Discount", -off));
    }
    sums.push(("Total", total));
    let balance = invoice.int("amount_due") - total;
    if balance != 0 {
        sums.push(("Applied balance", balance));
    }
    sums.push(("Amount due", invoice.int("amount_due")));
    sums.push(("Amount paid", invoice.int("amount_paid")));
    sums
}

fn bill(view: &View) -> Markup {
    let currency = view.invoice.text("currency");
    let line = |line: &Value| {
        html! { tr {
            td { (line["description"].as_str().unwrap_or("Item")) }
            td { (when(line["period"]["start"].as_i64().unwrap_or(0))) }
            (amount(line["amount"].as_i64().unwrap_or(0), currency))
        } }
    };
    let sum = |(name, sum): &(&str, i64)| {
        html! { tr { td { strong { (name) } } td {} (amount(*sum, currency)) } }
    };
    let rows = view.lines.iter().map(line);
    let rows = rows.chain(sums(&view.invoice).iter().map(sum)).collect();
    table(
        "Lines",
        &["Description", "From", "Amount"],
        rows,
        "No lines",
    )
}

fn form(view: &View, typed: &str, problem: Option<&Problem>) -> Markup {
    let card = Field {
        id: "card",
        label: "Card number",
        value: match typed {
            "" => "4242 4242 4242 4242",
            typed => typed,
        },
        hint: Some("A test card."),
        autocomplete: Some("off"),
        numeric: true,
        optional: true,
        ..Field::default()
    };
    let due = money::format(
        view.invoice.int("amount_remaining"),
        view.invoice.text("currency"),
    );
    html! {
        form method="post" {
            @if !view.saved.is_empty() {
                fieldset {
                    legend { "Pay with" }
                    @for (id, label) in &view.saved { (choice("method", id, "", label)) }
                    (choice("method", "", "", "another card"))
                }
            }
            (card.show(problem))
            button { "Pay " (due) }
        }
    }
}

#[derive(Deserialize)]
pub(super) struct PayForm {
    #[serde(default)]
    card: String,
    /// One of the customer's cards, instead of a number.
    #[serde(default)]
    method: String,
}

/// How an attempt to pay ended.
enum Attempt {
    Done,
    /// The bank asks, at this address.
    Asked(String),
    Declined(&'static str),
}

pub(super) async fn pay(
    State(s): State<Simulator>,
    Path((id, secret)): Address,
    Form(form): Form<PayForm>,
) -> Response {
    let problem = match s.engine().work(|tx| attempt(tx, &id, &secret, &form)) {
        Ok(Attempt::Done) => return see_other(&format!("/i/{id}/{secret}")),
        Ok(Attempt::Asked(url)) => return see_other(&url),
        Ok(Attempt::Declined(message)) => message.to_owned(),
        Err(error) => error.message,
    };
    render(
        &s,
        (&id, &secret),
        &form.card,
        Some(&Problem::at("card", problem)),
    )
}

fn attempt(tx: &mut Tx<'_>, id: &str, secret: &str, form: &PayForm) -> Result<Attempt, ApiError> {
    let view = load(tx, id, secret)?;
    if !payable(&view.invoice) {
        return Err(ApiError::invalid(
            "There is nothing to pay on this invoice.",
        ));
    }
    tx.on_clock_of(id);
    let owner = view.invoice.owner.as_str();
    let method = match form.method.as_str() {
        "" => {
            let card = cards::find(&form.card).ok_or_else(cards::unknown)?;
            let billing = json!({
                "address": null, "email": view.invoice.value["customer_email"],
                "name": view.invoice.value["customer_name"], "phone": null, "tax_id": null,
            });
            methods::of_card(tx, owner, card, billing)
        }
        saved => {
            let own = view.saved.iter().any(|(id, _)| id == saved);
            tx.find(Kind::PaymentMethod, owner, saved)
                .filter(|_| own)
                .ok_or_else(|| ApiError::missing("PaymentMethod", saved, "method"))?
        }
    };
    let how = AttemptOptions {
        return_url: Some(view.invoice.text("hosted_invoice_url").to_owned()),
        ..AttemptOptions::default()
    };
    let end = settle::collect(tx, id, Some(method), &how)?;
    let asks = payments::default_of(tx, &view.invoice)
        .filter(|(_, intent)| intent.text("status") == "requires_action");
    Ok(match (end, asks) {
        (Collected::Declined(_, _, message), _) => Attempt::Declined(message),
        (Collected::Waiting, Some((_, intent))) => {
            Attempt::Asked(format!("/c/challenge/{}", intent.id))
        }
        _ => Attempt::Done,
    })
}

/// `invoice_pdf`.
pub(super) async fn download(State(s): State<Simulator>, Path((id, secret)): Address) -> Response {
    let view = match s.engine().work(|tx| load(tx, &id, &secret)) {
        Ok(view) => view,
        Err(error) => return error_page(&error),
    };
    let name = format!("Invoice-{}.pdf", view.invoice.text("number"));
    let headers = [
        (header::CONTENT_TYPE, "application/pdf".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", name.replace('"', "")),
        ),
    ];
    (headers, pdf::write(&printed(&view))).into_response()
}

/// What the PDF says, a line each: the text at the left, and an amount at the right.
fn printed(view: &View) -> Vec<(String, String)> {
    let invoice = &view.invoice;
    let currency = invoice.text("currency");
    let day = |at: i64| crate::billing::calendar::show(at);
    let left = |text: String| (text, String::new());
    let finalized = invoice.value["status_transitions"]["finalized_at"].as_i64();
    let mut out = vec![
        left("SIMULATED. This is no invoice of Stripe.".to_owned()),
        left(format!("Invoice {}", invoice.text("number"))),
        left(view.merchant.clone()),
        left(format!("Status: {}", invoice.text("status"))),
        left(format!(
            "Date of issue: {}",
            finalized.map(day).unwrap_or_default()
        )),
    ];
    if let Some(at) = invoice.value["due_date"].as_i64() {
        out.push(left(format!("Date due: {}", day(at))));
    }
    out.push(left(format!(
        "Bill to: {} {}",
        invoice.text("customer_name"),
        invoice.text("customer_email")
    )));
    out.push(left(String::new()));
    for line in &view.lines {
        let text = line["description"].as_str().unwrap_or("Item").to_owned();
        let sum = money::format(line["amount"].as_i64().unwrap_or(0), currency);
        out.push((text, sum));
    }
    out.push(left(String::new()));
    for (name, sum) in sums(invoice) {
        out.push((name.to_owned(), money::format(sum, currency)));
    }
    out
}
