//! The requests we send, built with async-stripe's typed parameters. Lists are paged by hand, since its paginator drops
//! filters (docs.stripe.com/api/pagination).

pub mod accounts;
pub mod accounts_v2;
pub mod balance;
pub mod checkout;
pub mod customers;
pub mod disputes;
pub mod event_destinations;
pub mod events;
pub mod fees;
pub mod intents;
pub mod invoices;
pub mod portal;
pub mod products;
pub mod promotions;
pub mod refunds;
pub mod setup_intents;
pub mod subscriptions;
pub mod tax_ids;
pub mod webhook_endpoints;

use souk_entity::Timestamp;
use stripe_types::RangeQueryTs;

/// Rows a page; the most that Stripe gives.
const LIMIT: i64 = 100;
/// How far Stripe's clock may be behind ours. Webhook signatures fail at half of that already.
const CLOCKS_APART_MS: i64 = 10 * 60_000;

/// Objects that Stripe created since a moment of our clock.
fn created_since(at: Timestamp) -> RangeQueryTs {
    RangeQueryTs::gte(at.plus_ms(-CLOCKS_APART_MS).seconds())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stripe_client_core::StripeRequest;

    #[test]
    fn whatever_is_looked_for_is_looked_for_on_every_page_since_some_minutes_before() {
        let at = Timestamp::from_seconds(1_700_000_600);
        for request in [
            checkout::list(at, Some("cs_9")).build(),
            accounts::list(at, Some("cs_9")).build(),
        ] {
            let text = request.query.unwrap_or_default();
            for part in ["gte]=1700000000", "limit=100", "starting_after=cs_9"] {
                assert!(text.contains(part), "{part} is not in {text}");
            }
        }
        let text = promotions::list("co_1", Some("promo_9")).build().query;
        let text = text.unwrap_or_default();
        for part in ["coupon=co_1", "limit=100", "starting_after=promo_9"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
