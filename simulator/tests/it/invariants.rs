//! The invariants of the books, checked on the oracle's document.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::check_books;

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_default()
}

/// Sums by currency.
type Sums = BTreeMap<String, i64>;

fn add(sums: &mut Sums, of: &Value, amount: i64) {
    *sums.entry(text(of, "currency").to_owned()).or_default() += amount;
}

fn rows<'a>(account: &'a Value, kind: &str) -> &'a [Value] {
    account[kind].as_array().expect("every kind is told")
}

fn alive(of: &Value) -> bool {
    !["failed", "canceled"].contains(&text(of, "status"))
}

/// Checks all invariants.
pub fn check(oracle: &Value) {
    check_books(oracle);
    let mut sums = Sums::new();
    for account in oracle["accounts"].as_object().expect("accounts").values() {
        charges(account, &mut sums);
        refunds(account, &mut sums);
        disputes(account, &mut sums);
        payouts_and_topups(account, &mut sums);
        given_back(account);
        transactions(account, &mut sums);
        waiting(account);
    }
    // The balances hold what buyers paid less what left. Application fees and transfers only move
    // money.
    for (currency, left) in sums {
        assert_eq!(left, 0, "{currency} came from nowhere or went there");
    }
}

/// No more is given back of a charge than it took.
fn charges(account: &Value, sums: &mut Sums) {
    for charge in rows(account, "charges") {
        let given: i64 = rows(account, "refunds")
            .iter()
            .filter(|r| r["charge"] == charge["id"] && alive(r))
            .map(|r| int(r, "amount"))
            .sum();
        let captured = int(charge, "amount_captured");
        assert!(given <= captured, "{charge}");
        if charge["status"] == "succeeded" && charge["captured"] == true {
            // Reserved money that wasn't captured counts as refunded.
            let rest = int(charge, "amount") - captured;
            assert_eq!(charge["amount_refunded"], given + rest, "{charge}");
            assert_eq!(charge["refunded"], given == captured, "{charge}");
            if charge["source_transfer"].is_null() {
                add(sums, charge, captured);
            }
        } else {
            assert_eq!(captured, 0, "{charge}");
        }
    }
}

/// A refund that failed after its money moved has it back.
fn refunds(account: &Value, sums: &mut Sums) {
    let of_transfer = |r: &Value| {
        let mut charges = rows(account, "charges").iter();
        charges.any(|c| c["id"] == r["charge"] && !c["source_transfer"].is_null())
    };
    for refund in rows(account, "refunds") {
        let moved = !refund["balance_transaction"].is_null();
        if moved && alive(refund) && !of_transfer(refund) {
            add(sums, refund, -int(refund, "amount"));
        }
        assert_eq!(
            moved && !alive(refund),
            refund["failure_balance_transaction"].is_string(),
            "{refund}"
        );
    }
}

/// A dispute holds its amount while it is open or lost, and nothing else.
fn disputes(account: &Value, sums: &mut Sums) {
    for dispute in rows(account, "disputes") {
        let taken = match text(dispute, "status") {
            "needs_response" | "under_review" | "lost" => int(dispute, "amount"),
            _ => 0,
        };
        let shown = dispute["balance_transactions"].as_array().expect("list");
        let net: i64 = shown.iter().map(|t| int(t, "amount")).sum();
        assert_eq!(net, -taken, "{dispute}");
        add(sums, dispute, -taken);
    }
}

fn payouts_and_topups(account: &Value, sums: &mut Sums) {
    for payout in rows(account, "payouts").iter().filter(|p| alive(p)) {
        add(sums, payout, -int(payout, "amount"));
    }
    for topup in rows(account, "topups") {
        if !topup["balance_transaction"].is_null() {
            add(sums, topup, int(topup, "amount"));
        }
    }
}

/// Transfers and application fees count what went back of them.
fn given_back(account: &Value) {
    let back = |kind: &str, of: &str, id: &Value| -> i64 {
        let parts = rows(account, kind).iter().filter(|r| r[of] == *id);
        parts.map(|r| int(r, "amount")).sum()
    };
    for transfer in rows(account, "transfers") {
        let back = back("transfer_reversals", "transfer", &transfer["id"]);
        assert_eq!(transfer["amount_reversed"], back, "{transfer}");
        assert!(back <= int(transfer, "amount"), "{transfer}");
    }
    for fee in rows(account, "application_fees") {
        let back = back("application_fee_refunds", "fee", &fee["id"]);
        let kept = back - taken_again(account, &fee["id"]);
        assert_eq!(fee["amount_refunded"], kept, "{fee}");
    }
}

/// What the platform got again of a fee, since the refunds that it went back with failed.
fn taken_again(account: &Value, fee: &Value) -> i64 {
    let refunds: Vec<_> = rows(account, "application_fee_refunds")
        .iter()
        .filter(|r| r["fee"] == *fee)
        .map(|r| &r["id"])
        .collect();
    let txns = rows(account, "balance_transactions").iter();
    txns.filter(|t| refunds.contains(&&t["source"]))
        .map(|t| int(t, "amount"))
        .filter(|amount| *amount > 0)
        .sum()
}

/// Balance transactions, and Stripe's own fees.
fn transactions(account: &Value, sums: &mut Sums) {
    for txn in rows(account, "balance_transactions") {
        for fee in txn["fee_details"].as_array().expect("fees") {
            if fee["type"] == "stripe_fee" {
                add(sums, fee, -int(fee, "amount"));
            }
        }
        if txn["type"] == "stripe_fee" || txn["description"] == "Dispute fee" {
            add(sums, txn, int(txn, "amount"));
        }
        add(sums, txn, -int(txn, "net"));
    }
}

/// The oldest refund that waits for funds really has none.
fn waiting(account: &Value) {
    for (currency, balance) in account["balances"].as_object().expect("balances") {
        let there = int(balance, "available");
        let mut refunds = account["refunds"].as_array().expect("refunds").iter();
        let first = refunds
            .find(|r| r["currency"] == *currency && r["pending_reason"] == "insufficient_funds");
        if let Some(refund) = first {
            assert!(
                there < int(refund, "amount"),
                "{there} {currency}: {refund}"
            );
        }
    }
}
