//! Products, prices, discounts, subscriptions and invoices: <https://docs.stripe.com/billing>.

pub(crate) mod amounts;
pub(crate) mod calendar;
pub(crate) mod catalog;
mod discounts;
pub(crate) mod invoices;
pub(crate) mod portal;
pub(crate) mod prices;
pub(crate) mod promotion;
pub(crate) mod settings;
pub(crate) mod subscriptions;
pub(crate) mod test_clocks;
