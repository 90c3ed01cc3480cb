//! What the ledger's tests stand on.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use souk_entity::finding::{self, FindingState};
use souk_entity::seller::{self, Dashboard, SellerStatus};
use souk_entity::user::Role;
use souk_entity::{
    AccountId, JsonText, OrderId, SellerId, Timestamp, balance_transaction, entry, job,
};
use souk_simulator::{ClockMode, Deliveries, Options, Simulator};
use tempfile::TempDir;
use tower::ServiceExt;

use souk::app::App;
use souk::clock::Clock;
use souk::config::Config;
use souk::db::Db;
use souk::identity::ensure_user;
use souk::ids;
use souk::ledger::{self, events, later};
use souk::mailer::Mailer;
use souk::stripe::{Effect, Event, Stripe};

use crate::harness::Database;

pub const PASSWORD: &str = "correct horse battery";
const START: i64 = 1_790_000_000;
pub const DAY: i64 = 86_400;

/// A database, a simulator, and the ledger's routes.
pub struct House {
    pub app: App,
    pub simulator: Simulator,
    http: reqwest::Client,
    _database: Database,
    _data: TempDir,
}

impl House {
    pub async fn build() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let simulator = Simulator::start(Options {
            clock: ClockMode::Manual { start: START },
            deliveries: Deliveries::Held,
            ..Options::default()
        })
        .await
        .expect("starts");
        let database = Database::migrated(data.path()).await;
        let vars = [
            ("DATABASE_URL", database.url.clone()),
            ("DATA_DIR", data.path().display().to_string()),
            (
                "JWT_SECRET",
                "a secret of more than thirty-two characters".to_owned(),
            ),
            ("STRIPE_SECRET_KEY", "sk_test_simulated".to_owned()),
            ("STRIPE_API_BASE", simulator.base_url()),
            ("STRIPE_WEBHOOK_SECRET", "whsec_platform".to_owned()),
            ("STRIPE_CONNECT_WEBHOOK_SECRET", "whsec_connect".to_owned()),
        ];
        let vars = vars.map(|(name, value)| (name.to_owned(), value));
        let config = Config::read(&vars.into()).expect("settings");
        let clock = Clock::fixed(Timestamp::from_seconds(START));
        let db = Db::connect(&config.database_url, clock.clone())
            .await
            .expect("connects");
        db.migrate().await.expect("migrates");
        let app = App {
            db,
            stripe: Stripe::new(&config).expect("a client"),
            mailer: Mailer::new(&config).expect("a mailer"),
            config: Arc::new(config),
            clock,
        };
        let http = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        Self {
            app,
            simulator,
            http,
            _database: database,
            _data: data,
        }
    }

    pub async fn stripe(&self, method: &str, account: &str, path: &str, body: &str) -> Value {
        let url = format!("{}{path}", self.simulator.base_url());
        let mut request = self
            .http
            .request(method.parse().expect("a method"), url)
            .header("Authorization", "Bearer sk_test_simulated")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        if !account.is_empty() {
            request = request.header("Stripe-Account", account);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{path}: {text}");
        serde_json::from_str(&text).expect("JSON")
    }

    /// An onboarded account, with a seller of ours and their owner.
    pub async fn seller(&self, email: &str) -> (SellerId, AccountId) {
        let body = "country=DE&controller[fees][payer]=account&controller[losses][payments]=stripe&controller[stripe_dashboard][type]=full";
        let account = self.stripe("POST", "", "/v1/accounts", body).await;
        let account = account["id"].as_str().expect("an id").to_owned();
        self.stripe(
            "POST",
            "",
            &format!("/_simulator/accounts/{account}/onboard"),
            "",
        )
        .await;
        let owner = ensure_user(&self.app, email, "Mira", PASSWORD, Role::Member)
            .await
            .expect("a user");
        let now = self.app.clock.now();
        let row = seller::Model {
            id: ids::new(now),
            owner_id: owner.id,
            name: "Lamps".to_owned(),
            email: email.to_owned(),
            country: "DE".to_owned(),
            business_type: None,
            stripe_account: Some(AccountId(account.clone())),
            livemode: false,
            dashboard: Dashboard::Full,
            status: SellerStatus::Active,
            charges_enabled: true,
            payouts_enabled: true,
            details_submitted: true,
            requirements: JsonText::default(),
            onboarding_started_at: None,
            deauthorized_at: None,
            application_fee_bps: None,
            application_fee_fixed: None,
            metadata: JsonText::default(),
            synced_at: None,
            created_at: now,
            updated_at: now,
        };
        let id = row.id.clone();
        let tx = self.app.db.begin_write().await.expect("begins");
        seller::Entity::insert(seller::ActiveModel::from(row))
            .exec_without_returning(&tx)
            .await
            .expect("inserts");
        tx.commit().await.expect("commits");
        (id, AccountId(account))
    }

    /// A paid session of one item; its charge.
    pub async fn sale(&self, account: &AccountId, amount: i64, fee: i64) -> String {
        let body = format!(
            "mode=payment&success_url=https://x.test/ok&line_items[0][quantity]=1&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=Lamp&payment_intent_data[application_fee_amount]={fee}"
        );
        let account = account.as_ref();
        let session = self
            .stripe("POST", account, "/v1/checkout/sessions", &body)
            .await;
        let id = session["id"].as_str().expect("an id");
        self.stripe(
            "POST",
            "",
            &format!("/_simulator/checkout/sessions/{id}/pay"),
            "{}",
        )
        .await;
        let path = format!("/v1/checkout/sessions/{id}?expand[]=payment_intent");
        let session = self.stripe("GET", account, &path, "").await;
        let charge = session["payment_intent"]["latest_charge"].as_str();
        charge.expect("a charge").to_owned()
    }

    pub async fn pull(&self, account: &AccountId) {
        later::pull(&self.app, account, false).await.expect("pulls");
    }

    /// Applies the account's payout events, newest first: the wrong order.
    pub async fn payout_events(&self, account: &AccountId) -> Vec<String> {
        let events = self
            .stripe("GET", account.as_ref(), "/v1/events?limit=100", "")
            .await;
        let mut kinds = Vec::new();
        for mut event in events["data"].as_array().expect("events").clone() {
            let kind = event["type"].as_str().expect("a type").to_owned();
            if !kind.starts_with("payout.") {
                continue;
            }
            event["account"] = json!(account);
            let event = Event::read(event.to_string().as_bytes()).expect("an event");
            for _ in 0..2 {
                let tx = self.app.db.begin_write().await.expect("begins");
                let effect = events::payout(&tx, &event).await.expect("applies");
                assert_eq!(effect, Effect::Applied);
                tx.commit().await.expect("commits");
            }
            kinds.push(kind);
        }
        kinds
    }

    /// Runs the ledger's staged jobs once each.
    pub async fn jobs(&self) {
        for lease in souk::jobs::lease(&self.app.db, "test", 100)
            .await
            .expect("leases")
        {
            let done = match &lease.job {
                souk::jobs::Job::Pull { account, livemode } => {
                    later::pull(&self.app, account, *livemode).await
                }
                souk::jobs::Job::SyncPayout {
                    account,
                    livemode,
                    payout,
                } => later::sync_payout(&self.app, account, *livemode, payout).await,
                other => panic!("{other:?}"),
            };
            done.as_ref().expect("the job succeeds");
            souk::jobs::finish(&self.app.db, &lease, &done)
                .await
                .expect("finishes");
        }
    }

    pub async fn all_jobs(&self) {
        for _ in 0..10 {
            self.jobs().await;
            let jobs = job::Entity::find()
                .all(&self.app.db.read)
                .await
                .expect("reads");
            if jobs.iter().all(|job| job.state == job::JobState::Done) {
                return;
            }
        }
        panic!("jobs stage each other for ever");
    }

    pub async fn token(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let answer = self.call("POST", "/v1/auth/login", "", body).await;
        answer.1["access_token"]
            .as_str()
            .expect("a token")
            .to_owned()
    }

    pub async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.call("GET", path, token, Value::Null).await
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> (u16, Value) {
        let routes: Router = ledger::routes::router()
            .merge(souk::identity::routes::router())
            .with_state(self.app.clone());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .extension(axum::extract::ConnectInfo(std::net::SocketAddr::from((
                [192, 0, 2, 1],
                1,
            ))))
            .header("content-type", "application/json");
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Body::from(body.to_string()))
            .expect("a request");
        let response = routes.oneshot(request).await.expect("an answer");
        let status = response.status().as_u16();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    pub async fn sql(&self, text: &str) {
        let tx = self.app.db.begin_write().await.expect("begins");
        tx.execute_unprepared(text).await.expect("runs");
        tx.commit().await.expect("commits");
    }

    /// A paid order and its payment by a charge.
    pub async fn order(
        &self,
        seller: &SellerId,
        order: &str,
        payment: &str,
        account: &str,
        charge: &str,
    ) {
        self.sql(&format!(
            "INSERT INTO orders (id, seller_id, status, livemode, currency, amount_subtotal, metadata, created_at, updated_at)
             VALUES ('{order}', '{seller}', 'paid', FALSE, 'eur', 4000, '{{}}', 0, 0)"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO payments (id, charge_account, livemode, kind, charge, status, currency, amount_subtotal,
               amount_refunded, application_fee, allow_discounts, attempt, request, success_url, cancel_url, expires_at,
               created_at, updated_at)
             VALUES ('{payment}', '{account}', FALSE, 'checkout_session', '{charge}', 'paid', 'eur', 4000,
               0, 400, TRUE, '{payment}', '{{}}', '', '', 0, 0, 0)"
        ))
        .await;
        self.sql(&format!(
            "INSERT INTO payment_orders (payment_id, order_id) VALUES ('{payment}', '{order}')"
        ))
        .await;
    }

    /// The order of each stored transaction.
    pub async fn orders(&self) -> Vec<Option<OrderId>> {
        let rows = balance_transaction::Entity::find()
            .all(&self.app.db.read)
            .await;
        rows.expect("reads")
            .into_iter()
            .map(|row| row.order_id)
            .collect()
    }

    pub async fn finding(&self, kind: &str, subject: &str) -> Option<FindingState> {
        let all = finding::Entity::find()
            .all(&self.app.db.read)
            .await
            .expect("reads");
        let mut mine = all
            .into_iter()
            .filter(|f| f.kind == kind && f.subject == subject);
        mine.next().map(|finding| finding.state)
    }

    pub async fn balanced(&self) {
        let mut sums = std::collections::BTreeMap::new();
        for entry in entry::Entity::find()
            .all(&self.app.db.read)
            .await
            .expect("reads")
        {
            *sums.entry((entry.journal_id, entry.currency)).or_insert(0) += entry.amount;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }
}

/// What stands on a ledger account in an answer of `/v1/ledger/balances`.
pub fn balance_of(list: &Value, account: &str) -> i64 {
    let rows = list["data"].as_array().expect("rows");
    let row = rows.iter().find(|row| row["account"] == account);
    row.map_or(0, |row| row["balance"].as_i64().expect("a number"))
}
