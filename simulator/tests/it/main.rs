//! The simulator from outside, over HTTP.

mod books;
mod clients;
mod disputes;
mod faults;
mod hosted;
mod intents;
mod payouts;
mod refunds;
mod support;
mod transfers;
mod webhooks;
