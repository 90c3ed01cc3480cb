//! Application fees and their refunds: <https://docs.stripe.com/api/application_fees>.

use std::sync::Arc;

use serde_json::{Value, json};

use super::check_positive;
use crate::{
    api::{Call, Route, find, lists, merge_metadata, metadata, retrieve},
    balance::{Booking, available_on, book},
    error::{Answer, ApiError},
    events::changes,
    money,
    store::{Kind, Record, Tx, page},
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
        |tx, call| Ok(from_path(tx, call)?.value.clone()),
    ),
    ("POST", "/v1/application_fees/{fee}/refunds/{id}", update),
    // The older way answers with the fee.
    ("POST", "/v1/application_fees/{id}/refund", |tx, call| {
        create_fee_refund(tx, call)?;
        retrieve(tx, call, Kind::Fee, "id")
    }),
];

fn from_path(tx: &Tx<'_>, call: &Call<'_>) -> Result<Arc<Record>, ApiError> {
    let id = call.ids.get(1).copied().unwrap_or_default();
    find(tx, call, Kind::FeeRefund, id, "id").and_then(|r| {
        if r.value["fee"] == call.id() {
            Ok(r)
        } else {
            Err(ApiError::missing("fee_refund", id, "id"))
        }
    })
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let refund = from_path(tx, call)?;
    let mut value = refund.value.clone();
    merge_metadata(&mut value["metadata"], call.args, "metadata")?;
    let before = changes(&refund.value, &value);
    tx.update(&refund.id, |r| r.value = value.clone());
    tx.update(call.id(), |r| {
        let shown = r.value["refunds"]["data"].as_array_mut();
        for copy in shown.into_iter().flatten() {
            if copy["id"] == value["id"] {
                *copy = value.clone();
            }
        }
    });
    if before.as_object().is_some_and(|b| !b.is_empty()) {
        tx.emit_change(
            "application_fee.refund.updated",
            call.owner,
            &value,
            Some(before),
        );
    }
    Ok(value)
}

/// The part of the fee that goes back with a refund of `amount`, and never beyond the fee.
pub(crate) fn share(tx: &Tx<'_>, charge: &Record, amount: i64) -> Result<i64, ApiError> {
    let Some(fee) = charge.value["application_fee"]
        .as_str()
        .and_then(|id| tx.get(id))
    else {
        return Ok(0);
    };
    part_back(tx, (&fee, "amount_refunded"), charge, amount)
}

/// The part of a fee or a transfer that goes back with a refund of `amount`; the field says how much of it has gone
/// back already. The refund that completes the charge returns the rest, any other one a proportional amount
/// (<https://docs.stripe.com/connect/destination-charges#issue-refunds>). Every refund counts, also one that left the fee
/// or the transfer alone.
pub(super) fn part_back(
    tx: &Tx<'_>,
    (of, gone): (&Record, &str),
    charge: &Record,
    amount: i64,
) -> Result<i64, ApiError> {
    let (whole, gone) = (of.int("amount"), of.int(gone));
    let captured = charge.int("amount_captured");
    let refunded = refunds_made(charge) + amount;
    let left = whole - gone;
    if refunded >= captured {
        return Ok(left);
    }
    let own = money::share(whole, amount, captured)?.clamp(0, left);
    let of_all = (money::share(whole, refunded, captured)? - gone).clamp(0, left);
    let alone = own != of_all && tx.assumptions.get("partial_refund") == "alone";
    Ok(if alone { own } else { of_all })
}

/// The sum of a charge's refunds whose money has left and hasn't come back.
fn refunds_made(charge: &Record) -> i64 {
    charge.hidden["refunds_made"].as_i64().unwrap_or(0)
}

/// Counts a refund whose money has left; a negative amount when it has come back.
pub(crate) fn count_refund(tx: &mut Tx<'_>, charge: &str, amount: i64) {
    tx.update(charge, |r| {
        r.hidden["refunds_made"] = json!(refunds_made(r) + amount);
    });
}

/// The platform takes its fee of a charge, or of the payment that a destination charge (`origin`) became.
pub(crate) fn charge_fee(
    tx: &mut Tx<'_>,
    charge: &Record,
    origin: Option<&Record>,
    amount: i64,
) -> Result<(), ApiError> {
    let platform = tx.platform();
    let currency = charge.text("currency");
    let id = tx.mint("fee_1", 23);
    let booking = Booking::new("application_fee", "platform_earning", amount, currency).source(&id);
    let booking = match origin {
        Some(origin) => booking.at(available_on(tx, origin)),
        None => booking.later(&Value::Null),
    };
    let txn = book(tx, &platform, booking)?;
    let fee = json!({
        "id": id,
        "object": "application_fee",
        "account": charge.owner,
        "amount": amount,
        "amount_refunded": 0,
        "application": tx.application(),
        "balance_transaction": txn,
        "charge": charge.id,
        "created": tx.now,
        "currency": currency,
        "fee_source": { "type": "charge", "charge": charge.id },
        "livemode": false,
        "originating_transaction": origin.map(|o| &o.id),
        "refunded": false,
        "refunds": page(&format!("/v1/application_fees/{id}/refunds"), vec![], false),
    });
    tx.insert(Kind::Fee, &platform, fee, Value::Null, None);
    for of in [Some(charge), origin].into_iter().flatten() {
        tx.update(&of.id, |r| r.value["application_fee"] = json!(id));
    }
    Ok(())
}

/// Refunds the share of the fee that [`share`] told. With `own` it reaches the connected account at
/// that time, as a transaction of its own. Returns the fee's refund, and the fee as it is now.
pub(crate) fn refund_share(
    tx: &mut Tx<'_>,
    charge: &Record,
    fee: i64,
    own: Option<i64>,
) -> Result<(Value, Value), ApiError> {
    let id = charge.text("application_fee");
    let back = give_back(tx, id, fee, json!({}))?;
    if let Some(when) = own {
        book_on_account(tx, &charge.owner, &back, when)?;
    }
    let fee = tx.get(id).map(|f| f.value.clone()).unwrap_or_default();
    Ok((back, fee))
}

/// A refund failed after the fee's part had gone back with it: the platform gets that part again. With `own` it leaves
/// the connected account as a transaction of its own. The fee's refund stays as it was; only the fee says that less of
/// it is refunded.
pub(crate) fn take_again(
    tx: &mut Tx<'_>,
    account: &str,
    refund: &Record,
    own: bool,
) -> Result<(), ApiError> {
    let platform = tx.platform();
    let (amount, currency) = (refund.int("amount"), refund.text("currency"));
    let kind = "application_fee_refund";
    let booking = Booking::new(kind, "platform_earning_refund", amount, currency)
        .source(&refund.id)
        .at(available_on(tx, refund));
    book(tx, &platform, booking)?;
    if own {
        let booking = Booking::new(kind, "fee", -amount, currency)
            .source(&refund.id)
            .description("Application fee refund failure");
        book(tx, account, booking)?;
    }
    tx.update(refund.text("fee"), |r| {
        let refunded = r.int("amount_refunded") - amount;
        r.value["amount_refunded"] = json!(refunded);
        r.value["refunded"] = json!(false);
    });
    Ok(())
}

/// Takes a part of an application fee from the platform.
fn give_back(tx: &mut Tx<'_>, fee_id: &str, amount: i64, metadata: Value) -> Answer {
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
fn book_on_account(
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
    if left == 0 {
        return Err(ApiError::invalid(format!(
            "Application fee {} has already been refunded.",
            fee.id
        ))
        .param("id"));
    }
    check_positive(amount, "amount")?;
    if amount > left {
        let currency = fee.text("currency");
        return Err(ApiError::invalid(format!(
            "Refund amount ({}) is greater than unrefunded amount on application fee ({})",
            money::format(amount, currency),
            money::format(left, currency)
        ))
        .param("amount"));
    }
    let metadata = metadata(call.args, "metadata")?;
    let refund = give_back(tx, call.id(), amount, metadata)?;
    let now = tx.now;
    book_on_account(tx, fee.text("account"), &refund, now)?;
    if let Some(fee) = tx.get(call.id()) {
        tx.emit("application_fee.refunded", &fee.owner.clone(), &fee.value);
    }
    Ok(refund)
}
