//! Calls that read like sentences, each answer held to the contract.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use reqwest::Method;
use serde_json::Value;

use crate::contract::{Answered, contract, record_met};

use super::{Guest, User};

/// An HTTP client of one server.
pub struct Client {
    pub base: String,
    http: reqwest::Client,
}

/// A request, sent when it is awaited.
#[must_use = "await it"]
pub struct Call<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    /// Null when it is no JSON.
    pub body: Value,
    pub text: String,
    /// The request, to be shown when a test fails.
    request: String,
}

impl Client {
    pub fn new(base: String) -> Self {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .expect("a client");
        Self { base, http }
    }

    pub fn call(&self, method: &str, path: impl Into<String>) -> Call<'_> {
        let method = method.parse().expect("a method");
        Call {
            client: self,
            method,
            path: path.into(),
            headers: vec![],
            body: vec![],
        }
    }

    pub fn get(&self, path: impl Into<String>) -> Call<'_> {
        self.call("GET", path)
    }

    pub fn post(&self, path: impl Into<String>, body: Value) -> Call<'_> {
        self.call("POST", path).json(body)
    }

    pub fn patch(&self, path: impl Into<String>, body: Value) -> Call<'_> {
        self.call("PATCH", path).json(body)
    }

    /// Posts a form.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Call<'_> {
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.call("POST", path)
            .content("application/x-www-form-urlencoded", form)
    }
}

impl Call<'_> {
    /// As somebody who is logged in.
    pub fn by(self, user: &User) -> Self {
        let token = format!("Bearer {}", user.token);
        self.header("authorization", &token)
    }

    /// As a guest with the order's secret.
    pub fn with_secret(self, secret: &str) -> Self {
        self.header("order-secret", secret)
    }

    /// As a guest whose address is proved.
    pub fn by_guest(self, guest: &Guest) -> Self {
        self.header("guest-token", &guest.token)
    }

    /// Under an idempotency key.
    pub fn keyed(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn json(self, body: Value) -> Self {
        self.content("application/json", body.to_string())
    }

    pub fn content(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.headers.retain(|(name, _)| name != "content-type");
        self.header("content-type", kind)
    }

    /// Sends it and expects this status.
    pub async fn expect(self, status: u16) -> Value {
        self.await.expect(status).clone()
    }

    /// Sends it and expects to be refused so.
    pub async fn refused(self, status: u16, code: &str) -> Value {
        self.await.refused(status, code).clone()
    }

    /// Sends it and expects 422, naming this field.
    pub async fn refuses_field(self, param: &str) -> Value {
        let problem = self.refused(422, "invalid_request").await;
        assert_eq!(problem["param"], param, "{problem}");
        problem
    }

    async fn send(self) -> Result<Answer, reqwest::Error> {
        let (request, path) = (self.shown(), self.path.clone());
        let address = format!("{}{}", self.client.base, self.path);
        let mut call = self.client.http.request(self.method.clone(), address);
        for (name, value) in &self.headers {
            call = call.header(name, value);
        }
        let response = call.body(self.body).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let answered = Answered {
            method: self.method.as_str(),
            path: path.split('?').next().unwrap_or_default(),
            status,
            content_type: headers
                .get("content-type")
                .and_then(|value| value.to_str().ok()),
            body: &bytes,
        };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        match contract().check(&answered) {
            Ok(Some(operation)) => record_met(operation, status),
            Ok(None) => {}
            Err(fault) => panic!("{request}: the answer {status} {fault}\n{text}"),
        }
        assert!(
            headers.contains_key("x-request-id"),
            "{path}: no X-Request-Id"
        );
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Ok(Answer {
            status,
            headers,
            body,
            text,
            request,
        })
    }

    /// Method, path, and the beginnings of the headers that a test has chosen and of the body.
    fn shown(&self) -> String {
        let mut shown = format!("{} {}", self.method, self.path);
        for (name, value) in &self.headers {
            if !["authorization", "content-type"].contains(&name.as_str()) {
                shown += &format!(" {name}: {value:.80}");
            }
        }
        if !self.body.is_empty() {
            shown += &format!(" {:.300}", String::from_utf8_lossy(&self.body));
        }
        shown
    }

    /// Sends it where there may be nobody to answer.
    pub async fn attempt(self) -> Option<Answer> {
        self.send().await.ok()
    }
}

impl<'a> IntoFuture for Call<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let what = format!("{} {}", self.method, self.path);
        Box::pin(async move {
            self.send()
                .await
                .unwrap_or_else(|e| panic!("{what}: {e:?}"))
        })
    }
}

impl Answer {
    /// Fails unless it has this status. Its body.
    #[track_caller]
    pub fn expect(&self, status: u16) -> &Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text);
        &self.body
    }

    /// Fails unless it is a problem with this status and code. Its body.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Value {
        assert_eq!(
            self.status_and_code(),
            (status, code),
            "{}: {}",
            self.request,
            self.text
        );
        &self.body
    }

    /// Fails unless it has this status and is the first answer under its idempotency key.
    #[track_caller]
    pub fn expect_first(&self, status: u16) -> &Value {
        let replayed = self.header("idempotent-replayed");
        assert_eq!(replayed, None, "{}", self.request);
        self.expect(status)
    }

    /// Fails unless it has this status and repeats the first answer under its idempotency key.
    #[track_caller]
    pub fn expect_replay(&self, status: u16) -> &Value {
        let replayed = self.header("idempotent-replayed");
        assert_eq!(replayed, Some("true"), "{}", self.request);
        self.expect(status)
    }

    pub fn status_and_code(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
