//! Transfers between accounts of the platform: <https://docs.stripe.com/api/transfers>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
