//! The one posting rule: the journals of balance transactions and of payouts' changes of status.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::money;
use crate::stripe::views::BalanceTransactionView;

/// Version of `contra` and `fee_account`, kept with each journal. A change of either is a new version, by which older journals
/// are corrected (`reposting`).
pub const RULE: i32 = 2;

/// The account of money that no rule knows.
pub const SUSPENSE: &str = "suspense";
/// Money between Stripe's balance and the bank.
pub const CLEARING: &str = "payout:clearing";
/// Money at the account's bank.
pub const BANK: &str = "bank";
/// What a seller's charges pay the platform.
pub const FEE: &str = "fee:application";
/// The same on the platform's book, and what of it goes back. A correction of Stripe's may stand under a fee there, too.
pub const INCOME: [&str; 3] = [
    "income:application_fee",
    "income:application_fee_refund",
    FEE,
];

/// Whose money a payment (`py_…`) or its refund (`pyr_…`) is. The id doesn't say: a bank debit has the same prefix as money
/// that the platform sent (docs.stripe.com/connect/separate-charges-and-transfers).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A customer's.
    Customer,
    /// Another Stripe account's: the source has a `source_transfer` or a `source_transfer_reversal`.
    Transfer,
}

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
pub fn post(txn: &BalanceTransactionView, origin: Origin) -> Result<Vec<Line>> {
    let mut lines = Lines::new(&txn.currency);
    lines.add(&format!("stripe_balance:{}", txn.balance_type), txn.net)?;
    for fee in &txn.fee_details {
        if fee.currency == txn.currency {
            lines.add(fee_account(&fee.kind), fee.amount)?;
        }
    }
    let account = contra(txn, origin).unwrap_or(SUSPENSE);
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

/// The contra account by category (docs.stripe.com/reports/reporting-categories), type
/// (docs.stripe.com/reports/balance-transaction-types) and the prefix of the source, since a category alone holds too much:
/// `fee` has returned application fees too, and `charge` has transfers in.
fn contra(txn: &BalanceTransactionView, origin: Origin) -> Option<&'static str> {
    let source = txn.source.as_deref().unwrap_or_default();
    let (prefix, _) = source.split_once('_').unwrap_or_default();
    let account = match (txn.reporting_category.as_str(), txn.kind.as_str(), prefix) {
        (
            "charge" | "charge_failure" | "partial_capture_reversal" | "refund" | "refund_failure",
            _,
            _,
        ) if origin == Origin::Transfer => "transfer",
        ("fee", "application_fee" | "application_fee_refund", _) | ("fee", _, "fee" | "fr") => FEE,
        ("fee", "tax_fee", _) => "fee:tax",
        ("other_adjustment", kind, prefix) => return adjustment(kind, prefix),
        (category, _, _) => return by_category(category),
    };
    Some(account)
}

fn by_category(category: &str) -> Option<&'static str> {
    Some(match category {
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
        "advance"
        | "advance_funding"
        | "anticipation_repayment"
        | "financing_payout"
        | "financing_payout_reversal"
        | "financing_paydown"
        | "financing_paydown_reversal" => "financing",
        "climate_order_purchase" | "climate_order_refund" | "contribution" => "climate",
        "issuing_authorization_hold"
        | "issuing_authorization_release"
        | "issuing_dispute"
        | "issuing_transaction" => "issuing",
        "unreconciled_customer_funds" => "customer_funds",
        _ => return None,
    })
}

/// The account of an adjustment of no category of its own: by what it adjusts, else by its type. Exhaustive over the types
/// that Stripe lists, which a test holds it to.
fn adjustment(kind: &str, prefix: &str) -> Option<&'static str> {
    match (kind, prefix) {
        ("adjustment", "du" | "dp") => return Some("dispute:loss"),
        ("adjustment", "re" | "pyr") => return Some("sales:refund"),
        ("adjustment", "ch" | "py") => return Some("sales:charge"),
        ("adjustment", "fee" | "fr") => return Some(FEE),
        ("adjustment", "po") => return Some(CLEARING),
        ("adjustment", "tr" | "trr") => return Some("transfer"),
        _ => {}
    }
    Some(match kind {
        "adjustment" => "adjustment",
        "advance" | "advance_funding" | "anticipation_repayment" => "financing",
        "application_fee" | "application_fee_refund" => FEE,
        "charge" | "payment" | "payment_failure_refund" | "payment_reversal" => "sales:charge",
        "climate_order_purchase" | "climate_order_refund" | "contribution" => "climate",
        "connect_collection_transfer"
        | "obligation_outbound"
        | "obligation_reversal_inbound"
        | "transfer"
        | "transfer_cancel"
        | "transfer_failure"
        | "transfer_refund" => "transfer",
        "fee_credit_funding" | "stripe_fee" | "stripe_fx_fee" => "fee:stripe",
        "inbound_transfer" | "inbound_transfer_reversal" | "topup" | "topup_reversal" => BANK,
        "issuing_authorization_hold"
        | "issuing_authorization_release"
        | "issuing_dispute"
        | "issuing_dispute_provisional_credit"
        | "issuing_dispute_provisional_credit_reversal"
        | "issuing_transaction" => "issuing",
        "payment_network_reserve_hold"
        | "payment_network_reserve_release"
        | "payout_minimum_balance_hold"
        | "payout_minimum_balance_release"
        | "reserve_hold"
        | "reserve_release"
        | "reserve_transaction"
        | "reserved_funds" => "reserve:hold",
        "payment_refund" | "refund" | "refund_failure" => "sales:refund",
        "payment_unreconciled" => "customer_funds",
        "payout" | "payout_cancel" | "payout_failure" => CLEARING,
        "stripe_balance_payment_debit" | "stripe_balance_payment_debit_reversal" => {
            "balance_payment"
        }
        "tax_fee" | "tax_fund" => "fee:tax",
        _ => return None,
    })
}

/// The account of a fee, by its `type` in `fee_details`.
fn fee_account(kind: &str) -> &'static str {
    match kind {
        "stripe_fee" => "fee:stripe",
        "tax" => "fee:tax",
        "application_fee" => FEE,
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
        let lines = post(txn, Origin::Customer).expect("small amounts");
        assert!(is_balanced(&lines).expect("small amounts"), "{lines:?}");
        lines.into_iter().map(|l| (l.account, l.amount)).collect()
    }

    fn on(lines: &[(String, i64)], account: &str) -> i64 {
        let mine = lines.iter().filter(|(name, _)| name == account);
        mine.map(|(_, amount)| amount).sum()
    }

    /// All of Stripe's, as its API lists them for reports (docs.stripe.com/api/reporting/report_run/create,
    /// `parameters.reporting_category`). `tests/conformance/categories.py` compares them with Stripe's description.
    const CATEGORIES: &[&str] = &[
        "advance",
        "advance_funding",
        "anticipation_repayment",
        "charge",
        "charge_failure",
        "climate_order_purchase",
        "climate_order_refund",
        "connect_collection_transfer",
        "connect_reserved_funds",
        "contribution",
        "dispute",
        "dispute_reversal",
        "fee",
        "financing_paydown",
        "financing_paydown_reversal",
        "financing_payout",
        "financing_payout_reversal",
        "issuing_authorization_hold",
        "issuing_authorization_release",
        "issuing_dispute",
        "issuing_transaction",
        "network_cost",
        "other_adjustment",
        "partial_capture_reversal",
        "payout",
        "payout_reversal",
        "platform_earning",
        "platform_earning_refund",
        "refund",
        "refund_failure",
        "risk_reserved_funds",
        "tax",
        "topup",
        "topup_reversal",
        "transfer",
        "transfer_reversal",
        "unreconciled_customer_funds",
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
            let mut lines = post(&txn("payout", -amount, &[]), Origin::Customer).expect("small");
            lines.extend(payout_paid(amount, "usd").expect("small"));
            let at_bank = lines.iter().filter(|line| line.account == BANK);
            assert_eq!(at_bank.map(|line| line.amount).sum::<i64>(), amount);
            lines.extend(payout_failed(amount, "usd").expect("small"));
            lines.extend(
                post(&txn("payout_reversal", amount, &[]), Origin::Customer).expect("small"),
            );
            for account in [CLEARING, BANK, "stripe_balance:payments"] {
                let mine = lines.iter().filter(|line| line.account == account);
                assert_eq!(mine.map(|line| line.amount).sum::<i64>(), 0, "{account}");
            }
        }
    }

    /// The contra account of a row, `1` in, without fees.
    fn contra_of(category: &str, kind: &str, source: &str, origin: Origin) -> String {
        let mut txn = txn(category, 1, &[]);
        txn.kind = kind.to_owned();
        txn.source = Some(source.to_owned());
        let lines = post(&txn, origin).expect("small");
        let contra = lines.into_iter().find(|line| line.amount == -1);
        contra.expect("a contra account").account
    }

    #[test]
    fn a_returned_fee_and_money_from_the_platform_are_neither_stripes_fee_nor_a_sale() {
        use Origin::{Customer, Transfer};
        for (category, kind, source, origin, account) in [
            ("fee", "stripe_fee", "ch_1", Customer, "fee:stripe"),
            (
                "fee",
                "application_fee_refund",
                "fr_1",
                Customer,
                "fee:application",
            ),
            ("fee", "adjustment", "fr_1", Customer, "fee:application"),
            ("fee", "tax_fee", "", Customer, "fee:tax"),
            ("charge", "payment", "py_1", Customer, "sales:charge"),
            ("charge", "payment", "py_1", Transfer, "transfer"),
            (
                "refund",
                "payment_refund",
                "pyr_1",
                Customer,
                "sales:refund",
            ),
            ("refund", "payment_refund", "pyr_1", Transfer, "transfer"),
            (
                "refund_failure",
                "refund_failure",
                "pyr_1",
                Transfer,
                "transfer",
            ),
            ("transfer", "transfer", "tr_1", Customer, "transfer"),
            ("other_adjustment", "adjustment", "", Customer, "adjustment"),
            (
                "other_adjustment",
                "adjustment",
                "du_1",
                Customer,
                "dispute:loss",
            ),
            (
                "other_adjustment",
                "adjustment",
                "re_1",
                Customer,
                "sales:refund",
            ),
            (
                "other_adjustment",
                "reserve_hold",
                "",
                Customer,
                "reserve:hold",
            ),
            ("other_adjustment", "moon_landing", "", Customer, SUSPENSE),
        ] {
            let found = contra_of(category, kind, source, origin);
            assert_eq!(found, account, "{category} {kind} {source} {origin:?}");
        }
    }

    #[test]
    fn every_type_that_stripe_lists_has_an_account_in_every_category() {
        let types = crate::stripe::views::balance_transaction_types();
        assert!(types.len() >= 52, "{types:?}");
        for kind in &types {
            for category in CATEGORIES {
                for origin in [Origin::Customer, Origin::Transfer] {
                    let account = contra_of(category, kind, "x_1", origin);
                    assert_ne!(account, SUSPENSE, "{category} {kind}");
                }
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
        let lines = post(&fx, Origin::Customer).expect("small");
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
        assert!(post(&txn("charge", i64::MIN, &[]), Origin::Customer).is_err());
    }
}
