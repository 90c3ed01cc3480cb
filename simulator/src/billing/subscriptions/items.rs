//! The items of a subscription by their own routes: <https://docs.stripe.com/api/subscription_items>.

use serde_json::json;

use super::{
    change::{self, Change},
    pending,
};
use crate::{
    api::{Call, Route, find, lists, merge_metadata, retrieve},
    error::{Answer, ApiError},
    store::{Kind, Record, Tx},
};

pub(super) const ROUTES: &[Route] = &[
    ("POST", "/v1/subscription_items", create),
    ("GET", "/v1/subscription_items", |tx, call| {
        let id = call.args.text("subscription").unwrap_or_default();
        find(tx, call, Kind::Subscription, id, "subscription")?;
        lists::list(tx, call, Kind::SubscriptionItem, |r| {
            r.text("subscription") == id
        })
    }),
    ("GET", "/v1/subscription_items/{item}", |tx, call| {
        retrieve(tx, call, Kind::SubscriptionItem, "item")
    }),
    ("POST", "/v1/subscription_items/{item}", update),
    ("DELETE", "/v1/subscription_items/{item}", delete),
];

fn create(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let id = call.args.text("subscription").unwrap_or_default();
    let subscription = find(tx, call, Kind::Subscription, id, "subscription")?;
    let change = Change::of_item(tx, call, None, call.args, "")?;
    let made = change::apply(tx, call, &subscription, vec![change], call.args)?;
    let made = made.first().map(String::as_str).unwrap_or_default();
    match tx.get(made) {
        Some(item) => Ok(item.value.clone()),
        // It will be there once its invoice is paid.
        None => pending::item(tx, id, made)
            .ok_or_else(|| ApiError::missing("subscription_item", id, "item")),
    }
}

fn of(
    tx: &Tx<'_>,
    call: &Call<'_>,
) -> Result<(std::sync::Arc<Record>, std::sync::Arc<Record>), ApiError> {
    let item = find(tx, call, Kind::SubscriptionItem, call.id(), "item")?;
    let subscription = find(
        tx,
        call,
        Kind::Subscription,
        item.text("subscription"),
        "subscription",
    )?;
    Ok((item, subscription))
}

fn update(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (item, subscription) = of(tx, call)?;
    let mut metadata = item.value["metadata"].clone();
    merge_metadata(&mut metadata, call.args, "metadata")?;
    tx.update(&item.id, |r| r.value["metadata"] = metadata);
    let change = Change::of_item(tx, call, Some(&item), call.args, "")?;
    change::apply(tx, call, &subscription, vec![change], call.args)?;
    retrieve(tx, call, Kind::SubscriptionItem, "item")
}

fn delete(tx: &mut Tx<'_>, call: &Call<'_>) -> Answer {
    let (item, subscription) = of(tx, call)?;
    let change = Change::Remove(item.id.clone());
    change::apply(tx, call, &subscription, vec![change], call.args)?;
    Ok(json!({ "id": item.id, "object": "subscription_item", "deleted": true }))
}
