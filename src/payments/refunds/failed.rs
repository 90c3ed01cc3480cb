//! Refunds that ended without their money going back. The money is owed until a later refund succeeds, or until somebody
//! records that the buyer was paid in another way.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::json;
use souk_entity::refund::{self, RefundOrigin, RefundStatus};
use souk_entity::{OrderId, PaymentId, RefundId, payment};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::findings::{self, NewFinding};
use crate::jobs::{Job, Recipient};
use crate::orders::{self, OrderAccess, Side};
use crate::{audit, money};

use super::super::lock_payment;
use super::super::shares::{self, Share};
use super::mirror::{Undone, recount_refunded};
use super::{find, is_unsuccessful, refunds_of_payment, restock};

/// Whether a refund's money is owed if the refund ended without it. A refund that somebody asked for and then canceled at
/// Stripe is owed no more.
fn leaves_debt(row: &refund::Model) -> bool {
    let chosen = matches!(row.origin, RefundOrigin::Requested | RefundOrigin::Stripe);
    match row.status {
        RefundStatus::Failed | RefundStatus::Blocked => true,
        RefundStatus::Canceled => !chosen,
        _ => false,
    }
}

/// Whether the buyer has the money, by Stripe or in another way.
pub(super) fn is_back(row: &refund::Model) -> bool {
    row.status == RefundStatus::Succeeded || row.settled_at.is_some()
}

/// Of the refunds of an order's share, those whose money is still owed: they ended without it, and neither a refund that was made
/// later nor a payment outside Stripe has made that good, nor a dispute. `paid` is what the buyer paid and `disputed` what
/// they got back by disputes, in minor units.
fn owed(rows: &[refund::Model], paid: i64, disputed: i64) -> Result<Vec<&refund::Model>> {
    let back = rows.iter().filter(|row| is_back(row));
    if back.map(|row| row.amount).try_fold(disputed, money::add)? >= paid {
        return Ok(Vec::new());
    }
    let debts = rows
        .iter()
        .filter(|row| leaves_debt(row) && row.settled_at.is_none());
    let mut debts: Vec<(&refund::Model, i64)> = debts.map(|row| (row, row.amount)).collect();
    debts.sort_by_key(|(row, _)| row.failed_at);
    make_good(&mut debts, disputed, |_| true)?;
    for later in rows
        .iter()
        .filter(|row| row.status == RefundStatus::Succeeded)
    {
        let had_failed = |debt: &refund::Model| {
            let failed_at = debt.failed_at;
            failed_at.is_some_and(|failed| failed <= later.created_at)
        };
        make_good(&mut debts, later.amount, had_failed)?;
    }
    debts.retain(|(_, left)| *left > 0);
    Ok(debts.into_iter().map(|(row, _)| row).collect())
}

/// Takes an amount off the debts that it may be meant for, the first of them first.
fn make_good(
    debts: &mut [(&refund::Model, i64)],
    amount: i64,
    may_be_for: impl Fn(&refund::Model) -> bool,
) -> Result<()> {
    let mut rest = amount;
    for (debt, left) in debts {
        if may_be_for(debt) {
            let made_good = std::cmp::min(rest, *left);
            *left = money::sub(*left, made_good)?;
            rest = money::sub(rest, made_good)?;
        }
    }
    Ok(())
}

/// The refunds whose money is still owed to the buyers of a payment's orders.
fn owed_of(shares: &[Share]) -> Result<BTreeSet<&RefundId>> {
    let mut all = BTreeSet::new();
    for share in shares {
        let owed = owed(&share.refunds, share.paid, share.disputed)?;
        all.extend(owed.into_iter().map(|row| &row.id));
    }
    Ok(all)
}

/// `review` of a payment by its id.
///
/// # Errors
/// As `review`.
pub async fn review_by_id(tx: &Tx, payment: &PaymentId) -> Result<()> {
    let payment = lock_payment(tx, payment).await?;
    shares::lock_orders(tx, &payment.id).await?;
    review(tx, &payment).await
}

/// Opens a finding for each of the payment's failed refunds that is owed, and resolves those of the others. What went back
/// twice is a finding, too.
///
/// # Errors
/// The database failed, or sums that don't fit.
pub(super) async fn review(tx: &Tx, payment: &payment::Model) -> Result<()> {
    let shares = shares::of_payment(tx, payment).await?;
    let owed = owed_of(&shares)?;
    let rows = refunds_of_payment(tx, &payment.id).await?;
    for row in rows.iter().filter(|row| is_unsuccessful(row.status)) {
        if !owed.contains(&row.id) {
            findings::resolve(tx, "refund_failed", row.id.as_ref()).await?;
            findings::resolve(tx, "refund_missing", row.id.as_ref()).await?;
        } else if row.status != RefundStatus::Blocked {
            // A refusal has a finding of its own, with Stripe's words.
            findings::raise(tx, finding(payment, row)).await?;
        }
    }
    let (mut excess, mut of) = (0, Vec::new());
    for share in &shares {
        let more = money::sub(returned(share)?, share.paid)?;
        if more > 0 {
            excess = money::add(excess, more)?;
            of.push(share.order.clone());
        }
    }
    match excess {
        0 => findings::resolve(tx, TWICE, payment.id.as_ref()).await,
        _ => findings::raise(tx, returned_twice(payment, &of, excess)).await,
    }
}

/// What an order's buyer has got back, in minor units. A refund that was settled outside Stripe and that Stripe then made went
/// back twice.
fn returned(share: &Share) -> Result<i64> {
    let rows = share.refunds.iter();
    let by_stripe = rows
        .clone()
        .filter(|row| row.status == RefundStatus::Succeeded);
    let outside = rows.filter(|row| row.settled_at.is_some());
    let mut back = by_stripe.chain(outside).map(|row| row.amount);
    back.try_fold(share.disputed, money::add)
}

/// The kind of the finding about a buyer who got back more than was paid.
const TWICE: &str = "returned_twice";

fn returned_twice(payment: &payment::Model, of: &[OrderId], excess: i64) -> NewFinding {
    let amount = money::display(excess, &payment.currency);
    NewFinding {
        kind: TWICE,
        stripe_account: Some(payment.charge_account.clone()),
        subject: payment.id.to_string(),
        message: format!(
            "The buyer of order {} has got back {amount} more than was paid: by refunds, by a lost dispute, or outside Stripe. \
             Answer or appeal the dispute with the refund as evidence, or ask the buyer for it, and note what became of it.",
            shares::names(of),
        ),
        amount: Some(excess),
        currency: Some(payment.currency.clone()),
    }
}

fn finding(payment: &payment::Model, row: &refund::Model) -> NewFinding {
    let amount = money::display(row.amount, &row.currency);
    let why = row.failure_reason.as_deref().unwrap_or("no reason given");
    NewFinding {
        kind: "refund_failed",
        stripe_account: Some(payment.charge_account.clone()),
        subject: row.id.to_string(),
        message: format!(
            "The refund of {amount} of order {} came back ({why}): the buyer does not have the money. Try again with POST \
             /v1/refunds, which fails again if the card is closed; or pay the buyer in another way, and record that with \
             POST /v1/refunds/{}/settle_outside_stripe.",
            row.order_id, row.id,
        ),
        amount: Some(row.amount),
        currency: Some(row.currency.clone()),
    }
}

/// The jobs that tell buyer and seller of a refund that failed.
pub(super) fn mails(refund: &RefundId) -> [Job; 2] {
    [Recipient::Buyer, Recipient::Seller].map(|to| Job::Mail {
        what: "refund_failed".to_owned(),
        to,
        about: refund.to_string(),
    })
}

/// Records that the buyer got a failed refund's money in another way. A repetition answers the refund as it is.
///
/// # Errors
/// 403 for the buyer; `refund_not_failed`; `refund_made_good` if a later refund has returned the money.
pub async fn settle_outside_stripe(
    app: &App,
    access: &OrderAccess,
    id: &RefundId,
    note: &str,
) -> Result<refund::Model> {
    use refund::Column as C;
    if access.side == Side::Buyer {
        return Err(Error::Forbidden(
            "Only the seller or an admin settles a refund.",
        ));
    }
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, &find(&tx, id).await?.payment_id).await?;
    let orders = shares::lock_orders(&tx, &payment.id).await?;
    let row = find(&tx, id).await?;
    if row.settled_at.is_some() {
        return Ok(row);
    }
    if !is_unsuccessful(row.status) {
        return Err(Error::conflict(
            "refund_not_failed",
            "Only a refund that ended without its money going back can be settled outside Stripe.",
        ));
    }
    let shares = shares::of_payment(&tx, &payment).await?;
    if !owed_of(&shares)?.contains(id) {
        return Err(Error::conflict(
            "refund_made_good",
            "This refund's money is not owed: it has gone back by a later refund, or the refund was canceled.",
        ));
    }
    refund::Entity::update_many()
        .col_expr(C::SettledAt, Expr::value(tx.now()))
        .col_expr(C::SettledNote, Expr::value(note))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .exec(&tx)
        .await?;
    let data = json!({ "refund": id, "amount": row.amount, "note": note });
    orders::log(&tx, &row.order_id, "refund_settled_outside_stripe", data).await?;
    let data = json!({ "amount": row.amount, "note": note });
    let (actor, action) = (&access.actor, "refund.settled_outside_stripe");
    audit::record(&tx, actor, action, id.as_ref(), data).await?;
    restock::carry_out(&tx, &row.order_id, id).await?;
    recount_refunded(&tx, &payment, &orders, Undone::Refund(row.origin)).await?;
    review(&tx, &payment).await?;
    tx.commit().await?;
    find(&app.db.read, id).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use souk_entity::Timestamp;

    use RefundOrigin::{Oversold, Requested};
    use RefundStatus::{Blocked, Canceled, Failed, Pending, Succeeded};

    fn row(n: i64, amount: i64, origin: RefundOrigin, status: RefundStatus) -> refund::Model {
        let ended = matches!(status, Failed | Blocked | Canceled);
        refund::Model {
            id: format!("rfd_{n}").into(),
            payment_id: "pay_1".into(),
            order_id: "ord_1".into(),
            seller_id: "sel_1".into(),
            amount,
            currency: "usd".to_owned(),
            application_fee_refunded: None,
            reason: None,
            note: None,
            origin,
            status,
            failure_reason: None,
            pending_reason: None,
            instructions_email: None,
            stripe_refund: None,
            key_number: 1,
            key_until: Timestamp(0),
            requested_by: "system".to_owned(),
            created_at: Timestamp(n),
            updated_at: Timestamp(n),
            failed_at: ended.then_some(Timestamp(n + 50)),
            settled_at: None,
            settled_note: None,
        }
    }

    /// The ids that are owed of 100.
    fn debts(rows: &[refund::Model]) -> Vec<String> {
        let owed = owed(rows, 100, 0).expect("small");
        owed.iter().map(|row| row.id.to_string()).collect()
    }

    #[test]
    fn what_ended_without_money_is_owed_until_a_later_refund_or_a_settlement_makes_it_good() {
        let failed = || row(0, 40, Requested, Failed);
        assert_eq!(debts(&[failed()]), ["rfd_0"]);
        assert_eq!(debts(&[row(0, 40, Requested, Blocked)]), ["rfd_0"]);
        // Made before the other failed, so it was for something else.
        assert_eq!(
            debts(&[failed(), row(9, 40, Requested, Succeeded)]),
            ["rfd_0"]
        );
        assert!(debts(&[failed(), row(60, 40, Requested, Succeeded)]).is_empty());
        assert_eq!(
            debts(&[failed(), row(60, 39, Requested, Succeeded)]),
            ["rfd_0"]
        );
        assert_eq!(
            debts(&[failed(), row(60, 40, Requested, Pending)]),
            ["rfd_0"]
        );
        // One later refund doesn't make two good.
        let second = row(1, 40, Requested, Failed);
        let later = row(60, 40, Requested, Succeeded);
        assert_eq!(debts(&[failed(), second, later]), ["rfd_1"]);
        let mut settled = failed();
        settled.settled_at = Some(Timestamp(70));
        assert!(debts(&[settled]).is_empty());
    }

    #[test]
    fn nothing_is_owed_once_all_that_was_paid_has_gone_back() {
        let whole = row(9, 100, Requested, Succeeded);
        assert!(debts(&[row(0, 40, Requested, Failed), whole]).is_empty());
    }

    #[test]
    fn a_lost_dispute_makes_good_what_it_returned() {
        let rows = [row(0, 40, Requested, Failed), row(1, 60, Oversold, Failed)];
        let after = |disputed| {
            let owed = owed(&rows, 100, disputed).expect("small");
            owed.len()
        };
        assert_eq!([0, 39, 40, 99, 100].map(after), [2, 2, 1, 1, 0]);
    }

    #[test]
    fn a_refund_that_was_asked_for_and_canceled_is_owed_no_more_but_one_of_ours_is() {
        assert!(debts(&[row(0, 40, Requested, Canceled)]).is_empty());
        assert_eq!(debts(&[row(0, 100, Oversold, Canceled)]), ["rfd_0"]);
    }
}
