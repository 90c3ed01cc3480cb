//! Test clocks: <https://docs.stripe.com/api/test_clocks>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
