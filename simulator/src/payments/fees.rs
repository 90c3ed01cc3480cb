//! Application fees and what goes back of them: <https://docs.stripe.com/api/application_fees>.

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, lists, metadata, retrieve},
    balance::{Booking, available_on, book},
    error::{Answer, ApiError},
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
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

/// The part of the fee that goes back with a refund: in proportion to everything refunded with its
/// fee so far, so that many small refunds return exactly what one would, and never beyond the fee.
pub(crate) fn share(tx: &Tx<'_>, charge: &Record, amount: i64) -> Result<i64, ApiError> {
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
        charge.int("amount_captured"),
    )?;
    Ok((target - sum("fee_done")).clamp(0, left))
}

/// Takes a part of an application fee from the platform.
pub(crate) fn give_back(tx: &mut Tx<'_>, fee_id: &str, amount: i64, metadata: Value) -> Answer {
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

/// The part of a fee that went back reaches the connected account as a transaction of its own.
pub(crate) fn arrive(
    tx: &mut Tx<'_>,
    account: &str,
    refund: &Value,
    when: i64,
) -> Result<(), ApiError> {
    let text = |field: &str| refund[field].as_str().unwrap_or_default();
    let booking = Booking::new(
        "application_fee_refund",
        "fee",
        refund["amount"].as_i64().unwrap_or_default(),
        text("currency"),
    )
    .source(text("id"))
    .description("Application fee refund")
    .at(when);
    book(tx, account, booking).map(drop)
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
    let refund = give_back(tx, call.id(), amount, metadata)?;
    let now = tx.now;
    arrive(tx, fee.text("account"), &refund, now)?;
    if let Some(fee) = tx.get(call.id()) {
        tx.emit("application_fee.refunded", &fee.owner.clone(), &fee.value);
    }
    Ok(refund)
}
