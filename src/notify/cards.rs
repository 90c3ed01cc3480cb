//! The mail about a saved card that expires.

use sea_orm::EntityTrait;
use souk_entity::payment_method;

use crate::app::App;
use crate::error::Result;
use crate::{customers, sellers};

/// Tells the holder of a card that it expires, unless it was removed or replaced since. `about` is the card's id, a colon and
/// the expiry that it was of.
///
/// # Errors
/// The mail can't be sent.
pub(super) async fn send(app: &App, about: &str) -> Result<()> {
    let (id, expiry) = about.split_once(':').unwrap_or((about, ""));
    let db = &app.db.read;
    let card = payment_method::Entity::find_by_id(id.to_owned())
        .one(db)
        .await?;
    let Some(card) = card.filter(|card| card.detached_at.is_none()) else {
        return Ok(());
    };
    let now = card.exp_year.zip(card.exp_month);
    if now.is_none_or(|(year, month)| format!("{year:04}-{month:02}") != expiry) {
        return Ok(());
    }
    let Some(customer) = customers::find(db, &card.customer_id).await? else {
        return Ok(());
    };
    let seller = sellers::by_account(db, &card.stripe_account, card.livemode).await?;
    let Some(seller) = seller else {
        return Ok(());
    };
    let holder = customers::address(app, &customer).await?;
    let text = format!(
        "The card ending in {} that you have saved with {} expires at the end of {expiry}. Save a new one there, so that what you \
         have agreed to be charged for can be paid: {}",
        card.last4.as_deref().unwrap_or("…"),
        seller.name,
        app.config.page("/"),
    );
    app.mailer
        .send(&holder, "Your saved card expires", &text)
        .await
}
