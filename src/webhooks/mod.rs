//! Stripe's two endpoints: verified events go into the inbox together with their effect, once.

pub mod catch_up;
mod committer;
pub mod destinations;
mod effects;
mod inbox;
pub mod probe;
pub mod registered;
pub mod replay;
pub mod retry;
pub mod review;
pub mod routes;
pub mod setup;
mod signature;

pub use committer::Intake;
pub use effects::{thin_types, types};
/// For `fuzz/`.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use signature::check as check_signature;
pub use souk_entity::inbox_event::Endpoint;
