//! The workload of a run: sellers and buyers, over HTTP as anybody would.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use souk_simulator::{Fault, FaultKind};

use super::delivery::lock;
use super::environment::Environment;
use super::plan::Plan;
use super::rng::{draw, pick};
use crate::Failure;

const PASSWORD: &str = "correct horse battery";
/// How often a request is repeated that got no answer, or a 409 because the first is still under way.
const TRIES: u32 = 120;
const PAUSE: Duration = Duration::from_millis(150);
/// The prefixes of forged events' ids: of those that look right, and of those whose effect must fail.
pub const FORGED: &str = "evt_forged";
pub const POISON: &str = "evt_poison";

/// A seller that takes money.
struct Shop {
    email: String,
    token: Mutex<String>,
    account: String,
}

/// Sellers, what they sell, and those who buy it.
pub struct Workload<'a> {
    environment: &'a Environment<'a>,
    plan: &'a Plan,
    shops: Vec<Shop>,
    /// Each with its shop.
    products: Vec<(usize, String)>,
    next: AtomicU32,
    /// Set once no more buyers come than the plan says.
    pub closing: AtomicBool,
    /// What buyers were answered, by status.
    pub answers: Mutex<BTreeMap<u16, u64>>,
    /// Buyers' requests without an answer.
    pub broken: AtomicU32,
}

/// An open checkout.
struct Opened {
    n: u32,
    session: String,
    order: String,
    secret: String,
    shop: usize,
}

impl<'a> Workload<'a> {
    /// Opens two shops with the plan's products.
    pub async fn open(environment: &'a Environment<'a>, plan: &'a Plan) -> Result<Self, Failure> {
        let mut workload = Self {
            environment,
            plan,
            shops: Vec::new(),
            products: Vec::new(),
            next: AtomicU32::new(0),
            closing: AtomicBool::new(false),
            answers: Mutex::default(),
            broken: AtomicU32::new(0),
        };
        for name in ["ada", "ben"] {
            workload.open_shop(name).await?;
        }
        for n in 0..plan.products {
            let shop = (n % 2) as usize;
            let seller = workload.seller_of(shop).await?;
            let body = json!({
                "seller_id": seller, "name": format!("Lamp {n}"), "unit_amount": 2500, "currency": "usd",
                "stock": plan.stock,
            });
            let made = workload.as_owner(shop, "/v1/products", &body, None).await?;
            workload.products.push((shop, text(&made, "id")?));
        }
        Ok(workload)
    }

    async fn open_shop(&mut self, name: &str) -> Result<(), Failure> {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let pair = self.must("/v1/auth/register", &body, None).await?;
        let token = Mutex::new(text(&pair, "access_token")?);
        self.shops.push(Shop {
            email,
            token,
            account: String::new(),
        });
        let shop = self.shops.len() - 1;
        let body = json!({ "name": name, "country": "US" });
        let seller = self.as_owner(shop, "/v1/sellers", &body, None).await?;
        let account = text(&seller, "stripe_account")?;
        self.at_stripe(&format!("/accounts/{account}/onboard"), &json!({}))
            .await?;
        self.earn_elsewhere(&account).await?;
        self.shops[shop].account = account;
        // No event is lost yet, but any may be late.
        for _ in 0..TRIES {
            let sellers = self.list_sellers(shop).await?;
            if sellers["data"][0]["status"] == "active" {
                return Ok(());
            }
            let id = text(&sellers["data"][0], "id")?;
            self.as_owner(shop, &format!("/v1/sellers/{id}/sync"), &json!({}), None)
                .await?;
            tokio::time::sleep(PAUSE).await;
        }
        Err("a seller never became active".into())
    }

    /// Gives the seller money of its own business. Without it the last refunds would wait, since Stripe keeps its fees.
    async fn earn_elsewhere(&self, account: &str) -> Result<(), Failure> {
        let form = "amount=90000000&currency=usd&confirm=true&payment_method=pm_card_bypassPending&return_url=https://ada.example";
        let url = format!(
            "{}/v1/payment_intents",
            self.environment.simulator.base_url()
        );
        let request = self
            .environment
            .http
            .post(url)
            .bearer_auth("sk_test_seller");
        let answer = request
            .header("stripe-account", account)
            .header("stripe-version", souk_simulator::API_VERSION)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form)
            .send()
            .await?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(answer.text().await?.into()),
        }
    }

    async fn list_sellers(&self, shop: usize) -> Result<Value, Failure> {
        let token = lock(&self.shops[shop].token).clone();
        let request = self.environment.http.get(self.url("/v1/sellers"));
        let answer = request.bearer_auth(token).send().await?.text().await?;
        Ok(serde_json::from_str(&answer)?)
    }

    async fn seller_of(&self, shop: usize) -> Result<String, Failure> {
        text(&self.list_sellers(shop).await?["data"][0], "id")
    }

    /// Runs the plan's buyers, and more until `closing`.
    pub async fn run(&self) -> Result<(), Failure> {
        if self.plan.unanswered > 0 {
            self.unanswered().await?;
        }
        let opened_first: Mutex<Vec<Opened>> = Mutex::default();
        let buyers = (0..self.plan.buyers).map(|_| async {
            while let Some(n) = self.next_buyer() {
                let Some(opened) = self.buy(n).await? else {
                    continue;
                };
                if self.plan.pay_last {
                    lock(&opened_first).push(opened);
                } else {
                    self.pay(opened).await?;
                }
            }
            Ok::<(), Failure>(())
        });
        futures_util::future::try_join_all(buyers).await?;
        let payers = (0..self.plan.buyers).map(|_| async {
            loop {
                let next = lock(&opened_first).pop();
                match next {
                    Some(opened) => self.pay(opened).await?,
                    None => return Ok::<(), Failure>(()),
                }
            }
        });
        futures_util::future::try_join_all(payers).await?;
        Ok(())
    }

    fn next_buyer(&self) -> Option<u32> {
        let n = self.next.fetch_add(1, Ordering::SeqCst);
        let open = n < self.plan.sales || !self.closing.load(Ordering::SeqCst);
        open.then_some(n)
    }

    fn draw(&self, what: &str, n: u32) -> f64 {
        draw(self.plan.seed, (what, n))
    }

    /// Opens a checkout of one or two products of one shop. None: they were sold out, or nothing answered.
    async fn buy(&self, n: u32) -> Result<Option<Opened>, Failure> {
        let count = self.products.len();
        let first = pick(self.plan.seed, ("product", n), u32::try_from(count)?) as usize;
        let mut lines = vec![json!({ "product_id": self.products[first].1, "quantity": 1 })];
        let second = (first + 2) % count;
        if second != first && self.draw("two lines", n) < self.plan.two_lines {
            lines.push(json!({ "product_id": self.products[second].1, "quantity": 2 }));
        }
        let body = json!({ "lines": lines, "customer_email": format!("buyer{n}@example.com") });
        let (status, session) = self
            .ask(
                "/v1/checkout_sessions",
                &body,
                None,
                Some(&format!("buy-{n}")),
            )
            .await?;
        if status != 201 {
            return Ok(None);
        }
        Ok(Some(Opened {
            n,
            session: text(&session, "id")?,
            order: text(&session, "order_id")?,
            secret: text(&session, "order_secret")?,
            shop: self.products[first].0,
        }))
    }

    /// Most buyers pay. Of those who never do, forged events say that they did. Some verify at the same moment, and some are
    /// refunded by the seller.
    async fn pay(&self, opened: Opened) -> Result<(), Failure> {
        let n = opened.n;
        if self.draw("never pays", n) < self.plan.forged {
            for event in self.forged_events(&opened) {
                self.environment.proxy.inject(&event);
            }
            return Ok(());
        }
        self.at_stripe(
            &format!("/checkout/sessions/{}/pay", opened.session),
            &json!({}),
        )
        .await?;
        if self.draw("poison", n) < self.plan.poison {
            let odd =
                json!({ "id": opened.session, "object": "checkout.session", "status": "undone" });
            let event = self.event(&format!("{POISON}_{n}"), opened.shop, odd);
            self.environment.proxy.inject(&event);
        }
        if self.draw("verify", n) < self.plan.verify {
            let path = format!("/v1/checkout_sessions/{}/verify", opened.session);
            let (body, path) = (json!({}), &path);
            let ask = || self.once(path, &body, None, None, Some(&opened.secret));
            tokio::join!(ask(), ask());
        }
        if self.draw("refund", n) < self.plan.refunds {
            self.refund(&opened).await?;
        }
        Ok(())
    }

    async fn refund(&self, opened: &Opened) -> Result<(), Failure> {
        let mut body = json!({ "order_id": opened.order });
        if self.draw("part", opened.n) < 0.5 {
            body["amount"] = json!(100);
        }
        let key = format!("back-{}", opened.n);
        // Nothing can be refunded until the order is paid here.
        for _ in 0..20 {
            let token = self.token(opened.shop);
            let (status, _) = self
                .ask("/v1/refunds", &body, Some(&token), Some(&key))
                .await?;
            match status {
                201 => return Ok(()),
                401 => self.log_in(opened.shop).await?,
                _ => tokio::time::sleep(PAUSE).await,
            }
        }
        Ok(())
    }

    /// Events that are rightly signed and untrue: of the other shop's account, of the other mode, and of an amount that wasn't
    /// asked for.
    fn forged_events(&self, opened: &Opened) -> [Value; 3] {
        let paid = |amount: i64| {
            json!({
                "id": opened.session, "object": "checkout.session", "status": "complete", "payment_status": "paid",
                "currency": "usd", "amount_subtotal": amount, "amount_total": amount, "livemode": false,
                "payment_intent": format!("pi_forged_{}", opened.n), "metadata": {},
                "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
            })
        };
        let id = |what: &str| format!("{FORGED}_{what}_{}", opened.n);
        let mut live = self.event(&id("mode"), opened.shop, paid(2500));
        live["livemode"] = json!(true);
        [
            self.event(&id("account"), 1 - opened.shop, paid(2500)),
            live,
            self.event(&id("amount"), opened.shop, paid(1)),
        ]
    }

    fn event(&self, id: &str, shop: usize, object: Value) -> Value {
        json!({
            "id": id, "object": "event", "type": "checkout.session.completed", "livemode": false,
            "account": self.shops[shop].account, "created": self.environment.simulator.now(),
            "api_version": souk_simulator::API_VERSION, "data": { "object": object },
        })
    }

    /// Opens sessions whose creation Stripe never answers, and pays them all the same.
    async fn unanswered(&self) -> Result<(), Failure> {
        for n in 0..self.plan.unanswered {
            let mut fault = Fault::new(FaultKind::CommitThenTimeout);
            fault.method = Some("POST".to_owned());
            fault.path_prefix = "/v1/checkout/sessions".to_owned();
            self.environment.simulator.fault(fault).await;
            let lines = json!([{ "product_id": self.products[0].1, "quantity": 1 }]);
            let body = json!({ "lines": lines, "customer_email": format!("ghost{n}@example.com") });
            let key = format!("ghost-{n}");
            let answer = self
                .once("/v1/checkout_sessions", &body, None, Some(&key), None)
                .await;
            self.environment.simulator.clear_faults().await;
            if answer.is_some_and(|(status, _)| status == 201) {
                return Err("a session was answered that should have got lost".into());
            }
        }
        let oracle = self.environment.simulator.oracle().await;
        let shop = &self.shops[self.products[0].0];
        let sessions = oracle["accounts"][&shop.account]["checkout_sessions"].clone();
        for session in sessions.as_array().into_iter().flatten() {
            let path = format!("/checkout/sessions/{}/pay", text(session, "id")?);
            self.at_stripe(&path, &json!({})).await?;
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.environment.shop())
    }

    fn token(&self, shop: usize) -> String {
        lock(&self.shops[shop].token).clone()
    }

    async fn log_in(&self, shop: usize) -> Result<(), Failure> {
        let body = json!({ "email": self.shops[shop].email, "password": PASSWORD });
        let pair = self.must("/v1/auth/login", &body, None).await?;
        *lock(&self.shops[shop].token) = text(&pair, "access_token")?;
        Ok(())
    }

    async fn as_owner(
        &self,
        shop: usize,
        path: &str,
        body: &Value,
        key: Option<&str>,
    ) -> Result<Value, Failure> {
        let token = self.token(shop);
        match self.ask(path, body, Some(&token), key).await? {
            (200 | 201, answer) => Ok(answer),
            (status, answer) => Err(format!("{path}: {status} {answer}").into()),
        }
    }

    async fn must(&self, path: &str, body: &Value, token: Option<&str>) -> Result<Value, Failure> {
        match self.ask(path, body, token, None).await? {
            (200 | 201, answer) => Ok(answer),
            (status, answer) => Err(format!("{path}: {status} {answer}").into()),
        }
    }

    /// Repeats a request until its answer isn't `try again`.
    async fn ask(
        &self,
        path: &str,
        body: &Value,
        token: Option<&str>,
        key: Option<&str>,
    ) -> Result<(u16, Value), Failure> {
        let mut last = None;
        for _ in 0..TRIES {
            match self.once(path, body, token, key, None).await {
                Some((status, answer)) => {
                    let in_flight = answer["code"] == "idempotency_in_flight";
                    if status < 500 && status != 429 && !in_flight {
                        return Ok((status, answer));
                    }
                    last = Some((status, answer));
                }
                None => last = None,
            }
            tokio::time::sleep(PAUSE).await;
        }
        // The buyer gives up. What they began is in the database or it isn't.
        Ok(last.unwrap_or((0, Value::Null)))
    }

    async fn once(
        &self,
        path: &str,
        body: &Value,
        token: Option<&str>,
        key: Option<&str>,
        secret: Option<&str>,
    ) -> Option<(u16, Value)> {
        let mut request = self
            .environment
            .http
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(secret) = secret {
            request = request.header("order-secret", secret);
        }
        let Ok(answer) = request.send().await else {
            self.broken.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        let status = answer.status().as_u16();
        *lock(&self.answers).entry(status).or_default() += 1;
        let text = answer.text().await.unwrap_or_default();
        Some((status, serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Does what a person does on Stripe's pages.
    async fn at_stripe(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/_simulator{path}", self.environment.simulator.base_url());
        let answer = self
            .environment
            .http
            .post(url)
            .body(body.to_string())
            .send()
            .await?;
        let status = answer.status();
        let text = answer.text().await?;
        if status.is_success() {
            Ok(serde_json::from_str(&text)?)
        } else {
            Err(format!("{path}: {status} {text}").into())
        }
    }
}

fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("no {name} in {value}").into())
}
