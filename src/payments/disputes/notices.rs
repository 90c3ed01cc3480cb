//! What people are told of a dispute: findings for the platform, mails for the seller.

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::{dispute, payment};

use crate::db::Tx;
use crate::error::Result;
use crate::findings::NewFinding;
use crate::jobs::{self, Job, Recipient};
use crate::money;

use super::appeal::is_appeal;
use super::{UNDECIDED, is_inquiry, submission, wants_answer};

/// The kind of the finding about evidence that came too late.
pub(super) const PAST_DUE: &str = "dispute_evidence_past_due";

/// Evidence came too late.
pub(super) fn past_due(row: &dispute::Model) -> NewFinding {
    NewFinding {
        kind: PAST_DUE,
        stripe_account: Some(row.stripe_account.clone()),
        subject: row.id.clone(),
        message: format!(
            "The evidence against the dispute of {} of order {} came after its time, so Stripe doesn't promise that the bank \
             reads it. Ask Stripe's support whether it was delivered.",
            money::display(row.amount, &row.currency),
            row.order_id,
        ),
        amount: Some(row.amount),
        currency: Some(row.currency.clone()),
    }
}

/// The bank wants an answer.
pub(super) fn needs_response(payment: &payment::Model, row: &dispute::Model) -> NewFinding {
    let amount = money::display(row.amount, &row.currency);
    let what = match is_inquiry(&row.status) {
        true => "asks about",
        false => "disputes",
    };
    let until = match row.evidence_due_by {
        Some(at) => format!(" until {at}"),
        None => String::new(),
    };
    let advice = match (is_inquiry(&row.status), payment.amount_refunded > 0) {
        (true, _) => "Submit evidence (docs/disputes.md), or refund the payment, which ends it.",
        (false, true) => {
            "Submit evidence (docs/disputes.md) that says that the payment was refunded already; don't pay the buyer again."
        }
        (false, false) => {
            "Submit evidence or accept it (docs/disputes.md); don't pay the buyer in another way, who would have the money twice."
        }
    };
    let (order, reason) = (&row.order_id, &row.reason);
    let message = match is_appeal(&row.status) {
        true => format!(
            "The dispute of {amount} of order {order} ({reason}) was decided, and can be appealed{until}. Submit why the decision is \
             wrong, for which the card network may take a high fee, or accept it (docs/disputes.md).",
        ),
        false => format!(
            "The buyer's bank {what} {amount} of order {order} ({reason}) and wants an answer{until}. {advice}",
        ),
    };
    NewFinding {
        kind: "dispute_needs_response",
        stripe_account: Some(row.stripe_account.clone()),
        subject: row.id.clone(),
        message,
        amount: Some(row.amount),
        currency: Some(row.currency.clone()),
    }
}

/// The mail to the seller. Each is sent once, however often the dispute goes back and forth.
pub(super) fn mail(old: Option<&dispute::Model>, row: &dispute::Model) -> Option<Job> {
    let what = match row.status.as_str() {
        "won" => "dispute_won",
        "lost" => "dispute_lost",
        "needs_response" => "dispute_opened",
        "appeal_needs_response" => "appeal_opened",
        "warning_needs_response" if old.is_none() => "inquiry_opened",
        _ => return None,
    };
    Some(Job::Mail {
        what: what.to_owned(),
        to: Recipient::Seller,
        about: row.id.clone(),
    })
}

/// How long before the end of its time a dispute is called to mind, and by which mail.
const REMINDERS: [(i64, &str); 2] = [
    (24 * 3_600_000, "evidence_due_tomorrow"),
    (3 * 24 * 3_600_000, "evidence_due_soon"),
];

/// Stages a mail to the seller about each dispute whose time for evidence ends soon, once for each phase and reminder. One
/// whose evidence is submitted needs none.
///
/// # Errors
/// The database failed.
pub async fn remind(tx: &Tx) -> Result<()> {
    use dispute::Column as C;
    let latest = REMINDERS.iter().map(|(before, _)| *before).max();
    let undecided = dispute::Entity::find()
        .filter(Expr::cust(UNDECIDED))
        .filter(C::EvidenceDueBy.gt(tx.now()))
        .filter(C::EvidenceDueBy.lte(tx.now().plus_ms(latest.unwrap_or(0))))
        .filter(C::AcceptRequestedAt.is_null())
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    for row in undecided.iter().filter(|row| wants_answer(&row.status)) {
        if !submission::is_wanted(tx, row).await? {
            continue;
        }
        let left = row.evidence_due_by.map_or(0, |until| until.0 - tx.now().0);
        let due = REMINDERS.iter().find(|(before, _)| left <= *before);
        let Some((_, what)) = due else {
            continue;
        };
        let mail = Job::Mail {
            what: (*what).to_owned(),
            to: Recipient::Seller,
            about: format!("{}:{}", row.id, row.phase),
        };
        jobs::stage(tx, &mail).await?;
    }
    Ok(())
}
