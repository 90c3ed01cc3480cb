//! Customers and what they pay with: <https://docs.stripe.com/api/customers>.

pub(crate) mod methods;

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
