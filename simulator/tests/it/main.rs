//! The simulator from outside, over HTTP.

mod billing;
mod books;
mod catalog;
mod clients;
mod customers;
mod disputes;
mod faults;
mod hosted;
mod intents;
mod payouts;
mod portal;
mod properties;
mod refunds;
mod requests;
mod search;
mod setup;
mod support;
mod tokens;
mod transfers;
mod webhooks;
