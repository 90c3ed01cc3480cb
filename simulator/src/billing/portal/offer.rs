//! What a customer may change of a subscription in the portal
//! (<https://docs.stripe.com/customer-management/configure-portal>).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    error::ApiError,
    store::{Kind, Record, Tx},
};

/// The most that can be had of a price whose quantity has no maximum.
const MOST: i64 = 999_999;

/// The changes that a configuration offers of one subscription.
pub(crate) struct Offer {
    pub item: Arc<Record>,
    /// The prices to choose from.
    pub prices: Vec<Arc<Record>>,
    /// Whether a promotion code can be entered.
    pub code: bool,
    /// Whether quantities are among `default_allowed_updates`.
    quantity: bool,
    products: Vec<Value>,
    /// Whether a product's `adjustable_quantity` must be enabled too.
    strict: bool,
}

impl Offer {
    /// None: there is nothing that the customer may change. A subscription of several items, or one
    /// whose invoices are sent, can't be changed in the portal.
    pub fn of(tx: &Tx<'_>, features: &Value, subscription: &Record) -> Option<Self> {
        let feature = &features["subscription_update"];
        let open = matches!(
            subscription.text("status"),
            "active" | "trialing" | "past_due"
        );
        if feature["enabled"] != json!(true)
            || !open
            || subscription.text("collection_method") == "send_invoice"
        {
            return None;
        }
        let mut items = tx
            .store()
            .naming(Kind::SubscriptionItem, "subscription", &subscription.id);
        let item = items.next().cloned()?;
        if items.next().is_some() {
            return None;
        }
        let allows = |what: &str| {
            let list = feature["default_allowed_updates"].as_array();
            list.is_some_and(|list| list.iter().any(|one| one == what))
        };
        let products = feature["products"].as_array().cloned().unwrap_or_default();
        let ids = products
            .iter()
            .filter_map(|p| p["prices"].as_array())
            .flatten()
            .filter_map(Value::as_str);
        let offered = ids
            .filter_map(|id| tx.find(Kind::Price, &subscription.owner, id))
            .filter(|p| {
                p.value["active"] == json!(true)
                    && p.value["currency"] == subscription.value["currency"]
            });
        Some(Self {
            prices: if allows("price") {
                offered.collect()
            } else {
                Vec::new()
            },
            code: allows("promotion_code"),
            quantity: allows("quantity"),
            strict: tx.assumptions.get("portal_quantity") == "adjustable",
            products,
            item,
        })
    }

    /// The least and the most that can be had of a product, if that can be changed.
    pub fn bounds(&self, product: &str) -> Option<(i64, i64)> {
        let listed = self.products.iter().find(|p| p["product"] == product)?;
        let adjustable = &listed["adjustable_quantity"];
        let enabled = adjustable["enabled"] == json!(true);
        if !self.quantity || self.strict && !enabled {
            return None;
        }
        let bound = |name: &str| adjustable[name].as_i64().filter(|_| enabled);
        Some((
            bound("minimum").unwrap_or(1),
            bound("maximum").unwrap_or(MOST),
        ))
    }

    /// The item's present price.
    pub fn price(&self) -> &str {
        self.item.value["price"]["id"].as_str().unwrap_or_default()
    }

    /// The product of one of the prices, or of the present one.
    pub fn product(&self, price: &str) -> &str {
        let other = self.prices.iter().find(|p| p.id == price);
        let present = &self.item.value["price"]["product"];
        other.map_or_else(
            || present.as_str().unwrap_or_default(),
            |p| p.text("product"),
        )
    }

    /// Refuses a price or a quantity that isn't offered.
    pub fn check(&self, price: &str, quantity: i64) -> Result<(), ApiError> {
        if price != self.price() && !self.prices.iter().any(|p| p.id == price) {
            return Err(ApiError::invalid(format!(
                "The price {price} isn't one that the portal configuration offers."
            ))
            .param("price"));
        }
        if quantity == self.item.int("quantity") {
            return Ok(());
        }
        match self.bounds(self.product(price)) {
            None => Err(ApiError::invalid(
                "The portal configuration doesn't offer to change the quantity.",
            )
            .param("quantity")),
            Some((least, most)) if !(least..=most).contains(&quantity) => Err(ApiError::invalid(
                format!("The quantity must be from {least} to {most}."),
            )
            .param("quantity")),
            Some(_) => Ok(()),
        }
    }
}
