//! Authorisations: captured later, incremented, or released.
//! <https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>.

use serde_json::{Value, json};

use super::{
    charges,
    intents::{check_fee, unexpected_state, update_and_emit},
};
use crate::{
    api::{Call, Route, find, merge_metadata, retrieve},
    error::{Answer, ApiError},
    money,
    store::{Kind, Tx},
    transfers::destination,
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/payment_intents/{intent}/capture", capture),
    (
        "POST",
        "/v1/payment_intents/{intent}/increment_authorization",
        increment,
    ),
];

fn capture(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
    if intent.text("status") != "requires_capture" {
        return Err(unexpected_state(
            &intent,
            format!(
                "This PaymentIntent could not be captured because it has a status of {}. Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
                intent.text("status")
            ),
        ));
    }
    let most = intent.int("amount_capturable");
    let amount = args.int("amount_to_capture").unwrap_or(most);
    if amount < 1 {
        return Err(ApiError::invalid("Invalid positive integer")
            .code("parameter_invalid_integer")
            .param("amount_to_capture"));
    }
    if amount > most {
        return Err(ApiError::invalid(format!(
            "The amount to capture ({}) is greater than the amount that can be captured ({}).",
            money::format(amount, intent.text("currency")),
            money::format(most, intent.text("currency"))
        ))
        .code("amount_too_large")
        .param("amount_to_capture"));
    }
    let currency = intent.text("currency");
    money::check_step(amount, currency, money::step(currency), "amount_to_capture")?;
    let fee = args
        .int("application_fee_amount")
        .or(intent.value["application_fee_amount"].as_i64());
    check_fee(
        tx,
        call.owner,
        fee,
        amount,
        intent.value["transfer_data"].is_object(),
    )?;
    let data = sent_on(tx, call, &intent.value["transfer_data"], amount, fee)?;
    let mut metadata = intent.value["metadata"].clone();
    merge_metadata(&mut metadata, args, "metadata")?;
    tx.update(&intent.id, |r| {
        r.value["application_fee_amount"] = json!(fee);
        r.value["transfer_data"] = data;
        r.value["metadata"] = metadata;
    });
    charges::capture(tx, &intent.id, amount)?;
    if let Some(session) = intent.hidden["session"].as_str() {
        // It looks at its intent once more.
        let now = tx.simulator_now();
        tx.update(session, |r| r.due = Some(now));
    }
    retrieve(tx, call, Kind::Intent, "intent")
}

/// The `transfer_data` of a capture that sets the transferred amount.
pub(super) fn sent_on(
    tx: &Tx<'_>,
    call: &Call<'_>,
    before: &Value,
    amount: i64,
    fee: Option<i64>,
) -> Answer {
    let mut data = before.clone();
    if let (Some(part), true) = (call.args.int("transfer_data.amount"), data.is_object()) {
        data["amount"] = json!(part);
        let fields =
            json!({ "amount": amount, "application_fee_amount": fee, "transfer_data": data });
        destination::check(tx, call.owner, &fields, "")?;
    }
    Ok(data)
}

/// <https://docs.stripe.com/payments/incremental-authorization>.
fn increment(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let intent = find(tx, call, Kind::Intent, call.id(), "intent")?;
    let can =
        intent.text("status") == "requires_capture" && intent.hidden["incremental"] == json!(true);
    if !can {
        return Err(unexpected_state(
            &intent,
            "This PaymentIntent is not eligible for incremental authorization.".to_owned(),
        ));
    }
    let amount = call.args.int("amount").unwrap_or(0);
    if amount <= intent.int("amount") {
        return Err(ApiError::invalid(format!(
            "The amount must be greater than the currently authorized amount of {}.",
            intent.int("amount")
        ))
        .param("amount"));
    }
    money::check_amount(amount, intent.text("currency"))?;
    tx.update(intent.text("latest_charge"), |r| {
        r.value["amount"] = json!(amount);
        r.value["payment_method_details"]["card"]["amount_authorized"] = json!(amount);
    });
    update_and_emit(
        tx,
        &intent.id,
        "payment_intent.amount_capturable_updated",
        |r| {
            r.value["amount"] = json!(amount);
            r.value["amount_capturable"] = json!(amount);
        },
    );
    retrieve(tx, call, Kind::Intent, "intent")
}
