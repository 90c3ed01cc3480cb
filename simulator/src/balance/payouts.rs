//! Payouts, automatic and manual: <https://docs.stripe.com/api/payouts>.
//!
//! On a payday everything available goes into one payout per currency, at midnight (UTC), and arrives at the next
//! midnight. A payout may still fail after it was paid; then its bank account gets none until it is replaced or updated.

use serde_json::{Value, json};

use super::{
    Booking, DAY, FeePart, book,
    schedule::{money_day, payday, schedule},
};
use crate::{
    api::{Call, Route, connected, lists, merge_metadata, metadata, no_access, retrieve},
    error::{Answer, ApiError},
    events::changes,
    money,
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
    ("POST", "/v1/payouts/{payout}/reverse", reverse),
];

/// How long a payout is `pending` before the bank has it; until then it can be cancelled.
const PENDING_FOR: i64 = 3600;

/// How long an instant payout takes.
const INSTANT_TAKES: i64 = 1800;

/// What Stripe takes for an instant payout: 1 %, at least 50 minor units.
const INSTANT_PER_MILLE: i64 = 10;
const INSTANT_LEAST: i64 = 50;

/// The last digits of Stripe's test bank accounts and IBANs to which payouts fail, and how
/// (<https://docs.stripe.com/connect/testing#account-numbers>).
const FAILING: [(&str, &str); 9] = [
    ("1116", "no_account"),
    ("1113", "account_closed"),
    ("2227", "insufficient_funds"),
    ("3335", "debit_not_authorized"),
    ("4440", "invalid_currency"),
    ("3001", "no_account"),
    ("3002", "account_closed"),
    ("3003", "insufficient_funds"),
    ("3004", "debit_not_authorized"),
];

/// The bank account or card for a currency: the named one, else the default for it.
fn destination<'a>(account: &'a Record, currency: &str, id: Option<&str>) -> Option<&'a Value> {
    let all = account.value["external_accounts"]["data"].as_array()?;
    match id {
        Some(id) => all.iter().find(|bank| bank["id"] == id),
        None => all
            .iter()
            .filter(|bank| bank["currency"] == currency)
            .max_by_key(|bank| bank["default_for_currency"] == json!(true)),
    }
}

fn is_errored(bank: &Value) -> bool {
    bank["status"] == "errored"
}

/// Pays out all that is available, one payout per currency. A negative balance that pending money
/// doesn't cover is debited from the bank account.
pub(crate) fn pay_out(tx: &mut Tx<'_>, account: &Record) {
    if account.value["payouts_enabled"] != json!(true) {
        return;
    }
    if payday(tx, account, tx.now) != Some(tx.now) {
        // The schedule was changed meanwhile.
        tx.update(&account.id, |r| r.due = None);
        return schedule(tx, &account.id);
    }
    let debits = account.value["settings"]["payouts"]["debit_negative_balances"] == json!(true);
    for (currency, (_, pending)) in tx.store().balances(&account.id) {
        let items: Vec<_> = tx
            .store()
            .list(Kind::Txn, &account.id)
            .filter(|t| {
                t.hidden["payout"].is_null()
                    && t.text("status") == "available"
                    && t.text("balance_type") == "payments"
                    && t.text("currency") == currency
            })
            .map(|t| (t.id.clone(), t.int("net")))
            .collect();
        let amount: i64 = items.iter().map(|(_, net)| net).sum();
        let covered =
            || amount + pending >= 0 && tx.assumptions.get("negative_balance") == "unless_covered";
        if amount == 0 || (amount < 0 && (!debits || covered())) {
            continue;
        }
        let first = account.value["external_accounts"]["data"].get(0);
        let bank = destination(account, &currency, None)
            .or_else(|| first.filter(|_| tx.assumptions.get("foreign_payout") == "first_account"))
            .filter(|bank| !is_errored(bank));
        let Some(bank) = bank else {
            continue;
        };
        let Ok(payout) = make(tx, account, NewPayout::automatic(amount, &currency, bank)) else {
            continue;
        };
        for (txn, _) in items {
            tx.update(&txn, |r| r.hidden["payout"] = payout["id"].clone());
        }
    }
}

struct NewPayout<'a> {
    amount: i64,
    currency: &'a str,
    bank: &'a Value,
    automatic: bool,
    instant: bool,
    description: Value,
    statement: Value,
    metadata: Value,
    /// The payout that this one reverses.
    original: Option<&'a str>,
}

impl<'a> NewPayout<'a> {
    fn automatic(amount: i64, currency: &'a str, bank: &'a Value) -> Self {
        Self {
            amount,
            currency,
            bank,
            automatic: true,
            instant: false,
            description: json!("STRIPE PAYOUT"),
            statement: Value::Null,
            metadata: json!({}),
            original: None,
        }
    }
}

fn make(tx: &mut Tx<'_>, account: &Record, new: NewPayout<'_>) -> Answer {
    let id = tx.mint("po_1", 23);
    let arrival = arrival(tx, new.instant);
    let category = if new.original.is_some() {
        "payout_reversal"
    } else {
        "payout"
    };
    let fee = instant_fee(&new)?;
    let inside = fee > 0 && tx.assumptions.get("instant_fee") == "inside";
    let fees = if inside {
        vec![FeePart::Stripe(fee)]
    } else {
        vec![]
    };
    // The money of a reversal is available when the bank has sent it.
    let when = new.original.map_or(tx.now, |_| arrival);
    let booking = Booking::new("payout", category, -new.amount, new.currency)
        .source(&id)
        .fees(fees)
        .description("STRIPE PAYOUT")
        .at(when);
    let txn = book(tx, &account.id, booking)?;
    if fee > 0 && !inside {
        let booking = Booking::new("stripe_fee", "fee", -fee, new.currency)
            .source(&id)
            .description("Instant Payout fee");
        book(tx, &account.id, booking)?;
    }
    let payout = pending_payout(&id, &new, &txn, (tx.now, arrival));
    let due = std::cmp::min(tx.now + tx.takes(PENDING_FOR), arrival);
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

/// When a payout that is made now arrives.
fn arrival(tx: &Tx<'_>, instant: bool) -> i64 {
    if instant {
        return tx.now + tx.takes(INSTANT_TAKES);
    }
    let at_most = tx.now + tx.takes(DAY);
    let day = money_day(tx, at_most);
    if day > tx.now { day } else { at_most }
}

fn pending_payout(
    id: &str,
    new: &NewPayout<'_>,
    txn: &str,
    (created, arrival): (i64, i64),
) -> Value {
    let card = new.bank["object"] == "card";
    json!({
        "id": id,
        "object": "payout",
        "amount": new.amount,
        "application_fee": null,
        "application_fee_amount": null,
        "arrival_date": arrival,
        "automatic": new.automatic,
        "balance_transaction": txn,
        "created": created,
        "currency": new.currency,
        "description": new.description,
        "destination": new.bank["id"],
        "failure_balance_transaction": null,
        "failure_code": null,
        "failure_message": null,
        "livemode": false,
        "metadata": new.metadata,
        "method": if new.instant { "instant" } else { "standard" },
        "original_payout": new.original,
        "payout_method": null,
        "reconciliation_status": if new.automatic { "in_progress" } else { "not_applicable" },
        "reversed_by": null,
        "source_type": "card",
        "statement_descriptor": new.statement,
        "status": "pending",
        "trace_id": { "status": "pending", "value": null },
        "type": if card { "card" } else { "bank_account" },
    })
}

fn instant_fee(new: &NewPayout<'_>) -> Result<i64, ApiError> {
    if !new.instant {
        return Ok(0);
    }
    money::share(new.amount, INSTANT_PER_MILLE, 1000).map(|fee| fee.max(INSTANT_LEAST))
}

/// `pending` → `in_transit` → `paid`, then reconciliation completes; or `failed`, at Stripe's test banks.
pub(crate) fn falls_due(tx: &mut Tx<'_>, payout: &Record) {
    match payout.text("status") {
        "pending" => {
            let arrival = payout.int("arrival_date");
            update_and_emit(tx, &payout.id, "payout.updated", |r| {
                r.value["status"] = json!("in_transit");
                r.due = Some(std::cmp::max(arrival, r.due.unwrap_or(arrival) + 1));
            });
        }
        "in_transit" => {
            if let Some(code) = fails_at(tx, payout) {
                if let Err(error) = fail(tx, &payout.id, code) {
                    tracing::error!(message = error.message, payout = payout.id, "not failed");
                }
                return;
            }
            let trace = tx.mint("", 12).to_ascii_uppercase();
            update_and_emit(tx, &payout.id, "payout.paid", |r| {
                r.value["status"] = json!("paid");
                r.value["trace_id"] = json!({ "status": "supported", "value": trace });
            });
            if payout.value["automatic"] == json!(true) {
                update_and_emit(tx, &payout.id, "payout.reconciliation_completed", |r| {
                    r.value["reconciliation_status"] = json!("completed");
                });
            }
        }
        _ => {}
    }
}

fn fails_at(tx: &Tx<'_>, payout: &Record) -> Option<&'static str> {
    let account = tx.get(&payout.owner)?;
    let bank = destination(&account, "", Some(payout.text("destination")))?;
    let last4 = bank["last4"].as_str()?;
    FAILING
        .iter()
        .find(|(digits, _)| *digits == last4)
        .map(|(_, code)| *code)
}

fn update_and_emit(
    tx: &mut Tx<'_>,
    id: &str,
    event: &str,
    change: impl FnOnce(&mut Record),
) -> Value {
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
    money::minimum(&currency, "currency")?;
    if amount < 1 {
        return Err(
            ApiError::invalid("This value must be greater than or equal to 1.")
                .code("parameter_invalid_integer")
                .param("amount"),
        );
    }
    money::check_step(amount, &currency, money::payout_step(&currency), "amount")?;
    if let Some(id) = args.text("payout_method") {
        return Err(ApiError::missing("payout_method", id, "payout_method"));
    }
    let account = connected(tx, call.owner).ok_or_else(|| no_access(call.owner))?;
    if account.value["payouts_enabled"] != json!(true) {
        return Err(not_allowed("this account's payouts are not enabled"));
    }
    let bank = bank_for(tx, &account, &currency, args.text("destination"))?;
    let new = NewPayout {
        automatic: false,
        instant: args.text("method") == Some("instant"),
        description: json!(args.text("description")),
        statement: json!(args.text("statement_descriptor")),
        metadata: metadata(args, "metadata")?,
        ..NewPayout::automatic(amount, &currency, bank)
    };
    let methods = bank["available_payout_methods"].as_array();
    if new.instant && !methods.is_some_and(|all| all.iter().any(|m| m == "instant")) {
        return Err(ApiError::invalid(
            "This external account is not eligible for Instant Payouts. Try a debit card from a supported bank.",
        )
        .code("instant_payouts_unsupported")
        .param("method"));
    }
    // All money here comes from cards and the like: the other balances are empty.
    let available = match args.text("source_type") {
        Some("bank_account" | "fpx") => 0,
        _ => tx
            .store()
            .balances(call.owner)
            .get(&currency)
            .map_or(0, |b| b.0),
    };
    if amount.saturating_add(instant_fee(&new)?) > available {
        return Err(ApiError::invalid(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low. You can use the the /v1/balance endpoint to view your Stripe balance (for more details, see stripe.com/docs/api#balance).",
        )
        .code("balance_insufficient"));
    }
    make(tx, &account, new)
}

fn not_allowed(why: &str) -> ApiError {
    ApiError::invalid(format!("Cannot create payouts: {why}.")).code("payouts_not_allowed")
}

/// The destination of a manual payout.
fn bank_for<'a>(
    tx: &Tx<'_>,
    account: &'a Record,
    currency: &str,
    id: Option<&str>,
) -> Result<&'a Value, ApiError> {
    let bank = destination(account, currency, id).ok_or_else(|| match id {
        Some(id) => ApiError::missing("external account", id, "destination"),
        None => ApiError::invalid(format!(
            "Sorry, you don't have any external accounts in that currency ({currency})."
        )),
    })?;
    if is_errored(bank) && tx.assumptions.get("errored_bank") != "refuses_automatic" {
        return Err(not_allowed(
            "the last payout to this external account failed, and its details were not updated since",
        ));
    }
    Ok(bank)
}

/// Reverses a paid payout.
fn reverse(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let original = retrieve(tx, call, Kind::Payout, "payout")?;
    let account = connected(tx, call.owner).ok_or_else(|| no_access(call.owner))?;
    let to = destination(&account, "", original["destination"].as_str());
    let why = if call.owner == tx.store().platform {
        Some("only payouts of connected accounts can be reversed")
    } else if original["status"] != "paid" {
        Some("only a payout that was paid can be reversed; cancel it while it is pending")
    } else if !original["reversed_by"].is_null() || !original["original_payout"].is_null() {
        Some("it has been reversed already, or is a reversal itself")
    } else if !to.is_some_and(|bank| bank["country"] == "US" || bank["country"] == "CA") {
        Some("only payouts to US and Canadian bank accounts can be reversed")
    } else {
        None
    };
    let (Some(to), None) = (to, why) else {
        let why = why.unwrap_or("its bank account is gone");
        return Err(
            ApiError::invalid(format!("This payout can't be reversed: {why}."))
                .code("payout_reversal_not_allowed"),
        );
    };
    let amount = original["amount"].as_i64().unwrap_or_default();
    let currency = original["currency"].as_str().unwrap_or_default();
    let new = NewPayout {
        automatic: false,
        metadata: metadata(call.args, "metadata")?,
        original: Some(call.id()),
        ..NewPayout::automatic(-amount, currency, to)
    };
    let reversal = make(tx, &account, new)?;
    update_and_emit(tx, call.id(), "payout.updated", |r| {
        r.value["reversed_by"] = reversal["id"].clone();
    });
    Ok(reversal)
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let arrival = lists::Range::read(call.args, "arrival_date")?;
    let (status, destination) = (call.args.text("status"), call.args.text("destination"));
    lists::list(tx, call, Kind::Payout, |r| {
        arrival.contains(r.int("arrival_date"))
            && status.is_none_or(|s| r.value["status"] == s)
            && destination.is_none_or(|d| r.value["destination"] == d)
    })
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let mut payout = retrieve(tx, call, Kind::Payout, "payout")?;
    merge_metadata(&mut payout["metadata"], call.args, "metadata")?;
    let metadata = payout["metadata"].clone();
    Ok(update_and_emit(tx, call.id(), "payout.updated", |r| {
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

/// Fails a payout: the bank returns the money, even after the payout was paid
/// (<https://docs.stripe.com/payouts#payout-failures>).
pub(crate) fn fail(tx: &mut Tx<'_>, id: &str, code: &str) -> Answer {
    let payout = tx
        .get(id)
        .filter(|r| r.kind == Kind::Payout)
        .ok_or_else(|| ApiError::missing("payout", id, "payout"))?;
    if ["failed", "canceled"].contains(&payout.text("status"))
        || !payout.value["reversed_by"].is_null()
    {
        return Err(ApiError::invalid("This payout has already ended."));
    }
    let message = match code {
        "account_closed" => "The bank account has been closed.",
        "no_account" => {
            "The bank account details on file are probably incorrect. No bank account could be located with those details."
        }
        "insufficient_funds" => "Your Stripe account has insufficient funds to cover the payout.",
        "debit_not_authorized" => {
            "Debit transactions are not approved on your bank account. Stripe requires bank accounts to be set up for both credit and debit payouts."
        }
        "invalid_currency" => {
            "The bank was unable to process this payout because of its currency. This is probably because the bank account cannot accept payments in that currency."
        }
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
    if code != "insufficient_funds" || tx.assumptions.get("errored_bank") == "after_any_failure" {
        set_status(
            tx,
            &payout.owner,
            payout.value["destination"].as_str(),
            "errored",
        );
    }
    schedule(tx, &payout.owner);
    Ok(value)
}

/// Makes the external accounts usable again to which payouts failed, as an update of their details
/// does.
pub(crate) fn reenable_banks(tx: &mut Tx<'_>, account: &str) -> Answer {
    connected(tx, account).ok_or_else(|| ApiError::missing("account", account, "account"))?;
    set_status(tx, account, None, "new");
    schedule(tx, account);
    let after = tx.get(account);
    Ok(after.map(|a| a.value.clone()).unwrap_or_default())
}

/// Sets the status of one external account, or of all that failed.
fn set_status(tx: &mut Tx<'_>, account: &str, id: Option<&str>, status: &str) {
    let mut changed = Vec::new();
    tx.update(account, |r| {
        let banks = r.value["external_accounts"]["data"].as_array_mut();
        for bank in banks.into_iter().flatten() {
            let meant = id.map_or_else(|| is_errored(bank), |id| bank["id"] == id);
            if meant && bank["object"] == "bank_account" && bank["status"] != status {
                bank["status"] = json!(status);
                changed.push(bank.clone());
            }
        }
    });
    for bank in changed {
        tx.emit("account.external_account.updated", account, &bank);
    }
}

fn give_back(
    tx: &mut Tx<'_>,
    id: &str,
    kind: &str,
    event: &str,
    change: impl FnOnce(&mut Record),
) -> Answer {
    let missing = || ApiError::missing("payout", id, "payout");
    let payout = tx.get(id).ok_or_else(missing)?;
    let made = tx
        .get(payout.text("balance_transaction"))
        .ok_or_else(missing)?;
    // The amount with the fee of an instant payout. The money of a reversal may still be pending.
    let booking = Booking::new(
        kind,
        "payout_reversal",
        -made.int("net"),
        payout.text("currency"),
    )
    .source(id)
    .at(made.int("available_on"))
    .description(if kind == "payout_cancel" {
        "PAYOUT CANCELED"
    } else {
        "PAYOUT FAILURE"
    });
    let txn = book(tx, &payout.owner, booking)?;
    let value = update_and_emit(tx, id, event, |r| {
        change(r);
        r.value["failure_balance_transaction"] = json!(txn);
        r.value["trace_id"] = json!({ "status": "unsupported", "value": null });
        r.due = None;
    });
    Ok(value)
}
