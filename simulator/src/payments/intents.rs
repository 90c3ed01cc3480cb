//! Payment intents and charges as they are read, and how an intent moves.
//! <https://docs.stripe.com/api/payment_intents>, <https://docs.stripe.com/payments/paymentintents/lifecycle>.

use serde_json::{Value, json};

use crate::{
    api::{Route, lists, retrieve},
    cards::Card,
    error::ApiError,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/payment_intents", |tx, call| {
        let customer = call.args.text("customer");
        lists::list(tx, call, Kind::Intent, |r| {
            customer.is_none_or(|c| r.value["customer"] == c)
        })
    }),
    ("GET", "/v1/payment_intents/{intent}", |tx, call| {
        retrieve(tx, call, Kind::Intent, "intent")
    }),
];

/// The session's intent, made at the first attempt to pay and brought up to date at later ones.
pub(crate) fn ensure_intent(tx: &mut Tx<'_>, session: &Record) -> Result<String, ApiError> {
    let amount = session.int("amount_total");
    // Stripe caps the fee at what is paid after discounts.
    let fee = session.hidden["fee"]
        .as_i64()
        .map(|fee| std::cmp::min(fee, amount));
    if let Some(id) = session.value["payment_intent"].as_str() {
        tx.update(id, |r| {
            r.value["amount"] = json!(amount);
            r.value["application_fee_amount"] = json!(fee);
        });
        return Ok(id.to_owned());
    }
    let id = tx.mint("pi_3", 23);
    let secret = tx.mint(&format!("{id}_secret_"), 25);
    let connected = session.owner != tx.store().platform;
    let intent = json!({
        "id": id,
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": { "tip": {} },
        "amount_received": 0,
        "application": connected.then(|| tx.application()),
        "application_fee_amount": fee,
        "automatic_payment_methods": null,
        "canceled_at": null,
        "cancellation_reason": null,
        "capture_method": "automatic_async",
        "client_secret": secret,
        "confirmation_method": "automatic",
        "created": tx.now,
        "currency": session.value["currency"],
        "customer": session.value["customer"],
        "customer_account": null,
        "description": session.hidden["intent_description"],
        "excluded_payment_method_types": null,
        "last_payment_error": null,
        "latest_charge": null,
        "livemode": false,
        "metadata": session.hidden["intent"],
        "next_action": null,
        "on_behalf_of": null,
        "payment_method": null,
        "payment_method_configuration_details": null,
        "payment_method_options": {
            "card": {
                "installments": null, "mandate_options": null, "network": null,
                "request_three_d_secure": "automatic",
            },
        },
        "payment_method_types": session.value["payment_method_types"],
        "processing": null,
        "receipt_email": session.hidden["receipt_email"],
        "review": null,
        "setup_future_usage": null,
        "shipping": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "requires_payment_method",
        "transfer_data": null,
        "transfer_group": null,
    });
    let hidden = json!({ "billing": {
        "address": session.hidden["buyer"]["address"],
        "email": session.hidden["buyer"]["email"],
        "name": session.hidden["buyer"]["name"],
        "phone": null,
        "tax_id": null,
    }});
    tx.insert(Kind::Intent, &session.owner, intent.clone(), hidden, None);
    tx.emit("payment_intent.created", &session.owner, &intent);
    tx.update(&session.id, |r| r.value["payment_intent"] = json!(id));
    Ok(id)
}

/// Changes an intent and emits an event with its new state.
pub(crate) fn step(tx: &mut Tx<'_>, id: &str, event: &str, change: impl FnOnce(&mut Record)) {
    if let Some(intent) = tx.update(id, change) {
        tx.emit(event, &intent.owner, &intent.value);
    }
}

pub(crate) fn requires_action(tx: &mut Tx<'_>, id: &str, card: &Card) {
    let url = tx.base_url.to_owned();
    step(tx, id, "payment_intent.requires_action", |r| {
        r.value["status"] = json!("requires_action");
        r.value["next_action"] = json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "return_url": null, "url": format!("{url}/c/challenge/{}", r.id) },
        });
        r.hidden["card"] = json!(card.number);
    });
}

/// An attempt failed: the intent can be tried again.
pub(crate) fn attempt_failed(tx: &mut Tx<'_>, id: &str, error: Value) {
    step(tx, id, "payment_intent.payment_failed", |r| {
        r.value["status"] = json!("requires_payment_method");
        r.value["next_action"] = Value::Null;
        r.value["processing"] = Value::Null;
        r.value["payment_method"] = Value::Null;
        r.value["last_payment_error"] = error;
    });
}

pub(crate) fn cancel(tx: &mut Tx<'_>, id: &str, reason: &str) {
    let open = tx
        .get(id)
        .is_some_and(|i| !["succeeded", "canceled"].contains(&i.text("status")));
    if open {
        let now = tx.now;
        step(tx, id, "payment_intent.canceled", |r| {
            r.value["status"] = json!("canceled");
            r.value["canceled_at"] = json!(now);
            r.value["cancellation_reason"] = json!(reason);
            r.value["next_action"] = Value::Null;
        });
    }
}
