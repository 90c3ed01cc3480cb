//! Bank accounts and cards to pay out to: <https://docs.stripe.com/api/external_accounts>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
