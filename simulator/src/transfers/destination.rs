//! Destination charges: charged on the platform, and transferred to an account at once.
//! <https://docs.stripe.com/connect/destination-charges>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    TransferParams, check_positive, fees, group_of, receiver,
    reversals::{self, Reversal},
    send,
};
use crate::{
    api::connected,
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

/// Refuses `transfer_data` and `on_behalf_of` that could not be followed when the money comes. `fields` are those of a
/// payment intent; `prefix` is where a Checkout Session has them.
pub(crate) fn check(
    tx: &Tx<'_>,
    owner: &str,
    fields: &Value,
    prefix: &str,
) -> Result<(), ApiError> {
    let named = |name: &str| {
        if prefix.is_empty() {
            name.to_owned()
        } else {
            let (head, tail) = name.split_once('[').unwrap_or((name, ""));
            let tail = if tail.is_empty() {
                String::new()
            } else {
                format!("[{tail}")
            };
            format!("{prefix}[{head}]{tail}")
        }
    };
    if let Some(id) = fields["on_behalf_of"].as_str() {
        let account = connected(tx, id)
            .filter(|a| owner == tx.store().platform && a.id != owner)
            .ok_or_else(|| ApiError::missing("on_behalf_of", id, &named("on_behalf_of")))?;
        if account.value["capabilities"]["card_payments"] != "active" {
            return Err(ApiError::invalid(
                "Your account must have the `card_payments` capability enabled to be used in `on_behalf_of`.",
            )
            .param(named("on_behalf_of")));
        }
    }
    let data = &fields["transfer_data"];
    let Some(to) = data["destination"].as_str() else {
        return Ok(());
    };
    let param = named("transfer_data[destination]");
    if owner != tx.store().platform {
        return Err(ApiError::invalid(
            "You cannot use `transfer_data[destination]` on a direct charge: the charge is on a connected account already.",
        )
        .param(param));
    }
    receiver(tx, owner, to, &param)?;
    let Some(amount) = data["amount"].as_i64() else {
        return Ok(());
    };
    check_positive(amount, &named("transfer_data[amount]"))?;
    if fields["application_fee_amount"].as_i64().is_some() {
        return Err(ApiError::invalid(
            "You may only specify one of these parameters: application_fee_amount, transfer_data[amount].",
        )
        .param(named("application_fee_amount")));
    }
    if fields["amount"].as_i64().is_some_and(|most| amount > most) {
        return Err(ApiError::invalid(
            "The `transfer_data[amount]` must be less than or equal to the `amount`.",
        )
        .param(named("transfer_data[amount]")));
    }
    Ok(())
}

/// Transfers a charge's money to its destination, if it has one. Returns the payment that arrives
/// there.
pub(crate) fn after_charge(
    tx: &mut Tx<'_>,
    charge: &Record,
) -> Result<Option<Arc<Record>>, ApiError> {
    let data = &charge.value["transfer_data"];
    let Some(to) = data["destination"].as_str() else {
        return Ok(None);
    };
    let most = charge.int("amount_captured");
    let amount = data["amount"].as_i64().map_or(most, |n| n.min(most));
    let group = group_of(tx, charge, None)?;
    let params = TransferParams {
        from: &charge.owner,
        to,
        amount,
        currency: charge.text("currency"),
        charge: Some(charge),
        group,
        description: Value::Null,
        metadata: json!({}),
        fee: charge.value["application_fee_amount"]
            .as_i64()
            .filter(|fee| *fee > 0),
    };
    let payment = send(tx, params)?;
    tx.update(&charge.id, |r| {
        r.value["transfer"] = payment.value["source_transfer"].clone();
    });
    Ok(Some(payment))
}

/// Refuses what a refund can't do to a charge's transfer and fee.
pub(crate) fn check_refund(
    tx: &Tx<'_>,
    charge: &Record,
    reverses: bool,
    with_fee: bool,
) -> Result<(), ApiError> {
    let sent = charge.value["transfer"].is_string();
    if charge.value["source_transfer"].is_string()
        && tx.assumptions.get("transferred_payment") == "not_refundable"
    {
        return Err(ApiError::invalid(format!(
            "Payment {} came by a transfer and cannot be refunded: reverse the transfer instead.",
            charge.id
        ))
        .param("charge"));
    }
    if reverses && !sent {
        return Err(ApiError::invalid(format!(
            "Attempting to reverse_transfer on charge ({}), but it has no transfer",
            charge.id
        ))
        .param("reverse_transfer"));
    }
    if sent && with_fee && !reverses {
        return Err(ApiError::invalid(
            "If you refund the application fee for a destination charge, you must also reverse the transfer: pass `reverse_transfer` as true.",
        )
        .param("refund_application_fee"));
    }
    Ok(())
}

/// The account that a transfer went to refunds its payment: the transfer is reversed.
pub(crate) fn refund_payment(
    tx: &mut Tx<'_>,
    payment: &Record,
    amount: i64,
    with_fee: bool,
) -> Answer {
    let missing = |id: &str| ApiError::missing("transfer", id, "charge");
    let id = payment.text("source_transfer");
    let transfer = tx.get(id).ok_or_else(|| missing(id))?;
    let reversal = Reversal {
        amount,
        with_fee,
        refund: None,
        metadata: json!({}),
        description: Value::Null,
    };
    let done = reversals::reverse(tx, &transfer, reversal)?;
    if let Some(fee) = done.fee {
        let platform = tx.platform();
        tx.emit("application_fee.refunded", &platform, &fee);
    }
    let refund = done.value["destination_payment_refund"].as_str();
    let refund = refund.and_then(|id| tx.get(id));
    Ok(refund.map(|r| r.value.clone()).unwrap_or_default())
}

/// The transfer of a charge, and what of it comes back with a refund of `amount`.
pub(crate) fn share(
    tx: &Tx<'_>,
    charge: &Record,
    amount: i64,
) -> Result<Option<(Arc<Record>, i64)>, ApiError> {
    let Some(transfer) = charge.value["transfer"]
        .as_str()
        .and_then(|id| tx.find(Kind::Transfer, &charge.owner, id))
    else {
        return Ok(None);
    };
    let part = fees::part_back(tx, (&transfer, "amount_reversed"), charge, amount)?;
    Ok(Some((transfer, part)))
}

/// Reverses the transfer of a refunded charge, and refunds the application fee with it if asked
/// for. Returns the fee when it changed.
pub(crate) fn after_refund(
    tx: &mut Tx<'_>,
    charge: &Record,
    refund: &str,
    amount: i64,
    with_fee: bool,
) -> Result<Option<Value>, ApiError> {
    let Some((transfer, part)) = share(tx, charge, amount)? else {
        return Ok(None);
    };
    if part == 0 {
        return Ok(None);
    }
    let reversal = Reversal {
        amount: part,
        with_fee,
        refund: Some(refund),
        metadata: json!({}),
        description: Value::Null,
    };
    let done = reversals::reverse(tx, &transfer, reversal)?;
    tx.update(refund, |r| {
        r.value["transfer_reversal"] = done.value["id"].clone();
    });
    Ok(done.fee)
}
