//! Subscriptions that change and end.

use super::*;

/// A monthly subscription with one item.
struct Plan {
    shop: Shop,
    path: String,
    subscription: String,
    item: String,
}

impl Plan {
    async fn start(amount: i64) -> Self {
        let shop = Shop::open().await;
        shop.card("pm_card_visa").await;
        let price = shop.price(amount, "month").await;
        let subscription = shop.subscribe(&price, "").await;
        Self {
            shop,
            path: format!("/v1/subscriptions/{}", id(&subscription)),
            item: id(&subscription["items"]["data"][0]),
            subscription: id(&subscription),
        }
    }

    /// Puts the item on another price.
    async fn change_to(&self, price: &str, more: &str) -> Value {
        let body = format!("items[0][id]={}&items[0][price]={price}{more}", self.item);
        self.shop.post(&self.path, &body).await
    }

    async fn last_invoice(&self) -> Value {
        self.shop.invoices().await.pop().expect("invoice")
    }
}

#[tokio::test]
async fn a_change_in_mid_period_is_prorated() {
    let plan = Plan::start(2800).await;
    let shop = &plan.shop;
    let big = shop.price(5600, "month").await;
    shop.advance(MONTHS[0] + 14 * DAY).await;
    let details = format!(
        "subscription={}&subscription_details[items][0][id]={}&subscription_details[items][0][price]={big}",
        plan.subscription, plan.item
    );
    let preview = shop.post("/v1/invoices/create_preview", &details).await;
    assert_eq!(
        (&preview["total"], &preview["status"]),
        (&(1400 + 5600).into(), &"draft".into())
    );
    assert_eq!(shop.invoices().await.len(), 1);
    plan.change_to(&big, "").await;
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
    let renewal = plan.last_invoice().await;
    assert_eq!(
        (&renewal["amount_paid"], &renewal["total"]),
        (&7000.into(), &7000.into())
    );
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn the_credit_of_a_cheaper_price_pays_the_next_month() {
    let plan = Plan::start(5600).await;
    let shop = &plan.shop;
    let small = shop.price(2800, "month").await;
    // 28 February to 31 March is 31 days; half of them are left.
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    shop.advance(MONTHS[1] + 31 * DAY / 2).await;
    plan.change_to(&small, "&proration_behavior=always_invoice")
        .await;
    let credit = plan.last_invoice().await;
    assert_eq!(
        (&credit["total"], &credit["amount_due"], &credit["status"]),
        (&(-1400).into(), &0.into(), &"paid".into())
    );
    assert_eq!(
        shop.get(&format!("/v1/customers/{}", shop.customer)).await["balance"],
        -1400
    );
    shop.advance(MONTHS[2] + 2 * HOUR).await;
    let next = plan.last_invoice().await;
    assert_eq!(
        (
            &next["total"],
            &next["amount_due"],
            &next["starting_balance"],
            &next["ending_balance"]
        ),
        (&2800.into(), &1400.into(), &(-1400).into(), &0.into())
    );
    check_books(&shop.stripe.get("/_simulator/oracle").await);
}

#[tokio::test]
async fn another_interval_begins_a_new_period_at_once() {
    let plan = Plan::start(2800).await;
    let shop = &plan.shop;
    let year = shop.price(30_000, "year").await;
    shop.advance(MONTHS[1] + 2 * HOUR).await;
    shop.advance(MONTHS[2] + 2 * HOUR).await;
    let yearly = plan.change_to(&year, "&proration_behavior=none").await;
    assert_eq!(
        period(&yearly),
        (MONTHS[2] + 2 * HOUR, MONTHS[2] + 2 * HOUR + 366 * DAY)
    );
    assert_eq!(plan.last_invoice().await["amount_paid"], 30_000);
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
