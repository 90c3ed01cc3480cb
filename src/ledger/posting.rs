//! The one posting rule: the journals of balance transactions and of payouts' changes of status.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::money;
use crate::stripe::views::BalanceTransactionView;

/// Version of `contra` and `fee_account`, kept with each journal. A change of either is a new version.
pub const RULE: i32 = 1;

/// The account of money that no rule knows.
pub const SUSPENSE: &str = "suspense";
/// Money between Stripe's balance and the bank.
pub const CLEARING: &str = "payout:clearing";
/// Money at the account's bank.
pub const BANK: &str = "bank";

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Ledger account, such as `fee:stripe`.
    pub account: String,
    /// Lower case.
    pub currency: String,
    /// Minor units, debit positive, never zero.
    pub amount: i64,
}

/// The journal of a balance transaction: `+net` to its balance, each fee to the fee's account, `−amount` to the account of
/// its reporting category, whatever the signs. It sums to zero, since net = amount − fees. If Stripe's own figures don't
/// sum to zero, or a fee is in another currency, the difference goes to suspense.
pub fn post(txn: &BalanceTransactionView) -> Result<Vec<Line>> {
    let mut lines = Lines::new(&txn.currency);
    lines.add(&format!("stripe_balance:{}", txn.balance_type), txn.net)?;
    for fee in &txn.fee_details {
        if fee.currency == txn.currency {
            lines.add(fee_account(&fee.kind), fee.amount)?;
        }
    }
    let account = contra(&txn.reporting_category).unwrap_or(SUSPENSE);
    lines.add(account, money::sub(0, txn.amount)?)?;
    let excess = lines.sum;
    lines.add(SUSPENSE, money::sub(0, excess)?)?;
    Ok(lines.all)
}

/// The journal of a payout that reached the bank: from clearing to the bank. A debit payout has a negative `amount`, so it
/// goes the other way.
pub fn payout_paid(amount: i64, currency: &str) -> Result<Vec<Line>> {
    let mut lines = Lines::new(currency);
    lines.add(BANK, amount)?;
    lines.add(CLEARING, money::sub(0, amount)?)?;
    Ok(lines.all)
}

/// The journal of a payout that failed after it was paid: the reverse of `payout_paid`.
pub fn payout_failed(amount: i64, currency: &str) -> Result<Vec<Line>> {
    payout_paid(money::sub(0, amount)?, currency)
}

/// Whether lines sum to zero in each currency.
pub fn is_balanced(lines: &[Line]) -> Result<bool> {
    let mut sums = BTreeMap::new();
    for line in lines {
        let sum: &mut i64 = sums.entry(&line.currency).or_default();
        *sum = money::add(*sum, line.amount)?;
    }
    Ok(sums.values().all(|sum| *sum == 0))
}

/// The contra account of a reporting category (docs.stripe.com/reports/reporting-categories).
fn contra(reporting_category: &str) -> Option<&'static str> {
    Some(match reporting_category {
        "charge" | "charge_failure" | "partial_capture_reversal" => "sales:charge",
        "refund" | "refund_failure" => "sales:refund",
        "dispute" | "dispute_reversal" => "dispute:loss",
        "payout" | "payout_reversal" => CLEARING,
        "topup" | "topup_reversal" => BANK,
        "fee" => "fee:stripe",
        "network_cost" => "fee:passthrough",
        "tax" => "fee:tax",
        "connect_reserved_funds" | "risk_reserved_funds" => "reserve:hold",
        "platform_earning" => "income:application_fee",
        "platform_earning_refund" => "income:application_fee_refund",
        "transfer" | "transfer_reversal" | "connect_collection_transfer" => "transfer",
        _ => return None,
    })
}

/// The account of a fee, by its `type` in `fee_details`.
fn fee_account(kind: &str) -> &'static str {
    match kind {
        "stripe_fee" => "fee:stripe",
        "tax" => "fee:tax",
        "application_fee" => "fee:application",
        "payment_method_passthrough_fee" => "fee:passthrough",
        "withheld_tax" => "fee:withheld",
        _ => "fee:other",
    }
}

/// Lines of one currency, with their sum.
struct Lines {
    currency: String,
    sum: i64,
    all: Vec<Line>,
}

impl Lines {
    fn new(currency: &str) -> Self {
        Self {
            currency: currency.to_owned(),
            sum: 0,
            all: Vec::new(),
        }
    }

    fn add(&mut self, account: &str, amount: i64) -> Result<()> {
        self.sum = money::add(self.sum, amount)?;
        if amount != 0 {
            self.all.push(Line {
                account: account.to_owned(),
                currency: self.currency.clone(),
                amount,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::views::FeeDetailView;

    fn fee(kind: &str, amount: i64, currency: &str) -> FeeDetailView {
        FeeDetailView {
            kind: kind.to_owned(),
            amount,
            currency: currency.to_owned(),
            description: None,
        }
    }

    fn txn(category: &str, amount: i64, fees: &[(&str, i64)]) -> BalanceTransactionView {
        let total: i64 = fees.iter().map(|(_, amount)| amount).sum();
        BalanceTransactionView {
            id: "txn_1".to_owned(),
            kind: "charge".to_owned(),
            reporting_category: category.to_owned(),
            source: None,
            amount,
            fee: total,
            net: amount - total,
            currency: "usd".to_owned(),
            fee_details: fees
                .iter()
                .map(|(kind, amount)| fee(kind, *amount, "usd"))
                .collect(),
            balance_type: "payments".to_owned(),
            status: "pending".to_owned(),
            available_on: 0,
            created: 0,
        }
    }

    fn posted(txn: &BalanceTransactionView) -> Vec<(String, i64)> {
        let lines = post(txn).expect("small amounts");
        assert!(is_balanced(&lines).expect("small amounts"), "{lines:?}");
        lines.into_iter().map(|l| (l.account, l.amount)).collect()
    }

    fn on(lines: &[(String, i64)], account: &str) -> i64 {
        let mine = lines.iter().filter(|(name, _)| name == account);
        mine.map(|(_, amount)| amount).sum()
    }

    const CATEGORIES: &[&str] = &[
        "charge",
        "charge_failure",
        "partial_capture_reversal",
        "refund",
        "refund_failure",
        "dispute",
        "dispute_reversal",
        "payout",
        "payout_reversal",
        "topup",
        "topup_reversal",
        "fee",
        "network_cost",
        "tax",
        "connect_reserved_funds",
        "risk_reserved_funds",
        "platform_earning",
        "platform_earning_refund",
        "transfer",
        "transfer_reversal",
        "connect_collection_transfer",
    ];

    #[test]
    fn every_category_with_every_fee_and_sign_sums_to_zero_and_moves_the_balance_by_net() {
        let kinds = [
            "stripe_fee",
            "tax",
            "application_fee",
            "payment_method_passthrough_fee",
            "withheld_tax",
            "a_new_one",
        ];
        for category in CATEGORIES {
            for amount in [-4000, -1, 0, 1, 4000, 99_999_999] {
                for fee in [-500, 0, 1, 146] {
                    for kind in kinds {
                        let txn = txn(category, amount, &[(kind, fee), ("stripe_fee", 30)]);
                        let lines = posted(&txn);
                        assert_eq!(on(&lines, "stripe_balance:payments"), txn.net);
                        assert_eq!(on(&lines, SUSPENSE), 0, "{category} is known");
                    }
                }
            }
        }
    }

    #[test]
    fn a_charge_splits_into_balance_fees_and_sales() {
        let txn = txn(
            "charge",
            4000,
            &[("stripe_fee", 146), ("application_fee", 500)],
        );
        let expected = [
            ("stripe_balance:payments", 3354),
            ("fee:stripe", 146),
            ("fee:application", 500),
            ("sales:charge", -4000),
        ];
        assert_eq!(posted(&txn), expected.map(|(a, n)| (a.to_owned(), n)));
    }

    #[test]
    fn a_refund_that_returns_the_application_fee_credits_that_fee() {
        let lines = posted(&txn("refund", -4000, &[("application_fee", -500)]));
        assert_eq!(on(&lines, "stripe_balance:payments"), -3500);
        assert_eq!(on(&lines, "fee:application"), -500);
        assert_eq!(on(&lines, "sales:refund"), 4000);
    }

    #[test]
    fn a_failed_refund_and_a_failed_charge_undo_what_they_follow() {
        for (first, undone) in [("refund", "refund_failure"), ("charge", "charge_failure")] {
            let mut lines = posted(&txn(first, -1200, &[("stripe_fee", 7)]));
            lines.extend(posted(&txn(undone, 1200, &[("stripe_fee", -7)])));
            for (account, _) in &lines {
                assert_eq!(on(&lines, account), 0, "{account} after {undone}");
            }
        }
    }

    #[test]
    fn a_payout_that_is_paid_and_then_fails_leaves_clearing_and_bank_empty() {
        for amount in [3354, -3354] {
            let mut lines = post(&txn("payout", -amount, &[])).expect("small");
            lines.extend(payout_paid(amount, "usd").expect("small"));
            let at_bank = lines.iter().filter(|line| line.account == BANK);
            assert_eq!(at_bank.map(|line| line.amount).sum::<i64>(), amount);
            lines.extend(payout_failed(amount, "usd").expect("small"));
            lines.extend(post(&txn("payout_reversal", amount, &[])).expect("small"));
            for account in [CLEARING, BANK, "stripe_balance:payments"] {
                let mine = lines.iter().filter(|line| line.account == account);
                assert_eq!(mine.map(|line| line.amount).sum::<i64>(), 0, "{account}");
            }
        }
    }

    #[test]
    fn an_unknown_category_goes_to_suspense() {
        let lines = posted(&txn("moon_landing", 700, &[("stripe_fee", 20)]));
        assert_eq!(on(&lines, SUSPENSE), -700);
        assert_eq!(on(&lines, "stripe_balance:payments"), 680);
    }

    #[test]
    fn figures_of_stripes_that_do_not_add_up_balance_through_suspense() {
        let mut odd = txn("charge", 1000, &[("stripe_fee", 59)]);
        odd.net = 900;
        assert_eq!(on(&posted(&odd), SUSPENSE), 41);
        let mut foreign = txn("charge", 1000, &[("stripe_fee", 59)]);
        foreign.fee_details = vec![fee("stripe_fee", 55, "eur")];
        assert_eq!(on(&posted(&foreign), SUSPENSE), 59);
    }

    #[test]
    fn a_charge_in_another_currency_is_posted_in_the_balances_currency_only() {
        let mut fx = txn("charge", 1234, &[("stripe_fee", 80)]);
        fx.currency = "eur".to_owned();
        fx.fee_details = vec![fee("stripe_fee", 80, "eur")];
        let lines = post(&fx).expect("small");
        assert!(is_balanced(&lines).expect("small"));
        assert!(lines.iter().all(|line| line.currency == "eur"));
        assert!(lines.iter().all(|line| line.account != SUSPENSE));
    }

    #[test]
    fn other_balances_of_the_account_have_accounts_of_their_own() {
        let mut reserved = txn("risk_reserved_funds", -50, &[]);
        reserved.balance_type = "risk_reserved".to_owned();
        assert_eq!(on(&posted(&reserved), "stripe_balance:risk_reserved"), -50);
    }

    #[test]
    fn an_amount_that_does_not_fit_is_an_error() {
        assert!(post(&txn("charge", i64::MIN, &[])).is_err());
    }
}
