//! The hosted payment page and its 3-D Secure challenge.

use axum::{
    extract::{Form, Path, State},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{alert, document, error_page, escape, go};
use crate::{
    Simulator,
    checkout::pay::{self, Method, Outcome, Payment},
    error::ApiError,
    money,
    payments::confirm::Challenge,
    store::{Record, Tx},
};

/// What the page is made of.
struct View {
    session: std::sync::Arc<Record>,
    merchant: String,
    code: Option<String>,
}

fn load(tx: &Tx<'_>, id: &str) -> Result<View, ApiError> {
    let session = pay::session(tx, id)?;
    let merchant = tx
        .get(&session.owner)
        .and_then(|a| {
            a.value["business_profile"]["name"]
                .as_str()
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "Simulated seller".to_owned());
    let code = session.hidden["discount"]["promotion_code"]
        .as_str()
        .and_then(|id| tx.get(id))
        .map(|code| code.text("code").to_owned());
    Ok(View {
        session,
        merchant,
        code,
    })
}

fn view(simulator: &Simulator, id: &str) -> Result<View, ApiError> {
    simulator.engine().work(|tx| load(tx, id))
}

pub(super) async fn show(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    render(&s, &id, None)
}

fn render(simulator: &Simulator, id: &str, problem: Option<&str>) -> Response {
    match view(simulator, id) {
        Err(error) => error_page(&error),
        Ok(view) => match view.session.text("status") {
            "open" => Html(page(&view, problem)).into_response(),
            "complete" => go(&pay::success_url(&view.session)),
            _ => Html(expired(&view)).into_response(),
        },
    }
}

fn expired(view: &View) -> String {
    let back = back_link(&view.session);
    let body = format!(
        r#"<main class="card"><h1>This page has expired</h1><p>{} no longer waits for this payment. Nothing was charged.</p>{back}</main>"#,
        escape(&view.merchant)
    );
    document("Expired", &body)
}

fn back_link(session: &Record) -> String {
    session.value["cancel_url"]
        .as_str()
        .map_or_else(String::new, |url| {
            let url = url.replace("{CHECKOUT_SESSION_ID}", &session.id);
            format!(
                r#"<p><a href="{}" id="cancel">← Back to the shop</a></p>"#,
                escape(&url)
            )
        })
}

fn page(view: &View, problem: Option<&str>) -> String {
    let session = &view.session;
    let currency = session.text("currency");
    let total = money::show(session.int("amount_total"), currency);
    let merchant = escape(&view.merchant);
    let body = format!(
        r#"<main class="two">
<section aria-labelledby="what">
{back}
<h1 id="what">Pay {merchant}</h1>
<p class="total">{total}</p>
{summary}
{promotion}
</section>
<section class="panel" aria-labelledby="how">
<h2 id="how">Payment details</h2>
{problem}
{form}
</section>
</main>"#,
        back = back_link(session),
        summary = summary(session),
        promotion = promotion(view),
        problem = alert(problem),
        form = form(session, &total),
    );
    document(&format!("Pay {}", view.merchant), &body)
}

fn summary(session: &Record) -> String {
    let currency = session.text("currency");
    let rows: String = session.hidden["items"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|item| {
            let amount = item["amount_subtotal"].as_i64().unwrap_or(0);
            format!(
                r#"<tr><td>{}</td><td>× {}</td><td class="amount">{}</td></tr>"#,
                escape(item["description"].as_str().unwrap_or("Item")),
                item["quantity"],
                money::show(amount, currency)
            )
        })
        .collect();
    let off = session.value["total_details"]["amount_discount"]
        .as_i64()
        .unwrap_or(0);
    let discount = if off == 0 {
        String::new()
    } else {
        format!(
            r#"<tr><td colspan="2">Discount</td><td class="amount">{}</td></tr>"#,
            money::show(-off, currency)
        )
    };
    let total = money::show(session.int("amount_total"), currency);
    format!(
        r#"<div class="panel"><table><caption class="soft" style="text-align:left">Your order</caption><tbody>{rows}{discount}<tr><td colspan="2"><strong>Total</strong></td><td class="amount"><strong>{total}</strong></td></tr></tbody></table></div>"#
    )
}

fn promotion(view: &View) -> String {
    let session = &view.session;
    if session.value["allow_promotion_codes"] != Value::Bool(true) {
        return String::new();
    }
    let action = format!("/c/pay/{}/promotion_code", session.id);
    match &view.code {
        Some(code) => format!(
            r#"<form class="inline" method="post" action="{action}"><p class="good">Code <strong>{}</strong> is applied</p><button class="quiet" name="remove" value="1">Remove</button></form>"#,
            escape(code)
        ),
        None => format!(
            r#"<form class="inline" method="post" action="{action}"><div><label for="code">Promotion code</label><input id="code" name="code" autocomplete="off" required></div><button class="quiet">Apply</button></form>"#
        ),
    }
}

fn form(session: &Record, total: &str) -> String {
    let email = escape(session.value["customer_email"].as_str().unwrap_or_default());
    let free = session.int("amount_total") == 0;
    let methods = session.value["payment_method_types"].as_array();
    let has = |name: &str| methods.is_some_and(|m| m.iter().any(|x| x == name));
    let card = r#"<label for="card">Card number</label><input id="card" name="card" inputmode="numeric" autocomplete="off" value="4242 4242 4242 4242">
<div class="row"><div><label for="expiry">Expiry</label><input id="expiry" name="expiry" value="12 / 34" autocomplete="off"></div><div><label for="cvc">CVC</label><input id="cvc" name="cvc" value="123" inputmode="numeric" autocomplete="off"></div></div>
<p class="soft">4242… pays · 4000&nbsp;0000&nbsp;0000&nbsp;0002 is declined · 4000&nbsp;0000&nbsp;0000&nbsp;9995 insufficient funds · 4000&nbsp;0025&nbsp;0000&nbsp;3155 asks for 3-D Secure</p>"#;
    let choice = if has("sepa_debit") {
        r#"<fieldset><legend>Pay by</legend><label class="choice"><input type="radio" name="method" value="card" checked>Card</label><label class="choice"><input type="radio" name="method" value="sepa_debit">SEPA Direct Debit (arrives days later, may fail)</label></fieldset>"#
    } else {
        ""
    };
    let (fields, label) = if free {
        (
            r#"<p class="good">Nothing to pay: no card is needed.</p>"#.to_owned(),
            "Complete order".to_owned(),
        )
    } else {
        (format!("{choice}{card}"), format!("Pay {total}"))
    };
    format!(
        r#"<form method="post" action="/c/pay/{id}" id="pay">
<label for="email">E-mail</label><input id="email" name="email" type="email" required value="{email}" autocomplete="email">
<label for="name">Name</label><input id="name" name="name" autocomplete="name">
{fields}
<button type="submit">{label}</button>
</form>"#,
        id = session.id
    )
}

#[derive(Deserialize)]
pub(super) struct Paying {
    email: Option<String>,
    name: Option<String>,
    card: Option<String>,
    method: Option<String>,
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
        card: form.card,
        promotion_code: None,
        email: form.email,
        name: form.name,
        challenge: None,
    };
    let outcome = s.engine().work(|tx| pay::pay(tx, &id, &payment));
    after(&s, &id, outcome)
}

fn after(simulator: &Simulator, id: &str, outcome: Result<Outcome, ApiError>) -> Response {
    match outcome {
        Ok(Outcome::Completed(url)) => go(&url),
        Ok(Outcome::Challenge) => go(&format!("/c/pay/{id}/challenge")),
        Ok(Outcome::Declined { message, .. }) => render(simulator, id, Some(&message)),
        Err(error) if error.status == 404 => error_page(&error),
        Err(error) => render(simulator, id, Some(&error.message)),
    }
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
    match s
        .engine()
        .work(|tx| pay::apply_code(tx, &id, code.as_deref()))
    {
        Ok(_) => go(&format!("/c/pay/{id}")),
        Err(error) => render(&s, &id, Some(&error.message)),
    }
}

pub(super) async fn challenge(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    let view = match view(&s, &id) {
        Ok(view) if view.session.text("status") == "open" => view,
        Ok(_) => return render(&s, &id, None),
        Err(error) => return error_page(&error),
    };
    let body = format!(
        r#"<main class="card"><h1>3-D Secure</h1><form method="post" action="/c/pay/{id}/challenge">
<p>Your simulated bank asks whether you are paying <strong>{amount}</strong> to <strong>{merchant}</strong>.</p>
<button name="outcome" value="complete">Complete authentication</button>
<button class="quiet" name="outcome" value="fail">Fail authentication</button>
</form></main>"#,
        amount = money::show(
            view.session.int("amount_total"),
            view.session.text("currency")
        ),
        merchant = escape(&view.merchant),
    );
    Html(document("3-D Secure", &body)).into_response()
}

#[derive(Deserialize)]
pub(super) struct ChallengeAnswer {
    outcome: Challenge,
}

pub(super) async fn answer(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(form): Form<ChallengeAnswer>,
) -> Response {
    let outcome = s.engine().work(|tx| pay::challenge(tx, &id, form.outcome));
    after(&s, &id, outcome)
}
