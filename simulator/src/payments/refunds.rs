//! Refunds and application fees: <https://docs.stripe.com/api/refunds>, <https://docs.stripe.com/api/application_fees>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, lists, merge_metadata, metadata, retrieve},
    balance::{Booking, FeePart, book},
    error::{Answer, ApiError},
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/refunds", create),
    ("GET", "/v1/refunds", |tx, call| {
        let (charge, intent) = (call.args.text("charge"), call.args.text("payment_intent"));
        lists::list(tx, call, Kind::Refund, |r| {
            charge.is_none_or(|c| r.value["charge"] == c)
                && intent.is_none_or(|i| r.value["payment_intent"] == i)
        })
    }),
    ("GET", "/v1/refunds/{refund}", |tx, call| {
        retrieve(tx, call, Kind::Refund, "refund")
    }),
    ("POST", "/v1/refunds/{refund}", update),
    ("GET", "/v1/application_fees", |tx, call| {
        let charge = call.args.text("charge");
        lists::list(tx, call, Kind::Fee, |r| {
            charge.is_none_or(|c| r.value["charge"] == c)
        })
    }),
    ("GET", "/v1/application_fees/{id}", |tx, call| {
        retrieve(tx, call, Kind::Fee, "id")
    }),
    ("GET", "/v1/application_fees/{id}/refunds", |tx, call| {
        retrieve(tx, call, Kind::Fee, "id")?;
        lists::list(tx, call, Kind::FeeRefund, |r| r.value["fee"] == call.id())
    }),
    (
        "POST",
        "/v1/application_fees/{id}/refunds",
        create_fee_refund,
    ),
    (
        "GET",
        "/v1/application_fees/{fee}/refunds/{id}",
        |tx, call| {
            let id = call.ids.get(1).copied().unwrap_or_default();
            tx.find(Kind::FeeRefund, call.owner, id)
                .filter(|r| r.value["fee"] == call.id())
                .map(|r| r.value.clone())
                .ok_or_else(|| ApiError::missing("fee_refund", id, "id"))
        },
    ),
];

fn charge_of(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    let find = |id: &str, param| {
        tx.find(Kind::Charge, call.owner, id)
            .ok_or_else(|| ApiError::missing("charge", id, param))
    };
    match (call.args.text("charge"), call.args.text("payment_intent")) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "You may only specify one of these parameters: charge, payment_intent.",
        )),
        (Some(id), None) => find(id, "charge"),
        (None, Some(id)) => {
            let intent = tx
                .find(Kind::Intent, call.owner, id)
                .ok_or_else(|| ApiError::missing("payment_intent", id, "payment_intent"))?;
            if intent.text("status") != "succeeded" {
                return Err(ApiError::invalid(format!(
                    "This PaymentIntent ({id}) does not have a successful charge to refund."
                ))
                .param("payment_intent"));
            }
            find(intent.text("latest_charge"), "payment_intent")
        }
        (None, None) => Err(ApiError::invalid(
            "One of the following params should be provided for this request: payment_intent or charge.",
        )
        .code("parameter_missing")
        .param("charge")),
    }
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let charge = charge_of(tx, call)?;
    let left = refundable(&charge)?;
    let amount = args.int("amount").unwrap_or(left);
    if amount < 1 {
        return Err(ApiError::invalid("Invalid positive integer")
            .code("parameter_invalid_integer")
            .param("amount"));
    }
    let currency = charge.text("currency").to_owned();
    if amount > left {
        return Err(ApiError::invalid(format!(
            "Refund amount ({}) is greater than {}charge amount ({})",
            money::show(amount, &currency),
            if left == charge.int("amount") {
                ""
            } else {
                "unrefunded amount on "
            },
            money::show(left, &currency),
        ))
        .param("amount"));
    }
    let with_fee = args.flag("refund_application_fee").unwrap_or(false);
    if with_fee && charge.value["application_fee"].is_null() {
        return Err(ApiError::invalid(format!(
            "Attempting to refund_application_fee on charge ({}), but it has no application fee",
            charge.id
        ))
        .param("refund_application_fee"));
    }
    if args.flag("reverse_transfer") == Some(true) {
        return Err(ApiError::invalid(format!(
            "Attempting to reverse_transfer on charge ({}), but it has no transfer",
            charge.id
        ))
        .param("reverse_transfer"));
    }
    let id = tx.mint("re_3", 23);
    let refund = json!({
        "id": id,
        "object": "refund",
        "amount": amount,
        "balance_transaction": null,
        "charge": charge.id,
        "created": tx.now,
        "currency": currency,
        "destination_details": destination(&charge),
        "metadata": metadata(args, "metadata")?,
        "payment_intent": charge.value["payment_intent"],
        "reason": args.text("reason"),
        "receipt_number": null,
        "source_transfer_reversal": null,
        "status": "pending",
        "pending_reason": "processing",
        "transfer_reversal": null,
    });
    tx.insert(
        Kind::Refund,
        call.owner,
        refund,
        json!({ "fee": with_fee }),
        None,
    );
    take(tx, &charge.id, amount);
    let done = execute(tx, &id)?;
    let (charge, refund) = (tx.get(&charge.id), tx.get(&id));
    let (Some(charge), Some(refund)) = (charge, refund) else {
        return Err(ApiError::missing("refund", &id, "refund"));
    };
    tx.emit("refund.created", call.owner, &refund.value);
    tx.emit("charge.refunded", call.owner, &charge.value);
    if let Some(fee) = done {
        let platform = tx.platform();
        tx.emit("application_fee.refunded", &platform, &fee);
    }
    Ok(refund.value.clone())
}

/// What of a charge can still be given back.
fn refundable(charge: &Record) -> Result<i64, ApiError> {
    if charge.text("status") != "succeeded" {
        return Err(ApiError::invalid(format!(
            "This charge ({}) has not succeeded and cannot be refunded.",
            charge.id
        ))
        .param("charge"));
    }
    let left = charge.int("amount") - charge.int("amount_refunded");
    if left == 0 {
        return Err(
            ApiError::invalid(format!("Charge {} has already been refunded.", charge.id))
                .code("charge_already_refunded"),
        );
    }
    Ok(left)
}

fn destination(charge: &Record) -> Value {
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
fn take(tx: &mut Tx<'_>, charge: &str, amount: i64) {
    tx.update(charge, |r| {
        let refunded = r.int("amount_refunded") + amount;
        r.value["amount_refunded"] = json!(refunded);
        r.value["refunded"] = json!(refunded == r.int("amount"));
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
    let fee = match refund.hidden["fee"] {
        Value::Bool(true) => fee_share(tx, &charge, amount)?,
        _ => 0,
    };
    // Money on its way counts: Stripe lets a fresh charge be refunded before it is available.
    let sums = tx.store().balances(&refund.owner);
    let (available, pending) = sums.get(&currency).copied().unwrap_or_default();
    if available.saturating_add(pending) < amount - fee {
        tx.update(id, |r| {
            r.value["pending_reason"] = json!("insufficient_funds")
        });
        return Ok(None);
    }
    let parts = if fee > 0 {
        vec![FeePart::Application(-fee)]
    } else {
        vec![]
    };
    let with_charge = available_on(tx, &charge);
    let kind = if charge.id.starts_with("py_") {
        "payment_refund"
    } else {
        "refund"
    };
    let booking = Booking::new(kind, "refund", -amount, &currency)
        .source(id)
        .fees(parts)
        .description("REFUND FOR CHARGE")
        .at(with_charge);
    let txn = book(tx, &refund.owner, booking)?;
    tx.update(id, |r| {
        r.value["status"] = json!("succeeded");
        r.value["balance_transaction"] = json!(txn);
        if let Some(map) = r.value.as_object_mut() {
            map.remove("pending_reason");
        }
    });
    if fee == 0 {
        return Ok(None);
    }
    tx.update(&charge.id, |r| {
        let sum = |name: &str| r.hidden[name].as_i64().unwrap_or(0);
        let (base, done) = (sum("fee_base") + amount, sum("fee_done") + fee);
        r.hidden["fee_base"] = json!(base);
        r.hidden["fee_done"] = json!(done);
    });
    let fee_id = charge.text("application_fee").to_owned();
    let fee_refund = return_fee(tx, &fee_id, fee, json!({}))?;
    tx.update(id, |r| r.hidden["fee_refund"] = fee_refund["id"].clone());
    Ok(tx.get(&fee_id).map(|f| f.value.clone()))
}

/// When the money of a charge or fee becomes available: what is taken from it is taken then.
fn available_on(tx: &Tx<'_>, of: &Record) -> i64 {
    of.value["balance_transaction"]
        .as_str()
        .and_then(|txn| tx.get(txn))
        .map_or(tx.now, |txn| txn.int("available_on"))
}

/// The part of the fee that goes back with a refund: in proportion to everything refunded with its
/// fee so far, so that many small refunds return exactly what one would, and never beyond the fee.
fn fee_share(tx: &Tx<'_>, charge: &Record, amount: i64) -> Result<i64, ApiError> {
    let Some(fee) = charge.value["application_fee"]
        .as_str()
        .and_then(|id| tx.get(id))
    else {
        return Ok(0);
    };
    let sum = |name: &str| charge.hidden[name].as_i64().unwrap_or(0);
    let left = fee.int("amount") - fee.int("amount_refunded");
    let target = money::share(
        fee.int("amount"),
        sum("fee_base") + amount,
        charge.int("amount"),
    )?;
    Ok((target - sum("fee_done")).clamp(0, left))
}

/// Takes a part of an application fee from the platform.
fn return_fee(tx: &mut Tx<'_>, fee_id: &str, amount: i64, metadata: Value) -> Answer {
    let platform = tx.platform();
    let fee = tx
        .get(fee_id)
        .ok_or_else(|| ApiError::missing("application fee", fee_id, "id"))?;
    let id = tx.mint("fr_1", 23);
    let currency = fee.text("currency").to_owned();
    let booking = Booking::new(
        "application_fee_refund",
        "platform_earning_refund",
        -amount,
        &currency,
    )
    .source(&id)
    .at(available_on(tx, &fee));
    let txn = book(tx, &platform, booking)?;
    let refund = json!({
        "id": id,
        "object": "fee_refund",
        "amount": amount,
        "balance_transaction": txn,
        "created": tx.now,
        "currency": currency,
        "fee": fee_id,
        "metadata": metadata,
    });
    tx.insert(
        Kind::FeeRefund,
        &platform,
        refund.clone(),
        Value::Null,
        None,
    );
    tx.update(fee_id, |r| {
        let refunded = r.int("amount_refunded") + amount;
        r.value["amount_refunded"] = json!(refunded);
        r.value["refunded"] = json!(refunded == r.int("amount"));
        if let Some(data) = r.value["refunds"]["data"].as_array_mut() {
            data.insert(0, refund.clone());
        }
    });
    Ok(refund)
}

/// A fee given back on its own: the connected account gets it as an adjustment of its own.
fn create_fee_refund(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let fee = tx
        .find(Kind::Fee, call.owner, call.id())
        .ok_or_else(|| ApiError::missing("application fee", call.id(), "id"))?;
    let left = fee.int("amount") - fee.int("amount_refunded");
    let amount = call.args.int("amount").unwrap_or(left);
    if left == 0 || amount > left || amount < 1 {
        return Err(ApiError::invalid(format!(
            "Refund amount ({amount}) is greater than the unrefunded amount of the application fee ({left})."
        ))
        .param("amount"));
    }
    let metadata = metadata(call.args, "metadata")?;
    let refund = return_fee(tx, call.id(), amount, metadata)?;
    let account = fee.text("account").to_owned();
    let id = refund["id"].as_str().unwrap_or_default().to_owned();
    let booking = Booking::new(
        "application_fee_refund",
        "fee",
        amount,
        fee.text("currency"),
    )
    .source(&id)
    .description("Application fee refund");
    book(tx, &account, booking)?;
    if let Some(fee) = tx.get(call.id()) {
        tx.emit("application_fee.refunded", &fee.owner.clone(), &fee.value);
    }
    Ok(refund)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut refund = retrieve(tx, call, Kind::Refund, "refund")?;
    merge_metadata(&mut refund["metadata"], call.args, "metadata")?;
    tx.update(call.id(), |r| r.value = refund.clone());
    emit_update(tx, call.id());
    Ok(refund)
}

/// `refund.updated`, and `charge.refund.updated` which says the same.
fn emit_update(tx: &mut Tx<'_>, id: &str) {
    if let Some(refund) = tx.get(id) {
        tx.emit("refund.updated", &refund.owner, &refund.value);
        tx.emit("charge.refund.updated", &refund.owner, &refund.value);
    }
}

/// Money came in while this refund waited for it.
pub(crate) fn try_again(tx: &mut Tx<'_>, refund: &Record) {
    let Ok(fee) = execute(tx, &refund.id) else {
        return;
    };
    if tx
        .get(&refund.id)
        .is_some_and(|r| r.text("status") == "succeeded")
    {
        emit_update(tx, &refund.id);
    }
    if let Some(fee) = fee {
        let platform = tx.platform();
        tx.emit("application_fee.refunded", &platform, &fee);
    }
}

/// A refund fails, perhaps after it succeeded: the money is back on the balance
/// (<https://docs.stripe.com/refunds#failed-refunds>). A fee that went back stays back.
pub(crate) fn fail(tx: &mut Tx<'_>, id: &str) -> Answer {
    let refund = tx
        .get(id)
        .filter(|r| r.kind == Kind::Refund)
        .ok_or_else(|| ApiError::missing("refund", id, "refund"))?;
    if ["failed", "canceled"].contains(&refund.text("status")) {
        return Err(ApiError::invalid("This refund has already ended."));
    }
    let mut back = Value::Null;
    if !refund.value["balance_transaction"].is_null() {
        let booking = Booking::new(
            "refund_failure",
            "refund_failure",
            refund.int("amount"),
            refund.text("currency"),
        )
        .source(id)
        .description("REFUND FAILURE");
        back = json!(book(tx, &refund.owner, booking)?);
    }
    let value = tx.update(id, |r| {
        r.value["status"] = json!("failed");
        r.value["failure_reason"] = json!("lost_or_stolen_card");
        if !back.is_null() {
            r.value["failure_balance_transaction"] = back.clone();
        }
        if let Some(map) = r.value.as_object_mut() {
            map.remove("pending_reason");
        }
    });
    take(tx, refund.text("charge"), -refund.int("amount"));
    let Some(failed) = value else {
        return Ok(Value::Null);
    };
    tx.emit("refund.failed", &failed.owner, &failed.value);
    emit_update(tx, id);
    Ok(failed.value.clone())
}
