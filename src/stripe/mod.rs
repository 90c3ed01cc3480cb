//! Stripe over HTTP. This is the only room that names async-stripe.
//!
//! async-stripe's typed builders make the requests. The transport here sends them, with the account, our own idempotency
//! key, a timeout and retries. Answers are read into the small structs of `views`.

mod event;
mod idempotent_create;
pub mod requests;
mod transport;
pub mod views;

pub use event::{Effect, Event, EventObject};
pub use idempotent_create::{IdempotentCreate, key_until};
pub use transport::{
    API_VERSION, Page, PreparedRequest, Scope, Stripe, Upload, V2_API_VERSION, V2Page, V2Request,
};
