//! Balance transactions and payouts.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};

/// A movement of money in or out of a balance (docs.stripe.com/api/balance_transactions/object).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BalanceTransactionView {
    /// `txn_…`.
    pub id: String,
    /// Stripe's `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The category that journals are posted by (docs.stripe.com/reports/reporting-categories).
    pub reporting_category: String,
    /// The charge, refund, payout, … that moved it.
    pub source: Option<String>,
    /// Gross, in minor units. Negative: money went out.
    pub amount: i64,
    /// The sum of `fee_details`, in minor units. Negative: fees were returned.
    pub fee: i64,
    /// `amount − fee`, in minor units.
    pub net: i64,
    /// The balance's currency, in lower case. The charge's may differ.
    pub currency: String,
    /// The parts of the fee.
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
    /// Minor units. Negative: the bank account was debited.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `in_transit`, `paid`, `canceled` or `failed`.
    pub status: String,
    /// Created by the account's payout schedule, not manually.
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
    /// Reads a balance transaction from the raw JSON of a page.
    ///
    /// # Errors
    /// Names the transaction whose shape is unexpected.
    pub fn read(raw: &Value) -> Result<Self> {
        Self::deserialize(raw).map_err(|e| {
            let id = raw["id"].as_str().unwrap_or("balance transaction");
            Error::internal(format!("Stripe's {id} has an unexpected shape: {e}"))
        })
    }
}
