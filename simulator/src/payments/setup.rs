//! Setup intents: <https://docs.stripe.com/api/setup_intents>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
