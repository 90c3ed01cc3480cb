//! Prices.

use std::collections::HashMap;

use serde::Deserialize;

/// A price (docs.stripe.com/api/prices/object).
#[derive(Clone, Debug, Deserialize)]
pub struct PriceView {
    /// `price_…`.
    pub id: String,
    /// The product's id.
    pub product: String,
    /// ISO 4217, lower case.
    pub currency: String,
    /// Minor units; null for tiers and fractions.
    pub unit_amount: Option<i64>,
    /// Null for one that is paid once.
    pub recurring: Option<RecurringView>,
    /// Unique on the account.
    pub lookup_key: Option<String>,
    /// Anybody may have written it.
    #[serde(default)]
    pub metadata: HashMap<String, String>,
    /// Whether anything new may be sold by it.
    pub active: bool,
}

/// How often a price is paid.
#[derive(Clone, Debug, Deserialize)]
pub struct RecurringView {
    /// `day`, `week`, `month` or `year`.
    pub interval: String,
    /// So many intervals make a period.
    pub interval_count: i64,
    /// `licensed` or `metered`.
    pub usage_type: String,
}
