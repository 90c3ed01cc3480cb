//! The demo's clients: of the API as one person, of Stripe's hosted pages as a browser, and of the simulator's controls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);

fn client(redirects: Policy) -> Result<Client, Failure> {
    // The server is usually on this machine, so the environment's proxy doesn't apply.
    Ok(Client::builder()
        .timeout(TIMEOUT)
        .redirect(redirects)
        .no_proxy()
        .build()?)
}

/// A client of Souk's API, as one person.
#[derive(Clone)]
pub struct Api {
    client: Client,
    /// Without a slash at its end.
    base: String,
    person: Option<Arc<Person>>,
    order_secret: Option<String>,
}

/// Somebody with a login and a current access token.
struct Person {
    email: String,
    password: String,
    token: Mutex<String>,
}

impl Person {
    fn token(&self) -> std::sync::MutexGuard<'_, String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Tokens {
    access_token: String,
}

impl Api {
    /// Without a login.
    pub fn new(base: &str) -> Result<Self, Failure> {
        let base = base.trim_end_matches('/').to_owned();
        Ok(Self {
            client: client(Policy::none())?,
            base,
            person: None,
            order_secret: None,
        })
    }

    /// As somebody who registers now.
    pub async fn register(&self, email: &str, password: &str, name: &str) -> Result<Self, Failure> {
        let new = json!({ "email": email, "password": password, "name": name });
        let tokens = self.post("/v1/auth/register", &new).await?;
        Ok(self.with_tokens(email, password, tokens))
    }

    /// As somebody who has registered.
    pub async fn login(&self, email: &str, password: &str) -> Result<Self, Failure> {
        let known = json!({ "email": email, "password": password });
        let tokens = self.post("/v1/auth/login", &known).await?;
        Ok(self.with_tokens(email, password, tokens))
    }

    fn with_tokens(&self, email: &str, password: &str, tokens: Tokens) -> Self {
        let person = Person {
            email: email.to_owned(),
            password: password.to_owned(),
            token: Mutex::new(tokens.access_token),
        };
        Self {
            person: Some(Arc::new(person)),
            ..self.clone()
        }
    }

    /// As a guest with the secret of their order.
    pub fn with_order_secret(&self, secret: &str) -> Self {
        Self {
            order_secret: Some(secret.to_owned()),
            ..self.clone()
        }
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Posts a body, with a new idempotency key.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Patches a body.
    pub async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        self.send(Method::PATCH, path, Some(body)).await
    }

    /// A list without pages.
    pub async fn get_list<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        Ok(self.get::<Page<T>>(path).await?.data)
    }

    /// A whole list, page by page.
    pub async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let separator = if path.contains('?') { '&' } else { '?' };
            let page: Page<Value> = self
                .get(&format!("{path}{separator}limit=100{after}"))
                .await?;
            let last = page
                .data
                .last()
                .and_then(|row| row["id"].as_str())
                .map(|id| format!("&starting_after={id}"));
            for row in page.data {
                all.push(serde_json::from_value(row).map_err(|e| format!("GET {path}: {e}"))?);
            }
            match last {
                Some(last) if page.has_more => after = last,
                _ => return Ok(all),
            }
        }
    }

    async fn send<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Failure> {
        let asked = format!("{method} {path}");
        let key = souk::ids::random_token();
        let mut sent = reach(self.request(&method, path, body, &key), &asked).await?;
        // The demo lets days pass, and an access token lives for minutes.
        if sent.status() == StatusCode::UNAUTHORIZED
            && let Some(person) = &self.person
        {
            let known = json!({ "email": person.email, "password": person.password });
            let login = self.request(&Method::POST, "/v1/auth/login", Some(&known), &key);
            let tokens: Tokens = read(reach(login, "logging in again").await?, &asked).await?;
            *person.token() = tokens.access_token;
            sent = reach(self.request(&method, path, body, &key), &asked).await?;
        }
        read(sent, &asked).await
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        key: &str,
    ) -> RequestBuilder {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.base));
        if let Some(person) = &self.person {
            request = request.header(AUTHORIZATION, format!("Bearer {}", person.token()));
        }
        if let Some(secret) = &self.order_secret {
            request = request.header("Order-Secret", secret);
        }
        if let Some(body) = body {
            request = request
                .header(CONTENT_TYPE, "application/json")
                .header("Idempotency-Key", key)
                .body(body.to_string());
        }
        request
    }
}

async fn reach(request: RequestBuilder, asked: &str) -> Result<Response, Failure> {
    let sent = request.send().await;
    Ok(sent.map_err(|e| format!("{asked}: {}", causes(&e)))?)
}

/// The response's JSON, or an error with the request and the response.
async fn answer<T: DeserializeOwned>(request: RequestBuilder, asked: &str) -> Result<T, Failure> {
    read(reach(request, asked).await?, asked).await
}

async fn read<T: DeserializeOwned>(answer: Response, asked: &str) -> Result<T, Failure> {
    let status = answer.status();
    let bytes = answer
        .bytes()
        .await
        .map_err(|e| format!("{asked}: {}", causes(&e)))?;
    if !status.is_success() {
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // Ours are problem details, the simulator's are Stripe's errors.
        let code = problem["code"]
            .as_str()
            .or(problem["error"]["code"].as_str())
            .unwrap_or_default();
        let detail = problem["detail"]
            .as_str()
            .or(problem["error"]["message"].as_str())
            .unwrap_or_default();
        return Err(format!("{asked} was answered {} {code}: {detail}", status.as_u16()).into());
    }
    serde_json::from_slice(&bytes)
        .map_err(|e| format!("{asked}: the answer is not as openapi.yaml says: {e}").into())
}

/// An error's message, with all its causes.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// A page in the browser.
pub struct Shown {
    /// Its address, after redirects.
    pub url: String,
    /// Its HTML.
    pub html: String,
}

/// The simulator of Stripe: its hosted pages as a browser sees them, and its controls.
#[derive(Clone)]
pub struct Stripe {
    browser: Client,
    controls: Client,
    /// Without a slash at its end.
    base: String,
}

impl Stripe {
    /// The simulator of a hosted page. Anything else is refused, since the demo must not use the real Stripe.
    pub async fn behind(page: &str) -> Result<Self, Failure> {
        let base = url::Url::parse(page)
            .map_err(|e| format!("{page}: {e}"))?
            .origin()
            .ascii_serialization();
        let stripe = Self {
            browser: client(Policy::limited(5))?,
            controls: client(Policy::none())?,
            base,
        };
        match stripe.read("/clock").await {
            Ok(clock) if clock["now"].is_i64() => Ok(stripe),
            _ => Err(format!(
                "{} is not Souk's simulator of Stripe, and the demo plays on nothing else",
                stripe.base
            )
            .into()),
        }
    }

    /// Opens a page.
    pub async fn open(&self, url: &str) -> Result<Shown, Failure> {
        show(self.browser.get(url), url).await
    }

    /// Sends a form, and follows redirects.
    pub async fn submit(&self, url: &str, fields: &[(&str, &str)]) -> Result<Shown, Failure> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .browser
            .post(url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        show(request, url).await
    }

    /// Confirms an intent as Stripe.js does, with its client secret. `false`: the card was declined.
    pub async fn confirm(
        &self,
        intent: &str,
        account: &str,
        client_secret: &str,
        method: &str,
    ) -> Result<bool, Failure> {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("client_secret", client_secret)
            .append_pair("payment_method", method)
            .append_pair("return_url", "https://shop.example/back")
            .finish();
        let asked = format!("POST /v1{intent}/confirm of the simulator");
        let request = self
            .controls
            .post(format!("{}/v1{intent}/confirm", self.base))
            .bearer_auth("pk_test_demo")
            .header("Stripe-Account", account)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let sent = reach(request, &asked).await?;
        if sent.status() == StatusCode::PAYMENT_REQUIRED {
            return Ok(false);
        }
        read::<Value>(sent, &asked).await.map(|_| true)
    }

    /// Reads one of the controls.
    pub async fn read(&self, path: &str) -> Result<Value, Failure> {
        let path = format!("/_simulator{path}");
        answer(
            self.controls.get(format!("{}{path}", self.base)),
            &format!("GET {path} of the simulator"),
        )
        .await
    }

    /// Posts to one of the controls.
    pub async fn control(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        let path = format!("/_simulator{path}");
        let request = self
            .controls
            .post(format!("{}{path}", self.base))
            .body(body.to_string());
        answer(request, &format!("POST {path} of the simulator")).await
    }

    /// The simulator's own books.
    pub async fn oracle(&self) -> Result<Value, Failure> {
        self.read("/oracle").await
    }
}

async fn show(request: RequestBuilder, asked: &str) -> Result<Shown, Failure> {
    let answer: Response = request
        .send()
        .await
        .map_err(|e| format!("{asked}: {}", causes(&e)))?;
    let (status, url) = (answer.status(), answer.url().to_string());
    let html = answer
        .text()
        .await
        .map_err(|e| format!("{url}: {}", causes(&e)))?;
    if status.is_success() {
        Ok(Shown { url, html })
    } else {
        Err(format!("the page {url} was answered {}", status.as_u16()).into())
    }
}
