//! Random lives of sellers, in simulated time: sales, holds, refunds and payouts that fail, disputes, money of their own, odd and
//! late transactions, disconnects. After every step each book must be Stripe's by the deadline of its pull, and the findings
//! must be exactly those that were caused.
//!
//! The server has its simulator in its own process here, so that both live in one time, which is moved by days.

mod after_sales;
mod books;
mod holds;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use sea_orm::DatabaseConnection;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::after_sales::Asked;
use super::checker::{self, Done};
use super::checks::OF_LIVES;
use super::holds::AskedOfHolds;
use super::plan::Plan;
use super::rng::{draw, pick};
use super::scenario::{self, Context, Outcome};
use crate::Failure;
use crate::database::{Fresh, count, texts};
use crate::server::Settings;
use books::{list, text};

/// How many lives, and how long they are.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    pub sellers: u32,
    pub steps: u32,
}

const PASSWORD: &str = "correct horse battery";
const DAY: i64 = 86_400;
/// The deadlines of a pull, in seconds, and a minute for the job that looks for them.
const BUSY: i64 = 16 * 60;
const QUIET: i64 = 6 * 3600 + 120;
/// By when an event of money has its pull.
const EVENT: i64 = 2 * 60 + 1;
/// Real time in which what is due by then must be done.
const PATIENCE: Duration = Duration::from_secs(20);
/// Beyond any life: money that is available then is in no payout of it.
const NEVER: i64 = 3650 * DAY;

/// A seller, and what was done to them.
struct Life {
    email: String,
    token: String,
    account: String,
    /// A lamp and a vase.
    products: Vec<String>,
    /// The orders whose payment may still be refunded or disputed.
    fresh: Vec<String>,
    /// The orders whose money is held.
    held: Vec<String>,
    is_connected: bool,
    /// The transactions that Stripe lists later: when (seconds), and their net.
    late: Vec<(i64, i64)>,
    /// The ids of transactions that can't be read, with their net.
    unreadable: BTreeMap<String, i64>,
    /// What given transactions moved, by the ledger's account.
    given: BTreeMap<&'static str, i64>,
}

struct World<'a> {
    plan: &'a Plan,
    http: reqwest::Client,
    shop: String,
    stripe: String,
    db: &'a DatabaseConnection,
    lives: Vec<Life>,
    step: u32,
    /// The refunds of lines that sellers have asked for, by `Idempotency-Key`.
    asked: Mutex<BTreeMap<String, Asked>>,
    /// What was asked to become of held money.
    asked_of_holds: AskedOfHolds,
}

/// Plays the plan's lives on a fresh database.
pub async fn run(plan: &Plan, lives: Lives, context: &Context<'_>) -> Result<Outcome, Failure> {
    let folder = TempDir::new_in(context.folder)?;
    let fresh = context.place.fresh(folder.path()).await?;
    let outcome = run_on(plan, lives, context, &fresh).await;
    fresh.discard().await?;
    outcome
}

async fn run_on(
    plan: &Plan,
    lives: Lives,
    context: &Context<'_>,
    fresh: &Fresh,
) -> Result<Outcome, Failure> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(40))
        .build()?;
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await?,
        TcpListener::bind("127.0.0.1:0").await?,
    ];
    let [shop, stripe] = [listeners[0].local_addr()?, listeners[1].local_addr()?];
    drop(listeners);
    let mut more = vec![("JWT_SECRET", "one secret for the server of every life")];
    more.extend(context.planted.map(|bug| ("SOUK_PLANTED_BUG", bug)));
    let settings = Settings {
        binary: context.binary,
        folder: context.folder,
        database_url: &fresh.url,
        stripe: "",
        secrets: ("", ""),
        more: &more,
    };
    let server = settings.serve_simulated_at(shop, stripe, &http).await?;
    let mut world = World {
        plan,
        http,
        shop: format!("http://{shop}"),
        stripe: format!("http://{stripe}"),
        db: &fresh.db,
        lives: Vec::new(),
        step: 0,
        asked: Mutex::default(),
        asked_of_holds: AskedOfHolds::new(),
    };
    let mut outcome = Outcome::default();
    let played = world.play(lives, &mut outcome).await;
    let log = std::fs::read_to_string(context.folder.join("souk.log")).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    outcome.log_tail = lines[lines.len().saturating_sub(15)..].join("\n");
    outcome.peak_kib = server.peak_memory();
    server.stop().await?;
    played.map_err(|e| format!("{e}\n{}", outcome.log_tail))?;
    Ok(outcome)
}

impl World<'_> {
    async fn play(&mut self, lives: Lives, outcome: &mut Outcome) -> Result<(), Failure> {
        for n in 0..lives.sellers {
            self.begin(n).await?;
        }
        // What transfers take from.
        let funds = json!({
            "type": "topup", "reporting_category": "topup", "amount": 50_000_000, "currency": "usd",
        });
        let oracle = self.oracle().await?;
        let platform = text(&oracle, "platform")?;
        let path = format!("/accounts/{platform}/balance_transactions");
        self.control(&path, &funds).await?;
        for step in 0..lives.steps {
            self.step = step;
            for n in 0..self.lives.len() {
                self.live(n).await?;
            }
            if step % 3 == 2 {
                self.advance(DAY).await?;
            }
            self.advance(BUSY).await?;
            let mut wrong = self.settled().await?;
            if !wrong.is_empty() {
                // An event that came after the pull asks for another.
                self.advance(EVENT).await?;
                wrong = self.settled().await?;
            }
            if !wrong.is_empty() && self.quiet_books().await? {
                self.advance(QUIET).await?;
                wrong = self.settled().await?;
            }
            for (category, who) in wrong {
                let category = format!("{category} after step {step}");
                outcome.faults.entry(category).or_default().push(who);
            }
            if !outcome.faults.is_empty() {
                break;
            }
        }
        self.rest().await?;
        if outcome.faults.is_empty() {
            let (oracle, asked) = (self.oracle().await?, std::mem::take(&mut self.asked));
            let done = Done {
                acknowledged: BTreeMap::new(),
                refunds: asked.into_inner().unwrap_or_default(),
                holds: std::mem::take(&mut self.asked_of_holds),
                ..Done::default()
            };
            let rules = Some(OF_LIVES.as_slice());
            outcome.faults = checker::check(self.db, &oracle, &done, rules).await?;
        }
        (outcome.by_intent, outcome.in_part, outcome.released) =
            scenario::ways_to_pay(self.db).await?;
        (outcome.by_line, outcome.answered) = scenario::after_sales(self.db).await?;
        outcome.orders = count(self.db, "SELECT COUNT(*) FROM orders").await?;
        outcome.events = count(self.db, "SELECT COUNT(*) FROM inbox_events").await?;
        outcome.sold = count(
            self.db,
            "SELECT COUNT(*) FROM payments WHERE status = 'paid'",
        )
        .await?;
        let refunded = "SELECT COUNT(*) FROM refunds WHERE status = 'succeeded'";
        outcome.refunded = count(self.db, refunded).await?;
        Ok(())
    }

    /// A seller opens a shop with two products.
    async fn begin(&mut self, n: u32) -> Result<(), Failure> {
        let email = format!("seller{n}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "name": email });
        let pair = self.ask("/v1/auth/register", &body, None).await?;
        let token = text(&pair, "access_token")?;
        let body = json!({ "name": format!("Shop {n}"), "country": "US" });
        let seller = self.ask("/v1/sellers", &body, Some(&token)).await?;
        let account = text(&seller, "stripe_account")?;
        // What the platform sends them takes a capability that direct charges don't need.
        let transfers = format!("/v1/accounts/{account}/capabilities/transfers");
        self.at_stripe(&transfers, None, "requested=true").await?;
        self.control(&format!("/accounts/{account}/onboard"), &json!({}))
            .await?;
        // Half of them pay out by hand.
        if n.is_multiple_of(2) {
            let form = "settings[payouts][schedule][interval]=manual";
            self.at_stripe(&format!("/v1/accounts/{account}"), None, form)
                .await?;
        }
        self.earn(&account, 900_000).await?;
        let sync = format!("/v1/sellers/{}/sync", text(&seller, "id")?);
        let began = Instant::now();
        while self.ask(&sync, &json!({}), Some(&token)).await?["status"] != "active" {
            if began.elapsed() > PATIENCE {
                return Err("a seller never became active".into());
            }
            sleep(Duration::from_millis(100)).await;
        }
        let mut products = Vec::new();
        for name in ["Lamp", "Vase"] {
            let price = 700 + i64::from(pick(self.plan.seed, ("price", name, n), 9000));
            let body = json!({
                "seller_id": seller["id"], "name": name, "unit_amount": price, "currency": "usd", "stock": 10_000,
            });
            let product = self.ask("/v1/products", &body, Some(&token)).await?;
            products.push(text(&product, "id")?);
        }
        self.lives.push(Life {
            email,
            token,
            account,
            products,
            fresh: Vec::new(),
            held: Vec::new(),
            is_connected: true,
            late: Vec::new(),
            unreadable: BTreeMap::new(),
            given: BTreeMap::new(),
        });
        Ok(())
    }

    /// What happens to a seller in this step.
    async fn live(&mut self, n: usize) -> Result<(), Failure> {
        if !self.lives[n].is_connected {
            return Ok(());
        }
        let body = json!({ "email": self.lives[n].email, "password": PASSWORD });
        let pair = self.ask("/v1/auth/login", &body, None).await?;
        self.lives[n].token = text(&pair, "access_token")?;
        // Those that were paid before this step can be refunded or disputed.
        let mut fresh = std::mem::take(&mut self.lives[n].fresh);
        let old = fresh.len();
        fresh.extend(self.settle_holds(n).await?);
        for sale in 0..2 {
            fresh.extend(self.sell(n, sale).await?);
        }
        for chance in 0..2_u32 {
            let what = pick(self.plan.seed, ("what", n, self.step, chance), 15);
            let sold = (fresh.len() > 2 && old > 0).then(|| fresh.remove(0));
            match (what, sold) {
                (0, Some(order)) => drop(self.refund(n, &order, None).await?),
                (1, Some(order)) => drop(self.refund(n, &order, Some(300)).await?),
                (2 | 3, Some(order)) => self.fail_refund(n, &order).await?,
                (4, Some(order)) => self.dispute(n, &order, false).await?,
                (5, Some(order)) => self.dispute(n, &order, true).await?,
                (12..15, Some(order)) => {
                    self.refund_line(n, &order, chance).await?;
                    // What is left of it may meet with more.
                    fresh.push(order);
                }
                (_, sold) => {
                    if let Some(order) = sold {
                        fresh.insert(0, order);
                    }
                    self.live_elsewhere(n, what).await?;
                }
            }
        }
        self.lives[n].fresh = fresh;
        if self.draw("answers", n) < 0.5 {
            self.answer(n).await?;
        }
        if self.draw("decides", n) < 0.3 {
            self.decide(n).await?;
        }
        if self.draw("fails", n) < 0.3 {
            self.fail_payout(n).await?;
        }
        if self.step > 2 && self.draw("leaves", n) < 0.03 {
            self.leave(n).await?;
        }
        Ok(())
    }

    /// What Souk has no part in.
    async fn live_elsewhere(&mut self, n: usize, what: u32) -> Result<(), Failure> {
        let account = self.lives[n].account.clone();
        let amount = 100 + i64::from(pick(self.plan.seed, ("amount", n, self.step, what), 5000));
        let kind = |kind: &str, category: &str, amount: i64| json!({ "type": kind, "reporting_category": category, "amount": amount, "currency": "usd" });
        match what {
            6 => {
                let mut odd = kind("adjustment", "fee", -amount);
                odd["shown"] = json!({ "net": "none" });
                odd["available_on"] = json!(self.now().await? + NEVER);
                let id = self.give(n, &odd).await?;
                self.lives[n].unreadable.insert(id, -amount);
            }
            7 => {
                self.give(n, &kind("reserve_hold", "risk_reserved_funds", -amount))
                    .await?;
                *self.lives[n].given.entry("reserve:hold").or_default() += amount;
            }
            8 => {
                self.give(n, &kind("adjustment", "of_a_kind_of_tomorrow", amount))
                    .await?;
                *self.lives[n].given.entry("suspense").or_default() -= amount;
            }
            9 => {
                let after = 60 + i64::from(pick(self.plan.seed, ("late", n, self.step), 4000));
                let mut late = kind("reserve_release", "risk_reserved_funds", amount);
                late["listed_after"] = json!(after);
                late["available_on"] = json!(self.now().await? + NEVER);
                self.give(n, &late).await?;
                let listed = self.now().await? + after;
                self.lives[n].late.push((listed, amount));
            }
            10 => self.earn(&account, amount).await?,
            _ => {
                let form = format!("amount={amount}&currency=usd&destination={account}");
                self.at_stripe("/v1/transfers", None, &form).await?;
            }
        }
        Ok(())
    }

    async fn intent_of(&self, order: &str) -> Result<String, Failure> {
        let sql = format!(
            "SELECT p.payment_intent FROM payments p JOIN payment_orders o ON o.payment_id = p.id
               WHERE o.order_id = '{order}' AND p.payment_intent IS NOT NULL"
        );
        let found = texts(self.db, &sql).await?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| format!("{order} has no payment").into())
    }

    /// The bank sends the latest automatic payout back, if it has arrived.
    async fn fail_payout(&self, n: usize) -> Result<(), Failure> {
        let oracle = self.oracle().await?;
        let payouts = list(&oracle, &self.lives[n].account, "payouts");
        let Some(payout) = payouts.last().filter(|p| p["status"] == "paid") else {
            return Ok(());
        };
        // After this reason Stripe goes on paying out to the bank account.
        let reason = json!({ "failure_code": "insufficient_funds" });
        let path = format!("/payouts/{}/fail", text(payout, "id")?);
        self.control(&path, &reason).await.map(drop)
    }

    /// The seller disconnects the platform. What is done here first must be settled, since nothing is heard of it afterwards.
    async fn leave(&mut self, n: usize) -> Result<(), Failure> {
        let began = Instant::now();
        let open = "SELECT COUNT(*) FROM orders WHERE status IN ('pending', 'processing')";
        let jobs = "SELECT COUNT(*) FROM jobs WHERE state IN ('ready', 'leased') AND kind IN ('refund', 'sync_refund', 'sync_dispute')";
        // An event that is still on its way would never be heard.
        while self.is_at_work().await?
            || count(self.db, open).await? + count(self.db, jobs).await? > 0
        {
            if began.elapsed() > PATIENCE {
                return Err("orders stay open".into());
            }
            sleep(Duration::from_millis(100)).await;
        }
        let account = self.lives[n].account.clone();
        self.control(&format!("/accounts/{account}/deauthorize"), &json!({}))
            .await?;
        self.lives[n].is_connected = false;
        Ok(())
    }

    /// Waits until nothing is wrong, or until it has had its time: then what is wrong.
    async fn settled(&self) -> Result<Vec<(String, String)>, Failure> {
        let began = Instant::now();
        loop {
            let wrong = self.wrong().await?;
            if wrong.is_empty() || began.elapsed() > PATIENCE {
                return Ok(wrong);
            }
            sleep(Duration::from_millis(250)).await;
        }
    }

    /// Whether a book counts as quiet, so that it has more time.
    async fn quiet_books(&self) -> Result<bool, Failure> {
        let now = self.now().await? * 1000;
        let sql = format!("SELECT COUNT(*) FROM books WHERE busy_until < {now}");
        Ok(count(self.db, &sql).await? > 0)
    }

    /// Whether an event is on its way, or a job is due.
    async fn is_at_work(&self) -> Result<bool, Failure> {
        let pending = self.read("/events/pending").await?;
        let due = self.now().await? * 1000;
        let jobs = format!(
            "SELECT COUNT(*) FROM jobs WHERE state = 'leased' OR (state = 'ready' AND run_at <= {due})"
        );
        Ok(pending != json!([]) || count(self.db, &jobs).await? > 0)
    }

    fn draw(&self, what: &str, n: usize) -> f64 {
        draw(self.plan.seed, (what, n, self.step))
    }

    async fn now(&self) -> Result<i64, Failure> {
        let clock = self.read("/clock").await?;
        clock["now"].as_i64().ok_or_else(|| "no time".into())
    }

    /// Waits until nothing is under way, or until it has had its time.
    async fn rest(&self) -> Result<(), Failure> {
        let began = Instant::now();
        while self.is_at_work().await? && began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Moves the time, once what was under way has ended: a leap would end its lease.
    async fn advance(&self, seconds: i64) -> Result<(), Failure> {
        self.rest().await?;
        self.control("/clock/advance", &json!({ "seconds": seconds }))
            .await
            .map(drop)
    }

    async fn oracle(&self) -> Result<Value, Failure> {
        self.read("/oracle").await
    }

    async fn read(&self, path: &str) -> Result<Value, Failure> {
        let address = format!("{}/_simulator{path}", self.stripe);
        let answer = self.http.get(address).send().await?;
        Ok(serde_json::from_str(&answer.text().await?)?)
    }

    /// The seller's own business brings money in that is available at once.
    async fn earn(&self, account: &str, amount: i64) -> Result<(), Failure> {
        let form = format!(
            "amount={amount}&currency=usd&confirm=true&payment_method=pm_card_bypassPending&return_url=https://shop.example"
        );
        self.at_stripe("/v1/payment_intents", Some(account), &form)
            .await
            .map(drop)
    }

    async fn give(&self, n: usize, txn: &Value) -> Result<String, Failure> {
        let path = format!("/accounts/{}/balance_transactions", self.lives[n].account);
        text(&self.control(&path, txn).await?, "id")
    }

    async fn control(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let url = format!("{}/_simulator{path}", self.stripe);
        answer(path, self.http.post(url).body(body.to_string())).await
    }

    async fn at_stripe(
        &self,
        path: &str,
        account: Option<&str>,
        form: &str,
    ) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}{path}", self.stripe));
        let mut request = request
            .bearer_auth("sk_test_seller")
            .header("stripe-version", souk_simulator::API_VERSION)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned());
        if let Some(account) = account {
            request = request.header("stripe-account", account);
        }
        answer(path, request).await
    }

    async fn ask(&self, path: &str, body: &Value, token: Option<&str>) -> Result<Value, Failure> {
        let request = self.http.post(format!("{}{path}", self.shop));
        let mut request = request
            .header("content-type", "application/json")
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        answer(path, request).await
    }
}

async fn answer(path: &str, request: reqwest::RequestBuilder) -> Result<Value, Failure> {
    let answer = request.send().await?;
    let (status, text) = (answer.status(), answer.text().await?);
    match status.is_success() {
        true => Ok(serde_json::from_str(&text)?),
        false => Err(format!("{path}: {status} {text}").into()),
    }
}
