//! Stripe over HTTP, and the only place that names async-stripe.
//!
//! Its typed builders make the requests; the transport here sends them, since it must carry the account, our own
//! idempotency key, a timeout and retries. Answers are read into the small views of `views`.

mod event;
mod idempotent_create;
pub mod requests;
mod transport;
pub mod views;

pub use event::{Effect, Event};
pub use idempotent_create::{IdempotentCreate, key_until};
pub use transport::{API_VERSION, Page, PreparedRequest, Scope, Stripe};
