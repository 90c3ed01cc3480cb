//! The API by noun. Each noun names its routes; the table is all of them.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Value, json};

use crate::{
    error::{Answer, ApiError},
    form::Node,
    shape::{self, Shape},
    store::{Kind, Record, Tx},
};

pub(crate) mod accounts;
pub(crate) mod balance;
pub(crate) mod checkout;
pub(crate) mod checkout_pay;
pub(crate) mod line_items;
pub(crate) mod links;
pub(crate) mod lists;
pub(crate) mod money_in;
pub(crate) mod onboarding;
pub(crate) mod payments;
pub(crate) mod payouts;
pub(crate) mod promotion;
pub(crate) mod refunds;
pub(crate) mod webhooks;

/// An API request that has been authenticated, scoped and checked against its route's shape.
pub(crate) struct Call<'a> {
    pub args: &'a Node,
    /// What stands in the path, in order.
    pub ids: Vec<&'a str>,
    /// The account it acts on: `Stripe-Account`, or the platform.
    pub owner: &'a str,
    pub path: &'a str,
}

impl Call<'_> {
    pub fn id(&self) -> &str {
        self.ids.first().copied().unwrap_or_default()
    }
}

type Handler = fn(&mut Tx<'_>, &Call<'_>) -> Answer;

/// Method, path as Stripe's description writes it, and who answers.
pub(crate) type Route = (&'static str, &'static str, Handler);

pub(crate) struct Entry {
    pub shape: &'static Shape,
    pub run: Handler,
    method: &'static str,
    segments: Vec<&'static str>,
}

/// By number of segments and first noun, so that a request looks at a handful of entries.
static TABLE: LazyLock<HashMap<(usize, &'static str), Vec<Entry>>> = LazyLock::new(|| {
    static EMPTY: LazyLock<Shape> = LazyLock::new(Shape::default);
    let mut table: HashMap<_, Vec<Entry>> = HashMap::new();
    for (method, path, run) in [
        accounts::ROUTES,
        links::ROUTES,
        checkout::ROUTES,
        payments::ROUTES,
        refunds::ROUTES,
        promotion::ROUTES,
        balance::ROUTES,
        payouts::ROUTES,
        webhooks::ROUTES,
    ]
    .into_iter()
    .flatten()
    {
        let segments: Vec<_> = path.split('/').skip(2).collect();
        let key = (
            segments.len(),
            segments.first().copied().unwrap_or_default(),
        );
        table.entry(key).or_default().push(Entry {
            shape: shape::of(&format!("{method} {path}")).unwrap_or(&EMPTY),
            run: *run,
            method,
            segments,
        });
    }
    table
});

/// The route of a request and the ids in its path.
pub(crate) fn find<'p>(method: &str, path: &'p str) -> Option<(&'static Entry, Vec<&'p str>)> {
    let parts: Vec<&str> = path
        .strip_prefix("/v1/")?
        .trim_end_matches('/')
        .split('/')
        .collect();
    let entries = TABLE
        .iter()
        .find(|((n, noun), _)| *n == parts.len() && *noun == parts[0])?
        .1;
    let entry = entries.iter().find(|e| {
        e.method == method
            && e.segments
                .iter()
                .zip(&parts)
                .all(|(want, have)| want.starts_with('{') || want == have)
    })?;
    let ids = entry
        .segments
        .iter()
        .zip(parts)
        .filter(|(want, _)| want.starts_with('{'))
        .map(|(_, have)| have)
        .collect();
    Some((entry, ids))
}

/// Reads one object of the acting account.
pub(crate) fn retrieve(
    tx: &Tx<'_>,
    call: &Call<'_>,
    kind: Kind,
    noun: &str,
    param: &str,
) -> Answer {
    tx.find(kind, call.owner, call.id())
        .map(|r| r.value.clone())
        .ok_or_else(|| ApiError::missing(noun, call.id(), param))
}

/// Merges `metadata` into an object; an empty value unsets its key, an empty hash all of them.
pub(crate) fn merge_metadata(target: &mut Value, form: &Node, path: &str) -> Result<(), ApiError> {
    let Some(node) = form.at(path) else {
        return Ok(());
    };
    if matches!(node, Node::Leaf(_)) {
        *target = json!({});
        return Ok(());
    }
    if !target.is_object() {
        *target = json!({});
    }
    let Some(map) = target.as_object_mut() else {
        return Ok(());
    };
    for (key, value) in node.children() {
        let Node::Leaf(text) = value else {
            return Err(ApiError::invalid(format!(
                "Invalid value for metadata key '{key}': expected a string."
            ))
            .param(path));
        };
        if key.chars().count() > 40 || text.chars().count() > 500 {
            return Err(ApiError::invalid(
                "Metadata keys can have up to 40 characters and values up to 500.",
            )
            .param(path));
        }
        if text.is_empty() {
            map.remove(key);
        } else {
            map.insert(key.clone(), json!(text));
        }
    }
    if map.len() > 50 {
        return Err(ApiError::invalid("You can only set up to 50 metadata keys.").param(path));
    }
    Ok(())
}

pub(crate) fn metadata(form: &Node, path: &str) -> Answer {
    let mut out = json!({});
    merge_metadata(&mut out, form, path)?;
    Ok(out)
}

/// Does what a record's time has come for.
pub(crate) fn falls_due(tx: &mut Tx<'_>, id: &str) {
    let Some(record): Option<std::sync::Arc<Record>> = tx.get(id) else {
        return;
    };
    match record.kind {
        Kind::Session => checkout::falls_due(tx, &record),
        Kind::Txn => balance::becomes_available(tx, &record),
        Kind::Payout => payouts::falls_due(tx, &record),
        Kind::Account => payouts::pay_out(tx, &record),
        _ => {}
    }
}
