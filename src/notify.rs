//! The mails to buyers and sellers.

use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::ids::RowId;
use souk_entity::{OrderId, PaymentId, RefundId, order, payment, payment_order, refund};

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Recipient;
use crate::{money, payments, sellers};

/// What a mail is about: an order, and the sum that moved, in words.
struct Subject {
    order: order::Model,
    amount: String,
}

/// Sends a mail about an order, a payment or a refund to the order's buyer or seller. A buyer whose address isn't known gets
/// none.
///
/// # Errors
/// The mail can't be sent, or what it is about isn't here.
pub async fn send(app: &App, what: &str, to: Recipient, about: &str) -> Result<()> {
    let subject = find(app, about).await?;
    let (headline, text) = match to {
        Recipient::Buyer => to_buyer(what, &subject),
        Recipient::Seller => to_seller(what, &subject),
    }
    .ok_or_else(|| Error::internal(format!("no mail is called {what}")))?;
    let address = match to {
        Recipient::Buyer => subject.order.email.clone(),
        Recipient::Seller => {
            let seller = sellers::find(&app.db.read, &subject.order.seller_id).await?;
            seller.map(|seller| seller.email)
        }
    };
    match address {
        Some(address) => app.mailer.send(&address, headline, &text).await,
        None => Ok(()),
    }
}

async fn find(app: &App, about: &str) -> Result<Subject> {
    let missing = || Error::internal(format!("a mail about {about}, which is missing"));
    let is = |prefix: &str| about.split_once('_').is_some_and(|(its, _)| its == prefix);
    let db = &app.db.read;
    if is(RefundId::PREFIX) {
        let found = refund::Entity::find_by_id(RefundId::from(about));
        let refund = found.one(db).await?.ok_or_else(missing)?;
        return Ok(Subject {
            order: order(app, &refund.order_id).await?.ok_or_else(missing)?,
            amount: money::display(refund.amount, &refund.currency),
        });
    }
    if is(PaymentId::PREFIX) {
        let found = payment::Entity::find_by_id(PaymentId::from(about));
        let payment = found.one(db).await?.ok_or_else(missing)?;
        let link = payment_order::Entity::find()
            .filter(payment_order::Column::PaymentId.eq(payment.id.clone()));
        let link = link.one(db).await?.ok_or_else(missing)?;
        let paid = payment.amount_paid.unwrap_or(payment.amount_subtotal);
        return Ok(Subject {
            order: order(app, &link.order_id).await?.ok_or_else(missing)?,
            amount: money::display(paid, &payment.currency),
        });
    }
    let order = order(app, &OrderId::from(about))
        .await?
        .ok_or_else(missing)?;
    let paid = payments::amount_paid(db, &order.id).await?;
    let amount = money::display(paid.unwrap_or(order.amount_subtotal), &order.currency);
    Ok(Subject { order, amount })
}

async fn order(app: &App, id: &OrderId) -> Result<Option<order::Model>> {
    Ok(order::Entity::find_by_id(id.clone())
        .one(&app.db.read)
        .await?)
}

/// Headline and text of a mail to the buyer.
fn to_buyer(what: &str, Subject { order, amount }: &Subject) -> Option<(&'static str, String)> {
    let id = &order.id;
    Some(match what {
        "order_paid" => (
            "Your order is confirmed",
            format!("Thank you. Your order {id} over {amount} is paid and confirmed."),
        ),
        "order_sold_out" => (
            "Your order sold out",
            format!(
                "We are sorry: what you ordered in {id} sold out before your order was complete. Nothing was charged."
            ),
        ),
        "refund_due" => (
            "Your money is on its way back",
            match order.refund_reason.as_deref() {
                Some("oversold") => format!(
                    "We are sorry: what you ordered in {id} sold out before your payment arrived. All you paid, \
                     {amount}, is being refunded."
                ),
                Some(_) => format!(
                    "Your payment for order {id} arrived after the order had ended. All you paid, {amount}, is being \
                     refunded."
                ),
                None => format!(
                    "Order {id} was paid twice. The second payment, {amount}, is being refunded."
                ),
            },
        ),
        "refund_blocked" => (
            "Your refund needs a person",
            format!(
                "The refund of {amount} of your order {id} could not be made by itself. The shop has been told and \
                 will be in touch."
            ),
        ),
        "refund_failed" => (
            "Your refund did not arrive",
            format!(
                "The refund of {amount} of your order {id} was sent, but your bank or card did not take it, so the \
                 money came back to the shop. The shop has been told and will be in touch about another way."
            ),
        ),
        _ => return None,
    })
}

/// Headline and text of a mail to the seller.
fn to_seller(what: &str, Subject { order, amount }: &Subject) -> Option<(&'static str, String)> {
    let id = &order.id;
    Some(match what {
        "refund_failed" => (
            "A refund failed",
            format!(
                "The refund of {amount} of order {id} came back: the buyer's bank or card did not take it, and the buyer \
                 does not have the money. Refund it again, which fails again if the card is closed; or pay the buyer in \
                 another way, and record that in Souk."
            ),
        ),
        _ => return None,
    })
}
