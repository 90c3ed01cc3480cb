//! Lists and `expand[]`: <https://docs.stripe.com/api/pagination>, <https://docs.stripe.com/api/expanding_objects>.

use std::ops::Bound;

use serde_json::{Value, json};

use super::Call;
use crate::{
    error::{Answer, ApiError},
    form::Node,
    references,
    store::{Kind, Record, Tx, page},
};

const MAX_LIMIT: i64 = 100;
/// How many elements of a list an object carries itself.
const LATENT: usize = 10;

/// The records of a kind on the acting account that `keep` accepts, newest first.
pub(crate) fn list(
    tx: &Tx<'_>,
    call: &Call<'_>,
    kind: Kind,
    keep: impl Fn(&Record) -> bool,
) -> Answer {
    list_of(tx, call, kind, call.owner, keep)
}

/// As [`list`], of another owner (connected accounts live on the platform).
pub(crate) fn list_of(
    tx: &Tx<'_>,
    call: &Call<'_>,
    kind: Kind,
    owner: &str,
    keep: impl Fn(&Record) -> bool,
) -> Answer {
    let limit = limit(call.args)?;
    let created = Range::read(call.args, "created")?;
    let cursor = |name: &str| match call.args.text(name) {
        None => Ok(None),
        Some(id) => tx
            .find(kind, owner, id)
            .map(|r| Some(r.seq))
            .ok_or_else(|| ApiError::missing(kind.noun(), id, name)),
    };
    let (after, before) = (cursor("starting_after")?, cursor("ending_before")?);
    if after.is_some() && before.is_some() {
        return Err(ApiError::invalid(
            "You can only provide one of starting_after or ending_before.",
        )
        .param("ending_before"));
    }
    let fits = |r: &&std::sync::Arc<Record>| {
        r.owner == owner && created.contains(r.int("created")) && keep(r)
    };
    let named = references::fields(kind)
        .iter()
        .find_map(|field| Some((*field, call.args.text(field)?)));
    let mut found: Vec<_> = if let Some(seq) = before {
        let bounds = (Bound::Excluded(seq), Bound::Unbounded);
        let newer = tx.store().slice(kind, owner, named, bounds);
        newer.filter(fits).take(limit + 1).cloned().collect()
    } else {
        let top = after.map_or(Bound::Unbounded, Bound::Excluded);
        let older = tx
            .store()
            .slice(kind, owner, named, (Bound::Unbounded, top))
            .rev();
        older.filter(fits).take(limit + 1).cloned().collect()
    };
    let has_more = found.len() > limit;
    found.truncate(limit);
    if before.is_some() {
        found.reverse();
    }
    let data = found.iter().map(|r| r.shown()).collect();
    Ok(page(call.path, data, has_more))
}

/// Cuts a page out of a list that isn't kept as records, such as line items.
pub(crate) fn page_of(call: &Call<'_>, all: Vec<Value>) -> Answer {
    let limit = limit(call.args)?;
    let start = match call.args.text("starting_after") {
        None => 0,
        Some(id) => all
            .iter()
            .position(|v| v["id"] == id)
            .map(|at| at + 1)
            .ok_or_else(|| ApiError::missing("object", id, "starting_after"))?,
    };
    let has_more = all.len() > start + limit;
    let data = all.into_iter().skip(start).take(limit).collect();
    Ok(page(call.path, data, has_more))
}

pub(crate) fn limit(args: &Node) -> Result<usize, ApiError> {
    limit_of(args, 10)
}

/// The `limit` of a list, or what it is when the request doesn't say.
pub(crate) fn limit_of(args: &Node, default: usize) -> Result<usize, ApiError> {
    match args.int("limit") {
        None => Ok(default),
        Some(n) if n > MAX_LIMIT => Err(ApiError::invalid(format!(
            "This value must be less than or equal to {MAX_LIMIT} (it currently is '{n}')."
        ))
        .code("parameter_invalid_integer")
        .param("limit")),
        Some(n) if n < 1 => Err(ApiError::invalid(format!(
            "This value must be greater than or equal to 1 (it currently is '{n}')."
        ))
        .code("parameter_invalid_integer")
        .param("limit")),
        Some(n) => Ok(usize::try_from(n).unwrap_or(1)),
    }
}

/// `created`, `arrival_date`: one second, or `gt`, `gte`, `lt`, `lte`.
#[derive(Debug)]
pub(crate) struct Range {
    from: i64,
    to: i64,
}

impl Range {
    pub fn read(args: &Node, name: &str) -> Result<Self, ApiError> {
        let mut range = Self {
            from: i64::MIN,
            to: i64::MAX,
        };
        let number = |text: &str, param: String| {
            text.parse::<i64>().map_err(|_| {
                ApiError::invalid(format!("Invalid integer: {text}"))
                    .code("parameter_invalid_integer")
                    .param(param)
            })
        };
        match args.at(name) {
            None => {}
            Some(Node::Leaf(text)) => {
                let at = number(text, name.to_owned())?;
                (range.from, range.to) = (at, at);
            }
            Some(Node::Tree(parts)) => {
                for (op, value) in parts {
                    let param = format!("{name}[{op}]");
                    let Node::Leaf(text) = value else {
                        return Err(ApiError::invalid("Invalid integer").param(param));
                    };
                    let at = number(text, param.clone())?;
                    match op.as_str() {
                        "gt" => range.from = range.from.max(at.saturating_add(1)),
                        "gte" => range.from = range.from.max(at),
                        "lt" => range.to = range.to.min(at.saturating_sub(1)),
                        "lte" => range.to = range.to.min(at),
                        _ => return Err(ApiError::parameter_unknown(&[param])),
                    }
                }
            }
        }
        Ok(range)
    }

    pub fn contains(&self, at: i64) -> bool {
        (self.from..=self.to).contains(&at)
    }
}

/// Replaces ids by their objects where `expand[]` asks for it. `expands::check` has refused paths
/// that don't exist.
pub(crate) fn expand(tx: &Tx<'_>, args: &Node, answer: &mut Value) {
    for path in args.texts("expand") {
        if path == "total_count" && answer["object"] == "search_result" {
            continue;
        }
        let names: Vec<&str> = path.split('.').collect();
        expand_at(tx, answer, &names);
    }
}

fn expand_at(tx: &Tx<'_>, value: &mut Value, names: &[&str]) {
    let Some((name, rest)) = names.split_first() else {
        return;
    };
    if let Value::Array(items) = value {
        items.iter_mut().for_each(|item| expand_at(tx, item, names));
        return;
    }
    if let Some(latent) = latent(tx, value, name) {
        value[*name] = latent;
    }
    let Some(field) = value.get_mut(*name) else {
        return;
    };
    inflate(tx, field);
    expand_at(tx, field, rest);
}

/// Replaces an id by its object. An id without a record stays as it is.
fn inflate(tx: &Tx<'_>, field: &mut Value) {
    match field {
        Value::String(id) => {
            if let Some(record) = tx.get(id) {
                *field = record.shown();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| inflate(tx, item)),
        _ => {}
    }
}

/// Lists that an object carries only when they are expanded, and then their first page only. A deleted one has none.
fn latent(tx: &Tx<'_>, value: &Value, name: &str) -> Option<Value> {
    let id = value["id"]
        .as_str()
        .filter(|_| value["deleted"] != json!(true))?;
    let children = |kind: Kind, field: &'static str, url: &str| {
        let mut found: Vec<Value> = tx
            .store()
            .naming(kind, field, id)
            .rev()
            .take(LATENT + 1)
            .map(|r| r.value.clone())
            .collect();
        let has_more = found.len() > LATENT;
        found.truncate(LATENT);
        Some(page(url, found, has_more))
    };
    match (value["object"].as_str()?, name) {
        ("checkout.session", "line_items") => {
            let items = tx.get(id)?.hidden["items"].as_array()?.clone();
            let url = format!("/v1/checkout/sessions/{id}/line_items");
            Some(page(&url, items, false))
        }
        ("charge", "refunds") => {
            let url = format!("/v1/charges/{id}/refunds");
            children(Kind::Refund, "charge", &url)
        }
        ("customer", "subscriptions") => {
            let url = format!("/v1/customers/{id}/subscriptions");
            children(Kind::Subscription, "customer", &url)
        }
        ("customer", "tax_ids") => {
            let url = format!("/v1/customers/{id}/tax_ids");
            children(Kind::TaxId, "customer", &url)
        }
        ("payout", "destination") => {
            let account = tx.get(&tx.get(id)?.owner)?;
            let banks = account.value["external_accounts"]["data"].as_array()?;
            banks.iter().find(|bank| bank["id"] == value[name]).cloned()
        }
        ("invoice", "payments") => {
            children(Kind::InvoicePayment, "invoice", "/v1/invoice_payments")
        }
        (_, name) => tx.get(id)?.hidden["latent"].get(name).cloned(),
    }
}
