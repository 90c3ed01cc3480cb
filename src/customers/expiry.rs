//! Cards that expire: their holders are told once, some weeks before.

use std::collections::BTreeMap;

use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use souk_entity::Timestamp;
use souk_entity::payment_method::{self, Column as C};

use crate::app::App;
use crate::error::Result;
use crate::jobs::{self, Job, Recipient};

/// How long before the end of a card's last month its holder is told.
const AHEAD_MS: i64 = 30 * 24 * 3_600_000;

/// Year and month of a moment, in UTC, as the text of a time begins with.
fn month_of(at: Timestamp) -> Option<(i32, i32)> {
    let text = at.to_string();
    Some((text.get(..4)?.parse().ok()?, text.get(5..7)?.parse().ok()?))
}

/// Stages a mail for each saved card that expires in this month or within 30 days, once for each expiry. A card whose bank
/// has sent a new one has another by then.
///
/// # Errors
/// The database failed.
pub async fn tell(app: &App) -> Result<()> {
    let tx = app.db.begin_write().await?;
    let soon = month_of(tx.now().plus_ms(AHEAD_MS)).into_iter();
    let months: BTreeMap<(i32, i32), ()> = soon
        .chain(month_of(tx.now()))
        .map(|month| (month, ()))
        .collect();
    for (year, month) in months.into_keys() {
        let expiry = format!("{year:04}-{month:02}");
        let cards = payment_method::Entity::find()
            // As the index says it, word for word, so that SQLite sees that it will do.
            .filter(Expr::cust("detached_at IS NULL"))
            .filter(C::ExpYear.eq(year))
            .filter(C::ExpMonth.eq(month))
            .filter(C::Livemode.eq(app.stripe.livemode()))
            .all(&tx)
            .await?;
        for card in cards {
            if card.expiry_told.as_deref() == Some(expiry.as_str()) {
                continue;
            }
            payment_method::Entity::update_many()
                .col_expr(C::ExpiryTold, Expr::value(expiry.as_str()))
                .filter(C::Id.eq(card.id.as_str()))
                .exec(&tx)
                .await?;
            let mail = Job::Mail {
                what: "card_expires".to_owned(),
                to: Recipient::Buyer,
                about: format!("{}:{expiry}", card.id),
            };
            jobs::stage(&tx, &mail).await?;
        }
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_month_of_a_moment_is_read_in_utc() {
        let at = Timestamp::parse("2026-12-31T23:59:59Z").expect("a time");
        assert_eq!(month_of(at), Some((2026, 12)));
        assert_eq!(month_of(at.plus_ms(1_000)), Some((2027, 1)));
    }
}
