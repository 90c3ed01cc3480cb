//! Any series of refunds of a payment for three orders: by amounts, by lines and in Stripe's dashboard. The application fee comes
//! back to the cent at each step, and no order gives back more than was paid for it. And a hundred refunds at once.

use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};

use crate::carts::{Cart, cart};
use crate::harness::{Checkout, Shop, TestApp, assumed, text};

/// A number from 0 up to `below` that follows from a seed and what it decides.
fn pick(about: impl Hash, below: i64) -> i64 {
    let mut hasher = DefaultHasher::new();
    about.hash(&mut hasher);
    i64::try_from(hasher.finish() % u64::try_from(below).expect("more than 0")).expect("small")
}

/// `part` of `of`, rounded half up.
fn share(whole: i64, part: i64, of: i64) -> i64 {
    (2 * whole * part + of) / (2 * of)
}

/// A paid cart, and what has gone back of it.
struct Series {
    app: TestApp,
    shop: Shop,
    cart: Cart,
    intent: String,
    charge: String,
    paid: i64,
    fee: i64,
    /// What of the fee went back since a code made it too much. Then all parts of it are returned by fee refunds of ours.
    excess: i64,
    /// Refunds of ours, and those of the dashboard.
    ours: i64,
    theirs: i64,
    returned: i64,
}

impl Series {
    async fn begin(code: bool) -> Self {
        let app = TestApp::start().await;
        let shop = app.shop("mira").await;
        app.percent_off(&shop, "SEVENTH", 14).await;
        let cover = app.product(&shop, 50_000, None).await;
        app.sale(&cover).await;
        let mut products = Vec::new();
        for price in [335, 1745, 255] {
            products.push((app.product(&shop, price, Some(9)).await, price));
        }
        let priced = [0, 1, 2].map(|at: usize| (products[at].0.as_str(), products[at].1));
        let cart = cart(&app, &shop, priced).await;
        match code {
            true => app.pay_with_code(cart.session(), "SEVENTH").await,
            false => app.pay(cart.session()).await,
        }
        app.settle().await;
        let of = async |column: &str| -> String {
            let payment = &cart.session().payment;
            app.query(&format!(
                "SELECT {column} AS it FROM payments WHERE id = '{payment}'"
            ))
            .await
        };
        let (intent, charge) = (of("payment_intent").await, of("charge").await);
        let paid = of("CAST(amount_paid AS TEXT)")
            .await
            .parse()
            .expect("a number");
        let mut series = Self {
            intent,
            charge,
            paid,
            fee: 0,
            excess: 0,
            ours: 0,
            theirs: 0,
            returned: 0,
            app,
            shop,
            cart,
        };
        (series.fee, series.excess) = series.fee_at_stripe().await;
        series.returned = series.excess;
        assert_eq!(series.excess > 0, code, "{} {}", series.fee, series.paid);
        series
    }

    /// The fee at Stripe, and what of it went back.
    async fn fee_at_stripe(&self) -> (i64, i64) {
        let path = format!("/application_fees?charge={}", self.charge);
        let fees = self.app.platform_api("GET", &path, &[]).await;
        let amount = |name: &str| fees["data"][0][name].as_i64().expect("an amount");
        (amount("amount"), amount("amount_refunded"))
    }

    /// What is left of an order's share.
    async fn left(&self, order: &Checkout) -> i64 {
        let order = self.app.order(order).await;
        let amount = |name: &str| order[name].as_i64().expect("an amount");
        amount("amount_total") - amount("amount_refunded")
    }

    /// Refunds as the seller. `false`: it was refused, since so much is not left.
    async fn refund(&mut self, body: Value) -> bool {
        let told = self.app.post("/v1/refunds/preview", body.clone());
        let told = told.by(&self.shop.owner).await;
        let made = self
            .app
            .post("/v1/refunds", body)
            .by(&self.shop.owner)
            .await;
        assert_eq!(
            told.status == 200,
            made.status == 201,
            "{} {}",
            told.text,
            made.text
        );
        if made.status == 409 {
            return false;
        }
        assert_eq!(made.status, 201, "{}", made.text);
        let amount = made.body["amount"].as_i64().expect("an amount");
        assert_eq!(told.body["amount"], amount);
        self.app.settle().await;
        let is_last = self.ours + self.theirs + amount == self.paid;
        let alone = self.excess == 0 && assumed("partial_refund") == "alone";
        let wanted = match self.excess {
            0 if is_last => self.fee,
            0 if alone => self.returned + share(self.fee, amount, self.paid),
            0 => share(self.fee, self.ours + self.theirs + amount, self.paid),
            excess => excess + share(self.fee - excess, self.ours + amount, self.paid),
        };
        let (_, returned) = self.fee_at_stripe().await;
        assert_eq!(returned, wanted, "{} {} {amount}", self.ours, self.theirs);
        // How Stripe reckons after a refund in the dashboard, which left the fee alone, it doesn't say.
        if self.excess > 0 || self.theirs == 0 && !alone {
            assert_eq!(
                told.body["application_fee_refunded"],
                returned - self.returned
            );
        }
        (self.returned, self.ours) = (returned, self.ours + amount);
        true
    }

    async fn in_dashboard(&mut self, amount: i64) {
        let (text, intent) = (amount.to_string(), self.intent.clone());
        let form = [("payment_intent", intent.as_str()), ("amount", &text)];
        let account = &self.shop.account;
        self.app
            .stripe_api("POST", "/refunds", account, &form)
            .await;
        self.app.settle().await;
        self.theirs += amount;
        assert_eq!(self.fee_at_stripe().await.1, self.returned);
    }

    async fn step(&mut self, seed: u64, n: u32) {
        let pick = |what: &str, below: i64| pick((seed, n, what), below);
        let order = self.cart.orders[usize::try_from(pick("order", 3)).expect("small")]
            .order
            .clone();
        let checkout = self
            .cart
            .orders
            .iter()
            .find(|checkout| checkout.order == order);
        let left = self.left(checkout.expect("one of them")).await;
        let all = self.paid - self.ours - self.theirs;
        match pick("what", 5) {
            0 | 1 if left > 0 => {
                let amount = 1 + pick("amount", left);
                self.refund(json!({ "order_id": order, "amount": amount }))
                    .await;
            }
            2 | 3 => {
                let read = self
                    .app
                    .get(format!("/v1/orders/{order}"))
                    .by(&self.shop.owner);
                let line = text(&read.expect(200).await["lines"][0], "id");
                let lines = json!([{ "order_line_id": line, "quantity": 1 }]);
                self.refund(json!({ "order_id": order, "lines": lines }))
                    .await;
            }
            4 if all > 1 => self.in_dashboard(1 + pick("amount", all / 2)).await,
            _ => {}
        }
        let over = "payment_orders WHERE amount_refunded > amount_paid";
        assert_eq!(self.app.count(over).await, 0);
        let of_orders = "SELECT CAST(SUM(amount_refunded) AS BIGINT) AS it FROM payment_orders WHERE payment_id";
        let of_orders = format!("{of_orders} = '{}'", self.cart.session().payment);
        assert_eq!(
            self.app.query::<i64>(&of_orders).await,
            self.ours + self.theirs
        );
    }
}

#[tokio::test]
async fn any_series_of_refunds_of_several_orders_returns_the_fee_to_the_cent() {
    for (seed, code) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut series = Series::begin(code).await;
        for n in 0..7 {
            series.step(seed, n).await;
        }
        for order in series.cart.orders.clone().map(|checkout| checkout.order) {
            series.refund(json!({ "order_id": order })).await;
        }
        assert_eq!(series.ours + series.theirs, series.paid);
        let app = &series.app;
        for checkout in &series.cart.orders {
            assert_eq!(app.order(checkout).await["status"], "refunded");
        }
        assert_eq!(app.open_findings().await, []);
        app.books_equal_stripe().await;
    }
}

#[tokio::test]
async fn a_hundred_refunds_at_once_by_amounts_and_by_lines_never_return_more_than_was_paid() {
    let app = TestApp::start().await;
    let shop = app.shop("mira").await;
    let cover = app.product(&shop, 50_000, None).await;
    app.sale(&cover).await;
    let lamp = app.product(&shop, 1250, Some(9)).await;
    let checkout = app.checkout_of(&[(&lamp, 5)]).await;
    app.pay(&checkout).await;
    app.settle().await;
    let line = text(&app.order(&checkout).await["lines"][0], "id");
    let ask = async |n: i64| {
        let mut body = json!({ "order_id": checkout.order, "restock": n % 3 == 0 });
        match n % 3 {
            0 => body["lines"] = json!([{ "order_line_id": line, "quantity": 1 + n % 2 }]),
            _ => body["amount"] = json!(100 + n),
        }
        let call = app.post("/v1/refunds", body).keyed(&format!("refund-{n}"));
        call.by(&shop.owner).await
    };
    let answers = futures_util::future::join_all((0..100).map(ask)).await;
    let mut sum = 0;
    for answer in &answers {
        match answer.status {
            201 => sum += answer.body["amount"].as_i64().expect("an amount"),
            _ => assert_eq!(answer.status, 409, "{}", answer.text),
        }
    }
    assert!((1250..=6250).contains(&sum), "{sum}");
    app.settle().await;
    // Stripe may turn away what comes at the same moment.
    let waiting = "jobs WHERE kind = 'refund' AND state = 'ready'";
    while app.count(waiting).await > 0 {
        app.advance(30).await;
        app.settle().await;
    }
    let refunds = "/refunds?limit=100";
    let refunds = app.stripe_api("GET", refunds, &shop.account, &[]).await;
    let at_stripe = refunds["data"].as_array().expect("refunds").iter();
    let at_stripe = at_stripe.map(|refund| refund["amount"].as_i64().expect("an amount"));
    assert_eq!(at_stripe.sum::<i64>(), sum);
    let order = app.order(&checkout).await;
    assert_eq!(order["amount_refunded"], sum);
    let units = "SELECT CAST(COALESCE(SUM(quantity), 0) AS BIGINT) AS it FROM refund_lines";
    let units: i64 = app.query(units).await;
    assert!(units <= 5, "{units}");
    assert_eq!(app.stock(&lamp).await, 9 - 5 + units);
    assert_eq!(app.open_findings().await, []);
    app.books_equal_stripe().await;
}
