//! The hosted payment page and its 3-D Secure challenge.

use std::collections::BTreeMap;

use axum::{
    extract::{Form, Path, State},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{alert, document, error_page, escape, go};
use crate::{
    Simulator,
    checkout::{
        self,
        pay::{self, Method, Outcome, Payment},
    },
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
    /// Cards the customer has saved, newest first: id and what is shown.
    saved: Vec<(String, String)>,
    /// Ways to send the goods: id and what is shown.
    shipping: Vec<(String, String)>,
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
    let saved = checkout::offered(tx, &session)
        .iter()
        .map(|m| {
            let card = &m.value["card"];
            let text = |name: &str| card[name].as_str().unwrap_or_default().to_owned();
            (
                m.id.clone(),
                format!("{} •••• {}", text("brand"), text("last4")),
            )
        })
        .collect();
    let options = session.value["shipping_options"].as_array();
    let shipping = options
        .into_iter()
        .flatten()
        .filter_map(|o| tx.get(o["shipping_rate"].as_str()?))
        .map(|rate| {
            let price = rate.value["fixed_amount"]["amount"].as_i64().unwrap_or(0);
            let price = money::show(price, session.text("currency"));
            let name = rate.text("display_name");
            (rate.id.clone(), format!("{name} · {price}"))
        })
        .collect();
    Ok(View {
        session,
        merchant,
        code,
        saved,
        shipping,
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
            "complete" => leave(&pay::success_url(&view.session)),
            _ => Html(expired(&view)).into_response(),
        },
    }
}

/// To the shop's page, or to ours where the shop has none.
fn leave(url: &str) -> Response {
    if !url.is_empty() {
        return go(url);
    }
    let body = r#"<main class="card"><h1>Done</h1><p>You can close this page.</p></main>"#;
    Html(document("Done", body)).into_response()
}

/// Opens a session that expired once more.
pub(super) async fn recover(State(s): State<Simulator>, Path(id): Path<String>) -> Response {
    match s.engine().work(|tx| checkout::recover(tx, &id)) {
        Ok(url) => go(&url),
        Err(error) => error_page(&error),
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
    let merchant = escape(&view.merchant);
    let saves = session.text("mode") == "setup";
    let (heading, total) = if saves {
        (
            format!("Save your payment details for {merchant}"),
            String::new(),
        )
    } else {
        let total = money::show(session.int("amount_total"), currency);
        (format!("Pay {merchant}"), total)
    };
    let body = format!(
        r#"<main class="two">
<section aria-labelledby="what">
{back}
<h1 id="what">{heading}</h1>
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
        summary = if saves {
            String::new()
        } else {
            summary(session)
        },
        promotion = promotion(view),
        problem = alert(problem),
        form = form(view, &total),
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
    let sent = session.value["shipping_cost"]["amount_total"].as_i64();
    let sent = sent.map_or_else(String::new, |amount| {
        format!(
            r#"<tr><td colspan="2">Shipping</td><td class="amount">{}</td></tr>"#,
            money::show(amount, currency)
        )
    });
    let total = money::show(session.int("amount_total"), currency);
    format!(
        r#"<div class="panel"><table><caption class="soft" style="text-align:left">Your order</caption><tbody>{rows}{discount}{sent}<tr><td colspan="2"><strong>Total</strong></td><td class="amount"><strong>{total}</strong></td></tr></tbody></table></div>"#
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

fn form(view: &View, total: &str) -> String {
    let session = &view.session;
    let known = session.value["customer_details"]["email"].as_str();
    let email = escape(known.unwrap_or_default());
    let saves = session.text("mode") == "setup";
    let free = !saves && session.int("amount_total") == 0;
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
        let label = if saves {
            "Save".to_owned()
        } else {
            format!("Pay {total}")
        };
        (format!("{}{choice}{card}", saved(view)), label)
    };
    format!(
        r#"<form method="post" action="/c/pay/{id}" id="pay">
<label for="email">E-mail</label><input id="email" name="email" type="email" required value="{email}" autocomplete="email">
<label for="name">Name</label><input id="name" name="name" autocomplete="name">
{asked}
{fields}
<button type="submit">{label}</button>
</form>"#,
        asked = asked(view),
        id = session.id
    )
}

/// A choice among a few, as radio buttons; the first is chosen.
fn choice(name: &str, legend: &str, options: &[(String, String)]) -> String {
    let rows: String = options
        .iter()
        .enumerate()
        .map(|(at, (value, label))| {
            let checked = if at == 0 { " checked" } else { "" };
            format!(
                r#"<label class="choice"><input type="radio" name="{name}" value="{}"{checked}>{}</label>"#,
                escape(value),
                escape(label)
            )
        })
        .collect();
    format!("<fieldset><legend>{legend}</legend>{rows}</fieldset>")
}

fn saved(view: &View) -> String {
    if view.saved.is_empty() {
        return String::new();
    }
    let mut options = view.saved.clone();
    options.push((String::new(), "Another one".to_owned()));
    choice("payment_method", "Saved cards", &options)
}

/// What the session asks for besides a name and the money.
fn asked(view: &View) -> String {
    let value = &view.session.value;
    let mut out = String::new();
    if value["phone_number_collection"]["enabled"] == Value::Bool(true) {
        out.push_str(r#"<label for="phone">Phone</label><input id="phone" name="phone" type="tel" required autocomplete="tel">"#);
    }
    if let Some(countries) = value["shipping_address_collection"]["allowed_countries"].as_array() {
        let options: String = countries
            .iter()
            .filter_map(Value::as_str)
            .map(|c| format!("<option>{}</option>", escape(c)))
            .collect();
        out.push_str(&format!(r#"<label for="country">Send to</label><select id="country" name="country">{options}</select>"#));
    }
    if !view.shipping.is_empty() {
        out.push_str(&choice("shipping_rate", "Shipping", &view.shipping));
    }
    for field in value["custom_fields"].as_array().into_iter().flatten() {
        out.push_str(&custom(field));
    }
    if value["consent_collection"]["terms_of_service"] == "required" {
        out.push_str(r#"<label class="choice"><input type="checkbox" required>I agree to the terms of service</label>"#);
    }
    out
}

fn custom(field: &Value) -> String {
    let text = |v: &Value| escape(v.as_str().unwrap_or_default());
    let key = text(&field["key"]);
    let label = text(&field["label"]["custom"]);
    let kind = field["type"].as_str().unwrap_or_default();
    let part = &field[kind];
    let required = if field["optional"] == Value::Bool(true) {
        ""
    } else {
        " required"
    };
    let input = if kind == "dropdown" {
        let options: String = part["options"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|o| {
                format!(
                    r#"<option value="{}">{}</option>"#,
                    text(&o["value"]),
                    text(&o["label"])
                )
            })
            .collect();
        format!(r#"<select id="f_{key}" name="field_{key}"{required}>{options}</select>"#)
    } else {
        let mode = if kind == "numeric" {
            r#" inputmode="numeric""#
        } else {
            ""
        };
        let value = text(&part["default_value"]);
        format!(r#"<input id="f_{key}" name="field_{key}" value="{value}"{mode}{required}>"#)
    };
    format!(r#"<label for="f_{key}">{label}</label>{input}"#)
}

pub(super) async fn pay(
    State(s): State<Simulator>,
    Path(id): Path<String>,
    Form(mut form): Form<BTreeMap<String, String>>,
) -> Response {
    let custom_fields = form
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix("field_")?.to_owned(), value.clone())))
        .collect();
    let mut text = |name: &str| form.remove(name).filter(|t| !t.is_empty());
    let payment = Payment {
        method: match text("method").as_deref() {
            Some("sepa_debit") => Method::SepaDebit,
            _ => Method::Card,
        },
        card: text("card"),
        payment_method: text("payment_method"),
        email: text("email"),
        name: text("name"),
        phone: text("phone"),
        country: text("country"),
        shipping_rate: text("shipping_rate"),
        custom_fields,
        ..Payment::default()
    };
    let outcome = s.engine().work(|tx| pay::pay(tx, &id, &payment));
    after(&s, &id, outcome)
}

fn after(simulator: &Simulator, id: &str, outcome: Result<Outcome, ApiError>) -> Response {
    match outcome {
        Ok(Outcome::Completed(url)) => leave(&url),
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
<p>Your simulated bank asks whether you are {what} <strong>{merchant}</strong>.</p>
<button name="outcome" value="complete">Complete authentication</button>
<button class="quiet" name="outcome" value="fail">Fail authentication</button>
</form></main>"#,
        what = match view.session.text("mode") {
            "setup" => "saving this card for".to_owned(),
            _ => format!(
                "paying <strong>{}</strong> to",
                money::show(
                    view.session.int("amount_total"),
                    view.session.text("currency")
                )
            ),
        },
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
