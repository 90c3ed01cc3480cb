//! Subscriptions, invoices and test clocks.

mod calendar;
mod changes;
mod checkout;
mod invoices;
mod pages;
mod pausing;
mod pending;
mod settings;

use serde_json::Value;

use crate::support::{DAY, START, Stripe, check_books};

/// 31 January, 28 February, 31 March and 30 April 2027, 10:00 UTC.
const MONTHS: [i64; 4] = [1_801_389_600, 1_803_808_800, 1_806_487_200, 1_809_079_200];
const HOUR: i64 = 3600;

/// A seller, a clock at 31 January 2027, and a customer on it.
struct Shop {
    stripe: Stripe,
    seller: String,
    clock: String,
    customer: String,
}

fn id(value: &Value) -> String {
    value["id"]
        .as_str()
        .unwrap_or_else(|| panic!("no id: {value}"))
        .to_owned()
}

impl Shop {
    async fn open() -> Self {
        let stripe = Stripe::start().await;
        let seller = stripe.seller().await;
        let clock = stripe
            .on(
                &seller,
                "/v1/test_helpers/test_clocks",
                &format!("frozen_time={}&name=three+months", MONTHS[0]),
            )
            .await;
        let customer = stripe
            .on(
                &seller,
                "/v1/customers",
                &format!("email=ada@example.com&test_clock={}", id(&clock)),
            )
            .await;
        assert_eq!(customer["created"], MONTHS[0]);
        Self {
            stripe,
            clock: id(&clock),
            customer: id(&customer),
            seller,
        }
    }

    async fn post(&self, path: &str, body: &str) -> Value {
        self.stripe.on(&self.seller, path, body).await
    }

    async fn get(&self, path: &str) -> Value {
        self.stripe.get_on(&self.seller, path).await
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> crate::support::Answer {
        self.stripe
            .send(method, path, body, &[("Stripe-Account", &self.seller)])
            .await
    }

    /// Gives the customer a card to pay with.
    async fn card(&self, name: &str) -> String {
        let method = self
            .post(
                &format!("/v1/payment_methods/{name}/attach"),
                &format!("customer={}", self.customer),
            )
            .await;
        let body = format!("invoice_settings[default_payment_method]={}", id(&method));
        self.post(&format!("/v1/customers/{}", self.customer), &body)
            .await;
        id(&method)
    }

    async fn price(&self, amount: i64, interval: &str) -> String {
        let body = format!(
            "product_data[name]=Tea&currency=eur&unit_amount={amount}&recurring[interval]={interval}"
        );
        id(&self.post("/v1/prices", &body).await)
    }

    async fn subscribe(&self, price: &str, more: &str) -> Value {
        let body = format!("customer={}&items[0][price]={price}{more}", self.customer);
        self.post("/v1/subscriptions", &body).await
    }

    async fn advance(&self, to: i64) {
        let path = format!("/v1/test_helpers/test_clocks/{}", self.clock);
        let moving = self
            .post(&format!("{path}/advance"), &format!("frozen_time={to}"))
            .await;
        assert_eq!(moving["status"], "advancing");
        let there = self.get(&path).await;
        assert_eq!(
            (&there["status"], &there["frozen_time"]),
            (&"ready".into(), &to.into())
        );
    }

    async fn subscription(&self, subscription: &Value) -> Value {
        self.get(&format!("/v1/subscriptions/{}", id(subscription)))
            .await
    }

    async fn invoices(&self) -> Vec<Value> {
        let mut list = self
            .get("/v1/invoices?limit=100&expand[]=data.payments")
            .await["data"]
            .as_array()
            .expect("list")
            .clone();
        list.reverse();
        list
    }
}

fn period(subscription: &Value) -> (i64, i64) {
    let item = &subscription["items"]["data"][0];
    (
        item["current_period_start"].as_i64().expect("start"),
        item["current_period_end"].as_i64().expect("end"),
    )
}

impl Shop {
    async fn session(&self, price: &str, more: &str) -> Value {
        let body = format!(
            "mode=subscription&success_url=https://x.example/&line_items[0][price]={price}&line_items[0][quantity]=1{more}"
        );
        self.post("/v1/checkout/sessions", &body).await
    }
}

/// A renewal is finalized an hour after it is made, the first invoice at once.
fn finalized_at(month: usize) -> i64 {
    MONTHS[month] + if month == 0 { 0 } else { HOUR }
}

/// The invoice of a month of 2 × 19.99.
fn check_month(month: usize, invoice: &Value, price: &str, subscription: &Value) {
    assert_eq!(invoice["status"], "paid", "{invoice}");
    assert_eq!(invoice["amount_paid"], 3998);
    let reason = if month == 0 {
        "subscription_create"
    } else {
        "subscription_cycle"
    };
    assert_eq!(invoice["billing_reason"], reason);
    assert_eq!(invoice["created"], MONTHS[month]);
    let prefix = invoice["number"]
        .as_str()
        .and_then(|n| n.split('-').next())
        .expect("number");
    assert_eq!(invoice["number"], format!("{prefix}-{:04}", month + 1));
    assert_eq!(
        invoice["status_transitions"]["finalized_at"],
        finalized_at(month)
    );
    let line = &invoice["lines"]["data"][0];
    assert_eq!(line["period"]["start"], MONTHS[month]);
    assert_eq!(line["description"], "2 × Tea (at €19.99 / month)");
    assert_eq!(line["pricing"]["price_details"]["price"], price);
    assert_eq!(
        invoice["parent"]["subscription_details"]["subscription"],
        subscription["id"]
    );
}

/// What the charge of a month's invoice leaves on the balance, after the fees it must have.
async fn net_of_month(shop: &Shop, month: usize, invoice: &Value) -> i64 {
    let intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
        .as_str()
        .expect("intent");
    let path = format!("/v1/payment_intents/{intent}?expand[]=latest_charge.balance_transaction");
    let charge = shop.get(&path).await["latest_charge"].clone();
    assert_eq!(charge["created"], finalized_at(month));
    let txn = &charge["balance_transaction"];
    // 12.5 % of 39.98, half up; Stripe's 2.9 % and 30 cents.
    assert_eq!(
        (&txn["amount"], &txn["fee"], &txn["net"]),
        (&3998.into(), &(500 + 146).into(), &(3998 - 646).into())
    );
    // Money keeps to the account's own time, which stands still here.
    assert_eq!(txn["created"], START);
    let fee = shop
        .stripe
        .get(&format!("/v1/application_fees?charge={}", id(&charge)))
        .await;
    assert_eq!(fee["data"][0]["amount"], 500);
    txn["net"].as_i64().expect("net")
}

#[tokio::test]
async fn three_months_from_the_31st_of_january_come_out_to_the_cent() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1999, "month").await;
    let subscription = shop
        .subscribe(&price, "&application_fee_percent=12.5&items[0][quantity]=2")
        .await;
    assert_eq!(subscription["status"], "active");
    assert!(subscription.get("current_period_end").is_none());
    assert_eq!(period(&subscription), (MONTHS[0], MONTHS[1]));
    for month in MONTHS.into_iter().skip(1) {
        shop.advance(month + 2 * HOUR).await;
        let now = shop.subscription(&subscription).await;
        assert_eq!(now["status"], "active", "{now}");
        assert_eq!(period(&now).0, month);
    }
    assert_eq!(
        period(&shop.subscription(&subscription).await).1,
        MONTHS[3] + 31 * DAY
    );
    let invoices = shop.invoices().await;
    assert_eq!(invoices.len(), 4);
    let mut net = 0;
    for (month, invoice) in invoices.iter().enumerate() {
        check_month(month, invoice, &price, &subscription);
        net += net_of_month(&shop, month, invoice).await;
    }
    assert_eq!(net, 13_408);
    let balance = shop.get("/v1/balance").await;
    let sum = |part: &str| balance[part][0]["amount"].as_i64().expect("amount");
    assert_eq!(sum("available") + sum("pending"), net);
    check_books(&shop.stripe.get("/_simulator/oracle").await);
    let types = shop.stripe.event_types(&shop.seller).await;
    for (name, count) in [
        ("customer.subscription.created", 1),
        ("invoice.created", 4),
        ("invoice.finalized", 4),
        ("invoice.paid", 4),
        ("invoice.payment_succeeded", 4),
        ("invoice_payment.paid", 4),
        ("invoice.upcoming", 3),
        ("test_helpers.test_clock.ready", 3),
    ] {
        assert_eq!(
            types.iter().filter(|t| *t == name).count(),
            count,
            "{name}: {types:?}"
        );
    }
}

#[tokio::test]
async fn a_clock_only_moves_forward_and_not_too_far() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(500, "month").await;
    shop.subscribe(&price, "").await;
    let path = format!("/v1/test_helpers/test_clocks/{}/advance", shop.clock);
    for to in [MONTHS[0], MONTHS[0] - 5, MONTHS[3]] {
        let refused = shop.send("POST", &path, &format!("frozen_time={to}")).await;
        assert_eq!(
            (refused.status, refused.error("param")),
            (400, "frozen_time"),
            "{to}"
        );
    }
    shop.advance(MONTHS[2]).await;
    let gone = shop
        .send(
            "DELETE",
            &format!("/v1/test_helpers/test_clocks/{}", shop.clock),
            "",
        )
        .await;
    assert_eq!(gone.body["deleted"], true);
    assert!(shop.invoices().await.is_empty());
    let types = shop.stripe.event_types(&shop.seller).await;
    assert!(types.iter().any(|t| t == "customer.subscription.deleted"));
    assert!(types.iter().any(|t| t == "test_helpers.test_clock.deleted"));
}

#[tokio::test]
async fn default_incomplete_waits_for_the_customer_and_expires() {
    let shop = Shop::open().await;
    let price = shop.price(1500, "month").await;
    let more = "&payment_behavior=default_incomplete&payment_settings[save_default_payment_method]=on_subscription&expand[]=latest_invoice.confirmation_secret&expand[]=latest_invoice.payments";
    let subscription = shop.subscribe(&price, more).await;
    assert_eq!(subscription["status"], "incomplete");
    let invoice = &subscription["latest_invoice"];
    assert_eq!(invoice["status"], "open");
    let secret = invoice["confirmation_secret"]["client_secret"]
        .as_str()
        .expect("secret");
    let intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
        .as_str()
        .expect("intent");
    assert!(secret.starts_with(intent));
    let declined = shop
        .send(
            "POST",
            &format!("/v1/payment_intents/{intent}/confirm"),
            "payment_method=pm_card_chargeDeclined&return_url=https://x.example",
        )
        .await;
    assert_eq!(declined.status, 402);
    assert_eq!(
        shop.subscription(&subscription).await["status"],
        "incomplete"
    );
    assert_eq!(
        shop.get(&format!("/v1/invoices/{}", id(invoice))).await["attempt_count"],
        1
    );
    shop.post(
        &format!("/v1/payment_intents/{intent}/confirm"),
        "payment_method=pm_card_visa&return_url=https://x.example",
    )
    .await;
    let active = shop.subscription(&subscription).await;
    assert_eq!(active["status"], "active", "{active}");
    assert!(active["default_payment_method"].is_string());
    assert_eq!(
        shop.get(&format!("/v1/invoices/{}", id(invoice))).await["status"],
        "paid"
    );
    let forgotten = shop
        .subscribe(&price, "&payment_behavior=default_incomplete")
        .await;
    shop.advance(MONTHS[0] + 24 * HOUR).await;
    assert_eq!(
        shop.subscription(&forgotten).await["status"],
        "incomplete_expired"
    );
    let voided = forgotten["latest_invoice"].as_str().expect("invoice");
    assert_eq!(
        shop.get(&format!("/v1/invoices/{voided}")).await["status"],
        "void"
    );
}

#[tokio::test]
async fn a_card_that_is_refused_makes_a_subscription_incomplete_or_none_at_all() {
    let shop = Shop::open().await;
    let price = shop.price(1500, "month").await;
    let body = format!("customer={}&items[0][price]={price}", shop.customer);
    let nothing = shop.send("POST", "/v1/subscriptions", &body).await;
    assert_eq!(
        (nothing.status, nothing.error("code")),
        (400, "resource_missing")
    );
    shop.card("pm_card_chargeCustomerFail").await;
    let refused = shop
        .send(
            "POST",
            "/v1/subscriptions",
            &format!("{body}&payment_behavior=error_if_incomplete"),
        )
        .await;
    assert_eq!(
        (refused.status, refused.error("code")),
        (402, "card_declined")
    );
    assert!(shop.invoices().await.is_empty());
    let kept = shop.subscribe(&price, "").await;
    assert_eq!(kept["status"], "incomplete");
    assert_eq!(shop.invoices().await[0]["status"], "open");
}

#[tokio::test]
async fn a_renewal_that_fails_is_past_due_then_canceled() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1500, "month").await;
    let subscription = shop.subscribe(&price, "").await;
    shop.card("pm_card_chargeCustomerFail").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.subscription(&subscription).await["status"], "past_due");
    let failed = &shop.invoices().await[1];
    assert_eq!(
        (&failed["status"], &failed["attempt_count"]),
        (&"open".into(), &1.into())
    );
    assert!(failed["next_payment_attempt"].as_i64().expect("next") > MONTHS[1]);
    shop.card("pm_card_visa").await;
    shop.advance(MONTHS[1] + 3 * DAY).await;
    assert_eq!(shop.subscription(&subscription).await["status"], "active");
    assert_eq!(shop.invoices().await[1]["attempt_count"], 2);
    shop.card("pm_card_chargeCustomerFail").await;
    shop.advance(MONTHS[2] + 20 * DAY).await;
    let ended = shop.subscription(&subscription).await;
    assert_eq!(ended["status"], "canceled");
    assert_eq!(ended["cancellation_details"]["reason"], "payment_failed");
    let last = &shop.invoices().await[2];
    assert_eq!(
        (&last["attempt_count"], &last["next_payment_attempt"]),
        (&9.into(), &Value::Null)
    );
}

#[tokio::test]
async fn a_trial_costs_nothing_warns_and_then_bills() {
    let shop = Shop::open().await;
    let price = shop.price(1500, "month").await;
    let more = "&trial_period_days=10&trial_settings[end_behavior][missing_payment_method]=pause";
    let paused = shop.subscribe(&price, more).await;
    assert_eq!(paused["status"], "trialing");
    assert_eq!(period(&paused), (MONTHS[0], MONTHS[0] + 10 * DAY));
    let first = &shop.invoices().await[0];
    assert_eq!(
        (&first["total"], &first["status"]),
        (&0.into(), &"paid".into())
    );
    assert_eq!(
        first["lines"]["data"][0]["description"],
        "Trial period for Tea"
    );
    let canceled = shop
        .subscribe(
            &price,
            "&trial_period_days=10&trial_settings[end_behavior][missing_payment_method]=cancel",
        )
        .await;
    shop.advance(MONTHS[0] + 8 * DAY).await;
    let types = shop.stripe.event_types(&shop.seller).await;
    assert_eq!(
        types
            .iter()
            .filter(|t| *t == "customer.subscription.trial_will_end")
            .count(),
        2
    );
    shop.advance(MONTHS[0] + 11 * DAY).await;
    assert_eq!(shop.subscription(&paused).await["status"], "paused");
    assert_eq!(shop.subscription(&canceled).await["status"], "canceled");
    shop.card("pm_card_visa").await;
    let why = &shop.subscription(&paused).await["status_details"]["paused"];
    assert_eq!(
        why["subscription"]["type"],
        "trial_end_without_payment_method"
    );
    let how = "payment_behavior=resume_on_payment_success";
    let resumed = shop
        .post(&format!("/v1/subscriptions/{}/resume", id(&paused)), how)
        .await;
    assert_eq!(resumed["status"], "active");
    let last = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&last["amount_paid"], &last["status"]),
        (&1500.into(), &"paid".into())
    );
    let paying = shop
        .subscribe(&price, &format!("&trial_end={}", MONTHS[1]))
        .await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    let active = shop.subscription(&paying).await;
    assert_eq!(
        (&active["status"], period(&active).0),
        (&"active".into(), MONTHS[1])
    );
}

#[tokio::test]
async fn subscriptions_follow_the_simulators_own_clock_too() {
    let stripe = Stripe::start().await;
    let seller = stripe.seller().await;
    let customer = id(&stripe
        .on(
            &seller,
            "/v1/customers",
            "payment_method=pm_card_visa&invoice_settings[default_payment_method]=pm_card_visa",
        )
        .await);
    let body = format!(
        "customer={customer}&items[0][price_data][currency]=eur&items[0][price_data][unit_amount]=900&items[0][price_data][recurring][interval]=week&items[0][price_data][product]=tea"
    );
    stripe.on(&seller, "/v1/products", "name=Tea&id=tea").await;
    let subscription = stripe.on(&seller, "/v1/subscriptions", &body).await;
    assert_eq!(subscription["status"], "active");
    stripe.simulator.advance(15 * DAY).await;
    let invoices = stripe.get_on(&seller, "/v1/invoices").await;
    let paid: Vec<_> = invoices["data"]
        .as_array()
        .expect("list")
        .iter()
        .map(|i| i["amount_paid"].clone())
        .collect();
    assert_eq!(paid, [900, 900, 900]);
    check_books(&stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn a_trial_without_a_card_asks_for_one_and_bills_it_afterwards() {
    let shop = Shop::open().await;
    let price = shop.price(1500, "month").await;
    let trial = shop
        .subscribe(
            &price,
            "&trial_period_days=5&payment_behavior=default_incomplete",
        )
        .await;
    let intent = trial["pending_setup_intent"]
        .as_str()
        .expect("setup intent");
    let body = "payment_method=pm_card_visa&return_url=https://x.example";
    shop.post(&format!("/v1/setup_intents/{intent}/confirm"), body)
        .await;
    shop.advance(MONTHS[0] + 6 * DAY).await;
    let active = shop.subscription(&trial).await;
    assert_eq!(
        (&active["status"], &active["pending_setup_intent"]),
        (&"active".into(), &Value::Null)
    );
    assert_eq!(shop.invoices().await[1]["amount_paid"], 1500);
}
