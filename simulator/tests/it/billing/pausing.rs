//! Pausing and resuming, and what waits for its invoice.

use serde_json::{Value, json};

use super::{HOUR, MONTHS, Shop, id, period};
use crate::support::{DAY, check_books};

impl Shop {
    /// A monthly subscription of ten euros, and its path.
    async fn monthly(&self, more: &str) -> (Value, String) {
        let price = self.price(1000, "month").await;
        let made = self.subscribe(&price, more).await;
        let path = format!("/v1/subscriptions/{}", id(&made));
        (made, path)
    }

    async fn types(&self) -> Vec<String> {
        let mut all = self.stripe.event_types(&self.seller).await;
        all.retain(|t| t.starts_with("customer.subscription.") || t.starts_with("invoice."));
        all
    }

    async fn told(&self, name: &str) -> usize {
        self.types().await.iter().filter(|t| *t == name).count()
    }
}

const PAUSED: &str = "customer.subscription.paused";
const RESUMED: &str = "customer.subscription.resumed";

#[tokio::test]
async fn a_pause_ends_the_period_credits_the_rest_and_bills_nothing() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (made, path) = shop.monthly("").await;
    shop.advance(MONTHS[0] + 14 * DAY).await;
    let paused = shop
        .post(&format!("{path}/pause"), "type=subscription")
        .await;
    assert_eq!(paused["status"], "paused");
    assert_eq!(
        paused["status_details"],
        json!({ "paused": {
            "subscription": { "type": "pause_requested" },
            "transitioned_at": MONTHS[0] + 14 * DAY, "type": "subscription",
        } })
    );
    assert_eq!(period(&paused), (MONTHS[0], MONTHS[0] + 14 * DAY));
    let items = shop.get("/v1/invoiceitems?pending=true").await;
    assert_eq!(items["data"][0]["amount"], -500);
    assert_eq!(items["data"].as_array().map(Vec::len), Some(1));
    let twice = shop.send("POST", &format!("{path}/pause"), "").await;
    assert_eq!(twice.status, 400);
    shop.advance(MONTHS[2] + DAY).await;
    assert_eq!(shop.invoices().await.len(), 1);
    assert_eq!(shop.told("invoice.upcoming").await, 0);
    assert_eq!(shop.told(PAUSED).await, 1);
    let upcoming = shop
        .send(
            "POST",
            "/v1/invoices/create_preview",
            &format!("subscription={}", id(&made)),
        )
        .await;
    assert_eq!(upcoming.error("code"), "invoice_upcoming_none");
    check_books(&shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_pause_can_be_invoiced_at_once_or_credit_all_or_nothing() {
    for (from, credit) in [
        ("now", -500),
        ("item_current_period_start", -1000),
        ("none", 0),
    ] {
        let shop = Shop::open().await;
        shop.card("pm_card_visa").await;
        let (made, path) = shop.monthly("").await;
        shop.advance(MONTHS[0] + 14 * DAY).await;
        let how = format!("invoicing_behavior=invoice&bill_for[unused_time_from][type]={from}");
        let ask = format!(
            "subscription={}&subscription_details[pause][invoicing_behavior]=invoice&subscription_details[pause][bill_for][unused_time_from][type]={from}",
            id(&made)
        );
        let preview = shop.send("POST", "/v1/invoices/create_preview", &ask).await;
        shop.post(&format!("{path}/pause"), &how).await;
        let customer = shop.get(&format!("/v1/customers/{}", shop.customer)).await;
        assert_eq!(customer["balance"], credit, "{from}");
        if credit == 0 {
            assert_eq!(preview.error("code"), "invoice_upcoming_none");
            assert_eq!(shop.invoices().await.len(), 1);
        } else {
            assert_eq!(preview.body["total"], credit, "{}", preview.body);
            let invoices = shop.invoices().await;
            assert_eq!(invoices[1]["total"], credit);
            assert_eq!(invoices[1]["status"], "paid");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_paused_or_resumed_is_refused() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    for more in [
        "&trial_period_days=7",
        "&collection_method=send_invoice&days_until_due=7",
        "&billing_mode[type]=classic",
        "&payment_behavior=default_incomplete",
    ] {
        let (_, path) = shop.monthly(more).await;
        let refused = shop.send("POST", &format!("{path}/pause"), "").await;
        assert_eq!(refused.status, 400, "{more}");
    }
    let (_, path) = shop.monthly("").await;
    let active = shop.send("POST", &format!("{path}/resume"), "").await;
    assert_eq!(active.status, 400);
    shop.send("DELETE", &path, "").await;
    let ended = shop.send("POST", &format!("{path}/pause"), "").await;
    assert_eq!(ended.status, 400);
}

#[tokio::test]
async fn a_resumption_waits_for_its_invoice_to_be_paid() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (made, path) = shop.monthly("").await;
    shop.advance(MONTHS[0] + 14 * DAY).await;
    shop.post(&format!("{path}/pause"), "").await;
    shop.advance(MONTHS[1] + 5 * DAY).await;
    let now = MONTHS[1] + 5 * DAY;
    let ask = format!(
        "subscription={}&subscription_details[resume_at]=now",
        id(&made)
    );
    let preview = shop.post("/v1/invoices/create_preview", &ask).await;
    let waiting = shop.post(&format!("{path}/resume"), "").await;
    assert_eq!(waiting["status"], "paused");
    assert_eq!(waiting["pending_update"]["expires_at"], now + 23 * HOUR);
    assert_eq!(waiting["pending_update"]["billing_cycle_anchor"], now);
    let invoice = waiting["latest_invoice"]
        .as_str()
        .expect("invoice")
        .to_owned();
    let open = shop.get(&format!("/v1/invoices/{invoice}")).await;
    // A whole month, less the credit of the pause.
    assert_eq!(
        (&open["status"], &open["amount_due"]),
        (&json!("open"), &json!(500))
    );
    assert_eq!(open["auto_advance"], false);
    assert_eq!(preview["amount_due"], 500);
    assert_eq!(shop.told(RESUMED).await, 0);
    shop.post(&format!("/v1/invoices/{invoice}/pay"), "").await;
    let active = shop.subscription(&made).await;
    assert_eq!(active["status"], "active", "{active}");
    assert_eq!(active["status_details"], Value::Null);
    assert_eq!(active["pending_update"], Value::Null);
    assert_eq!(active["billing_cycle_anchor"], now);
    assert_eq!(period(&active).0, now);
    assert_eq!(shop.told(RESUMED).await, 1);
    shop.advance(now + 32 * DAY).await;
    let last = shop.invoices().await.pop().expect("a renewal");
    assert_eq!(
        (&last["status"], &last["total"]),
        (&json!("paid"), &json!(1000))
    );
    check_books(&shop.stripe.simulator.oracle().await);
}

#[tokio::test]
async fn a_resumption_that_nobody_pays_leaves_it_paused() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (made, path) = shop.monthly("").await;
    shop.post(
        &format!("{path}/pause"),
        "bill_for[unused_time_from][type]=none",
    )
    .await;
    let waiting = shop.post(&format!("{path}/resume"), "").await;
    let invoice = waiting["latest_invoice"]
        .as_str()
        .expect("invoice")
        .to_owned();
    shop.advance(MONTHS[0] + DAY).await;
    let paused = shop.subscription(&made).await;
    assert_eq!(paused["status"], "paused");
    assert_eq!(paused["pending_update"], Value::Null);
    let void = shop.get(&format!("/v1/invoices/{invoice}")).await;
    assert_eq!(void["status"], "void");
    assert_eq!(
        shop.told("customer.subscription.pending_update_expired")
            .await,
        1
    );
    // A failed attempt ends the pause, and nothing is tried again.
    shop.card("pm_card_chargeCustomerFail").await;
    let waiting = shop.post(&format!("{path}/resume"), "").await;
    let invoice = waiting["latest_invoice"]
        .as_str()
        .expect("invoice")
        .to_owned();
    let pay = format!("/v1/invoices/{invoice}/pay");
    assert_eq!(shop.send("POST", &pay, "").await.status, 402);
    let owing = shop.subscription(&made).await;
    assert_eq!(
        (&owing["status"], period(&owing).0),
        (&json!("past_due"), MONTHS[0] + DAY)
    );
    assert_eq!(shop.told(RESUMED).await, 1);
    let open = shop.get(&format!("/v1/invoices/{invoice}")).await;
    assert_eq!(open["next_payment_attempt"], Value::Null);
    shop.card("pm_card_visa").await;
    shop.post(&pay, "").await;
    assert_eq!(shop.subscription(&made).await["status"], "active");
    assert_eq!(shop.told(RESUMED).await, 1);
}

#[tokio::test]
async fn a_resumption_on_success_pays_at_once_or_is_tried_again() {
    let shop = Shop::open().await;
    let (_, path) = {
        shop.card("pm_card_visa").await;
        shop.monthly("").await
    };
    shop.post(
        &format!("{path}/pause"),
        "bill_for[unused_time_from][type]=none",
    )
    .await;
    let how = "payment_behavior=resume_on_payment_success";
    let active = shop.post(&format!("{path}/resume"), how).await;
    assert_eq!(
        (&active["status"], &active["pending_update"]),
        (&json!("active"), &Value::Null)
    );
    assert_eq!(shop.told(RESUMED).await, 1);
    assert_eq!(
        shop.told("customer.subscription.pending_update_applied")
            .await,
        0
    );
    shop.post(
        &format!("{path}/pause"),
        "bill_for[unused_time_from][type]=none",
    )
    .await;
    shop.card("pm_card_chargeCustomerFail").await;
    let waiting = shop.post(&format!("{path}/resume"), how).await;
    assert_eq!(waiting["status"], "paused");
    assert!(waiting["pending_update"]["expires_at"].as_i64() > Some(MONTHS[0] + 300 * DAY));
    shop.card("pm_card_visa").await;
    shop.advance(MONTHS[0] + 3 * DAY).await;
    assert_eq!(shop.get(&path).await["status"], "active");
    assert_eq!(
        shop.told("customer.subscription.pending_update_applied")
            .await,
        1
    );
    assert_eq!(shop.told(RESUMED).await, 2);
}

#[tokio::test]
async fn with_the_anchor_unchanged_the_rest_of_the_period_is_prorated() {
    for (how, at_once) in [
        ("create_prorations", false),
        ("always_invoice", true),
        ("none", false),
    ] {
        let shop = Shop::open().await;
        shop.card("pm_card_visa").await;
        let (made, path) = shop.monthly("").await;
        shop.post(
            &format!("{path}/pause"),
            "bill_for[unused_time_from][type]=none",
        )
        .await;
        shop.advance(MONTHS[1] + 31 * DAY / 2).await;
        let body = format!(
            "billing_cycle_anchor=unchanged&proration_behavior={how}&payment_behavior=resume_on_payment_success"
        );
        let active = shop.post(&format!("{path}/resume"), &body).await;
        assert_eq!(active["status"], "active", "{how}");
        assert_eq!(period(&active), (MONTHS[1], MONTHS[2]), "{how}");
        assert_eq!(active["billing_cycle_anchor"], made["billing_cycle_anchor"]);
        let invoices = shop.invoices().await;
        assert_eq!(invoices.len(), if at_once { 2 } else { 1 }, "{how}");
        shop.advance(MONTHS[2] + 2 * HOUR).await;
        let last = shop.invoices().await.pop().expect("a renewal");
        let total = if how == "create_prorations" {
            1500
        } else {
            1000
        };
        assert_eq!(last["total"], total, "{how}");
        assert_eq!(shop.told(RESUMED).await, 1);
    }
}

#[tokio::test]
async fn an_older_invoice_goes_on_while_its_subscription_is_paused() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (made, path) = shop.monthly("").await;
    shop.card("pm_card_chargeCustomerFail").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.subscription(&made).await["status"], "past_due");
    shop.post(&format!("{path}/pause"), "").await;
    shop.advance(MONTHS[1] + 20 * DAY).await;
    assert_eq!(shop.subscription(&made).await["status"], "paused");
    let owed = shop.invoices().await.pop().expect("a renewal");
    assert_eq!(
        (&owed["status"], &owed["attempt_count"]),
        (&json!("open"), &json!(9))
    );
    shop.card("pm_card_visa").await;
    shop.post(&format!("/v1/invoices/{}/pay", id(&owed)), "")
        .await;
    assert_eq!(shop.subscription(&made).await["status"], "paused");
}
