//! The mails to a buyer about what was sent to them.

use sea_orm::EntityTrait;
use souk_entity::{ShipmentId, shipment};

use crate::app::App;
use crate::error::{Error, Result};
use crate::orders;

/// Sends a mail about a shipment to the order's buyer, as the shipment stands now. There is none about one that was voided
/// before its mail was sent.
///
/// # Errors
/// The mail can't be sent, or the shipment isn't here.
pub(super) async fn send(app: &App, what: &str, id: &ShipmentId) -> Result<()> {
    let missing = || Error::internal(format!("a mail about {id}, which is missing"));
    let shipment = shipment::Entity::find_by_id(id.clone());
    let shipment = shipment.one(&app.db.read).await?.ok_or_else(missing)?;
    let order = super::order(app, &shipment.order_id).await?;
    let order = order.ok_or_else(missing)?;
    let Some(address) = order.email.filter(|_| shipment.voided_at.is_none()) else {
        return Ok(());
    };
    let goods = orders::shipments::goods(&app.db.read, &shipment).await?;
    let unknown = || Error::internal(format!("no mail is called {what}"));
    let (headline, text) = text(what, &shipment, &goods).ok_or_else(unknown)?;
    app.mailer.send(&address, headline, &text).await
}

/// Headline and text of a mail.
fn text(
    what: &str,
    of: &shipment::Model,
    goods: &[(String, i64)],
) -> Option<(&'static str, String)> {
    let order = &of.order_id;
    let goods = goods
        .iter()
        .map(|(name, quantity)| format!("\n- {quantity} × {name}"));
    let goods: String = goods.collect();
    let lines = |lines: &[Option<String>]| -> String { lines.iter().flatten().cloned().collect() };
    Some(match (what, &of.delivery_url) {
        ("order_shipped", Some(url)) => (
            "Your order is ready for you",
            format!(
                "This of your order {order} is here for you:{goods}\n\n{url}\n\nThe link is yours alone; don't pass it on."
            ),
        ),
        ("order_shipped", None) => {
            let carrier = of.carrier.as_ref();
            let carrier = carrier.map(|carrier| format!("\nCarrier: {carrier}"));
            let number = of.tracking_number.as_ref();
            let number = number.map(|number| format!("\nTracking number: {number}"));
            let url = of.tracking_url.as_ref();
            let url = url.map(|url| format!("\nFollow it here: {url}"));
            let way = lines(&[carrier, number, url]);
            let gap = if way.is_empty() { "" } else { "\n" };
            (
                "Your order is on its way",
                format!("This of your order {order} was sent to you:{goods}\n{gap}{way}"),
            )
        }
        ("order_delivered", _) => (
            "Your order has arrived",
            format!(
                "This of your order {order} was delivered, as the shop has recorded:{goods}\n\nIf you don't have it, tell \
                 the shop."
            ),
        ),
        _ => return None,
    })
}
