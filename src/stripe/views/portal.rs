//! The billing portal.

use secrecy::SecretString;
use serde::Deserialize;

/// A session of the billing portal (docs.stripe.com/api/customer_portal/sessions/object).
#[derive(Clone, Debug, Deserialize)]
pub struct PortalSessionView {
    /// Its page. Whoever has it is the customer there, so it is never stored, and never logged.
    pub url: SecretString,
}
