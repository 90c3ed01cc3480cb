//! Disputes: <https://docs.stripe.com/api/disputes>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
