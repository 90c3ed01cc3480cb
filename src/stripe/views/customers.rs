//! Customers, payment methods and setup intents.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Expandable, IdView};

/// A customer (docs.stripe.com/api/customers/object).
#[derive(Clone, Debug, Deserialize)]
pub struct CustomerView {
    /// `cus_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Whether this is all that is left of it.
    #[serde(default)]
    pub deleted: bool,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Its holder's.
    pub name: Option<String>,
    /// Its holder's.
    pub email: Option<String>,
    /// Its holder's.
    pub phone: Option<String>,
    /// Where its holder is billed.
    pub address: Option<AddressView>,
    /// Where they were expanded.
    pub tax_ids: Option<TaxIdsView>,
    /// How its invoices are paid.
    pub invoice_settings: Option<InvoiceSettingsView>,
    /// Ours, but only a hint: anybody at the account can change it.
    pub metadata: Option<HashMap<String, String>>,
}

/// `address` of a customer. Each part may be null.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AddressView {
    /// The street.
    pub line1: Option<String>,
    /// More of it.
    pub line2: Option<String>,
    /// As the country has it.
    pub postal_code: Option<String>,
    /// Or town.
    pub city: Option<String>,
    /// Or province.
    pub state: Option<String>,
    /// Two letters.
    pub country: Option<String>,
}

/// `tax_ids` of a customer.
#[derive(Clone, Debug, Deserialize)]
pub struct TaxIdsView {
    /// The first of them.
    pub data: Vec<TaxIdView>,
    /// Whether there are others.
    #[serde(default)]
    pub has_more: bool,
}

/// A tax id (docs.stripe.com/api/tax_ids/object).
#[derive(Clone, Debug, Deserialize)]
pub struct TaxIdView {
    /// `txi_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Such as `eu_vat`.
    pub r#type: Option<String>,
    /// The number.
    pub value: Option<String>,
    /// Two letters.
    pub country: Option<String>,
    /// What an authority says of it.
    pub verification: Option<TaxIdVerificationView>,
}

/// `verification` of a tax id.
#[derive(Clone, Debug, Deserialize)]
pub struct TaxIdVerificationView {
    /// Such as `verified`.
    pub status: Option<String>,
}

/// `invoice_settings` of a customer.
#[derive(Clone, Debug, Deserialize)]
pub struct InvoiceSettingsView {
    /// `pm_…`.
    pub default_payment_method: Option<Expandable<IdView>>,
}

/// A payment method (docs.stripe.com/api/payment_methods/object), of which little is ever stored.
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentMethodView {
    /// `pm_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Such as `card`. The hash of this name has its details.
    pub r#type: String,
    /// Whose it is. Null: nobody's, or no longer anybody's.
    pub customer: Option<Expandable<IdView>>,
    /// All the rest.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl PaymentMethodView {
    fn details(&self) -> Option<&Value> {
        self.rest.get(&self.r#type)
    }

    /// The network of a card, such as `visa`.
    pub fn brand(&self) -> Option<&str> {
        self.details()?["brand"].as_str()
    }

    /// The last digits of a card or a bank account.
    pub fn last4(&self) -> Option<&str> {
        self.details()?["last4"].as_str()
    }

    /// Month and year until whose end a card is good.
    pub fn expiry(&self) -> Option<(i32, i32)> {
        let number = |name: &str| self.details()?[name].as_i64()?.try_into().ok();
        Some((number("exp_month")?, number("exp_year")?))
    }

    /// Such as `apple_pay`.
    pub fn wallet(&self) -> Option<&str> {
        self.details()?["wallet"]["type"].as_str()
    }

    /// Whether it is this customer's.
    pub fn is_of(&self, customer: &str) -> bool {
        self.customer.as_ref().map(Expandable::<IdView>::id) == Some(customer)
    }
}

/// A setup intent (docs.stripe.com/api/setup_intents/object).
#[derive(Clone, Debug, Deserialize)]
pub struct SetupIntentView {
    /// `seti_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Such as `succeeded` or `requires_payment_method`.
    pub status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Whose card it saves.
    pub customer: Option<Expandable<IdView>>,
    /// What it saves.
    pub payment_method: Option<Expandable<PaymentMethodView>>,
    /// Why the last try failed.
    pub last_setup_error: Option<Value>,
    /// Lets whoever holds it confirm the intent. Never stored, and never logged.
    pub client_secret: Option<SecretString>,
    /// Ours, but only a hint.
    pub metadata: Option<HashMap<String, String>>,
}

/// A Checkout Session with `mode=setup` (docs.stripe.com/api/checkout/sessions/object).
#[derive(Clone, Debug, Deserialize)]
pub struct SetupSessionView {
    /// `cs_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// The hosted page, while the session is open.
    pub url: Option<String>,
    /// What it makes.
    pub setup_intent: Option<Expandable<SetupIntentView>>,
}

impl SetupIntentView {
    /// Whether the buyer may still save something by it (docs.stripe.com/payments/setup-intents).
    pub fn is_open(&self) -> bool {
        matches!(
            self.status.as_deref(),
            Some("requires_payment_method" | "requires_confirmation" | "requires_action")
        )
    }

    /// Whether it saves for this customer.
    pub fn is_of(&self, customer: &str) -> bool {
        self.customer.as_ref().map(Expandable::<IdView>::id) == Some(customer)
    }
}
