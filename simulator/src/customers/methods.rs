//! Payment methods: <https://docs.stripe.com/api/payment_methods>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
