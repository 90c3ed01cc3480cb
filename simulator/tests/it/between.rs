//! Between the accounts of a platform money is neither made nor lost, whatever is done.

use serde_json::{Value, json};

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

#[tokio::test]
async fn between_accounts_money_is_neither_made_nor_lost() {
    for (seed, fees) in [(7u64, "inside"), (11, "own")] {
        let s = Stripe::start().await;
        let body = json!({ "fee_refund": fees }).to_string();
        s.post("/_simulator/assumptions", &body).await;
        let accounts = [s.seller().await, s.seller().await];
        let mut state = seed;
        let mut next = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut charges = Vec::new();
        for _ in 0..30 {
            let acct = &accounts[usize::from(next(2) == 1)];
            let amount = 100 + next(900);
            match next(6) {
                0 => charges.push(charge(&s, 1000, NOW, "").await),
                1 => {
                    let more = format!(
                        "&transfer_data[destination]={acct}&application_fee_amount={}",
                        next(300)
                    );
                    charges.push(charge(&s, 1000, "pm_card_visa", &more).await);
                }
                2 => {
                    let more = format!(
                        "&transfer_data[destination]={acct}&transfer_data[amount]={amount}"
                    );
                    charges.push(charge(&s, 1000, NOW, &more).await);
                }
                3 => {
                    let body = format!("amount={amount}&currency=eur&destination={acct}");
                    s.send("POST", "/v1/transfers", &body, &[]).await;
                }
                4 if !charges.is_empty() => {
                    let which = usize::try_from(next(charges.len() as u64)).expect("index");
                    let both = [
                        "",
                        "&reverse_transfer=true",
                        "&reverse_transfer=true&refund_application_fee=true",
                    ];
                    let how = both[usize::try_from(next(3)).expect("index")];
                    let body = format!("charge={}&amount={amount}{how}", id(&charges[which]));
                    s.send("POST", "/v1/refunds", &body, &[]).await;
                }
                5 => {
                    let all = s.get("/v1/transfers?limit=100").await;
                    let all = all["data"].as_array().expect("list");
                    if !all.is_empty() {
                        let which = usize::try_from(next(all.len() as u64)).expect("index");
                        let body =
                            format!("amount={amount}&refund_application_fee={}", next(2) == 1);
                        let path = format!("/v1/transfers/{}/reversals", id(&all[which]));
                        s.send("POST", &path, &body, &[]).await;
                    }
                }
                _ => s.simulator.advance(DAY).await,
            }
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
