//! Invoices: <https://docs.stripe.com/api/invoices>.

use crate::api::Route;

pub(crate) const ROUTES: &[Route] = &[];
