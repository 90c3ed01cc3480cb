//! Test clocks: <https://docs.stripe.com/billing/testing/test-clocks>.
//!
//! A customer created on a clock lives in that clock's time, with everything created for it.
//! Balance transactions keep the account's time.

use serde_json::{Value, json};

use super::{calendar::Interval, subscriptions};
use crate::{
    api::{Call, Route, lists, retrieve},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

/// Seconds a clock is kept.
const LIFE: i64 = 30 * 86_400;

pub(crate) const ROUTES: &[Route] = &[
    ("POST", "/v1/test_helpers/test_clocks", create),
    ("GET", "/v1/test_helpers/test_clocks", |tx, call| {
        lists::list(tx, call, Kind::TestClock, |_| true)
    }),
    (
        "GET",
        "/v1/test_helpers/test_clocks/{test_clock}",
        |tx, call| retrieve(tx, call, Kind::TestClock, "test_clock"),
    ),
    (
        "DELETE",
        "/v1/test_helpers/test_clocks/{test_clock}",
        delete,
    ),
    (
        "POST",
        "/v1/test_helpers/test_clocks/{test_clock}/advance",
        advance,
    ),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let args = call.args;
    let frozen = args.int("frozen_time").unwrap_or(0);
    if frozen < 0 {
        return Err(
            ApiError::invalid("Invalid timestamp: must be an integer Unix timestamp")
                .code("parameter_invalid_integer")
                .param("frozen_time"),
        );
    }
    if args.text("customer").is_some() {
        return Err(ApiError::invalid(
            "The simulator only attaches a customer to a test clock when the customer is created.",
        )
        .param("customer"));
    }
    let clock = json!({
        "id": tx.mint("clock_1", 23),
        "object": "test_helpers.test_clock",
        "created": tx.simulator_now(),
        "deletes_after": tx.simulator_now() + LIFE,
        "frozen_time": frozen,
        "livemode": false,
        "name": args.text("name"),
        "status": "ready",
        "status_details": {},
    });
    tx.insert(
        Kind::TestClock,
        call.owner,
        clock.clone(),
        Value::Null,
        None,
    );
    tx.emit("test_helpers.test_clock.created", call.owner, &clock);
    Ok(clock)
}

fn advance(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let clock = retrieve(tx, call, Kind::TestClock, "test_clock")?;
    let to = call.args.int("frozen_time").unwrap_or(0);
    let from = clock["frozen_time"].as_i64().unwrap_or(0);
    let refuse = |why: &str| Err(ApiError::invalid(why).param("frozen_time"));
    if to <= from {
        return refuse(
            "The `frozen_time` must be after the test clock's current frozen time: a test clock can only be moved forward.",
        );
    }
    if to > max_frozen_time(tx, &clock) {
        return refuse(
            "You can only advance a test clock by at most two intervals of its shortest subscription at a time.",
        );
    }
    tx.off_clock();
    let now = tx.now;
    let wait = match tx.assumptions.get("clock_ready") {
        "after_five_seconds" => 5,
        _ => 0,
    };
    let moving = tx.update(call.id(), |r| {
        r.value["status"] = json!("advancing");
        r.value["status_details"] = json!({ "advancing": { "target_frozen_time": to } });
        r.due = Some(now + wait);
    });
    let value = moving.map(|r| r.value.clone()).unwrap_or_default();
    tx.emit("test_helpers.test_clock.advancing", call.owner, &value);
    Ok(value)
}

/// The latest time that a clock can be advanced to: two intervals of its shortest subscription, or
/// two years.
fn max_frozen_time(tx: &Tx<'_>, clock: &Value) -> i64 {
    let (id, now) = (
        clock["id"].as_str(),
        clock["frozen_time"].as_i64().unwrap_or(0),
    );
    let on_clock = |r: &&std::sync::Arc<Record>| r.clock.as_deref() == id;
    let owner = id
        .and_then(|id| tx.get(id))
        .map(|r| r.owner.clone())
        .unwrap_or_default();
    tx.store()
        .list(Kind::Subscription, &owner)
        .filter(on_clock)
        .filter(|s| !subscriptions::has_ended(s))
        .filter_map(|s| subscriptions::shortest(s))
        .map(|interval| interval.after(now, 2))
        .min()
        .unwrap_or_else(|| Interval::new("year", 2).after(now, 1))
}

/// Runs everything that is due until the clock's target, each at its own time.
pub(crate) fn run(tx: &mut Tx<'_>, clock: &Record, falls_due: fn(&mut Tx<'_>, &str)) {
    let Some(to) = clock.value["status_details"]["advancing"]["target_frozen_time"].as_i64() else {
        return;
    };
    while let Some((at, id)) = tx.store().next_due_on(&clock.id, to) {
        tx.update(&clock.id, |r| {
            r.value["frozen_time"] = json!(std::cmp::max(at, r.int("frozen_time")))
        });
        tx.on_clock(&clock.id, at);
        falls_due(tx, &id);
        tx.update(&id, |r| {
            if r.due == Some(at) {
                r.due = None;
            }
        });
    }
    tx.off_clock();
    let ready = tx.update(&clock.id, |r| {
        r.value["frozen_time"] = json!(to);
        r.value["status"] = json!("ready");
        r.value["status_details"] = json!({});
    });
    if let Some(ready) = ready {
        tx.emit("test_helpers.test_clock.ready", &ready.owner, &ready.value);
    }
}

/// Its customers go with it, and their subscriptions end.
fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let clock = retrieve(tx, call, Kind::TestClock, "test_clock")?;
    let of_kind = |tx: &Tx<'_>, kind: Kind| -> Vec<String> {
        tx.store()
            .list(kind, call.owner)
            .filter(|r| r.clock.as_deref() == Some(call.id()))
            .map(|r| r.id.clone())
            .collect()
    };
    for subscription in of_kind(tx, Kind::Subscription) {
        subscriptions::end(tx, &subscription, "cancellation_requested");
    }
    for kind in [
        Kind::Invoice,
        Kind::InvoiceItem,
        Kind::SubscriptionItem,
        Kind::Subscription,
        Kind::Discount,
        Kind::CustomerTxn,
        Kind::TaxId,
        Kind::Customer,
    ] {
        for id in of_kind(tx, kind) {
            tx.remove(&id);
        }
    }
    tx.off_clock();
    tx.remove(call.id());
    tx.emit("test_helpers.test_clock.deleted", call.owner, &clock);
    Ok(json!({ "id": call.id(), "object": "test_helpers.test_clock", "deleted": true }))
}
