//! Days pass until Stripe pays out, and the admin sees the payout's transactions.

use serde_json::{Value, json};
use souk::money::display;

use super::evidence::{int, list};
use super::responses::{Income, Payout, Transaction};
use super::shop::{CURRENCY, Shop};
use super::{Failure, Poll, Stage, short, until};

const DAY: i64 = 86_400;
/// After so many days all money has been paid out, since a charge is paid out some days later.
const PATIENT_DAYS: u32 = 7;
const MOST_DAYS: u32 = 14;

/// Moves the simulated clock until all money is paid out, and waits until the ledger has closed each payout.
pub async fn days_pass_until_payday(stage: &Stage, shop: &Shop) -> Result<Vec<Payout>, Failure> {
    let screen = &stage.screen;
    screen.step("Days pass, until Stripe pays Nadia out");
    for day in 1..=MOST_DAYS {
        shop.stripe
            .control("/clock/advance", &json!({ "seconds": DAY }))
            .await?;
        let oracle = shop.stripe.oracle().await?;
        let account = &oracle["accounts"][&shop.account];
        let payouts: Vec<&Value> = account["payouts"]
            .as_array()
            .into_iter()
            .flatten()
            .collect();
        let balance = |kind: &str| {
            account["balances"][CURRENCY][kind]
                .as_i64()
                .unwrap_or_default()
        };
        let left = balance("available") + balance("pending");
        if left != 0 {
            screen.amount(
                &format!("day {day}: on her balance at Stripe"),
                left,
                CURRENCY,
            );
        }
        for payout in &payouts {
            let status = payout["status"].as_str().unwrap_or_default();
            screen.amount(
                &format!("day {day}: payout {status}"),
                payout["amount"].as_i64().unwrap_or_default(),
                CURRENCY,
            );
        }
        let arrived =
            !payouts.is_empty() && payouts.iter().all(|payout| payout["status"] == "paid");
        if arrived && (left == 0 || day >= PATIENT_DAYS) {
            return closed(stage, shop, payouts.len()).await;
        }
    }
    Err(format!(
        "Stripe did not pay {} out within {MOST_DAYS} days",
        shop.account
    )
    .into())
}

async fn closed(stage: &Stage, shop: &Shop, count: usize) -> Result<Vec<Payout>, Failure> {
    let path = format!("/v1/payouts?seller_id={}", shop.seller.id);
    let payouts = until(
        &stage.screen,
        "the payout to be paid and reconciled",
        async || {
            let payouts: Vec<Payout> = shop.owner.all(&path).await?;
            let done = payouts
                .iter()
                .all(|payout| payout.status == "paid" && payout.reconciliation == "closed");
            if done && payouts.len() == count {
                return Ok(Poll::Ready(payouts));
            }
            let seen = payouts
                .iter()
                .map(|payout| format!("{}, {}", payout.status, payout.reconciliation));
            Ok(Poll::Pending(
                seen.reduce(|all, one| format!("{all}; {one}"))
                    .unwrap_or_else(|| "none yet".to_owned()),
            ))
        },
    )
    .await?;
    for payout in &payouts {
        let day = payout.arrival_date.split('T').next().unwrap_or_default();
        stage.screen.done(&format!(
            "{} arrived on {day}, and is reconciled",
            short(&payout.id)
        ));
    }
    Ok(payouts)
}

/// The admin reads the transactions of each payout.
pub async fn admin_explains(stage: &Stage, payouts: &[Payout]) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("The platform's admin looks at the payout");
    for payout in payouts {
        let path = format!("/v1/payouts/{}", payout.id);
        let seen: Payout = stage.admin.get(&path).await?;
        let mut transactions: Vec<Transaction> =
            stage.admin.all(&format!("{path}/transactions")).await?;
        transactions.reverse();
        let show = |amount: i64, of: &Transaction| display(amount, &of.currency);
        let rows: Vec<Vec<String>> = transactions
            .iter()
            .map(|txn| {
                let order = txn
                    .order_id
                    .as_deref()
                    .map_or_else(|| "-".to_owned(), short);
                let amounts = [txn.amount, txn.fee, txn.net].map(|amount| show(amount, txn));
                [txn.reporting_category.clone(), order]
                    .into_iter()
                    .chain(amounts)
                    .collect()
            })
            .collect();
        let sum = |of: fn(&Transaction) -> i64| {
            display(transactions.iter().map(of).sum(), &seen.currency)
        };
        let last = [
            short(&seen.id),
            String::new(),
            sum(|txn| txn.amount),
            sum(|txn| txn.fee),
            sum(|txn| txn.net),
        ];
        screen.table(
            &["transaction", "order", "gross", "fees", "net"],
            &rows,
            &last,
        );
        screen.amount("paid to her bank", seen.amount, &seen.currency);
    }
    Ok(())
}

/// The admin reads what the fees brought, once the platform's own book has them all.
pub async fn admin_sees_the_income(stage: &Stage, shop: &Shop) -> Result<(), Failure> {
    let screen = &stage.screen;
    screen.step("And at the platform's own income");
    let rows = until(screen, "the platform's book to have its fees", async || {
        let oracle = shop.stripe.oracle().await?;
        let rows = income(stage, shop).await?;
        let (ours, theirs) = (rows.iter().map(|row| row.net).sum(), fees(shop, &oracle));
        Ok(match ours == theirs {
            true => Poll::Ready(rows),
            false => Poll::Pending(format!(
                "{} of {}",
                display(ours, CURRENCY),
                display(theirs, CURRENCY)
            )),
        })
    })
    .await?;
    let line = |row: &Income| {
        let amounts = [row.amount, row.amount_returned, row.net];
        [row.period.clone(), row.count.to_string()]
            .into_iter()
            .chain(amounts.map(|amount| display(amount, &row.currency)))
            .collect()
    };
    let lines: Vec<Vec<String>> = rows.iter().map(line).collect();
    let sum = |of: fn(&Income) -> i64| display(rows.iter().map(of).sum(), CURRENCY);
    let last = [
        "all".to_owned(),
        rows.iter().map(|row| row.count).sum::<i64>().to_string(),
        sum(|row| row.amount),
        sum(|row| row.amount_returned),
        sum(|row| row.net),
    ];
    screen.table(
        &["month", "fees", "taken", "returned", "kept"],
        &lines,
        &last,
    );
    Ok(())
}

/// What this shop's fees brought, by month.
pub async fn income(stage: &Stage, shop: &Shop) -> Result<Vec<Income>, Failure> {
    let seller = &shop.seller.id;
    let path = format!("/v1/reports/application_fees?interval=month&seller_id={seller}");
    stage.admin.get_list(&path).await
}

/// What the platform kept of this shop's fees, by Stripe's own books.
pub fn fees(shop: &Shop, oracle: &Value) -> i64 {
    let platform = oracle["platform"].as_str().unwrap_or_default();
    let fees = list(&oracle["accounts"][platform]["application_fees"]);
    let of_shop = fees.filter(|fee| fee["account"] == shop.account.as_str());
    of_shop
        .map(|fee| int(fee, "amount") - int(fee, "amount_refunded"))
        .sum()
}
