//! What must hold of the books, told by the oracle, after whatever happened.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::check_books;

pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

pub fn int(value: &Value, field: &str) -> i64 {
    value[field].as_i64().unwrap_or_default()
}

/// What must hold after whatever happened.
pub fn check(oracle: &Value) {
    check_books(oracle);
    let accounts = oracle["accounts"].as_object().expect("accounts");
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for account in accounts.values() {
        let rows = |name: &str| account[name].as_array().expect("every kind is told");
        let mut add = |of: &Value, amount: i64| {
            *sums.entry(text(of, "currency").to_owned()).or_default() += amount;
        };
        let refunds = rows("refunds");
        let alive = |r: &Value| !["failed", "canceled"].contains(&text(r, "status"));
        let of_transfer = |r: &Value| {
            let mut charges = rows("charges").iter();
            charges.any(|c| c["id"] == r["charge"] && !c["source_transfer"].is_null())
        };
        for charge in rows("charges") {
            let given: i64 = refunds
                .iter()
                .filter(|r| r["charge"] == charge["id"] && alive(r))
                .map(|r| int(r, "amount"))
                .sum();
            let captured = int(charge, "amount_captured");
            assert!(given <= captured, "{charge}");
            if charge["status"] == "succeeded" && charge["captured"] == true {
                // What was reserved and not captured counts as refunded.
                let rest = int(charge, "amount") - captured;
                assert_eq!(charge["amount_refunded"], given + rest, "{charge}");
                assert_eq!(charge["refunded"], given == captured, "{charge}");
                if charge["source_transfer"].is_null() {
                    add(charge, captured);
                }
            } else {
                assert_eq!(captured, 0, "{charge}");
            }
        }
        for refund in refunds {
            let moved = !refund["balance_transaction"].is_null();
            if moved && alive(refund) && !of_transfer(refund) {
                add(refund, -int(refund, "amount"));
            }
            assert_eq!(
                moved && !alive(refund),
                refund["failure_balance_transaction"].is_string(),
                "{refund}"
            );
        }
        for dispute in rows("disputes") {
            let taken = match text(dispute, "status") {
                "needs_response" | "under_review" | "lost" => int(dispute, "amount"),
                _ => 0,
            };
            let shown = dispute["balance_transactions"].as_array().expect("list");
            let net: i64 = shown.iter().map(|t| int(t, "amount")).sum();
            assert_eq!(net, -taken, "{dispute}");
            add(dispute, -taken);
        }
        for payout in rows("payouts") {
            if alive(payout) {
                add(payout, -int(payout, "amount"));
            }
        }
        for topup in rows("topups") {
            if !topup["balance_transaction"].is_null() {
                add(topup, int(topup, "amount"));
            }
        }
        for transfer in rows("transfers") {
            let back: i64 = rows("transfer_reversals")
                .iter()
                .filter(|r| r["transfer"] == transfer["id"])
                .map(|r| int(r, "amount"))
                .sum();
            assert_eq!(transfer["amount_reversed"], back, "{transfer}");
            assert!(back <= int(transfer, "amount"), "{transfer}");
        }
        for fee in rows("application_fees") {
            let back: i64 = rows("application_fee_refunds")
                .iter()
                .filter(|r| r["fee"] == fee["id"])
                .map(|r| int(r, "amount"))
                .sum();
            assert_eq!(fee["amount_refunded"], back, "{fee}");
        }
        for txn in rows("balance_transactions") {
            for fee in txn["fee_details"].as_array().expect("fees") {
                if fee["type"] == "stripe_fee" {
                    add(fee, -int(fee, "amount"));
                }
            }
            if txn["type"] == "stripe_fee" || txn["description"] == "Dispute fee" {
                add(txn, int(txn, "amount"));
            }
            add(txn, -int(txn, "net"));
        }
        waiting(account);
    }
    // What buyers paid, less what left, is what lies on the balances: application fees and transfers only move.
    for (currency, left) in sums {
        assert_eq!(left, 0, "{currency} came from nowhere or went there");
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
