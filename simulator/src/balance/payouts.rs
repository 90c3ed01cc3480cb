//! Payouts, automatic and manual: <https://docs.stripe.com/api/payouts>.
//!
//! At midnight (UTC) everything available goes into one payout per currency, which arrives at the
//! next midnight. A payout may still fail after it was paid.

use serde_json::{Value, json};

use super::{Booking, DAY, book};
use crate::{
    api::{Call, Route, connected, lists, merge_metadata, metadata, no_access, retrieve},
    error::{Answer, ApiError},
    events::changes,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/payouts", create),
    ("GET", "/v1/payouts", list),
    ("GET", "/v1/payouts/{payout}", |tx, call| {
        retrieve(tx, call, Kind::Payout, "payout")
    }),
    ("POST", "/v1/payouts/{payout}", update),
    ("POST", "/v1/payouts/{payout}/cancel", cancel),
];

/// How long a payout is `pending` before the bank has it; until then it can be cancelled.
const PENDING_FOR: i64 = 3600;

/// Looks for money to pay out at the next midnight, if this account is paid automatically.
pub(crate) fn schedule(tx: &mut Tx<'_>, account: &str) {
    let now = tx.now;
    let wanted = tx.get(account).is_some_and(|a| {
        a.due.is_none()
            && a.value["payouts_enabled"] == json!(true)
            && a.value["settings"]["payouts"]["schedule"]["interval"] != "manual"
    });
    if wanted {
        tx.update(account, |r| r.due = Some((now + DAY - 1) / DAY * DAY));
    }
}

/// Pays out all that is available, a payout per currency.
pub(crate) fn pay_out(tx: &mut Tx<'_>, account: &Record) {
    if account.value["payouts_enabled"] != json!(true) {
        return;
    }
    let currencies: Vec<String> = tx.store().balances(&account.id).into_keys().collect();
    for currency in currencies {
        let items: Vec<_> = tx
            .store()
            .list(Kind::Txn, &account.id)
            .filter(|t| {
                t.hidden["payout"].is_null()
                    && t.text("status") == "available"
                    && t.text("currency") == currency
            })
            .map(|t| (t.id.clone(), t.int("net")))
            .collect();
        let amount: i64 = items.iter().map(|(_, net)| net).sum();
        if amount <= 0 {
            continue;
        }
        let automatic = New {
            automatic: true,
            description: json!("STRIPE PAYOUT"),
            statement: Value::Null,
            metadata: json!({}),
        };
        let Ok(payout) = make(tx, account, amount, &currency, automatic) else {
            continue;
        };
        for (txn, _) in items {
            tx.update(&txn, |r| r.hidden["payout"] = payout["id"].clone());
        }
    }
}

struct New {
    automatic: bool,
    description: Value,
    statement: Value,
    metadata: Value,
}

fn make(tx: &mut Tx<'_>, account: &Record, amount: i64, currency: &str, new: New) -> Answer {
    let id = tx.mint("po_1", 23);
    let booking = Booking::new("payout", "payout", -amount, currency)
        .source(&id)
        .description("STRIPE PAYOUT");
    let txn = book(tx, &account.id, booking)?;
    let arrival = (tx.now + DAY) / DAY * DAY;
    let payout = json!({
        "id": id,
        "object": "payout",
        "amount": amount,
        "application_fee": null,
        "application_fee_amount": null,
        "arrival_date": arrival,
        "automatic": new.automatic,
        "balance_transaction": txn,
        "created": tx.now,
        "currency": currency,
        "description": new.description,
        "destination": account.value["external_accounts"]["data"][0]["id"],
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "livemode": false,
        "metadata": new.metadata,
        "method": "standard",
        "original_payout": null,
        "payout_method": null,
        "reconciliation_status": if new.automatic { "in_progress" } else { "not_applicable" },
        "reversed_by": null,
        "source_type": "card",
        "statement_descriptor": new.statement,
        "status": "pending",
        "trace_id": { "status": "pending", "value": null },
        "type": "bank_account",
    });
    let due = std::cmp::min(tx.now + PENDING_FOR, arrival);
    tx.insert(
        Kind::Payout,
        &account.id,
        payout.clone(),
        Value::Null,
        Some(due),
    );
    if new.automatic {
        tx.update(&txn, |r| r.hidden["payout"] = json!(id));
    }
    tx.emit("payout.created", &account.id, &payout);
    Ok(payout)
}

/// `pending` → `in_transit` → `paid`, then reconciliation completes.
pub(crate) fn falls_due(tx: &mut Tx<'_>, payout: &Record) {
    match payout.text("status") {
        "pending" => {
            let arrival = payout.int("arrival_date");
            step(tx, &payout.id, "payout.updated", |r| {
                r.value["status"] = json!("in_transit");
                r.due = Some(std::cmp::max(arrival, r.due.unwrap_or(arrival) + 1));
            });
        }
        "in_transit" => {
            let trace = tx.mint("", 12).to_ascii_uppercase();
            step(tx, &payout.id, "payout.paid", |r| {
                r.value["status"] = json!("paid");
                r.value["trace_id"] = json!({ "status": "supported", "value": trace });
            });
            if payout.value["automatic"] == json!(true) {
                step(tx, &payout.id, "payout.reconciliation_completed", |r| {
                    r.value["reconciliation_status"] = json!("completed");
                });
            }
        }
        _ => {}
    }
}

fn step(tx: &mut Tx<'_>, id: &str, event: &str, change: impl FnOnce(&mut Record)) -> Value {
    let Some(before) = tx.get(id) else {
        return Value::Null;
    };
    let Some(after) = tx.update(id, change) else {
        return Value::Null;
    };
    let changed = changes(&before.value, &after.value);
    let changed = (event == "payout.updated").then_some(changed);
    tx.emit_change(event, &after.owner, &after.value, changed);
    after.value.clone()
}

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let amount = args.int("amount").unwrap_or_default();
    let currency = args
        .text("currency")
        .unwrap_or_default()
        .to_ascii_lowercase();
    crate::money::minimum(&currency, "currency")?;
    if amount < 1 {
        return Err(ApiError::invalid("Invalid positive integer")
            .code("parameter_invalid_integer")
            .param("amount"));
    }
    let account = connected(tx, call.owner).ok_or_else(|| no_access(call.owner))?;
    if account.value["payouts_enabled"] != json!(true) {
        return Err(ApiError::invalid(
            "Cannot create payouts: this account's payouts are not enabled.",
        )
        .code("payouts_not_allowed"));
    }
    let available = tx
        .store()
        .balances(call.owner)
        .get(&currency)
        .map_or(0, |b| b.0);
    if amount > available {
        return Err(ApiError::invalid(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You can use the the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance).",
        )
        .code("balance_insufficient"));
    }
    let new = New {
        automatic: false,
        description: json!(args.text("description")),
        statement: json!(args.text("statement_descriptor")),
        metadata: metadata(args, "metadata")?,
    };
    make(tx, &account, amount, &currency, new)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let arrival = lists::Range::read(call.args, "arrival_date")?;
    let (status, destination) = (call.args.text("status"), call.args.text("destination"));
    lists::list(tx, call, Kind::Payout, |r| {
        arrival.holds(r.int("arrival_date"))
            && status.is_none_or(|s| r.value["status"] == s)
            && destination.is_none_or(|d| r.value["destination"] == d)
    })
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut payout = retrieve(tx, call, Kind::Payout, "payout")?;
    merge_metadata(&mut payout["metadata"], call.args, "metadata")?;
    let metadata = payout["metadata"].clone();
    Ok(step(tx, call.id(), "payout.updated", |r| {
        r.value["metadata"] = metadata
    }))
}

fn cancel(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let payout = retrieve(tx, call, Kind::Payout, "payout")?;
    if payout["status"] != "pending" || payout["automatic"] == json!(true) {
        return Err(ApiError::invalid(
            "Payouts can only be canceled while they are pending, and if they were made by hand.",
        )
        .code("payout_reversal_not_allowed"));
    }
    give_back(tx, call.id(), "payout_cancel", "payout.canceled", |r| {
        r.value["status"] = json!("canceled");
    })
}

/// The bank sends the money back; also after the payout was paid
/// (<https://docs.stripe.com/payouts#payout-failures>).
pub(crate) fn fail(tx: &mut Tx<'_>, id: &str, code: &str) -> Answer {
    let payout = tx
        .get(id)
        .filter(|r| r.kind == Kind::Payout)
        .ok_or_else(|| ApiError::missing("payout", id, "payout"))?;
    if ["failed", "canceled"].contains(&payout.text("status")) {
        return Err(ApiError::invalid("This payout has already ended."));
    }
    let message = match code {
        "account_closed" => "The bank account has been closed.",
        "no_account" => {
            "The bank account details on file are probably incorrect. No bank account could be located with those details."
        }
        "insufficient_funds" => "Your Stripe account has insufficient funds to cover the payout.",
        _ => "The bank could not process this payout.",
    };
    let value = give_back(tx, id, "payout_failure", "payout.failed", |r| {
        r.value["status"] = json!("failed");
        r.value["failure_code"] = json!(code);
        r.value["failure_message"] = json!(message);
        if r.value["reconciliation_status"] == "in_progress" {
            r.value["reconciliation_status"] = json!("completed");
        }
    })?;
    schedule(tx, &payout.owner);
    Ok(value)
}

fn give_back(
    tx: &mut Tx<'_>,
    id: &str,
    kind: &str,
    event: &str,
    change: impl FnOnce(&mut Record),
) -> Answer {
    let payout = tx
        .get(id)
        .ok_or_else(|| ApiError::missing("payout", id, "payout"))?;
    let booking = Booking::new(
        kind,
        "payout_reversal",
        payout.int("amount"),
        payout.text("currency"),
    )
    .source(id)
    .description(if kind == "payout_cancel" {
        "PAYOUT CANCELED"
    } else {
        "PAYOUT FAILURE"
    });
    let txn = book(tx, &payout.owner, booking)?;
    let value = step(tx, id, event, |r| {
        change(r);
        r.value["failure_balance_transaction"] = json!(txn);
        r.due = None;
    });
    Ok(value)
}
