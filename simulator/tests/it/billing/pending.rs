//! Updates that wait for their invoice.

use serde_json::{Value, json};

use super::{HOUR, MONTHS, Shop, id, period};
use crate::support::{DAY, check_books};

const APPLIED: &str = "customer.subscription.pending_update_applied";
const EXPIRED: &str = "customer.subscription.pending_update_expired";

/// A shop with a subscription of ten euros a month, fifteen days old, and a price of thirty.
struct Change {
    shop: Shop,
    path: String,
    item: String,
    large: String,
}

impl Change {
    async fn start(card: &str) -> Self {
        let shop = Shop::open().await;
        shop.card("pm_card_visa").await;
        let small = shop.price(1000, "month").await;
        let large = shop.price(3000, "month").await;
        let made = shop.subscribe(&small, "").await;
        shop.advance(MONTHS[0] + 14 * DAY).await;
        shop.card(card).await;
        Self {
            path: format!("/v1/subscriptions/{}", id(&made)),
            item: id(&made["items"]["data"][0]),
            large,
            shop,
        }
    }

    /// Asks for two of the larger price, and another item.
    async fn ask(&self) -> Value {
        let extra = self.shop.price(200, "month").await;
        let body = format!(
            "items[0][id]={}&items[0][price]={}&items[0][quantity]=2&items[1][price]={extra}&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete",
            self.item, self.large
        );
        self.shop.post(&self.path, &body).await
    }

    async fn now(&self) -> Value {
        self.shop.get(&self.path).await
    }

    async fn invoice(&self, subscription: &Value) -> Value {
        let id = subscription["latest_invoice"].as_str().expect("invoice");
        self.shop.get(&format!("/v1/invoices/{id}")).await
    }

    async fn told(&self, name: &str) -> usize {
        let types = self.shop.stripe.event_types(&self.shop.seller).await;
        types.iter().filter(|t| *t == name).count()
    }

    /// The old item alone, and nothing waits.
    fn unchanged(&self, now: &Value) {
        let items = now["items"]["data"].as_array().expect("items");
        assert_eq!(items.len(), 1);
        assert_eq!(
            (&items[0]["id"], &items[0]["quantity"]),
            (&json!(self.item), &json!(1))
        );
        assert_ne!(items[0]["price"]["id"], self.large.as_str());
        assert_eq!(now["status"], "active");
    }

    fn changed(&self, now: &Value) {
        let items = now["items"]["data"].as_array().expect("items");
        assert_eq!(items.len(), 2);
        assert_eq!(
            (&items[0]["id"], &items[0]["quantity"]),
            (&json!(self.item), &json!(2))
        );
        assert_eq!(items[0]["price"]["id"], self.large.as_str());
        assert_eq!(now["pending_update"], Value::Null);
        assert_eq!(now["status"], "active");
    }
}

#[tokio::test]
async fn what_is_paid_at_once_is_changed_at_once() {
    let change = Change::start("pm_card_visa").await;
    let now = change.ask().await;
    change.changed(&now);
    assert_eq!(change.invoice(&now).await["status"], "paid");
    assert_eq!(change.told(APPLIED).await, 0);
    check_books(&change.shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_is_declined_waits_and_is_changed_when_it_is_paid() {
    let change = Change::start("pm_card_chargeCustomerFail").await;
    let waiting = change.ask().await;
    change.unchanged(&waiting);
    let pending = &waiting["pending_update"];
    assert_eq!(pending["expires_at"], MONTHS[0] + 14 * DAY + 23 * HOUR);
    let items = pending["subscription_items"].as_array().expect("items");
    assert_eq!(items.len(), 2);
    assert_eq!(items[0]["price"]["id"], change.large.as_str());
    assert_eq!(pending["billing_cycle_anchor"], Value::Null);
    let invoice = change.invoice(&waiting).await;
    // Half of 2 × 30 + 2, less half of 10.
    assert_eq!(
        (&invoice["status"], &invoice["total"]),
        (&json!("open"), &json!(2600))
    );
    assert_eq!(change.told("invoice.payment_failed").await, 1);
    change.unchanged(&change.now().await);
    change.shop.card("pm_card_visa").await;
    change
        .shop
        .post(&format!("/v1/invoices/{}/pay", id(&invoice)), "")
        .await;
    change.changed(&change.now().await);
    assert_eq!(
        (change.told(APPLIED).await, change.told(EXPIRED).await),
        (1, 0)
    );
    change.shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(
        change.shop.invoices().await.pop().expect("renewal")["total"],
        6200
    );
    check_books(&change.shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn what_nobody_pays_expires_and_the_invoice_is_void() {
    let change = Change::start("pm_card_chargeCustomerFail").await;
    let waiting = change.ask().await;
    change.shop.advance(MONTHS[0] + 14 * DAY + 22 * HOUR).await;
    assert!(change.now().await["pending_update"].is_object());
    change.shop.advance(MONTHS[0] + 15 * DAY).await;
    let now = change.now().await;
    change.unchanged(&now);
    assert_eq!(now["pending_update"], Value::Null);
    assert_eq!(change.invoice(&waiting).await["status"], "void");
    assert_eq!(
        (change.told(APPLIED).await, change.told(EXPIRED).await),
        (0, 1)
    );
    change.shop.card("pm_card_visa").await;
    change.shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(
        change.shop.invoices().await.pop().expect("renewal")["total"],
        1000
    );
}

#[tokio::test]
async fn an_update_that_waits_ends_with_its_period_its_invoice_and_its_subscription() {
    let change = Change::start("pm_card_chargeCustomerFail").await;
    let waiting = change.ask().await;
    let void = format!(
        "/v1/invoices/{}/void",
        waiting["latest_invoice"].as_str().expect("id")
    );
    change.shop.post(&void, "").await;
    change.unchanged(&change.now().await);
    assert_eq!(change.told(EXPIRED).await, 1);
    // Another request discards it too.
    let waiting = change.ask().await;
    let body = format!("items[0][id]={}&items[0][quantity]=1", change.item);
    let other = change.shop.post(&change.path, &body).await;
    change.unchanged(&other);
    assert_eq!(change.invoice(&waiting).await["status"], "void");
    // Less than 23 hours before the end of the period.
    change.shop.advance(MONTHS[1] - 22 * HOUR).await;
    let waiting = change.ask().await;
    assert_eq!(waiting["pending_update"]["expires_at"], MONTHS[1]);
    change.shop.card("pm_card_visa").await;
    change.shop.advance(MONTHS[1] + 2 * HOUR).await;
    let renewed = change.now().await;
    change.unchanged(&renewed);
    assert_eq!(period(&renewed).0, MONTHS[1]);
    change.shop.card("pm_card_chargeCustomerFail").await;
    let waiting = change.ask().await;
    change.shop.send("DELETE", &change.path, "").await;
    assert_eq!(change.invoice(&waiting).await["status"], "void");
    assert_eq!(change.told(EXPIRED).await, 4);
    assert_eq!(change.now().await["pending_update"], Value::Null);
}

#[tokio::test]
async fn a_new_cycle_and_an_end_can_wait_too() {
    let change = Change::start("pm_card_chargeCustomerFail").await;
    let body = "billing_cycle_anchor=now&cancel_at_period_end=true&proration_behavior=none&payment_behavior=pending_if_incomplete";
    let waiting = change.shop.post(&change.path, body).await;
    let at = MONTHS[0] + 14 * DAY;
    assert_eq!(waiting["pending_update"]["billing_cycle_anchor"], at);
    assert_eq!(waiting["pending_update"]["cancel_at_period_end"], true);
    assert_eq!(
        (&waiting["cancel_at_period_end"], &waiting["cancel_at"]),
        (&json!(false), &Value::Null)
    );
    assert_eq!(period(&waiting), (MONTHS[0], MONTHS[1]));
    change.shop.card("pm_card_visa").await;
    let pay = format!(
        "/v1/invoices/{}/pay",
        waiting["latest_invoice"].as_str().expect("id")
    );
    change.shop.post(&pay, "").await;
    let now = change.now().await;
    assert_eq!(period(&now).0, at);
    assert_eq!(
        (&now["billing_cycle_anchor"], &now["cancel_at_period_end"]),
        (&json!(at), &json!(true))
    );
}

#[tokio::test]
async fn an_item_of_its_own_route_waits_too() {
    let change = Change::start("pm_card_chargeCustomerFail").await;
    let body = format!(
        "subscription={}&price={}&proration_behavior=always_invoice&payment_behavior=pending_if_incomplete",
        change.path.rsplit('/').next().expect("id"),
        change.large
    );
    let item = change.shop.post("/v1/subscription_items", &body).await;
    change.unchanged(&change.now().await);
    let missing = change
        .shop
        .send("GET", &format!("/v1/subscription_items/{}", id(&item)), "")
        .await;
    assert_eq!(missing.status, 404);
    change.shop.card("pm_card_visa").await;
    let invoice = change.now().await["latest_invoice"]
        .as_str()
        .expect("id")
        .to_owned();
    change
        .shop
        .post(&format!("/v1/invoices/{invoice}/pay"), "")
        .await;
    let there = change
        .shop
        .get(&format!("/v1/subscription_items/{}", id(&item)))
        .await;
    assert_eq!(there["price"]["id"], change.large.as_str());
}

#[tokio::test]
async fn what_cannot_wait_is_refused() {
    let change = Change::start("pm_card_visa").await;
    let waits = "payment_behavior=pending_if_incomplete";
    for (more, param) in [
        ("metadata[a]=1", "metadata"),
        ("discounts=", "discounts"),
        ("default_payment_method=pm_x", "default_payment_method"),
    ] {
        let refused = change
            .shop
            .send("POST", &change.path, &format!("{waits}&{more}"))
            .await;
        assert_eq!((refused.status, refused.error("param")), (400, param));
    }
    let body = format!(
        "customer={}&items[0][price]={}&{waits}",
        change.shop.customer, change.large
    );
    let refused = change.shop.send("POST", "/v1/subscriptions", &body).await;
    assert_eq!(
        (refused.status, refused.error("param")),
        (400, "payment_behavior")
    );
    let sent = change
        .shop
        .subscribe(
            &change.large,
            "&collection_method=send_invoice&days_until_due=3",
        )
        .await;
    let path = format!("/v1/subscriptions/{}", id(&sent));
    let refused = change.shop.send("POST", &path, waits).await;
    assert_eq!(
        (refused.status, refused.error("param")),
        (400, "payment_behavior")
    );
}

#[tokio::test]
async fn the_end_of_a_trial_can_wait_too() {
    let shop = Shop::open().await;
    shop.card("pm_card_chargeCustomerFail").await;
    let price = shop.price(1500, "month").await;
    let made = shop.subscribe(&price, "&trial_period_days=10").await;
    let path = format!("/v1/subscriptions/{}", id(&made));
    let body = "trial_end=now&payment_behavior=pending_if_incomplete";
    let waiting = shop.post(&path, body).await;
    assert_eq!(
        (&waiting["status"], &waiting["trial_end"]),
        (&json!("trialing"), &json!(MONTHS[0] + 10 * DAY))
    );
    assert_eq!(waiting["pending_update"]["trial_end"], MONTHS[0]);
    shop.card("pm_card_visa").await;
    let pay = format!(
        "/v1/invoices/{}/pay",
        waiting["latest_invoice"].as_str().expect("id")
    );
    shop.post(&pay, "").await;
    let now = shop.get(&path).await;
    assert_eq!(
        (&now["status"], &now["trial_end"]),
        (&json!("active"), &json!(MONTHS[0]))
    );
    assert_eq!(period(&now), (MONTHS[0], MONTHS[1]));
}
