//! Money that is held until the seller captures it (docs.stripe.com/payments/place-a-hold-on-a-payment-method): whole or in part,
//! and until when.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Deserialize;
use serde_json::json;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::{self, CaptureMethod, PaymentStatus};
use souk_entity::{OrderId, PaymentId, Timestamp, payment_order};
use validator::Validate;

use crate::app::App;
use crate::db::{self, Tx};
use crate::error::{Error, Result, StripeFault};
use crate::findings::{self, NewFinding};
use crate::http::deserialize_some;
use crate::jobs::{self, Job, Recipient};
use crate::orders::{OrderAccess, Side};
use crate::stripe::requests::intents as request;
use crate::stripe::views::{ChargeView, Expandable, IdView};
use crate::{audit, ids, money, orders};

use super::reread::{self, IS_CONNECTED, STALE_MS};
use super::snapshot::PaymentSnapshot;
use super::{attempts_text, fees, find, lock_payment};

/// How long a capture may go unanswered before its job repeats it.
const RETRY_AFTER_MS: i64 = 15_000;

/// The most characters of Stripe's words that are kept.
const REFUSAL_LIMIT: usize = 1_000;

/// The kind of the finding about a capture that was asked for and not made.
const FAILED: &str = "capture_failed";

/// A capture as the API asks for it.
#[derive(Debug, Deserialize, Validate)]
#[serde(deny_unknown_fields)]
pub struct NewCapture {
    /// Minor units; by default all that is held. The rest is released.
    #[serde(default, deserialize_with = "deserialize_some")]
    #[validate(range(min = 1, message = "amount is at least 1."))]
    pub amount: Option<i64>,
}

/// Captures held money, once; what is left of it is released. The same capture again
/// answers what became of the first.
///
/// # Errors
/// 403 for the buyer; `payment_not_authorized`, `capture_in_progress`, `capture_exceeds_authorized`; Stripe's refusal. Without an
/// answer from Stripe the payment stays authorized, and a job repeats the capture.
pub(super) async fn request(
    app: &App,
    access: &OrderAccess,
    payment: &PaymentId,
    new: NewCapture,
) -> Result<payment::Model> {
    only_for_sellers(access)?;
    if let Some(amount) = write_down(app, access, payment, new).await? {
        tracing::info!(%payment, amount, "held money is captured");
        attempt(app, payment).await?;
    }
    let payment = find(app, payment).await?;
    match payment.status {
        PaymentStatus::Paid | PaymentStatus::Authorized => Ok(payment),
        _ => Err(not_held(&payment)),
    }
}

/// Who takes or releases held money: the seller or an admin, never the buyer.
pub(super) fn only_for_sellers(access: &OrderAccess) -> Result<()> {
    match access.side {
        Side::Buyer => Err(Error::Forbidden(
            "Only the seller or an admin captures or releases money that is held. Ask the shop.",
        )),
        Side::Seller | Side::Admin => Ok(()),
    }
}

/// Writes the capture down with its job. None: it was captured already.
async fn write_down(
    app: &App,
    access: &OrderAccess,
    id: &PaymentId,
    new: NewCapture,
) -> Result<Option<i64>> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let payment = lock_payment(&tx, id).await?;
    let most = capturable(&tx, &payment).await?;
    let amount = new.amount.or(match payment.status {
        PaymentStatus::Paid => payment.amount_paid,
        _ => payment.capture_amount,
    });
    let amount = amount.unwrap_or(most);
    let is_manual = payment.capture_method == CaptureMethod::Manual;
    if is_manual && payment.status == PaymentStatus::Paid && payment.amount_paid == Some(amount) {
        return Ok(None);
    }
    check(&payment, amount, most)?;
    if payment.capture_amount.is_none() {
        payment::Entity::update_many()
            .col_expr(C::CaptureAmount, Expr::value(amount))
            .col_expr(C::CaptureRefusal, Expr::value(None::<String>))
            .col_expr(C::UpdatedAt, Expr::value(tx.now()))
            .filter(C::Id.eq(id.clone()))
            .exec(&tx)
            .await?;
        let data = json!({ "payment": id, "amount": amount });
        for order in held_orders(&tx, id).await? {
            orders::log(&tx, &order, "capture_requested", data.clone()).await?;
        }
        audit::record(
            &tx,
            &access.actor,
            "payment.capture_requested",
            id.as_ref(),
            data,
        )
        .await?;
    }
    let repeat = Job::Capture {
        payment: id.clone(),
    };
    jobs::stage_at(&tx, &repeat, tx.now().plus_ms(RETRY_AFTER_MS)).await?;
    tx.commit().await?;
    Ok(Some(amount))
}

/// # Errors
/// The payment isn't held, another capture is under way, or the amount is none that can be captured.
fn check(payment: &payment::Model, amount: i64, most: i64) -> Result<()> {
    if payment.status != PaymentStatus::Authorized || most == 0 {
        return Err(not_held(payment));
    }
    if payment.capture_amount.is_some_and(|asked| asked != amount) {
        return Err(in_progress());
    }
    let fault = |message| Error::Conflict {
        code: "capture_exceeds_authorized",
        param: Some("amount".to_owned()),
        message,
    };
    if amount > most {
        let most = money::display(most, &payment.currency);
        return Err(fault(format!("At most {most} can be captured.")));
    }
    let step = money::step(&payment.currency);
    if amount % step != 0 && amount != most {
        let message = format!("amount is a multiple of {step} in this currency.");
        return Err(Error::invalid("amount", message));
    }
    Ok(())
}

fn not_held(payment: &payment::Model) -> Error {
    Error::conflict(
        "payment_not_authorized",
        match payment.status {
            PaymentStatus::Paid => "This payment was captured, or was never held.",
            PaymentStatus::Canceled => {
                "The money isn't held any more: it was released, or the authorization has lapsed. Nothing was charged."
            }
            _ => "No money is held by this payment.",
        },
    )
}

/// A capture that Stripe has not answered: until then the money can't be released, and nothing else can be captured.
pub(super) fn in_progress() -> Error {
    Error::conflict(
        "capture_in_progress",
        "A capture of this payment is under way. Look at it again in a moment.",
    )
}

/// What can be captured: what is held for orders that still want it, in minor units.
async fn capturable(tx: &Tx, payment: &payment::Model) -> Result<i64> {
    let held = payment.amount_capturable.unwrap_or(0);
    let links = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(payment.id.clone()))
        .order_by_asc(payment_order::Column::OrderId)
        .all(tx)
        .await?;
    let wanted = held_orders(tx, &payment.id).await?;
    let subtotals: Vec<i64> = links.iter().map(|link| link.amount_subtotal).collect();
    // What a code took off is shared as when it is paid.
    let discount = money::sub(payment.amount_subtotal, held)?;
    let discounts = money::split(discount, &subtotals, &payment.currency)?;
    let mut nets = links.iter().zip(discounts);
    nets.try_fold(0, |sum, (link, discount)| {
        match wanted.contains(&link.order_id) {
            true => money::add(sum, money::sub(link.amount_subtotal, discount)?),
            false => Ok(sum),
        }
    })
}

async fn held_orders<D: ConnectionTrait>(db: &D, payment: &PaymentId) -> Result<Vec<OrderId>> {
    let link = payment_order::Entity::belongs_to(order::Entity)
        .from(payment_order::Column::OrderId)
        .to(order::Column::Id);
    let found = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.eq(payment.clone()))
        .join(JoinType::InnerJoin, link.into())
        .filter(order::Column::Status.eq(OrderStatus::Authorized))
        .order_by_asc(payment_order::Column::OrderId)
        .select_only()
        .column(payment_order::Column::OrderId)
        .into_tuple();
    Ok(found.all(db).await?)
}

/// The job: captures what was asked for. A refusal is a finding and no error.
///
/// # Errors
/// Stripe has not answered.
pub async fn send(app: &App, id: &PaymentId) -> Result<()> {
    match attempt(app, id).await {
        Err(Error::StripeRefused(_)) => Ok(()),
        attempted => attempted,
    }
}

/// Stripe captures an intent once, and our row fixes how much; so each try has a key of its own: under an old one Stripe could
/// repeat a saved 500.
async fn attempt(app: &App, id: &PaymentId) -> Result<()> {
    let payment = find(app, id).await?;
    let (PaymentStatus::Authorized, Some(amount)) = (payment.status, payment.capture_amount) else {
        return Ok(());
    };
    let intent = payment.payment_intent.as_deref();
    let intent = intent.ok_or_else(|| Error::internal("held money without an intent"))?;
    let held = payment.amount_capturable.unwrap_or(amount);
    let fee = fees::of_part(&payment, held, amount)?;
    let key = format!("capture:{id}:{}", ids::random_token());
    let scope = app.stripe.at(&payment.charge_account);
    let capture = request::capture(intent, amount, fee);
    let sent: Result<IdView> = scope.post(&capture, &key).await;
    let refusal = match sent {
        Ok(_) => None,
        Err(Error::StripeRefused(fault)) => Some(fault),
        Err(e) => return Err(e),
    };
    // After a refusal too: it may have been captured before, or be held no more.
    let (payment, _) = reread::confirm_now(app, id).await?;
    match refusal {
        Some(fault) if payment.status == PaymentStatus::Authorized => {
            note_refusal(app, id, &fault).await?;
            Err(Error::StripeRefused(fault))
        }
        _ => Ok(()),
    }
}

/// The money is still held: another amount may be captured, or it may be released.
async fn note_refusal(app: &App, id: &PaymentId, fault: &StripeFault) -> Result<()> {
    use payment::Column as C;
    let tx = app.db.begin_write().await?;
    let refused = payment::Entity::update_many()
        .col_expr(C::CaptureAmount, Expr::value(None::<i64>))
        .col_expr(
            C::CaptureRefusal,
            Expr::value(db::fit(fault.words(), REFUSAL_LIMIT)),
        )
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Authorized))
        .exec_with_returning(&tx)
        .await?;
    for payment in &refused {
        raise_failed(
            &tx,
            payment,
            &format!("Stripe refused it: {}", fault.words()),
        )
        .await?;
    }
    tx.commit().await
}

/// Stripe never answered a capture.
///
/// # Errors
/// The database failed.
pub async fn give_up(tx: &Tx, id: &PaymentId, attempts: i32, error: &Error) -> Result<()> {
    let payment = lock_payment(tx, id).await?;
    if payment.status != PaymentStatus::Authorized {
        return Ok(());
    }
    let why = format!(
        "It was given up after {}: {error}.",
        attempts_text(attempts)
    );
    raise_failed(tx, &payment, &why).await
}

async fn raise_failed(tx: &Tx, payment: &payment::Model, why: &str) -> Result<()> {
    let until = match payment.capture_before {
        Some(at) => format!(" until {at}"),
        None => String::new(),
    };
    let finding = NewFinding {
        kind: FAILED,
        stripe_account: Some(payment.charge_account.clone()),
        subject: payment.id.to_string(),
        message: format!(
            "The money of payment {} was to be captured and is still only held{until}. {why} Capture it again with POST \
             /v1/payment_intents/{}/capture, or in the Stripe dashboard.",
            payment.id,
            payment.payment_intent.as_deref().unwrap_or_default(),
        ),
        amount: payment.capture_amount.or(payment.amount_capturable),
        currency: Some(payment.currency.clone()),
    };
    findings::raise(tx, finding).await
}

/// Resolves findings about captures whose money isn't held any more.
///
/// # Errors
/// The database failed.
pub async fn review(tx: &Tx) -> Result<()> {
    for finding in findings::open(tx, FAILED).await? {
        let payment = payment::Entity::find_by_id(PaymentId::from(finding.subject.as_str()));
        let is_held = payment
            .one(tx)
            .await?
            .is_some_and(|payment| payment.status == PaymentStatus::Authorized);
        if !is_held {
            findings::resolve(tx, FAILED, &finding.subject).await?;
        }
    }
    Ok(())
}

/// Notes until when money is held, as the charge says it.
///
/// # Errors
/// The database failed.
pub(super) async fn note_deadline(
    tx: &Tx,
    id: &PaymentId,
    charge: &Expandable<ChargeView>,
) -> Result<()> {
    use payment::Column as C;
    let Expandable::Object(charge) = charge else {
        return Ok(());
    };
    let Some(at) = charge.capture_before().map(Timestamp::from_seconds) else {
        return Ok(());
    };
    payment::Entity::update_many()
        .col_expr(C::CaptureBefore, Expr::value(at))
        .filter(C::Id.eq(id.clone()))
        .filter(C::Status.eq(PaymentStatus::Authorized))
        .exec(tx)
        .await?;
    Ok(())
}

/// Notes what the platform takes of captured money, and each order's share of it: what our capture asked for, or what the
/// intent says if somebody captured it in the dashboard.
///
/// # Errors
/// The database failed, or sums don't fit.
pub(super) async fn note_fee(
    tx: &Tx,
    id: &PaymentId,
    snapshot: &PaymentSnapshot,
    paid: Vec<(&OrderId, i64)>,
) -> Result<()> {
    let payment = lock_payment(tx, id).await?;
    let totals = &snapshot.totals;
    let fee = match payment.capture_amount == Some(totals.paid()) {
        true => fees::of_part(&payment, totals.total, totals.paid())?,
        false => snapshot.application_fee.unwrap_or(payment.application_fee),
    };
    if fee == payment.application_fee {
        return Ok(());
    }
    payment::Entity::update_many()
        .col_expr(payment::Column::ApplicationFee, Expr::value(fee))
        .filter(payment::Column::Id.eq(id.clone()))
        .exec(tx)
        .await?;
    let weights: Vec<i64> = paid.iter().map(|(_, amount)| *amount).collect();
    let fees = money::split(fee, &weights, &snapshot.currency)?;
    for ((order, _), fee) in paid.into_iter().zip(fees) {
        payment_order::Entity::update_many()
            .col_expr(payment_order::Column::ApplicationFee, Expr::value(fee))
            .filter(payment_order::Column::PaymentId.eq(id.clone()))
            .filter(payment_order::Column::OrderId.eq(order.clone()))
            .exec(tx)
            .await?;
    }
    Ok(())
}

/// Until when money is held for an order, as far as Stripe says.
///
/// # Errors
/// The database failed.
pub async fn deadline<D: ConnectionTrait>(db: &D, order: &OrderId) -> Result<Option<Timestamp>> {
    let payments = super::payments_of_order(db, order).await?;
    let held = payments
        .into_iter()
        .filter(|one| one.status == PaymentStatus::Authorized);
    Ok(held.filter_map(|one| one.capture_before).min())
}

/// Whether money is held that no order wants: each was sold out, had ended or is paid otherwise.
///
/// # Errors
/// The database failed.
pub(super) async fn is_held_for_nothing(app: &App, payment: &payment::Model) -> Result<bool> {
    Ok(payment.status == PaymentStatus::Authorized
        && held_orders(&app.db.read, &payment.id).await?.is_empty())
}

/// Payments whose authorization should have lapsed, or of which Stripe doesn't say when it will.
///
/// # Errors
/// The database failed.
pub(super) async fn lapsed(tx: &Tx, livemode: bool) -> Result<Vec<payment::Model>> {
    use payment::Column as C;
    let is_over = Condition::any()
        .add(C::CaptureBefore.lt(tx.now().plus_ms(-STALE_MS)))
        .add(C::CaptureBefore.is_null());
    Ok(payment::Entity::find()
        // As the index says it, word for word, so that SQLite sees that it will do.
        .filter(Expr::cust("status = 'authorized'"))
        .filter(is_over)
        .filter(C::Livemode.eq(livemode))
        .filter(Expr::cust(IS_CONNECTED))
        .all(tx)
        .await?)
}

/// How long before an authorization lapses its seller is told, and by which mail.
const REMINDERS: [(i64, &str); 2] = [
    (24 * 3_600_000, "capture_due_tomorrow"),
    (2 * 24 * 3_600_000, "capture_due_soon"),
];

/// Stages a mail to the seller about each payment whose authorization lapses soon, once for each reminder.
///
/// # Errors
/// The database failed.
pub async fn remind(tx: &Tx) -> Result<()> {
    use payment::Column as C;
    let latest = REMINDERS.iter().map(|(before, _)| *before).max();
    let held = payment::Entity::find()
        .filter(Expr::cust("status = 'authorized'"))
        .filter(C::CaptureBefore.gt(tx.now()))
        .filter(C::CaptureBefore.lte(tx.now().plus_ms(latest.unwrap_or(0))))
        .filter(C::CaptureAmount.is_null())
        .order_by_asc(C::Id)
        .all(tx)
        .await?;
    for payment in held {
        let left = payment
            .capture_before
            .map_or(0, |until| until.0 - tx.now().0);
        let due = REMINDERS.iter().find(|(before, _)| left <= *before);
        let Some((_, what)) = due else {
            continue;
        };
        for order in held_orders(tx, &payment.id).await? {
            let mail = Job::Mail {
                what: (*what).to_owned(),
                to: Recipient::Seller,
                about: order.to_string(),
            };
            jobs::stage(tx, &mail).await?;
        }
    }
    Ok(())
}
