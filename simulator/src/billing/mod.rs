//! What is sold and what is taken off: <https://docs.stripe.com/api/promotion_codes>.

pub(crate) mod promotion;
