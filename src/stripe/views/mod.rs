//! The few fields of Stripe's objects that we use. Everything that Stripe may leave out or null is an `Option`.

mod accounts;
mod balance;
mod payments;
mod promotions;

pub use accounts::*;
pub use balance::*;
pub use payments::*;
pub use promotions::*;
