//! Charges: attempts that fail, money that comes in, and who gets which part of it.
//! <https://docs.stripe.com/connect/direct-charges>.

use serde_json::{Value, json};

use super::{disputes, intents};
use crate::{
    api::{Route, lists, retrieve},
    balance::{Booking, FeePart, book, fees_fall_on_platform},
    cards::Card,
    error::ApiError,
    money,
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/charges", |tx, call| {
        let intent = call.args.text("payment_intent");
        let customer = call.args.text("customer");
        lists::list(tx, call, Kind::Charge, |r| {
            intent.is_none_or(|i| r.value["payment_intent"] == i)
                && customer.is_none_or(|c| r.value["customer"] == c)
        })
    }),
    ("GET", "/v1/charges/{charge}", |tx, call| {
        retrieve(tx, call, Kind::Charge, "id")
    }),
];

/// With what a charge was paid.
pub(crate) enum Paid<'a> {
    Card(&'a Card),
    SepaDebit,
}

fn intent(tx: &Tx<'_>, id: &str) -> Result<std::sync::Arc<Record>, ApiError> {
    tx.get(id)
        .filter(|r| r.kind == Kind::Intent)
        .ok_or_else(|| ApiError::missing("payment_intent", id, "intent"))
}

/// Money comes in at once: charge, balance transactions, application fee, and their events.
pub(crate) fn succeed(tx: &mut Tx<'_>, intent_id: &str, paid: &Paid<'_>) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let charge = attempt(tx, &intent, paid, "succeeded", Value::Null);
    receive(tx, &charge)?;
    arrived(tx, intent_id, &charge)
}

/// A debit is under way: `charge.pending`, the intent is `processing`.
pub(crate) fn begin_debit(tx: &mut Tx<'_>, intent_id: &str) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let charge = attempt(tx, &intent, &Paid::SepaDebit, "pending", Value::Null);
    emit_charge(tx, "charge.pending", &charge);
    intents::step(tx, intent_id, "payment_intent.processing", |r| {
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
    receive(tx, &charge)?;
    arrived(tx, intent_id, &charge)
}

pub(crate) fn debit_fails(tx: &mut Tx<'_>, intent_id: &str) -> Result<(), ApiError> {
    let charge = latest_charge(tx, intent_id)?;
    let message = "The customer's bank account could not be debited.";
    let failed = tx.update(&charge, |r| {
        r.value["status"] = json!("failed");
        r.value["failure_code"] = json!("charge_exceeds_source_limit");
        r.value["failure_message"] = json!(message);
        r.value["outcome"] = Value::Null;
    });
    if let Some(charge) = failed {
        emit_charge(tx, "charge.failed", &charge);
    }
    intents::attempt_failed(
        tx,
        intent_id,
        json!({
            "type": "card_error", "code": "payment_intent_payment_attempt_failed",
            "message": message, "charge": charge,
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
    card: &Card,
    (code, decline_code, message): (&str, &str, &str),
) -> Result<(), ApiError> {
    let intent = intent(tx, intent_id)?;
    let failure = json!({ "code": code, "decline_code": decline_code, "message": message });
    let charge = attempt(tx, &intent, &Paid::Card(card), "failed", failure);
    emit_charge(tx, "charge.failed", &charge);
    let mut error = json!({
        "type": "card_error",
        "code": code,
        "message": message,
        "charge": charge.id,
        "doc_url": format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")),
    });
    if !decline_code.is_empty() {
        error["decline_code"] = json!(decline_code);
        error["advice_code"] = json!("try_again_later");
    }
    intents::attempt_failed(tx, intent_id, error);
    Ok(())
}

/// The charge of one attempt, as the intent's `latest_charge`.
fn attempt(
    tx: &mut Tx<'_>,
    intent: &Record,
    paid: &Paid<'_>,
    status: &str,
    failure: Value,
) -> std::sync::Arc<Record> {
    let id = tx.mint(
        if matches!(paid, Paid::Card(_)) {
            "ch_3"
        } else {
            "py_3"
        },
        23,
    );
    let method = tx.mint("pm_1", 23);
    let ok = status == "succeeded";
    let amount = intent.int("amount");
    let descriptor = tx.get(&intent.owner).and_then(|a| {
        a.value["business_profile"]["name"]
            .as_str()
            .map(str::to_ascii_uppercase)
    });
    let decline_code = failure["decline_code"].as_str().filter(|c| !c.is_empty());
    let charge = json!({
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": if ok { amount } else { 0 },
        "amount_refunded": 0,
        "application": intent.value["application"],
        "application_fee": null,
        "application_fee_amount": intent.value["application_fee_amount"],
        "balance_transaction": null,
        "billing_details": intent.hidden["billing"],
        "calculated_statement_descriptor": descriptor,
        "captured": ok,
        "created": tx.now,
        "currency": intent.value["currency"],
        "customer": intent.value["customer"],
        "description": intent.value["description"],
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": failure["code"],
        "failure_message": failure["message"],
        "fraud_details": {},
        "livemode": false,
        "metadata": intent.value["metadata"],
        "on_behalf_of": null,
        "outcome": outcome(status, decline_code),
        "paid": ok,
        "payment_intent": intent.id,
        "payment_method": method,
        "payment_method_details": details(tx, paid, amount),
        "radar_options": {},
        "receipt_email": intent.value["receipt_email"],
        "receipt_number": null,
        "receipt_url": ok.then(|| format!("{}/receipts/{id}", tx.base_url)),
        "refunded": false,
        "review": null,
        "shipping": null,
        "source_transfer": null,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": status,
        "transfer_data": null,
        "transfer_group": null,
    });
    let hidden = match paid {
        Paid::Card(card) => json!({ "card": card.number }),
        Paid::SepaDebit => json!({}),
    };
    let charge = tx.insert(Kind::Charge, &intent.owner, charge, hidden, None);
    tx.update(&intent.id, |r| r.value["latest_charge"] = json!(id));
    charge
}

fn outcome(status: &str, decline_code: Option<&str>) -> Value {
    let ok = status != "failed";
    json!({
        "advice_code": decline_code.map(|_| "try_again_later"),
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

fn details(tx: &mut Tx<'_>, paid: &Paid<'_>, amount: i64) -> Value {
    let year = 1971 + tx.now / 31_556_952 + 3;
    match paid {
        Paid::Card(card) => json!({
            "type": "card",
            "card": {
                "amount_authorized": amount,
                "authorization_code": tx.mint("", 6).to_ascii_uppercase(),
                "brand": card.brand,
                "checks": {
                    "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
                },
                "country": card.country,
                "exp_month": 12,
                "exp_year": year,
                "extended_authorization": { "status": "disabled" },
                // The same card has the same fingerprint, whoever uses it.
                "fingerprint": format!("fp{:0>14}", &card.number[card.number.len() - 8..]),
                "funding": "credit",
                "incremental_authorization": { "status": "unavailable" },
                "installments": null,
                "last4": card.last4(),
                "mandate": null,
                "multicapture": { "status": "unavailable" },
                "network": card.brand,
                "network_token": { "used": false },
                "network_transaction_id": "104102978678771",
                "overcapture": { "maximum_amount_capturable": amount, "status": "unavailable" },
                "regulated_status": "unregulated",
                "three_d_secure": null,
                "wallet": null,
            },
        }),
        Paid::SepaDebit => json!({
            "type": "sepa_debit",
            "sepa_debit": {
                "bank_code": "37040044",
                "branch_code": null,
                "country": "DE",
                "fingerprint": "fpsepa0000000001",
                "last4": "3000",
                "mandate": tx.mint("mandate_1", 23),
            },
        }),
    }
}

fn emit_charge(tx: &mut Tx<'_>, name: &str, charge: &Record) {
    tx.emit(name, &charge.owner, &charge.value);
}

/// `charge.succeeded`, what the card does next, `payment_intent.succeeded`.
fn arrived(tx: &mut Tx<'_>, intent_id: &str, charge: &Record) -> Result<(), ApiError> {
    let Some(charge) = tx.get(&charge.id) else {
        return Ok(());
    };
    emit_charge(tx, "charge.succeeded", &charge);
    disputes::after_charge(tx, &charge)?;
    intents::step(tx, intent_id, "payment_intent.succeeded", |r| {
        r.value["status"] = json!("succeeded");
        r.value["next_action"] = Value::Null;
        r.value["last_payment_error"] = Value::Null;
        r.value["processing"] = Value::Null;
        r.value["payment_method"] = charge.value["payment_method"].clone();
        r.value["amount_received"] = charge.value["amount"].clone();
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

/// Books a charge that succeeded: the seller's part, the platform's fee, Stripe's fee.
fn receive(tx: &mut Tx<'_>, charge: &Record) -> Result<(), ApiError> {
    let platform = tx.platform();
    let amount = charge.int("amount");
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
    if let Some(fee) = fee {
        parts.push(FeePart::Application(fee));
    }
    let kind = if charge.id.starts_with("py_") {
        "payment"
    } else {
        "charge"
    };
    let booking = Booking::new(kind, "charge", amount, &currency)
        .source(&charge.id)
        .fees(parts)
        .later(&charge.value["description"]);
    let txn = book(tx, &charge.owner, booking)?;
    tx.update(&charge.id, |r| r.value["balance_transaction"] = json!(txn));
    if platform_pays && charge.owner != platform {
        let booking = Booking::new("stripe_fee", "fee", -stripe, &currency)
            .later(&json!("Stripe processing fees"));
        book(tx, &platform, booking)?;
    }
    let Some(fee) = fee else {
        return Ok(());
    };
    let id = tx.mint("fee_1", 23);
    let booking = Booking::new("application_fee", "platform_earning", fee, &currency)
        .source(&id)
        .later(&Value::Null);
    let fee_txn = book(tx, &platform, booking)?;
    let fee = json!({
        "id": id,
        "object": "application_fee",
        "account": charge.owner,
        "amount": fee,
        "amount_refunded": 0,
        "application": tx.application(),
        "balance_transaction": fee_txn,
        "charge": charge.id,
        "created": tx.now,
        "currency": currency,
        "fee_source": { "type": "charge", "charge": charge.id },
        "livemode": false,
        "originating_transaction": null,
        "refunded": false,
        "refunds": page(&format!("/v1/application_fees/{id}/refunds"), vec![], false),
    });
    tx.insert(Kind::Fee, &platform, fee, Value::Null, None);
    tx.update(&charge.id, |r| r.value["application_fee"] = json!(id));
    Ok(())
}
