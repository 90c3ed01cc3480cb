//! The few fields of Stripe's objects that we use. Everything that Stripe may leave out or null is an `Option`.

mod accounts;
mod accounts_v2;
mod balance;
mod beginnings;
mod customers;
mod disputes;
mod events;
mod invoices;
mod payments;
mod portal;
mod products;
mod promotions;
mod subscriptions;
mod webhook_endpoints;

pub use accounts::*;
pub use accounts_v2::*;
pub use balance::*;
pub use beginnings::*;
pub use customers::*;
pub use disputes::*;
pub use events::*;
pub use invoices::*;
pub use payments::*;
pub use portal::*;
pub use products::*;
pub use promotions::*;
pub use subscriptions::*;
pub use webhook_endpoints::*;

use std::collections::HashMap;

use serde::{Deserialize, Deserializer};

use crate::db;

/// The value of a name in `metadata`, shortened so that it can be used in a query. Anybody may have written it.
pub fn metadata_value(metadata: &HashMap<String, String>, name: &str) -> Option<String> {
    metadata.get(name).map(|text| db::fit(text, 255))
}

/// Reads an id that Stripe could have given. A much longer one would fit in no index.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    if id.is_empty() || id.len() > 255 || id.contains('\0') {
        return Err(serde::de::Error::custom("no id of Stripe's"));
    }
    Ok(id)
}
