//! Whole lives of subscriptions that begin on the 31st of January: what each month costs, whom it entitles, and books that are Stripe's
//! at the end.

use serde_json::{Value, json};

use crate::harness::{Has, Shop, TestApp, User, checkout_from, text};

/// The 31st of January of 2027 and of 2028, at ten o'clock (UTC).
const OF_2027: i64 = 1_801_389_600;
const OF_LEAP_YEAR: i64 = 1_832_925_600;

struct Story {
    app: TestApp,
    shop: Shop,
    bea: User,
    coffee: String,
    id: String,
}

fn action(id: &str, action: &str) -> String {
    format!("/v1/subscriptions/{id}/{action}")
}

impl Story {
    /// On this day somebody subscribes to a price of 9.00 a month.
    async fn begins(on: i64, code: Option<Value>) -> Self {
        let app = TestApp::start().await;
        app.advance(on - app.simulator.now()).await;
        app.settle().await;
        let shop = app.shop("mira").await;
        let bea = app.member("bea").await;
        let coffee = app.product(&shop, 900, None).await;
        let price = app.price(&shop, &coffee, 900).await;
        let mut body =
            json!({ "mode": "subscription", "lines": [{ "price_id": price, "quantity": 1 }] });
        if let Some(mut code) = code {
            code["seller_id"] = json!(shop.id);
            code["code"] = json!("WELCOME");
            let made = app.post("/v1/promotion_codes", code).by(&shop.owner);
            made.expect(201).await;
            body["promotion_code"] = json!("WELCOME");
        }
        let opened = app.post("/v1/checkout_sessions", body).by(&bea);
        let checkout = checkout_from(&opened.expect(201).await);
        app.pay(&checkout).await;
        app.settle().await;
        let list = app.get("/v1/subscriptions").by(&bea).expect(200).await;
        let id = text(&list["data"][0], "id");
        Self {
            app,
            shop,
            bea,
            coffee,
            id,
        }
    }

    async fn days(&mut self, days: i64) {
        self.app.days(days, &mut self.bea, &mut self.shop).await;
    }

    async fn seen(&self) -> Value {
        self.app.subscription(&self.bea, &self.id).await
    }

    /// The day on which the period ends.
    async fn period_ends_on(&self, day: &str) {
        let seen = self.seen().await;
        let end = text(&seen, "current_period_end");
        assert_eq!(end.split('T').next(), Some(day), "{seen}");
    }

    async fn access_is(&self, reason: &str) {
        assert_eq!(self.app.access_to(&self.bea, &self.id).await, reason);
    }

    async fn post(&self, what: &str, body: Value) -> Value {
        let asked = self.app.post(action(&self.id, what), body).by(&self.bea);
        let answer = asked.attempt().await.expect("an answer");
        assert!(
            [200, 201].contains(&answer.status),
            "{what}: {}",
            answer.text
        );
        self.app.settle().await;
        answer.body
    }

    async fn set_quantity(&self, quantity: i64, how: &str) {
        let body = json!({ "items": [{ "quantity": quantity }], "proration_behavior": how });
        self.post("change", body).await;
    }

    /// What each invoice came to that was paid, oldest first.
    async fn paid(&self) -> Vec<i64> {
        let path = format!(
            "/v1/invoices?subscription_id={}&status=paid&limit=100",
            self.id
        );
        let list = self.app.get(path).by(&self.bea).expect(200).await;
        let all = list["data"].as_array().expect("a list");
        let paid = |one: &Value| one["amount_paid"].as_i64().expect("a sum");
        all.iter().rev().map(paid).collect()
    }

    /// Each paid invoice is an order of its amount, the books are Stripe's, and nothing is odd.
    async fn adds_up(&self) {
        let path = format!("/v1/orders?seller_id={}&limit=100", self.shop.id);
        let list = self.app.get(path).by(&self.shop.owner).expect(200).await;
        let orders = list["data"].as_array().expect("a list");
        let mut sold: Vec<i64> = orders
            .iter()
            .filter_map(|order| order["amount_total"].as_i64())
            .filter(|amount| *amount > 0)
            .collect();
        let mut paid: Vec<i64> = self.paid().await;
        paid.retain(|amount| *amount > 0);
        sold.sort_unstable();
        paid.sort_unstable();
        assert_eq!(sold, paid);
        self.app.until_transactions_show(&self.shop.account).await;
        self.app.settle().await;
        self.app.books_equal_stripe().await;
        assert_eq!(self.app.open_findings().await, vec![]);
    }

    /// The order of the latest invoice that was paid.
    async fn latest_order(&self) -> String {
        let path = format!("/v1/invoices?subscription_id={}&status=paid", self.id);
        let list = self.app.get(path).by(&self.bea).expect(200).await;
        text(&list["data"][0], "order_id")
    }
}

#[tokio::test]
async fn three_months_with_a_declined_card_two_changes_and_a_refund() {
    let mut story = Story::begins(OF_2027, None).await;
    story.period_ends_on("2027-02-28").await;
    story.access_is("active").await;
    // February's card is declined, and the account tries again until another one is given.
    let (shop, id) = (&story.shop, story.id.clone());
    story
        .app
        .pays_by(shop, &id, "pm_card_chargeCustomerFail")
        .await;
    story.days(29).await;
    story.seen().await.has(json!({ "status": "past_due" }));
    story.access_is("grace").await;
    let (shop, id) = (&story.shop, story.id.clone());
    story.app.pays_by(shop, &id, "pm_card_visa").await;
    story.post("pay", json!({})).await;
    story.access_is("active").await;
    assert_eq!(story.paid().await, [900, 900]);
    // The end of the month stays the end, whatever February was.
    story.period_ends_on("2027-03-31").await;
    // Two from the middle of March, billed at once; and one again, which the renewal credits.
    story.days(15).await;
    story.set_quantity(2, "always_invoice").await;
    let more = story.paid().await[2];
    assert!(
        (300..600).contains(&more),
        "half a month of one more: {more}"
    );
    story.days(5).await;
    story.set_quantity(1, "create_prorations").await;
    story.days(13).await;
    story.period_ends_on("2027-04-30").await;
    let paid = story.paid().await;
    assert_eq!(paid.len(), 4, "{paid:?}");
    let less = 900 - paid[3];
    assert!(
        (200..500).contains(&less),
        "the rest of one is credited: {paid:?}"
    );
    let order = story.latest_order().await;
    let refund = story.app.post("/v1/refunds", json!({ "order_id": order }));
    refund.by(&story.shop.owner).expect(201).await;
    story.app.settle().await;
    story.seen().await.has(json!({ "status": "active" }));
    story.post("cancel", json!({})).await;
    story.access_is("ending").await;
    story.days(30).await;
    story.seen().await.has(json!({ "status": "canceled" }));
    story.access_is("ended").await;
    assert_eq!(story.paid().await, paid, "nothing is charged after the end");
    story.adds_up().await;
}

#[tokio::test]
async fn thirteen_months_with_a_code_a_pause_a_dispute_and_a_seller_who_leaves() {
    let code = json!({ "percent_off": 50, "duration": "repeating", "duration_in_months": 3 });
    let mut story = Story::begins(OF_LEAP_YEAR, Some(code)).await;
    story.period_ends_on("2028-02-29").await;
    story.days(30).await;
    story.period_ends_on("2028-03-31").await;
    // A dearer price is another price: nobody is moved.
    let price = text(&story.seen().await["items"][0], "price_id");
    story.app.price(&story.shop, &story.coffee, 1900).await;
    let archived = json!({ "active": false });
    let archive = story.app.patch(format!("/v1/prices/{price}"), archived);
    archive.by(&story.shop.owner).expect(200).await;
    story.app.settle().await;
    story.days(92).await;
    story.period_ends_on("2028-06-30").await;
    // Three months are half as dear.
    assert_eq!(story.paid().await, [450, 450, 450, 900, 900]);
    // July is a pause.
    story.days(31).await;
    story.post("pause", json!({})).await;
    story.seen().await.has(json!({ "status": "paused" }));
    story.access_is("paused").await;
    let before = story.paid().await;
    story.days(31).await;
    assert_eq!(story.paid().await, before, "nothing is charged meanwhile");
    story.post("resume", json!({})).await;
    story.access_is("active").await;
    story.days(31).await;
    // What was unused before the pause came off the first month after it.
    let paid = story.paid().await;
    let since = &paid[before.len()..];
    assert!(
        !since.is_empty() && since.iter().all(|one| *one <= 900),
        "{paid:?}"
    );
    let order = story.latest_order().await;
    let charge = format!(
        "SELECT p.charge AS it FROM payments p JOIN payment_orders o ON o.payment_id = p.id WHERE o.order_id = '{order}'"
    );
    let charge: String = story.app.query(&charge).await;
    let dispute = story
        .app
        .simulate(&format!("/charges/{charge}/dispute"), json!({}))
        .await;
    story.app.settle().await;
    let decide = format!("/disputes/{}/decide", text(&dispute, "id"));
    story
        .app
        .simulate(&decide, json!({ "outcome": "won" }))
        .await;
    story.app.settle().await;
    story.seen().await.has(json!({ "status": "active" }));
    // To the end of the thirteenth month, past the next February.
    let months = story.paid().await.len();
    story.days(180).await;
    let paid = story.paid().await;
    assert!(paid.len() >= months + 5, "{paid:?}");
    assert!(paid[months..].iter().all(|one| *one == 900), "{paid:?}");
    story.access_is("active").await;
    story.adds_up().await;
    // A seller who disconnects sells nothing any more; nothing is made up about what Stripe isn't asked for.
    let leave = format!("/accounts/{}/deauthorize", story.shop.account);
    story.app.simulate(&leave, json!({})).await;
    story.app.settle().await;
    story.days(40).await;
    assert_eq!(story.paid().await, paid);
    let asked = story.app.post(action(&story.id, "cancel"), json!({}));
    asked.by(&story.bea).refused(409, "seller_not_active").await;
    story.app.settle().await;
}
