//! The simulator from outside, over HTTP.

mod books;
mod catalog;
mod clients;
mod disputes;
mod faults;
mod hosted;
mod intents;
mod payouts;
mod properties;
mod refunds;
mod requests;
mod support;
mod transfers;
mod webhooks;
