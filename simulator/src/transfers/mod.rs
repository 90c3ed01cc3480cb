//! Money between the platform and its accounts: <https://docs.stripe.com/api/transfers>,
//! <https://docs.stripe.com/connect/separate-charges-and-transfers>.
//!
//! A transfer leaves one balance and arrives on the other as a *payment*: a charge `py_…` that names the transfer.

pub(crate) mod destination;
pub(crate) mod fees;
pub(crate) mod reversals;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, connected, find, lists, merge_metadata, metadata, retrieve},
    balance::{Booking, FeePart, available_on, book},
    error::{Answer, ApiError},
    events::changes,
    money,
    store::{Kind, Record, Tx, page},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/transfers", create),
    ("GET", "/v1/transfers", |tx, call| {
        let (destination, group) = (
            call.args.text("destination"),
            call.args.text("transfer_group"),
        );
        lists::list(tx, call, Kind::Transfer, |r| {
            destination.is_none_or(|d| r.value["destination"] == d)
                && group.is_none_or(|g| r.value["transfer_group"] == g)
        })
    }),
    ("GET", "/v1/transfers/{transfer}", |tx, call| {
        retrieve(tx, call, Kind::Transfer, "transfer")
    }),
    ("POST", "/v1/transfers/{transfer}", update),
];

/// What moves, and from where to where.
struct TransferParams<'a> {
    from: &'a str,
    to: &'a str,
    amount: i64,
    currency: &'a str,
    /// The charge whose money it is, which says when the money is available.
    charge: Option<&'a Record>,
    group: Value,
    description: Value,
    metadata: Value,
    /// What the platform keeps of a destination charge.
    fee: Option<i64>,
}

/// Moves the money and returns the payment that arrives.
fn send(tx: &mut Tx<'_>, params: TransferParams<'_>) -> Result<Arc<Record>, ApiError> {
    let TransferParams {
        from, to, amount, ..
    } = params;
    let currency = params.currency;
    let when = params.charge.map_or(tx.now, |c| available_on(tx, c));
    let id = tx.mint(
        if params.charge.is_some() {
            "tr_3"
        } else {
            "tr_1"
        },
        23,
    );
    let payment = tx.mint("py_1", 23);
    let mut booking = Booking::new("transfer", "transfer", -amount, currency)
        .source(&id)
        .at(when);
    if let Some(text) = params.description.as_str() {
        booking = booking.description(text);
    }
    let out = book(tx, from, booking)?;
    let parts = params.fee.map(FeePart::Application).into_iter().collect();
    let booking = Booking::new("payment", "charge", amount, currency)
        .source(&payment)
        .fees(parts)
        .at(when);
    let arrived = book(tx, to, booking)?;
    let charge = payment_of(tx, &params, &id, &payment, &arrived);
    let charge = tx.insert(Kind::Charge, to, charge, json!({}), None);
    let transfer = json!({
        "id": id,
        "object": "transfer",
        "amount": amount,
        "amount_reversed": 0,
        "balance_transaction": out,
        "created": tx.now,
        "currency": currency,
        "description": params.description,
        "destination": to,
        "destination_payment": payment,
        "livemode": false,
        "metadata": params.metadata,
        "reversals": page(&format!("/v1/transfers/{id}/reversals"), vec![], false),
        "reversed": false,
        "source_transaction": params.charge.map(|c| &c.id),
        "source_type": "card",
        "transfer_group": params.group,
    });
    tx.insert(Kind::Transfer, from, transfer.clone(), Value::Null, None);
    tx.emit("transfer.created", from, &transfer);
    if notifies_destination(tx) {
        tx.emit("charge.succeeded", to, &charge.value);
    }
    Ok(charge)
}

/// Whether the account at the other end hears of the payment.
fn notifies_destination(tx: &Tx<'_>) -> bool {
    tx.assumptions.get("destination_events") == "charge"
}

/// The charge that stands for what arrives.
fn payment_of(
    tx: &Tx<'_>,
    params: &TransferParams<'_>,
    transfer: &str,
    id: &str,
    txn: &str,
) -> Value {
    let amount = params.amount;
    json!({
        "id": id,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "application": tx.application(),
        "application_fee": null,
        "application_fee_amount": params.fee,
        "balance_transaction": txn,
        "billing_details": { "address": null, "email": null, "name": null, "phone": null, "tax_id": null },
        "calculated_statement_descriptor": null,
        "captured": true,
        "created": tx.now,
        "currency": params.currency,
        "customer": null,
        "description": null,
        "disputed": false,
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "fraud_details": {},
        "livemode": false,
        "metadata": {},
        "on_behalf_of": null,
        "outcome": null,
        "paid": true,
        "payment_intent": null,
        "payment_method": null,
        "payment_method_details": { "type": "stripe_account", "stripe_account": {} },
        "radar_options": {},
        "receipt_email": null,
        "receipt_number": null,
        "receipt_url": format!("{}/receipts/{id}", tx.base_url),
        "refunded": false,
        "review": null,
        "shipping": null,
        "source_transfer": transfer,
        "statement_descriptor": null,
        "statement_descriptor_suffix": null,
        "status": "succeeded",
        "transfer_data": null,
        "transfer_group": params.group,
    })
}

/// An account that money can be sent to from `owner`: the platform sends to its accounts, they to the platform
/// (<https://docs.stripe.com/connect/account-debits>).
pub(crate) fn receiver(
    tx: &Tx<'_>,
    owner: &str,
    id: &str,
    param: &str,
) -> Result<Arc<Record>, ApiError> {
    let platform = tx.platform();
    if id == owner {
        return Err(ApiError::invalid(
            "Cannot transfer funds to your own account: the destination must be another Stripe account.",
        )
        .param(param));
    }
    let account = connected(tx, id)
        .filter(|_| owner == platform || id == platform)
        .ok_or_else(|| ApiError::missing("destination", id, param))?;
    if account.value["capabilities"]["transfers"] != "active" {
        return Err(ApiError::invalid(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers, crypto_transfers, legacy_payments",
        )
        .code("insufficient_capabilities_for_transfer"));
    }
    Ok(account)
}

fn check_positive(amount: i64, param: &str) -> Result<(), ApiError> {
    if amount < 1 {
        return Err(
            ApiError::invalid("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param(param),
        );
    }
    Ok(())
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let currency = args
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::minimum(&currency, "currency")?;
    let to = receiver(
        tx,
        call.owner,
        args.text("destination").unwrap_or_default(),
        "destination",
    )?;
    let charge = match args.text("source_transaction") {
        Some(id) => Some(source(tx, call, id, &currency)?),
        None => None,
    };
    let amount = match (args.int("amount"), &charge) {
        (Some(amount), _) => amount,
        (None, Some(charge)) => charge.int("amount_captured"),
        (None, None) => return Err(ApiError::parameter_missing("amount")),
    };
    check_positive(amount, "amount")?;
    match &charge {
        Some(charge) => check_source_amount(tx, call.owner, charge, amount)?,
        None => {
            let sums = tx.store().balances(call.owner);
            if sums.get(&currency).map_or(0, |b| b.0) < amount {
                return Err(insufficient_funds());
            }
        }
    }
    let group = match &charge {
        None => json!(args.text("transfer_group")),
        Some(charge) => group_of(tx, charge, args.text("transfer_group"))?,
    };
    let params = TransferParams {
        from: call.owner,
        to: &to.id,
        amount,
        currency: &currency,
        charge: charge.as_deref(),
        group,
        description: json!(args.text("description")),
        metadata: metadata(args, "metadata")?,
        fee: None,
    };
    let payment = send(tx, params)?;
    let transfer = find(
        tx,
        call,
        Kind::Transfer,
        payment.text("source_transfer"),
        "transfer",
    )?;
    Ok(transfer.value.clone())
}

fn insufficient_funds() -> ApiError {
    ApiError::invalid(
        "You have insufficient available funds in your Stripe account. Try adding funds directly to your available balance by creating Charges using the 4000000000000077 test card. See: https://stripe.com/docs/testing#available-balance",
    )
    .code("balance_insufficient")
}

/// The charge that a transfer takes its money from.
fn source(tx: &Tx<'_>, call: &Call<'_>, id: &str, currency: &str) -> Result<Arc<Record>, ApiError> {
    let param = "source_transaction";
    let charge = find(tx, call, Kind::Charge, id, param)?;
    if charge.text("status") != "succeeded" || charge.value["captured"] != json!(true) {
        return Err(ApiError::invalid(format!(
            "Charge {id} has not taken any money that could be transferred."
        ))
        .param(param));
    }
    if charge.text("currency") != currency {
        return Err(ApiError::invalid(format!(
            "The currency of source_transaction's balance transaction ({}) must be the same as the transfer currency ({currency})",
            charge.text("currency")
        ))
        .param("currency"));
    }
    Ok(charge)
}

/// All transfers of a charge together are no more than the charge.
fn check_source_amount(
    tx: &Tx<'_>,
    owner: &str,
    charge: &Record,
    amount: i64,
) -> Result<(), ApiError> {
    let sent: i64 = tx
        .store()
        .list(Kind::Transfer, owner)
        .filter(|t| t.value["source_transaction"] == charge.id.as_str())
        .map(|t| t.int("amount") - t.int("amount_reversed"))
        .sum();
    let most = charge.int("amount_captured");
    if sent.checked_add(amount).is_none_or(|sum| sum > most) {
        let more = if sent > 0 {
            " (There is already an existing transfer using this transaction as a source.)"
        } else {
            ""
        };
        return Err(ApiError::invalid(format!(
            "Transfers using this transaction as a source must not exceed the source amount of {}.{more}",
            money::format(most, charge.text("currency"))
        ))
        .param("amount"));
    }
    Ok(())
}

/// The group that a charge and its transfers share; Stripe makes one up where there is none.
fn group_of(tx: &mut Tx<'_>, charge: &Record, wanted: Option<&str>) -> Answer {
    let has = charge.value["transfer_group"].as_str();
    if let (Some(has), Some(wanted)) = (has, wanted)
        && has != wanted
    {
        return Err(ApiError::invalid(format!(
            "The transfer_group ({wanted}) must be the same as that of the source_transaction ({has})."
        ))
        .param("transfer_group"));
    }
    if let Some(has) = has {
        return Ok(json!(has));
    }
    let group = match (wanted, charge.value["payment_intent"].as_str()) {
        (Some(wanted), _) => wanted.to_owned(),
        (None, Some(intent)) if tx.assumptions.get("transfer_group") == "of_intent" => {
            format!("group_{intent}")
        }
        (None, _) => format!("group_{}", charge.id),
    };
    tx.update(&charge.id, |r| r.value["transfer_group"] = json!(group));
    Ok(json!(group))
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let transfer = find(tx, call, Kind::Transfer, call.id(), "transfer")?;
    let mut value = transfer.value.clone();
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    if let Some(text) = call.args.text("description") {
        value["description"] = json!(text);
    }
    let before = changes(&transfer.value, &value);
    tx.update(&transfer.id, |r| r.value = value.clone());
    if before.as_object().is_some_and(|b| !b.is_empty()) {
        tx.emit_change("transfer.updated", call.owner, &value, Some(before));
    }
    Ok(value)
}
