//! What an account sets for billing in its Dashboard: retries and their end, notices.

use serde_json::{Value, json};

use super::{HOUR, MONTHS, Shop, id};
use crate::support::{DAY, Stripe};

impl Shop {
    async fn set(&self, settings: Value) -> Value {
        let path = format!("/_simulator/accounts/{}/billing_settings", self.seller);
        self.stripe.post(&path, &settings.to_string()).await
    }

    /// A subscription whose card no longer pays.
    async fn failing(&self) -> Value {
        self.card("pm_card_visa").await;
        let price = self.price(1500, "month").await;
        let made = self.subscribe(&price, "").await;
        self.card("pm_card_chargeCustomerFail").await;
        made
    }

    async fn count(&self, name: &str) -> usize {
        let types = self.stripe.event_types(&self.seller).await;
        types.iter().filter(|t| *t == name).count()
    }
}

#[tokio::test]
async fn retries_come_on_the_days_that_the_account_has_set() {
    let shop = Shop::open().await;
    let set = shop
        .set(json!({ "retry_days": [1, 3], "retries_end": "past_due" }))
        .await;
    assert_eq!(set["retry_days"], json!([1, 3]));
    let made = shop.failing().await;
    let first = MONTHS[1] + HOUR;
    shop.advance(first + HOUR).await;
    let failed = shop.invoices().await.pop().expect("renewal");
    assert_eq!(failed["next_payment_attempt"], first + DAY);
    shop.advance(first + DAY + HOUR).await;
    let failed = shop.invoices().await.pop().expect("renewal");
    assert_eq!(
        (&failed["attempt_count"], &failed["next_payment_attempt"]),
        (&json!(2), &json!(first + 4 * DAY))
    );
    shop.advance(first + 5 * DAY).await;
    let failed = shop.invoices().await.pop().expect("renewal");
    assert_eq!(
        (&failed["attempt_count"], &failed["next_payment_attempt"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(shop.subscription(&made).await["status"], "past_due");
    assert_eq!(shop.count("invoice.payment_failed").await, 3);
}

#[tokio::test]
async fn no_retries_end_at_once_as_the_account_has_set() {
    for (end, status) in [
        ("cancel", "canceled"),
        ("unpaid", "unpaid"),
        ("past_due", "past_due"),
        ("pause", "paused"),
    ] {
        let shop = Shop::open().await;
        shop.set(json!({ "retry_days": [], "retries_end": end }))
            .await;
        let made = shop.failing().await;
        shop.advance(MONTHS[1] + 2 * HOUR).await;
        let now = shop.subscription(&made).await;
        assert_eq!(now["status"], status);
        let why = &now["status_details"]["paused"]["subscription"]["type"];
        assert_eq!(*why == "final_payment_failure", end == "pause");
        // Others keep the default.
        let other = shop.stripe.seller().await;
        assert_ne!(other, shop.seller);
    }
}

#[tokio::test]
async fn an_unpaid_subscription_drafts_its_renewals_and_recovers_by_the_latest() {
    let shop = Shop::open().await;
    shop.set(json!({ "retry_days": [1], "retries_end": "unpaid" }))
        .await;
    let made = shop.failing().await;
    shop.advance(MONTHS[1] + 3 * DAY).await;
    assert_eq!(shop.subscription(&made).await["status"], "unpaid");
    shop.card("pm_card_visa").await;
    shop.advance(MONTHS[2] + 3 * DAY).await;
    let invoices = shop.invoices().await;
    let (old, latest) = (&invoices[1], &invoices[2]);
    assert_eq!(
        (&old["status"], &latest["status"]),
        (&json!("open"), &json!("draft"))
    );
    assert_eq!(latest["auto_advance"], false);
    assert_eq!(shop.subscription(&made).await["status"], "unpaid");
    shop.post(&format!("/v1/invoices/{}/pay", id(old)), "")
        .await;
    assert_eq!(shop.subscription(&made).await["status"], "unpaid");
    shop.post(&format!("/v1/invoices/{}/pay", id(latest)), "")
        .await;
    assert_eq!(shop.subscription(&made).await["status"], "active");
    shop.advance(MONTHS[3] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await[3]["status"], "paid");
}

#[tokio::test]
async fn a_renewal_is_announced_as_long_before_as_the_account_has_set() {
    let shop = Shop::open().await;
    shop.set(json!({ "upcoming_days": 15 })).await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1500, "month").await;
    shop.subscribe(&price, "").await;
    shop.advance(MONTHS[1] - 16 * DAY).await;
    assert_eq!(shop.count("invoice.upcoming").await, 0);
    shop.advance(MONTHS[1] - 14 * DAY).await;
    assert_eq!(shop.count("invoice.upcoming").await, 1);
    shop.advance(MONTHS[1] + DAY).await;
    assert_eq!(shop.count("invoice.upcoming").await, 1);
}

#[tokio::test]
async fn a_sent_invoice_that_is_not_paid_is_overdue() {
    let shop = Shop::open().await;
    shop.set(json!({ "overdue_days": 3 })).await;
    let price = shop.price(1500, "month").await;
    let made = shop
        .subscribe(&price, "&collection_method=send_invoice&days_until_due=7")
        .await;
    shop.advance(MONTHS[0] + 6 * DAY).await;
    assert_eq!(shop.subscription(&made).await["status"], "active");
    shop.advance(MONTHS[0] + 8 * DAY).await;
    assert_eq!(shop.subscription(&made).await["status"], "past_due");
    assert_eq!(shop.count("invoice.overdue").await, 0);
    shop.advance(MONTHS[0] + 11 * DAY).await;
    assert_eq!(shop.count("invoice.overdue").await, 1);
    let invoice = shop.invoices().await.pop().expect("invoice");
    shop.card("pm_card_visa").await;
    shop.post(&format!("/v1/invoices/{}/pay", id(&invoice)), "")
        .await;
    assert_eq!(shop.subscription(&made).await["status"], "active");
    shop.advance(MONTHS[0] + 20 * DAY).await;
    assert_eq!(shop.count("invoice.overdue").await, 1);
}

#[tokio::test]
async fn what_an_account_cannot_set_is_refused() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let path = format!("/_simulator/accounts/{seller}/billing_settings");
    for body in [
        r#"{"retry_days":[0]}"#,
        r#"{"retry_days":[366]}"#,
        r#"{"retries_end":"forget"}"#,
        r#"{"overdue_days":-1}"#,
        r#"{"colour":"red"}"#,
    ] {
        assert_eq!(s.send("POST", &path, body, &[]).await.status, 400, "{body}");
    }
    let path = "/_simulator/accounts/acct_no/billing_settings";
    assert_eq!(s.send("POST", path, "{}", &[]).await.status, 404);
}

#[tokio::test]
async fn a_draft_that_cannot_be_finalized_says_so() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    for _ in 0..2 {
        let item = format!("customer={}&currency=eur&amount=60000000", shop.customer);
        shop.post("/v1/invoiceitems", &item).await;
    }
    let body = format!(
        "customer={}&pending_invoice_items_behavior=include&auto_advance=true",
        shop.customer
    );
    let draft = shop.post("/v1/invoices", &body).await;
    shop.advance(MONTHS[0] + 2 * HOUR).await;
    let path = format!("/v1/invoices/{}", id(&draft));
    let stuck = shop.get(&path).await;
    assert_eq!(
        (&stuck["status"], &stuck["number"]),
        (&json!("draft"), &Value::Null)
    );
    assert_eq!(stuck["last_finalization_error"]["code"], "amount_too_large");
    assert_eq!(shop.count("invoice.finalization_failed").await, 1);
    assert_eq!(shop.count("invoice.finalized").await, 0);
    let line = id(&stuck["lines"]["data"][0]);
    shop.post(
        &format!("{path}/remove_lines"),
        &format!("lines[0][id]={line}&lines[0][behavior]=delete"),
    )
    .await;
    let mended = shop.post(&format!("{path}/finalize"), "").await;
    assert_eq!(
        (&mended["status"], &mended["last_finalization_error"]),
        (&json!("open"), &Value::Null)
    );
}

#[tokio::test]
async fn nothing_is_retried_on_an_account_that_has_gone() {
    let s = Stripe::start().await;
    let seller = s.seller().await;
    let body = "email=ada@example.com&payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa";
    let customer = id(&s.on(&seller, "/v1/customers", body).await);
    let body = "currency=eur&unit_amount=1500&recurring[interval]=month&product_data[name]=Tea";
    let price = id(&s.on(&seller, "/v1/prices", body).await);
    let body = format!("customer={customer}&items[0][price]={price}");
    let made = s.on(&seller, "/v1/subscriptions", &body).await;
    let path = "/v1/payment_methods/pm_card_chargeCustomerFail/attach";
    let card = id(&s.on(&seller, path, &format!("customer={customer}")).await);
    let body = format!("invoice_settings[default_payment_method]={card}");
    s.on(&seller, &format!("/v1/customers/{customer}"), &body)
        .await;
    let control = format!("/_simulator/accounts/{seller}");
    s.post(&format!("{control}/deauthorize"), "").await;
    s.simulator.advance(50 * DAY).await;
    s.post(&format!("{control}/reauthorize"), "").await;
    let now = s
        .get_on(&seller, &format!("/v1/subscriptions/{}", id(&made)))
        .await;
    assert_eq!(now["status"], "past_due");
    let last = &s.get_on(&seller, "/v1/invoices").await["data"][0];
    assert_eq!(
        (&last["attempt_count"], &last["next_payment_attempt"]),
        (&json!(1), &Value::Null)
    );
}
