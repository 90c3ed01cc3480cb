//! How a dispute goes on, and ends: decided, accepted, forgotten, and appealed.

use serde::Deserialize;
use serde_json::json;

use super::{
    already_closed, current, emit, emit_charge_updated, funds, is_closed, is_inquiry,
    opening::{evidence_due_by, lost_at},
};
use crate::{
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

/// How a dispute goes on. JSON of `POST /_simulator/disputes/{du}/decide`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    Won,
    Lost,
    /// An inquiry becomes a chargeback.
    Escalated,
    /// A decided dispute is reopened.
    Appealed,
}

/// Decides a dispute as the bank would.
pub(crate) fn decide(tx: &mut Tx<'_>, id: &str, verdict: Verdict) -> Answer {
    let dispute = tx
        .get(id)
        .filter(|r| r.kind == Kind::Dispute)
        .ok_or_else(|| ApiError::missing("dispute", id, "dispute"))?;
    if verdict == Verdict::Appealed {
        return appeal(tx, &dispute);
    }
    if is_closed(&dispute) {
        return Err(already_closed());
    }
    match (verdict, is_inquiry(&dispute)) {
        (Verdict::Escalated, true) => escalate(tx, id),
        (Verdict::Escalated, false) => Err(ApiError::invalid("Only an inquiry can be escalated.")),
        (_, true) => end(tx, id, "warning_closed"),
        (Verdict::Lost, false) => end(tx, id, "lost"),
        (_, false) => end(tx, id, "won"),
    }
}

/// The seller accepts the dispute.
pub(super) fn accept(tx: &mut Tx<'_>, dispute: &Record) -> Answer {
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

/// An inquiry becomes a chargeback.
fn escalate(tx: &mut Tx<'_>, id: &str) -> Answer {
    reopen(tx, id, "needs_response");
    tx.update(id, |r| {
        if r.value["payment_method_details"].is_object() {
            r.value["payment_method_details"]["card"]["case_type"] = json!("chargeback");
        }
    });
    funds::withdraw(tx, id, true)?;
    emit(tx, id, "updated");
    emit(tx, id, "funds_withdrawn");
    current(tx, id)
}

/// Who lost appeals, and the dispute wants an answer again.
fn appeal(tx: &mut Tx<'_>, dispute: &Record) -> Answer {
    if !matches!(dispute.text("status"), "won" | "lost") {
        return Err(ApiError::invalid("Only a decided dispute can be appealed."));
    }
    reopen(tx, &dispute.id, "appeal_needs_response");
    let takes =
        !funds::are_withdrawn(dispute) && tx.assumptions.get("appealed_money") == "withdrawn";
    if takes {
        let fee = tx.assumptions.get("dispute_fee") == "returned";
        funds::withdraw(tx, &dispute.id, fee)?;
    }
    emit(tx, &dispute.id, "updated");
    if takes {
        emit(tx, &dispute.id, "funds_withdrawn");
    }
    current(tx, &dispute.id)
}

/// The dispute wants an answer, with a new deadline.
fn reopen(tx: &mut Tx<'_>, id: &str, status: &str) {
    let due_by = evidence_due_by(tx.now);
    let due = lost_at(tx, due_by);
    tx.update(id, |r| {
        r.value["status"] = json!(status);
        r.value["is_charge_refundable"] = json!(false);
        r.value["evidence_details"]["due_by"] = json!(due_by);
        r.hidden["verdict"] = json!(null);
        r.due = Some(due);
    });
}

/// Ends a dispute in a status, with its money where that has it.
pub(super) fn end(tx: &mut Tx<'_>, id: &str, status: &str) -> Answer {
    funds::take_compliance_fee(tx, id)?;
    let before = tx.update(id, |r| {
        r.value["status"] = json!(status);
        if status == "won" {
            r.value["is_charge_refundable"] = json!(true);
        }
        r.due = None;
    });
    let withdrawn = before.is_some_and(|dispute| funds::are_withdrawn(&dispute));
    if status == "won" && withdrawn {
        funds::reinstate(tx, id)?;
        emit(tx, id, "funds_reinstated");
    } else if status == "lost" && !withdrawn {
        funds::withdraw(tx, id, false)?;
        emit(tx, id, "funds_withdrawn");
    }
    emit(tx, id, "closed");
    let dispute = current(tx, id)?;
    if let Some(record) = tx.get(id) {
        emit_charge_updated(tx, &record);
    }
    Ok(dispute)
}

/// The bank has decided, nobody answered in time, or a fee is due.
pub(crate) fn falls_due(tx: &mut Tx<'_>, dispute: &Record) {
    let verdict = match dispute.hidden["verdict"].as_str() {
        Some("won") => Verdict::Won,
        Some("escalated") if is_inquiry(dispute) => Verdict::Escalated,
        None if dispute.text("status").ends_with("under_review") && !is_inquiry(dispute) => {
            tx.update(&dispute.id, |r| r.due = None);
            if let Err(error) = funds::take_compliance_fee(tx, &dispute.id) {
                tracing::error!(
                    message = error.message,
                    dispute = dispute.id,
                    "no fee taken"
                );
            }
            return;
        }
        _ => Verdict::Lost,
    };
    if let Err(error) = decide(tx, &dispute.id, verdict) {
        tracing::error!(message = error.message, dispute = dispute.id, "undecided");
    }
}
