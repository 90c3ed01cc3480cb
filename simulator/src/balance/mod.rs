//! Balances and their transactions: <https://docs.stripe.com/api/balance_transactions>.
//!
//! A balance *is* the sum of its transactions; nothing else is kept.

pub(crate) mod given;
pub(crate) mod payouts;
pub(crate) mod schedule;
pub(crate) mod topups;

use serde_json::{Value, json};

use crate::{
    api::{Call, Route, lists, retrieve},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/balance", balance),
    ("GET", "/v1/balance_transactions", list),
    ("GET", "/v1/balance_transactions/{id}", |tx, call| {
        retrieve(tx, call, Kind::Txn, "id")
    }),
];

pub(crate) const DAY: i64 = 86_400;

/// Seconds until lists show a transaction, with `late_transactions=after_a_minute`.
const LIST_DELAY: i64 = 60;

/// Days until money becomes available, at midnight (UTC), where an account's schedule doesn't say.
const DELAY_DAYS: i64 = 2;

/// One part of a transaction's fee, in minor units; negative when it comes back.
pub(crate) enum FeePart {
    Stripe(i64),
    Dispute(i64),
    Application(i64),
}

/// A transaction to write.
pub(crate) struct Booking<'a> {
    kind: &'a str,
    category: &'a str,
    amount: i64,
    currency: &'a str,
    source: Option<&'a str>,
    parts: Vec<FeePart>,
    available_on: When,
    description: Value,
}

enum When {
    Now,
    Later,
    At(i64),
}

impl<'a> Booking<'a> {
    /// `kind` is the `type`, `category` the `reporting_category`; the amount is signed, gross.
    pub fn new(kind: &'a str, category: &'a str, amount: i64, currency: &'a str) -> Self {
        Self {
            kind,
            category,
            amount,
            currency,
            source: None,
            parts: Vec::new(),
            available_on: When::Now,
            description: Value::Null,
        }
    }

    pub fn source(mut self, id: &'a str) -> Self {
        self.source = Some(id);
        self
    }

    pub fn fees(mut self, parts: Vec<FeePart>) -> Self {
        self.parts = parts;
        self
    }

    /// Available after the account's `delay_days`.
    pub fn later(mut self, description: &Value) -> Self {
        self.available_on = When::Later;
        self.description = description.clone();
        self
    }

    /// Available at a given time, if that is still to come.
    pub fn at(mut self, time: i64) -> Self {
        self.available_on = When::At(time);
        self
    }

    pub fn description(mut self, text: &str) -> Self {
        self.description = json!(text);
        self
    }
}

/// Writes a transaction into an account's balance and returns its id.
///
/// # Errors
/// When a sum or the balance leaves 64 bits; nothing is then written.
pub(crate) fn book(tx: &mut Tx<'_>, owner: &str, booking: Booking<'_>) -> Result<String, ApiError> {
    let mut fee = 0i64;
    let mut fee_details = Vec::new();
    for part in &booking.parts {
        let (amount, kind, application, description) = match part {
            FeePart::Stripe(n) => (*n, "stripe_fee", Value::Null, "Stripe processing fees"),
            FeePart::Dispute(n) => (*n, "stripe_fee", Value::Null, "Dispute fee"),
            FeePart::Application(n) => (
                *n,
                "application_fee",
                json!(tx.application()),
                "Platform application fee",
            ),
        };
        fee = fee.checked_add(amount).ok_or_else(ApiError::overflow)?;
        fee_details.push(json!({
            "amount": amount,
            "application": application,
            "currency": booking.currency,
            "description": description,
            "type": kind,
        }));
    }
    let net = booking
        .amount
        .checked_sub(fee)
        .ok_or_else(ApiError::overflow)?;
    let now = booked_at(tx);
    let available_on = match booking.available_on {
        When::Now => now,
        When::Later => schedule::money_day(tx, now + delay_days(tx, owner) * DAY),
        When::At(time) => std::cmp::max(time, now),
    };
    let txn = json!({
        "amount": booking.amount,
        "available_on": available_on,
        "balance_type": "payments",
        "created": now,
        "currency": booking.currency,
        "description": booking.description,
        "exchange_rate": null,
        "fee": fee,
        "fee_details": fee_details,
        "net": net,
        "reporting_category": booking.category,
        "source": booking.source,
        "type": booking.kind,
    });
    enter(tx, owner, ("txn_1", txn), json!({}))
}

/// Gives a transaction its id, which begins with a prefix, and its status, and moves the balance.
fn enter(
    tx: &mut Tx<'_>,
    owner: &str,
    (prefix, mut txn): (&str, Value),
    hidden: Value,
) -> Result<String, ApiError> {
    let int = |field: &str| txn[field].as_i64().unwrap_or_default();
    let (net, due) = (int("net"), int("available_on"));
    let text = |field: &str| txn[field].as_str().unwrap_or_default();
    let (available, pending) = tx
        .store()
        .balances_of(owner, text("balance_type"))
        .get(text("currency"))
        .copied()
        .unwrap_or_default();
    let balance = available.checked_add(pending);
    balance
        .and_then(|sum| sum.checked_add(net))
        .ok_or_else(ApiError::overflow)?;
    let pays = txn["balance_type"] == "payments";
    let payout = txn["type"] == "payout";
    let pending = due > int("created");
    let id = tx.mint(prefix, 23);
    txn["id"] = json!(id);
    txn["object"] = json!("balance_transaction");
    txn["status"] = json!(if pending { "pending" } else { "available" });
    tx.insert(Kind::Txn, owner, txn, hidden, pending.then_some(due));
    if pays && net > 0 {
        wake_refunds(tx, owner);
    }
    if pays && !pending && !payout {
        schedule::schedule(tx, owner);
    }
    Ok(id)
}

/// The time that a new transaction gets. Work on a test clock may keep that clock's time instead.
fn booked_at(tx: &Tx<'_>) -> i64 {
    if tx.now != tx.simulator_now() && tx.assumptions.get("clock_money") == "clock_time" {
        tx.now
    } else {
        tx.simulator_now()
    }
}

fn delay_days(tx: &Tx<'_>, owner: &str) -> i64 {
    tx.get(owner)
        .and_then(|a| a.value["settings"]["payouts"]["schedule"]["delay_days"].as_i64())
        .unwrap_or(DELAY_DAYS)
        .clamp(0, 31)
}

/// When the money of a charge or fee becomes available. A refund of it moves at that time too.
pub(crate) fn available_on(tx: &Tx<'_>, of: &Record) -> i64 {
    of.value["balance_transaction"]
        .as_str()
        .and_then(|txn| tx.get(txn))
        .map_or(tx.now, |txn| txn.int("available_on"))
}

/// Whether Stripe's fees for what happens on this account leave the platform's balance
/// (<https://docs.stripe.com/connect/direct-charges-fee-payer-behavior>).
pub(crate) fn fees_fall_on_platform(tx: &Tx<'_>, owner: &str) -> bool {
    tx.get(owner)
        .is_some_and(|a| a.value["controller"]["fees"]["payer"] == "application")
}

/// Schedules the refunds that wait for money, oldest first, for the end of this work.
fn wake_refunds(tx: &mut Tx<'_>, owner: &str) {
    let now = tx.simulator_now();
    for id in tx.store().waiting(owner) {
        tx.update(&id, |r| r.due = Some(now));
    }
}

/// A pending transaction's day has come.
pub(crate) fn becomes_available(tx: &mut Tx<'_>, txn: &Record) {
    let shown = tx.update(&txn.id, |r| r.value["status"] = json!("available"));
    if let Some(shown) = shown {
        refresh(tx, &shown);
    }
    wake_refunds(tx, &txn.owner);
    schedule::schedule(tx, &txn.owner);
    if tx
        .store()
        .next_due(tx.now)
        .is_none_or(|(_, id)| tx.get(&id).is_none_or(|r| r.kind != Kind::Txn))
    {
        emit_available(tx, &txn.owner);
    }
}

pub(crate) fn emit_available(tx: &mut Tx<'_>, owner: &str) {
    let balance = of(tx, owner);
    tx.emit("balance.available", owner, &balance);
}

/// A dispute shows its transactions whole.
fn refresh(tx: &mut Tx<'_>, txn: &Record) {
    let source = tx.get(txn.text("source"));
    if let Some(dispute) = source.filter(|s| s.kind == Kind::Dispute) {
        tx.update(&dispute.id, |r| {
            let shown = r.value["balance_transactions"].as_array_mut();
            for copy in shown.into_iter().flatten().filter(|t| t["id"] == txn.id) {
                *copy = txn.value.clone();
            }
        });
    }
}

/// The `balance` object of an account.
pub(crate) fn of(tx: &Tx<'_>, owner: &str) -> Value {
    let mut sums = tx.store().balances(owner);
    if sums.is_empty() {
        let currency = tx.get(owner).map(|a| a.text("default_currency").to_owned());
        sums.insert(currency.unwrap_or_else(|| "usd".to_owned()), (0, 0));
    }
    let line = |amount: i64, currency: &String| json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } });
    let prefunded = tx
        .store()
        .balances_of(owner, "refund_and_dispute_prefunding");
    let issuing = tx.store().balances_of(owner, "issuing");
    let mut out = json!({
        "object": "balance",
        "available": sums.iter().map(|(c, (a, _))| line(*a, c)).collect::<Vec<_>>(),
        "livemode": false,
        "pending": sums.iter().map(|(c, (_, p))| line(*p, c)).collect::<Vec<_>>(),
        "refund_and_dispute_prefunding": {
            "available": prefunded.iter().map(|(c, (a, _))| line(*a, c)).collect::<Vec<_>>(),
            "pending": prefunded.iter().map(|(c, (_, p))| line(*p, c)).collect::<Vec<_>>(),
        },
    });
    if !issuing.is_empty() {
        out["issuing"] = json!({
            "available": issuing.iter().map(|(c, (a, _))| line(*a, c)).collect::<Vec<_>>(),
        });
    }
    if owner == tx.store().platform {
        out["connect_reserved"] = sums
            .keys()
            .map(|c| json!({ "amount": 0, "currency": c }))
            .collect();
    }
    out
}

fn balance(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    Ok(of(tx, call.owner))
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let payout = args.text("payout");
    if let Some(id) = payout {
        let po = tx
            .find(Kind::Payout, call.owner, id)
            .ok_or_else(|| ApiError::missing("payout", id, "payout"))?;
        if po.value["automatic"] != json!(true) {
            return Err(ApiError::invalid(
                "Balance transaction history can only be filtered on automatic transfers, not manual.",
            )
            .param("payout"));
        }
        if po.text("reconciliation_status") == "in_progress" {
            return Err(ApiError::invalid(
                "Reconciliation on this payout is still in progress. Its balance transactions can be listed once its `reconciliation_status` is `completed`.",
            )
            .code("payout_reconciliation_not_ready")
            .param("payout"));
        }
    }
    let unseen = match tx.assumptions.get("late_transactions") {
        "after_a_minute" => tx.now - LIST_DELAY + 1..tx.now + 1,
        _ => 0..0,
    };
    let left_out = match payout.and_then(|id| tx.get(id)) {
        Some(po) if tx.assumptions.get("payout_transaction") == "left_out" => {
            po.text("balance_transaction").to_owned()
        }
        _ => String::new(),
    };
    let (kind, source) = (args.text("type"), args.text("source"));
    let currency = args.text("currency").map(str::to_ascii_lowercase);
    let now = tx.now;
    lists::list(tx, call, Kind::Txn, |r| {
        !unseen.contains(&r.int("created"))
            && r.hidden["listed_from"].as_i64().is_none_or(|at| at <= now)
            && payout.is_none_or(|p| r.hidden["payout"] == p)
            && r.id != left_out
            && kind.is_none_or(|k| r.value["type"] == k)
            && source.is_none_or(|s| r.value["source"] == s)
            && currency.as_deref().is_none_or(|c| r.value["currency"] == c)
    })
}
