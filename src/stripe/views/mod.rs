//! The few fields of Stripe's objects that we use. Everything that Stripe may leave out or null is an `Option`.

mod accounts;
mod balance;
mod payments;
mod promotions;

pub use accounts::*;
pub use balance::*;
pub use payments::*;
pub use promotions::*;

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use crate::db;

/// What metadata says under this name, as the database can be asked for it. Anybody may have written it.
pub fn metadata_value(metadata: &HashMap<String, String>, name: &str) -> Option<String> {
    metadata.get(name).map(|text| db::fit(text, 255))
}

/// An id that Stripe could have given. No index could hold a much longer one.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.is_empty() || id.len() > 255 || id.contains('\0') {
        return Err(serde::de::Error::custom("no id of Stripe's"));
    }
    Ok(id)
}
