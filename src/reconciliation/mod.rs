//! What is looked at again and again, whatever events came or didn't: money that is owed and that nothing moves. Each
//! finding is open exactly as long as what it says is true.

mod access;

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::{order, payment, refund};

use crate::app::App;
use crate::catalog::promotions::redemptions;
use crate::db::Tx;
use crate::error::Result;
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::{ledger, money, payments};

/// A refund or dispute that has not been decided for so long is asked about again.
const ASK_AFTER_MS: i64 = 24 * 60 * 60 * 1000;
/// No refund of the order is under way, and none that failed has a finding of its own.
const NO_REFUND: &str = "NOT EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = orders.id AND \
    (r.status IN ('requested', 'pending', 'requires_action') OR r.status IN ('failed', 'blocked') AND r.settled_at IS NULL))";
/// A refund that is pending for so long needs a person.
const PENDING_TOO_LONG_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// The job: looks for orders whose money is due without a refund, for failed refunds that are owed, for refunds and disputes
/// that nobody decides or answers, for promotion codes that were redeemed too often, for application fees on which the platform's book
/// and a seller's don't agree, and for what stands still because Stripe refuses us.
///
/// # Errors
/// The database failed, or Stripe has not answered.
pub async fn reconcile(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    failed_refunds(&tx).await?;
    orders_without_refund(&tx).await?;
    waiting_refunds(&tx).await?;
    redemptions::review_all(&tx).await?;
    access::payments_out_of_reach(&tx).await?;
    access::refused_key(&tx).await?;
    ledger::deadlines::open_missing(&tx, app.stripe.livemode()).await?;
    payments::capture::remind(&tx).await?;
    payments::capture::review(&tx).await?;
    payments::disputes::remind(&tx).await?;
    payments::disputes::review(&tx, &app.config).await?;
    payments::disputes::reread_undecided(&tx, tx.now().plus_ms(-ASK_AFTER_MS)).await?;
    tx.commit().await?;
    // Each asks Stripe. If it fails at one, the others are done all the same.
    let asked = [
        ledger::reviews::review(app).await,
        ledger::reposting::repost(app).await,
        ledger::application_fees::compare(app).await,
        payments::reread::review::review(app).await,
    ];
    asked.into_iter().collect()
}

/// Looks at each refund again that ended without its money and was not settled.
async fn failed_refunds(tx: &Tx) -> Result<()> {
    let payments_of_failed = refund::Entity::find()
        .filter(Expr::cust(
            "status IN ('failed', 'canceled', 'blocked') AND settled_at IS NULL",
        ))
        .order_by_asc(refund::Column::Id)
        .all(tx)
        .await?;
    let payments: BTreeSet<_> = payments_of_failed
        .into_iter()
        .map(|row| row.payment_id)
        .collect();
    for payment in payments {
        payments::refunds::review_by_id(tx, &payment).await?;
    }
    Ok(())
}

/// Raises a finding about each order whose money is due back while no refund is under way and none has failed.
async fn orders_without_refund(tx: &Tx) -> Result<()> {
    let owing = order::Entity::find()
        .filter(Expr::cust("status = 'refund_due'"))
        .filter(Expr::cust(NO_REFUND))
        .order_by_asc(order::Column::Id)
        .all(tx)
        .await?;
    let mut true_of = BTreeSet::new();
    for order in owing {
        let owed = payments::amount_paid(tx, &order.id).await?.unwrap_or(0);
        let finding = NewFinding {
            kind: "refund_due",
            stripe_account: None,
            subject: order.id.to_string(),
            message: format!(
                "The buyer of order {} paid {} and is to get it back, but no refund is under way. Refund what is left with \
                 POST /v1/refunds.",
                order.id,
                money::display(owed, &order.currency),
            ),
            amount: Some(owed),
            currency: Some(order.currency),
        };
        true_of.insert(finding.subject.clone());
        findings::raise(tx, finding).await?;
    }
    findings::resolve_others(tx, "refund_due", &true_of).await
}

/// Has refunds that Stripe has not decided for a day re-read, and raises a finding about those of a week.
async fn waiting_refunds(tx: &Tx) -> Result<()> {
    use refund::Column as C;
    let waiting = refund::Entity::find()
        .filter(Expr::cust("status IN ('pending', 'requires_action')"))
        .filter(C::CreatedAt.lte(tx.now().plus_ms(-ASK_AFTER_MS)))
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    let mut true_of = BTreeSet::new();
    for refund in waiting {
        let payment = payment::Entity::find_by_id(refund.payment_id.clone());
        let Some(payment) = payment.one(tx).await? else {
            continue;
        };
        if let Some(id) = &refund.stripe_refund {
            let reread = Job::SyncRefund {
                account: payment.charge_account.clone(),
                livemode: payment.livemode,
                refund: id.clone(),
            };
            jobs::stage(tx, &reread).await?;
        }
        if refund.created_at > tx.now().plus_ms(-PENDING_TOO_LONG_MS) {
            continue;
        }
        let finding = NewFinding {
            kind: "refund_pending",
            stripe_account: Some(payment.charge_account),
            subject: refund.id.to_string(),
            message: format!(
                "The refund of {} of order {} has been {} at Stripe for more than a week. Look at it in the Stripe \
                 dashboard: the account may lack funds, or the buyer may have to give their bank details.",
                money::display(refund.amount, &refund.currency),
                refund.order_id,
                sea_orm::ActiveEnum::to_value(&refund.status),
            ),
            amount: Some(refund.amount),
            currency: Some(refund.currency),
        };
        true_of.insert(finding.subject.clone());
        findings::raise(tx, finding).await?;
    }
    findings::resolve_others(tx, "refund_pending", &true_of).await
}
