//! The simulator from outside, over HTTP.

mod books;
mod catalog;
mod clients;
mod faults;
mod hosted;
mod intents;
mod support;
mod webhooks;
