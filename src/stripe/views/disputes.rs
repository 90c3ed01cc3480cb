//! Disputes.

use serde::Deserialize;

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
    /// `needs_response`, `under_review`, `won`, `lost`, `prevented`, or one of an inquiry: `warning_needs_response`,
    /// `warning_under_review`, `warning_closed`.
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
    /// Of the evidence only the deadline is read.
    pub evidence_details: Option<EvidenceDetailsView>,
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
#[derive(Clone, Debug, Deserialize)]
pub struct EvidenceDetailsView {
    /// Whole seconds. Null: there is nothing to answer.
    pub due_by: Option<i64>,
}
