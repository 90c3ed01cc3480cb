//! Disputes of payments (docs.stripe.com/disputes/how-disputes-work). The buyer's bank decides about the money, and a
//! decision can be reopened. So the state is always what Stripe shows when it is asked, and no event's.

mod acceptance;
mod appeal;
mod evidence;
mod notices;
pub mod pack;
mod programmes;
pub mod routes;
mod submission;
mod warnings;

pub use acceptance::{accept, give_up_acceptance};
pub use notices::remind;
pub use programmes::review;
pub use submission::{give_up, submit};
pub use warnings::{match_warnings, sync_warning};

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde_json::{Value, json};
use souk_entity::{AccountId, JsonText, PaymentId, Timestamp, dispute, order, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings;
use crate::jobs::{self, Job};
use crate::stripe::Page;
use crate::stripe::requests::disputes as request;
use crate::stripe::views::{DisputeView, Expandable, IdView};
use crate::{money, orders};

use super::{StripePayment, charges, fees, lock_payment, refunds, shares, subscribed};

/// Not decided yet, word for word as the index says it.
pub const UNDECIDED: &str = "status NOT IN ('won', 'lost', 'prevented', 'warning_closed')";

/// Whether the bank has decided.
fn is_closed(status: &str) -> bool {
    matches!(status, "won" | "lost" | "prevented" | "warning_closed")
}

/// Whether it is an inquiry, which takes no money and leaves the payment refundable.
fn is_inquiry(status: &str) -> bool {
    status.starts_with("warning_")
}

/// Whether the bank wants an answer: evidence, or that the seller accepts the dispute.
fn wants_answer(status: &str) -> bool {
    matches!(
        status,
        "needs_response" | "warning_needs_response" | "appeal_needs_response"
    )
}

/// Whether Stripe refuses to refund the payment. After a dispute that was won, only Stripe can say.
fn forbids_refund(row: &dispute::Model) -> bool {
    !row.is_charge_refundable && row.status != "won"
}

/// Whether one of these disputes forbids a refund of their payment.
pub(super) fn forbid_refund(rows: &[dispute::Model]) -> bool {
    rows.iter().any(forbids_refund)
}

/// Whether one of these disputes forbids a refund, and isn't decided yet.
pub(super) fn hold_refund(rows: &[dispute::Model]) -> bool {
    let holds = |row: &dispute::Model| forbids_refund(row) && !is_closed(&row.status);
    rows.iter().any(holds)
}

/// What the buyer has got back by disputes, in minor units.
///
/// # Errors
/// A sum that doesn't fit.
pub(super) fn returned(rows: &[dispute::Model]) -> Result<i64> {
    let has_returned = |row: &&dispute::Model| match row.status.as_str() {
        "lost" => true,
        "prevented" => row.funds_withdrawn,
        _ => false,
    };
    let amounts = rows.iter().filter(has_returned).map(|row| row.amount);
    amounts.into_iter().try_fold(0, money::add)
}

/// Refuses an answer to a dispute that wants none.
///
/// # Errors
/// `dispute_accepted`, `evidence_submitted`, `dispute_closed`.
fn is_answerable(row: &dispute::Model) -> Result<()> {
    let (code, why) = if wants_answer(&row.status) && row.accept_requested_at.is_none() {
        return Ok(());
    } else if wants_answer(&row.status) {
        ("dispute_accepted", "It was accepted, which is for good.")
    } else if row.status.ends_with("under_review") {
        ("evidence_submitted", "Evidence was submitted already.")
    } else {
        ("dispute_closed", "It wants no answer any more.")
    };
    let message = format!("The dispute can't be answered: it is {}. {why}", row.status);
    Err(Error::conflict(code, message))
}

/// Refuses evidence against a dispute that takes none.
///
/// # Errors
/// As [`is_answerable`], and `evidence_past_due`.
fn is_open_for_evidence(row: &dispute::Model, now: Timestamp) -> Result<()> {
    is_answerable(row)?;
    match row.evidence_due_by {
        Some(until) if now > until => Err(Error::conflict(
            "evidence_past_due",
            format!("The bank took evidence until {until}."),
        )),
        _ => Ok(()),
    }
}

/// A dispute by its id.
async fn find<C: ConnectionTrait>(db: &C, id: &str) -> Result<dispute::Model> {
    let found = dispute::Entity::find_by_id(id.to_owned()).one(db).await?;
    found.ok_or(Error::NotFound("dispute"))
}

/// A dispute as Stripe shows it now.
async fn as_at_stripe(app: &App, row: &dispute::Model) -> Result<dispute::Model> {
    sync(app, &row.stripe_account, row.livemode, &row.id).await?;
    find(&app.db.read, &row.id).await
}

/// The disputes of a payment, oldest first.
pub(super) async fn of_payment<C: ConnectionTrait>(
    db: &C,
    payment: &PaymentId,
) -> Result<Vec<dispute::Model>> {
    Ok(dispute::Entity::find()
        .filter(dispute::Column::PaymentId.eq(payment.clone()))
        .order_by_asc(dispute::Column::Id)
        .all(db)
        .await?)
}

/// The job: re-reads a dispute from Stripe. It may belong to no payment of ours.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn sync(app: &App, account: &AccountId, livemode: bool, id: &str) -> Result<()> {
    if app.stripe.livemode() != livemode {
        return Ok(());
    }
    // Of two reads at a time only one is stored; whoever loses twice is later than a stored read that began after its own.
    for _ in 0..2 {
        let before = synced_at(app, id).await?;
        let scope = app.stripe.at(account);
        let view: DisputeView = scope.get(&request::retrieve(id)).await?;
        let of = StripePayment {
            account,
            livemode,
            intent: view.payment_intent.as_ref().map(Expandable::<IdView>::id),
            charge: view.charge.as_ref().map(Expandable::<IdView>::id),
        };
        let Some(payment) = of.find(&app.db.read).await? else {
            return Ok(());
        };
        if store(app, &payment, &view, before).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Re-reads all disputes of a payment from Stripe.
///
/// # Errors
/// Stripe has not answered or refuses, or a dispute can't be read.
pub(super) async fn mirror(app: &App, payment: &payment::Model) -> Result<()> {
    let Some(intent) = &payment.payment_intent else {
        return Ok(());
    };
    let scope = app.stripe.at(&payment.charge_account);
    let mut last: Option<String> = None;
    loop {
        let page: Page = scope.get(&request::list(intent, last.as_deref())).await?;
        for value in &page.data {
            let id = value["id"].as_str().unwrap_or_default().to_owned();
            sync(app, &payment.charge_account, payment.livemode, &id).await?;
            last = Some(id);
        }
        if !page.has_more || page.data.is_empty() {
            return Ok(());
        }
    }
}

async fn synced_at(app: &App, id: &str) -> Result<Option<Timestamp>> {
    let row = dispute::Entity::find_by_id(id.to_owned());
    Ok(row.one(&app.db.read).await?.map(|row| row.synced_at))
}

/// Stores a dispute as Stripe showed it, and what follows for its order, its refunds and whoever must answer it. `before`
/// is when it had been read last as this read began. `false`: another read was stored meanwhile, and nothing was written.
async fn store(
    app: &App,
    payment: &payment::Model,
    view: &DisputeView,
    before: Option<Timestamp>,
) -> Result<bool> {
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, &payment.id).await?;
    let orders = shares::lock_orders(&tx, &payment.id).await?;
    let old = dispute::Entity::find_by_id(view.id.clone())
        .one(&tx)
        .await?;
    if old.as_ref().map(|row| row.synced_at) != before {
        return Ok(false);
    }
    if old.as_ref().is_some_and(|row| row.payment_id != payment.id) {
        return Err(Error::internal(format!(
            "dispute {} is of another payment",
            view.id
        )));
    }
    let first = orders.first();
    let first = first.ok_or_else(|| Error::internal("a payment without an order"))?;
    let row = merge(&tx, &payment, first, view, old.as_ref());
    match &old {
        None => {
            dispute::Entity::insert(row.clone().into_active_model())
                .exec_without_returning(&tx)
                .await?;
        }
        Some(_) => update(&tx, &row).await?,
    }
    follow(&tx, &payment, &orders, old.as_ref(), &row).await?;
    let is_lost = |row: &dispute::Model| row.status == "lost";
    if app.config.lost_fee_returned && is_lost(&row) && !old.as_ref().is_some_and(is_lost) {
        fees::return_lost(&tx, &payment, &row).await?;
    }
    if old.as_ref().is_none_or(|old| old.status != row.status) {
        fees::review_lost(&tx, &payment, &row).await?;
    }
    tx.commit().await?;
    Ok(true)
}

fn merge(
    tx: &Tx,
    payment: &payment::Model,
    order: &order::Model,
    view: &DisputeView,
    old: Option<&dispute::Model>,
) -> dispute::Model {
    let moved = view.balance_transactions.iter().map(|one| one.amount);
    let after_last = old.map_or(tx.now(), |row| row.synced_at.plus_ms(1));
    let details = view.evidence_details.clone().unwrap_or_default();
    let card = view.payment_method_details.as_ref();
    let card = card.and_then(|method| method.card.as_ref());
    let mut row = dispute::Model {
        id: view.id.clone(),
        payment_id: payment.id.clone(),
        order_id: order.id.clone(),
        seller_id: order.seller_id.clone(),
        stripe_account: payment.charge_account.clone(),
        livemode: payment.livemode,
        amount: view.amount,
        currency: view.currency.clone(),
        reason: view.reason.clone().unwrap_or_default(),
        status: view.status.clone(),
        is_charge_refundable: view.is_charge_refundable,
        funds_withdrawn: moved.fold(0, i64::saturating_add) < 0,
        evidence_due_by: details
            .due_by
            .filter(|due_by| *due_by > 0)
            .map(Timestamp::from_seconds),
        case_type: card.and_then(|card| card.case_type.clone()),
        network_reason_code: card.and_then(|card| card.network_reason_code.clone()),
        has_evidence: details.has_evidence,
        past_due: details.past_due,
        submission_count: details.submission_count,
        enhanced_eligibility: JsonText(match details.enhanced_eligibility {
            Value::Null => json!({}),
            eligibility => eligibility,
        }),
        phase: old.map_or(1, |old| phase(old, &view.status)),
        accept_requested_at: None,
        accept_requested_by: None,
        stripe_created: Timestamp::from_seconds(view.created),
        synced_at: std::cmp::max(tx.now(), after_last),
        created_at: old.map_or(tx.now(), |row| row.created_at),
        updated_at: old.map_or(tx.now(), |row| row.updated_at),
    };
    // What was accepted is this phase's dispute, and not what becomes of it.
    if let Some(old) = old.filter(|old| old.phase == row.phase) {
        row.accept_requested_at = old.accept_requested_at;
        row.accept_requested_by.clone_from(&old.accept_requested_by);
    }
    if old.is_some_and(|old| !is_same(old, &row)) {
        row.updated_at = tx.now();
    }
    row
}

/// The phase of a dispute that Stripe shows with this status: it wants an answer anew after it wanted none, or another kind of
/// answer than before.
fn phase(old: &dispute::Model, status: &str) -> i32 {
    let anew = wants_answer(status) && old.status != status;
    old.phase.saturating_add(i32::from(anew))
}

/// Whether two rows say the same of the dispute.
fn is_same(a: &dispute::Model, b: &dispute::Model) -> bool {
    let said = |row: &dispute::Model| dispute::Model {
        synced_at: Timestamp(0),
        updated_at: Timestamp(0),
        ..row.clone()
    };
    said(a) == said(b)
}

async fn update(tx: &Tx, row: &dispute::Model) -> Result<()> {
    use dispute::Column as C;
    dispute::Entity::update_many()
        .col_expr(C::Amount, Expr::value(row.amount))
        .col_expr(C::Reason, Expr::value(row.reason.clone()))
        .col_expr(C::Status, Expr::value(row.status.clone()))
        .col_expr(C::IsChargeRefundable, Expr::value(row.is_charge_refundable))
        .col_expr(C::FundsWithdrawn, Expr::value(row.funds_withdrawn))
        .col_expr(C::EvidenceDueBy, Expr::value(row.evidence_due_by))
        .col_expr(C::CaseType, Expr::value(row.case_type.clone()))
        .col_expr(
            C::NetworkReasonCode,
            Expr::value(row.network_reason_code.clone()),
        )
        .col_expr(C::HasEvidence, Expr::value(row.has_evidence))
        .col_expr(C::PastDue, Expr::value(row.past_due))
        .col_expr(C::SubmissionCount, Expr::value(row.submission_count))
        .col_expr(
            C::EnhancedEligibility,
            Expr::value(row.enhanced_eligibility.clone()),
        )
        .col_expr(C::Phase, Expr::value(row.phase))
        .col_expr(C::AcceptRequestedAt, Expr::value(row.accept_requested_at))
        .col_expr(
            C::AcceptRequestedBy,
            Expr::value(row.accept_requested_by.clone()),
        )
        .col_expr(C::SyncedAt, Expr::value(row.synced_at))
        .col_expr(C::UpdatedAt, Expr::value(row.updated_at))
        .filter(C::Id.eq(row.id.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

/// Adds an entry to the timelines of the orders that a payment pays for.
async fn log(tx: &Tx, payment: &PaymentId, kind: &str, data: Value) -> Result<()> {
    for order in shares::order_ids(tx, payment).await? {
        orders::log(tx, &order, kind, data.clone()).await?;
    }
    Ok(())
}

/// What follows from a dispute that is new or has changed.
async fn follow(
    tx: &Tx,
    payment: &payment::Model,
    orders: &[order::Model],
    old: Option<&dispute::Model>,
    row: &dispute::Model,
) -> Result<()> {
    if old.is_some_and(|old| is_same(old, row)) {
        return Ok(());
    }
    let kind = match old {
        None => "dispute_created",
        Some(_) if is_closed(&row.status) => "dispute_closed",
        Some(_) => "dispute_updated",
    };
    let data = json!({
        "dispute": row.id, "status": row.status, "reason": row.reason, "amount": row.amount,
        "evidence_due_by": row.evidence_due_by,
    });
    log(tx, &payment.id, kind, data).await?;
    let takes_money = |row: &dispute::Model| !is_inquiry(&row.status);
    if takes_money(row) && !old.is_some_and(takes_money) {
        subscribed::ends_by_dispute(tx, payment, row).await?;
    }
    if wants_answer(&row.status) {
        findings::raise(tx, notices::needs_response(payment, row)).await?;
    } else {
        findings::resolve(tx, "dispute_needs_response", &row.id).await?;
        findings::resolve(tx, submission::KIND, &row.id).await?;
        acceptance::resolve(tx, &row.id).await?;
    }
    if row.past_due {
        findings::raise(tx, notices::past_due(row)).await?;
    }
    if is_closed(&row.status) {
        findings::resolve(tx, notices::PAST_DUE, &row.id).await?;
    }
    refunds::after_dispute(tx, payment, orders).await?;
    let mut staged = vec![Job::Pull {
        account: payment.charge_account.clone(),
        livemode: payment.livemode,
    }];
    staged.extend(notices::mail(old, row));
    if old.is_none() && !charges::has_details(tx, &payment.id).await? {
        let payment = payment.id.clone();
        staged.push(Job::RereadPayment { payment });
    }
    // Those that wait for the decision look at it again.
    for refund in refunds::requested(tx, &payment.id).await? {
        staged.push(Job::Refund { refund });
    }
    jobs::stage_all(tx, &staged).await
}

/// Stages a re-read of the disputes that are undecided and were last read before `since`: an event may be lost.
///
/// # Errors
/// The database failed.
pub async fn reread_undecided(tx: &Tx, since: Timestamp) -> Result<()> {
    use dispute::Column as C;
    let undecided = dispute::Entity::find()
        .filter(Expr::cust(UNDECIDED))
        .filter(C::SyncedAt.lte(since))
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    let reread = |row: dispute::Model| Job::SyncDispute {
        account: row.stripe_account,
        livemode: row.livemode,
        dispute: row.id,
    };
    let jobs: Vec<Job> = undecided.into_iter().map(reread).collect();
    jobs::stage_all(tx, &jobs).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(status: &str, amount: i64, refundable: bool) -> dispute::Model {
        dispute::Model {
            id: "du_1".to_owned(),
            payment_id: "pay_1".into(),
            order_id: "ord_1".into(),
            seller_id: "sel_1".into(),
            stripe_account: "acct_1".into(),
            livemode: false,
            amount,
            currency: "usd".to_owned(),
            reason: "fraudulent".to_owned(),
            status: status.to_owned(),
            is_charge_refundable: refundable,
            funds_withdrawn: false,
            evidence_due_by: None,
            case_type: None,
            network_reason_code: None,
            has_evidence: false,
            past_due: false,
            submission_count: 0,
            enhanced_eligibility: JsonText(json!({})),
            phase: 1,
            accept_requested_at: None,
            accept_requested_by: None,
            stripe_created: Timestamp(0),
            synced_at: Timestamp(0),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn a_refund_waits_while_the_bank_decides_and_never_for_an_inquiry() {
        for (status, refundable, forbids, holds) in [
            ("needs_response", false, true, true),
            ("appeal_needs_response", false, true, true),
            ("under_review", false, true, true),
            ("a_new_one", false, true, true),
            ("needs_response", true, false, false),
            ("warning_needs_response", true, false, false),
            ("warning_closed", true, false, false),
            ("lost", false, true, false),
            ("prevented", false, true, false),
            ("won", true, false, false),
            ("won", false, false, false),
        ] {
            let rows = [row("won", 1, true), row(status, 40, refundable)];
            assert_eq!(forbid_refund(&rows), forbids, "{status} {refundable}");
            assert_eq!(hold_refund(&rows), holds, "{status} {refundable}");
        }
    }

    #[test]
    fn a_phase_begins_when_an_answer_is_wanted_anew() {
        for (before, now, rises) in [
            ("needs_response", "needs_response", false),
            ("needs_response", "under_review", false),
            ("under_review", "won", false),
            ("warning_needs_response", "needs_response", true),
            ("warning_under_review", "needs_response", true),
            ("under_review", "needs_response", true),
            ("won", "appeal_needs_response", true),
            ("lost", "appeal_needs_response", true),
            ("appeal_under_review", "lost", false),
        ] {
            let expected = if rises { 2 } else { 1 };
            assert_eq!(
                phase(&row(before, 1, false), now),
                expected,
                "{before} {now}"
            );
        }
    }

    #[test]
    fn only_what_a_lost_or_paid_out_dispute_took_has_gone_back_to_the_buyer() {
        let withdrawn = |status| dispute::Model {
            funds_withdrawn: true,
            ..row(status, 40, false)
        };
        for (of, amount) in [
            (row("lost", 40, false), 40),
            (withdrawn("lost"), 40),
            (withdrawn("prevented"), 40),
            (row("prevented", 40, false), 0),
            (withdrawn("needs_response"), 0),
            (withdrawn("under_review"), 0),
            (row("won", 40, true), 0),
            (row("warning_closed", 40, true), 0),
        ] {
            let rows = [row("lost", 2, false), of];
            assert_eq!(
                returned(&rows).expect("small"),
                2 + amount,
                "{}",
                rows[1].status
            );
        }
    }
}
