//! Disputes: <https://docs.stripe.com/api/disputes>, <https://docs.stripe.com/disputes/how-disputes-work>.
//!
//! A chargeback takes the amount and Stripe's fee at once from the account that the charge is on; an inquiry takes
//! nothing until it is escalated.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{charges, evidence};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, retrieve},
    balance::{Booking, DAY, FeePart, available_on, book, fees_fall_on_platform},
    cards::Aftermath,
    error::{Answer, ApiError},
    form::Node,
    money,
    store::{Kind, Record, Tx},
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/disputes", |tx, call| {
        let (charge, intent) = (call.args.text("charge"), call.args.text("payment_intent"));
        lists::list(tx, call, Kind::Dispute, |r| {
            charge.is_none_or(|c| r.value["charge"] == c)
                && intent.is_none_or(|i| r.value["payment_intent"] == i)
        })
    }),
    ("GET", "/v1/disputes/{dispute}", |tx, call| {
        retrieve(tx, call, Kind::Dispute, "dispute")
    }),
    ("POST", "/v1/disputes/{dispute}", |tx, call| {
        let dispute = find(tx, call, Kind::Dispute, call.id(), "dispute")?;
        respond(tx, &dispute, call.args)
    }),
    ("POST", "/v1/disputes/{dispute}/close", |tx, call| {
        let dispute = find(tx, call, Kind::Dispute, call.id(), "dispute")?;
        accept(tx, &dispute)
    }),
    ("GET", "/v1/charges/{charge}/dispute", |tx, call| {
        Ok(of_charge(tx, call)?.value.clone())
    }),
    ("POST", "/v1/charges/{charge}/dispute", |tx, call| {
        let dispute = of_charge(tx, call)?;
        respond(tx, &dispute, call.args)
    }),
    ("POST", "/v1/charges/{charge}/dispute/close", |tx, call| {
        let dispute = of_charge(tx, call)?;
        accept(tx, &dispute)
    }),
];

/// An inquiry that nobody escalates is closed after this long.
const INQUIRY_LASTS: i64 = 120 * DAY;

const REASONS: [&str; 15] = [
    "bank_cannot_process",
    "check_returned",
    "credit_not_processed",
    "customer_initiated",
    "debit_not_authorized",
    "duplicate",
    "fraudulent",
    "general",
    "incorrect_account_details",
    "insufficient_funds",
    "noncompliant",
    "product_not_received",
    "product_unacceptable",
    "subscription_canceled",
    "unrecognized",
];

/// How a dispute begins. JSON of `POST /_simulator/charges/{ch}/dispute`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DisputeParams {
    pub reason: String,
    /// Whether it is an inquiry, which moves no money yet.
    pub inquiry: bool,
    /// The part that isn't refunded yet, when absent.
    pub amount: Option<i64>,
}

impl Default for DisputeParams {
    fn default() -> Self {
        Self {
            reason: "fraudulent".to_owned(),
            inquiry: false,
            amount: None,
        }
    }
}

/// How a dispute goes on. JSON of `POST /_simulator/disputes/{du}/decide`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Won,
    Lost,
    /// An inquiry becomes a chargeback.
    Escalated,
}

/// The buyer's bank disputes a charge.
pub(crate) fn open(tx: &mut Tx<'_>, charge: &str, how: &DisputeParams) -> Answer {
    let charge = tx
        .get(charge)
        .filter(|r| r.kind == Kind::Charge)
        .ok_or_else(|| ApiError::missing("charge", charge, "charge"))?;
    if charge.text("status") != "succeeded"
        || charge.value["captured"] != json!(true)
        || charge.value["source_transfer"].is_string()
    {
        return Err(ApiError::invalid(format!(
            "Charge {} took no money from a buyer that could be disputed.",
            charge.id
        ))
        .param("charge"));
    }
    if !REASONS.contains(&how.reason.as_str()) {
        return Err(ApiError::invalid(format!(
            "Invalid reason: must be one of {}",
            REASONS.join(", ")
        ))
        .param("reason"));
    }
    if open_dispute(tx, &charge).is_some() {
        return Err(ApiError::invalid(format!(
            "Charge {} is disputed already.",
            charge.id
        )));
    }
    let whole = charge.int("amount_captured");
    let left = whole - charge.int("amount_refunded");
    let amount = how.amount.unwrap_or(if left > 0 { left } else { whole });
    if amount < 1 || amount > whole {
        return Err(
            ApiError::invalid("The disputed amount is part of the charge's.").param("amount"),
        );
    }
    let currency = charge.text("currency");
    money::check_step(amount, currency, money::step(currency), "amount")?;
    let id = tx.mint("du_1", 23);
    let dispute = new_dispute(tx, &id, &charge, amount, how);
    let due = if !how.inquiry {
        Some(evidence_due_by(tx.now))
    } else if tx.assumptions.get("inquiry_end") == "after_120_days" {
        Some(tx.now + INQUIRY_LASTS)
    } else {
        None
    };
    tx.insert(Kind::Dispute, &charge.owner, dispute, json!({}), due);
    tx.update(&charge.id, |r| r.value["disputed"] = json!(true));
    if !how.inquiry {
        withdraw(tx, &id)?;
    }
    emit(tx, &id, "created");
    if !how.inquiry {
        emit(tx, &id, "funds_withdrawn");
    }
    if charge.value["payment_method_details"]["type"] == "sepa_debit" && !how.inquiry {
        // A debit that the bank took back can't be contested.
        return end(tx, &id, "lost");
    }
    current(tx, &id)
}

/// When evidence is due: at the end of the eighth day.
fn evidence_due_by(now: i64) -> i64 {
    (now + 9 * DAY) / DAY * DAY - 1
}

fn new_dispute(tx: &Tx<'_>, id: &str, charge: &Record, amount: i64, how: &DisputeParams) -> Value {
    let mut dispute = json!({
        "id": id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge.id,
        "created": tx.now,
        "currency": charge.value["currency"],
        "enhanced_eligibility_types": [],
        "evidence": evidence::empty(),
        "evidence_details": {
            "due_by": evidence_due_by(tx.now),
            "enhanced_eligibility": {},
            "has_evidence": false,
            "past_due": false,
            "submission_count": 0,
        },
        "is_charge_refundable": how.inquiry,
        "livemode": false,
        "metadata": {},
        "payment_intent": charge.value["payment_intent"],
        "reason": how.reason,
        "status": if how.inquiry { "warning_needs_response" } else { "needs_response" },
    });
    let card = &charge.value["payment_method_details"]["card"];
    if let Some(brand) = card["brand"].as_str() {
        dispute["payment_method_details"] = json!({
            "type": "card",
            "card": {
                "brand": brand,
                "case_type": if how.inquiry { "inquiry" } else { "chargeback" },
                "network": brand,
                "network_reason_code": reason_code(how),
            },
        });
    }
    dispute
}

/// Visa's codes, where the reason has just one.
fn reason_code(how: &DisputeParams) -> Option<&'static str> {
    match how.reason.as_str() {
        _ if how.inquiry => Some("10"),
        "fraudulent" => Some("10.4"),
        "product_not_received" => Some("13.1"),
        "subscription_canceled" => Some("13.2"),
        "product_unacceptable" => Some("13.3"),
        "credit_not_processed" => Some("13.6"),
        _ => None,
    }
}

/// A dispute of this charge that isn't decided yet.
fn open_dispute(tx: &Tx<'_>, charge: &Record) -> Option<std::sync::Arc<Record>> {
    let found = latest(tx, charge)?;
    (!is_closed(&found)).then_some(found)
}

fn latest(tx: &Tx<'_>, charge: &Record) -> Option<std::sync::Arc<Record>> {
    tx.store()
        .list(Kind::Dispute, &charge.owner)
        .rev()
        .find(|d| d.value["charge"] == charge.id.as_str())
        .cloned()
}

fn is_closed(dispute: &Record) -> bool {
    matches!(dispute.text("status"), "won" | "lost" | "warning_closed")
}

fn is_inquiry(dispute: &Record) -> bool {
    dispute.text("status").starts_with("warning_")
}

fn of_charge(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    let charge = find(tx, call, Kind::Charge, call.id(), "charge")?;
    latest(tx, &charge).ok_or_else(|| {
        ApiError::new(
            404,
            "invalid_request_error",
            format!("No dispute for charge: {}", charge.id),
        )
    })
}

fn current(tx: &Tx<'_>, id: &str) -> Answer {
    tx.get(id)
        .map(|d| d.value.clone())
        .ok_or_else(|| ApiError::missing("dispute", id, "dispute"))
}

/// `charge.dispute.<what>` with the dispute as it is now.
fn emit(tx: &mut Tx<'_>, id: &str, what: &str) {
    if let Some(dispute) = tx.get(id) {
        tx.emit(
            &format!("charge.dispute.{what}"),
            &dispute.owner,
            &dispute.value,
        );
    }
}

fn emit_charge_updated(tx: &mut Tx<'_>, dispute: &Record) {
    if let Some(charge) = tx.get(dispute.text("charge")) {
        tx.emit_change(
            "charge.updated",
            &charge.owner,
            &charge.value,
            Some(json!({})),
        );
    }
}

/// What Stripe takes for a dispute (<https://stripe.com/pricing>), in minor units.
fn dispute_fee(currency: &str) -> i64 {
    match currency {
        "eur" | "gbp" => 2000,
        _ => 1500,
    }
}

/// Withdraws the amount and the fee. The payer of the account's fees pays the fee.
fn withdraw(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    move_money(tx, id, -1, true)
}

/// Gives the amount back; whether the fee comes with it is an open question.
fn reinstate(tx: &mut Tx<'_>, id: &str) -> Result<(), ApiError> {
    let fee = tx.assumptions.get("dispute_fee") == "returned";
    move_money(tx, id, 1, fee)
}

fn move_money(tx: &mut Tx<'_>, id: &str, sign: i64, with_fee: bool) -> Result<(), ApiError> {
    let missing = || ApiError::missing("dispute", id, "dispute");
    let dispute = tx.get(id).ok_or_else(missing)?;
    let charge = tx.get(dispute.text("charge")).ok_or_else(missing)?;
    let currency = dispute.text("currency").to_owned();
    let fee = if with_fee {
        -sign * dispute_fee(&currency)
    } else {
        0
    };
    let elsewhere = fees_fall_on_platform(tx, &dispute.owner);
    let parts = if fee == 0 || elsewhere {
        vec![]
    } else {
        vec![FeePart::Dispute(fee)]
    };
    let (category, text) = if sign < 0 {
        ("dispute", "withdrawal")
    } else {
        ("dispute_reversal", "reversal")
    };
    let when = match tx.assumptions.get("dispute_money") {
        "with_charge" => available_on(tx, &charge),
        _ => tx.now,
    };
    let booking = Booking::new(
        "adjustment",
        category,
        sign * dispute.int("amount"),
        &currency,
    )
    .source(id)
    .fees(parts)
    .description(&format!("Chargeback {text} for {}", charge.id))
    .at(when);
    let txn = book(tx, &dispute.owner, booking)?;
    if elsewhere && fee != 0 {
        let platform = tx.platform();
        let kind = tx.assumptions.get("platform_dispute_fee");
        let booking = Booking::new(kind, "fee", -fee, &currency).description("Dispute fee");
        book(tx, &platform, booking)?;
    }
    let shown = tx.get(&txn).map(|t| t.value.clone()).unwrap_or_default();
    tx.update(id, |r| {
        if let Some(list) = r.value["balance_transactions"].as_array_mut() {
            list.push(shown);
        }
    });
    Ok(())
}

/// Why Stripe won't refund this charge: the bank has taken its money back already.
pub(crate) fn refusal(tx: &Tx<'_>, charge: &Record) -> Option<ApiError> {
    let dispute = latest(tx, charge)?;
    (dispute.value["is_charge_refundable"] != json!(true)).then(|| {
        ApiError::invalid(format!(
            "Charge {} has been charged back; cannot issue a refund.",
            charge.id
        ))
        .code("charge_disputed")
    })
}

/// A full refund answers an inquiry.
pub(crate) fn after_refund(tx: &mut Tx<'_>, charge: &Record) -> Result<(), ApiError> {
    match open_dispute(tx, charge) {
        Some(dispute) if is_inquiry(&dispute) && charge.value["refunded"] == json!(true) => {
            end(tx, &dispute.id, "warning_closed").map(drop)
        }
        _ => Ok(()),
    }
}

fn already_closed() -> ApiError {
    ApiError::invalid("This dispute is already closed")
}

/// Updates evidence and metadata, and submits the evidence if asked for.
fn respond(tx: &mut Tx<'_>, dispute: &Record, args: &Node) -> Answer {
    if is_closed(dispute) {
        return Err(already_closed());
    }
    let mut value = dispute.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    let given = args.at("evidence").is_some();
    let has = evidence::merge(&mut value["evidence"], args.sub("evidence"))?;
    value["evidence_details"]["has_evidence"] = json!(has);
    let submit = args
        .flag("submit")
        .unwrap_or_else(|| given || tx.assumptions.get("dispute_metadata") == "submits");
    let mut verdict = Value::Null;
    if submit {
        let count = value["evidence_details"]["submission_count"].as_i64();
        value["evidence_details"]["submission_count"] = json!(count.unwrap_or(0) + 1);
        value["status"] = json!(if is_inquiry(dispute) {
            "warning_under_review"
        } else {
            "under_review"
        });
        verdict = match value["evidence"]["uncategorized_text"].as_str() {
            Some("winning_evidence") => json!("won"),
            Some("losing_evidence") => json!("lost"),
            Some("escalate_inquiry_evidence") => json!("escalated"),
            _ => Value::Null,
        };
    }
    let now = tx.now;
    tx.update(&dispute.id, |r| {
        r.value = value.clone();
        if !verdict.is_null() {
            // The bank decides as soon as this request is answered.
            r.hidden["verdict"] = verdict;
            r.due = Some(now);
        } else if r.value["status"] == "under_review" {
            r.due = None;
        }
    });
    emit(tx, &dispute.id, "updated");
    if submit {
        emit_charge_updated(tx, dispute);
    }
    Ok(value)
}

/// The seller accepts the dispute.
fn accept(tx: &mut Tx<'_>, dispute: &Record) -> Answer {
    if is_closed(dispute) {
        return Err(already_closed());
    }
    let status = if is_inquiry(dispute) {
        "warning_closed"
    } else {
        "lost"
    };
    end(tx, &dispute.id, status)
}

/// Decides a dispute as the bank would.
pub(crate) fn decide(tx: &mut Tx<'_>, id: &str, verdict: Verdict) -> Answer {
    let dispute = tx
        .get(id)
        .filter(|r| r.kind == Kind::Dispute)
        .ok_or_else(|| ApiError::missing("dispute", id, "dispute"))?;
    if is_closed(&dispute) {
        return Err(already_closed());
    }
    match (verdict, is_inquiry(&dispute)) {
        (Verdict::Escalated, true) => escalate(tx, id),
        (Verdict::Escalated, false) => Err(ApiError::invalid("Only an inquiry can be escalated.")),
        (_, true) => end(tx, id, "warning_closed"),
        (Verdict::Won, false) => end(tx, id, "won"),
        (Verdict::Lost, false) => end(tx, id, "lost"),
    }
}

/// An inquiry becomes a chargeback.
fn escalate(tx: &mut Tx<'_>, id: &str) -> Answer {
    let due = evidence_due_by(tx.now);
    tx.update(id, |r| {
        r.value["status"] = json!("needs_response");
        r.value["is_charge_refundable"] = json!(false);
        r.value["evidence_details"]["due_by"] = json!(due);
        if r.value["payment_method_details"].is_object() {
            r.value["payment_method_details"]["card"]["case_type"] = json!("chargeback");
        }
        r.hidden = json!({});
        r.due = Some(due);
    });
    withdraw(tx, id)?;
    emit(tx, id, "updated");
    emit(tx, id, "funds_withdrawn");
    current(tx, id)
}

fn end(tx: &mut Tx<'_>, id: &str, status: &str) -> Answer {
    tx.update(id, |r| {
        r.value["status"] = json!(status);
        if status == "won" {
            r.value["is_charge_refundable"] = json!(true);
        }
        r.due = None;
    });
    if status == "won" {
        reinstate(tx, id)?;
        emit(tx, id, "funds_reinstated");
    }
    emit(tx, id, "closed");
    let dispute = current(tx, id)?;
    if let Some(record) = tx.get(id) {
        emit_charge_updated(tx, &record);
    }
    Ok(dispute)
}

/// The bank has decided, or nobody answered in time.
pub(crate) fn falls_due(tx: &mut Tx<'_>, dispute: &Record) {
    let verdict = match dispute.hidden["verdict"].as_str() {
        Some("won") => Verdict::Won,
        Some("escalated") if is_inquiry(dispute) => Verdict::Escalated,
        _ => Verdict::Lost,
    };
    if let Err(error) = decide(tx, &dispute.id, verdict) {
        tracing::error!(message = error.message, dispute = dispute.id, "undecided");
    }
}

/// Opens the dispute that a charge's test card causes.
pub(crate) fn after_charge(tx: &mut Tx<'_>, charge: &Record) -> Result<(), ApiError> {
    match charges::aftermath(tx, charge) {
        Aftermath::Disputed(reason, inquiry) => {
            let how = DisputeParams {
                reason: reason.to_owned(),
                inquiry,
                amount: None,
            };
            open(tx, &charge.id, &how).map(drop)
        }
        Aftermath::EarlyFraudWarning => {
            early_warning(tx, charge);
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The issuer suspects fraud (<https://docs.stripe.com/disputes/measuring#early-fraud-warnings>); only the event is
/// simulated.
fn early_warning(tx: &mut Tx<'_>, charge: &Record) {
    let warning = json!({
        "id": tx.mint("issfr_1", 23),
        "object": "radar.early_fraud_warning",
        "actionable": true,
        "charge": charge.id,
        "created": tx.now,
        "fraud_type": "made_with_stolen_card",
        "livemode": false,
        "payment_intent": charge.value["payment_intent"],
    });
    tx.emit("radar.early_fraud_warning.created", &charge.owner, &warning);
}
