//! Products and prices: <https://docs.stripe.com/api/products>, <https://docs.stripe.com/api/prices>.

use crate::{
    api::{Route, retrieve},
    store::Kind,
};

pub(crate) const ROUTES: &[Route] = &[
    ("GET", "/v1/products/{id}", |tx, call| {
        retrieve(tx, call, Kind::Product, "id")
    }),
    ("GET", "/v1/prices/{price}", |tx, call| {
        retrieve(tx, call, Kind::Price, "price")
    }),
];
