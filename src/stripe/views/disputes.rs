//! Disputes.

use serde::Deserialize;
use serde_json::Value;

use super::{Expandable, IdView};

/// A dispute (docs.stripe.com/api/disputes/object).
#[derive(Clone, Debug, Deserialize)]
pub struct DisputeView {
    /// `du_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// Such as `fraudulent`.
    pub reason: Option<String>,
    /// `needs_response`, `under_review`, `won`, `lost`, `prevented`; one of an inquiry: `warning_needs_response`,
    /// `warning_under_review`, `warning_closed`; or of an appeal: `appeal_needs_response`, `appeal_under_review`.
    pub status: String,
    /// Whether the payment can still be refunded. Missing counts as no.
    #[serde(default)]
    pub is_charge_refundable: bool,
    /// The charge.
    pub charge: Option<Expandable<IdView>>,
    /// The payment.
    pub payment_intent: Option<Expandable<IdView>>,
    /// The money that it took, and that it gave back.
    #[serde(default)]
    pub balance_transactions: Vec<MovementView>,
    /// How the evidence stands.
    pub evidence_details: Option<EvidenceDetailsView>,
    /// What the network says of it.
    pub payment_method_details: Option<DisputedMethodView>,
    /// Whole seconds.
    pub created: i64,
}

/// One of `balance_transactions` of a dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct MovementView {
    /// Minor units of the balance's currency. Negative: money was withdrawn.
    pub amount: i64,
}

/// `evidence_details` of a dispute.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EvidenceDetailsView {
    /// Whole seconds. Null or 0: there is nothing to answer.
    pub due_by: Option<i64>,
    /// Whether evidence is staged or submitted.
    #[serde(default)]
    pub has_evidence: bool,
    /// Whether the last submission came after `due_by`, so that Stripe doesn't promise its delivery.
    #[serde(default)]
    pub past_due: bool,
    /// How often evidence was submitted.
    #[serde(default)]
    pub submission_count: i64,
    /// What the networks' programmes for evidence still want, by programme.
    #[serde(default)]
    pub enhanced_eligibility: Value,
}

/// `payment_method_details` of a dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct DisputedMethodView {
    /// A card's.
    pub card: Option<DisputedCardView>,
}

/// `payment_method_details.card` of a dispute.
#[derive(Clone, Debug, Deserialize)]
pub struct DisputedCardView {
    /// `chargeback`, `inquiry`, `compliance`, `block`, `resolution`.
    pub case_type: Option<String>,
    /// Such as Visa's `10.4`.
    pub network_reason_code: Option<String>,
}

/// An early fraud warning (docs.stripe.com/api/radar/early_fraud_warnings/object).
#[derive(Clone, Debug, Deserialize)]
pub struct EarlyFraudWarningView {
    /// `issfr_…`.
    #[serde(deserialize_with = "super::id")]
    pub id: String,
    /// Whether the charge is neither disputed nor refunded in full. Missing counts as yes.
    #[serde(default = "yes")]
    pub actionable: bool,
    /// Such as `made_with_stolen_card`.
    pub fraud_type: Option<String>,
    /// The charge.
    pub charge: Option<Expandable<IdView>>,
    /// The payment.
    pub payment_intent: Option<Expandable<IdView>>,
    /// Whole seconds.
    pub created: i64,
}

fn yes() -> bool {
    true
}
