//! Balance transactions and payouts.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{Expandable, IdView};

/// The largest amount of a balance transaction that is believed, in minor units: fifteen digits. Stripe's amounts have twelve
/// at most (docs.stripe.com/currencies#minimum-and-maximum-charge-amounts), and thousands of these can be summed.
const MAX_MOVED: i64 = 999_999_999_999_999;
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// A movement of money in or out of a balance (docs.stripe.com/api/balance_transactions/object).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct BalanceTransactionView {
    /// `txn_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Stripe's `type`.
    #[serde(rename = "type", deserialize_with = "name")]
    pub kind: String,
    /// The category that journals are posted by (docs.stripe.com/reports/reporting-categories).
    #[serde(deserialize_with = "name")]
    pub reporting_category: String,
    /// The charge, refund, payout, … that moved it. It may have come as the whole object.
    #[serde(default, deserialize_with = "source")]
    pub source: Option<String>,
    /// Gross, in minor units. Negative: money went out.
    #[serde(deserialize_with = "moved")]
    pub amount: i64,
    /// The sum of `fee_details`, in minor units. Negative: fees were returned.
    #[serde(deserialize_with = "moved")]
    pub fee: i64,
    /// `amount − fee`, in minor units.
    #[serde(deserialize_with = "moved")]
    pub net: i64,
    /// The balance's currency, in lower case. The charge's may differ.
    #[serde(deserialize_with = "currency")]
    pub currency: String,
    /// The parts of the fee.
    #[serde(default, deserialize_with = "or_none")]
    pub fee_details: Vec<FeeDetailView>,
    /// Which of the account's balances.
    #[serde(default = "payments", deserialize_with = "name")]
    pub balance_type: String,
    /// `pending` or `available`.
    #[serde(deserialize_with = "name")]
    pub status: String,
    /// Seconds since 1970.
    #[serde(deserialize_with = "moment")]
    pub available_on: i64,
    /// Seconds since 1970.
    #[serde(deserialize_with = "moment")]
    pub created: i64,
}

/// One of `fee_details`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FeeDetailView {
    /// Stripe's `type`, such as `stripe_fee`.
    #[serde(rename = "type", deserialize_with = "name")]
    pub kind: String,
    /// Minor units.
    #[serde(deserialize_with = "moved")]
    pub amount: i64,
    /// Lower case.
    #[serde(deserialize_with = "currency")]
    pub currency: String,
    /// Stripe's words.
    pub description: Option<String>,
}

/// A word of Stripe's that both databases can hold.
fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    super::id(deserializer).map_err(|_| serde::de::Error::custom("no word of Stripe's"))
}

fn source<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let source = Option::<Expandable<IdView>>::deserialize(deserializer)?;
    let id = source.map(|source| source.id().to_owned());
    match id {
        Some(id) if id.is_empty() || id.len() > 255 || id.contains('\0') => {
            Err(serde::de::Error::custom("no id of Stripe's"))
        }
        id => Ok(id),
    }
}

fn moved<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let amount = i64::deserialize(deserializer)?;
    match (-MAX_MOVED..=MAX_MOVED).contains(&amount) {
        true => Ok(amount),
        false => Err(serde::de::Error::custom("an amount that nobody moves")),
    }
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let code = String::deserialize(deserializer)?;
    match code.len() == 3 && code.bytes().all(|b| b.is_ascii_lowercase()) {
        true => Ok(code),
        false => Err(serde::de::Error::custom("no currency")),
    }
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let seconds = i64::deserialize(deserializer)?;
    match (0..=LAST_SECOND).contains(&seconds) {
        true => Ok(seconds),
        false => Err(serde::de::Error::custom("no time")),
    }
}

fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FeeDetailView>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// What the whole source of a balance transaction says of where its money came from.
#[derive(Clone, Debug, Deserialize)]
pub struct SourceView {
    source: Option<Expandable<TransferredView>>,
}

/// A payment, or its refund.
#[derive(Clone, Debug, Deserialize)]
struct TransferredView {
    /// The transfer that brought the payment from another Stripe account (docs.stripe.com/api/charges/object).
    source_transfer: Option<IgnoredAny>,
    /// The reversal that took it back (docs.stripe.com/api/refunds/object).
    source_transfer_reversal: Option<IgnoredAny>,
}

impl SourceView {
    /// Whether the money is another Stripe account's.
    pub fn is_of_transfer(&self) -> bool {
        match &self.source {
            Some(Expandable::Object(source)) => {
                source.source_transfer.is_some() || source.source_transfer_reversal.is_some()
            }
            _ => false,
        }
    }
}

/// What the whole source of a balance transaction says of an application fee: the fee itself, or a refund of it
/// (docs.stripe.com/api/application_fees/object, docs.stripe.com/api/fee_refunds/object). The refund of a charge tells only
/// that charge.
#[derive(Clone, Debug, Deserialize)]
pub struct FeeSourceView {
    /// `application_fee`, `fee_refund`, or another.
    pub object: String,
    /// Minor units, never negative.
    #[serde(deserialize_with = "moved")]
    pub amount: i64,
    /// The charge's currency, lower case.
    #[serde(deserialize_with = "currency")]
    pub currency: String,
    /// The account that paid the fee.
    pub account: Option<Expandable<IdView>>,
    /// The charge it was taken of.
    pub charge: Option<Expandable<IdView>>,
    /// The fee of which a refund is.
    pub fee: Option<Expandable<IdView>>,
}

impl FeeSourceView {
    /// Reads the whole source. `None`: it came as its id alone, or tells no amount.
    pub fn read(source: &Value) -> Option<Self> {
        Self::deserialize(source).ok()
    }

    /// Whether it is an application fee, or a refund of one.
    pub fn is_of_fee(&self) -> bool {
        matches!(self.object.as_str(), "application_fee" | "fee_refund")
    }
}

/// A balance transaction with its whole source (docs.stripe.com/api/balance_transactions/object).
#[derive(Clone, Debug, Deserialize)]
pub struct WholeSourceView {
    #[serde(default)]
    source: Value,
}

impl WholeSourceView {
    /// What the source says of an application fee.
    pub fn fee_source(&self) -> Option<FeeSourceView> {
        FeeSourceView::read(&self.source)
    }
}

/// An application fee of which a part went back (docs.stripe.com/api/application_fees/object).
#[derive(Clone, Debug, Deserialize)]
pub struct ApplicationFeeView {
    /// What Stripe took, in minor units.
    #[serde(default)]
    pub amount: i64,
    /// What of that went back, in minor units.
    #[serde(default)]
    pub amount_refunded: i64,
    /// The account that had paid it.
    pub account: Expandable<IdView>,
    /// The charge it was taken of.
    pub charge: Option<Expandable<IdView>>,
    /// Its refunds, newest first.
    pub refunds: Option<FeeRefunds>,
}

/// A list of a fee's refunds.
#[derive(Clone, Debug, Deserialize)]
pub struct FeeRefunds {
    /// The newest of them.
    pub data: Vec<IdView>,
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
    /// The field that has an unexpected shape, without its value.
    pub fn read(raw: &Value) -> Result<Self, String> {
        serde_path_to_error::deserialize(raw)
            .map_err(|e| format!("an unexpected value at {}", e.path()))
    }
}

/// The types that Stripe lists, as the library of its API has them in its source. It can't be asked: its enum is
/// `non_exhaustive`. So this list grows when the library is updated.
#[cfg(test)]
pub fn balance_transaction_types() -> Vec<String> {
    let run = |program: &str| std::process::Command::new(program);
    let rustc = run("rustc").arg("-vV").output().expect("rustc");
    let rustc = String::from_utf8(rustc.stdout).expect("a text");
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: "));
    let metadata = run(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1"])
        .args(["--filter-platform", host.expect("a host")])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo metadata");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let library = packages
        .iter()
        .find(|package| package["name"] == "async-stripe-shared");
    let manifest = library.expect("the library")["manifest_path"].as_str();
    let file = manifest
        .expect("a path")
        .replace("Cargo.toml", "src/balance_transaction.rs");
    let text = std::fs::read_to_string(file).expect("its source");
    let read = text.split("FromStr for BalanceTransactionType {").nth(1);
    let read = read
        .expect("its reader")
        .split("\n}")
        .next()
        .expect("a body");
    let names = read
        .split("\" =>")
        .filter_map(|before| before.rsplit('"').next());
    let is_name = |name: &&str| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    names
        .filter(|name| !name.is_empty())
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn with(field: &str, value: Value) -> Result<BalanceTransactionView, String> {
        let mut raw = json!({
            "id": "txn_1", "type": "charge", "reporting_category": "charge", "source": "ch_1", "amount": 1000, "fee": 59,
            "net": 941, "currency": "usd", "fee_details": [], "balance_type": "payments", "status": "pending",
            "available_on": 0, "created": 0,
        });
        raw[field] = value;
        BalanceTransactionView::read(&raw)
    }

    #[test]
    fn an_expanded_source_is_its_id_and_missing_parts_of_a_fee_are_none() {
        let source = |value| with("source", value).expect("is read").source;
        assert_eq!(
            source(json!({ "id": "ch_2", "object": "charge" })),
            Some("ch_2".to_owned())
        );
        assert_eq!(source(json!("ch_3")), Some("ch_3".to_owned()));
        assert_eq!(source(Value::Null), None);
        let bare = with("fee_details", Value::Null).expect("is read");
        assert_eq!(bare.fee_details, []);
    }

    #[test]
    fn what_no_database_or_sum_can_hold_is_not_read_and_the_field_is_named_without_its_value() {
        for (field, value) in [
            ("id", json!("")),
            ("id", json!("x".repeat(256))),
            ("type", json!("a\0b")),
            ("reporting_category", Value::Null),
            ("source", json!("\0")),
            ("source", json!({ "object": "charge" })),
            ("amount", json!(i64::MAX)),
            ("amount", json!(i64::MIN)),
            ("fee", json!("59")),
            ("net", json!(1_000_000_000_000_000_i64)),
            ("currency", json!("zz")),
            ("currency", json!("USD")),
            ("available_on", json!(i64::MAX)),
            ("created", json!(-1)),
        ] {
            let refused = with(field, value.clone()).expect_err(field);
            assert!(refused.starts_with("an unexpected value at "), "{refused}");
            assert!(refused.contains(field), "{value}: {refused}");
        }
        assert!(with("amount", json!(-999_999_999_999_999_i64)).is_ok());
    }
}
