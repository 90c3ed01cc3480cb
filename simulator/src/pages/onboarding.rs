//! Hosted onboarding: what an account link opens.

use axum::{
    extract::{Form, Path, State},
    http::StatusCode,
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::html::{
    Field, Problem, address, choice, error_page, page_with, problem_summary, see_other,
};
use crate::{
    Simulator,
    accounts::{
        links::{self, Opened},
        onboarding::{self, Details, Outcome},
        v2,
    },
};

pub(super) async fn open(
    State(s): State<Simulator>,
    Path((account, token)): Path<(String, String)>,
) -> Response {
    match s.engine().work(|tx| links::open(tx, &account, &token)) {
        Ok(Opened::Form(form)) => see_other(&format!("/setup/{account}/{token}/{form}")),
        Ok(Opened::Refresh(url)) => see_other(&url),
        Err(error) => error_page(&error),
    }
}

pub(super) async fn show(
    State(s): State<Simulator>,
    Path((account, token, form)): Path<(String, String, String)>,
) -> Response {
    match s
        .engine()
        .work(|tx| links::form(tx, &account, &token, &form))
    {
        Ok(link) => {
            let country = country(&s, &account);
            let filled = Filled::for_account(&s, &account, &country);
            let return_url = links::return_url(&link);
            render(&account, &country, &return_url, &filled, None)
        }
        Err(error) => error_page(&error),
    }
}

/// What the seller filled in.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filled {
    business_type: String,
    business_name: String,
    first_name: String,
    last_name: String,
    dob: String,
    email: String,
    url: String,
    bank_account: String,
    outcome: Outcome,
    tos: Option<String>,
}

fn country(simulator: &Simulator, account: &str) -> String {
    let core = simulator.engine().lock();
    let record = core.store.get(account);
    record.map_or_else(String::new, |r| r.text("country").to_owned())
}

impl Filled {
    /// Test data, and what the platform has said already.
    fn for_account(simulator: &Simulator, account: &str, country: &str) -> Self {
        let core = simulator.engine().lock();
        let known = |pointer: &str, or: &str| {
            let value = core.store.get(account).map(|r| &r.value);
            let text = value
                .and_then(|v| v.pointer(pointer))
                .and_then(|v| v.as_str());
            text.filter(|t| !t.is_empty()).unwrap_or(or).to_owned()
        };
        Self {
            business_type: known("/business_type", "individual"),
            business_name: known("/business_profile/name", "Test Shop"),
            first_name: known("/individual/first_name", "Jenny"),
            last_name: known("/individual/last_name", "Rosen"),
            dob: "1901-01-01".to_owned(),
            email: known("/email", ""),
            url: known("/business_profile/url", "https://example.com"),
            bank_account: match country {
                "US" => "000123456789",
                _ => "DE89370400440532013000",
            }
            .to_owned(),
            outcome: Outcome::Complete,
            tos: Some("yes".to_owned()),
        }
    }

    fn problem(&self) -> Option<Problem> {
        let bank = self
            .bank_account
            .chars()
            .filter(char::is_ascii_alphanumeric);
        if bank.count() < 8 {
            let message = "That isn't a bank account: try the test one.";
            Some(Problem::at("bank_account", message))
        } else if self.tos.is_none() {
            Some(Problem::at("tos", "Please accept the terms of service."))
        } else {
            None
        }
    }
}

fn render(
    account: &str,
    country: &str,
    return_url: &str,
    filled: &Filled,
    problem: Option<&Problem>,
) -> Response {
    let missing_tos = problem.filter(|p| p.field == "tos");
    let main = html! {
        main.card {
            h1 { "Start getting paid" }
            p.soft { "Account " code { (account) } ", " (country) ". Everything is filled in with test data; change what you like." }
            (problem_summary(problem))
            form method="post" {
                (business(filled, problem))
                fieldset { legend { "Where payouts go" } (bank_field(country, filled).show(problem)) }
                (review(filled))
                @if let Some(p) = missing_tos { p.wrong #tos-error { (p.message) } }
                label.choice {
                    input #tos type="checkbox" name="tos" value="yes" required checked[filled.tos.is_some()]
                        aria-describedby=[missing_tos.map(|_| "tos-error")];
                    "I accept the (simulated) terms of service"
                }
                button type="submit" { "Submit" }
            }
            p { a #return href=(address(return_url)) { "Leave without finishing" } }
        }
    };
    let status = match problem {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    page_with(status, "Onboarding", main)
}

fn text<'a>(id: &'a str, label: &'a str, value: &'a str) -> Field<'a> {
    Field {
        id,
        label,
        value,
        ..Field::default()
    }
}

fn business(filled: &Filled, problem: Option<&Problem>) -> Markup {
    let types = [
        ("individual", "Individual"),
        ("company", "Company"),
        ("non_profit", "Non-profit"),
    ];
    let born = Field {
        kind: "date",
        ..text("dob", "Date of birth", &filled.dob)
    };
    let email = Field {
        kind: "email",
        autocomplete: Some("email"),
        optional: true,
        ..text("email", "E-mail", &filled.email)
    };
    let website = Field {
        kind: "url",
        ..text("url", "Website", &filled.url)
    };
    html! {
        fieldset {
            legend { "You and your business" }
            div.field {
                label for="business_type" { "Business type" }
                select #business_type name="business_type" {
                    @for (value, label) in types {
                        option value=(value) selected[value == filled.business_type] { (label) }
                    }
                }
            }
            (text("business_name", "Business name", &filled.business_name).show(problem))
            div.row {
                (text("first_name", "First name", &filled.first_name).show(problem))
                (text("last_name", "Last name", &filled.last_name).show(problem))
            }
            (born.show(problem))
            (email.show(problem))
            (website.show(problem))
        }
    }
}

fn bank_field<'a>(country: &str, filled: &'a Filled) -> Field<'a> {
    let (label, hint) = if country == "US" {
        ("Account number", "Routing number 110000000")
    } else {
        ("IBAN", "Any country’s test IBAN will do")
    };
    Field {
        hint: Some(hint),
        ..text("bank_account", label, &filled.bank_account)
    }
}

/// The choice of the review's result.
fn review(filled: &Filled) -> Markup {
    let ends = [
        (
            "complete",
            Outcome::Complete,
            "All is well: charges and payouts enabled",
        ),
        (
            "details_missing",
            Outcome::DetailsMissing,
            "A document is still missing",
        ),
        (
            "pending_verification",
            Outcome::PendingVerification,
            "Verification is still pending",
        ),
    ];
    let chosen = ends
        .iter()
        .find(|(_, o, _)| *o == filled.outcome)
        .map_or("", |(name, _, _)| name);
    html! {
        fieldset {
            legend { "What the simulated review says" }
            @for (value, _, label) in ends { (choice("outcome", value, chosen, label)) }
        }
    }
}

pub(super) async fn submit(
    State(s): State<Simulator>,
    Path((account, token, form)): Path<(String, String, String)>,
    Form(filled): Form<Filled>,
) -> Response {
    let link = match s
        .engine()
        .work(|tx| links::form(tx, &account, &token, &form))
    {
        Ok(link) => link,
        Err(error) => return error_page(&error),
    };
    let return_url = links::return_url(&link);
    if let Some(problem) = filled.problem() {
        let country = country(&s, &account);
        return render(&account, &country, &return_url, &filled, Some(&problem));
    }
    let some = |text: String| Some(text).filter(|t| !t.trim().is_empty());
    let details = Details {
        outcome: filled.outcome,
        business_type: some(filled.business_type),
        first_name: some(filled.first_name),
        last_name: some(filled.last_name),
        business_name: some(filled.business_name),
        email: some(filled.email),
        url: some(filled.url),
        bank_account: some(filled.bank_account),
    };
    let done = s.engine().work(|tx| {
        onboarding::onboard(tx, &account, &details)?;
        v2::links::returned(tx, &link);
        Ok(())
    });
    match done {
        Ok(()) => see_other(&return_url),
        Err(error) => error_page(&error),
    }
}
