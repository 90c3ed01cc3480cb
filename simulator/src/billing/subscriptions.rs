//! Subscriptions and their items: <https://docs.stripe.com/api/subscriptions>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
