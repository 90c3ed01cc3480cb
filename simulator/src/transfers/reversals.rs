//! Transfers that go back, whole or in part: <https://docs.stripe.com/api/transfer_reversals>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{check_positive, fees, insufficient_funds, notifies_destination};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata},
    balance::{Booking, FeePart, available_on, book},
    error::{Answer, ApiError},
    events::changes,
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/transfers/{id}/reversals", create),
    ("GET", "/v1/transfers/{id}/reversals", |tx, call| {
        find(tx, call, Kind::Transfer, call.id(), "id")?;
        lists::list(tx, call, Kind::Reversal, |r| {
            r.value["transfer"] == call.id()
        })
    }),
    (
        "GET",
        "/v1/transfers/{transfer}/reversals/{id}",
        |tx, call| Ok(from_path(tx, call)?.value.clone()),
    ),
    ("POST", "/v1/transfers/{transfer}/reversals/{id}", update),
];

fn from_path(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    find(tx, call, Kind::Transfer, call.id(), "transfer")?;
    find(tx, call, Kind::Reversal, id, "id").and_then(|r| {
        if r.value["transfer"] == call.id() {
            Ok(r)
        } else {
            Err(ApiError::missing("transfer_reversal", id, "id"))
        }
    })
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let transfer = find(tx, call, Kind::Transfer, call.id(), "id")?;
    let left = transfer.int("amount") - transfer.int("amount_reversed");
    let amount = args.int("amount").unwrap_or(left);
    if left == 0 {
        return Err(ApiError::invalid(format!(
            "Transfer {} is already fully reversed.",
            transfer.id
        )));
    }
    check_positive(amount, "amount")?;
    if amount > left {
        let currency = transfer.text("currency");
        return Err(ApiError::invalid(format!(
            "Reversal amount ({}) is greater than unreversed amount on transfer ({})",
            money::format(amount, currency),
            money::format(left, currency)
        ))
        .param("amount"));
    }
    let with_fee = args.flag("refund_application_fee") == Some(true);
    let payment = payment_of(tx, &transfer)?;
    if with_fee && payment.value["application_fee"].is_null() {
        return Err(ApiError::invalid(format!(
            "Attempting to refund_application_fee on transfer ({}), but it has no application fee",
            transfer.id
        ))
        .param("refund_application_fee"));
    }
    check_covered(tx, &transfer, &payment, amount)?;
    let reversal = Reversal {
        amount,
        with_fee,
        refund: None,
        metadata: metadata(args, "metadata")?,
        description: json!(args.text("description")),
    };
    let done = reverse(tx, &transfer, reversal)?;
    if let Some(fee) = done.fee {
        let platform = tx.platform();
        tx.emit("application_fee.refunded", &platform, &fee);
    }
    Ok(done.value)
}

fn payment_of(tx: &Tx<'_>, transfer: &Record) -> Result<Arc<Record>, ApiError> {
    let id = transfer.text("destination_payment");
    tx.get(id)
        .ok_or_else(|| ApiError::missing("charge", id, "id"))
}

/// Only a destination charge's transfer may leave the account below zero. Money that is still on its way to it counts
/// as long as the transfer's own is.
fn check_covered(
    tx: &Tx<'_>,
    transfer: &Record,
    payment: &Record,
    amount: i64,
) -> Result<(), ApiError> {
    let sums = tx.store().balances(&payment.owner);
    let (available, pending) = sums
        .get(transfer.text("currency"))
        .copied()
        .unwrap_or_default();
    let on_its_way = available_on(tx, payment) > tx.now;
    let has = available.saturating_add(if on_its_way { pending } else { 0 });
    let of_charge = tx
        .get(transfer.text("source_transaction"))
        .is_some_and(|c| c.value["transfer"] == transfer.id.as_str());
    let may_owe = || of_charge && tx.assumptions.get("destination_reversal") == "below_zero";
    if has < amount && !may_owe() {
        return Err(insufficient_funds());
    }
    Ok(())
}

/// A reversal to make.
pub(super) struct Reversal<'a> {
    pub amount: i64,
    /// The application fee goes back in proportion.
    pub with_fee: bool,
    /// The refund that caused it.
    pub refund: Option<&'a str>,
    pub metadata: Value,
    pub description: Value,
}

/// A reversal, and the application fee if a part of it went back too.
pub(super) struct Reversed {
    pub value: Value,
    pub fee: Option<Value>,
}

/// Takes money back from where a transfer went.
pub(super) fn reverse(
    tx: &mut Tx<'_>,
    transfer: &Record,
    reversal: Reversal<'_>,
) -> Result<Reversed, ApiError> {
    let payment = payment_of(tx, transfer)?;
    let amount = reversal.amount;
    let id = tx.mint("trr_1", 23);
    let refund = tx.mint("pyr_1", 23);
    let fee = if reversal.with_fee {
        fees::share(tx, &payment, amount)?
    } else {
        0
    };
    let inside = fee > 0 && tx.assumptions.get("fee_refund") == "inside";
    let parts = if inside {
        vec![FeePart::Application(-fee)]
    } else {
        vec![]
    };
    let (gone, back) = move_back(tx, transfer, &payment, &reversal, (&id, &refund), parts)?;
    let currency = transfer.text("currency");
    let value = json!({
        "id": id,
        "object": "transfer_reversal",
        "amount": amount,
        "balance_transaction": back,
        "created": tx.now,
        "currency": currency,
        "destination_payment_refund": refund,
        "metadata": reversal.metadata,
        "source_refund": reversal.refund,
        "transfer": transfer.id,
    });
    tx.insert(
        Kind::Reversal,
        &transfer.owner,
        value.clone(),
        Value::Null,
        None,
    );
    let refund = json!({
        "id": refund,
        "object": "refund",
        "amount": amount,
        "balance_transaction": gone,
        "charge": payment.id,
        "created": tx.now,
        "currency": currency,
        "metadata": {},
        "payment_intent": null,
        "reason": null,
        "receipt_number": null,
        "source_transfer_reversal": id,
        "status": "succeeded",
        "transfer_reversal": null,
    });
    tx.insert(Kind::Refund, &payment.owner, refund, json!({}), None);
    let fee = count_reversed(tx, transfer, &payment, &value, (fee, inside))?;
    Ok(Reversed { value, fee })
}

/// Books the payment's refund and the transfer's reversal; returns their balance transactions.
fn move_back(
    tx: &mut Tx<'_>,
    transfer: &Record,
    payment: &Record,
    reversal: &Reversal<'_>,
    (id, refund): (&str, &str),
    parts: Vec<FeePart>,
) -> Result<(String, String), ApiError> {
    let (amount, currency) = (reversal.amount, transfer.text("currency"));
    let when = available_on(tx, payment);
    let booking = Booking::new("payment_refund", "refund", -amount, currency)
        .source(refund)
        .fees(parts)
        .description("REFUND FOR PAYMENT")
        .at(when);
    let gone = book(tx, &payment.owner, booking)?;
    let booking = Booking::new("transfer_refund", "transfer_reversal", amount, currency)
        .source(id)
        .at(when);
    let booking = match reversal.description.as_str() {
        Some(text) => booking.description(text),
        None => booking,
    };
    let back = book(tx, &transfer.owner, booking)?;
    Ok((gone, back))
}

/// Counts the amount as given back on the payment and its transfer, takes the fee's part back, and tells of it.
/// Returns the fee's refund.
fn count_reversed(
    tx: &mut Tx<'_>,
    transfer: &Record,
    payment: &Record,
    reversal: &Value,
    (fee, inside): (i64, bool),
) -> Result<Option<Value>, ApiError> {
    let amount = reversal["amount"].as_i64().unwrap_or(0);
    let taken = tx.update(&payment.id, |r| {
        let refunded = r.int("amount_refunded") + amount;
        r.value["amount_refunded"] = json!(refunded);
        r.value["refunded"] = json!(refunded == r.int("amount"));
        r.hidden["given_back"] = json!(refunded);
    });
    fees::count_refund(tx, &payment.id, amount);
    let fee = if fee > 0 {
        let own = (!inside).then(|| available_on(tx, payment));
        Some(fees::refund_share(tx, payment, fee, own)?.1)
    } else {
        None
    };
    let after = tx.update(&transfer.id, |r| {
        let reversed = r.int("amount_reversed") + amount;
        r.value["amount_reversed"] = json!(reversed);
        r.value["reversed"] = json!(reversed == r.int("amount"));
        if let Some(data) = r.value["reversals"]["data"].as_array_mut() {
            data.insert(0, reversal.clone());
        }
    });
    if let Some(after) = after {
        tx.emit("transfer.reversed", &after.owner, &after.value);
    }
    if let Some(taken) = taken.filter(|_| notifies_destination(tx)) {
        tx.emit("charge.refunded", &taken.owner, &taken.value);
    }
    Ok(fee)
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let reversal = from_path(tx, call)?;
    let mut value = reversal.value.clone();
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    tx.update(&reversal.id, |r| r.value = value.clone());
    let transfer = tx.get(call.id());
    let after = tx.update(call.id(), |r| {
        let shown = r.value["reversals"]["data"].as_array_mut();
        for copy in shown.into_iter().flatten() {
            if copy["id"] == value["id"] {
                *copy = value.clone();
            }
        }
    });
    if let (Some(before), Some(after)) = (transfer, after) {
        let before = changes(&before.value, &after.value);
        tx.emit_change("transfer.updated", &after.owner, &after.value, Some(before));
    }
    Ok(value)
}
