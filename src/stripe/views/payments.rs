//! Checkout Sessions, payment intents and refunds.

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

/// A field that holds an id, or the whole object where it was expanded.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Expandable<T> {
    /// Only its id.
    Id(String),
    /// All of it.
    Object(T),
}

/// A Checkout Session (docs.stripe.com/api/checkout/sessions/object). Amounts in minor units.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionView {
    /// `cs_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// `payment`, `setup` or `subscription`.
    pub mode: Option<String>,
    /// `open`, `complete` or `expired`.
    pub status: Option<String>,
    /// `paid`, `unpaid` or `no_payment_required`.
    pub payment_status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Lower case.
    pub currency: Option<String>,
    /// Before discounts.
    pub amount_subtotal: Option<i64>,
    /// After discounts.
    pub amount_total: Option<i64>,
    /// The parts of the difference between the two.
    pub total_details: Option<TotalDetails>,
    /// The coupon or promotion code that is taken off. Checkout takes at most one.
    pub discounts: Option<Vec<SessionDiscountView>>,
    /// Null for a session with nothing to pay.
    pub payment_intent: Option<Expandable<PaymentIntentView>>,
    /// What a session of `mode=subscription` has begun, once it is complete.
    pub subscription: Option<Expandable<IdView>>,
    /// The first invoice of that.
    pub invoice: Option<Expandable<IdView>>,
    /// The hosted page, while the session is open.
    pub url: Option<String>,
    /// Lets whoever holds it pay the session in a page of their own. Never stored, and never logged.
    pub client_secret: Option<SecretString>,
    /// Whole seconds.
    pub created: Option<i64>,
    /// Whole seconds.
    pub expires_at: Option<i64>,
    /// Ours, but only a hint: somebody else may have created the session.
    pub metadata: Option<HashMap<String, String>>,
}

/// One of `discounts` of a session.
#[derive(Clone, Debug, Deserialize)]
pub struct SessionDiscountView {
    /// `promo_…`; null for a coupon that was given without a code.
    pub promotion_code: Option<Expandable<IdView>>,
}

impl SessionView {
    /// The id of the promotion code that the session has, whoever gave or entered it.
    pub fn promotion_code(&self) -> Option<&str> {
        let discounts = self.discounts.iter().flatten();
        let mut codes = discounts.filter_map(|one| one.promotion_code.as_ref());
        codes.next().map(Expandable::<IdView>::id)
    }
}

/// `total_details` of a session.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TotalDetails {
    /// What promotion codes took off.
    pub amount_discount: Option<i64>,
    /// Tax, which we never ask for.
    pub amount_tax: Option<i64>,
    /// Shipping, which we never ask for.
    pub amount_shipping: Option<i64>,
}

/// A payment intent (docs.stripe.com/api/payment_intents/object). Amounts in minor units.
#[derive(Clone, Debug, Deserialize)]
pub struct PaymentIntentView {
    /// `pi_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Such as `succeeded` or `requires_payment_method`.
    pub status: Option<String>,
    /// Live money, or test.
    #[serde(default)]
    pub livemode: bool,
    /// Lower case.
    pub currency: Option<String>,
    /// What is to be collected.
    pub amount: Option<i64>,
    /// What the platform takes of it.
    pub application_fee_amount: Option<i64>,
    /// What could be captured now.
    pub amount_capturable: Option<i64>,
    /// What was collected. Less than `amount` where only a part was captured.
    pub amount_received: Option<i64>,
    /// Its newest charge.
    pub latest_charge: Option<Expandable<ChargeView>>,
    /// Why the last try failed.
    pub last_payment_error: Option<Value>,
    /// What the customer has to do.
    pub next_action: Option<Value>,
    /// Whole seconds.
    pub created: Option<i64>,
    /// Lets whoever holds it confirm the intent. Never stored, and never logged.
    pub client_secret: Option<SecretString>,
    /// Ours, but only a hint: somebody else may have created the intent.
    pub metadata: Option<HashMap<String, String>>,
}

impl PaymentIntentView {
    /// Whether the buyer may still pay (docs.stripe.com/payments/paymentintents/lifecycle).
    pub fn is_open(&self) -> bool {
        matches!(
            self.status.as_deref(),
            Some("requires_payment_method" | "requires_confirmation" | "requires_action")
        )
    }
}

/// A charge (docs.stripe.com/api/charges/object).
#[derive(Clone, Debug, Deserialize)]
pub struct ChargeView {
    /// `ch_…`, or `py_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Minor units.
    pub amount_refunded: Option<i64>,
    /// The platform's application fee, `fee_…`.
    pub application_fee: Option<Expandable<IdView>>,
    /// Whether all of it was refunded.
    pub refunded: Option<bool>,
    /// Whether it was ever disputed.
    pub disputed: Option<bool>,
    /// How it was paid.
    pub payment_method_details: Option<Value>,
    /// What the buyer gave at the checkout.
    pub billing_details: Option<BillingDetailsView>,
    /// `pm_…`.
    pub payment_method: Option<String>,
    /// A page of Stripe's.
    pub receipt_url: Option<String>,
}

impl ChargeView {
    /// A text of `payment_method_details`, of the hash that is named after its type, such as `card`.
    pub fn method_text(&self, name: &str) -> Option<&str> {
        let details = self.payment_method_details.as_ref()?;
        details[details["type"].as_str()?][name].as_str()
    }

    /// `capture_before` of how it was paid, in whole seconds: until when an authorization holds. Not every method says it.
    pub fn capture_before(&self) -> Option<i64> {
        let details = self.payment_method_details.as_ref()?;
        details[details["type"].as_str()?]["capture_before"].as_i64()
    }

    /// `payment_method_details.type`.
    pub fn method_type(&self) -> Option<&str> {
        self.payment_method_details.as_ref()?["type"].as_str()
    }
}

/// `billing_details` of a charge.
#[derive(Clone, Debug, Deserialize)]
pub struct BillingDetailsView {
    /// The buyer's.
    pub name: Option<String>,
    /// `line1`, `line2`, `postal_code`, `city`, `state` and `country`.
    pub address: Option<Value>,
}

impl BillingDetailsView {
    /// The address in one line. None: it isn't known.
    pub fn address_line(&self) -> Option<String> {
        let address = self.address.as_ref()?;
        let parts = ["line1", "line2", "postal_code", "city", "state", "country"];
        let parts = parts.iter().filter_map(|part| address[*part].as_str());
        let parts: Vec<_> = parts.filter(|part| !part.is_empty()).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// An object of which only the id is read.
#[derive(Clone, Debug, Deserialize)]
pub struct IdView {
    /// Stripe's id.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
}

/// A refund (docs.stripe.com/api/refunds/object).
#[derive(Clone, Debug, Deserialize)]
pub struct RefundView {
    /// `re_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// `pending`, `requires_action`, `succeeded`, `failed` or `canceled`.
    pub status: Option<String>,
    /// `duplicate`, `fraudulent`, `requested_by_customer`, or null.
    pub reason: Option<String>,
    /// Why it failed.
    pub failure_reason: Option<String>,
    /// `charge_pending`, `insufficient_funds` or `processing`, while it is pending.
    pub pending_reason: Option<String>,
    /// The payment it belongs to.
    pub payment_intent: Option<Expandable<IdView>>,
    /// The charge it belongs to.
    pub charge: Option<Expandable<IdView>>,
    /// Ours carry our refund's id.
    pub metadata: Option<HashMap<String, String>>,
    /// If expanded, its fees say how much of the application fee was returned.
    pub balance_transaction: Option<Expandable<FeesView>>,
}

/// The fees of a balance transaction.
#[derive(Clone, Debug, Deserialize)]
pub struct FeesView {
    /// Each with Stripe's sign: a fee that comes back is negative.
    #[serde(default)]
    pub fee_details: Vec<FeeView>,
}

/// One of them.
#[derive(Clone, Debug, Deserialize)]
pub struct FeeView {
    /// Such as `application_fee`.
    pub r#type: String,
    /// Minor units.
    pub amount: i64,
}

impl Expandable<IdView> {
    /// The id, expanded or not.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }
}

impl Expandable<ChargeView> {
    /// The id, expanded or not.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }

    /// Whether it says that nothing was refunded. Where it was not expanded it says nothing.
    pub fn is_unrefunded(&self) -> bool {
        match self {
            Self::Id(_) => false,
            Self::Object(charge) => charge.amount_refunded == Some(0),
        }
    }

    /// The id of its application fee, where it was expanded and has one.
    pub fn application_fee(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Object(charge) => charge
                .application_fee
                .as_ref()
                .map(Expandable::<IdView>::id),
        }
    }

    /// Whether it says that all of it was refunded. Where it was not expanded it says nothing.
    pub fn is_refunded(&self) -> bool {
        match self {
            Self::Id(_) => false,
            Self::Object(charge) => charge.refunded == Some(true),
        }
    }

    /// Whether it says that it was never disputed. Where it was not expanded it says nothing.
    pub fn is_undisputed(&self) -> bool {
        match self {
            Self::Id(_) => false,
            Self::Object(charge) => charge.disputed == Some(false),
        }
    }
}

impl Expandable<PaymentIntentView> {
    /// The id, expanded or not.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }

    /// The object, where it was expanded.
    pub fn object(&self) -> Option<&PaymentIntentView> {
        match self {
            Self::Id(_) => None,
            Self::Object(object) => Some(object),
        }
    }
}

impl RefundView {
    /// The returned application fee in minor units, if the refund's own balance transaction has it. A fee that is returned
    /// in a separate transaction isn't seen here.
    pub fn application_fee_refunded(&self) -> Option<i64> {
        let Some(Expandable::Object(transaction)) = &self.balance_transaction else {
            return None;
        };
        let fees = transaction.fee_details.iter();
        fees.filter(|fee| fee.r#type == "application_fee")
            .map(|fee| fee.amount.saturating_neg())
            .reduce(i64::saturating_add)
    }
}
