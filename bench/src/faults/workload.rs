//! The workload of a run: sellers and buyers, over HTTP as anybody would.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use souk_simulator::{Fault, FaultKind};

use super::after_sales::{Asked, Claim};
use super::delivery::lock;
use super::environment::Environment;
use super::holds::AskedOfHolds;
use super::page::Page;
use super::plan::Plan;
use super::renewals::{Ends, Entitled};
use super::rng::{draw, pick};
use crate::Failure;

pub const PASSWORD: &str = "correct horse battery";
/// How often a request is repeated that got no answer, or a 409 because the first is still under way.
const TRIES: u32 = 120;
pub const PAUSE: Duration = Duration::from_millis(150);
/// The price of every product in cents: not divisible, so that shares of it are rounded.
const PRICE: i64 = 2533;
/// Where buyers check out: on Stripe's page, and on one of the shop's own.
const SESSIONS: &str = "/v1/checkout_sessions";
const INTENTS: &str = "/v1/payment_intents";
/// The prefixes of forged events' ids: of those that look right, and of those whose effect must fail.
pub const FORGED: &str = "evt_forged";
pub const POISON: &str = "evt_poison";

/// A seller that takes money.
pub struct Shop {
    email: String,
    token: Mutex<String>,
    pub account: String,
}

/// Sellers, what they sell, and those who buy it.
pub struct Workload<'a> {
    pub environment: &'a Environment<'a>,
    pub plan: &'a Plan,
    pub shops: Vec<Shop>,
    /// Each with its shop.
    products: Vec<(usize, String)>,
    next: AtomicU32,
    /// Set once no more buyers come than the plan says.
    pub closing: AtomicBool,
    /// What buyers were answered, by status.
    pub answers: Mutex<BTreeMap<u16, u64>>,
    /// Buyers' requests without an answer.
    pub broken: AtomicU32,
    /// The refunds that sellers have asked for, by `Idempotency-Key`.
    pub asked: Mutex<BTreeMap<String, Asked>>,
    /// What was asked to become of held money, here and at Stripe.
    pub asked_of_holds: Mutex<AskedOfHolds>,
    /// When subscriptions were asked to end.
    pub asked_ends: Mutex<Ends>,
    /// Whom their subscriptions entitle, as the shop says.
    pub asked_access: Mutex<Entitled>,
}

/// An open checkout.
pub struct Opened {
    pub n: u32,
    /// The id of the session or intent.
    pub object: String,
    /// With what it is paid on a page of the shop's own. None: on Stripe's page.
    pub page: Option<Page>,
    /// Whether the money is only held.
    pub is_manual: bool,
    /// What it costs, in cents.
    pub amount: i64,
    pub order: String,
    pub secret: String,
    pub shop: usize,
}

impl Opened {
    /// What it is at Stripe, and the type of the event that says that it is paid.
    fn kind(&self) -> (&'static str, &'static str) {
        match self.page {
            Some(_) => ("payment_intent", "payment_intent.succeeded"),
            None => ("checkout.session", "checkout.session.completed"),
        }
    }

    /// The path of the session or intent, here.
    pub fn path(&self) -> String {
        let kind = match self.page {
            Some(_) => "payment_intents",
            None => "checkout_sessions",
        };
        format!("/v1/{kind}/{}", self.object)
    }
}

/// A request to the shop.
#[derive(Clone)]
pub struct Call<'c> {
    method: Method,
    pub path: &'c str,
    body: &'c Value,
    token: Option<&'c str>,
    key: Option<&'c str>,
    secret: Option<&'c str>,
}

impl<'c> Call<'c> {
    pub fn post(path: &'c str, body: &'c Value) -> Self {
        Self::new(Method::POST, path, body)
    }

    pub fn patch(path: &'c str, body: &'c Value) -> Self {
        Self::new(Method::PATCH, path, body)
    }

    pub fn get(path: &'c str) -> Self {
        Self::new(Method::GET, path, &Value::Null)
    }

    fn new(method: Method, path: &'c str, body: &'c Value) -> Self {
        Self {
            method,
            path,
            body,
            token: None,
            key: None,
            secret: None,
        }
    }

    /// Under an `Idempotency-Key`.
    pub fn key(self, key: &'c str) -> Self {
        Self {
            key: Some(key),
            ..self
        }
    }

    /// As a request to the shop at `base`.
    pub fn to(&self, http: &reqwest::Client, base: &str) -> reqwest::RequestBuilder {
        let mut request = http.request(self.method.clone(), format!("{base}{}", self.path));
        if !self.body.is_null() {
            request = request.header("content-type", "application/json");
            request = request.body(self.body.to_string());
        }
        if let Some(token) = self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(secret) = self.secret {
            request = request.header("order-secret", secret);
        }
        request
    }

    /// As the guest whose order it is.
    pub fn of(self, opened: &'c Opened) -> Self {
        Self {
            secret: Some(&opened.secret),
            ..self
        }
    }

    /// As somebody who is logged in.
    pub fn by<'d>(&self, token: &'d str) -> Call<'d>
    where
        'c: 'd,
    {
        Call {
            token: Some(token),
            ..self.clone()
        }
    }
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
            asked: Mutex::default(),
            asked_of_holds: Mutex::default(),
            asked_ends: Mutex::default(),
            asked_access: Mutex::default(),
        };
        for name in ["ada", "ben"] {
            workload.open_shop(name).await?;
        }
        for n in 0..plan.products {
            let shop = (n % 2) as usize;
            let seller = workload.seller_of(shop).await?;
            let body = json!({
                "seller_id": seller, "name": format!("Lamp {n}"), "unit_amount": PRICE, "currency": "usd",
                "stock": plan.stock,
            });
            let made = workload.as_owner(shop, "/v1/products", &body).await?;
            workload.products.push((shop, text(&made, "id")?));
        }
        Ok(workload)
    }

    async fn open_shop(&mut self, name: &str) -> Result<(), Failure> {
        let email = format!("{name}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let pair = self.must(&Call::post("/v1/auth/register", &body)).await?;
        let token = Mutex::new(text(&pair, "access_token")?);
        self.shops.push(Shop {
            email,
            token,
            account: String::new(),
        });
        let shop = self.shops.len() - 1;
        let body = json!({ "name": name, "country": "US" });
        let seller = self.as_owner(shop, "/v1/sellers", &body).await?;
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
            self.as_owner(shop, &format!("/v1/sellers/{id}/sync"), &json!({}))
                .await?;
            tokio::time::sleep(PAUSE).await;
        }
        Err("a seller never became active".into())
    }

    /// Gives the seller money of its own business. Without it the last refunds would wait, since Stripe keeps its fees.
    pub async fn earn_elsewhere(&self, account: &str) -> Result<(), Failure> {
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

    pub async fn seller_of(&self, shop: usize) -> Result<String, Failure> {
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

    pub fn draw(&self, what: &str, n: u32) -> f64 {
        draw(self.plan.seed, (what, n))
    }

    pub fn pick(&self, what: &str, n: u32, below: u32) -> u32 {
        pick(self.plan.seed, (what, n), below)
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
        let (way, is_manual) = (self.way(n), self.draw("manual", n) < self.plan.manual);
        let mut body = json!({ "lines": lines, "customer_email": format!("buyer{n}@example.com") });
        if is_manual {
            body["capture_method"] = json!("manual");
        }
        let key = format!("buy-{n}");
        let call = Call::post(way, &body).key(&key);
        let (status, opened) = self.ask(&call).await?;
        if status != 201 {
            return Ok(None);
        }
        let page = match way {
            INTENTS => Some(Page {
                client_secret: text(&opened, "client_secret")?,
            }),
            _ => None,
        };
        Ok(Some(Opened {
            n,
            object: text(&opened, "id")?,
            page,
            is_manual,
            amount: if lines.len() == 1 { PRICE } else { 3 * PRICE },
            order: text(&opened, "order_id")?,
            secret: text(&opened, "order_secret")?,
            shop: self.products[first].0,
        }))
    }

    /// Where this buyer's checkout is opened.
    fn way(&self, n: u32) -> &'static str {
        match self.draw("intents", n) < self.plan.intents {
            true => INTENTS,
            false => SESSIONS,
        }
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
        let claim = self.claim(n);
        let claim = match opened.is_manual {
            // There is nothing to dispute before it is captured.
            true => claim.map(Claim::later),
            false => claim,
        };
        match &opened.page {
            Some(page) if !self.pay_on_page(&opened, page, claim).await? => return Ok(()),
            Some(_) => {}
            None => {
                let path = format!("/checkout/sessions/{}/pay", opened.object);
                self.at_stripe(&path, &Claim::payment(claim)).await?;
            }
        }
        if self.draw("poison", n) < self.plan.poison {
            let (object, kind) = opened.kind();
            let odd = json!({ "id": opened.object, "object": object, "status": "undone" });
            let event = self.event(&format!("{POISON}_{n}"), kind, opened.shop, odd);
            self.environment.proxy.inject(&event);
        }
        if self.draw("verify", n) < self.plan.verify {
            let path = format!("{}/verify", opened.path());
            let body = json!({});
            let call = Call::post(&path, &body).of(&opened);
            tokio::join!(self.once(&call), self.once(&call));
        }
        let paid = match opened.is_manual {
            true => self.settle_hold(&opened).await?,
            false => opened.amount,
        };
        if paid > 0 && self.draw("refund", n) < self.plan.refunds {
            self.refund(&opened, paid == opened.amount).await?;
        }
        match claim.filter(|_| paid > 0) {
            Some(claim) => self.dispute(&opened, claim).await,
            None => Ok(()),
        }
    }

    /// Events that are rightly signed and untrue: of the other shop's account, of the other mode, and of an amount that wasn't
    /// asked for.
    fn forged_events(&self, opened: &Opened) -> [Value; 3] {
        let (object, kind) = opened.kind();
        let paid = |amount: i64| {
            let mut paid = json!({
                "id": opened.object, "object": object, "currency": "usd", "livemode": false, "metadata": {},
            });
            let fields = match opened.page {
                Some(_) => {
                    json!({ "status": "succeeded", "amount": amount, "amount_received": amount })
                }
                None => json!({
                    "status": "complete", "payment_status": "paid", "amount_subtotal": amount, "amount_total": amount,
                    "payment_intent": format!("pi_forged_{}", opened.n),
                    "total_details": { "amount_discount": 0, "amount_shipping": 0, "amount_tax": 0 },
                }),
            };
            for (name, value) in fields.as_object().into_iter().flatten() {
                paid[name] = value.clone();
            }
            paid
        };
        let id = |what: &str| format!("{FORGED}_{what}_{}", opened.n);
        let (mine, other) = (opened.shop, 1 - opened.shop);
        let mut live = self.event(&id("mode"), kind, mine, paid(opened.amount));
        live["livemode"] = json!(true);
        [
            self.event(&id("account"), kind, other, paid(opened.amount)),
            live,
            self.event(&id("amount"), kind, mine, paid(1)),
        ]
    }

    fn event(&self, id: &str, kind: &str, shop: usize, object: Value) -> Value {
        json!({
            "id": id, "object": "event", "type": kind, "livemode": false,
            "account": self.shops[shop].account, "created": self.environment.simulator.now(),
            "api_version": souk_simulator::API_VERSION, "data": { "object": object },
        })
    }

    /// Opens sessions and intents whose creation Stripe never answers, and pays them all the same.
    async fn unanswered(&self) -> Result<(), Failure> {
        for n in 0..self.plan.unanswered {
            let way = if n % 2 == 0 { SESSIONS } else { INTENTS };
            let mut fault = Fault::new(FaultKind::CommitThenTimeout);
            fault.method = Some("POST".to_owned());
            fault.path_prefix = match way {
                INTENTS => INTENTS.to_owned(),
                _ => "/v1/checkout/sessions".to_owned(),
            };
            self.environment.simulator.fault(fault).await;
            let lines = json!([{ "product_id": self.products[0].1, "quantity": 1 }]);
            let body = json!({ "lines": lines, "customer_email": format!("ghost{n}@example.com") });
            let key = format!("ghost-{n}");
            let call = Call::post(way, &body).key(&key);
            let answer = self.once(&call).await;
            self.environment.simulator.clear_faults().await;
            if answer.is_some_and(|(status, _)| status == 201) {
                return Err("a checkout was answered that should have got lost".into());
            }
        }
        let oracle = self.environment.simulator.oracle().await;
        let shop = self.products[0].0;
        let made = &oracle["accounts"][&self.shops[shop].account];
        for session in made["checkout_sessions"].as_array().into_iter().flatten() {
            let path = format!("/checkout/sessions/{}/pay", text(session, "id")?);
            self.at_stripe(&path, &json!({})).await?;
        }
        for intent in made["payment_intents"].as_array().into_iter().flatten() {
            if intent["status"] == "requires_payment_method" {
                let page = Page {
                    client_secret: text(intent, "client_secret")?,
                };
                let id = text(intent, "id")?;
                self.confirm(shop, &id, &page, "pm_card_visa").await?;
            }
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.environment.shop())
    }

    pub fn token(&self, shop: usize) -> String {
        lock(&self.shops[shop].token).clone()
    }

    pub async fn log_in(&self, shop: usize) -> Result<(), Failure> {
        let body = json!({ "email": self.shops[shop].email, "password": PASSWORD });
        let pair = self.must(&Call::post("/v1/auth/login", &body)).await?;
        *lock(&self.shops[shop].token) = text(&pair, "access_token")?;
        Ok(())
    }

    pub async fn as_owner(&self, shop: usize, path: &str, body: &Value) -> Result<Value, Failure> {
        let token = self.token(shop);
        self.must(&Call::post(path, body).by(&token)).await
    }

    pub async fn must(&self, call: &Call<'_>) -> Result<Value, Failure> {
        match self.ask(call).await? {
            (200 | 201, answer) => Ok(answer),
            (status, answer) => Err(format!("{}: {status} {answer}", call.path).into()),
        }
    }

    /// Repeats a request until its answer isn't `try again`.
    pub async fn ask(&self, call: &Call<'_>) -> Result<(u16, Value), Failure> {
        let mut last = None;
        for _ in 0..TRIES {
            match self.once(call).await {
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

    pub async fn once(&self, call: &Call<'_>) -> Option<(u16, Value)> {
        let request = call.to(&self.environment.http, &self.url(""));
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
    pub async fn at_stripe(&self, path: &str, body: &Value) -> Result<Value, Failure> {
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

pub fn text(value: &Value, name: &str) -> Result<String, Failure> {
    let found = value[name].as_str().map(str::to_owned);
    found.ok_or_else(|| format!("no {name} in {value}").into())
}
