//! The one confirm: webhook, verify and re-read all end here, and the first of them wins.
//!
//! It takes a slice of snapshots; one event is a slice of one. Rows are loaded and locked in the one lock order
//! (payments with their orders and lines, then products). A pure function (`decide`) decides each snapshot. The rows of
//! an ordinary sale are written set-wise. Any failure is an error of the whole slice, and the caller's savepoint or
//! transaction undoes all of it.

mod decide;
mod load;
mod mismatches;

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ActiveEnum, ColumnTrait, Condition, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use souk_entity::order::OrderStatus;
use souk_entity::payment::{self, CaptureMethod, PaymentStatus};
use souk_entity::refund::RefundOrigin;
use souk_entity::{AccountId, OrderEventId, OrderId, PaymentId, SellerId};

use crate::catalog::{Stock, give_back, promotions};
use crate::db::Tx;
use crate::db::set_wise::{SetWise, Together, json_of};
use crate::error::{Error, Result};
use crate::jobs::{self, Job, Recipient};
use crate::stripe::views::{PaymentIntentView, SessionView};
use crate::stripe::{Effect, Event};
use crate::{ids, orders};

use super::intents::declines::Decline;
use super::snapshot::{PaymentSnapshot, SnapshotStatus};
use super::{capture, refunds, setups};
use decide::{Decision, Hold, Outcome, PaidShare, SliceState, decide, order_status_after};
use load::load;
use mismatches::{raise_mismatch, raise_orphan};

/// How long after its session was made a payment still sends mail. A later one (found after a long outage, or by the first
/// version that knows its event's type) moves money and stock all the same.
const NOTIFY_WITHIN_MS: i64 = 30 * 24 * 3_600_000;

/// `checkout.session.*`: confirms each event's session.
///
/// # Errors
/// An event without a session or a mode, and the errors of `confirm`.
pub async fn checkout_sessions(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    confirm_events(tx, events, |account, event| {
        let session = event.object::<SessionView>()?;
        if session.mode.as_deref() == Some("setup") {
            return Ok(None);
        }
        let mut snapshot = PaymentSnapshot::of_session(account, event.livemode()?, &session);
        if event.kind == "checkout.session.async_payment_failed" {
            // The session itself still says `complete` and `unpaid`.
            snapshot.status = SnapshotStatus::Failed;
        }
        Ok(Some(snapshot))
    })
    .await
}

/// `payment_intent.*`: confirms each event's intent, if it is a payment's own.
///
/// # Errors
/// An event without an intent or a mode, and the errors of `confirm`.
pub async fn payment_intents(tx: &Tx, events: &[&Event]) -> Result<Vec<Effect>> {
    confirm_events(tx, events, |account, event| {
        let intent = event.object::<PaymentIntentView>()?;
        let snapshot = PaymentSnapshot::of_intent(account, event.livemode()?, &intent);
        Ok(Some(snapshot))
    })
    .await
}

/// Confirms the snapshots of events of sellers' accounts. Nothing is paid by a session without one, which saves a card
/// (`mode=setup`): its `no_payment_required` is no free order. Returns the effects in the events' order.
async fn confirm_events(
    tx: &Tx,
    events: &[&Event],
    snapshot_of: impl Fn(&AccountId, &Event) -> Result<Option<PaymentSnapshot>>,
) -> Result<Vec<Effect>> {
    let mut snapshots = Vec::with_capacity(events.len());
    let mut effects = Vec::with_capacity(events.len());
    for event in events {
        match &event.account {
            Some(account) => match snapshot_of(account, event)? {
                Some(snapshot) => {
                    snapshots.push(snapshot);
                    effects.push(None);
                }
                None => {
                    let saved = setups::events::reread_session(tx, &event.about()?).await?;
                    effects.push(Some(saved.unwrap_or(setups::events::NO_SETUP)));
                }
            },
            None => effects.push(Some(super::events::PLATFORM)),
        }
    }
    let mut confirmed = confirm(tx, &snapshots).await?.into_iter();
    let effects = effects.into_iter().map(|ignored| {
        let effect = ignored.or_else(|| confirmed.next());
        effect.ok_or_else(|| Error::internal("a snapshot without an effect"))
    });
    effects.collect()
}

/// Moves payments to the state of their snapshots: forward only. Several snapshots of one payment or order are decided in
/// turn, each on the result of those before it. Returns the effects in the snapshots' order.
///
/// # Errors
/// Fewer rows changed than were decided on, under their locks; and the errors of `decide`.
pub(super) async fn confirm(tx: &Tx, snapshots: &[PaymentSnapshot]) -> Result<Vec<Effect>> {
    let mut state = load(tx, snapshots).await?;
    let mut writes = Writes::default();
    let mut effects = Vec::with_capacity(snapshots.len());
    for snapshot in snapshots {
        let decision = decide(&state, snapshot)?;
        state.apply(&snapshot.object, &decision)?;
        let seen = state.as_paid(&decision, snapshot);
        effects.push(writes.write(tx, &seen, decision, &state).await?);
    }
    writes.flush(tx, state.stock).await?;
    Ok(effects)
}

/// A paid payment, with the values that its row must still have.
type PaidRow = (
    PaymentId,
    String,
    AccountId,
    bool,
    String,
    i64,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

const PAY: SetWise = SetWise {
    text: "UPDATE payments SET status = 'paid', amount_paid = input.total, amount_discount = input.discount, \
               payment_intent = COALESCE(input.intent, payments.payment_intent), amount_capturable = NULL, paid_at = $2, updated_at = $2, \
               stripe_promotion_code = COALESCE(input.promotion_code, payments.stripe_promotion_code), \
               subscription = COALESCE(input.subscription, payments.subscription), stripe_invoice = COALESCE(input.invoice, payments.stripe_invoice) \
           FROM {input} WHERE payments.id = input.id AND payments.stripe_object = input.stripe_object \
           AND payments.charge_account = input.account AND payments.livemode = input.livemode \
           AND payments.currency = input.currency AND payments.amount_subtotal = input.subtotal \
           AND payments.status IN ('pending', 'processing', 'authorized', 'expired', 'failed', 'canceled')",
    columns: &[
        ("id", "text"),
        ("stripe_object", "text"),
        ("account", "text"),
        ("livemode", "boolean"),
        ("currency", "text"),
        ("subtotal", "bigint"),
        ("total", "bigint"),
        ("discount", "bigint"),
        ("intent", "text"),
        ("promotion_code", "text"),
        ("subscription", "text"),
        ("invoice", "text"),
    ],
};

/// An order's share of a paid payment: payment, order, discount, paid.
type ShareRow = (PaymentId, OrderId, i64, i64);

const SHARE: SetWise = SetWise {
    text: "UPDATE payment_orders SET amount_discount = input.discount, amount_paid = input.paid FROM {input} \
           WHERE payment_orders.payment_id = input.payment AND payment_orders.order_id = input.order_id",
    columns: &[
        ("payment", "text"),
        ("order_id", "text"),
        ("discount", "bigint"),
        ("paid", "bigint"),
    ],
};

const SELL: SetWise = SetWise {
    text: "UPDATE orders SET status = 'paid', paid_at = $2, updated_at = $2 FROM {input} \
           WHERE orders.id = input.id AND orders.status IN ('pending', 'processing', 'authorized')",
    columns: &[("id", "text")],
};

const TIMELINE: SetWise = SetWise {
    text: "INSERT INTO order_events (id, order_id, at, kind, data) \
           SELECT id, entry_of, $2, kind, data FROM {input}",
    columns: &[
        ("id", "text"),
        ("entry_of", "text"),
        ("kind", "text"),
        ("data", "text"),
    ],
};

/// What becomes of a sale: its payment and orders are locked.
static SALES: Together<4> = Together::new([PAY, SHARE, SELL, TIMELINE]);

/// The writes of a slice's decisions. Those of every sale are collected and written set-wise at the end; the rare rest is
/// written at once. No later decision touches a collected row, since a paid payment and its order go no further here.
#[derive(Default)]
struct Writes {
    paid: Vec<PaidRow>,
    shares: Vec<ShareRow>,
    sold: Vec<(OrderId,)>,
    timeline: Vec<(OrderEventId, OrderId, String, String)>,
    /// Stripe's ids of the promotion codes of those that are paid.
    redeemed: BTreeSet<String>,
    jobs: Vec<Job>,
}

impl Writes {
    async fn write(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        decision: Decision,
        state: &SliceState,
    ) -> Result<Effect> {
        match decision {
            Decision::Ignore(why) => return Ok(Effect::Ignored(why)),
            Decision::Nothing => {}
            Decision::Defer(payment) => {
                self.jobs.push(Job::CreateSession { payment });
                return Ok(Effect::Deferred {
                    waits_for: snapshot.object.id.clone(),
                });
            }
            Decision::NoteDecline(payment) => {
                note_decline(tx, &payment, snapshot.decline.as_ref()).await?;
            }
            Decision::Reread(payment) => self.jobs.push(Job::RereadPayment { payment }),
            Decision::Orphan(named) => return raise_orphan(tx, snapshot, &named).await,
            Decision::Mismatch(payment) => {
                return raise_mismatch(tx, snapshot, &payment, state).await;
            }
            Decision::Process { payment, orders } => {
                begin_collecting(tx, &payment, PaymentStatus::Processing, snapshot).await?;
                for order in orders {
                    let from = [OrderStatus::Pending];
                    advance(tx, &order, &from, OrderStatus::Processing, json!({})).await?;
                }
            }
            Decision::Authorize { payment, orders } => {
                self.authorize(tx, snapshot, payment, orders).await?;
            }
            Decision::Close {
                payment,
                to,
                orders,
                held,
            } => {
                self.close(tx, snapshot, (payment, to), orders, held, state)
                    .await?;
            }
            Decision::Pay { payment, shares } => {
                self.pay(tx, snapshot, payment, shares, state).await?;
            }
        }
        Ok(Effect::Applied)
    }

    /// Its goods are kept for each order whose money is held. A job learns until when, and gives the money back that is held
    /// for nothing.
    async fn authorize(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        payment: PaymentId,
        orders: Vec<(OrderId, Hold)>,
    ) -> Result<()> {
        begin_collecting(tx, &payment, PaymentStatus::Authorized, snapshot).await?;
        let from = [OrderStatus::Pending, OrderStatus::Processing];
        for (order, hold) in orders {
            match hold {
                Hold::Taken => {
                    let data = json!({ "payment": payment });
                    advance(tx, &order, &from, OrderStatus::Authorized, data).await?;
                    self.mail(tx, snapshot, "order_authorized", order.as_ref());
                    let seller = Recipient::Seller;
                    self.mail_to(tx, snapshot, seller, "order_authorized", order.as_ref());
                }
                Hold::SoldOut => {
                    let data = json!({ "reason": "sold_out" });
                    advance(tx, &order, &from, OrderStatus::CancelledSoldOut, data).await?;
                    self.mail(tx, snapshot, "order_sold_out", order.as_ref());
                }
                Hold::Nothing => {}
            }
        }
        self.jobs.push(Job::RereadPayment { payment });
        Ok(())
    }

    async fn close(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        (payment, to): (PaymentId, PaymentStatus),
        orders: Vec<OrderId>,
        held: Vec<OrderId>,
        state: &SliceState,
    ) -> Result<()> {
        let from = [
            PaymentStatus::Pending,
            PaymentStatus::Processing,
            PaymentStatus::Authorized,
        ];
        move_payment(tx, &payment, &from, to, snapshot).await?;
        let why = match to {
            _ if !held.is_empty() => "the money that was held was released",
            PaymentStatus::Failed => "the asynchronous payment failed",
            PaymentStatus::Canceled => "the payment was canceled",
            _ => "expired",
        };
        for order in orders {
            let from = [
                OrderStatus::Pending,
                OrderStatus::Processing,
                OrderStatus::Authorized,
            ];
            let data = json!({ "reason": why });
            advance(tx, &order, &from, order_status_after(to), data).await?;
        }
        for order in held {
            let lines = state.order(&order)?.lines.clone();
            give_back(tx, &order, None, lines, "system").await?;
            for to in [Recipient::Buyer, Recipient::Seller] {
                self.mail_to(tx, snapshot, to, "order_released", order.as_ref());
            }
        }
        Ok(())
    }

    async fn pay(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        payment: PaymentId,
        shares: Vec<PaidShare>,
        state: &SliceState,
    ) -> Result<()> {
        self.paid.push((
            payment.clone(),
            snapshot.object.id.clone(),
            snapshot.object.account.clone(),
            snapshot.object.livemode,
            snapshot.currency.clone(),
            snapshot.totals.subtotal,
            snapshot.totals.paid(),
            snapshot.totals.discount,
            snapshot.payment_intent.clone(),
            snapshot.promotion_code.clone(),
            snapshot.subscription.clone(),
            snapshot.invoice.clone(),
        ));
        if let Some(subscription) = &snapshot.subscription {
            self.jobs.push(Job::SyncSubscription {
                account: snapshot.object.account.clone(),
                livemode: snapshot.object.livemode,
                subscription: subscription.clone(),
            });
        }
        self.redeemed.extend(snapshot.promotion_code.clone());
        let captured = state.payments.get(&snapshot.object);
        if captured.is_some_and(|one| one.capture_method == CaptureMethod::Manual) {
            let paid = shares.iter().map(|one| (&one.order, one.paid));
            capture::note_fee(tx, &payment, snapshot, paid.collect()).await?;
        }
        for share in shares {
            let (order, discount, paid) = (share.order.clone(), share.discount, share.paid);
            self.shares.push((payment.clone(), order, discount, paid));
            let seller = &state.order(&share.order)?.seller;
            self.pay_order(tx, snapshot, &payment, share, seller)
                .await?;
        }
        // It learns of the charge, and then has the charge's balance transaction pulled.
        self.jobs.push(Job::RereadPayment { payment });
        Ok(())
    }

    async fn pay_order(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        payment: &PaymentId,
        share: PaidShare,
        seller: &SellerId,
    ) -> Result<()> {
        let PaidShare {
            order,
            paid,
            outcome,
            ..
        } = share;
        match outcome {
            Outcome::Sold | Outcome::Captured => {
                let data = json!({ "payment": payment, "amount_paid": paid });
                self.log(tx, &order, "paid", &data);
                self.mail(tx, snapshot, "order_paid", order.as_ref());
                let seller = Recipient::Seller;
                self.mail_to(tx, snapshot, seller, "order_paid", order.as_ref());
                self.sold.push((order,));
            }
            Outcome::SoldOutFree => {
                let from = [OrderStatus::Pending, OrderStatus::Processing];
                let data = json!({ "reason": "sold_out" });
                advance(tx, &order, &from, OrderStatus::CancelledSoldOut, data).await?;
                self.mail(tx, snapshot, "order_sold_out", order.as_ref());
            }
            Outcome::Refund { origin, advances } => {
                let data = json!({ "reason": origin.to_value(), "amount": paid });
                match advances {
                    true => {
                        let from = before_refund_due(origin);
                        advance(tx, &order, from, OrderStatus::RefundDue, data).await?;
                    }
                    false => self.log(tx, &order, "refund_due", &data),
                }
                let details = refunds::RefundDetails {
                    payment,
                    order: &order,
                    seller,
                    amount: paid,
                    currency: &snapshot.currency,
                };
                let refund = refunds::record_full_refund(tx, &details, origin).await?;
                self.mail(tx, snapshot, "refund_due", refund.as_ref());
                self.jobs.push(Job::Refund { refund });
            }
            Outcome::Nothing => {}
        }
        Ok(())
    }

    fn log(&mut self, tx: &Tx, order: &OrderId, kind: &str, data: &Value) {
        let entry = (
            ids::new(tx.now()),
            order.clone(),
            kind.to_owned(),
            data.to_string(),
        );
        self.timeline.push(entry);
    }

    fn mail(&mut self, tx: &Tx, snapshot: &PaymentSnapshot, what: &str, about: &str) {
        self.mail_to(tx, snapshot, Recipient::Buyer, what, about);
    }

    fn mail_to(
        &mut self,
        tx: &Tx,
        snapshot: &PaymentSnapshot,
        to: Recipient,
        what: &str,
        about: &str,
    ) {
        let is_recent = snapshot
            .created
            .is_none_or(|at| at.plus_ms(NOTIFY_WITHIN_MS) > tx.now());
        if is_recent {
            self.jobs.push(Job::Mail {
                what: what.to_owned(),
                to,
                about: about.to_owned(),
            });
        }
    }

    /// Writes the collected rows in the one lock order: payments, orders, products, promotion codes, jobs.
    async fn flush(self, tx: &Tx, stock: Stock) -> Result<()> {
        if !self.paid.is_empty() {
            let rows = [
                json_of(&self.paid)?,
                json_of(&self.shares)?,
                json_of(&self.sold)?,
                json_of(&self.timeline)?,
            ];
            let [paid, shares, sold, _] = SALES.execute(tx, rows, tx.now().into()).await?;
            all_changed(paid, self.paid.len(), "payments")?;
            all_changed(shares, self.shares.len(), "shares")?;
            all_changed(sold, self.sold.len(), "orders")?;
        }
        stock.write(tx).await?;
        promotions::redemptions::review(tx, &self.redeemed).await?;
        jobs::stage_all(tx, &self.jobs).await
    }
}

/// The order's states before `refund_due`.
fn before_refund_due(origin: RefundOrigin) -> &'static [OrderStatus] {
    match origin {
        RefundOrigin::Late => &[
            OrderStatus::Cancelled,
            OrderStatus::CancelledSoldOut,
            OrderStatus::Expired,
            OrderStatus::Failed,
        ],
        _ => &[OrderStatus::Pending, OrderStatus::Processing],
    }
}

/// Moves a payment whose money is on its way or held, and notes the code that was entered on its page, which holds a redemption.
async fn begin_collecting(
    tx: &Tx,
    payment: &PaymentId,
    to: PaymentStatus,
    snapshot: &PaymentSnapshot,
) -> Result<()> {
    let from = [PaymentStatus::Pending, PaymentStatus::Processing];
    move_payment(tx, payment, &from, to, snapshot).await?;
    match &snapshot.promotion_code {
        Some(code) => note_promotion_code(tx, payment, code).await,
        None => Ok(()),
    }
}

async fn move_payment(
    tx: &Tx,
    payment: &PaymentId,
    from: &[PaymentStatus],
    to: PaymentStatus,
    snapshot: &PaymentSnapshot,
) -> Result<()> {
    use payment::Column as C;
    let mut update = payment::Entity::update_many()
        .col_expr(C::Status, Expr::value(to))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()));
    update = match to {
        // What happens to it later only the intent's events tell.
        PaymentStatus::Authorized => update
            .col_expr(
                C::PaymentIntent,
                Expr::value(snapshot.payment_intent.clone()),
            )
            .col_expr(C::AmountCapturable, Expr::value(snapshot.amount_capturable)),
        _ => update.col_expr(C::AmountCapturable, Expr::value(None::<i64>)),
    };
    let moved = update
        .filter(C::Id.eq(payment.clone()))
        .filter(C::Status.is_in(from.iter().copied()))
        .exec(tx)
        .await?;
    all_changed(moved.rows_affected, 1, "payments")
}

/// Notes why the last try to pay was declined. Most of those who ask find what is noted already.
async fn note_decline(tx: &Tx, payment: &PaymentId, decline: Option<&Decline>) -> Result<()> {
    use payment::Column as C;
    let decline = decline.map(Decline::to_text);
    let is_new = match &decline {
        Some(text) => Condition::any()
            .add(C::LastError.is_null())
            .add(C::LastError.ne(text.as_str())),
        None => Condition::all().add(C::LastError.is_not_null()),
    };
    payment::Entity::update_many()
        .col_expr(C::LastError, Expr::value(decline))
        .col_expr(C::UpdatedAt, Expr::value(tx.now()))
        .filter(C::Id.eq(payment.clone()))
        .filter(is_new)
        .exec(tx)
        .await?;
    Ok(())
}

async fn note_promotion_code(tx: &Tx, payment: &PaymentId, code: &str) -> Result<()> {
    use payment::Column as C;
    payment::Entity::update_many()
        .col_expr(C::StripePromotionCode, Expr::value(code))
        .filter(C::Id.eq(payment.clone()))
        .exec(tx)
        .await?;
    Ok(())
}

async fn advance(
    tx: &Tx,
    order: &OrderId,
    from: &[OrderStatus],
    to: OrderStatus,
    data: Value,
) -> Result<()> {
    let advanced = orders::advance(tx, order, from, to, data).await?;
    all_changed(u64::from(advanced), 1, "orders")
}

/// Checks that every row changed: each was decided on under its lock.
fn all_changed(changed: u64, decided: usize, what: &str) -> Result<()> {
    match usize::try_from(changed) == Ok(decided) {
        true => Ok(()),
        false => Err(Error::internal(format!(
            "{changed} of {decided} {what} changed under their locks"
        ))),
    }
}
