//! The people behind an account: <https://docs.stripe.com/api/persons>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
