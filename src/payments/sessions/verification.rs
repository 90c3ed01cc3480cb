//! What verify answers: the state of each order, and what to tell the buyer.

use sea_orm::EntityTrait;
use serde::Serialize;
use souk_entity::OrderId;
use souk_entity::order::{self, OrderStatus};
use souk_entity::payment::PaymentKind;

use crate::app::App;
use crate::error::{Error, Result};
use crate::orders::{self, Credentials, OrderView};

use super::super::intents::declines::Decline;
use super::CheckoutStatus;

/// What became of the orders that a session or an intent pays for.
#[derive(Serialize)]
pub(in crate::payments) struct Verification {
    object: &'static str,
    success: bool,
    status: OrderStatus,
    refund_failed: bool,
    disputed: bool,
    seller_disconnected: bool,
    message: &'static str,
    order: Option<OrderView>,
    orders: Vec<OrderVerification>,
}

/// One of the orders that a session pays for.
#[derive(Serialize)]
struct OrderVerification {
    status: OrderStatus,
    refund_failed: bool,
    disputed: bool,
    message: &'static str,
    order: Option<OrderView>,
}

/// Verifies a session or an intent for somebody who may have credentials.
///
/// # Errors
/// As of `sessions::verify`.
pub(in crate::payments) async fn verify(
    app: &App,
    kind: PaymentKind,
    id: &str,
    credentials: &Credentials,
) -> Result<Verification> {
    let checkout = super::verify(app, kind, id).await?;
    let mut orders = Vec::with_capacity(checkout.len());
    for of in &checkout {
        orders.push(OrderVerification {
            status: of.status,
            refund_failed: of.refund_failed,
            disputed: of.disputed,
            message: verdict(of),
            order: match credentials.is_given() {
                true => visible_order(app, of.order_id.clone(), credentials).await?,
                false => None,
            },
        });
    }
    let (whole, message) = whole(&checkout)?;
    Ok(Verification {
        object: "verification",
        success: matches!(whole.status, OrderStatus::Paid | OrderStatus::Authorized),
        status: whole.status,
        refund_failed: checkout.iter().any(|of| of.refund_failed),
        disputed: checkout.iter().any(|of| of.disputed),
        seller_disconnected: checkout.iter().any(|of| of.disconnected),
        message,
        order: orders.iter().find_map(|of| of.order.clone()),
        orders,
    })
}

/// The state of what a session or an intent pays for, and what to tell the buyer. If Stripe doesn't answer, what is known counts.
///
/// # Errors
/// An unknown session or intent.
pub(in crate::payments) async fn outcome(
    app: &App,
    kind: PaymentKind,
    id: &str,
) -> Result<(OrderStatus, &'static str)> {
    let checkout = match super::verify(app, kind, id).await {
        Err(Error::StripeUnavailable(_)) => CheckoutStatus::find(app, kind, id).await?,
        known => known?,
    };
    let (whole, message) = whole(&checkout)?;
    Ok((whole.status, message))
}

const IN_PART: &str = "A part of what you ordered is confirmed. Each order says what became of it.";

/// The state of all of a session's orders, and what to tell the buyer. If any is paid, the session is.
fn whole(checkout: &[CheckoutStatus]) -> Result<(&CheckoutStatus, &'static str)> {
    let paid = checkout.iter().find(|of| of.status == OrderStatus::Paid);
    let paid = paid.or(checkout
        .iter()
        .find(|of| of.status == OrderStatus::Authorized));
    let whole = paid.or(checkout.first());
    let whole = whole.ok_or(Error::NotFound("checkout session"))?;
    let message = match checkout.iter().all(|of| of.status == whole.status) {
        false if paid.is_some() => IN_PART,
        _ => verdict(whole),
    };
    Ok((whole, message))
}

/// The order, if the caller may see it.
async fn visible_order(
    app: &App,
    id: OrderId,
    credentials: &Credentials,
) -> Result<Option<OrderView>> {
    let order = order::Entity::find_by_id(id).one(&app.db.read).await?;
    let order = order.ok_or(Error::NotFound("order"))?;
    match orders::access(&app.db.read, order, credentials).await? {
        Some(access) => Ok(Some(orders::view(&app.db.read, access.order).await?)),
        None => Ok(None),
    }
}

const SHOP_GONE: &str = "This shop's payments can't be confirmed here any more. If you have paid, ask the shop for what you ordered, \
    or for your money.";

const REFUND_DISPUTED: &str = "Your money was to go back. You have disputed the payment with your bank, which decides about it now.";

const REFUND_FAILED: &str = "Your money was to go back, but the refund failed. The shop has been told and will be in touch.";

/// What to tell the buyer, in a sentence.
fn verdict(checkout: &CheckoutStatus) -> &'static str {
    let decline = checkout.last_error.as_deref().and_then(Decline::read);
    match (checkout.status, decline) {
        (OrderStatus::Pending, Some(decline)) if !checkout.disconnected => {
            return decline.sentence();
        }
        _ => {}
    }
    match checkout.status {
        OrderStatus::RefundDue if checkout.disputed => REFUND_DISPUTED,
        _ if checkout.refund_failed => REFUND_FAILED,
        OrderStatus::Pending | OrderStatus::Processing | OrderStatus::Authorized
            if checkout.disconnected =>
        {
            SHOP_GONE
        }
        status => message(status, checkout.refund_reason.as_deref()),
    }
}

/// The order's state as a sentence for the buyer.
fn message(status: OrderStatus, refund_reason: Option<&str>) -> &'static str {
    match (status, refund_reason) {
        (OrderStatus::Pending, _) => "The payment is still being confirmed.",
        (OrderStatus::Processing, _) => "The payment is on its way; this method takes a few days.",
        (OrderStatus::Authorized, _) => {
            "Your order is confirmed. The money is only held; the shop takes it when it ships."
        }
        (OrderStatus::Paid, _) => "The payment is confirmed.",
        (OrderStatus::RefundDue, Some("oversold")) => {
            "It sold out before your payment arrived. Your money is going back."
        }
        (OrderStatus::RefundDue, _) => {
            "The order had ended before your payment arrived. Your money is going back."
        }
        (OrderStatus::Refunded, Some("oversold")) => {
            "It sold out before your payment arrived. Your money has been refunded."
        }
        (OrderStatus::Refunded, Some(_)) => {
            "The order had ended before your payment arrived. Your money has been refunded."
        }
        (OrderStatus::Refunded, None) => "The order has been refunded.",
        (OrderStatus::Cancelled, _) => "The order was cancelled; nothing was charged.",
        (OrderStatus::CancelledSoldOut, _) => "It sold out; nothing was charged.",
        (OrderStatus::Expired, _) => "The checkout has expired; nothing was charged.",
        (OrderStatus::Failed, _) => "The payment failed; nothing was charged.",
    }
}
