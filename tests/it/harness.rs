//! Every test has a server of its own behind a real socket, with a database, a simulator and a clock that nobody else
//! touches. Nothing happens by itself: events are held until `apply_events`, jobs until `run_jobs`.

mod actors;
mod between;
mod books;
mod client;
mod database;
mod has;
mod invariants;
mod notices;
mod process;
mod subscribing;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use sea_orm::{ConnectionTrait, Statement, TryGetable};
use serde_json::{Value, json};
use souk::app::App;
use souk::clock::Clock;
use souk::config::Config;
use souk::error::Result;
use souk::jobs::{self, Lease};
use souk::webhooks::Intake;
use souk::worker;
use souk_entity::Timestamp;
use souk_simulator::{
    ClockMode, Deliveries, Fault, FaultKind, Options, Simulator, WebhookEndpoint, sign,
};
use tempfile::TempDir;
use tokio::net::TcpListener;

pub use actors::{Checkout, Guest, PASSWORD, Shop, User, checkout_from, lines_of, text};
pub use between::Between;
pub use client::{Answer, Call, Client};
pub use database::{Database, on_postgres};
pub use has::Has;
pub use process::{Proxy, Souk, end_of_souk, free_port, run_souk};
pub use subscribing::DAY;

/// When every test begins: 2026-11-18T11:06:40Z.
pub const START: i64 = 1_795_000_000;

/// One of the two webhook endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    Platform,
    Connect,
}

impl Endpoint {
    pub fn path(self) -> &'static str {
        match self {
            Self::Platform => "/webhooks/stripe",
            Self::Connect => "/webhooks/stripe/connect",
        }
    }
}

pub struct TestApp {
    pub app: App,
    pub simulator: Simulator,
    pub platform: WebhookEndpoint,
    pub connect: WebhookEndpoint,
    pub folder: TempDir,
    client: Client,
    control: reqwest::Client,
    unfinished_work_allowed: AtomicBool,
    database: Database,
}

impl Deref for TestApp {
    type Target = Client;
    fn deref(&self) -> &Client {
        &self.client
    }
}

/// Runs something to its end on a runtime of its own, for `drop`, which can't wait.
pub fn block_on_new_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(work)
    };
    std::thread::spawn(run)
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Waits until something is so, for as long as a slow machine may take and no longer.
pub async fn until<T>(what: &str, mut is: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Some(value) = is().await {
            return value;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "it never came about that {what}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// A simulator that does nothing by itself.
pub async fn simulator(state: souk_simulator::State) -> Simulator {
    let options = Options {
        state,
        clock: ClockMode::Manual { start: START },
        deliveries: Deliveries::Held,
        log: std::env::var_os("SIMULATOR_LOG").map(Into::into),
        assumptions: assumptions(),
        ..Options::default()
    };
    Simulator::start(options).await.expect("a simulator")
}

/// The answer to one of Stripe's open questions in this run, for an expectation that depends on it.
pub fn assumed(name: &str) -> &'static str {
    assumptions().get(name)
}

/// The part of an application fee that a refund itself says it gave back.
pub fn fee_inside(amount: i64) -> Value {
    match assumed("fee_refund") {
        "own" => Value::Null,
        _ => json!(amount),
    }
}

/// How many balance transactions a refund with its fee makes on the seller's account.
pub fn refund_transactions() -> usize {
    if assumed("fee_refund") == "own" { 2 } else { 1 }
}

/// SIMULATOR_ASSUME=`name=value,…`: the answers to Stripe's open questions in this run.
fn assumptions() -> souk_simulator::Assumptions {
    let mut assumptions = souk_simulator::Assumptions::default();
    let pairs = std::env::var("SIMULATOR_ASSUME").unwrap_or_default();
    for pair in pairs.split(',').filter(|pair| !pair.is_empty()) {
        assumptions.set_pair(pair).expect("SIMULATOR_ASSUME");
    }
    assumptions
}

/// TEST_ACCOUNTS: the API by which sellers' accounts are made in this run, `v1` or `v2`.
pub fn accounts_api() -> &'static str {
    match std::env::var("TEST_ACCOUNTS").as_deref() {
        Ok("v2") | Err(_) => "v2",
        Ok("v1") => "v1",
        Ok(other) => panic!("TEST_ACCOUNTS is {other}"),
    }
}

/// Stripe's reason by which an account is disabled, as the API of this run says it: v2 has fewer words than v1.
pub fn reason(v1: &'static str) -> &'static str {
    match (accounts_api(), v1) {
        ("v1", _) => v1,
        (_, "requirements.past_due") => "requirements_past_due",
        (_, "under_review") => "requirements_pending_verification",
        _ => "restricted_other",
    }
}

/// Where accounts and the links into them are asked for in this run.
pub fn accounts_path() -> &'static str {
    match accounts_api() {
        "v1" => "/v1/accounts",
        _ => "/v2/core/accounts",
    }
}

/// As `accounts_path`, for links.
pub fn account_links_path() -> &'static str {
    match accounts_api() {
        "v1" => "/v1/account_links",
        _ => "/v2/core/account_links",
    }
}

/// The settings of a server that talks to this simulator.
pub fn settings(
    simulator: &str,
    secrets: (&str, &str),
    database: &str,
    folder: &std::path::Path,
) -> HashMap<String, String> {
    [
        ("DATABASE_URL", database),
        ("DATA_DIR", folder.to_str().expect("a path")),
        ("PUBLIC_URL", "http://shop.test"),
        ("JWT_SECRET", "a secret of more than thirty-two characters"),
        ("STRIPE_SECRET_KEY", "sk_test_suite"),
        ("STRIPE_API_BASE", simulator),
        ("STRIPE_WEBHOOK_SECRET", secrets.0),
        ("STRIPE_CONNECT_WEBHOOK_SECRET", secrets.1),
        ("STRIPE_ACCOUNTS", accounts_api()),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

impl TestApp {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// Starts with some settings changed.
    pub async fn with(changed: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::migrated(folder.path()).await;
        let simulator = simulator(souk_simulator::State::Memory).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let ensure = async |name, endpoint: Endpoint| {
            let url = format!("{base}{}", endpoint.path());
            simulator
                .ensure_webhook_endpoint(name, &url, endpoint == Endpoint::Connect)
                .await
        };
        let (platform, connect) = (
            ensure("platform", Endpoint::Platform).await,
            ensure("connect", Endpoint::Connect).await,
        );
        let url = format!("{base}{}", Endpoint::Connect.path());
        let thin = simulator
            .ensure_event_destination("thin", &url, &souk::webhooks::thin_types())
            .await;
        let connect_secrets = format!("{},{}", connect.secret, thin.secret);
        let secrets = (platform.secret.as_str(), connect_secrets.as_str());
        let mut vars = settings(&simulator.base_url(), secrets, &database.url, folder.path());
        vars.extend(
            changed
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        let config = Config::read(&vars).expect("settings");
        let clock = Clock::fixed(Timestamp::from_seconds(START));
        let app = souk::assemble(config, clock).await.expect("assembles");
        let (intake, _) = Intake::start(app.clone());
        let service =
            souk::router(app.clone(), intake).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        Self {
            app,
            simulator,
            platform,
            connect,
            folder,
            client: Client::new(base),
            control: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
            unfinished_work_allowed: AtomicBool::new(false),
            database,
        }
    }

    /// Lets this test end with work undone.
    pub fn allow_unfinished_work(&self) {
        self.unfinished_work_allowed.store(true, Ordering::SeqCst);
    }

    /// Now, in seconds.
    pub fn now(&self) -> i64 {
        self.app.clock.now().seconds()
    }

    /// Lets time pass, here and at Stripe.
    pub async fn advance(&self, seconds: i64) {
        self.app.clock.advance_ms(seconds * 1000);
        self.simulator.advance(seconds).await;
    }

    /// Lets a minute pass and pulls again, where Stripe's lists show a balance transaction only after a while.
    pub async fn until_transactions_show(&self, account: &str) {
        if assumed("late_transactions") == "after_a_minute" {
            self.advance(61).await;
            let account = souk_entity::AccountId(account.to_owned());
            let pulled = souk::ledger::pull(&self.app, &account, false).await;
            pulled.expect("pulls");
        }
    }

    /// Calls the simulator's control API, by which things happen at Stripe.
    pub async fn simulate(&self, path: &str, body: Value) -> Value {
        let answer = self.try_simulate(path, body).await;
        answer.unwrap_or_else(|refusal| panic!("{path}: {refusal}"))
    }

    /// As `simulate`; an error if the simulator refuses.
    pub async fn try_simulate(
        &self,
        path: &str,
        body: Value,
    ) -> std::result::Result<Value, String> {
        let address = format!("{}/_simulator{path}", self.simulator.base_url());
        let response = self
            .control
            .post(address)
            .body(body.to_string())
            .send()
            .await
            .expect("an answer");
        let good = response.status().is_success();
        let text = response.text().await.expect("a text");
        if good {
            Ok(serde_json::from_str(&text).expect("JSON"))
        } else {
            Err(text)
        }
    }

    /// Calls Stripe's own API as the platform, as in its dashboard.
    pub async fn platform_api(&self, method: &str, path: &str, form: &[(&str, &str)]) -> Value {
        let done = self.ask_stripe(method, path, None, form).await;
        done.unwrap_or_else(|text| panic!("{method} {path}: {text}"))
    }

    /// Calls Stripe's own API, on an account, as somebody who isn't us.
    pub async fn stripe_api(
        &self,
        method: &str,
        path: &str,
        account: &str,
        form: &[(&str, &str)],
    ) -> Value {
        let done = self.attempt_stripe(method, path, account, form).await;
        done.unwrap_or_else(|text| panic!("{method} {path}: {text}"))
    }

    /// As `stripe_api`, or the error's body if Stripe refuses.
    pub async fn attempt_stripe(
        &self,
        method: &str,
        path: &str,
        account: &str,
        form: &[(&str, &str)],
    ) -> std::result::Result<Value, String> {
        self.ask_stripe(method, path, Some(account), form).await
    }

    async fn ask_stripe(
        &self,
        method: &str,
        path: &str,
        account: Option<&str>,
        form: &[(&str, &str)],
    ) -> std::result::Result<Value, String> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = self
            .control
            .request(
                method.parse().expect("a method"),
                format!("{}/v1{path}", self.simulator.base_url()),
            )
            .bearer_auth("sk_test_suite")
            .header("stripe-version", souk_simulator::API_VERSION);
        if let Some(account) = account {
            request = request.header("stripe-account", account);
        }
        if method == "POST" {
            request = request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
        }
        let response = request.send().await.expect("an answer");
        let good = response.status().is_success();
        let text = response.text().await.expect("a text");
        match good {
            true => Ok(serde_json::from_str(&text).expect("JSON")),
            false => Err(text),
        }
    }

    /// Makes Stripe fail in this way on requests like this.
    pub async fn fault(&self, method: &str, path: &str, kind: FaultKind, times: Option<u32>) {
        let (method, path_prefix) = (Some(method.to_owned()), path.to_owned());
        self.simulator
            .fault(Fault {
                method,
                path_prefix,
                account: None,
                kind,
                times,
                rate: None,
            })
            .await;
    }

    /// What Stripe's books say of an account.
    pub async fn stripe_books(&self, account: &str) -> Value {
        self.simulator.oracle().await["accounts"][account].clone()
    }

    /// Posts bytes to an endpoint, signed at a moment with a secret.
    pub async fn post_event(
        &self,
        endpoint: Endpoint,
        payload: impl AsRef<[u8]>,
        secret: &str,
        at: i64,
    ) -> Answer {
        let signature = sign(secret, at, payload.as_ref());
        self.post_with_signature(endpoint, payload, &signature)
            .await
    }

    /// Posts bytes to an endpoint with a signature header.
    pub async fn post_with_signature(
        &self,
        endpoint: Endpoint,
        payload: impl AsRef<[u8]>,
        signature: &str,
    ) -> Answer {
        self.call("POST", endpoint.path())
            .content("application/json; charset=utf-8", payload.as_ref())
            .header("stripe-signature", signature)
            .await
    }

    /// Posts an event, correctly signed, to the endpoint it belongs to. Returns the state that is answered.
    pub async fn deliver(&self, event: &Value) -> String {
        let (endpoint, secret) = match event["account"].is_string() {
            true => (Endpoint::Connect, &self.connect.secret),
            false => (Endpoint::Platform, &self.platform.secret),
        };
        let answer = self
            .post_event(endpoint, &event.to_string(), secret, self.now())
            .await;
        assert_eq!(answer.status, 200, "{event}: {}", answer.text);
        text(&answer.body, "state")
    }

    /// The events that wait at Stripe, as JSON, oldest first.
    pub async fn pending(&self) -> Vec<Value> {
        let pending = self.simulator.pending_events().await;
        pending
            .iter()
            .map(|event| serde_json::from_str(&event.payload).expect("JSON"))
            .collect()
    }

    /// The event of this type that waits.
    pub async fn pending_one(&self, kind: &str) -> Value {
        let all = self.pending().await;
        all.iter()
            .find(|event| event["type"] == kind)
            .unwrap_or_else(|| panic!("no {kind} waits"))
            .clone()
    }

    /// Takes the waiting events from Stripe without delivering them.
    pub async fn intercept(&self) -> Vec<Value> {
        let events = self.pending().await;
        self.simulator.drop_pending().await;
        events
    }

    /// Delivers the events that wait at Stripe, signed at our clock's time; none may fail. Returns their number.
    pub async fn apply_events(&self) -> usize {
        let waiting = self.simulator.pending_events().await;
        for event in &waiting {
            let (endpoint, secret) = match event.connect {
                true => (Endpoint::Connect, &self.connect.secret),
                false => (Endpoint::Platform, &self.platform.secret),
            };
            let answer = self
                .post_event(endpoint, &event.payload, secret, self.now())
                .await;
            assert_eq!(answer.status, 200, "{}: {}", event.r#type, answer.text);
            assert_ne!(
                answer.body["state"], "failed",
                "the effect of {} failed",
                event.r#type
            );
        }
        self.simulator.drop_pending().await;
        waiting.len()
    }

    /// Does the jobs that are due, and the unfinished events, until there are none. Returns their number.
    pub async fn run_jobs(&self) -> usize {
        let mut done = 0;
        for _ in 0..200 {
            match worker::work(&self.app, "suite").await.expect("works") {
                0 => return done,
                some => done += some,
            }
        }
        panic!("the jobs never end");
    }

    /// Leases what is due, for a worker of that name.
    pub async fn lease_jobs(&self, owner: &str) -> Vec<Lease> {
        let tx = self.app.db.begin_write().await.expect("begins");
        let leases = jobs::lease(&tx, owner, 50, self.app.config.job_lease).await;
        tx.commit().await.expect("commits");
        leases.expect("leases")
    }

    /// Writes down how jobs went. Returns which were written.
    pub async fn finish_jobs(&self, ends: &[(&Lease, &Result<()>)]) -> Vec<bool> {
        let tx = self.app.db.begin_write().await.expect("begins");
        let written = jobs::finish(&tx, ends).await.expect("is written");
        tx.commit().await.expect("commits");
        written
    }

    /// Applies events and runs jobs until neither is left.
    pub async fn settle(&self) {
        for _ in 0..20 {
            if self.apply_events().await + self.run_jobs().await == 0 {
                return;
            }
        }
        panic!("events and jobs beget each other without end");
    }

    /// Writes to the database behind the server's back.
    pub async fn sql(&self, text: &str) {
        self.try_sql(text)
            .await
            .unwrap_or_else(|e| panic!("{text}: {e}"));
    }

    /// As `sql`; an error if the database refuses.
    pub async fn try_sql(&self, text: &str) -> Result<(), String> {
        let tx = self.app.db.begin_write().await.expect("begins");
        let done = tx.execute_unprepared(text).await.map_err(|e| e.to_string());
        match done {
            Ok(_) => tx.commit().await.map_err(|e| e.to_string()),
            Err(e) => tx.rollback().await.map_or(Err(e.clone()), |()| Err(e)),
        }
    }

    /// Reads one value from the database; its column is named `it`.
    pub async fn query<T: TryGetable>(&self, text: &str) -> T {
        let query = Statement::from_string(self.app.db.backend(), text);
        let row = self
            .app
            .db
            .read
            .query_one_raw(query)
            .await
            .unwrap_or_else(|e| panic!("{text}: {e}"));
        row.expect("a row").try_get("", "it").expect("a value")
    }

    /// Counts rows.
    pub async fn count(&self, of: &str) -> i64 {
        self.query(&format!("SELECT COUNT(*) AS it FROM {of}"))
            .await
    }

    /// The address of the database.
    pub fn database_url(&self) -> &str {
        &self.database.url
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let (url, now) = (self.database.url.clone(), self.app.clock.now().0);
        let unfinished_work_too = !self.unfinished_work_allowed.load(Ordering::SeqCst);
        let faults = block_on_new_thread(async move {
            invariants::violations(&url, now, unfinished_work_too).await
        });
        assert!(
            faults.is_empty(),
            "this must never be:\n{}",
            faults.join("\n")
        );
    }
}

/// An event as Stripe sends it, of a connected account and made by hand.
pub fn event(id: &str, kind: &str, account: &str, object: Value) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "account": account, "livemode": false, "created": START,
        "api_version": souk_simulator::API_VERSION, "data": { "object": object },
    })
}
