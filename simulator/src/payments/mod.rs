//! Money from buyers: intents, the charges that attempts make, and what is given back.

pub(crate) mod capture;
pub(crate) mod charges;
pub(crate) mod confirm;
pub(crate) mod confirmation_tokens;
pub(crate) mod disputes;
mod evidence;
pub(crate) mod intents;
pub(crate) mod legacy;
pub(crate) mod mandates;
pub(crate) mod refunds;
pub(crate) mod setup;
pub(crate) mod warnings;
