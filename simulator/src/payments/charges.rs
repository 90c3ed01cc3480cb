//! Charges: failed and successful attempts, and how the money is split.
//! <https://docs.stripe.com/connect/direct-charges>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{disputes, intents};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, merged, retrieve},
    balance::{Booking, DAY, FeePart, book, emit_available, fees_fall_on_platform},
    cards::{self, Aftermath},
    customers::{
        banks::Debit,
        methods::{self, MethodKind},
    },
    error::{Answer, ApiError},
    money,
    store::{Kind, Record, Tx},
    transfers::{destination, fees},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/charges", |tx, call| {
        let intent = call.args.text("payment_intent");
        let customer = call.args.text("customer");
        let group = call.args.text("transfer_group");
        lists::list(tx, call, Kind::Charge, |r| {
            intent.is_none_or(|i| r.value["payment_intent"] == i)
                && customer.is_none_or(|c| r.value["customer"] == c)
                && group.is_none_or(|g| r.value["transfer_group"] == g)
        })
    }),
    ("GET", "/v1/charges/{charge}", |tx, call| {
        retrieve(tx, call, Kind::Charge, "id")
    }),
    ("POST", "/v1/charges/{charge}", update),
];

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let charge = find(tx, call, Kind::Charge, call.id(), "charge")?;
    let args = call.args;
    let mut value = charge.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    for name in ["customer", "description", "receipt_email", "transfer_group"] {
        if args.at(name).is_some() {
            value[name] = json!(args.text(name));
        }
    }
    if let Some(id) = args.text("customer") {
        find(tx, call, Kind::Customer, id, "customer")?;
        if !charge.value["customer"].is_null() && charge.value["customer"] != id {
            return Err(ApiError::invalid(
                "Cannot change the customer on a charge that already has one.",
            )
            .param("customer"));
        }
    }
    if let Some(shipping) = args.at("shipping") {
        value["shipping"] = intents::shipping_of(shipping);
    }
    if let Some(report) = args.text("fraud_details.user_report") {
        value["fraud_details"] = json!({ "user_report": report });
    }
    tx.update(&charge.id, |r| r.value = value.clone());
    tx.emit_update("charge.updated", call.owner, &charge.value, &value);
    Ok(value)
}

/// How long an issuer keeps money reserved
/// (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method#auth-capture-validity-window>).
const AUTHORISED_FOR: i64 = 7 * DAY;

/// What an attempt came to.
enum Status {
    Succeeded,
    /// The money is reserved on the card and can be captured.
    Authorised,
    /// A debit is under way.
    Pending,
    Failed(Value),
}

/// Makes a charge without an intent: paid, reserved, or refused. `terms` has what [`attempt`] needs
/// to know.
pub(super) fn charge_without_intent(
    tx: &mut Tx<'_>,
    terms: &Record,
    method: &Record,
    captures: bool,
    refusal: Option<Value>,
) -> Result<Arc<Record>, ApiError> {
    let status = match (refusal, captures) {
        (Some(failure), _) => Status::Failed(failure),
        (None, true) => Status::Succeeded,
        (None, false) => Status::Authorised,
    };
    let charge = attempt(tx, terms, method, status);
    match charge.text("status") {
        "failed" => emit_charge(tx, "charge.failed", &charge),
        _ if captures => {
            book_success(tx, &charge)?;
            after_success(tx, "", &charge)?;
        }
        _ => {
            let until = tx.now + AUTHORISED_FOR;
            tx.update(&charge.id, |r| r.due = Some(until));
            emit_charge(tx, "charge.succeeded", &charge);
        }
    }
    tx.get(&charge.id)
        .ok_or_else(|| ApiError::missing("charge", &charge.id, "charge"))
}

fn intent(tx: &Tx<'_>, id: &str) -> Result<Arc<Record>, ApiError> {
    tx.get(id)
        .filter(|r| r.kind == Kind::Intent)
        .ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
}

/// Money comes in at once: charge, balance transactions, application fee, and their events.
pub(crate) fn succeed(tx: &mut Tx<'_>, intent_id: &str, method: &Record) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let charge = attempt(tx, &intent, method, Status::Succeeded);
    book_success(tx, &charge)?;
    after_success(tx, intent_id, &charge)
}

/// The card's issuer reserves the money; nothing is booked before it is captured
/// (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>).
pub(crate) fn authorise(tx: &mut Tx<'_>, intent_id: &str, method: &Record) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let charge = attempt(tx, &intent, method, Status::Authorised);
    emit_charge(tx, "charge.succeeded", &charge);
    let until = tx.now + AUTHORISED_FOR;
    intents::update_and_emit(
        tx,
        intent_id,
        "payment_intent.amount_capturable_updated",
        |r| {
            r.value["status"] = json!("requires_capture");
            r.value["amount_capturable"] = r.value["amount"].clone();
            r.value["next_action"] = Value::Null;
            r.value["last_payment_error"] = Value::Null;
            r.due = Some(until);
        },
    );
    Ok(())
}

/// Takes what was reserved, or a part of it; the rest is released.
pub(crate) fn capture(tx: &mut Tx<'_>, intent_id: &str, amount: i64) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let fee = intent.value["application_fee_amount"].clone();
    let sent_on = intent.value["transfer_data"].clone();
    let charge = capture_charge(tx, intent.text("latest_charge"), amount, fee, sent_on)?;
    settled(tx, intent_id, &charge)
}

/// As [`capture`], of the charge alone.
pub(super) fn capture_charge(
    tx: &mut Tx<'_>,
    charge: &str,
    amount: i64,
    fee: Value,
    transfer_data: Value,
) -> Result<Arc<Record>, ApiError> {
    let captured = tx.update(charge, |r| {
        let rest = r.int("amount") - amount;
        r.value["captured"] = json!(true);
        r.value["amount_captured"] = json!(amount);
        r.value["amount_refunded"] = json!(rest);
        r.value["application_fee_amount"] = fee;
        r.value["transfer_data"] = transfer_data;
        r.due = None;
    });
    let missing = || ApiError::missing("charge", charge, "charge");
    let captured = captured.ok_or_else(missing)?;
    book_success(tx, &captured)?;
    let captured = tx.get(charge).ok_or_else(missing)?;
    emit_charge(tx, "charge.captured", &captured);
    Ok(captured)
}

/// Releases reserved money, since the payment was canceled or the authorisation expired.
pub(crate) fn release(tx: &mut Tx<'_>, charge: &str, event: &str) {
    let released = tx.update(charge, |r| {
        r.value["amount_refunded"] = r.value["amount"].clone();
        r.value["refunded"] = json!(true);
    });
    if let Some(charge) = released {
        emit_charge(tx, event, &charge);
    }
}

/// Cancels a debit that is still under way.
pub(crate) fn cancel_debit(tx: &mut Tx<'_>, charge: &str) {
    if tx.assumptions.get("canceled_debit") == "pending" {
        return;
    }
    let failed = tx.update(charge, |r| {
        r.value["status"] = json!("failed");
        r.value["failure_message"] = json!("The payment was canceled.");
        r.value["outcome"] = Value::Null;
    });
    if let Some(charge) = failed {
        emit_charge(tx, "charge.failed", &charge);
    }
}

/// A debit is under way: `charge.pending`, the intent is `processing`.
pub(crate) fn begin_debit(
    tx: &mut Tx<'_>,
    intent_id: &str,
    method: &Record,
) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let charge = attempt(tx, &intent, method, Status::Pending);
    emit_charge(tx, "charge.pending", &charge);
    intents::update_and_emit(tx, intent_id, "payment_intent.processing", |r| {
        r.value["status"] = json!("processing");
        r.value["payment_method"] = charge.value["payment_method"].clone();
    });
    Ok(())
}

pub(crate) fn debit_succeeds(tx: &mut Tx<'_>, intent_id: &str) -> Result<(), ApiError> {
    let charge = latest_charge(tx, intent_id)?;
    tx.update(&charge, |r| {
        r.value["status"] = json!("succeeded");
        r.value["paid"] = json!(true);
        r.value["captured"] = json!(true);
        let amount = r.value["amount"].clone();
        r.value["amount_captured"] = amount;
    });
    let Some(charge) = tx.get(&charge) else {
        return Ok(());
    };
    book_success(tx, &charge)?;
    after_success(tx, intent_id, &charge)
}

pub(crate) fn debit_fails(tx: &mut Tx<'_>, intent_id: &str) -> Result<(), ApiError> {
    let charge = latest_charge(tx, intent_id)?;
    let method = tx.get(intent(tx, intent_id)?.text("payment_method"));
    let (code, message) = match method.map(|m| methods::kind(&m)) {
        Some(MethodKind::Debit(Debit::Fails(code, message), _)) => (code, message),
        // Decided by hand.
        _ => (
            "generic_could_not_process",
            "The customer's bank account could not be debited.",
        ),
    };
    let failed = tx.update(&charge, |r| {
        r.value["status"] = json!("failed");
        r.value["failure_code"] = json!(code);
        r.value["failure_message"] = json!(message);
        r.value["outcome"] = Value::Null;
    });
    if let Some(charge) = failed {
        emit_charge(tx, "charge.failed", &charge);
    }
    let code = match tx.assumptions.get("failed_debit_code") {
        "attempt_failed" => "payment_intent_payment_attempt_failed",
        _ => code,
    };
    intents::attempt_failed(
        tx,
        intent_id,
        json!({
            "type": "card_error", "code": code, "message": message, "charge": charge,
        }),
    );
    Ok(())
}

fn latest_charge(tx: &Tx<'_>, intent_id: &str) -> Result<String, ApiError> {
    Ok(intent(tx, intent_id)?.text("latest_charge").to_owned())
}

/// The card is refused: `charge.failed`, and the intent waits for another method.
pub(crate) fn decline(
    tx: &mut Tx<'_>,
    intent_id: &str,
    method: &Record,
    (code, decline_code, message): (&str, &str, &str),
) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let failure = json!({ "code": code, "decline_code": decline_code, "message": message });
    let charge = attempt(tx, &intent, method, Status::Failed(failure));
    emit_charge(tx, "charge.failed", &charge);
    let mut error = json!({
        "type": "card_error",
        "code": code,
        "message": message,
        "charge": charge.id,
        "doc_url": format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")),
        "payment_method": method.value,
    });
    if !decline_code.is_empty() {
        error["decline_code"] = json!(decline_code);
        error["advice_code"] = json!(cards::advice(decline_code));
    }
    intents::attempt_failed(tx, intent_id, error);
    Ok(())
}

/// The charge of one attempt, as the intent's `latest_charge`.
fn attempt(tx: &mut Tx<'_>, intent: &Record, method: &Record, status: Status) -> Arc<Record> {
    let card = matches!(methods::kind(method), MethodKind::Card(_));
    let id = tx.mint(if card { "ch_3" } else { "py_3" }, 23);
    let captured = matches!(status, Status::Succeeded);
    let paid = captured || matches!(status, Status::Authorised);
    let failure = match &status {
        Status::Failed(failure) => failure.clone(),
        _ => Value::Null,
    };
    let state = match status {
        Status::Succeeded | Status::Authorised => "succeeded",
        Status::Pending => "pending",
        Status::Failed(_) => "failed",
    };
    let amount = intent.int("amount");
    let decline_code = failure["decline_code"].as_str().filter(|c| !c.is_empty());
    let mut charge = merged(
        charge_of(tx, intent, &id),
        json!({
            "amount_captured": if captured { amount } else { 0 },
            "captured": captured,
            "failure_code": failure["code"],
            "failure_message": failure["message"],
            "outcome": outcome(state, decline_code),
            "paid": paid,
            "payment_method": method.id,
            "payment_method_details": details(tx, method, amount),
            "receipt_url": paid.then(|| format!("{}/receipts/{id}", tx.base_url)),
            "status": state,
        }),
    );
    if charge["billing_details"].is_null() {
        charge["billing_details"] = method.value["billing_details"].clone();
    }
    if matches!(status, Status::Authorised) && card {
        charge["payment_method_details"]["card"]["capture_before"] = json!(tx.now + AUTHORISED_FOR);
    }
    let charge = tx.insert(Kind::Charge, &intent.owner, charge, json!({}), None);
    tx.update(&intent.id, |r| {
        r.value["latest_charge"] = json!(id);
        r.value["payment_method"] = json!(method.id);
    });
    charge
}

/// A charge's fields that don't depend on how the attempt went.
fn charge_of(tx: &Tx<'_>, intent: &Record, id: &str) -> Value {
    let descriptor = tx.get(&intent.owner).and_then(|a| {
        a.value["business_profile"]["name"]
            .as_str()
            .map(str::to_ascii_uppercase)
    });
    json!({
        "id": id,
        "object": "charge",
        "amount": intent.int("amount"),
        "amount_refunded": 0,
        "application": intent.value["application"],
        "application_fee": null,
        "application_fee_amount": intent.value["application_fee_amount"],
        "balance_transaction": null,
        "billing_details": intent.hidden["billing"],
        "calculated_statement_descriptor": descriptor,
        "created": tx.now,
        "currency": intent.value["currency"],
        "customer": intent.value["customer"],
        "description": intent.value["description"],
        "disputed": false,
        "failure_balance_transaction": null,
        "fraud_details": {},
        "livemode": false,
        "metadata": intent.value["metadata"],
        "on_behalf_of": intent.value["on_behalf_of"],
        "payment_intent": Some(&intent.id).filter(|id| !id.is_empty()),
        "radar_options": {},
        "receipt_email": intent.value["receipt_email"],
        "receipt_number": null,
        "refunded": false,
        "review": null,
        "shipping": intent.value["shipping"],
        "source_transfer": null,
        "statement_descriptor": intent.value["statement_descriptor"],
        "statement_descriptor_suffix": intent.value["statement_descriptor_suffix"],
        "transfer_data": intent.value["transfer_data"],
        "transfer_group": intent.value["transfer_group"],
    })
}

fn outcome(status: &str, decline_code: Option<&str>) -> Value {
    let ok = status != "failed";
    if decline_code == Some("fraudulent") {
        return json!({
            "advice_code": null,
            "network_advice_code": null,
            "network_decline_code": null,
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "risk_level": "highest",
            "risk_score": 98,
            "seller_message": "Stripe blocked this payment as too risky.",
            "type": "blocked",
        });
    }
    json!({
        "advice_code": decline_code.and_then(cards::advice),
        "network_advice_code": null,
        "network_decline_code": decline_code.map(|_| "01"),
        "network_status": if ok { "approved_by_network" } else { "declined_by_network" },
        "reason": decline_code,
        "risk_level": "normal",
        "risk_score": 20,
        "seller_message": if ok { "Payment complete." } else { "The bank returned a decline." },
        "type": if ok { "authorized" } else { "issuer_declined" },
    })
}

/// `payment_method_details`: with what it was paid.
fn details(tx: &mut Tx<'_>, method: &Record, amount: i64) -> Value {
    let kind = method.text("type");
    let mut details = method.value[kind].clone();
    match methods::kind(method) {
        MethodKind::Card(card) => {
            for field in [
                "display_brand",
                "generated_from",
                "networks",
                "three_d_secure_usage",
            ] {
                if let Some(map) = details.as_object_mut() {
                    map.remove(field);
                }
            }
            let more = json!({
                "amount_authorized": amount,
                "authorization_code": tx.mint("", 6).to_ascii_uppercase(),
                "extended_authorization": { "status": "disabled" },
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": card.brand,
                "network_token": { "used": false },
                "network_transaction_id": "104102978678771",
                "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
                "three_d_secure": null,
            });
            if let Value::Object(more) = more {
                for (name, value) in more {
                    details[name] = value;
                }
            }
        }
        MethodKind::Redirect => details = json!({}),
        MethodKind::Debit(..) if kind == "sepa_debit" => {
            if let Some(map) = details.as_object_mut() {
                map.remove("generated_from");
            }
            details["branch_code"] = Value::Null;
            details["mandate"] = json!(tx.mint("mandate_1", 23));
        }
        MethodKind::Debit(..) => {
            if let Some(map) = details.as_object_mut() {
                for field in [
                    "financial_connections_account",
                    "networks",
                    "status_details",
                ] {
                    map.remove(field);
                }
            }
            details["payment_reference"] = Value::Null;
        }
    }
    let mut out = json!({ "type": kind });
    out[kind] = details;
    out
}

pub(super) fn emit_charge(tx: &mut Tx<'_>, name: &str, charge: &Record) {
    tx.emit(name, &charge.owner, &charge.value);
}

/// `charge.succeeded`, what the card does next, `payment_intent.succeeded`.
fn after_success(tx: &mut Tx<'_>, intent_id: &str, charge: &Record) -> Result<(), ApiError> {
    if let Some(charge) = tx.get(&charge.id) {
        emit_charge(tx, "charge.succeeded", &charge);
    }
    settled(tx, intent_id, charge)
}

/// Marks the charge's intent, if there is one, as succeeded.
pub(super) fn settled(tx: &mut Tx<'_>, intent_id: &str, charge: &Record) -> Result<(), ApiError> {
    let Some(charge) = tx.get(&charge.id) else {
        return Ok(());
    };
    disputes::after_charge(tx, &charge)?;
    intents::update_and_emit(tx, intent_id, "payment_intent.succeeded", |r| {
        r.value["status"] = json!("succeeded");
        r.value["next_action"] = Value::Null;
        r.value["last_payment_error"] = Value::Null;
        r.value["processing"] = Value::Null;
        r.value["amount_capturable"] = json!(0);
        r.value["payment_method"] = charge.value["payment_method"].clone();
        r.value["amount_received"] = charge.value["amount_captured"].clone();
        r.due = None;
    });
    if let Some(fee) = charge.value["application_fee"]
        .as_str()
        .and_then(|id| tx.get(id))
    {
        let platform = tx.platform();
        tx.emit("application_fee.created", &platform, &fee.value);
    }
    Ok(())
}

/// What the charge's test card does after the payment.
pub(crate) fn aftermath(tx: &Tx<'_>, charge: &Record) -> Aftermath {
    match tx
        .get(charge.text("payment_method"))
        .map(|m| methods::kind(&m))
    {
        Some(MethodKind::Card(card)) => card.aftermath,
        Some(MethodKind::Debit(Debit::Disputed(reason), _)) => Aftermath::Disputed(reason, false),
        _ => Aftermath::Nothing,
    }
}

/// Books a charge that succeeded: the seller's part, the platform's fee, Stripe's fee.
fn book_success(tx: &mut Tx<'_>, charge: &Record) -> Result<(), ApiError> {
    let platform = tx.platform();
    let amount = charge.int("amount_captured");
    let currency = charge.text("currency").to_owned();
    let fee = charge.value["application_fee_amount"]
        .as_i64()
        .filter(|fee| *fee > 0);
    let stripe = money::stripe_fee(amount)?;
    let platform_pays = fees_fall_on_platform(tx, &charge.owner);
    let mut parts = Vec::new();
    if !platform_pays {
        parts.push(FeePart::Stripe(stripe));
    }
    // The fee of a destination charge is its destination's.
    if let Some(fee) = fee.filter(|_| charge.value["transfer_data"].is_null()) {
        parts.push(FeePart::Application(fee));
    }
    let kind = if charge.id.starts_with("py_") {
        "payment"
    } else {
        "charge"
    };
    let booking = Booking::new(kind, "charge", amount, &currency)
        .source(&charge.id)
        .fees(parts);
    let at_once = aftermath(tx, charge) == Aftermath::AvailableNow;
    let booking = if at_once {
        booking
    } else {
        booking.later(&charge.value["description"])
    };
    let txn = book(tx, &charge.owner, booking)?;
    if at_once {
        emit_available(tx, &charge.owner);
    }
    let received = tx.update(&charge.id, |r| r.value["balance_transaction"] = json!(txn));
    if platform_pays && charge.owner != platform {
        let booking = Booking::new("stripe_fee", "fee", -stripe, &currency)
            .later(&json!("Stripe processing fees"));
        book(tx, &platform, booking)?;
    }
    let Some(charge) = received else {
        return Ok(());
    };
    let payment = destination::after_charge(tx, &charge)?;
    match (fee, payment) {
        (Some(fee), None) => fees::charge_fee(tx, &charge, None, fee),
        (Some(fee), Some(payment)) => fees::charge_fee(tx, &payment, Some(&charge), fee),
        (None, _) => Ok(()),
    }
}
