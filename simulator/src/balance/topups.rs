//! Money added to the platform's balance: <https://docs.stripe.com/api/topups>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
