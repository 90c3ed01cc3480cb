//! Money that the platform sends to its own balance: <https://docs.stripe.com/api/topups>,
//! <https://docs.stripe.com/connect/top-ups>.

use serde_json::{Value, json};

use super::{Booking, DAY, book};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    error::{Answer, ApiError},
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/topups", create),
    ("GET", "/v1/topups", list),
    ("GET", "/v1/topups/{topup}", |tx, call| {
        retrieve(tx, call, Kind::Topup, "topup")
    }),
    ("POST", "/v1/topups/{topup}", update),
    ("POST", "/v1/topups/{topup}/cancel", cancel),
];

/// How long the bank takes.
const TAKES: i64 = DAY;

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    if call.owner != tx.store().platform {
        return Err(ApiError::invalid(
            "Top-ups can only be created on your platform's own account.",
        ));
    }
    let currency = args
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    money::minimum(&currency, "currency")?;
    let amount = args.int("amount").unwrap_or_default();
    if !(1..=money::maximum(&currency)).contains(&amount) {
        return Err(
            ApiError::invalid("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param("amount"),
        );
    }
    let arrives = tx.now + tx.takes(TAKES);
    let id = tx.mint("tu_1", 23);
    let topup = json!({
        "id": id,
        "object": "topup",
        "amount": amount,
        "balance_transaction": null,
        "created": tx.now,
        "currency": currency,
        "description": args.text("description"),
        "expected_availability_date": arrives,
        "failure_code": null,
        "failure_message": null,
        "livemode": false,
        "metadata": metadata(args, "metadata")?,
        "source": null,
        "statement_descriptor": args.text("statement_descriptor"),
        "status": "pending",
        "transfer_group": args.text("transfer_group"),
    });
    // Stripe's test sources without funds, or that can't be debited, fail.
    let source = args.text("source").unwrap_or_default();
    let fails = [
        "insufficientFunds",
        "noAccount",
        "accountClosed",
        "debitNotAuthorized",
    ]
    .iter()
    .any(|end| source.ends_with(end));
    let hidden = json!({ "fails": fails });
    tx.insert(
        Kind::Topup,
        call.owner,
        topup.clone(),
        hidden,
        Some(arrives),
    );
    tx.emit("topup.created", call.owner, &topup);
    Ok(topup)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let amount = lists::Range::read(call.args, "amount")?;
    let status = call.args.text("status");
    lists::list(tx, call, Kind::Topup, |r| {
        amount.contains(r.int("amount")) && status.is_none_or(|s| r.value["status"] == s)
    })
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut topup = retrieve(tx, call, Kind::Topup, "topup")?;
    merge_metadata(&mut topup["metadata"], call.args, "metadata")?;
    if let Some(text) = call.args.text("description") {
        topup["description"] = json!(text);
    }
    tx.update(call.id(), |r| r.value = topup.clone());
    Ok(topup)
}

fn cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let topup = find(tx, call, Kind::Topup, call.id(), "topup")?;
    if topup.text("status") != "pending" {
        return Err(ApiError::invalid("Only pending top-ups can be canceled.").param("topup"));
    }
    Ok(end(tx, &topup.id, "canceled", Value::Null))
}

/// The bank has answered.
pub(crate) fn falls_due(tx: &mut Tx<'_>, topup: &Record) {
    if topup.text("status") != "pending" {
        return;
    }
    if topup.hidden["fails"] == json!(true) {
        end(tx, &topup.id, "failed", Value::Null);
        return;
    }
    let booking = Booking::new(
        "topup",
        "topup",
        topup.int("amount"),
        topup.text("currency"),
    )
    .source(&topup.id)
    .description(topup.value["description"].as_str().unwrap_or("Top-up"));
    match book(tx, &topup.owner, booking) {
        Ok(txn) => drop(end(tx, &topup.id, "succeeded", json!(txn))),
        Err(error) => tracing::error!(message = error.message, topup = topup.id, "not booked"),
    }
}

fn end(tx: &mut Tx<'_>, id: &str, status: &str, txn: Value) -> Value {
    let ended = tx.update(id, |r| {
        r.value["status"] = json!(status);
        r.value["balance_transaction"] = txn;
        if status != "succeeded" {
            r.value["expected_availability_date"] = Value::Null;
        }
        if status == "failed" {
            r.value["failure_code"] = json!("debit_not_authorized");
            r.value["failure_message"] =
                json!("The bank account could not be debited for this top-up.");
        }
        r.due = None;
    });
    let Some(ended) = ended else {
        return Value::Null;
    };
    tx.emit(&format!("topup.{status}"), &ended.owner, &ended.value);
    ended.value.clone()
}
