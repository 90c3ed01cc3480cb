//! The table of all routes; each noun names its own.

use std::{collections::HashMap, sync::LazyLock};

use crate::{
    accounts::{self, capabilities, externals, links, persons, sessions, v2},
    api::{Handler, Route, search},
    balance::{self, payouts, topups},
    billing::{catalog, invoices, portal, prices, promotion, subscriptions, test_clocks},
    checkout,
    customers::{self, configurations, methods, tax_ids},
    files,
    payments::{
        capture, charges, confirmation_tokens, disputes, intents, legacy, mandates, refunds, setup,
        warnings,
    },
    shape::{self, Shape},
    tokens,
    transfers::{self, fees, reversals},
    webhooks,
};

pub(crate) struct Entry {
    pub shape: &'static Shape,
    pub run: Handler,
    method: &'static str,
    segments: Vec<&'static str>,
}

/// The entries by namespace and first noun (`v1/customers`), so that a request compares a few only. Fixed
/// paths come before those with ids: `/v1/customers/search` before `/v1/customers/{customer}`.
static ROUTES: LazyLock<HashMap<&'static str, Vec<Entry>>> = LazyLock::new(|| {
    static EMPTY: LazyLock<Shape> = LazyLock::new(Shape::default);
    let mut table: HashMap<_, Vec<Entry>> = HashMap::new();
    for (method, path, run) in all() {
        let path = path.trim_start_matches('/');
        let segments: Vec<_> = path.split('/').collect();
        table.entry(noun(path)).or_default().push(Entry {
            shape: shape::of(&format!("{method} /{path}")).unwrap_or(&EMPTY),
            run: *run,
            method,
            segments,
        });
    }
    for entries in table.values_mut() {
        entries.sort_by_key(|e| e.segments.iter().filter(|s| s.starts_with('{')).count());
    }
    table
});

/// Every route there is.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    [
        accounts::ROUTES,
        externals::ROUTES,
        links::ROUTES,
        persons::ROUTES,
        capabilities::ROUTES,
        sessions::ROUTES,
        v2::ROUTES,
        v2::persons::ROUTES,
        v2::tokens::ROUTES,
        customers::ROUTES,
        customers::balance::ROUTES,
        tax_ids::ROUTES,
        customers::sessions::ROUTES,
        configurations::ROUTES,
        search::ROUTES,
        tokens::ROUTES,
        methods::ROUTES,
        checkout::ROUTES,
        intents::ROUTES,
        capture::ROUTES,
        confirmation_tokens::ROUTES,
        setup::ROUTES,
        mandates::ROUTES,
        charges::ROUTES,
        legacy::ROUTES,
        refunds::ROUTES,
        fees::ROUTES,
        disputes::ROUTES,
        warnings::ROUTES,
        files::ROUTES,
        transfers::ROUTES,
        reversals::ROUTES,
        balance::ROUTES,
        payouts::ROUTES,
        topups::ROUTES,
        catalog::ROUTES,
        prices::ROUTES,
        promotion::ROUTES,
        portal::ROUTES,
        test_clocks::ROUTES,
        webhooks::ROUTES,
        webhooks::destinations::ROUTES,
        webhooks::thin::ROUTES,
    ]
    .into_iter()
    .chain(subscriptions::ROUTES.iter().copied())
    .chain(invoices::ROUTES.iter().copied())
    .flatten()
}

/// The first two segments of a path.
fn noun(path: &str) -> &str {
    let ends = path.match_indices('/').nth(1);
    ends.map_or(path, |(at, _)| &path[..at])
}

/// The route of a request and the ids in its path.
pub(crate) fn find<'p>(method: &str, path: &'p str) -> Option<(&'static Entry, Vec<&'p str>)> {
    let path = path.strip_prefix('/')?.trim_end_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    let entry = ROUTES
        .get::<str>(noun(path))?
        .iter()
        .find(|entry| entry.method == method && entry.fits(&parts))?;
    let ids = entry
        .segments
        .iter()
        .zip(parts)
        .filter(|(want, _)| want.starts_with('{'))
        .map(|(_, have)| have)
        .collect();
    Some((entry, ids))
}

impl Entry {
    /// As Stripe's description writes it.
    pub fn path(&self) -> String {
        format!("/{}", self.segments.join("/"))
    }

    fn fits(&self, parts: &[&str]) -> bool {
        self.segments.len() == parts.len()
            && self
                .segments
                .iter()
                .zip(parts)
                .all(|(want, have)| want.starts_with('{') || want == have)
    }
}
