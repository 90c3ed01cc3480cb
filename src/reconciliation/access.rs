//! What stands still because Stripe refuses us access: to a seller's account, or altogether.

use std::collections::BTreeSet;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, Statement};
use souk_entity::order::OrderStatus;
use souk_entity::{AccountId, OrderId, PaymentId, job};

use crate::db::Tx;
use crate::error::{KEY_REFUSED, Result};
use crate::findings::{self, NewFinding};
use crate::money;

#[derive(FromQueryResult)]
struct OutOfReach {
    payment_id: PaymentId,
    stripe_object: Option<String>,
    account: AccountId,
    amount: i64,
    currency: String,
    order_id: OrderId,
    order_status: OrderStatus,
}

/// Payments that may still be paid at Stripe, of sellers whose accounts have disconnected. Once the order has ended and the
/// session is over, nobody waits for them any more.
const OUT_OF_REACH: &str = "SELECT p.id AS payment_id, p.stripe_object, p.charge_account AS account, \
        p.amount_subtotal AS amount, p.currency, o.id AS order_id, o.status AS order_status \
    FROM sellers s JOIN orders o ON o.seller_id = s.id JOIN payment_orders l ON l.order_id = o.id \
        JOIN payments p ON p.id = l.payment_id \
    WHERE s.deauthorized_at IS NOT NULL AND p.status IN ('pending', 'processing', 'authorized') \
        AND (o.status IN ('pending', 'processing', 'authorized') OR p.expires_at > $1) \
    ORDER BY p.id";

/// Raises a finding about each payment that was open when its seller disconnected.
pub(super) async fn payments_out_of_reach(tx: &Tx) -> Result<()> {
    let values = [tx.now().into()];
    let read = Statement::from_sql_and_values(tx.get_database_backend(), OUT_OF_REACH, values);
    let mut true_of = BTreeSet::new();
    for open in OutOfReach::find_by_statement(read).all(tx).await? {
        let session = open.stripe_object.as_deref();
        let then = match open.order_status {
            OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Authorized => {
                "If it wasn't paid, cancel the order; if it was, have the seller fulfil or refund it."
            }
            _ => "The order has ended; if it was paid all the same, have the seller refund it.",
        };
        let finding = NewFinding {
            kind: "access_lost",
            stripe_account: Some(open.account),
            subject: open.payment_id.to_string(),
            message: format!(
                "The seller's Stripe account disconnected while {} of order {} could still be paid, so whether it was can't \
                 be read any more. Ask the seller to look at {} in their Stripe dashboard. {then}",
                money::display(open.amount, &open.currency),
                open.order_id,
                session.unwrap_or("the checkout session, if there is one,"),
            ),
            amount: Some(open.amount),
            currency: Some(open.currency),
        };
        true_of.insert(finding.subject.clone());
        findings::raise(tx, finding).await?;
    }
    findings::resolve_others(tx, "access_lost", &true_of).await
}

/// Resolves the finding about our own key once no job waits for it any more.
pub(super) async fn refused_key(tx: &Tx) -> Result<()> {
    let waits = job::Entity::find()
        .filter(Expr::cust("state = 'ready'"))
        .filter(job::Column::LastError.eq(KEY_REFUSED))
        .one(tx)
        .await?;
    match waits {
        Some(_) => Ok(()),
        None => findings::stripe_key::has_worked(tx).await,
    }
}
