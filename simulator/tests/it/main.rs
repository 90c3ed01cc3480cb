//! The simulator from outside, over HTTP.

mod books;
mod clients;
mod disputes;
mod faults;
mod hosted;
mod payouts;
mod properties;
mod refunds;
mod support;
mod webhooks;
