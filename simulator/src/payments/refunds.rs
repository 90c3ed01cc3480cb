//! Refunds: <https://docs.stripe.com/api/refunds>, <https://docs.stripe.com/refunds>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{charges, disputes};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata},
    balance::{Booking, FeePart, available_on, book},
    cards::Aftermath,
    error::{Answer, ApiError},
    events::changes,
    form::Node,
    money,
    store::{Kind, Record, Tx},
    transfers::{destination, fees},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/refunds", |tx, call| {
        let charge = charge_of(tx, call)?;
        create(tx, &charge, call.args)
    }),
    ("GET", "/v1/refunds", |tx, call| {
        let (charge, intent) = (call.args.text("charge"), call.args.text("payment_intent"));
        lists::list(tx, call, Kind::Refund, |r| {
            charge.is_none_or(|c| r.value["charge"] == c)
                && intent.is_none_or(|i| r.value["payment_intent"] == i)
        })
    }),
    ("GET", "/v1/refunds/{refund}", |tx, call| {
        Ok(from_path(tx, call)?.value.clone())
    }),
    ("POST", "/v1/refunds/{refund}", update),
    ("POST", "/v1/refunds/{refund}/cancel", cancel),
    ("POST", "/v1/test_helpers/refunds/{refund}/expire", expire),
    // The oldest route answers with the charge, the later one with the refund.
    ("POST", "/v1/charges/{charge}/refund", |tx, call| {
        let charge = find(tx, call, Kind::Charge, call.id(), "charge")?;
        create(tx, &charge, call.args)?;
        Ok(find(tx, call, Kind::Charge, call.id(), "charge")?
            .value
            .clone())
    }),
    ("POST", "/v1/charges/{charge}/refunds", |tx, call| {
        let charge = find(tx, call, Kind::Charge, call.id(), "charge")?;
        create(tx, &charge, call.args)
    }),
    ("GET", "/v1/charges/{charge}/refunds", |tx, call| {
        find(tx, call, Kind::Charge, call.id(), "charge")?;
        lists::list(tx, call, Kind::Refund, |r| r.value["charge"] == call.id())
    }),
    (
        "GET",
        "/v1/charges/{charge}/refunds/{refund}",
        |tx, call| Ok(from_path(tx, call)?.value.clone()),
    ),
    ("POST", "/v1/charges/{charge}/refunds/{refund}", update),
];

/// How long a refund on the cards for asynchronous refunds takes to succeed, or to fail.
const ASYNC_DELAY: i64 = 60;

/// The refund that the path names, perhaps under its charge.
fn from_path(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    match call.ids.as_slice() {
        [charge, refund] => find(tx, call, Kind::Refund, refund, "refund").and_then(|r| {
            if r.value["charge"] == *charge {
                Ok(r)
            } else {
                Err(ApiError::missing("refund", refund, "refund"))
            }
        }),
        _ => find(tx, call, Kind::Refund, call.id(), "refund"),
    }
}

fn charge_of(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    match (call.args.text("charge"), call.args.text("payment_intent")) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "You may only specify one of these parameters: charge, payment_intent.",
        )),
        (Some(id), None) => find(tx, call, Kind::Charge, id, "id"),
        (None, Some(id)) => {
            let intent = find(tx, call, Kind::Intent, id, "payment_intent")?;
            tx.find(Kind::Charge, call.owner, intent.text("latest_charge"))
                .ok_or_else(|| no_charge(id))
        }
        (None, None) => Err(ApiError::invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )),
    }
}

fn no_charge(intent: &str) -> ApiError {
    ApiError::invalid(format!(
        "This PaymentIntent ({intent}) does not have a successful charge to refund."
    ))
}

fn create(tx: &mut Tx<'_>, charge: &Record, args: &Node) -> Answer {
    let amount = requested_amount(tx, charge, args)?;
    let with_fee = args.flag("refund_application_fee").unwrap_or(false);
    if with_fee && charge.value["application_fee"].is_null() {
        return Err(ApiError::invalid(format!(
            "Attempting to refund_application_fee on charge ({}), but it has no application fee",
            charge.id
        ))
        .param("refund_application_fee"));
    }
    let reverses = args.flag("reverse_transfer") == Some(true);
    destination::check_refund(tx, charge, reverses, with_fee)?;
    if charge.value["source_transfer"].is_string() {
        return destination::refund_payment(tx, charge, amount, with_fee);
    }
    let id = tx.mint("re_3", 23);
    let mut refund = json!({
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": null,
        "charge": charge.id,
        "created": tx.now,
        "currency": charge.text("currency"),
        "destination_details": destination_details(charge),
        "metadata": metadata(args, "metadata")?,
        "payment_intent": charge.value["payment_intent"],
        "reason": args.text("reason"),
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "pending",
        "pending_reason": "processing",
        "transfer_reversal": null,
    });
    if let Some(email) = args.text("instructions_email") {
        refund["instructions_email"] = json!(email);
    }
    let hidden = json!({ "fee": with_fee, "reverse": reverses });
    tx.insert(Kind::Refund, &charge.owner, refund, hidden, None);
    count_refunded(tx, &charge.id, amount);
    if args.text("reason") == Some("fraudulent")
        && tx.assumptions.get("fraudulent_refund") == "reported"
    {
        tx.update(&charge.id, |r| {
            r.value["fraud_details"] = json!({ "user_report": "fraudulent" });
        });
    }
    let done = execute(tx, &id)?;
    let (Some(after), Some(refund)) = (tx.get(&charge.id), tx.get(&id)) else {
        return Err(ApiError::missing("refund", &id, "refund"));
    };
    tx.emit("refund.created", &charge.owner, &refund.value);
    let before = changes(&charge.value, &after.value);
    tx.emit_change("charge.refunded", &charge.owner, &after.value, Some(before));
    fee_refunded(tx, done);
    disputes::after_refund(tx, &after)?;
    Ok(refund.value.clone())
}

/// The amount that is asked back, else all that is left.
fn requested_amount(tx: &Tx<'_>, charge: &Record, args: &Node) -> Result<i64, ApiError> {
    if let Some(param) = ["origin", "customer"]
        .into_iter()
        .find(|p| args.text(p).is_some())
    {
        return Err(ApiError::invalid("There is no cash balance to refund from.").param(param));
    }
    let left = refundable(tx, charge)?;
    let amount = args.int("amount").unwrap_or(left);
    if amount < 1 {
        return Err(
            ApiError::invalid("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param("amount"),
        );
    }
    let currency = charge.text("currency");
    if amount > left {
        let of = if left == charge.int("amount_captured") {
            "charge amount"
        } else {
            "unrefunded amount on charge"
        };
        return Err(ApiError::invalid(format!(
            "Refund amount ({}) is greater than {of} ({})",
            amount_text(amount, currency),
            amount_text(left, currency),
        ))
        .param("amount"));
    }
    money::check_step(amount, currency, money::step(currency), "amount")?;
    Ok(amount)
}

/// The amount of a charge that can still be refunded.
fn refundable(tx: &Tx<'_>, charge: &Record) -> Result<i64, ApiError> {
    let intent = charge.value["payment_intent"].as_str();
    if charge.text("status") != "succeeded" {
        return Err(intent.map_or_else(
            || {
                ApiError::invalid(format!(
                    "This charge ({}) has not succeeded and cannot be refunded.",
                    charge.id
                ))
            },
            no_charge,
        ));
    }
    if charge.value["captured"] != json!(true) {
        return Err(ApiError::invalid(format!(
            "This uncaptured Charge was created by a PaymentIntent ({}). You must cancel the PaymentIntent to reverse the authorization instead of refunding the Charge directly. For more information, see https://stripe.com/docs/payments/place-a-hold-on-a-payment-method",
            intent.unwrap_or_default()
        )));
    }
    if let Some(refusal) = disputes::refusal(tx, charge) {
        return Err(refusal);
    }
    let left = charge.int("amount_captured") - given_back(charge);
    if left <= 0 {
        return Err(
            ApiError::invalid(format!("Charge {} has already been refunded.", charge.id))
                .code("charge_already_refunded"),
        );
    }
    Ok(left)
}

/// The sum of a charge's refunds. `amount_refunded` also counts what was never captured.
fn given_back(charge: &Record) -> i64 {
    charge.hidden["given_back"].as_i64().unwrap_or(0)
}

/// An amount as Stripe's refusals write it.
fn amount_text(amount: i64, currency: &str) -> String {
    let text = money::format(amount, currency);
    let number = text.split(' ').next().unwrap_or_default();
    match currency {
        "usd" => format!("${number}"),
        "eur" => format!("€{number}"),
        "gbp" => format!("£{number}"),
        "jpy" => format!("¥{number}"),
        _ => text,
    }
}

fn destination_details(charge: &Record) -> Value {
    match charge.value["payment_method_details"]["type"].as_str() {
        Some("card") => json!({
            "type": "card",
            "card": { "reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund" },
        }),
        _ => {
            json!({ "type": "eu_bank_transfer", "eu_bank_transfer": { "reference": null, "reference_status": null } })
        }
    }
}

/// Counts an amount as refunded on its charge; a negative one when a refund failed.
fn count_refunded(tx: &mut Tx<'_>, charge: &str, amount: i64) {
    tx.update(charge, |r| {
        let refunded = r.int("amount_refunded") + amount;
        let back = given_back(r) + amount;
        r.value["amount_refunded"] = json!(refunded);
        r.value["refunded"] = json!(back == r.int("amount_captured"));
        r.hidden["given_back"] = json!(back);
    });
}

/// Moves the money of a refund if the account has it; the fee comes back with it. Returns the
/// application fee when it changed.
fn execute(tx: &mut Tx<'_>, id: &str) -> Result<Option<Value>, ApiError> {
    let missing = || ApiError::missing("refund", id, "refund");
    let refund = tx.get(id).ok_or_else(missing)?;
    let charge = tx.get(refund.text("charge")).ok_or_else(missing)?;
    let amount = refund.int("amount");
    let currency = refund.text("currency").to_owned();
    let with_fee = refund.hidden["fee"] == json!(true);
    // Money from a destination's transfer comes back first, and its fee with it.
    let from_destination = match refund.hidden["reverse"] {
        Value::Bool(true) => destination::share(tx, &charge, amount)?.map(|(_, part)| part),
        _ => None,
    };
    let fee = if with_fee && from_destination.is_none() {
        fees::share(tx, &charge, amount)?
    } else {
        0
    };
    let sums = tx.store().balances(&refund.owner);
    let (available, pending) = sums.get(&currency).copied().unwrap_or_default();
    let own = amount - fee - from_destination.unwrap_or(0);
    let now = available >= own;
    let with_pending = available.saturating_add(pending) >= own;
    let covered = if now != with_pending && tx.assumptions.get("pending_money") == "refundable" {
        with_pending
    } else {
        now
    };
    if !covered {
        tx.update(id, |r| {
            r.value["pending_reason"] = json!("insufficient_funds")
        });
        return Ok(None);
    }
    let inside = fee > 0 && tx.assumptions.get("fee_refund") == "inside";
    let parts = if inside {
        vec![FeePart::Application(-fee)]
    } else {
        vec![]
    };
    let when = available_on(tx, &charge);
    let kind = if charge.id.starts_with("py_") {
        "payment_refund"
    } else {
        "refund"
    };
    let booking = Booking::new(kind, "refund", -amount, &currency)
        .source(id)
        .fees(parts)
        .description("REFUND FOR CHARGE")
        .at(when);
    let txn = book(tx, &refund.owner, booking)?;
    settle(tx, id, &charge, &txn);
    fees::count_refund(tx, &charge.id, amount);
    if from_destination.is_some() {
        return destination::after_refund(tx, &charge, id, amount, with_fee);
    }
    if fee == 0 {
        return Ok(None);
    }
    let (back, fee) = fees::refund_share(tx, &charge, fee, (!inside).then_some(when))?;
    tx.update(id, |r| {
        r.hidden["fee_refund"] = back["id"].clone();
        r.hidden["fee_inside"] = json!(inside);
    });
    Ok(Some(fee))
}

/// The refund succeeds, now or later, and may fail after that: as the card has it.
fn settle(tx: &mut Tx<'_>, id: &str, charge: &Record, txn: &str) {
    let later = match charges::aftermath(tx, charge) {
        Aftermath::RefundSucceedsLater => Some("succeed"),
        Aftermath::RefundFailsLater => Some("fail"),
        _ => None,
    };
    let due = later.map(|_| tx.now + tx.takes(ASYNC_DELAY));
    tx.update(id, |r| {
        r.value["balance_transaction"] = json!(txn);
        if later == Some("succeed") {
            r.value["pending_reason"] = json!("processing");
        } else {
            end(r, "succeeded");
        }
        r.hidden["later"] = json!(later);
        r.due = due;
    });
}

fn end(refund: &mut Record, status: &str) {
    refund.value["status"] = json!(status);
    if let Some(map) = refund.value.as_object_mut() {
        map.remove("pending_reason");
        map.remove("next_action");
    }
    refund.due = None;
}

fn fee_refunded(tx: &mut Tx<'_>, fee: Option<Value>) {
    if let Some(fee) = fee {
        let platform = tx.platform();
        tx.emit("application_fee.refunded", &platform, &fee);
    }
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let refund = from_path(tx, call)?;
    let mut value = refund.value.clone();
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    tx.update(&refund.id, |r| r.value = value.clone());
    emit_update(tx, &refund.id, &refund.value);
    Ok(value)
}

/// `refund.updated`, and `charge.refund.updated` which says the same.
fn emit_update(tx: &mut Tx<'_>, id: &str, before: &Value) {
    if let Some(refund) = tx.get(id) {
        let changed = changes(before, &refund.value);
        for name in ["refund.updated", "charge.refund.updated"] {
            tx.emit_change(name, &refund.owner, &refund.value, Some(changed.clone()));
        }
    }
}

/// A refund is due: its card decides it now, or money came in while it waited.
pub(crate) fn falls_due(tx: &mut Tx<'_>, refund: &Record) {
    let done = match refund.hidden["later"].as_str() {
        Some("succeed") => succeed(tx, &refund.id),
        Some("fail") => fail(tx, &refund.id),
        _ => retry(tx, refund),
    };
    if let Err(error) = done {
        tracing::error!(message = error.message, refund = refund.id, "not refunded");
    }
}

fn retry(tx: &mut Tx<'_>, refund: &Record) -> Answer {
    let fee = execute(tx, &refund.id)?;
    let after = tx.get(&refund.id).map(|r| r.value.clone());
    if after.is_some_and(|value| value["balance_transaction"].is_string()) {
        emit_update(tx, &refund.id, &refund.value);
    }
    fee_refunded(tx, fee);
    Ok(Value::Null)
}

fn unfinished(tx: &Tx<'_>, id: &str) -> Result<Arc<Record>, ApiError> {
    let refund = tx
        .get(id)
        .filter(|r| r.kind == Kind::Refund)
        .ok_or_else(|| ApiError::missing("refund", id, "refund"))?;
    let charge = tx.get(refund.text("charge"));
    if charge.is_some_and(|c| c.value["source_transfer"].is_string()) {
        return Err(ApiError::invalid(
            "This refund belongs to a transfer reversal, which is final.",
        ));
    }
    match refund.text("status") {
        "failed" | "canceled" => Err(ApiError::invalid("This refund has already ended.")),
        _ => Ok(refund),
    }
}

/// The bank took a refund that was on its way.
pub(crate) fn succeed(tx: &mut Tx<'_>, id: &str) -> Answer {
    let refund = unfinished(tx, id)?;
    if refund.value["balance_transaction"].is_null() {
        return Err(ApiError::invalid("This refund waits for funds."));
    }
    tx.update(id, |r| {
        end(r, "succeeded");
        r.hidden["later"] = Value::Null;
    });
    emit_update(tx, id, &refund.value);
    Ok(tx.get(id).map(|r| r.value.clone()).unwrap_or_default())
}

/// A refund that was made is pending after all, for `charge_pending` or `processing`.
pub(crate) fn hold(tx: &mut Tx<'_>, id: &str, reason: &str) -> Answer {
    let refund = unfinished(tx, id)?;
    if !["charge_pending", "processing"].contains(&reason)
        || refund.value["balance_transaction"].is_null()
    {
        return Err(ApiError::invalid(
            "A refund that was made can be held for charge_pending or processing.",
        )
        .param("pending_reason"));
    }
    tx.update(id, |r| {
        end(r, "pending");
        r.value["pending_reason"] = json!(reason);
        r.hidden["later"] = Value::Null;
    });
    emit_update(tx, id, &refund.value);
    Ok(tx.get(id).map(|r| r.value.clone()).unwrap_or_default())
}

/// The customer must do something to get this refund, as some bank transfers want it.
pub(crate) fn require_action(tx: &mut Tx<'_>, id: &str) -> Answer {
    let refund = unfinished(tx, id)?;
    let now = tx.now;
    let to = refund.value["instructions_email"]
        .as_str()
        .unwrap_or("buyer@example.com")
        .to_owned();
    tx.update(id, |r| {
        end(r, "requires_action");
        r.hidden["later"] = Value::Null;
        r.value["next_action"] = json!({
            "type": "display_details",
            "display_details": {
                "email_sent": { "email_sent_at": now, "email_sent_to": to },
                "expires_at": now + 45 * 86_400,
            },
        });
    });
    emit_update(tx, id, &refund.value);
    Ok(tx.get(id).map(|r| r.value.clone()).unwrap_or_default())
}

fn cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    if from_path(tx, call)?.text("status") != "requires_action" {
        return Err(ApiError::invalid("Canceling this refund is unsupported."));
    }
    return_funds(tx, call.id(), "canceled", "merchant_request")
}

fn expire(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    if from_path(tx, call)?.text("status") != "requires_action" {
        return Err(ApiError::invalid(
            "You can only expire a refund that requires action.",
        ));
    }
    return_funds(tx, call.id(), "failed", "unknown")
}

/// A refund fails, perhaps after it succeeded (<https://docs.stripe.com/refunds#failed-refunds>).
pub(crate) fn fail(tx: &mut Tx<'_>, id: &str) -> Answer {
    return_funds(tx, id, "failed", "lost_or_stolen_card")
}

/// The money is back on the balance. The application fee that went back with it stays back, or is taken again.
fn return_funds(tx: &mut Tx<'_>, id: &str, status: &str, reason: &str) -> Answer {
    let refund = unfinished(tx, id)?;
    let mut back = Value::Null;
    if !refund.value["balance_transaction"].is_null() {
        let fee_refund = refund.hidden["fee_refund"]
            .as_str()
            .and_then(|id| tx.get(id))
            .filter(|_| tx.assumptions.get("failed_refund_fee") == "taken_again");
        let inside = refund.hidden["fee_inside"] == json!(true);
        let parts = match &fee_refund {
            Some(fee_refund) if inside => vec![FeePart::Application(fee_refund.int("amount"))],
            _ => vec![],
        };
        let booking = Booking::new(
            "refund_failure",
            "refund_failure",
            refund.int("amount"),
            refund.text("currency"),
        )
        .source(id)
        .fees(parts)
        .description("REFUND FAILURE");
        back = json!(book(tx, &refund.owner, booking)?);
        if let Some(fee_refund) = fee_refund {
            fees::take_again(tx, &refund.owner, &fee_refund, !inside)?;
        }
        fees::count_refund(tx, refund.text("charge"), -refund.int("amount"));
    }
    let ended = tx.update(id, |r| {
        end(r, status);
        r.hidden["later"] = Value::Null;
        r.value["failure_reason"] = json!(reason);
        if !back.is_null() {
            r.value["failure_balance_transaction"] = back;
        }
    });
    count_refunded(tx, refund.text("charge"), -refund.int("amount"));
    let Some(ended) = ended else {
        return Ok(Value::Null);
    };
    if status == "failed" {
        tx.emit("refund.failed", &ended.owner, &ended.value);
    }
    emit_update(tx, id, &refund.value);
    Ok(ended.value.clone())
}
