//! The simulator from outside, over HTTP.

mod books;
mod clients;
mod faults;
mod hosted;
mod requests;
mod support;
mod webhooks;
