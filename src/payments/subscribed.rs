//! Payments of subscriptions whose money goes back. What a seller has chosen ends the subscription then.

use souk_entity::seller::SubscriptionEndsOn as On;
use souk_entity::{SellerId, dispute, order, payment};

use crate::db::Tx;
use crate::error::Result;
use crate::jobs::{self, Job};
use crate::sellers;

/// Ends the subscription of a period whose order was refunded whole, if its seller has chosen that. What was refunded because it was
/// never sold isn't meant.
///
/// # Errors
/// The database failed.
pub(super) async fn ends_by_refund(
    tx: &Tx,
    payment: &payment::Model,
    order: &order::Model,
) -> Result<()> {
    if order.refund_reason.is_some() {
        return Ok(());
    }
    let chosen = [On::Refund, On::RefundOrDispute];
    end(
        tx,
        payment,
        &order.seller_id,
        &chosen,
        ("refund", order.id.as_ref()),
    )
    .await
}

/// Ends the subscription of a period whose payment is disputed, if its seller has chosen that.
///
/// # Errors
/// The database failed.
pub(super) async fn ends_by_dispute(
    tx: &Tx,
    payment: &payment::Model,
    row: &dispute::Model,
) -> Result<()> {
    let chosen = [On::Dispute, On::RefundOrDispute];
    end(tx, payment, &row.seller_id, &chosen, ("dispute", &row.id)).await
}

async fn end(
    tx: &Tx,
    payment: &payment::Model,
    seller: &SellerId,
    chosen: &[On],
    (because, of): (&str, &str),
) -> Result<()> {
    let Some(subscription) = &payment.subscription else {
        return Ok(());
    };
    let seller = sellers::find(tx, seller).await?;
    if !seller.is_some_and(|seller| chosen.contains(&seller.subscription_ends_on)) {
        return Ok(());
    }
    let job = Job::EndSubscription {
        account: payment.charge_account.clone(),
        livemode: payment.livemode,
        subscription: subscription.clone(),
        because: because.to_owned(),
        of: of.to_owned(),
    };
    jobs::stage(tx, &job).await
}
