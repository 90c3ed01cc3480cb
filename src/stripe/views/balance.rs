//! Balance transactions and payouts.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// Money that moved in or out of a balance (docs.stripe.com/api/balance_transactions/object).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BalanceTransactionView {
    /// `txn_…`.
    pub id: String,
    /// Stripe's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What books go by (docs.stripe.com/reports/reporting-categories).
    pub reporting_category: String,
    /// The charge, refund, payout, … that moved it.
    pub source: Option<String>,
    /// Gross, minor units; negative: sent away.
    pub amount: i64,
    /// Sum of `fee_details`; negative where fees come back.
    pub fee: i64,
    /// `amount − fee`.
    pub net: i64,
    /// Of the balance, lower case; a charge's own may differ.
    pub currency: String,
    /// What the fee is made of.
    #[serde(default)]
    pub fee_details: Vec<FeeDetailView>,
    /// Which of the account's balances.
    #[serde(default = "payments")]
    pub balance_type: String,
    /// `pending` or `available`.
    pub status: String,
    /// Seconds since 1970.
    pub available_on: i64,
    /// Seconds since 1970.
    pub created: i64,
}

/// One of `fee_details`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FeeDetailView {
    /// Stripe's `type`, such as `stripe_fee`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Stripe's words.
    pub description: Option<String>,
}

/// Versions before the field was added knew this balance only.
fn payments() -> String {
    "payments".to_owned()
}

/// Money on its way to a bank (docs.stripe.com/api/payouts/object).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PayoutView {
    /// `po_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Minor units; negative: taken from the bank.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `in_transit`, `paid`, `canceled` or `failed`.
    pub status: String,
    /// Made by the account's schedule, not by hand.
    pub automatic: bool,
    /// Seconds since 1970.
    pub arrival_date: i64,
    /// Seconds since 1970.
    pub created: i64,
    /// `not_applicable`, `in_progress` or `completed`.
    #[serde(default)]
    pub reconciliation_status: Option<String>,
    /// Such as `account_closed`.
    pub failure_code: Option<String>,
    /// Stripe's words.
    pub failure_message: Option<String>,
}

impl BalanceTransactionView {
    /// Reads one that came as raw JSON, in a page.
    pub fn read(raw: &Value) -> Result<Self> {
        Self::deserialize(raw).map_err(|e| {
            let id = raw["id"].as_str().unwrap_or("balance transaction");
            Error::internal(format!("Stripe's {id} has an unexpected shape: {e}"))
        })
    }
}
