//! The mails to buyers.

use sea_orm::EntityTrait;
use souk_entity::{OrderId, order};

use crate::app::App;
use crate::error::{Error, Result};
use crate::money;

/// Sends a mail about an order to its buyer, if their address is known.
pub async fn send(app: &App, what: &str, order: &str) -> Result<()> {
    let order = order::Entity::find_by_id(OrderId::from(order))
        .one(&app.db.read)
        .await?;
    let order = order.ok_or_else(|| Error::internal("a mail about a missing order"))?;
    let Some(to) = &order.email else {
        return Ok(());
    };
    let amount = money::display(order.amount_subtotal, &order.currency);
    let (subject, text) = match what {
        "order_paid" => (
            "Your order is confirmed",
            format!(
                "Thank you. Your order {} over {amount} is paid and confirmed.",
                order.id
            ),
        ),
        "order_sold_out" => (
            "Your order sold out",
            format!(
                "We are sorry: what you ordered in {} sold out before your order was complete. Nothing was charged.",
                order.id
            ),
        ),
        "refund_due" => (
            "Your money is on its way back",
            match order.refund_reason.as_deref() {
                Some("oversold") => {
                    format!(
                        "We are sorry: what you ordered in {} sold out before your payment arrived. All you paid is being refunded.",
                        order.id
                    )
                }
                Some(_) => {
                    format!(
                        "Your payment for order {} arrived after the order had ended. All you paid is being refunded.",
                        order.id
                    )
                }
                None => format!(
                    "Order {} was paid twice. The second payment is being refunded.",
                    order.id
                ),
            },
        ),
        "refund_blocked" => (
            "Your refund needs a person",
            format!(
                "The refund of your order {} could not be made by itself. The shop has been told and will be in touch.",
                order.id
            ),
        ),
        _ => return Err(Error::internal(format!("no mail is called {what}"))),
    };
    app.mailer.send(to, subject, &text).await
}
