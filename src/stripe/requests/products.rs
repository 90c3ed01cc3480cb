//! Products and recurring prices (docs.stripe.com/api/products, docs.stripe.com/api/prices).

use std::collections::HashMap;

use souk_entity::price::Interval;
use stripe_client_core::StripeRequest;
use stripe_product::price::{
    CreatePrice, CreatePriceRecurring, CreatePriceRecurringInterval, ListPrice, UpdatePrice,
};
use stripe_product::product::{CreateProduct, UpdateProduct};

use super::LIMIT;

/// The `metadata` name that carries our product's id.
const METADATA_PRODUCT: &str = "souk_product";
/// The `metadata` name that carries our price's id.
pub const METADATA_PRICE: &str = "souk_price";

/// Creates a product under an id of ours, so that there can't be two of it (docs.stripe.com/api/products/create, `id`).
pub fn create_product(id: &str, name: &str) -> impl StripeRequest + use<> {
    let mark = HashMap::from([(METADATA_PRODUCT.to_owned(), id.to_owned())]);
    CreateProduct::new(name).id(id).metadata(mark)
}

/// Renames a product, and says whether it is for sale.
pub fn update_product(id: &str, name: &str, active: bool) -> impl StripeRequest + use<> {
    UpdateProduct::new(id).name(name).active(active)
}

/// The parameters of a new recurring price.
pub struct NewPrice<'a> {
    /// Our price's id, which is its `lookup_key`: Stripe lets no two prices of an account have one.
    pub id: &'a str,
    /// The product's id at Stripe.
    pub product: &'a str,
    /// Minor units of `currency`, of one piece and one period.
    pub unit_amount: i64,
    /// ISO 4217, lower case.
    pub currency: &'a str,
    /// The unit of the period.
    pub interval: Interval,
    /// So many intervals make a period.
    pub interval_count: u64,
}

/// Creates a recurring price, billed by quantity (docs.stripe.com/api/prices/create).
pub fn create_price(new: &NewPrice<'_>) -> impl StripeRequest + use<> {
    let mut recurring = CreatePriceRecurring::new(interval(new.interval));
    recurring.interval_count = Some(new.interval_count);
    let currency: stripe_types::Currency = new.currency.parse().unwrap_or_default();
    CreatePrice::new(currency)
        .product(new.product)
        .unit_amount(new.unit_amount)
        .recurring(recurring)
        .lookup_key(new.id)
        .metadata(HashMap::from([(
            METADATA_PRICE.to_owned(),
            new.id.to_owned(),
        )]))
}

/// A page of a product's prices, newest first, the inactive ones too.
pub fn list_prices(product: &str, starting_after: Option<&str>) -> ListPrice {
    let list = ListPrice::new().limit(LIMIT).product(product);
    match starting_after {
        Some(last) => list.starting_after(last),
        None => list,
    }
}

/// Says whether a price is for sale.
pub fn set_price_active(price: &str, active: bool) -> impl StripeRequest + use<> {
    UpdatePrice::new(price).active(active)
}

/// As Stripe calls it.
pub fn interval(interval: Interval) -> CreatePriceRecurringInterval {
    match interval {
        Interval::Day => CreatePriceRecurringInterval::Day,
        Interval::Week => CreatePriceRecurringInterval::Week,
        Interval::Month => CreatePriceRecurringInterval::Month,
        Interval::Year => CreatePriceRecurringInterval::Year,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(request: impl StripeRequest) -> HashMap<String, String> {
        let body = request.build().body.unwrap_or_default();
        form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    #[test]
    fn a_price_says_what_it_costs_and_how_often_and_is_found_by_our_id() {
        let body = body(create_price(&NewPrice {
            id: "prc_1",
            product: "prd_1",
            unit_amount: 900,
            currency: "eur",
            interval: Interval::Month,
            interval_count: 3,
        }));
        for (name, value) in [
            ("product", "prd_1"),
            ("unit_amount", "900"),
            ("currency", "eur"),
            ("recurring[interval]", "month"),
            ("recurring[interval_count]", "3"),
            ("lookup_key", "prc_1"),
            ("metadata[souk_price]", "prc_1"),
        ] {
            assert_eq!(body.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!body.contains_key("transfer_lookup_key"));
    }

    #[test]
    fn a_product_has_our_id_and_prices_are_listed_whether_active_or_not() {
        let made = body(create_product("prd_1", "Box of tea"));
        assert_eq!(made.get("id").map(String::as_str), Some("prd_1"));
        let query = list_prices("prd_1", Some("price_9")).build().query;
        let query = query.unwrap_or_default();
        for part in ["product=prd_1", "limit=100", "starting_after=price_9"] {
            assert!(query.contains(part), "{part} is not in {query}");
        }
        assert!(!query.contains("active"), "{query}");
    }
}
