//! What is sold and what is taken off: <https://docs.stripe.com/api/promotion_codes>.

pub(crate) mod catalog;
pub(crate) mod invoices;
pub(crate) mod portal;
pub(crate) mod promotion;
pub(crate) mod subscriptions;
pub(crate) mod test_clocks;
