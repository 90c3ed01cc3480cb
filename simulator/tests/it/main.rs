//! The simulator from outside, over HTTP.

mod accounts;
mod between;
mod billing;
mod books;
mod catalog;
mod charges;
mod checkout;
mod clients;
mod customers;
mod disputes;
mod faults;
mod hosted;
mod intents;
mod methods;
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
