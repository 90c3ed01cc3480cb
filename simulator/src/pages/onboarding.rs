//! Hosted onboarding: what an account link opens.

use axum::{
    extract::{Form, Path, State},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use super::{alert, document, error_page, escape, go};
use crate::{
    Simulator,
    accounts::{
        links::{self, Opened},
        onboarding::{self, Details, Outcome},
    },
};

pub(super) async fn open(
    State(s): State<Simulator>,
    Path((account, token)): Path<(String, String)>,
) -> Response {
    match s.engine().work(|tx| links::open(tx, &account, &token)) {
        Ok(Opened::Form(form)) => go(&format!("/setup/{account}/{token}/{form}")),
        Ok(Opened::Refresh(url)) => go(&url),
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
        Ok(return_url) => Html(page(&s, &account, &return_url, None)).into_response(),
        Err(error) => error_page(&error),
    }
}

fn page(simulator: &Simulator, account: &str, return_url: &str, problem: Option<&str>) -> String {
    let (email, country) = {
        let core = simulator.engine().lock();
        let record = core.store.get(account);
        let text = |name: &str| record.map(|r| r.text(name).to_owned()).unwrap_or_default();
        (text("email"), text("country"))
    };
    let (bank_label, bank) = if country == "US" {
        ("Account number (routing 110000000)", "000123456789")
    } else {
        ("IBAN", "DE89370400440532013000")
    };
    let body = format!(
        r#"<main class="card">
<h1>Start getting paid</h1>
<p class="soft">Account <code>{account}</code>, {country}. Everything is filled in with test data; change what you like.</p>
{problem}
<form method="post">
<fieldset><legend>You and your business</legend>
<label for="business_type">Business type</label>
<select id="business_type" name="business_type"><option value="individual">Individual</option><option value="company">Company</option></select>
<label for="business_name">Business name</label><input id="business_name" name="business_name" value="Test Shop" required>
<div class="row"><div><label for="first_name">First name</label><input id="first_name" name="first_name" value="Jenny" required></div>
<div><label for="last_name">Last name</label><input id="last_name" name="last_name" value="Rosen" required></div></div>
<label for="dob">Date of birth</label><input id="dob" name="dob" type="date" value="1901-01-01" required>
<label for="email">E-mail</label><input id="email" name="email" type="email" value="{email}" placeholder="jenny@example.com">
<label for="url">Website</label><input id="url" name="url" type="url" value="https://example.com" required></fieldset>
<fieldset><legend>Where payouts go</legend>
<label for="bank_account">{bank_label}</label><input id="bank_account" name="bank_account" value="{bank}" required></fieldset>
<fieldset><legend>What the simulated review says</legend>
<label class="choice"><input type="radio" name="outcome" value="complete" checked>All is well: charges and payouts enabled</label>
<label class="choice"><input type="radio" name="outcome" value="details_missing">A document is still missing</label>
<label class="choice"><input type="radio" name="outcome" value="pending_verification">Verification is still pending</label></fieldset>
<label class="choice"><input type="checkbox" name="tos" value="yes" required checked>I accept the (simulated) terms of service</label>
<button type="submit">Submit</button>
</form>
<p><a id="return" href="{return_url}">Leave without finishing</a></p>
</main>"#,
        account = escape(account),
        country = escape(&country),
        problem = alert(problem),
        email = escape(&email),
        return_url = escape(return_url),
    );
    document("Onboarding", &body)
}

#[derive(Deserialize)]
pub(super) struct Filled {
    business_type: String,
    business_name: Option<String>,
    first_name: String,
    last_name: String,
    email: Option<String>,
    url: Option<String>,
    bank_account: String,
    outcome: Option<Outcome>,
    tos: Option<String>,
}

pub(super) async fn submit(
    State(s): State<Simulator>,
    Path((account, token, form)): Path<(String, String, String)>,
    Form(filled): Form<Filled>,
) -> Response {
    let return_url = match s
        .engine()
        .work(|tx| links::form(tx, &account, &token, &form))
    {
        Ok(url) => url,
        Err(error) => return error_page(&error),
    };
    let problem = if filled.tos.is_none() {
        Some("Please accept the terms of service.")
    } else if filled
        .bank_account
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .count()
        < 8
    {
        Some("That isn't a bank account: try the test one.")
    } else {
        None
    };
    if problem.is_some() {
        return Html(page(&s, &account, &return_url, problem)).into_response();
    }
    let some = |text: Option<String>| text.filter(|t| !t.trim().is_empty());
    let details = Details {
        outcome: filled.outcome.unwrap_or_default(),
        business_type: Some(filled.business_type),
        first_name: Some(filled.first_name),
        last_name: Some(filled.last_name),
        business_name: some(filled.business_name),
        email: some(filled.email),
        url: some(filled.url),
        bank_account: Some(filled.bank_account),
    };
    match s
        .engine()
        .work(|tx| onboarding::onboard(tx, &account, &details))
    {
        Ok(_) => go(&return_url),
        Err(error) => error_page(&error),
    }
}
