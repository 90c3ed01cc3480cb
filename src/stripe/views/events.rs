//! Events.

use serde::Deserialize;

use super::id;

/// `v2.core.account_link.returned`, as it is retrieved (docs.stripe.com/api/v2/core/account-links/event-types).
#[derive(Clone, Debug, Deserialize)]
pub struct ReturnedLinkView {
    /// What its delivery leaves out.
    pub data: ReturnedLink,
}

/// Whose link it was.
#[derive(Clone, Debug, Deserialize)]
pub struct ReturnedLink {
    /// The account that the link leads into.
    #[serde(deserialize_with = "id")]
    pub account_id: String,
}
