//! Application fees after the payment. The fee is a share of what the buyer pays. Where a code that was entered at Stripe
//! made it too high, the excess goes back by a fee refund of ours; and then every part that goes back with a refund is ours
//! too, since Stripe doesn't say how `refund_application_fee` reckons after that.

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use souk_entity::fee_refund::{self, FeeRefundStatus};
use souk_entity::refund::{self, RefundOrigin};
use souk_entity::{AccountId, FeeRefundId, PaymentId, RefundId, dispute, payment};

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::jobs::{self, Job};
use crate::money::{self, FeeRule};
use crate::stripe::requests::fees::{self as request, METADATA_FEE_REFUND};
use crate::stripe::views::{ApplicationFeeView, IdView};
use crate::stripe::{Effect, Event, IdempotentCreate, key_until};
use crate::{ids, ledger};

use super::{StripePayment, attempts_text, find, refunds, reread};

#[cfg(test)]
mod tests;

/// What Stripe took as the fee, by what was asked for: never more than was paid. Minor units. Of a subscription's first invoice it
/// takes a share of what is paid, whatever was taken off.
fn taken(payment: &payment::Model) -> Result<i64> {
    let paid = payment.amount_paid.unwrap_or(0);
    if payment.subscription.is_none() {
        return Ok(std::cmp::min(payment.application_fee, paid));
    }
    match (payment.fee_taken, payment.fee_bps) {
        (Some(taken), _) => Ok(taken),
        (None, Some(bps)) if !payment.request.is_empty() => {
            let share = FeeRule {
                bps,
                ..FeeRule::default()
            };
            share.of(paid, &payment.currency)
        }
        _ => Ok(std::cmp::min(payment.application_fee, paid)),
    }
}

/// What the fee of a payment should be of which only so much comes: in proportion to it. Minor units.
///
/// # Errors
/// Sums that don't fit.
pub(super) fn of_part(payment: &payment::Model, total: i64, part: i64) -> Result<i64> {
    let whole = match rule(payment) {
        Some(rule) if total != payment.amount_subtotal => rule.of(total, &payment.currency)?,
        _ => payment.application_fee,
    };
    money::share(whole, part, total, &payment.currency)
}

fn rule(payment: &payment::Model) -> Option<FeeRule> {
    let (bps, fixed) = (payment.fee_bps?, payment.fee_fixed?);
    Some(FeeRule {
        bps,
        fixed: [(payment.currency.clone(), fixed)].into(),
    })
}

/// What of the fee a discount made too much, or a capture of only a part, in minor units.
fn excess(payment: &payment::Model) -> Result<i64> {
    let Some(rule) = rule(payment) else {
        return Ok(0);
    };
    if payment.subscription.is_some() {
        // Only the fee itself tells.
        return match payment.fee_taken {
            Some(_) => beyond(payment, &rule),
            None => Ok(0),
        };
    }
    let paid = payment.amount_paid.unwrap_or(0);
    if paid == payment.amount_subtotal {
        return Ok(0);
    }
    beyond(payment, &rule)
}

/// What was taken beyond what the rule takes of what is paid, in minor units.
fn beyond(payment: &payment::Model, rule: &FeeRule) -> Result<i64> {
    let paid = payment.amount_paid.unwrap_or(0);
    let total = money::sub(
        payment.amount_subtotal,
        payment.amount_discount.unwrap_or(0),
    )?;
    let whole = rule.of(total, &payment.currency)?;
    let due = money::share(whole, paid, total, &payment.currency)?;
    Ok(std::cmp::max(money::sub(taken(payment)?, due)?, 0))
}

/// What of the fee that was kept has gone back in all, once so much of what was paid has. Minor units, and without the excess.
fn share_of(payment: &payment::Model, back: i64) -> Result<i64> {
    let kept = money::sub(taken(payment)?, excess(payment)?)?;
    let paid = payment.amount_paid.unwrap_or(0);
    money::share(kept, back, paid, &payment.currency)
}

/// Whether the fee that goes back with refunds is returned by our own fee refunds, and not by Stripe.
///
/// # Errors
/// Sums that don't fit.
pub(super) fn are_returned_by_us(payment: &payment::Model) -> Result<bool> {
    Ok(excess(payment)? > 0)
}

/// Has the excess of a payment's fee returned, once for the payment. Its charge has just become known. Of a subscription's payment
/// the fee is read first where it may be another than was asked for: Stripe takes a share without our steps and our fixed part,
/// unless it was set on the draft in time, and of what is left after a code.
///
/// # Errors
/// Sums that don't fit.
pub(super) async fn return_excess(tx: &Tx, payment: &payment::Model) -> Result<()> {
    let is_read = payment.fee_taken.is_some();
    if payment.subscription.is_some() && !is_read {
        let has_fixed = payment.fee_fixed.is_some_and(|fixed| fixed > 0);
        let is_less = taken(payment)? != payment.application_fee;
        let may_differ = has_fixed || is_less || money::step(&payment.currency) > 1;
        let payment = payment.id.clone();
        return match may_differ {
            true => jobs::stage(tx, &Job::SyncFee { payment }).await,
            false => Ok(()),
        };
    }
    match excess(payment)? {
        0 => Ok(()),
        excess => record(tx, payment, Cause::Discount, excess).await,
    }
}

/// Has the part of the fee returned that goes back with a refund which has succeeded: in proportion to all that was
/// refunded by us so far, less what went back with earlier refunds.
///
/// # Errors
/// Sums that don't fit.
pub(super) async fn return_share(
    tx: &Tx,
    payment: &payment::Model,
    refund: &refund::Model,
) -> Result<()> {
    let is_ours = refund.origin != RefundOrigin::Stripe;
    if !is_ours || payment.application_fee == 0 {
        return Ok(());
    }
    if !are_returned_by_us(payment)? {
        // Stripe has returned its share.
        let payment = payment.id.clone();
        return jobs::stage(tx, &Job::SyncFee { payment }).await;
    }
    let rows = refunds::refunds_of_payment(tx, &payment.id).await?;
    let back = rows
        .iter()
        .filter(|row| row.origin != RefundOrigin::Stripe && refunds::has_succeeded(row));
    let back = back.map(|row| row.amount).try_fold(0, money::add)?;
    let returned = fee_refund::Entity::find()
        .filter(fee_refund::Column::PaymentId.eq(payment.id.clone()))
        .filter(fee_refund::Column::RefundId.is_not_null())
        .filter(fee_refund::Column::Status.ne(FeeRefundStatus::Refused))
        .all(tx)
        .await?;
    let mut returned = returned.iter().map(|row| row.amount);
    match due(payment, back, returned.try_fold(0, money::add)?)? {
        0 => Ok(()),
        amount => record(tx, payment, Cause::Refund(refund.id.clone()), amount).await,
    }
}

/// What is still to be returned of the fee once `back` of what was paid has gone back and `returned` of the fee, without the
/// excess. Minor units.
fn due(payment: &payment::Model, back: i64, returned: i64) -> Result<i64> {
    let due = money::sub(share_of(payment, back)?, returned)?;
    Ok(std::cmp::max(due, 0))
}

/// Has the part of the fee returned that belongs to what a lost dispute took, as far as it hasn't gone back already. Once for
/// the dispute, however often it is appealed and lost.
///
/// # Errors
/// Sums that don't fit.
pub(super) async fn return_lost(
    tx: &Tx,
    payment: &payment::Model,
    dispute: &dispute::Model,
) -> Result<()> {
    let paid = payment.amount_paid.unwrap_or(0);
    if payment.application_fee == 0 || paid == 0 {
        return Ok(());
    }
    // A dispute in another currency is about all of it.
    let disputed = match dispute.currency == payment.currency {
        true => std::cmp::min(dispute.amount, paid),
        false => paid,
    };
    let share = share_of(payment, disputed)?;
    let left = money::sub(taken(payment)?, payment.fee_returned.unwrap_or(0))?;
    match std::cmp::min(share, left) {
        amount if amount > 0 => {
            record(tx, payment, Cause::Dispute(dispute.id.clone()), amount).await
        }
        _ => Ok(()),
    }
}

/// The kind of the finding about a part of a fee that went back for a dispute which is won by now.
const RETURNED_FOR_NOTHING: &str = "fee_returned_for_won_dispute";

/// Looks at a dispute whose status has changed. It may be won on appeal, after a part of the fee went back because it was lost.
/// Stripe has no way to take a fee refund back (docs.stripe.com/api/fee_refunds), so a person must, and resolves the finding.
///
/// # Errors
/// The database failed.
pub(super) async fn review_lost(
    tx: &Tx,
    payment: &payment::Model,
    dispute: &dispute::Model,
) -> Result<()> {
    use fee_refund::Column as C;
    match dispute.status.as_str() {
        "lost" => return findings::resolve(tx, RETURNED_FOR_NOTHING, &dispute.id).await,
        "won" => {}
        _ => return Ok(()),
    }
    let returned = fee_refund::Entity::find()
        .filter(C::DisputeId.eq(dispute.id.clone()))
        .filter(C::Status.ne(FeeRefundStatus::Refused))
        .one(tx)
        .await?;
    let Some(returned) = returned else {
        return Ok(());
    };
    let finding = NewFinding {
        kind: RETURNED_FOR_NOTHING,
        stripe_account: Some(payment.charge_account.clone()),
        subject: dispute.id.clone(),
        message: format!(
            "The dispute {} was lost, so {} of the application fee of payment {} went back to the seller (DISPUTE_LOST_FEE). On \
             appeal it was won, and Stripe can't take a fee refund back. Agree with the seller how you get the money, such as by \
             a debit of their account (docs.stripe.com/connect/account-debits), or leave it to them; then resolve this finding.",
            dispute.id,
            money::display(returned.amount, &payment.currency),
            payment.id,
        ),
        amount: Some(returned.amount),
        currency: Some(payment.currency.clone()),
    };
    findings::raise(tx, finding).await
}

/// Why a part of a fee goes back.
enum Cause {
    Discount,
    Refund(RefundId),
    Dispute(String),
}

/// What of the fee would go back with a refund of this amount, in minor units. It is exact as long as nobody returns a part of
/// the fee in the dashboard.
///
/// # Errors
/// The database failed, or sums don't fit.
pub(super) async fn returned_by<C: ConnectionTrait>(
    db: &C,
    payment: &payment::Model,
    amount: i64,
) -> Result<i64> {
    if payment.application_fee == 0 {
        return Ok(0);
    }
    let rows = refunds::refunds_of_payment(db, &payment.id).await?;
    let ours = rows
        .iter()
        .filter(|row| row.origin != RefundOrigin::Stripe && !refunds::is_unsuccessful(row.status));
    let back = ours.map(|row| row.amount).try_fold(0, money::add)?;
    let after = share_of(payment, money::add(back, amount)?)?;
    money::sub(after, share_of(payment, back)?)
}

/// Writes a fee refund, once for its cause, with the job that sends it.
async fn record(tx: &Tx, payment: &payment::Model, cause: Cause, amount: i64) -> Result<()> {
    let id: FeeRefundId = ids::new(tx.now());
    let (refund, dispute) = match cause {
        Cause::Discount => (None, None),
        Cause::Refund(refund) => (Some(refund), None),
        Cause::Dispute(dispute) => (None, Some(dispute)),
    };
    let insert = fee_refund::Entity::insert(fee_refund::ActiveModel {
        id: Set(id.clone()),
        payment_id: Set(payment.id.clone()),
        refund_id: Set(refund),
        dispute_id: Set(dispute),
        amount: Set(amount),
        status: Set(FeeRefundStatus::Requested),
        stripe_fee_refund: Set(None),
        key_number: Set(1),
        key_until: Set(key_until(tx.now())),
        created_at: Set(tx.now()),
        updated_at: Set(tx.now()),
    })
    .on_conflict(OnConflict::new().do_nothing().to_owned())
    .exec_without_returning(tx)
    .await;
    if db::inserted(insert)?.is_none_or(|rows| rows == 0) {
        return Ok(());
    }
    jobs::stage(tx, &Job::RefundFee { fee_refund: id }).await
}

async fn row<C: ConnectionTrait>(db: &C, id: &FeeRefundId) -> Result<fee_refund::Model> {
    let found = fee_refund::Entity::find_by_id(id.clone()).one(db).await?;
    found.ok_or_else(|| Error::internal(format!("fee refund {id} is missing")))
}

/// The job: returns a part of an application fee, once.
///
/// # Errors
/// Stripe has not answered. A refusal is a finding and no error.
pub async fn send(app: &App, id: &FeeRefundId) -> Result<()> {
    let fee_refund = row(&app.db.read, id).await?;
    if fee_refund.status != FeeRefundStatus::Requested {
        return Ok(());
    }
    let payment = with_fee(app, &fee_refund.payment_id).await?;
    let fee = fee_of(&payment)?;
    let platform = app.stripe.platform();
    let create = request::refund(fee, fee_refund.amount, id.as_ref());
    let find_existing = async {
        let mark = (METADATA_FEE_REFUND, id.as_ref());
        let page = |last: Option<&str>| request::refunds(fee, last);
        let marked: Vec<IdView> = platform.find_by_metadata(mark, page).await?;
        Ok(marked.into_iter().next())
    };
    let (number, until) = (fee_refund.key_number, fee_refund.key_until);
    let made = IdempotentCreate::of(fee_refund::Entity, id, number, until)
        .make(&app.db, app.clock.now(), find_existing, async |n| {
            let key = format!("fee_refund:{id}:{n}");
            platform.post::<IdView, _>(&create, &key).await
        })
        .await;
    match made {
        Ok(view) => {
            end(app, id, FeeRefundStatus::Succeeded, Some(view.id)).await?;
            sync(app, &payment.id).await
        }
        Err(Error::StripeRefused(fault)) => {
            end(app, id, FeeRefundStatus::Refused, None).await?;
            let tx = app.db.begin_write().await?;
            findings::raise(&tx, refused(&payment, &fee_refund, &fault)).await?;
            tx.commit().await
        }
        Err(e) => Err(e),
    }
}

async fn end(
    app: &App,
    id: &FeeRefundId,
    to: FeeRefundStatus,
    stripe_id: Option<String>,
) -> Result<()> {
    use fee_refund::Column as C;
    let tx = app.db.begin_write().await?;
    fee_refund::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::StripeFeeRefund, Expr::value(stripe_id))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(FeeRefundStatus::Requested))
        .exec(&tx)
        .await?;
    findings::resolve(&tx, KIND, id.as_ref()).await?;
    tx.commit().await
}

/// The kind of the finding about a part of a fee that could not be returned.
const KIND: &str = "fee_refund_missing";

fn refused(payment: &payment::Model, row: &fee_refund::Model, fault: &StripeFault) -> NewFinding {
    let why = fault.message.trim_end_matches('.');
    missing(
        payment,
        row,
        &format!(
            "Stripe refused it ({why}). Look at the fee {} in the Stripe dashboard, and return what \
        is missing there",
            payment.stripe_fee.as_deref().unwrap_or_default()
        ),
    )
}

/// Raises a finding when the job is given up.
///
/// # Errors
/// The database failed.
pub async fn give_up(tx: &Tx, id: &FeeRefundId, attempts: i32, error: &Error) -> Result<()> {
    let row = row(tx, id).await?;
    let payment = payment::Entity::find_by_id(row.payment_id.clone());
    let Some(payment) = payment.one(tx).await? else {
        return Ok(());
    };
    let what = format!(
        "it was given up after {}: {error} Once Stripe answers, have its job tried again (docs/operating.md)",
        attempts_text(attempts)
    );
    findings::raise(tx, missing(&payment, &row, &what)).await
}

fn missing(payment: &payment::Model, row: &fee_refund::Model, what: &str) -> NewFinding {
    NewFinding {
        kind: KIND,
        stripe_account: Some(payment.charge_account.clone()),
        subject: row.id.to_string(),
        message: format!(
            "{} of the application fee of payment {} are to go back to the seller, but {what}.",
            money::display(row.amount, &payment.currency),
            payment.id,
        ),
        amount: Some(row.amount),
        currency: Some(payment.currency.clone()),
    }
}

/// The job: reads what Stripe took as the fee of a payment, and what of it went back.
///
/// # Errors
/// Stripe has not answered or refuses.
pub async fn sync(app: &App, id: &PaymentId) -> Result<()> {
    use payment::Column as C;
    let payment = with_fee(app, id).await?;
    let Some(fee) = &payment.stripe_fee else {
        return Ok(());
    };
    let view: ApplicationFeeView = app.stripe.platform().get(&request::retrieve(fee)).await?;
    let tx = app.db.begin_write().await?;
    payment::Entity::update_many()
        .col_expr(C::FeeTaken, Expr::value(view.amount))
        .col_expr(C::FeeReturned, Expr::value(view.amount_refunded))
        .filter(C::Id.eq(id.clone()))
        .exec(&tx)
        .await?;
    if payment.subscription.is_some() {
        return_excess(&tx, &super::lock_payment(&tx, id).await?).await?;
    }
    tx.commit().await
}

/// The payment, with the id of its fee: Stripe is asked for it, if the charge was read by an older version.
async fn with_fee(app: &App, id: &PaymentId) -> Result<payment::Model> {
    let payment = find(app, id).await?;
    if payment.stripe_fee.is_some() || payment.application_fee == 0 {
        return Ok(payment);
    }
    reread::learn_fee(app, &payment).await?;
    find(app, id).await
}

fn fee_of(payment: &payment::Model) -> Result<&str> {
    let fee = payment.stripe_fee.as_deref();
    fee.ok_or_else(|| Error::Busy(format!("the fee of payment {} isn't known yet", payment.id)))
}

/// `application_fee.refunded`, which the platform gets. Somebody may have returned a part in the dashboard: the fee is read
/// anew. The account's book follows, too.
pub async fn refunded(tx: &Tx, event: &Event) -> Result<Effect> {
    if let Ok(ApplicationFeeView {
        account,
        charge: Some(charge),
        ..
    }) = event.object()
    {
        let of = StripePayment {
            account: &AccountId::from(account.id()),
            livemode: event.livemode()?,
            intent: None,
            charge: Some(charge.id()),
        };
        if let Some(payment) = of.find(tx).await? {
            jobs::stage(
                tx,
                &Job::SyncFee {
                    payment: payment.id,
                },
            )
            .await?;
        }
    }
    ledger::events::application_fee_refunded(tx, event).await
}
