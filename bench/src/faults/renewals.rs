//! More than a month of subscriptions: trials end, periods are renewed, cards are declined, buyers cancel, and sellers refund.
//!
//! The server is killed again and again, while Stripe's time goes on by days, and starts with a clock that libfaketime has put as far
//! ahead. What happens while it is dead it hears of afterwards, twice, in any order, or never.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use super::delivery::{Network, lock};
use super::environment::{Environment, Setup};
use super::page::SPARED;
use super::plan::Plan;
use super::rng::{draw, pick};
use super::scenario::{self, Context, Outcome};
use super::workload::{Call, PASSWORD, Workload, text};
use crate::Failure;
use crate::database::{Fresh, count, texts};

/// How many subscriptions, and how often the server is killed while they are renewed.
#[derive(Clone, Copy, Debug)]
pub struct Renewals {
    pub subscriptions: u32,
    pub kills: u32,
}

/// Subscriptions that were asked to end, and from when on no period may be charged, in seconds.
pub type Ends = BTreeMap<String, i64>;

/// Whether a subscription entitles its buyer, as the shop says, and when it was asked, in seconds.
pub type Entitled = BTreeMap<String, (bool, i64)>;

const DAY: i64 = 86_400;
/// Long enough for a period and all tries to collect one that is declined.
const DAYS: i64 = 55;
/// An invoice of which nothing is heard is read three hours after it was due.
const LOOK: i64 = 4 * 3_600;
const TRIAL_DAYS: u32 = 7;
/// A card that can be saved and declines every charge (docs.stripe.com/testing#declined-payments).
const DECLINES: &str = "4000000000000341";
/// Requests at a time.
const AT_ONCE: usize = 8;

struct Buyer {
    email: String,
    token: Mutex<String>,
}

struct Price {
    id: String,
    shop: usize,
    has_trial: bool,
}

struct Subscribed {
    n: u32,
    id: String,
    shop: usize,
    buyer: usize,
    /// Whether its card is declined once the trial is over.
    declines: bool,
}

struct Month<'a> {
    plan: &'a Plan,
    environment: &'a Environment<'a>,
    workload: &'a Workload<'a>,
    fresh: &'a Fresh,
    prices: Vec<Price>,
    buyers: Vec<Buyer>,
    subscribed: Vec<Subscribed>,
}

/// Plays the plan's month on a fresh database.
pub async fn run(
    plan: &Plan,
    renewals: Renewals,
    context: &Context<'_>,
) -> Result<Outcome, Failure> {
    let folder = TempDir::new_in(context.folder)?;
    let fresh = context.place.fresh(folder.path()).await?;
    let outcome = run_on(plan, renewals, context, &fresh).await;
    fresh.discard().await?;
    outcome
}

async fn run_on(
    plan: &Plan,
    renewals: Renewals,
    context: &Context<'_>,
    fresh: &Fresh,
) -> Result<Outcome, Failure> {
    let lease = plan.lease.to_string();
    let mut more = vec![("JOB_LEASE_SECONDS", lease.as_str())];
    more.extend(context.planted.map(|bug| ("SOUK_PLANTED_BUG", bug)));
    let more = [more];
    let network = Network {
        seed: plan.seed,
        copies: plan.copies,
        lost: plan.lost,
        shuffle: plan.shuffle,
        flood: None,
        // What was signed before time went on is refused, and signed again.
        clocks: true,
    };
    let environment = Environment::open(Setup {
        binary: context.binary,
        folder: context.folder,
        fresh,
        network,
        replicas: 1,
        more: &more,
    })
    .await?;
    match play(plan, renewals, &environment, fresh).await {
        Ok(outcome) => Ok(outcome),
        Err(e) => Err(format!("{e}\n{}", environment.log_tail()).into()),
    }
}

async fn play(
    plan: &Plan,
    renewals: Renewals,
    environment: &Environment<'_>,
    fresh: &Fresh,
) -> Result<Outcome, Failure> {
    let workload = Workload::open(environment, plan).await?;
    let mut month = Month {
        plan,
        environment,
        workload: &workload,
        fresh,
        prices: Vec::new(),
        buyers: Vec::new(),
        subscribed: Vec::new(),
    };
    month.open(renewals.subscriptions).await?;
    month.subscribe(renewals.subscriptions).await?;
    // What was lost so far is caught up with, so that each subscription is known.
    month.restart_after(LOOK).await?;
    month.rest().await?;
    month.find_subscriptions().await?;
    let step = DAYS * DAY / i64::from(renewals.kills.max(1));
    for kill in 0..renewals.kills {
        month.restart_after(step).await?;
        let killed = async {
            let pause = 0.3 + 1.7 * draw(plan.seed, ("kill", kill));
            sleep(Duration::from_secs_f64(pause)).await;
            month.restart_after(0).await
        };
        tokio::try_join!(month.act(kill), killed)?;
        // Stripe lists events for thirty days: no server is dead for that long.
        month.rest().await?;
    }
    let peak_kib = environment.peak_memory().await;
    environment.kill(0).await?;
    let missing = scenario::missing(environment, fresh).await?;
    // By then each book has been due for a pull, also of a seller whose returned fee nothing was heard of.
    month.restart_after(DAY).await?;
    month.rest().await?;
    month.ask_for_access().await?;
    scenario::read_awaited_books(environment, fresh, plan.patience).await?;
    environment.stop_all().await?;
    let mut outcome = scenario::observe(plan, environment, &workload, fresh, peak_kib).await?;
    outcome.renewed = count(&fresh.db, RENEWED).await?;
    outcome.unpaid = count(&fresh.db, UNPAID).await?;
    if !missing.is_empty() {
        let category = "acknowledged_lost: answered 2xx, and not in the database after a kill";
        outcome.faults.insert(category.to_owned(), missing);
    }
    Ok(outcome)
}

const RENEWED: &str = "SELECT COUNT(*) FROM payments WHERE kind = 'invoice' AND status = 'paid'";
const UNPAID: &str =
    "SELECT COUNT(*) FROM oracle_subscriptions WHERE status IN ('past_due', 'unpaid', 'canceled')";

impl Month<'_> {
    /// Kills the server, lets time pass at Stripe, and starts it in that time.
    async fn restart_after(&self, seconds: i64) -> Result<(), Failure> {
        self.environment.kill(0).await?;
        self.environment.advance(seconds).await;
        self.environment.start(0).await
    }

    /// Waits until all is delivered and no work is left that is due.
    async fn rest(&self) -> Result<(), Failure> {
        let patience = self.plan.patience;
        let delivered = async || Ok(self.environment.proxy.in_flight() == 0);
        if !scenario::wait_for(patience, delivered).await? {
            return Err("the events were never all delivered".into());
        }
        scenario::settle(self.environment, self.fresh, patience).await
    }

    /// Prices of both shops, a third of them with a trial, and buyers. Each buyer has one subscription to a price at most.
    async fn open(&mut self, subscriptions: u32) -> Result<(), Failure> {
        let buyers = (subscriptions / 20).clamp(4, 200);
        for n in 0..subscriptions.div_ceil(buyers) {
            let shop = (n % 2) as usize;
            let seller = self.workload.seller_of(shop).await?;
            let body = json!({
                "seller_id": seller, "name": format!("Box {n}"), "unit_amount": null, "currency": "usd", "stock": 100_000,
            });
            let product = self.workload.as_owner(shop, "/v1/products", &body).await?;
            let has_trial = n % 3 == 0;
            let mut recurring = json!({ "interval": "month" });
            if has_trial {
                recurring["trial_period_days"] = json!(TRIAL_DAYS);
            }
            let body = json!({
                "product_id": product["id"], "unit_amount": 733 + i64::from(n), "recurring": recurring,
            });
            let price = self.workload.as_owner(shop, "/v1/prices", &body).await?;
            self.prices.push(Price {
                id: text(&price, "id")?,
                shop,
                has_trial,
            });
        }
        for n in 0..buyers {
            let email = format!("subscriber{n}@example.com");
            let body = json!({ "email": email, "password": PASSWORD, "name": email });
            let pair = self
                .workload
                .must(&Call::post("/v1/auth/register", &body))
                .await?;
            self.buyers.push(Buyer {
                email,
                token: Mutex::new(text(&pair, "access_token")?),
            });
        }
        Ok(())
    }

    /// Of each subscription: its buyer and its price.
    fn of(&self, n: u32) -> (usize, &Price) {
        let n = n as usize;
        let buyer = n % self.buyers.len();
        (buyer, &self.prices[n / self.buyers.len()])
    }

    fn declines(&self, n: u32) -> bool {
        self.of(n).1.has_trial && self.workload.draw("declines", n) < 0.4
    }

    async fn subscribe(&self, subscriptions: u32) -> Result<(), Failure> {
        let all = stream::iter((0..subscriptions).map(|n| self.subscribe_one(n)));
        all.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn subscribe_one(&self, n: u32) -> Result<(), Failure> {
        let (buyer, price) = self.of(n);
        let body = json!({
            "mode": "subscription", "lines": [{ "price_id": price.id, "quantity": 1 + n % 2 }],
        });
        let key = format!("subscribe-{n}");
        let call = Call::post("/v1/checkout_sessions", &body).key(&key);
        let opened = self.by_buyer(buyer, &call).await?;
        let card = match self.declines(n) {
            true => json!({ "card": DECLINES }),
            false => json!({}),
        };
        let path = format!("/checkout/sessions/{}/pay", text(&opened, "id")?);
        self.workload.at_stripe(&path, &card).await.map(drop)
    }

    /// Looks in the database, since the lists of the shop come in pages.
    async fn find_subscriptions(&mut self) -> Result<(), Failure> {
        let known = "SELECT s.stripe_subscription || ' ' || u.email || ' ' || i.price_id FROM subscriptions s
            JOIN customers c ON c.id = s.customer_id JOIN users u ON u.id = c.user_id
            JOIN subscription_items i ON i.subscription_id = s.id";
        let mut known: Vec<String> = texts(&self.fresh.db, known).await?.into_iter().collect();
        known.sort_unstable();
        for row in known {
            let parts: Vec<&str> = row.split(' ').collect();
            let [id, email, price] = parts.as_slice() else {
                return Err(format!("an odd subscription: {row}").into());
            };
            let buyer = self.buyers.iter().position(|buyer| buyer.email == *email);
            let place = self.prices.iter().position(|one| one.id == *price);
            let (Some(buyer), Some(place)) = (buyer, place) else {
                return Err(format!("a subscription of nobody: {row}").into());
            };
            let n = u32::try_from(place * self.buyers.len() + buyer)?;
            self.subscribed.push(Subscribed {
                n,
                id: (*id).to_owned(),
                shop: self.prices[place].shop,
                buyer,
                declines: self.declines(n),
            });
        }
        Ok(())
    }

    /// What buyers and sellers do in a step.
    async fn act(&self, step: u32) -> Result<(), Failure> {
        let all = stream::iter(self.subscribed.iter().map(|one| self.act_on(one, step)));
        all.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
        for shop in 0..self.workload.shops.len() {
            self.refund_some(shop, step).await?;
        }
        Ok(())
    }

    async fn act_on(&self, one: &Subscribed, step: u32) -> Result<(), Failure> {
        let chance = draw(self.plan.seed, ("acts", one.n, step));
        if one.declines {
            // Some get another card.
            return match chance < 0.1 {
                true => self.change_card(one).await,
                false => Ok(()),
            };
        }
        match chance {
            chance if chance < 0.02 => self.cancel(one, true).await,
            chance if chance < 0.03 => self.cancel(one, false).await,
            chance if chance < 0.04 => self.resume(one).await,
            _ => Ok(()),
        }
    }

    async fn cancel(&self, one: &Subscribed, at_period_end: bool) -> Result<(), Failure> {
        let path = format!("/v1/subscriptions/{}/cancel", one.id);
        let body = json!({ "at_period_end": at_period_end });
        let began = self.environment.now_ms()? / 1000;
        let call = Call::post(&path, &body);
        if self.try_by_buyer(one.buyer, &call).await?.is_none() {
            return Ok(());
        }
        let end = match at_period_end {
            true => {
                let there = self.at_stripe(one).await?;
                there["items"]["data"][0]["current_period_end"]
                    .as_i64()
                    .ok_or("a subscription without a period")?
            }
            false => began + DAY,
        };
        lock(&self.workload.asked_ends)
            .entry(one.id.clone())
            .and_modify(|known| *known = end.min(*known))
            .or_insert(end);
        Ok(())
    }

    async fn resume(&self, one: &Subscribed) -> Result<(), Failure> {
        let path = format!("/v1/subscriptions/{}/resume", one.id);
        // One that nobody answers may have been taken back all the same.
        lock(&self.workload.asked_ends).remove(&one.id);
        let none = json!({});
        self.try_by_buyer(one.buyer, &Call::post(&path, &none))
            .await
            .map(drop)
    }

    /// In Stripe's dashboard the customer gets a card that works.
    async fn change_card(&self, one: &Subscribed) -> Result<(), Failure> {
        let subscription = self.at_stripe(one).await?;
        if !subscription["ended_at"].is_null() {
            return Ok(());
        }
        let form = format!("customer={}", text(&subscription, "customer")?);
        let attach = "/v1/payment_methods/pm_card_visa/attach";
        let method = self.dashboard(one.shop, Method::POST, attach, form).await?;
        let form = format!("default_payment_method={}", text(&method, "id")?);
        let path = format!("/v1/subscriptions/{}", one.id);
        self.dashboard(one.shop, Method::POST, &path, form)
            .await
            .map(drop)
    }

    /// The subscription as Stripe shows it.
    async fn at_stripe(&self, one: &Subscribed) -> Result<Value, Failure> {
        let path = format!("/v1/subscriptions/{}", one.id);
        self.dashboard(one.shop, Method::GET, &path, String::new())
            .await
    }

    async fn dashboard(
        &self,
        shop: usize,
        method: Method,
        path: &str,
        form: String,
    ) -> Result<Value, Failure> {
        let base = self.environment.simulator.base_url();
        let request = self
            .environment
            .http
            .request(method.clone(), format!("{base}{path}"))
            .bearer_auth("sk_test_seller")
            .header("stripe-account", &self.workload.shops[shop].account)
            .header("stripe-version", souk_simulator::API_VERSION)
            .header(SPARED.0, SPARED.1)
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = request.body(form).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        match status.is_success() {
            true => Ok(serde_json::from_str(&text)?),
            false => Err(format!("{path}: {status} {text}").into()),
        }
    }

    /// The seller gives the money of some periods back, asking twice.
    async fn refund_some(&self, shop: usize, step: u32) -> Result<(), Failure> {
        let account = &self.workload.shops[shop].account;
        // What was there before has been paid out.
        self.workload.earn_elsewhere(account).await?;
        let paid = format!(
            "SELECT x.order_id FROM payments p JOIN payment_orders x ON x.payment_id = p.id
               WHERE p.subscription IS NOT NULL AND p.status = 'paid' AND p.amount_paid > 0 AND p.amount_refunded = 0
               AND p.charge_account = '{account}'"
        );
        let mut paid: Vec<String> = texts(&self.fresh.db, &paid).await?.into_iter().collect();
        paid.sort_unstable();
        let some = paid.len().div_ceil(50);
        for which in 0..some {
            let at = pick(
                self.plan.seed,
                ("refund", shop, step, which),
                u32::try_from(paid.len())?,
            );
            let order = &paid[at as usize];
            let key = format!("back-{order}");
            lock(&self.workload.asked)
                .entry(key.clone())
                .or_default()
                .order
                .clone_from(order);
            let body = json!({ "order_id": order });
            let call = Call::post("/v1/refunds", &body).key(&key);
            for _ in 0..2 {
                self.refund(shop, &key, &call).await?;
            }
        }
        Ok(())
    }

    async fn refund(&self, shop: usize, key: &str, call: &Call<'_>) -> Result<(), Failure> {
        for _ in 0..2 {
            let token = self.workload.token(shop);
            match self.workload.ask(&call.by(&token)).await? {
                (401, _) => self.workload.log_in(shop).await?,
                (201, answer) => {
                    let refund = text(&answer, "id")?;
                    let mut asked = lock(&self.workload.asked);
                    asked
                        .entry(key.to_owned())
                        .or_default()
                        .refunds
                        .insert(refund);
                    return Ok(());
                }
                // 0 and 5xx: nobody answers, and the seller gives up.
                (0 | 409 | 500.., _) => return Ok(()),
                (status, answer) => return Err(format!("{key}: {status} {answer}").into()),
            }
        }
        Ok(())
    }

    /// Asks the shop of each subscription whether it entitles its buyer.
    async fn ask_for_access(&self) -> Result<(), Failure> {
        for shop in 0..self.workload.shops.len() {
            self.workload.log_in(shop).await?;
        }
        let all = stream::iter(self.subscribed.iter().map(|one| async move {
            let path = format!("/v1/subscriptions/{}/access", one.id);
            let token = self.workload.token(one.shop);
            let call = Call::get(&path);
            let answer = self.workload.must(&call.by(&token)).await?;
            let entitled = answer["entitled"].as_bool().ok_or("no answer of access")?;
            let now = self.environment.now_ms()? / 1000;
            lock(&self.workload.asked_access).insert(one.id.clone(), (entitled, now));
            Ok::<(), Failure>(())
        }));
        all.buffer_unordered(AT_ONCE).try_collect::<()>().await
    }

    async fn by_buyer(&self, buyer: usize, call: &Call<'_>) -> Result<Value, Failure> {
        let answer = self.try_by_buyer(buyer, call).await?;
        answer.ok_or_else(|| format!("{}: nobody answers", call.path).into())
    }

    /// A buyer asks, and logs in again if they must. None: it is refused, since it has ended; or nobody answers.
    async fn try_by_buyer(&self, buyer: usize, call: &Call<'_>) -> Result<Option<Value>, Failure> {
        for _ in 0..2 {
            let token = lock(&self.buyers[buyer].token).clone();
            match self.workload.ask(&call.by(&token)).await? {
                (401, _) => {
                    let body = json!({ "email": self.buyers[buyer].email, "password": PASSWORD });
                    let pair = self
                        .workload
                        .must(&Call::post("/v1/auth/login", &body))
                        .await?;
                    *lock(&self.buyers[buyer].token) = text(&pair, "access_token")?;
                }
                (200 | 201, answer) => return Ok(Some(answer)),
                (0 | 409 | 500.., _) => return Ok(None),
                (status, answer) => {
                    return Err(format!("{}: {status} {answer}", call.path).into());
                }
            }
        }
        Ok(None)
    }
}
