//! The money of a dispute: what it takes, what comes back, and its fees.

use serde_json::{Value, json};

use crate::{
    balance::{Booking, FeePart, available_on, book, fees_fall_on_platform},
    error::ApiError,
    store::{Record, Tx},
};

/// What the networks charge for countering a compliance dispute, in minor units of a currency with two decimals
/// (<https://docs.stripe.com/disputes/api/visa-compliance>: 500 USD, or as much in another currency).
const COMPLIANCE_FEE: i64 = 50_000;

/// What Stripe takes for a dispute (<https://stripe.com/pricing>), in minor units.
fn dispute_fee(currency: &str) -> i64 {
    match currency {
        "eur" | "gbp" => 2000,
        _ => 1500,
    }
}

/// Withdraws the amount, and with it perhaps the fee. The payer of the account's fees pays the fee.
pub(super) fn withdraw(tx: &mut Tx<'_>, id: &str, with_fee: bool) -> Result<(), ApiError> {
    move_money(tx, id, -1, with_fee)
}

/// Gives the amount back; whether the fee comes with it is an open question.
pub(super) fn reinstate(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let fee = tx.assumptions.get("dispute_fee") == "returned";
    move_money(tx, id, 1, fee)?;
    return_compliance_fee(tx, id)
}

/// Whether the dispute's money has left the account.
pub(super) fn are_withdrawn(dispute: &Record) -> bool {
    let moved = dispute.value["balance_transactions"].as_array();
    let moved = moved.into_iter().flatten();
    moved.filter_map(|txn| txn["amount"].as_i64()).sum::<i64>() < 0
}

fn move_money(tx: &mut Tx<'_>, id: &str, sign: i64, with_fee: bool) -> Result<(), ApiError> {
    let missing = || ApiError::missing("dispute", id, "dispute");
    let dispute = tx.get(id).ok_or_else(missing)?;
    let charge = tx.get(dispute.text("charge")).ok_or_else(missing)?;
    let currency = dispute.text("currency").to_owned();
    let fee = if with_fee {
        -sign * dispute_fee(&currency)
    } else {
        0
    };
    let elsewhere = fees_fall_on_platform(tx, &dispute.owner);
    let parts = if fee == 0 || elsewhere {
        vec![]
    } else {
        vec![FeePart::Dispute(fee)]
    };
    let (category, text) = if sign < 0 {
        ("dispute", "withdrawal")
    } else {
        ("dispute_reversal", "reversal")
    };
    let when = match tx.assumptions.get("dispute_money") {
        "with_charge" => available_on(tx, &charge),
        _ => tx.now,
    };
    let booking = Booking::new(
        "adjustment",
        category,
        sign * dispute.int("amount"),
        &currency,
    )
    .source(id)
    .fees(parts)
    .description(&format!("Chargeback {text} for {}", charge.id))
    .at(when);
    let txn = book(tx, &dispute.owner, booking)?;
    if elsewhere && fee != 0 {
        book_on_platform(tx, -fee, &currency, "Dispute fee")?;
    }
    let shown = tx.get(&txn).map(|t| t.value.clone()).unwrap_or_default();
    tx.update(id, |r| {
        if let Some(list) = r.value["balance_transactions"].as_array_mut() {
            list.push(shown);
        }
    });
    Ok(())
}

fn book_on_platform(
    tx: &mut Tx<'_>,
    amount: i64,
    currency: &str,
    what: &str,
) -> Result<(), ApiError> {
    let platform = tx.platform();
    let kind = tx.assumptions.get("platform_dispute_fee");
    let booking = Booking::new(kind, "fee", amount, currency).description(what);
    book(tx, &platform, booking).map(drop)
}

/// Takes the fee of a compliance dispute, once. The payer of the account's fees pays it.
pub(super) fn take_compliance_fee(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let Some(dispute) = tx.get(id).filter(|r| r.hidden["compliance_fee"] == "owed") else {
        return Ok(());
    };
    book_compliance_fee(tx, &dispute, -COMPLIANCE_FEE)?;
    tx.update(id, |r| r.hidden["compliance_fee"] = json!("taken"));
    Ok(())
}

fn return_compliance_fee(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let Some(dispute) = tx.get(id).filter(|r| r.hidden["compliance_fee"] == "taken") else {
        return Ok(());
    };
    book_compliance_fee(tx, &dispute, COMPLIANCE_FEE)?;
    tx.update(id, |r| r.hidden["compliance_fee"] = Value::Null);
    Ok(())
}

fn book_compliance_fee(tx: &mut Tx<'_>, dispute: &Record, amount: i64) -> Result<(), ApiError> {
    let what = format!("Network fee for {}", dispute.id);
    let currency = dispute.text("currency");
    if fees_fall_on_platform(tx, &dispute.owner) {
        return book_on_platform(tx, amount, currency, &what);
    }
    let booking = Booking::new("stripe_fee", "fee", amount, currency).description(&what);
    book(tx, &dispute.owner, booking).map(drop)
}
