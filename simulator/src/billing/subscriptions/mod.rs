//! Subscriptions and their items: <https://docs.stripe.com/billing/subscriptions/overview>.

mod bill;
mod change;
pub(crate) mod create;
pub(crate) mod cycle;
mod ending;
mod items;
mod pausing;
mod pending;
mod proration;
mod terms;

use serde_json::Value;

use super::{calendar::Interval, prices};
use crate::{
    api::{Call, Route, find, lists},
    customers,
    error::{Answer, ApiError},
    events,
    store::{Kind, Record, Tx, page},
};

pub(crate) use ending::end;
pub(crate) use proration::preview;

pub(crate) const ROUTES: &[&[Route]] = &[SUBSCRIPTIONS, OF_CUSTOMERS, items::ROUTES];

const SUBSCRIPTIONS: &[Route] = &[
    ("POST", "/v1/subscriptions", create::create),
    ("GET", "/v1/subscriptions", |tx, call| {
        list(tx, call, call.args.text("customer"))
    }),
    (
        "GET",
        "/v1/subscriptions/{subscription_exposed_id}",
        retrieve,
    ),
    (
        "POST",
        "/v1/subscriptions/{subscription_exposed_id}",
        change::update,
    ),
    (
        "DELETE",
        "/v1/subscriptions/{subscription_exposed_id}",
        ending::cancel,
    ),
    (
        "DELETE",
        "/v1/subscriptions/{subscription_exposed_id}/discount",
        ending::delete_discount,
    ),
    (
        "POST",
        "/v1/subscriptions/{subscription}/pause",
        pausing::pause,
    ),
    (
        "POST",
        "/v1/subscriptions/{subscription}/resume",
        pausing::resume,
    ),
    (
        "POST",
        "/v1/subscriptions/{subscription}/migrate",
        ending::migrate,
    ),
];

/// Deleting a customer cancels their subscriptions.
fn end_customer(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let theirs: Vec<String> = tx
        .store()
        .naming(Kind::Subscription, "customer", call.id())
        .filter(|s| s.owner == call.owner && !has_ended(s))
        .map(|s| s.id.clone())
        .collect();
    for id in theirs {
        end(tx, &id, "cancellation_requested");
    }
    customers::delete(tx, call)
}

/// The same routes under the customer's path, for old integrations.
const OF_CUSTOMERS: &[Route] = &[
    ("DELETE", "/v1/customers/{customer}", end_customer),
    (
        "DELETE",
        "/v1/customers/{customer}",
        ending::delete_customer,
    ),
    (
        "POST",
        "/v1/customers/{customer}/subscriptions",
        create::create,
    ),
    (
        "GET",
        "/v1/customers/{customer}/subscriptions",
        |tx, call| list(tx, call, Some(call.id())),
    ),
    (
        "GET",
        "/v1/customers/{customer}/subscriptions/{subscription_exposed_id}",
        retrieve,
    ),
    (
        "POST",
        "/v1/customers/{customer}/subscriptions/{subscription_exposed_id}",
        change::update,
    ),
    (
        "DELETE",
        "/v1/customers/{customer}/subscriptions/{subscription_exposed_id}",
        ending::cancel,
    ),
    (
        "GET",
        "/v1/customers/{customer}/subscriptions/{subscription_exposed_id}/discount",
        ending::discount,
    ),
    (
        "DELETE",
        "/v1/customers/{customer}/subscriptions/{subscription_exposed_id}/discount",
        ending::delete_discount,
    ),
];

/// The subscription that the path names last.
fn from_path(tx: &Tx<'_>, call: &Call<'_>) -> Result<std::sync::Arc<Record>, ApiError> {
    let id = call.ids.last().copied().unwrap_or_default();
    let found = find(tx, call, Kind::Subscription, id, "id")?;
    let other = call.ids.len() > 1 && found.text("customer") != call.id();
    if other {
        Err(ApiError::missing("subscription", id, "id"))
    } else {
        Ok(found)
    }
}

fn retrieve(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    from_path(tx, call).map(|r| r.value.clone())
}

fn list(tx: &mut Tx<'_>, call: &Call<'_>, customer: Option<&str>) -> Answer {
    let args = call.args;
    let start = lists::Range::read(args, "current_period_start")?;
    let end = lists::Range::read(args, "current_period_end")?;
    let same = |r: &Record, name: &str| args.text(name).is_none_or(|v| r.value[name] == v);
    lists::list(tx, call, Kind::Subscription, |r| {
        let items = r.value["items"]["data"].as_array();
        let any = |test: &dyn Fn(&Value) -> bool| items.is_some_and(|items| items.iter().any(test));
        let status = match args.text("status") {
            None => !matches!(r.text("status"), "canceled" | "incomplete_expired"),
            Some("all") => true,
            Some("ended") => has_ended(r),
            Some(status) => r.text("status") == status,
        };
        status
            && customer.is_none_or(|c| r.value["customer"] == c)
            && same(r, "collection_method")
            && same(r, "test_clock")
            && args
                .text("price")
                .is_none_or(|p| any(&|i| i["price"]["id"] == p))
            && any(&|i| start.contains(i["current_period_start"].as_i64().unwrap_or(0)))
            && any(&|i| end.contains(i["current_period_end"].as_i64().unwrap_or(0)))
    })
}

/// Makes the next invoice of a subscription. The caller undoes it.
pub(crate) fn next_invoice(tx: &mut Tx<'_>, id: &str) -> Answer {
    cycle::upcoming(tx, id)
}

/// Whether a subscription is over for good.
pub(crate) fn has_ended(subscription: &Record) -> bool {
    matches!(
        subscription.text("status"),
        "canceled" | "incomplete_expired"
    )
}

/// The shortest interval of its items.
pub(crate) fn shortest(subscription: &Record) -> Option<Interval> {
    subscription.value["items"]["data"]
        .as_array()?
        .iter()
        .filter_map(|i| prices::interval(&i["price"]))
        .min_by_key(|i| i.after(0, 1))
}

/// The records of a subscription's items, oldest first.
fn items_of(tx: &Tx<'_>, subscription: &Record) -> Vec<std::sync::Arc<Record>> {
    tx.store()
        .naming(Kind::SubscriptionItem, "subscription", &subscription.id)
        .cloned()
        .collect()
}

/// Writes the present items into the subscription's `items`.
fn show_items(tx: &mut Tx<'_>, id: &str) {
    let Some(subscription) = tx.get(id) else {
        return;
    };
    let all: Vec<Value> = items_of(tx, &subscription)
        .iter()
        .map(|i| i.value.clone())
        .collect();
    let list = page(
        &format!("/v1/subscription_items?subscription={id}"),
        all,
        false,
    );
    tx.update(id, |r| r.value["items"] = list);
}

/// Emits `customer.subscription.updated` with what has changed since `before`.
fn emit_change(tx: &mut Tx<'_>, id: &str, before: &Value) {
    let Some(after) = tx.get(id) else {
        return;
    };
    if after.value != *before {
        let changes = events::changes(before, &after.value);
        tx.emit_change(
            "customer.subscription.updated",
            &after.owner,
            &after.value,
            Some(changes),
        );
    }
}

/// A subscription as it now is.
fn now(tx: &Tx<'_>, id: &str) -> Value {
    tx.get(id).map(|s| s.value.clone()).unwrap_or_default()
}

/// The share of a period that is left, as (left, whole).
fn left(period: (i64, i64), at: i64) -> (i64, i64) {
    let whole = std::cmp::max(period.1 - period.0, 1);
    (std::cmp::max(std::cmp::min(period.1 - at, whole), 0), whole)
}

fn period_of(item: &Record) -> (i64, i64) {
    (
        item.int("current_period_start"),
        item.int("current_period_end"),
    )
}
