//! Between the accounts of a platform money is neither made nor lost, whatever is done.

use serde_json::Value;

use crate::{
    support::{DAY, Stripe, check_books},
    transfers::{NOW, charge, id},
};

/// What moved between the accounts of a platform: transfers, payments, fees and what came back of them.
fn between(oracle: &Value) -> i64 {
    let mut sum = 0;
    for account in oracle["accounts"].as_object().expect("accounts").values() {
        for txn in account["balance_transactions"].as_array().expect("list") {
            let int = |value: &Value| value.as_i64().expect("integer");
            match txn["type"].as_str().expect("type") {
                "transfer"
                | "transfer_refund"
                | "payment"
                | "payment_refund"
                | "application_fee"
                | "application_fee_refund" => sum += int(&txn["amount"]),
                _ => {}
            }
            for part in txn["fee_details"].as_array().expect("list") {
                if part["type"] == "application_fee" {
                    sum -= int(&part["amount"]);
                }
            }
        }
    }
    sum
}

/// Numbers that look random and follow from a seed.
struct Draws(u64);

impl Draws {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).expect("index")]
    }
}

/// Charges, sends, refunds or reverses something, or lets a day pass.
async fn act(s: &Stripe, accounts: &[String], charges: &mut Vec<Value>, draws: &mut Draws) {
    let acct = draws.one_of(accounts);
    let amount = 100 + draws.below(900);
    match draws.below(6) {
        0 => charges.push(charge(s, 1000, NOW, "").await),
        1 => {
            let more = format!(
                "&transfer_data[destination]={acct}&application_fee_amount={}",
                draws.below(300)
            );
            charges.push(charge(s, 1000, "pm_card_visa", &more).await);
        }
        2 => {
            let more = format!("&transfer_data[destination]={acct}&transfer_data[amount]={amount}");
            charges.push(charge(s, 1000, NOW, &more).await);
        }
        3 => {
            let body = format!("amount={amount}&currency=eur&destination={acct}");
            s.send("POST", "/v1/transfers", &body, &[]).await;
        }
        4 if !charges.is_empty() => {
            let of = id(draws.one_of(charges));
            let how = draws.one_of(&[
                "",
                "&reverse_transfer=true",
                "&reverse_transfer=true&refund_application_fee=true",
            ]);
            let body = format!("charge={of}&amount={amount}{how}");
            s.send("POST", "/v1/refunds", &body, &[]).await;
        }
        5 => {
            let all = s.get("/v1/transfers?limit=100").await;
            let all = all["data"].as_array().expect("list");
            if !all.is_empty() {
                let path = format!("/v1/transfers/{}/reversals", id(draws.one_of(all)));
                let with_fee = draws.below(2) == 1;
                let body = format!("amount={amount}&refund_application_fee={with_fee}");
                s.send("POST", &path, &body, &[]).await;
            }
        }
        _ => s.simulator.advance(DAY).await,
    }
}

#[tokio::test]
async fn between_accounts_money_is_neither_made_nor_lost() {
    for (seed, fees) in [(7u64, "inside"), (11, "own")] {
        let s = Stripe::under("fee_refund", fees).await;
        let accounts = [s.seller().await, s.seller().await];
        let mut draws = Draws(seed);
        let mut charges = Vec::new();
        for _ in 0..30 {
            act(&s, &accounts, &mut charges, &mut draws).await;
            let oracle = s.simulator.oracle().await;
            assert_eq!(between(&oracle), 0, "seed {seed}");
            check_books(&oracle);
        }
        for transfer in s.get("/v1/transfers?limit=100").await["data"]
            .as_array()
            .expect("list")
        {
            let back: i64 = transfer["reversals"]["data"]
                .as_array()
                .expect("list")
                .iter()
                .filter_map(|r| r["amount"].as_i64())
                .sum();
            assert_eq!(transfer["amount_reversed"], back);
            assert!(transfer["amount"].as_i64() >= Some(back), "{transfer}");
        }
    }
}
