//! The customer portal: <https://docs.stripe.com/api/customer_portal/sessions>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
