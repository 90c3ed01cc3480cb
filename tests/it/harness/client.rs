//! Calls that read like sentences, each answer held to the contract.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use reqwest::Method;
use serde_json::Value;

use crate::contract::{Answered, contract, record_met};

use super::User;

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
        let what = format!("{} {}", self.method, self.path);
        let answer = self.await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        answer.body
    }

    /// Sends it and expects to be refused so.
    pub async fn refused(self, status: u16, code: &str) -> Value {
        let what = format!("{} {}", self.method, self.path);
        let answer = self.await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{what}: {}",
            answer.text
        );
        answer.body
    }

    /// Sends it and expects 422, naming this field.
    pub async fn refuses_field(self, param: &str) -> Value {
        let problem = self.refused(422, "invalid_request").await;
        assert_eq!(problem["param"], param, "{problem}");
        problem
    }

    async fn send(self) -> Result<Answer, reqwest::Error> {
        let address = format!("{}{}", self.client.base, self.path);
        let mut request = self.client.http.request(self.method.clone(), address);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = request.body(self.body).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await?;
        let path = self.path.split('?').next().unwrap_or_default();
        let answered = Answered {
            method: self.method.as_str(),
            path,
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
            Err(fault) => panic!(
                "{} {}: the answer {status} {fault}\n{text}",
                self.method, self.path
            ),
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
        })
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
    /// The problem's code.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
