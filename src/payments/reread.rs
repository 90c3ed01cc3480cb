//! Asking Stripe again about a payment: its object is read whole, and confirmed by the one confirm.

pub mod review;

use std::collections::BTreeSet;

use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use souk_entity::payment::{self, CaptureMethod, PaymentKind, PaymentStatus};
use souk_entity::{AccountId, PaymentId, Timestamp};

use crate::app::App;
use crate::catalog::promotions::redemptions;
use crate::db::Tx;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::stripe::Scope;
use crate::stripe::requests::{checkout, intents, invoices};
use crate::stripe::views::{ChargeView, Expandable, InvoiceView, PaymentIntentView, SessionView};

use super::confirm::confirm;
use super::snapshot::PaymentSnapshot;
use super::{capture, closing, disputes, fees, find, refunds, saved_cards};

/// The job: re-reads a payment's object, charge, disputes and refunds from Stripe.
///
/// # Errors
/// Stripe has not answered, or the answer can't be confirmed.
pub async fn payment(app: &App, id: &PaymentId) -> Result<()> {
    let (payment, charge) = confirm_now(app, id).await?;
    if is_abandoned(&payment, app.clock.now())
        || capture::is_held_for_nothing(app, &payment).await?
    {
        return closing::close(app, &payment).await;
    }
    if payment.status != PaymentStatus::Paid {
        return Ok(());
    }
    saved_cards::keep_paid(app, &payment, charge.as_ref()).await?;
    disputes::match_warnings(app, &payment).await?;
    // Most charges have neither refund nor dispute, and Stripe limits how often it is asked.
    let is_undisputed = charge.as_ref().is_some_and(Expandable::is_undisputed);
    if !is_undisputed {
        disputes::mirror(app, &payment).await?;
    }
    let is_unrefunded = charge.is_some_and(|charge| charge.is_unrefunded());
    if is_unrefunded && !refunds::has_any(app, id).await? {
        return Ok(());
    }
    refunds::mirror(app, &payment).await
}

/// Whether an intent's time is over. A session ends by itself; an intent stays open until somebody cancels it.
fn is_abandoned(payment: &payment::Model, now: Timestamp) -> bool {
    payment.kind == PaymentKind::Intent
        && payment.status == PaymentStatus::Pending
        && payment.expires_at.is_some_and(|at| at < now)
}

type LatestCharge = Option<Expandable<ChargeView>>;

/// A payment's object as Stripe shows it now, with its intent and its newest charge.
struct Reading {
    snapshot: PaymentSnapshot,
    charge: LatestCharge,
}

/// Retrieves a session, an intent or an invoice on the account where it lives.
///
/// # Errors
/// Stripe has not answered or refuses.
async fn read(app: &App, account: &AccountId, kind: PaymentKind, object: &str) -> Result<Reading> {
    let scope = app.stripe.at(account);
    let reading = match kind {
        PaymentKind::Session => {
            let view: SessionView = scope.get(&checkout::retrieve(object)).await?;
            let mut snapshot = PaymentSnapshot::of_session(account, view.livemode, &view);
            // Its subscription's first invoice collects the money.
            let charge = match snapshot.invoice.as_ref() {
                Some(invoice) if snapshot.subscription.is_some() => {
                    let invoice: InvoiceView = scope.get(&invoices::retrieve(invoice)).await?;
                    let intent = invoice
                        .payment_intent()
                        .map(|intent| intent.id().to_owned());
                    snapshot.payment_intent = intent;
                    charge_of_invoice(&scope, &invoice).await?
                }
                _ => latest_charge(view.payment_intent),
            };
            Reading { snapshot, charge }
        }
        PaymentKind::Intent => {
            let view: PaymentIntentView = scope.get(&intents::retrieve(object)).await?;
            Reading {
                snapshot: PaymentSnapshot::of_intent(account, view.livemode, &view),
                charge: view.latest_charge,
            }
        }
        PaymentKind::Invoice => {
            let view: InvoiceView = scope.get(&invoices::retrieve(object)).await?;
            Reading {
                snapshot: PaymentSnapshot::of_invoice(account, view.livemode, &view)?,
                charge: charge_of_invoice(&scope, &view).await?,
            }
        }
    };
    Ok(reading)
}

/// The newest charge of the intent that pays an invoice, which lies deeper than Stripe expands.
async fn charge_of_invoice(scope: &Scope, invoice: &InvoiceView) -> Result<LatestCharge> {
    let Some(intent) = invoice.payment_intent() else {
        return Ok(None);
    };
    let read: PaymentIntentView = scope.get(&intents::retrieve(intent.id())).await?;
    Ok(read.latest_charge)
}

fn latest_charge(intent: Option<Expandable<PaymentIntentView>>) -> LatestCharge {
    match intent? {
        Expandable::Object(intent) => intent.latest_charge,
        Expandable::Id(_) => None,
    }
}

/// Reads a payment's object, confirms it, and notes the charge of a paid one. Answers the payment, and the charge as Stripe
/// shows it.
///
/// # Errors
/// Stripe has not answered or refuses, or the answer can't be confirmed.
pub(super) async fn confirm_now(
    app: &App,
    id: &PaymentId,
) -> Result<(payment::Model, LatestCharge)> {
    let payment = find(app, id).await?;
    let Some(object) = &payment.stripe_object else {
        return Ok((payment, None));
    };
    let Reading { snapshot, charge } =
        read(app, &payment.charge_account, payment.kind, object).await?;
    if snapshot.intent_unread && payment.capture_method == CaptureMethod::Manual {
        return Err(Error::internal(format!("{object} came without its intent")));
    }
    let code = snapshot.promotion_code.clone();
    let intent = snapshot.payment_intent.clone();
    let tx = app.db.begin_write().await?;
    confirm(&tx, &[snapshot]).await?;
    if let Some(code) = code.filter(|_| payment.stripe_promotion_code.is_none()) {
        note_promotion_code(&tx, id, &code).await?;
    }
    let noted = match &charge {
        Some(charge) => {
            capture::note_deadline(&tx, id, charge).await?;
            note_charge(&tx, &payment, charge, intent).await?
        }
        None => None,
    };
    tx.commit().await?;
    let payment = match noted {
        Some(payment) => payment,
        None => find(app, id).await?,
    };
    Ok((payment, charge))
}

/// Notes the promotion code of a paid payment whose event didn't name it, as those of older API versions.
async fn note_promotion_code(tx: &Tx, id: &PaymentId, code: &str) -> Result<()> {
    use payment::Column as C;
    let noted = payment::Entity::update_many()
        .col_expr(C::StripePromotionCode, Expr::value(code))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Paid))
        .filter(C::StripePromotionCode.is_null())
        .exec(tx)
        .await?;
    match noted.rows_affected {
        0 => Ok(()),
        _ => redemptions::review(tx, &BTreeSet::from([code.to_owned()])).await,
    }
}

/// Notes the charge of a paid payment, and has its balance transaction pulled, which can be matched to the order only now.
/// Answers the payment, if its charge wasn't known.
async fn note_charge(
    tx: &Tx,
    payment: &payment::Model,
    charge: &Expandable<ChargeView>,
    intent: Option<String>,
) -> Result<Option<payment::Model>> {
    use payment::Column as C;
    // The event of a subscription's payment doesn't name its intent.
    let intent = Func::coalesce([Expr::col(C::PaymentIntent), Expr::value(intent)]);
    let noted = payment::Entity::update_many()
        .col_expr(C::Charge, Expr::value(charge.id()))
        .col_expr(C::StripeFee, Expr::value(charge.application_fee()))
        .col_expr(C::PaymentIntent, intent.into())
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::Status.eq(PaymentStatus::Paid))
        .filter(C::Charge.is_null())
        .exec_with_returning(tx)
        .await?;
    let noted = noted.into_iter().next();
    // The newest charge of a payment that isn't paid is a try that failed.
    if noted.is_some() || payment.charge.as_deref() == Some(charge.id()) {
        super::charges::note_details(tx, payment, charge).await?;
    }
    if let Some(payment) = &noted {
        fees::return_excess(tx, payment).await?;
        let (account, livemode) = (payment.charge_account.clone(), payment.livemode);
        jobs::stage(tx, &Job::Pull { account, livemode }).await?;
    }
    Ok(noted)
}

/// Reads the id of a paid payment's application fee from its charge.
///
/// # Errors
/// Stripe has not answered or refuses.
pub(super) async fn learn_fee(app: &App, payment: &payment::Model) -> Result<()> {
    use payment::Column as C;
    let (_, charge) = confirm_now(app, &payment.id).await?;
    let Some(fee) = charge.as_ref().and_then(Expandable::application_fee) else {
        return Ok(());
    };
    let tx = app.db.begin_write().await?;
    payment::Entity::update_many()
        .col_expr(C::StripeFee, Expr::value(fee))
        .filter(C::Id.eq(payment.id.clone()))
        .filter(C::StripeFee.is_null())
        .exec(&tx)
        .await?;
    tx.commit().await
}

/// How long after a session's end Stripe is asked about it: its event should have come by then.
pub(super) const STALE_MS: i64 = 10 * 60_000;

pub(super) const IS_CONNECTED: &str = "NOT EXISTS (SELECT 1 FROM sellers s \
    WHERE s.stripe_account = payments.charge_account AND s.deauthorized_at IS NOT NULL)";

/// The job: re-reads payments that are still pending after their session's end, and those whose authorization should have lapsed.
pub async fn sweep(app: &App) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let mut stale = payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'pending'"))
        .filter(C::ExpiresAt.lt(tx.now().plus_ms(-STALE_MS)))
        .filter(C::StripeObject.is_not_null())
        .filter(C::Livemode.eq(app.stripe.livemode()))
        // Of an account that has disconnected nothing can be read.
        .filter(Expr::cust(IS_CONNECTED))
        .all(&tx)
        .await?;
    stale.extend(capture::lapsed(&tx, app.stripe.livemode()).await?);
    stale.sort_by(|a, b| a.id.cmp(&b.id));
    stage_rereads(&tx, stale).await?;
    tx.commit().await
}

/// Stages a re-read of the account's payments that may still be paid.
pub async fn open_of(tx: &Tx, account: &AccountId) -> Result<()> {
    use payment::Column as C;
    let open = payment::Entity::find()
        .filter(C::ChargeAccount.eq(account.clone()))
        .filter(C::Status.is_in([
            PaymentStatus::Pending,
            PaymentStatus::Processing,
            PaymentStatus::Authorized,
        ]))
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    stage_rereads(tx, open).await
}

async fn stage_rereads(tx: &Tx, payments: Vec<payment::Model>) -> Result<()> {
    for payment in payments {
        let payment = payment.id;
        jobs::stage(tx, &Job::RereadPayment { payment }).await?;
    }
    Ok(())
}
