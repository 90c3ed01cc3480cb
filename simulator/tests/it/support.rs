//! A small client and a small webhook receiver.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State as Shared, http::HeaderMap, routing::post};
use serde_json::{Value, json};
use souk_simulator::{API_VERSION, ClockMode, Deliveries, Options, Simulator, State};

pub const START: i64 = 1_790_000_000;
pub const DAY: i64 = 86_400;

/// The beginning of a picture.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

pub fn options() -> Options {
    Options {
        clock: ClockMode::Manual { start: START },
        deliveries: Deliveries::Held,
        log: std::env::var_os("SIMULATOR_LOG").map(Into::into),
        ..Options::default()
    }
}

pub fn file(path: &std::path::Path) -> Options {
    Options {
        state: State::File(path.into()),
        ..options()
    }
}

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn error(&self, field: &str) -> &str {
        self.body["error"][field].as_str().unwrap_or_default()
    }
}

pub struct Stripe {
    pub simulator: Simulator,
    pub http: reqwest::Client,
}

impl Stripe {
    pub async fn start() -> Self {
        Self::with(options()).await
    }

    /// Starts a simulator under another assumption.
    pub async fn under(name: &str, value: &str) -> Self {
        let stripe = Self::start().await;
        let body = json!({ name: value }).to_string();
        stripe.post("/_simulator/assumptions", &body).await;
        stripe
    }

    pub async fn with(options: Options) -> Self {
        Self {
            simulator: Simulator::start(options).await.expect("starts"),
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .expect("client"),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.simulator.base_url())
    }

    /// Sends a request; a connection that ends without an answer is an error.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, reqwest::Error> {
        let method = method.parse().expect("method");
        let mut request = self
            .http
            .request(method, self.url(path))
            .header("Authorization", "Bearer sk_test_anything")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(body.to_owned());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await?;
        Ok(Answer {
            status,
            headers,
            body: serde_json::from_str(&body).unwrap_or(Value::String(body)),
        })
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_send(method, path, body, headers)
            .await
            .expect("answer")
    }

    /// Sends a request to `/v2`; null is no body.
    pub async fn v2(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .http
            .request(method.parse().expect("method"), self.url(path))
            .header("Authorization", "Bearer sk_test_anything")
            .header("Stripe-Version", API_VERSION);
        if !body.is_null() {
            request = request
                .header("Content-Type", "application/json")
                .body(body.to_string());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.expect("text");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&body).expect("JSON"),
        }
    }

    /// As [`Stripe::v2`], of a POST that is answered 200.
    pub async fn post_v2(&self, path: &str, body: Value) -> Value {
        let answer = self.v2("POST", path, &body, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn get_v2(&self, path: &str) -> Value {
        let answer = self.v2("GET", path, &Value::Null, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    /// Uploads a file on an account.
    pub async fn upload(&self, account: &str, purpose: &str, name: &str, bytes: &[u8]) -> Answer {
        let mut body = format!(
            "--part\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream\r\n\r\n"
        )
        .into_bytes();
        body.extend(bytes);
        body.extend(b"\r\n--part--\r\n");
        let request = self
            .http
            .post(self.url("/v1/files"))
            .header("Authorization", "Bearer sk_test_anything")
            .header("Content-Type", "multipart/form-data; boundary=part")
            .header("Stripe-Account", account)
            .body(body);
        let answer = request.send().await.expect("answer");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.expect("text");
        Answer {
            status,
            headers,
            body: serde_json::from_str(&body).expect("JSON"),
        }
    }

    pub async fn post(&self, path: &str, body: &str) -> Value {
        let answer = self.send("POST", path, body, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn on(&self, account: &str, path: &str, body: &str) -> Value {
        let answer = self
            .send("POST", path, body, &[("Stripe-Account", account)])
            .await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.body
    }

    pub async fn get(&self, path: &str) -> Value {
        self.send("GET", path, "", &[]).await.body
    }

    pub async fn get_on(&self, account: &str, path: &str) -> Value {
        self.send("GET", path, "", &[("Stripe-Account", account)])
            .await
            .body
    }

    /// An account that can take money.
    pub async fn seller(&self) -> String {
        let account = self
            .post("/v1/accounts", "country=DE&controller[fees][payer]=account&controller[losses][payments]=stripe&controller[stripe_dashboard][type]=full")
            .await;
        let id = account["id"].as_str().expect("id").to_owned();
        self.post(&format!("/_simulator/accounts/{id}/onboard"), "")
            .await;
        id
    }

    /// An open session of one item.
    pub async fn session(&self, account: &str, amount: i64, more: &str) -> Value {
        let body = format!(
            "mode=payment&success_url=https://shop.example/ok?s={{CHECKOUT_SESSION_ID}}&cancel_url=https://shop.example/no&line_items[0][price_data][currency]=eur&line_items[0][price_data][unit_amount]={amount}&line_items[0][price_data][product_data][name]=Tea&line_items[0][quantity]=1{more}"
        );
        self.on(account, "/v1/checkout/sessions", &body).await
    }

    pub async fn pay(&self, session: &Value, how: Value) -> Value {
        let id = session["id"].as_str().expect("id");
        self.post(
            &format!("/_simulator/checkout/sessions/{id}/pay"),
            &how.to_string(),
        )
        .await
    }

    /// A paid session's charge.
    pub async fn sale(&self, account: &str, amount: i64, fee: i64) -> Value {
        let more = format!("&payment_intent_data[application_fee_amount]={fee}");
        let session = self.session(account, amount, &more).await;
        let paid = self.pay(&session, json!({})).await;
        assert_eq!(paid["payment_status"], "paid", "{paid}");
        self.charge_of(account, &session).await
    }

    pub async fn charge_of(&self, account: &str, session: &Value) -> Value {
        let id = session["id"].as_str().expect("id");
        let path = format!("/v1/checkout/sessions/{id}?expand[]=payment_intent.latest_charge");
        self.get_on(account, &path).await["payment_intent"]["latest_charge"].clone()
    }

    pub async fn event_types(&self, account: &str) -> Vec<String> {
        let mut list: Vec<String> = self.get_on(account, "/v1/events?limit=100").await["data"]
            .as_array()
            .expect("list")
            .iter()
            .map(|e| e["type"].as_str().expect("type").to_owned())
            .collect();
        list.reverse();
        list
    }
}

/// Headers and body of one delivery.
pub type Post = (HeaderMap, Vec<u8>);

/// Headers and bodies of what was received, and the status to answer with.
#[derive(Clone)]
pub struct Receiver {
    pub got: Arc<Mutex<Vec<Post>>>,
    pub answer: Arc<Mutex<u16>>,
    pub url: String,
}

impl Receiver {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("bind");
        let receiver = Self {
            got: Arc::default(),
            answer: Arc::new(Mutex::new(200)),
            url: format!("http://{}/hook", listener.local_addr().expect("address")),
        };
        let app = Router::new()
            .route("/hook", post(hook))
            .with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    pub fn count(&self) -> usize {
        self.got.lock().expect("lock").len()
    }

    pub fn bodies(&self) -> Vec<Value> {
        let got = self.got.lock().expect("lock");
        got.iter()
            .map(|(_, body)| serde_json::from_slice(body).expect("json"))
            .collect()
    }
}

async fn hook(
    Shared(r): Shared<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> axum::http::StatusCode {
    r.got.lock().expect("lock").push((headers, body.to_vec()));
    let status = *r.answer.lock().expect("lock");
    axum::http::StatusCode::from_u16(status).expect("status")
}

/// A document without the simulator's address, which changes with each start.
pub fn without(told: &Value, address: &str) -> Value {
    serde_json::from_str(&told.to_string().replace(address, "BASE")).expect("json")
}

/// Balances equal the sums of their transactions; payouts equal their items; fees stay within.
pub fn check_books(oracle: &Value) {
    for (id, account) in oracle["accounts"].as_object().expect("accounts") {
        let empty = Vec::new();
        let rows = |name: &str| account[name].as_array().unwrap_or(&empty).clone();
        let txns = rows("balance_transactions");
        for (currency, balance) in account["balances"].as_object().expect("balances") {
            for status in ["available", "pending"] {
                let sum: i64 = txns
                    .iter()
                    .filter(|t| t["currency"] == *currency && t["status"] == status)
                    .map(|t| t["net"].as_i64().expect("net"))
                    .sum();
                assert_eq!(balance[status], sum, "{id} {currency} {status}");
            }
        }
        for txn in &txns {
            let fees: i64 = txn["fee_details"]
                .as_array()
                .expect("fees")
                .iter()
                .map(|f| f["amount"].as_i64().expect("fee"))
                .sum();
            assert_eq!(txn["fee"], fees, "{txn}");
            assert_eq!(
                txn["net"],
                txn["amount"].as_i64().expect("amount") - fees,
                "{txn}"
            );
        }
        for payout in rows("payouts").iter().filter(|p| p["automatic"] == true) {
            let items: i64 = txns
                .iter()
                .filter(|t| t["payout"] == payout["id"] && t["id"] != payout["balance_transaction"])
                .map(|t| t["net"].as_i64().expect("net"))
                .sum();
            assert_eq!(payout["amount"], items, "{payout}");
        }
        for fee in rows("application_fees") {
            assert!(
                fee["amount_refunded"].as_i64() <= fee["amount"].as_i64(),
                "{fee}"
            );
        }
    }
}
