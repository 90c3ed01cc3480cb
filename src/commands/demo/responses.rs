//! The fields that the demo reads of the API's responses.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
pub struct Readiness {
    pub simulated: bool,
}

#[derive(Deserialize)]
pub struct Link {
    pub url: String,
}

#[derive(Deserialize)]
pub struct Seller {
    pub id: String,
    pub name: String,
    pub status: String,
    pub stripe_account: Option<String>,
    pub charges_enabled: bool,
    pub payouts_enabled: bool,
    pub requirements: Requirements,
}

#[derive(Deserialize)]
pub struct Requirements {
    pub currently_due: Vec<String>,
}

#[derive(Deserialize)]
pub struct Product {
    pub id: String,
    pub name: String,
    pub unit_amount: i64,
    pub currency: String,
    pub stock: Option<i64>,
}

#[derive(Deserialize)]
pub struct StockAdjustment {
    pub delta: i64,
    pub reason: String,
    pub order_id: Option<String>,
}

#[derive(Deserialize)]
pub struct PromotionCode {
    pub code: String,
    pub stripe_promotion_code: Option<String>,
}

/// An open checkout.
#[derive(Deserialize)]
pub struct Session {
    pub id: String,
    pub order_id: String,
    pub url: Option<String>,
    pub amount_subtotal: i64,
    pub application_fee_amount: i64,
    pub order_secret: Option<String>,
    /// Where money is held.
    pub payment_intent: Option<String>,
}

#[derive(Deserialize)]
pub struct Intent {
    pub id: String,
    pub order_id: String,
    pub status: String,
    pub amount_received: i64,
    pub client_secret: Option<String>,
    pub last_error: Option<LastError>,
    pub order_secret: Option<String>,
}

#[derive(Deserialize)]
pub struct LastError {
    pub message: String,
}

#[derive(Deserialize)]
pub struct SetupIntent {
    pub id: String,
    pub customer_id: String,
    pub status: String,
    pub client_secret: Option<String>,
    pub payment_method: Option<String>,
}

#[derive(Deserialize)]
pub struct OffSessionPayment {
    pub id: String,
    pub order_id: String,
    pub status: String,
    pub payment_intent: Option<String>,
    pub amount_received: i64,
}

#[derive(Deserialize)]
pub struct Verification {
    pub status: String,
    pub message: String,
}

#[derive(Deserialize)]
pub struct Order {
    pub id: String,
    pub status: String,
    pub currency: String,
    pub amount_discount: Option<i64>,
    pub amount_total: Option<i64>,
    pub amount_refunded: i64,
    pub lines: Vec<OrderLine>,
}

#[derive(Deserialize)]
pub struct OrderLine {
    pub id: String,
}

#[derive(Deserialize)]
pub struct Shipment {
    pub id: String,
}

#[derive(Deserialize)]
pub struct RefundPreview {
    pub funded_by: String,
    pub application_fee_refunded: i64,
}

#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    pub status: String,
    pub amount: i64,
    pub currency: String,
    /// Where it is read by itself.
    pub evidence_pack: Option<EvidencePack>,
}

#[derive(Deserialize)]
pub struct EvidencePack {
    pub fields: BTreeMap<String, Value>,
    pub completeness: i64,
    pub missing: Vec<MissingEvidence>,
}

#[derive(Deserialize)]
pub struct MissingEvidence {
    pub advice: String,
}

#[derive(Deserialize)]
pub struct OrderEvent {
    pub r#type: String,
}

#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub application_fee_refunded: Option<i64>,
    pub origin: String,
    pub status: String,
    pub stripe_refund: Option<String>,
}

#[derive(Deserialize)]
pub struct Payout {
    pub id: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub reconciliation: String,
    pub transactions_net: Option<i64>,
    pub transaction_count: Option<i64>,
    pub arrival_date: String,
}

#[derive(Deserialize)]
pub struct Transaction {
    pub id: String,
    pub reporting_category: String,
    pub amount: i64,
    pub fee: i64,
    pub net: i64,
    pub currency: String,
    pub order_id: Option<String>,
}

#[derive(Deserialize)]
pub struct LedgerBalance {
    pub stripe_account: String,
    pub account: String,
    pub currency: String,
    pub balance: i64,
}

#[derive(Deserialize)]
pub struct Income {
    pub period: String,
    pub currency: String,
    pub count: i64,
    pub amount: i64,
    pub amount_returned: i64,
    pub net: i64,
}

#[derive(Deserialize)]
pub struct Finding {
    pub kind: String,
    pub stripe_account: Option<String>,
    pub message: String,
}

#[derive(Deserialize)]
pub struct Price {
    pub id: String,
    pub unit_amount: i64,
}

#[derive(Deserialize)]
pub struct Subscription {
    pub id: String,
}

#[derive(Deserialize)]
pub struct Access {
    pub entitled: bool,
    pub reason: String,
    pub until: Option<String>,
}

#[derive(Deserialize)]
pub struct Invoice {
    pub number: Option<String>,
    pub order_id: Option<String>,
    pub amount_paid: i64,
    pub amount_remaining: i64,
    pub attempt_count: i64,
}

#[derive(Deserialize)]
pub struct Portal {
    pub url: String,
}
