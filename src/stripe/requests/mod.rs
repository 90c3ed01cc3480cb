//! The requests we send, built with async-stripe's typed parameters.

pub mod accounts;
pub mod balance;
pub mod checkout;
pub mod events;
pub mod promotions;
pub mod refunds;
