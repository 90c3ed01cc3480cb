//! Money from buyers: checkout, the one confirm, verify, refunds, cancelling, and the pages a buyer comes back to.

pub mod capture;
mod charges;
pub mod checkout;
mod closing;
pub mod confirm;
pub mod disputes;
pub mod events;
pub mod fees;
pub mod intents;
pub mod invoices;
pub mod off_session;
pub mod refunds;
pub mod reread;
mod saved_cards;
pub mod sessions;
pub mod setups;
mod shares;
mod snapshot;
mod subscribed;

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, ExprTrait, IntoCondition, Query, SelectStatement};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect,
};
use souk_entity::payment::PaymentStatus;
use souk_entity::{AccountId, OrderId, PaymentId, UserId, order, payment, payment_order};

use crate::app::App;
use crate::db::Tx;
use crate::error::{Error, Result};

/// A payment by its session, intent or invoice.
async fn payment_by_object<C: ConnectionTrait>(
    db: &C,
    object: &str,
) -> Result<Option<payment::Model>> {
    Ok(payment::Entity::find()
        .filter(payment::Column::StripeObject.eq(object))
        .one(db)
        .await?)
}

/// How Stripe's refunds and disputes name the payment that they belong to.
struct StripePayment<'a> {
    account: &'a AccountId,
    livemode: bool,
    intent: Option<&'a str>,
    charge: Option<&'a str>,
}

impl StripePayment<'_> {
    /// Our payment. `None`: it is none of ours, or not confirmed yet.
    async fn find<C: ConnectionTrait>(&self, db: &C) -> Result<Option<payment::Model>> {
        use payment::Column as P;
        let payments = payment::Entity::find()
            .filter(P::ChargeAccount.eq(self.account.clone()))
            .filter(P::Livemode.eq(self.livemode))
            // What is given back of a payment that was only held was never taken.
            .filter(P::Status.eq(PaymentStatus::Paid));
        let found = match (self.intent, self.charge) {
            (Some(intent), _) => payments.filter(P::PaymentIntent.eq(intent)),
            (None, Some(charge)) => payments.filter(P::Charge.eq(charge)),
            (None, None) => return Ok(None),
        };
        Ok(found.one(db).await?)
    }
}

/// A payment by its Stripe object or its intent, and the first of the orders that it pays for, in one read.
async fn payment_with_order(
    db: &impl ConnectionTrait,
    of: impl IntoCondition,
) -> Result<Option<(payment::Model, order::Model)>> {
    let link = payment::Entity::belongs_to(payment_order::Entity)
        .from(payment::Column::Id)
        .to(payment_order::Column::PaymentId);
    let paid_for = payment_order::Entity::belongs_to(order::Entity)
        .from(payment_order::Column::OrderId)
        .to(order::Column::Id);
    let found = payment::Entity::find()
        .filter(of)
        .join(JoinType::InnerJoin, link.into())
        .join(JoinType::InnerJoin, paid_for.into())
        .select_also(order::Entity)
        .order_by_asc(order::Column::Id)
        .one(db)
        .await?;
    Ok(found.and_then(|(payment, order)| Some((payment, order?))))
}

/// The first order of each of these payments.
async fn orders_of_payments(
    db: &impl ConnectionTrait,
    payments: &[payment::Model],
) -> Result<BTreeMap<PaymentId, order::Model>> {
    let ids = payments.iter().map(|payment| payment.id.clone());
    let paid_for = payment_order::Entity::belongs_to(order::Entity)
        .from(payment_order::Column::OrderId)
        .to(order::Column::Id);
    let found = payment_order::Entity::find()
        .filter(payment_order::Column::PaymentId.is_in(ids))
        .join(JoinType::InnerJoin, paid_for.into())
        .select_also(order::Entity)
        .order_by_desc(order::Column::Id)
        .all(db)
        .await?;
    let pairs = found
        .into_iter()
        .filter_map(|(share, order)| Some((share.payment_id, order?)));
    Ok(pairs.collect())
}

/// The ids of the payments of a buyer's orders.
fn payments_of_buyer(buyer: &UserId) -> SelectStatement {
    Query::select()
        .column(payment_order::Column::PaymentId)
        .from(payment_order::Entity)
        .inner_join(
            order::Entity,
            Expr::col((order::Entity, order::Column::Id))
                .equals((payment_order::Entity, payment_order::Column::OrderId)),
        )
        .and_where(Expr::col((order::Entity, order::Column::BuyerId)).eq(buyer.clone()))
        .to_owned()
}

/// A payment by its id.
async fn find(app: &App, id: &PaymentId) -> Result<payment::Model> {
    let found = payment::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?;
    found.ok_or_else(|| Error::internal(format!("payment {id} is missing")))
}

/// A payment by its id, locked until the transaction ends.
async fn lock_payment(tx: &Tx, id: &PaymentId) -> Result<payment::Model> {
    let found = payment::Entity::find_by_id(id.clone())
        .lock_exclusive()
        .one(tx)
        .await?;
    found.ok_or_else(|| Error::internal(format!("payment {id} is missing")))
}

/// All payments of an order, oldest first.
async fn payments_of_order<C: ConnectionTrait>(
    db: &C,
    order: &OrderId,
) -> Result<Vec<payment::Model>> {
    let links = payment_order::Entity::find()
        .filter(payment_order::Column::OrderId.eq(order.clone()))
        .all(db)
        .await?;
    let ids = links.into_iter().map(|link| link.payment_id);
    let mut payments = payment::Entity::find()
        .filter(payment::Column::Id.is_in(ids))
        .all(db)
        .await?;
    payments.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(payments)
}

/// What the buyer of an order paid by the payment that paid it first, in minor units. None: nothing is paid yet.
///
/// # Errors
/// The database failed.
pub async fn amount_paid<C: ConnectionTrait>(db: &C, order: &OrderId) -> Result<Option<i64>> {
    let link = payment_order::Entity::belongs_to(payment::Entity)
        .from(payment_order::Column::PaymentId)
        .to(payment::Column::Id);
    let first = payment_order::Entity::find()
        .filter(payment_order::Column::OrderId.eq(order.clone()))
        .join(JoinType::InnerJoin, link.into())
        .filter(payment::Column::Status.eq(PaymentStatus::Paid))
        .order_by_asc(payment::Column::PaidAt)
        .select_only()
        .column(payment_order::Column::AmountPaid)
        .into_tuple::<Option<i64>>();
    Ok(first.one(db).await?.flatten())
}

/// A number of attempts, in words.
fn attempts_text(attempts: i32) -> String {
    match attempts {
        1 => "one try".to_owned(),
        more => format!("{more} tries"),
    }
}
