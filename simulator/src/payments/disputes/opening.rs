//! How a dispute begins.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{current, emit, ending, funds, open_dispute};
use crate::{
    balance::DAY,
    cards::{Aftermath, Enhanced},
    error::{Answer, ApiError},
    money,
    payments::{charges, evidence, warnings},
    store::{Kind, Record, Tx},
};

/// An inquiry that nobody escalates is closed after this long.
const INQUIRY_LASTS: i64 = 120 * DAY;

/// How long evidence is still taken after its time, where a dispute waits for it.
const OVERDUE_LASTS: i64 = 7 * DAY;

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
    /// The programme that its evidence may be for.
    pub enhanced: Option<Enhanced>,
    /// Prevented before it became one: turned away, or resolved by returning the money.
    pub prevented: Option<Prevention>,
}

impl Default for DisputeParams {
    fn default() -> Self {
        Self {
            reason: "fraudulent".to_owned(),
            inquiry: false,
            amount: None,
            enhanced: None,
            prevented: None,
        }
    }
}

/// How a dispute was prevented (<https://docs.stripe.com/disputes/prevention>). The names are those of `case_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Prevention {
    /// The bank was shown the purchase, and dropped it: no money moves.
    Block,
    /// The buyer got the money back at once.
    Resolution,
}

/// The buyer's bank disputes a charge.
pub(crate) fn open(tx: &mut Tx<'_>, charge: &str, how: &DisputeParams) -> Answer {
    let charge = tx
        .get(charge)
        .filter(|r| r.kind == Kind::Charge)
        .ok_or_else(|| ApiError::missing("charge", charge, "charge"))?;
    check(tx, &charge, how)?;
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
    let mut dispute = new_dispute(tx, &id, &charge, amount, how);
    evidence::assess(&mut dispute);
    let due = due(tx, how);
    tx.insert(Kind::Dispute, &charge.owner, dispute, json!({}), due);
    tx.update(&charge.id, |r| r.value["disputed"] = json!(true));
    warnings::after_change(tx, &charge.id);
    let takes = !how.inquiry && how.prevented != Some(Prevention::Block);
    if takes {
        funds::withdraw(tx, &id, how.prevented.is_none())?;
    }
    emit(tx, &id, "created");
    if takes {
        emit(tx, &id, "funds_withdrawn");
    }
    if how.prevented.is_some() {
        if tx.assumptions.get("prevented_dispute") == "created_and_closed" {
            emit(tx, &id, "closed");
        }
    } else if charge.value["payment_method_details"]["type"] == "sepa_debit" && !how.inquiry {
        // A debit that the bank took back can't be contested.
        return ending::end(tx, &id, "lost");
    }
    current(tx, &id)
}

fn check(tx: &Tx<'_>, charge: &Record, how: &DisputeParams) -> Result<(), ApiError> {
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
    if how.inquiry && (how.prevented.is_some() || how.enhanced.is_some()) {
        return Err(ApiError::invalid(
            "An inquiry is neither prevented nor for enhanced evidence.",
        )
        .param("inquiry"));
    }
    if open_dispute(tx, charge).is_some() {
        return Err(ApiError::invalid(format!(
            "Charge {} is disputed already.",
            charge.id
        )));
    }
    Ok(())
}

/// When something happens to a new dispute by itself.
fn due(tx: &Tx<'_>, how: &DisputeParams) -> Option<i64> {
    if how.prevented.is_some() {
        None
    } else if !how.inquiry {
        Some(lost_at(tx, evidence_due_by(tx.now)))
    } else if tx.assumptions.get("inquiry_end") == "after_120_days" {
        Some(tx.now + INQUIRY_LASTS)
    } else {
        None
    }
}

/// When evidence is due: at the end of the eighth day.
pub(super) fn evidence_due_by(now: i64) -> i64 {
    (now + 9 * DAY) / DAY * DAY - 1
}

/// When a dispute is lost that nobody has answered by `due_by`.
pub(super) fn lost_at(tx: &Tx<'_>, due_by: i64) -> i64 {
    match tx.assumptions.get("overdue_dispute") {
        "waits" => due_by + OVERDUE_LASTS,
        _ => due_by,
    }
}

fn new_dispute(tx: &Tx<'_>, id: &str, charge: &Record, amount: i64, how: &DisputeParams) -> Value {
    let due_by = how.prevented.is_none().then(|| evidence_due_by(tx.now));
    let status = match (how.prevented, how.inquiry) {
        (Some(_), _) => "prevented",
        (None, true) => "warning_needs_response",
        (None, false) => "needs_response",
    };
    let mut dispute = json!({
        "id": id,
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge.id,
        "created": tx.now,
        "currency": charge.value["currency"],
        "enhanced_eligibility_types": how.enhanced.iter().map(|e| e.name()).collect::<Vec<_>>(),
        "evidence": evidence::empty(),
        "evidence_details": {
            "due_by": due_by,
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
        "status": status,
    });
    let card = &charge.value["payment_method_details"]["card"];
    if let Some(brand) = card["brand"].as_str() {
        dispute["payment_method_details"] = json!({
            "type": "card",
            "card": {
                "brand": brand,
                "case_type": case_type(how),
                "network": brand,
                "network_reason_code": reason_code(how),
            },
        });
    }
    dispute
}

fn case_type(how: &DisputeParams) -> &'static str {
    match (how.prevented, how.enhanced) {
        (Some(Prevention::Block), _) => "block",
        (Some(Prevention::Resolution), _) => "resolution",
        (None, Some(enhanced)) if enhanced.is_compliance() => "compliance",
        (None, _) if how.inquiry => "inquiry",
        (None, _) => "chargeback",
    }
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

/// Opens the dispute, or has the warning, that a charge's test card causes.
pub(crate) fn after_charge(tx: &mut Tx<'_>, charge: &Record) -> Result<(), ApiError> {
    let how = match charges::aftermath(tx, charge) {
        Aftermath::Disputed(reason, inquiry) => DisputeParams {
            reason: reason.to_owned(),
            inquiry,
            ..DisputeParams::default()
        },
        Aftermath::Enhanced(reason, enhanced) => DisputeParams {
            reason: reason.to_owned(),
            enhanced: Some(enhanced),
            ..DisputeParams::default()
        },
        Aftermath::EarlyFraudWarning => {
            return warnings::warn(tx, &charge.id, "made_with_stolen_card").map(drop);
        }
        _ => return Ok(()),
    };
    open(tx, &charge.id, &how).map(drop)
}
