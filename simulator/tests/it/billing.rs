//! Subscriptions, invoices and test clocks.

use serde_json::Value;

use crate::support::{DAY, Stripe, check_books};

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
    let (mut net, mut fees) = (0, 0);
    for (month, invoice) in invoices.iter().enumerate() {
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
        let finalized = if month == 0 {
            MONTHS[0]
        } else {
            MONTHS[month] + HOUR
        };
        assert_eq!(invoice["status_transitions"]["finalized_at"], finalized);
        let line = &invoice["lines"]["data"][0];
        assert_eq!(line["period"]["start"], MONTHS[month]);
        assert_eq!(line["description"], "2 × Tea (at €19.99 / month)");
        assert_eq!(line["pricing"]["price_details"]["price"], price);
        assert_eq!(
            invoice["parent"]["subscription_details"]["subscription"],
            subscription["id"]
        );
        let intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
            .as_str()
            .expect("intent");
        let path =
            format!("/v1/payment_intents/{intent}?expand[]=latest_charge.balance_transaction");
        let charge = shop.get(&path).await["latest_charge"].clone();
        assert_eq!(charge["created"], finalized);
        let txn = &charge["balance_transaction"];
        // 12.5 % of 39.98, half up; Stripe's 2.9 % and 30 cents.
        assert_eq!(
            (&txn["amount"], &txn["fee"], &txn["net"]),
            (&3998.into(), &(500 + 146).into(), &(3998 - 646).into())
        );
        net += txn["net"].as_i64().expect("net");
        let fee = shop
            .stripe
            .get(&format!("/v1/application_fees?charge={}", id(&charge)))
            .await;
        assert_eq!(fee["data"][0]["amount"], 500);
        fees += 500;
    }
    assert_eq!((net, fees), (13_408, 2000));
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
    let resumed = shop
        .post(&format!("/v1/subscriptions/{}/resume", id(&paused)), "")
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
async fn a_change_in_mid_period_is_prorated() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (small, big) = (
        shop.price(2800, "month").await,
        shop.price(5600, "month").await,
    );
    let subscription = shop.subscribe(&small, "").await;
    let item = id(&subscription["items"]["data"][0]);
    shop.advance(MONTHS[0] + 14 * DAY).await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    let body = format!("items[0][id]={item}&items[0][price]={big}");
    let details = format!(
        "subscription={}&subscription_details[items][0][id]={item}&subscription_details[items][0][price]={big}",
        id(&subscription)
    );
    let preview = shop.post("/v1/invoices/create_preview", &details).await;
    assert_eq!(
        (&preview["total"], &preview["status"]),
        (&(1400 + 5600).into(), &"draft".into())
    );
    assert_eq!(shop.invoices().await.len(), 1);
    shop.post(&path, &body).await;
    let items = shop.get("/v1/invoiceitems?pending=true").await;
    let row = |i: usize| {
        (
            items["data"][i]["amount"].as_i64(),
            items["data"][i]["description"].as_str(),
        )
    };
    assert_eq!(
        row(1),
        (Some(-1400), Some("Unused time on Tea after 14 Feb 2027"))
    );
    assert_eq!(
        row(0),
        (Some(2800), Some("Remaining time on Tea after 14 Feb 2027"))
    );
    assert_eq!(items["data"][0]["proration"], true);
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    let renewal = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&renewal["amount_paid"], &renewal["total"]),
        (&7000.into(), &7000.into())
    );
    // Fewer again, billed at once: the rest goes to the customer's balance, and pays the next month.
    shop.advance(MONTHS[1] + 31 * DAY / 2).await;
    shop.post(
        &path,
        &format!("items[0][id]={item}&items[0][price]={small}&proration_behavior=always_invoice"),
    )
    .await;
    let credit = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&credit["total"], &credit["amount_due"], &credit["status"]),
        (&(-1400).into(), &0.into(), &"paid".into())
    );
    assert_eq!(
        shop.get(&format!("/v1/customers/{}", shop.customer)).await["balance"],
        -1400
    );
    shop.advance(MONTHS[2] + 2 * HOUR).await;
    let next = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (
            &next["total"],
            &next["amount_due"],
            &next["starting_balance"],
            &next["ending_balance"]
        ),
        (&2800.into(), &1400.into(), &(-1400).into(), &0.into())
    );
    // Another interval begins a new period at once.
    let year = shop.price(30_000, "year").await;
    let yearly = shop
        .post(
            &path,
            &format!("items[0][id]={item}&items[0][price]={year}&proration_behavior=none"),
        )
        .await;
    assert_eq!(
        period(&yearly),
        (MONTHS[2] + 2 * HOUR, MONTHS[2] + 2 * HOUR + 366 * DAY)
    );
    assert_eq!(
        shop.invoices().await.pop().expect("invoice")["amount_paid"],
        30_000
    );
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn items_come_and_go_by_their_own_routes() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (tea, cake) = (
        shop.price(1000, "month").await,
        shop.price(400, "month").await,
    );
    let subscription = shop.subscribe(&tea, "").await;
    let body = format!(
        "subscription={}&price={cake}&quantity=2&proration_behavior=none",
        id(&subscription)
    );
    let item = shop.post("/v1/subscription_items", &body).await;
    let list = shop
        .get(&format!(
            "/v1/subscription_items?subscription={}",
            id(&subscription)
        ))
        .await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    let path = format!("/v1/subscription_items/{}", id(&item));
    assert_eq!(
        shop.post(&path, "quantity=3&metadata[a]=b").await["quantity"],
        3
    );
    let gone = shop.send("DELETE", &path, "").await;
    assert_eq!(gone.body["deleted"], true);
    let last = list["data"][1]["id"].as_str().expect("id");
    let refused = shop
        .send("DELETE", &format!("/v1/subscription_items/{last}"), "")
        .await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let now = shop.subscription(&subscription).await;
    assert_eq!(now["items"]["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_subscription_is_canceled_now_or_at_the_end_of_its_period() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(3100, "month").await;
    let later = shop.subscribe(&price, "").await;
    let path = format!("/v1/subscriptions/{}", id(&later));
    let ending = shop
        .post(
            &path,
            "cancel_at_period_end=true&cancellation_details[feedback]=too_expensive",
        )
        .await;
    assert_eq!(
        (&ending["cancel_at"], &ending["status"]),
        (&MONTHS[1].into(), &"active".into())
    );
    let back = shop.post(&path, "cancel_at_period_end=false").await;
    assert_eq!(back["cancel_at"], Value::Null);
    shop.post(&path, "cancel_at_period_end=true").await;
    let now = shop.subscribe(&price, "").await;
    let canceled = shop
        .send("DELETE", &format!("/v1/subscriptions/{}", id(&now)), "")
        .await
        .body;
    assert_eq!(
        (&canceled["status"], &canceled["ended_at"]),
        (&"canceled".into(), &MONTHS[0].into())
    );
    shop.advance(MONTHS[1] + HOUR).await;
    let ended = shop.subscription(&later).await;
    assert_eq!(
        (&ended["status"], &ended["ended_at"]),
        (&"canceled".into(), &MONTHS[1].into())
    );
    assert_eq!(shop.invoices().await.len(), 2);
    assert_eq!(
        shop.get("/v1/subscriptions").await["data"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    assert_eq!(
        shop.get("/v1/subscriptions?status=all").await["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let refused = shop
        .send("POST", &path, &format!("items[0][price]={price}"))
        .await;
    assert_eq!(refused.status, 400);
}

#[tokio::test]
async fn coupons_come_off_invoices_once_or_for_months() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(2000, "month").await;
    shop.post("/v1/coupons", "id=half&percent_off=50").await;
    shop.post(
        "/v1/coupons",
        "id=two&amount_off=300&currency=eur&duration=repeating&duration_in_months=2",
    )
    .await;
    let subscription = shop
        .subscribe(
            &price,
            "&discounts[0][coupon]=half&discounts[1][coupon]=two&expand[]=discounts",
        )
        .await;
    assert_eq!(subscription["discounts"].as_array().map(Vec::len), Some(1));
    for month in MONTHS.into_iter().skip(1).take(2) {
        shop.advance(month + 2 * HOUR).await;
    }
    let totals: Vec<_> = shop
        .invoices()
        .await
        .iter()
        .map(|i| i["total"].as_i64().expect("total"))
        .collect();
    assert_eq!(totals, [700, 1700, 2000]);
    let first = &shop.invoices().await[0];
    assert_eq!(first["total_discount_amounts"][0]["amount"], 1000);
    assert_eq!(
        first["lines"]["data"][0]["discount_amounts"][1]["amount"],
        300
    );
    assert_eq!(
        first["lines"]["data"][0]["pretax_credit_amounts"][1]["type"],
        "discount"
    );
    let types = shop.stripe.event_types(&shop.seller).await;
    assert_eq!(
        types
            .iter()
            .filter(|t| *t == "customer.discount.created")
            .count(),
        2
    );
    assert_eq!(
        types
            .iter()
            .filter(|t| *t == "customer.discount.deleted")
            .count(),
        2
    );
}

#[tokio::test]
async fn an_invoice_by_hand_is_drafted_finalized_and_paid_in_each_way() {
    let shop = Shop::open().await;
    let make = async |amount: i64, more: &str| {
        shop.post(
            "/v1/invoiceitems",
            &format!(
                "customer={}&amount={amount}&currency=eur&description=Work",
                shop.customer
            ),
        )
        .await;
        let body = format!(
            "customer={}&pending_invoice_items_behavior=include{more}",
            shop.customer
        );
        id(&shop.post("/v1/invoices", &body).await)
    };
    let paid = make(4000, "&application_fee_amount=100").await;
    let path = format!("/v1/invoices/{paid}");
    shop.post(
        &format!("{path}/add_lines"),
        "lines[0][amount]=500&lines[0][description]=More",
    )
    .await;
    let draft = shop.get(&path).await;
    assert_eq!(
        (&draft["total"], &draft["status"], &draft["number"]),
        (&4500.into(), &"draft".into(), &Value::Null)
    );
    let open = shop.post(&format!("{path}/finalize"), "").await;
    assert_eq!(
        (&open["status"], &open["amount_due"]),
        (&"open".into(), &4500.into())
    );
    assert!(open["hosted_invoice_url"].is_string());
    assert_eq!(
        shop.send("POST", &format!("{path}/finalize"), "")
            .await
            .error("code"),
        "invoice_not_editable"
    );
    assert_eq!(
        shop.send("POST", &format!("{path}/add_lines"), "lines[0][amount]=5")
            .await
            .status,
        400
    );
    let nothing = shop.send("POST", &format!("{path}/pay"), "").await;
    assert_eq!(nothing.error("code"), "resource_missing");
    shop.card("pm_card_chargeCustomerFail").await;
    let declined = shop.send("POST", &format!("{path}/pay"), "").await;
    assert_eq!(
        (declined.status, declined.error("code")),
        (402, "card_declined")
    );
    assert_eq!(shop.get(&path).await["attempt_count"], 1);
    shop.card("pm_card_visa").await;
    let done = shop.post(&format!("{path}/pay"), "expand[]=payments").await;
    assert_eq!(
        (
            &done["status"],
            &done["amount_paid"],
            &done["amount_remaining"]
        ),
        (&"paid".into(), &4500.into(), &0.into())
    );
    assert_eq!(done["payments"]["data"][0]["status"], "paid");
    let payments = shop
        .get(&format!("/v1/invoice_payments?invoice={paid}"))
        .await;
    assert_eq!(payments["data"][0]["amount_paid"], 4500);
    assert_eq!(
        shop.stripe.get("/v1/application_fees").await["data"][0]["amount"],
        100
    );
    let cash = make(1000, "").await;
    let out = shop
        .post(&format!("/v1/invoices/{cash}/pay"), "paid_out_of_band=true")
        .await;
    assert_eq!(
        (&out["status"], &out["amount_paid_off_stripe"]),
        (&"paid".into(), &1000.into())
    );
    let void = make(1000, "").await;
    shop.post(&format!("/v1/invoices/{void}/finalize"), "")
        .await;
    assert_eq!(
        shop.post(&format!("/v1/invoices/{void}/mark_uncollectible"), "")
            .await["status"],
        "uncollectible"
    );
    assert_eq!(
        shop.post(&format!("/v1/invoices/{void}/void"), "").await["status"],
        "void"
    );
    assert_eq!(
        shop.send("POST", &format!("/v1/invoices/{void}/pay"), "")
            .await
            .status,
        400
    );
    let sent = make(1000, "&collection_method=send_invoice&days_until_due=30").await;
    let sent = shop.post(&format!("/v1/invoices/{sent}/send"), "").await;
    assert_eq!(
        (&sent["status"], &sent["due_date"]),
        (&"open".into(), &(MONTHS[0] + 30 * DAY).into())
    );
    let small = make(20, "").await;
    let small = shop
        .post(&format!("/v1/invoices/{small}/finalize"), "")
        .await;
    assert_eq!(
        (
            &small["status"],
            &small["amount_due"],
            &small["ending_balance"]
        ),
        (&"paid".into(), &0.into(), &20.into())
    );
    let draft = make(1000, "").await;
    assert_eq!(
        shop.send("DELETE", &format!("/v1/invoices/{draft}"), "")
            .await
            .body["deleted"],
        true
    );
    let types = shop.stripe.event_types(&shop.seller).await;
    for name in [
        "invoiceitem.created",
        "invoice.payment_failed",
        "invoice.paid",
        "invoice.voided",
        "invoice.marked_uncollectible",
        "invoice.sent",
        "invoice.deleted",
        "invoice.updated",
    ] {
        assert!(types.iter().any(|t| t == name), "{name}: {types:?}");
    }
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn what_cannot_be_billed_is_refused_by_name() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1500, "month").await;
    let once = id(&shop
        .post(
            "/v1/prices",
            "product_data[name]=Cup&currency=eur&unit_amount=500",
        )
        .await);
    let base = format!("customer={}&items[0][price]={price}", shop.customer);
    for (body, param) in [
        (format!("customer={}", shop.customer), "items"),
        ("items[0][price]=price_1".to_owned(), "customer"),
        (
            format!("customer={}&items[0][price]={once}", shop.customer),
            "items[0][price]",
        ),
        (format!("{base}&items[1][price]={price}"), "items[1][price]"),
        (
            format!("{base}&collection_method=send_invoice"),
            "days_until_due",
        ),
        (format!("{base}&trial_end=5"), "trial_end"),
        (format!("{base}&trial_period_days=900"), "trial_period_days"),
        (
            format!("{base}&billing_cycle_anchor=5"),
            "billing_cycle_anchor",
        ),
        (
            format!("{base}&application_fee_percent=101"),
            "application_fee_percent",
        ),
        (
            format!("{base}&discounts[0][coupon]=none"),
            "discounts[0][coupon]",
        ),
        (
            format!("{base}&default_payment_method=pm_none"),
            "default_payment_method",
        ),
        (
            format!("{base}&automatic_tax[enabled]=true"),
            "automatic_tax[enabled]",
        ),
    ] {
        let refused = shop.send("POST", "/v1/subscriptions", &body).await;
        assert!(refused.status >= 400, "{body}");
        assert_eq!(refused.error("param"), param, "{body}: {}", refused.body);
    }
    assert!(shop.invoices().await.is_empty());
    let on_platform = shop.stripe.post("/v1/customers", "").await;
    let refused = shop
        .stripe
        .send("POST", "/v1/subscriptions", &format!("customer={}&items[0][price_data][currency]=eur&items[0][price_data][unit_amount]=500&items[0][price_data][recurring][interval]=month&items[0][price_data][product]=x&application_fee_percent=5", id(&on_platform)), &[])
        .await;
    assert_eq!(refused.error("param"), "items[0][price_data][product]");
}

impl Shop {
    async fn session(&self, price: &str, more: &str) -> Value {
        let body = format!(
            "mode=subscription&success_url=https://x.example/&line_items[0][price]={price}&line_items[0][quantity]=1{more}"
        );
        self.post("/v1/checkout/sessions", &body).await
    }
}

#[tokio::test]
async fn a_subscription_begins_when_its_checkout_is_paid() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    shop.post("/v1/coupons", "id=tenth&percent_off=10&duration=forever")
        .await;
    let more = format!(
        "&customer={}&discounts[0][coupon]=tenth&subscription_data[application_fee_percent]=10&subscription_data[metadata][plan]=tea&line_items[1][price_data][currency]=eur&line_items[1][price_data][unit_amount]=500&line_items[1][price_data][product_data][name]=Pot&line_items[1][quantity]=2",
        shop.customer
    );
    let session = shop.session(&price, &more).await;
    assert_eq!(
        (
            &session["mode"],
            &session["amount_total"],
            &session["subscription"]
        ),
        (&"subscription".into(), &2700.into(), &Value::Null)
    );
    let declined = shop
        .stripe
        .pay(&session, serde_json::json!({ "card": "4000000000000002" }))
        .await;
    assert_ne!(declined["status"], "complete");
    assert!(shop.invoices().await.is_empty());
    shop.stripe.pay(&session, serde_json::json!({})).await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription&expand[]=invoice",
            id(&session)
        ))
        .await;
    assert_eq!(
        (&done["status"], &done["payment_status"]),
        (&"complete".into(), &"paid".into()),
        "{done}"
    );
    let subscription = &done["subscription"];
    assert_eq!(
        (&subscription["status"], &subscription["metadata"]["plan"]),
        (&"active".into(), &"tea".into())
    );
    assert_eq!(
        (&done["invoice"]["amount_paid"], &done["invoice"]["created"]),
        (&2700.into(), &MONTHS[0].into())
    );
    assert_eq!(
        shop.stripe.get("/v1/application_fees").await["data"][0]["amount"],
        270
    );
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await[1]["amount_paid"], 1800);
    let types = shop.stripe.event_types(&shop.seller).await;
    assert!(types.iter().any(|t| t == "checkout.session.completed"));
    let mixed = shop
        .send(
            "POST",
            "/v1/checkout/sessions",
            &format!("mode=payment&success_url=https://x.example/&line_items[0][price]={price}"),
        )
        .await;
    assert_eq!(mixed.error("param"), "line_items[0][price]");
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn a_new_buyer_subscribes_with_a_trial_or_a_challenge() {
    let shop = Shop::open().await;
    let price = shop.price(2000, "month").await;
    let trial = shop
        .session(&price, "&subscription_data[trial_period_days]=7")
        .await;
    assert_eq!(trial["amount_total"], 0);
    shop.stripe
        .pay(&trial, serde_json::json!({ "email": "new@example.com" }))
        .await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription&expand[]=customer",
            id(&trial)
        ))
        .await;
    assert_eq!(
        (&done["payment_status"], &done["subscription"]["status"]),
        (&"no_payment_required".into(), &"trialing".into())
    );
    assert_eq!(done["customer"]["email"], "new@example.com");
    let session = shop.session(&price, "").await;
    let card = serde_json::json!({ "card": "4000002760003184" });
    shop.stripe.pay(&session, card.clone()).await;
    assert_eq!(
        shop.get(&format!("/v1/checkout/sessions/{}", id(&session)))
            .await["status"],
        "open"
    );
    let mut answered = card;
    answered["challenge"] = "complete".into();
    shop.stripe.pay(&session, answered).await;
    let done = shop
        .get(&format!(
            "/v1/checkout/sessions/{}?expand[]=subscription",
            id(&session)
        ))
        .await;
    assert_eq!(
        (&done["status"], &done["subscription"]["status"]),
        (&"complete".into(), &"active".into())
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

#[tokio::test]
async fn a_customers_end_is_that_of_their_subscriptions() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(1500, "month").await;
    let subscription = shop.subscribe(&price, "").await;
    shop.send("DELETE", &format!("/v1/customers/{}", shop.customer), "")
        .await;
    assert_eq!(shop.subscription(&subscription).await["status"], "canceled");
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await.len(), 1);
}

#[tokio::test]
async fn collection_pauses_and_a_late_item_pays_for_the_rest_of_its_period() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let (tea, cake) = (
        shop.price(2800, "month").await,
        shop.price(1400, "month").await,
    );
    let subscription = shop.subscribe(&tea, "").await;
    let path = format!("/v1/subscriptions/{}", id(&subscription));
    shop.post(&path, "pause_collection[behavior]=void").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    assert_eq!(shop.invoices().await[1]["status"], "void");
    shop.post(&path, "pause_collection=").await;
    // 28 February to 31 March is 31 days; half of them are left.
    shop.advance(MONTHS[1] + 31 * DAY / 2).await;
    let body = format!(
        "subscription={}&price={cake}&proration_behavior=always_invoice",
        id(&subscription)
    );
    shop.post("/v1/subscription_items", &body).await;
    let bill = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (&bill["amount_paid"], &bill["billing_reason"]),
        (&700.into(), &"subscription_update".into())
    );
    shop.advance(MONTHS[2] + 2 * HOUR).await;
    let both = shop.invoices().await.pop().expect("invoice");
    assert_eq!(
        (
            &both["amount_paid"],
            both["lines"]["data"].as_array().map(Vec::len)
        ),
        (&4200.into(), Some(2))
    );
}

#[tokio::test]
async fn a_cycle_can_be_anchored_elsewhere_and_begins_with_a_part() {
    let shop = Shop::open().await;
    shop.card("pm_card_visa").await;
    let price = shop.price(2800, "month").await;
    let anchor = MONTHS[0] + 14 * DAY;
    let subscription = shop
        .subscribe(&price, &format!("&billing_cycle_anchor={anchor}"))
        .await;
    assert_eq!(period(&subscription), (MONTHS[0], anchor));
    // 14 of the 31 days from 14 January.
    assert_eq!(shop.invoices().await[0]["amount_paid"], 1265);
    let free = shop
        .subscribe(
            &price,
            "&billing_cycle_anchor_config[day_of_month]=14&proration_behavior=none",
        )
        .await;
    assert_eq!(free["billing_cycle_anchor"], anchor);
    assert_eq!(shop.invoices().await[1]["total"], 0);
    shop.advance(anchor + 2 * HOUR).await;
    let later = shop.invoices().await;
    assert_eq!(
        (&later[2]["amount_paid"], &later[3]["amount_paid"]),
        (&2800.into(), &2800.into())
    );
}
