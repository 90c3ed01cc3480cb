//! The simulator from outside, over HTTP.

mod accounts;
mod billing;
mod books;
mod catalog;
mod checkout;
mod clients;
mod customers;
mod deeds;
mod disputes;
mod faults;
mod hosted;
mod intents;
mod invariants;
mod payouts;
mod properties;
mod refunds;
mod requests;
mod search;
mod setup;
mod support;
mod tokens;
mod topups;
mod transfers;
mod webhooks;
mod world;
