//! Disputes: <https://docs.stripe.com/api/disputes>, <https://docs.stripe.com/disputes/how-disputes-work>.
//!
//! A chargeback takes the amount and Stripe's fee at once from the account that the charge is on; an inquiry takes
//! nothing until it is escalated.

mod ending;
mod funds;
mod opening;

pub(crate) use ending::{Verdict, decide, falls_due};
pub(crate) use opening::{DisputeParams, after_charge, open};

use serde_json::{Value, json};

use super::{evidence, warnings};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, retrieve},
    balance::DAY,
    error::{Answer, ApiError},
    form::Node,
    store::{Kind, Record, Tx},
};
use ending::{accept, end};

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
    matches!(
        dispute.text("status"),
        "won" | "lost" | "prevented" | "warning_closed"
    )
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
    warnings::after_change(tx, &charge.id);
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
    evidence::check_stage(dispute.text("status"), args.sub("evidence"))?;
    let mut value = dispute.value.clone();
    merge_metadata(&mut value["metadata"], args, "metadata")?;
    let given = args.at("evidence").is_some();
    let has = evidence::merge(&mut value["evidence"], args.sub("evidence"))?;
    value["evidence_details"]["has_evidence"] = json!(has);
    evidence::check_files(tx, &dispute.owner, &value)?;
    evidence::assess(&mut value);
    let submit = args
        .flag("submit")
        .unwrap_or_else(|| given || tx.assumptions.get("dispute_metadata") == "submits");
    let mut verdict = Value::Null;
    if submit {
        evidence::check_fee(&value)?;
        verdict = submitted(&mut value, tx.now);
    }
    let now = tx.now;
    tx.update(&dispute.id, |r| {
        r.value = value.clone();
        let is_compliance = r.value["payment_method_details"]["card"]["case_type"] == "compliance";
        if submit && is_compliance && r.hidden["compliance_fee"].is_null() {
            r.hidden["compliance_fee"] = json!("owed");
        }
        if !verdict.is_null() {
            // The bank decides as soon as this request is answered.
            r.hidden["verdict"] = verdict;
            r.due = Some(now);
        } else if submit && r.hidden["compliance_fee"] == "owed" {
            r.due = Some(now + FEE_TAKEN_AFTER);
        } else if submit && !is_inquiry(r) {
            r.due = None;
        }
    });
    emit(tx, &dispute.id, "updated");
    if submit {
        emit_charge_updated(tx, dispute);
    }
    Ok(value)
}

/// The fee of a compliance dispute is taken one or two days after it was answered.
const FEE_TAKEN_AFTER: i64 = 2 * DAY;

/// Marks the evidence as submitted. Returns what Stripe's test evidence has the bank decide.
fn submitted(value: &mut Value, now: i64) -> Value {
    let details = &mut value["evidence_details"];
    let count = details["submission_count"].as_i64();
    details["submission_count"] = json!(count.unwrap_or(0) + 1);
    let due_by = details["due_by"].as_i64();
    details["past_due"] = json!(due_by.is_some_and(|due_by| now > due_by));
    let status = value["status"].as_str().unwrap_or_default();
    value["status"] = json!(match status.split_once('_') {
        Some(("warning", _)) => "warning_under_review",
        Some(("appeal", _)) => {
            value["status"] = json!("appeal_under_review");
            return Value::Null;
        }
        _ => "under_review",
    });
    match value["evidence"]["uncategorized_text"].as_str() {
        Some("winning_evidence") => json!("won"),
        Some("losing_evidence") => json!("lost"),
        Some("escalate_inquiry_evidence") => json!("escalated"),
        _ => Value::Null,
    }
}
