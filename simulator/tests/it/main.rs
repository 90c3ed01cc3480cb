//! The simulator from outside, over HTTP.

mod books;
mod catalog;
mod clients;
mod faults;
mod hosted;
mod support;
mod webhooks;
