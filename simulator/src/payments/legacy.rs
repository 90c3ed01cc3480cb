//! Charges made without an intent: <https://docs.stripe.com/api/charges/create>,
//! <https://docs.stripe.com/payments/charges-api>. They know no 3-D Secure.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    capture::sent_on,
    charges,
    intents::{can_charge, check_fee, describe},
};
use crate::{
    api::{Call, Route, find, metadata},
    cards::{Behaviour, GENERIC_DECLINE},
    customers::methods::{self, MethodKind},
    error::{Answer, ApiError},
    money,
    store::{Kind, Record, Tx},
    tokens,
    transfers::destination,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/charges", create),
    ("POST", "/v1/charges/{charge}/capture", capture),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    can_charge(tx, call.owner)?;
    let amount = args
        .int("amount")
        .ok_or_else(|| ApiError::parameter_missing("amount"))?;
    let currency = args
        .text("currency")
        .ok_or_else(|| ApiError::parameter_missing("currency"))?
        .to_ascii_lowercase();
    money::check_amount(amount, &currency)?;
    let fee = args
        .int("application_fee_amount")
        .or(args.int("application_fee"));
    let passes_on = args.text("transfer_data.destination").is_some();
    check_fee(tx, call.owner, fee, amount, passes_on)?;
    let connected = call.owner != tx.store().platform;
    let mut terms = json!({
        "amount": amount,
        "application": connected.then(|| tx.application()),
        "application_fee_amount": fee,
        "currency": currency,
        "metadata": metadata(args, "metadata")?,
    });
    describe(args, &mut terms)?;
    destination::check(tx, call.owner, &terms, "")?;
    let method = source(tx, call)?;
    let MethodKind::Card(card) = methods::kind(&method) else {
        return Err(
            ApiError::invalid("This source can't be charged without a PaymentIntent.")
                .param("source"),
        );
    };
    let refusal = match card.behaviour {
        Behaviour::Pays | Behaviour::ChallengesOnSession => None,
        Behaviour::Declines(code, decline_code, message) => Some((code, decline_code, message)),
        Behaviour::DeclinesOnceSaved => Some(GENERIC_DECLINE),
        Behaviour::Challenges if method.hidden["set_up"] == json!(true) => None,
        Behaviour::Challenges
        | Behaviour::ChallengesAlways
        | Behaviour::ChallengesAndDeclines(..) => Some((
            "card_declined",
            "authentication_required",
            "Your card was declined. This transaction requires authentication.",
        )),
    };
    let failure = refusal.map(|(code, decline_code, message)| {
        json!({ "code": code, "decline_code": decline_code, "message": message })
    });
    let terms = Record {
        kind: Kind::Intent,
        id: String::new(),
        owner: call.owner.to_owned(),
        seq: 0,
        value: terms,
        hidden: Value::Null,
        due: None,
        clock: None,
    };
    let captures = args.flag("capture") != Some(false);
    let charge = charges::charge_without_intent(tx, &terms, &method, captures, failure)?;
    match refusal {
        None => Ok(charge.value.clone()),
        Some((code, decline_code, message)) => Err(methods::declined(code, decline_code, message)
            .with("charge", json!(charge.id))
            .keeping_work()),
    }
}

/// The payment method: a token, a saved card, or the customer's default.
fn source(tx: &mut Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    let args = call.args;
    let customer = match args.text("customer") {
        Some(id) => Some(find(tx, call, Kind::Customer, id, "customer")?),
        None => None,
    };
    match (args.text("source"), customer) {
        (Some(id), customer) if id.starts_with("pm_") || id.starts_with("card_") => {
            let method = find(tx, call, Kind::PaymentMethod, id, "source")?;
            let owner = customer.map(|c| c.id.clone());
            if method.value["customer"].as_str() != owner.as_deref() {
                return Err(ApiError::missing("source", id, "source"));
            }
            Ok(method)
        }
        (Some(token), _) => {
            let (card, _) = tokens::take_card(tx, call.owner, token, "source")?;
            Ok(methods::of_card(tx, call.owner, card, Value::Null))
        }
        (None, Some(customer)) => {
            let saved = customer.value["default_source"]
                .as_str()
                .and_then(|id| tx.find(Kind::PaymentMethod, call.owner, id));
            saved.ok_or_else(|| {
                ApiError::new(
                    402,
                    "card_error",
                    "Cannot charge a customer that has no active card",
                )
                .code("missing")
                .param("card")
            })
        }
        (None, None) => {
            Err(ApiError::invalid("Must provide source or customer.").code("parameter_missing"))
        }
    }
}

fn capture(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let charge = find(tx, call, Kind::Charge, call.id(), "charge")?;
    let refuse = |code, message: String| Err(ApiError::invalid(message).code(code));
    if !charge.value["payment_intent"].is_null() {
        return refuse(
            "charge_invalid_parameter",
            format!(
                "This uncaptured Charge was created by a PaymentIntent ({}). You must capture the PaymentIntent instead.",
                charge.text("payment_intent")
            ),
        );
    }
    if charge.text("status") != "succeeded" || charge.value["refunded"] == json!(true) {
        return refuse(
            "charge_expired_for_capture",
            format!("Charge {} can no longer be captured.", charge.id),
        );
    }
    if charge.value["captured"] == json!(true) {
        return refuse(
            "charge_already_captured",
            format!("Charge {} has already been captured.", charge.id),
        );
    }
    let most = charge.int("amount");
    let amount = args.int("amount").unwrap_or(most);
    if amount < 1 || amount > most {
        return Err(ApiError::invalid(
            "You cannot capture a charge for an amount greater than it already has.",
        )
        .code("amount_too_large")
        .param("amount"));
    }
    let currency = charge.text("currency");
    money::check_step(amount, currency, money::step(currency), "amount")?;
    let fee = args
        .int("application_fee_amount")
        .or(args.int("application_fee"))
        .or(charge.value["application_fee_amount"].as_i64());
    let before = &charge.value["transfer_data"];
    check_fee(tx, call.owner, fee, amount, before.is_object())?;
    let data = sent_on(tx, call, before, amount, fee)?;
    charges::capture_charge(tx, &charge.id, amount, json!(fee), data)?;
    charges::settled(tx, "", &charge)?;
    Ok(tx
        .get(&charge.id)
        .map(|c| c.value.clone())
        .unwrap_or_default())
}

/// Releases money that was reserved and never captured.
pub(crate) fn falls_due(tx: &mut Tx<'_>, charge: &Record) {
    tx.update(&charge.id, |r| r.due = None);
    charges::release(tx, &charge.id, "charge.expired");
}
