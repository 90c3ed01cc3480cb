//! Payment methods: <https://docs.stripe.com/api/payment_methods>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::banks::{self, Debit, When};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    cards::{self, Behaviour, Card},
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
    tokens,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/payment_methods", create),
    ("GET", "/v1/payment_methods", list),
    ("GET", "/v1/payment_methods/{payment_method}", |tx, call| {
        retrieve(tx, call, Kind::PaymentMethod, "payment_method")
    }),
    ("POST", "/v1/payment_methods/{payment_method}", update),
    (
        "POST",
        "/v1/payment_methods/{payment_method}/attach",
        attach_to,
    ),
    (
        "POST",
        "/v1/payment_methods/{payment_method}/detach",
        detach,
    ),
    (
        "GET",
        "/v1/customers/{customer}/payment_methods",
        of_customer,
    ),
    (
        "GET",
        "/v1/customers/{customer}/payment_methods/{payment_method}",
        one_of_customer,
    ),
];

/// How a payment method behaves when it is charged.
pub(crate) enum MethodKind {
    Card(&'static Card),
    /// A debit that ends later: how, and after how many seconds.
    Debit(Debit, When),
    /// The customer is sent to the method's own page.
    Redirect,
}

/// The kind of a payment method.
pub(crate) fn kind(method: &Record) -> MethodKind {
    if let Some(card) = method.hidden["card"].as_str().and_then(cards::find) {
        return MethodKind::Card(card);
    }
    match method.hidden["account"].as_str() {
        Some(account) => {
            let (debit, when) = banks::ending(account);
            MethodKind::Debit(debit, when)
        }
        None => MethodKind::Redirect,
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    if let Some(id) = args.text("payment_method") {
        return share(tx, call, id);
    }
    read(tx, call.owner, args, "").map(|r| r.value.clone())
}

/// A platform's payment method copied to a connected account
/// (<https://docs.stripe.com/connect/direct-charges-multiple-accounts>).
fn share(tx: &mut Tx<'_>, call: &Call<'_>, id: &str) -> Answer {
    let platform = tx.platform();
    if call.owner == platform {
        return Err(ApiError::invalid(
            "You can only share a payment method with a connected account: send Stripe-Account.",
        )
        .param("payment_method"));
    }
    let original = tx
        .find(Kind::PaymentMethod, &platform, id)
        .ok_or_else(|| ApiError::missing(Kind::PaymentMethod.noun(), id, "payment_method"))?;
    if original.value["customer"] != json!(call.args.text("customer")) {
        return Err(
            ApiError::invalid("The customer must own the payment method that is shared.")
                .param("customer"),
        );
    }
    let mut value = original.value.clone();
    value["id"] = json!(tx.mint("pm_1", 23));
    value["created"] = json!(tx.now);
    value["customer"] = Value::Null;
    let hidden = original.hidden.clone();
    let copy = tx.insert(Kind::PaymentMethod, call.owner, value, hidden, None);
    Ok(copy.value.clone())
}

/// Makes a payment method from `type` and its details. `prefix` is their path
/// (`payment_method_data`, or empty).
pub(crate) fn read(
    tx: &mut Tx<'_>,
    owner: &str,
    form: &Node,
    prefix: &str,
) -> Result<Arc<Record>, ApiError> {
    let at = |name: &str| match (prefix, name.split_once('[')) {
        ("", _) => name.to_owned(),
        (_, Some((head, rest))) => format!("{prefix}[{head}][{rest}"),
        (_, None) => format!("{prefix}[{name}]"),
    };
    let kind = form
        .text("type")
        .ok_or_else(|| ApiError::parameter_missing(&at("type")))?
        .to_owned();
    let (details, hidden) = match kind.as_str() {
        "card" => card_details(tx, owner, form, &at)?,
        "sepa_debit" => {
            let iban = form
                .text("sepa_debit.iban")
                .ok_or_else(|| ApiError::parameter_missing(&at("sepa_debit[iban]")))?;
            sepa(iban).ok_or_else(|| {
                ApiError::invalid("The IBAN you entered is invalid.")
                    .code("invalid_bank_account_iban")
                    .param(at("sepa_debit[iban]"))
            })?
        }
        "us_bank_account" => us_bank_account(form, &at)?,
        _ => (json!({}), json!({})),
    };
    let billing = billing(&form.sub("billing_details").clone());
    let redisplay = form
        .text("allow_redisplay")
        .unwrap_or("unspecified")
        .to_owned();
    let metadata = metadata(form, "metadata")?;
    Ok(insert(tx, owner, &kind, details, hidden, |value| {
        value["billing_details"] = billing;
        value["allow_redisplay"] = json!(redisplay);
        value["metadata"] = metadata;
    }))
}

fn insert(
    tx: &mut Tx<'_>,
    owner: &str,
    kind: &str,
    details: Value,
    hidden: Value,
    change: impl FnOnce(&mut Value),
) -> Arc<Record> {
    let mut value = json!({
        "id": tx.mint("pm_1", 23),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": billing(&Node::Tree(Vec::new())),
        "created": tx.now,
        "customer": null,
        "customer_account": null,
        "livemode": false,
        "metadata": {},
        "radar_options": {},
        "type": kind,
    });
    value[kind] = details;
    change(&mut value);
    tx.insert(Kind::PaymentMethod, owner, value, hidden, None)
}

/// A payment method that is one of the test cards.
pub(crate) fn of_card(tx: &mut Tx<'_>, owner: &str, card: &Card, billing: Value) -> Arc<Record> {
    let details = describe_card(card, None, tx.now);
    let hidden = json!({ "card": card.number });
    insert(tx, owner, "card", details, hidden, |value| {
        if billing.is_object() {
            value["billing_details"] = billing;
        }
    })
}

/// A payment method for a debit whose end is known, or decided by hand.
pub(crate) fn of_debit(tx: &mut Tx<'_>, owner: &str, billing: Value) -> Option<Arc<Record>> {
    let (details, hidden) = sepa("DE89370400440532013000")?;
    Some(insert(tx, owner, "sepa_debit", details, hidden, |value| {
        value["billing_details"] = billing;
    }))
}

/// `billing_details`, each part null when it wasn't given.
fn billing(form: &Node) -> Value {
    let text = |name: &str| json!(form.text(name));
    json!({
        "address": {
            "city": text("address.city"), "country": text("address.country"),
            "line1": text("address.line1"), "line2": text("address.line2"),
            "postal_code": text("address.postal_code"), "state": text("address.state"),
        },
        "email": text("email"),
        "name": text("name"),
        "phone": text("phone"),
        "tax_id": text("tax_id"),
    })
}

fn card_details(
    tx: &mut Tx<'_>,
    owner: &str,
    form: &Node,
    at: &dyn Fn(&str) -> String,
) -> Result<(Value, Value), ApiError> {
    if let Some(token) = form.text("card.token") {
        let (card, expires) = tokens::take_card(tx, owner, token, &at("card[token]"))?;
        return Ok((
            describe_card(card, expires, tx.now),
            json!({ "card": card.number }),
        ));
    }
    let number = form
        .text("card.number")
        .ok_or_else(|| ApiError::parameter_missing(&at("card[number]")))?;
    let card = cards::find(number).ok_or_else(cards::unknown)?;
    let (month, year) = (form.int("card.exp_month"), form.int("card.exp_year"));
    let month = month.ok_or_else(|| ApiError::parameter_missing(&at("card[exp_month]")))?;
    let year = year.ok_or_else(|| ApiError::parameter_missing(&at("card[exp_year]")))?;
    let year = if year < 100 { year + 2000 } else { year };
    cards::check_expiry(tx.now, month, year)?;
    let details = describe_card(card, Some((month, year)), tx.now);
    Ok((details, json!({ "card": card.number })))
}

pub(super) fn describe_card(card: &Card, expires: Option<(i64, i64)>, now: i64) -> Value {
    let (month, year) = expires.unwrap_or_else(|| cards::good_until(now));
    json!({
        "brand": card.brand,
        "checks": {
            "address_line1_check": null, "address_postal_code_check": null,
            "cvc_check": "pass",
        },
        "country": card.country,
        "display_brand": card.brand,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": card.fingerprint(),
        "funding": card.funding,
        "generated_from": null,
        "last4": card.last4(),
        "networks": { "available": [card.brand], "preferred": null },
        "regulated_status": "unregulated",
        "three_d_secure_usage": { "supported": true },
        "wallet": null,
    })
}

/// The details of an IBAN, and what is kept of it.
fn sepa(iban: &str) -> Option<(Value, Value)> {
    let iban: String = iban.chars().filter(|c| !c.is_whitespace()).collect();
    if !banks::valid_iban(&iban) {
        return None;
    }
    let last4 = iban.get(iban.len() - 4..)?;
    let details = json!({
        "bank_code": iban.get(4..12),
        "branch_code": "",
        "country": iban.get(..2),
        "fingerprint": format!("fpsepa{last4:0>10}"),
        "generated_from": { "charge": null, "setup_attempt": null },
        "last4": last4,
    });
    Some((details, json!({ "account": iban })))
}

fn us_bank_account(form: &Node, at: &dyn Fn(&str) -> String) -> Result<(Value, Value), ApiError> {
    let field = |name: &str| form.text(&format!("us_bank_account.{name}"));
    let number = field("account_number")
        .ok_or_else(|| ApiError::parameter_missing(&at("us_bank_account[account_number]")))?;
    let routing = field("routing_number")
        .ok_or_else(|| ApiError::parameter_missing(&at("us_bank_account[routing_number]")))?;
    let last4 = number
        .get(number.len().saturating_sub(4)..)
        .unwrap_or(number);
    let details = json!({
        "account_holder_type": field("account_holder_type").unwrap_or("individual"),
        "account_type": field("account_type").unwrap_or("checking"),
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": null,
        "fingerprint": format!("fpach{last4:0>11}"),
        "last4": last4,
        "networks": { "preferred": "ach", "supported": ["ach"] },
        "routing_number": routing,
        "status_details": null,
    });
    Ok((details, json!({ "account": number })))
}

/// The payment method of an id, or a new one for a magic id such as `pm_card_visa`
/// (<https://docs.stripe.com/testing#cards>).
pub(crate) fn resolve(
    tx: &mut Tx<'_>,
    owner: &str,
    id: &str,
    param: &str,
) -> Result<Arc<Record>, ApiError> {
    if let Some(method) = tx.find(Kind::PaymentMethod, owner, id) {
        return Ok(method);
    }
    if let Some(card) = cards::named(id) {
        return Ok(of_card(tx, owner, card, Value::Null));
    }
    let missing = || ApiError::missing(Kind::PaymentMethod.noun(), id, param);
    let (kind, account) = banks::named(id).ok_or_else(missing)?;
    let (details, hidden) = if kind == "sepa_debit" {
        sepa(account).ok_or_else(missing)?
    } else {
        us_bank_account(&bank(account), &str::to_owned)?
    };
    Ok(insert(tx, owner, kind, details, hidden, |_| {}))
}

fn bank(number: &str) -> Node {
    let leaf = |name: &str, text: &str| (name.to_owned(), Node::Leaf(text.to_owned()));
    let fields = vec![
        leaf("account_number", number),
        leaf("routing_number", "110000000"),
    ];
    Node::Tree(vec![("us_bank_account".to_owned(), Node::Tree(fields))])
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = call.args.text("customer");
    if let Some(id) = customer {
        find(tx, call, Kind::Customer, id, "customer")?;
    }
    listed(tx, call, customer)
}

/// The saved payment methods: those of one customer, or without a customer all of them.
fn listed(tx: &mut Tx<'_>, call: &Call<'_>, customer: Option<&str>) -> Answer {
    let kind = call.args.text("type");
    let redisplay = call.args.text("allow_redisplay");
    lists::list(tx, call, Kind::PaymentMethod, |r| {
        customer.is_none_or(|c| r.value["customer"] == c)
            && !r.value["customer"].is_null()
            && kind.is_none_or(|k| r.value["type"] == k)
            && redisplay.is_none_or(|a| r.value["allow_redisplay"] == a)
    })
}

fn of_customer(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    listed(tx, call, Some(&customer.id))
}

fn one_of_customer(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = find(tx, call, Kind::Customer, call.id(), "customer")?;
    let id = call.ids.get(1).copied().unwrap_or_default();
    let method = find(tx, call, Kind::PaymentMethod, id, "payment_method")?;
    if method.value["customer"] != customer.id.as_str() {
        return Err(ApiError::missing(
            Kind::PaymentMethod.noun(),
            id,
            "payment_method",
        ));
    }
    Ok(method.value.clone())
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let method = find(tx, call, Kind::PaymentMethod, call.id(), "payment_method")?;
    if method.value["customer"].is_null() {
        return Err(ApiError::invalid(
            "You must save this PaymentMethod to a customer before you can update it.",
        ));
    }
    let args = call.args;
    let mut value = method.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    if let Some(given) = args.at("billing_details") {
        let new = billing(given);
        for (name, _) in given.children() {
            if name != "address" {
                value["billing_details"][name] = new[name].clone();
            }
        }
        for (name, _) in given.sub("address").children() {
            value["billing_details"]["address"][name] = new["address"][name].clone();
        }
    }
    for field in ["exp_month", "exp_year"] {
        if let Some(number) = args.int(&format!("card.{field}")) {
            value["card"][field] = json!(number);
        }
    }
    if value["type"] == "card" && args.at("card").is_some() {
        let number = |name: &str| value["card"][name].as_i64().unwrap_or(0);
        cards::check_expiry(tx.now, number("exp_month"), number("exp_year"))?;
    }
    if let Some(text) = args.text("allow_redisplay") {
        value["allow_redisplay"] = json!(text);
    }
    tx.update(&method.id, |r| r.value = value.clone());
    tx.emit_update("payment_method.updated", call.owner, &method.value, &value);
    Ok(value)
}

fn attach_to(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let customer = call
        .args
        .text("customer")
        .ok_or_else(|| ApiError::parameter_missing("customer"))?;
    let method = resolve(tx, call.owner, call.id(), "payment_method")?;
    attach(tx, call.owner, &method, customer)
}

/// Saves a payment method to a customer, as `attach`, setup intents and `setup_future_usage` do.
pub(crate) fn attach(tx: &mut Tx<'_>, owner: &str, method: &Record, customer: &str) -> Answer {
    tx.find(Kind::Customer, owner, customer)
        .ok_or_else(|| ApiError::missing("customer", customer, "customer"))?;
    match method.value["customer"].as_str() {
        Some(mine) if mine == customer => return Ok(method.value.clone()),
        Some(_) => {
            return Err(ApiError::invalid(
                "The payment method you provided has already been attached to a customer.",
            )
            .param("payment_method"));
        }
        None if method.hidden["used"] == json!(true) => return Err(used_up()),
        None => {}
    }
    if let MethodKind::Card(card) = kind(method)
        && let Behaviour::Declines(code, decline_code, message) = card.behaviour
    {
        return Err(declined(code, decline_code, message));
    }
    let attached = tx.update(&method.id, |r| r.value["customer"] = json!(customer));
    let value = attached.map(|r| r.value.clone()).unwrap_or_default();
    tx.emit("payment_method.attached", owner, &value);
    Ok(value)
}

/// A method that paid, or was taken from its customer, can't be saved any more.
pub(crate) fn used_up() -> ApiError {
    ApiError::invalid(
        "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared with a connected account without Customer attachment, or was detached from a Customer. It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
    )
    .param("payment_method")
}

/// A refusal by the card's issuer, as an answer: 402 `card_error`.
pub(crate) fn declined(
    code: &'static str,
    decline_code: &'static str,
    message: &'static str,
) -> ApiError {
    let error = ApiError::new(402, "card_error", message).code(code);
    let error = match code {
        "expired_card" => error.param("exp_month"),
        "incorrect_cvc" => error.param("cvc"),
        _ => error,
    };
    match cards::advice(decline_code) {
        None => error,
        Some(advice) => error
            .with("decline_code", json!(decline_code))
            .with("advice_code", json!(advice)),
    }
}

fn detach(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let method = find(tx, call, Kind::PaymentMethod, call.id(), "payment_method")?;
    if method.value["customer"].is_null() {
        return Err(ApiError::invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
        )
        .param("payment_method"));
    }
    Ok(release(tx, &method))
}

/// Takes a payment method from its customer.
pub(crate) fn release(tx: &mut Tx<'_>, method: &Record) -> Value {
    let customer = method.value["customer"].clone();
    let mut value = method.value.clone();
    value["customer"] = Value::Null;
    tx.update(&method.id, |r| {
        r.value = value.clone();
        r.hidden["used"] = json!(true);
    });
    if let Some(id) = customer.as_str() {
        tx.update(id, |r| {
            if r.value["invoice_settings"]["default_payment_method"] == method.id.as_str() {
                r.value["invoice_settings"]["default_payment_method"] = Value::Null;
            }
        });
    }
    let before = json!({ "customer": customer });
    tx.emit_change(
        "payment_method.detached",
        &method.owner,
        &value,
        Some(before),
    );
    value
}
