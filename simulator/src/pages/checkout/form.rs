//! The form of the hosted payment page: the buyer's details, custom fields and payment method.

use maud::{Markup, html};
use serde_json::{Value, json};

use super::{Fields, View};
use crate::{
    checkout::subscribe,
    pages::html::{Field, Problem, choice},
    store::Record,
};

/// A setup always asks for a card, and a free order never does; a free trial does unless told not to.
fn wants_card(session: &Record) -> bool {
    match session.text("mode") {
        "setup" => true,
        "subscription" => subscribe::wants_card(session),
        _ => session.int("amount_total") > 0,
    }
}

pub(super) fn show(view: &View, total: &str, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let session = &view.session;
    let known = |name: &str| {
        let known = session.value["customer_details"][name].as_str();
        let text = typed.get(name).map(String::as_str).or(known);
        text.unwrap_or_default().to_owned()
    };
    let email = Field {
        id: "email",
        label: "E-mail",
        kind: "email",
        value: &known("email"),
        autocomplete: Some("email"),
        ..Field::default()
    };
    let name = Field {
        id: "name",
        label: "Name",
        value: &known("name"),
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
    html! {
        form #pay method="post" action={ "/c/pay/" (session.id) } {
            (email.show(problem))
            (name.show(problem))
            (collected_fields(view, typed, problem))
            @if wants_card(session) { (method_choice(view, typed, problem)) }
            @else { p.good { "Nothing to pay: no card is needed." } }
            button type="submit" { (label) }
        }
    }
}

/// Radio buttons; what was typed, or else the first, is chosen.
fn choices(
    name: &str,
    legend: &str,
    options: &[(String, String)],
    typed: &Fields,
    wrong: Markup,
) -> Markup {
    let first = options.first().map_or("", |(value, _)| value);
    let chosen = typed.get(name).map_or(first, String::as_str);
    html! {
        fieldset {
            legend { (legend) }
            (wrong)
            @for (value, label) in options { (choice(name, value, chosen, label)) }
        }
    }
}

/// What is wrong with a group of fields.
fn wrong(id: &str, problem: Option<&Problem>) -> Markup {
    html! { @if let Some(p) = problem.filter(|p| p.field == id) { p.wrong id=(id) { (p.message) } } }
}

/// The fields that the session asks for besides the payment.
fn collected_fields(view: &View, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let value = &view.session.value;
    let phone = Field {
        id: "phone",
        label: "Phone",
        kind: "tel",
        value: typed.get("phone").map_or("", String::as_str),
        autocomplete: Some("tel"),
        ..Field::default()
    };
    let countries = value["shipping_address_collection"]["allowed_countries"].as_array();
    let chosen = typed.get("country").map_or("", String::as_str);
    html! {
        @if value["phone_number_collection"]["enabled"] == json!(true) { (phone.show(problem)) }
        @if let Some(countries) = countries {
            div.field {
                label for="country" { "Send to" }
                select #country name="country" {
                    @for country in countries.iter().filter_map(Value::as_str) {
                        option selected[country == chosen] { (country) }
                    }
                }
            }
        }
        @if !view.shipping.is_empty() {
            (choices("shipping_rate", "Shipping", &view.shipping, typed, html! {}))
        }
        (wrong("asked", problem))
        @for field in value["custom_fields"].as_array().into_iter().flatten() { (custom(field, typed)) }
        @if value["consent_collection"]["terms_of_service"] == json!("required") {
            label.choice { input type="checkbox" name="terms" required; "I agree to the terms of service" }
        }
    }
}

fn custom(field: &Value, typed: &Fields) -> Markup {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (kind, label) = (text(&field["type"]), text(&field["label"]["custom"]));
    let id = format!("field_{}", text(&field["key"]));
    let optional = field["optional"] == json!(true);
    let part = &field[kind.as_str()];
    let value = match typed.get(&id) {
        Some(typed) => typed.clone(),
        None => text(&part["default_value"]),
    };
    let input = Field {
        id: &id,
        label: &label,
        value: &value,
        numeric: kind == "numeric",
        optional,
        ..Field::default()
    };
    html! {
        @if kind == "dropdown" {
            div.field {
                label for=(id) { (label) @if optional { span.soft { " (optional)" } } }
                select id=(id) name=(id) {
                    @if optional { option value="" { "–" } }
                    @for option in part["options"].as_array().into_iter().flatten() {
                        @let name = text(&option["value"]);
                        option value=(name) selected[name == value] { (text(&option["label"])) }
                    }
                }
            }
        } @else { (input.show(None)) }
    }
}

/// The choice of a payment method.
fn method_choice(view: &View, typed: &Fields, problem: Option<&Problem>) -> Markup {
    let session = &view.session;
    let methods = session.value["payment_method_types"].as_array();
    let offers = |name: &str| methods.is_some_and(|m| m.iter().any(|x| x == name));
    let debit = offers("sepa_debit") && session.text("mode") != "subscription";
    let first = if offers("card") { "card" } else { "sepa_debit" };
    let method = typed.get("method").map_or(first, String::as_str);
    let mut saved = view.saved.clone();
    saved.push((String::new(), "Another card".to_owned()));
    html! {
        @if debit {
            fieldset {
                legend { "Pay by" }
                @if offers("card") { (choice("method", "card", method, "Card")) }
                (choice("method", "sepa_debit", method, "SEPA Direct Debit: from a simulated bank account, arrives days later"))
            }
        }
        @if offers("card") && !view.saved.is_empty() {
            div.saved-cards { (choices("payment_method", "Saved cards", &saved, typed, wrong("saved", problem))) }
        }
        @if offers("card") { (card(typed, problem)) }
        @if session.value["saved_payment_method_options"]["payment_method_save"] == json!("enabled") {
            label.choice { input type="checkbox" name="save" value="1" checked[typed.contains_key("save")];
                "Save my payment information for future purchases" }
        }
    }
}

fn card(typed: &Fields, problem: Option<&Problem>) -> Markup {
    let card = Field {
        id: "card",
        label: "Card number",
        value: typed
            .get("card")
            .map_or("4242 4242 4242 4242", String::as_str),
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
