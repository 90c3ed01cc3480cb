//! How requests go to Stripe and answers come back.

mod upload;
mod v2;

pub use upload::Upload;
pub use v2::{V2Page, V2Request};

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use souk_entity::{AccountId, Timestamp};
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use time::OffsetDateTime;

use crate::config::Config;
use crate::db::assert_no_open_transaction;
use crate::error::{Error, Result, StripeFault};
use crate::ids;

/// The API version that every request names (docs.stripe.com/api/versioning).
pub const API_VERSION: &str = "2026-09-30.endive";
/// The API version of requests to `/v2/…`, which moves by itself (docs.stripe.com/api-v2-overview).
pub const V2_API_VERSION: &str = "2026-09-30.endive";

const TIMEOUT: Duration = Duration::from_secs(30);
/// Tries within one call. After that a job repeats the request under the same key.
const TRIES: u32 = 3;

/// A client of Stripe, or of the simulator at `STRIPE_API_BASE`. Cheap to clone.
#[derive(Clone)]
pub struct Stripe {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: String,
    files_base: String,
    key: SecretString,
    livemode: bool,
    /// The platform's own account, once it is known.
    platform: OnceLock<AccountId>,
}

/// Stripe as the platform, or as the platform acting on a connected account (`Stripe-Account`).
#[derive(Clone)]
pub struct Scope {
    stripe: Stripe,
    account: Option<AccountId>,
}

/// A request as it goes over the wire. It is stored before its first send, so that a retry repeats it byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreparedRequest {
    /// With its query.
    pub path: String,
    /// The connected account; none: the platform.
    pub account: Option<AccountId>,
    /// The API version.
    pub version: String,
    /// Form encoded; none: a GET.
    pub body: Option<String>,
}

/// A page of one of Stripe's lists.
#[derive(Debug, Deserialize)]
pub struct Page {
    /// The objects, raw.
    pub data: Vec<Value>,
    /// Whether there are more behind the last.
    pub has_more: bool,
}

impl Stripe {
    /// A client for the settings' key and address.
    ///
    /// # Errors
    /// The HTTP client could not be built.
    pub fn new(config: &Config) -> Result<Self> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| Error::internal(format!("HTTP client: {e}")))?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                base: config.stripe_api_base.clone(),
                files_base: config.stripe_files_base.clone(),
                key: config.stripe_secret_key.clone(),
                livemode: config.livemode,
                platform: OnceLock::new(),
            }),
        })
    }

    /// Whether the key is a live one.
    pub fn livemode(&self) -> bool {
        self.inner.livemode
    }

    /// Stripe's time, in whole seconds, as its answers are stamped with it (`Date`, RFC 9110 section 6.6.1). The answer may be
    /// a refusal.
    ///
    /// # Errors
    /// [`Error::StripeUnavailable`]: nobody answered, or without a time.
    pub async fn time(&self) -> Result<Timestamp> {
        assert_no_open_transaction();
        let request = self
            .inner
            .http
            .get(format!("{}/v1/account", self.inner.base));
        let sent = request
            .bearer_auth(self.inner.key.expose_secret())
            .send()
            .await;
        let response = sent.map_err(|e| Failure::no_answer(&e).error)?;
        let date = response.headers().get(reqwest::header::DATE);
        let date = date.and_then(|date| date.to_str().ok()).and_then(|date| {
            OffsetDateTime::parse(date, &time::format_description::well_known::Rfc2822).ok()
        });
        match date {
            Some(date) => Ok(Timestamp::from_seconds(date.unix_timestamp())),
            None => Err(Error::StripeUnavailable(Box::new(StripeFault {
                message: "the answer has no date".to_owned(),
                ..StripeFault::default()
            }))),
        }
    }

    /// Acting as the platform.
    pub fn platform(&self) -> Scope {
        Scope {
            stripe: self.clone(),
            account: None,
        }
    }

    /// Acting on an account of ours: a connected one, or the platform's own, whose requests name no account
    /// (docs.stripe.com/api/connected-accounts).
    pub fn at(&self, account: &AccountId) -> Scope {
        let is_platform = self.inner.platform.get() == Some(account);
        Scope {
            stripe: self.clone(),
            account: (!is_platform).then(|| account.clone()),
        }
    }

    /// Notes which account is the platform's own. It never changes while a process runs.
    pub fn know_platform(&self, account: AccountId) {
        self.inner.platform.get_or_init(|| account);
    }

    /// Sends a stored request, again or for the first time, on the account it was made for.
    ///
    /// # Errors
    /// [`Error::StripeRefused`], [`Error::AccessLost`], [`Error::KeyRefused`]: Stripe did nothing this time.
    /// [`Error::StripeUnavailable`]: whether it did is unknown.
    pub async fn send<V: DeserializeOwned>(
        &self,
        request: &PreparedRequest,
        key: &str,
    ) -> Result<V> {
        let scope = Scope {
            stripe: self.clone(),
            account: request.account.clone(),
        };
        let method = if request.body.is_some() {
            reqwest::Method::POST
        } else {
            reqwest::Method::GET
        };
        let sent = Sent {
            method,
            host: Host::Api,
            path: format!("/v1{}", request.path),
            body: request.body.clone().map(Body::Form),
            key: Some(key),
            version: &request.version,
        };
        view(scope.send_with_retries(&sent).await?)
    }
}

impl Scope {
    /// The request as it will be sent, for a caller that stores it first.
    pub fn prepare<R: StripeRequest>(&self, request: &R) -> PreparedRequest {
        let (_, path, body) = parts(request.build());
        PreparedRequest {
            path,
            account: self.account.clone(),
            version: API_VERSION.to_owned(),
            body: Some(body.unwrap_or_default()),
        }
    }

    /// Reads an object or a page.
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn get<V: DeserializeOwned, R: StripeRequest>(&self, request: &R) -> Result<V> {
        view(self.send_with_retries(&Sent::v1(request, None)).await?)
    }

    /// Reads an object or a page of `/v2/…`. What its `include` doesn't name is null: not asked for, and not lost.
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn get_v2<V: DeserializeOwned>(&self, request: &V2Request) -> Result<V> {
        view(self.send_with_retries(&Sent::v2(request, None)).await?)
    }

    /// Writes at `/v2/…` under an idempotency key. A repetition with the same key replays what was done and tries again what
    /// had failed (docs.stripe.com/api-v2-overview#idempotency).
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn post_v2<V: DeserializeOwned>(&self, request: &V2Request, key: &str) -> Result<V> {
        view(
            self.send_with_retries(&Sent::v2(request, Some(key)))
                .await?,
        )
    }

    /// The objects of a list whose `metadata` has this value under this name, newest first. `page` makes the request for
    /// the page after an id. Every page is read (docs.stripe.com/api/pagination).
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn find_by_metadata<V: DeserializeOwned, R: StripeRequest>(
        &self,
        (name, value): (&str, &str),
        page: impl Fn(Option<&str>) -> R,
    ) -> Result<Vec<V>> {
        self.list_where(|object| object["metadata"][name] == value, page)
            .await
    }

    /// All objects of a list, in its order. `page` makes the request for the page after an id.
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn all<V: DeserializeOwned, R: StripeRequest>(
        &self,
        page: impl Fn(Option<&str>) -> R,
    ) -> Result<Vec<V>> {
        self.list_where(|_| true, page).await
    }

    async fn list_where<V: DeserializeOwned, R: StripeRequest>(
        &self,
        is_wanted: impl Fn(&Value) -> bool,
        page: impl Fn(Option<&str>) -> R,
    ) -> Result<Vec<V>> {
        let mut found = Vec::new();
        let mut last: Option<String> = None;
        loop {
            let Page { data, has_more } = self.get(&page(last.as_deref())).await?;
            last = data
                .last()
                .and_then(|object| object["id"].as_str())
                .map(str::to_owned);
            for object in data {
                if is_wanted(&object) {
                    found.push(view(object)?);
                }
            }
            if !has_more || last.is_none() {
                return Ok(found);
            }
        }
    }

    /// Writes under an idempotency key: a repetition with the same key has no second effect
    /// (docs.stripe.com/api/idempotent_requests).
    ///
    /// # Errors
    /// As [`Stripe::send`].
    pub async fn post<V: DeserializeOwned, R: StripeRequest>(
        &self,
        request: &R,
        key: &str,
    ) -> Result<V> {
        view(
            self.send_with_retries(&Sent::v1(request, Some(key)))
                .await?,
        )
    }

    async fn send_with_retries(&self, sent: &Sent<'_>) -> Result<Value> {
        assert_no_open_transaction();
        let may_repeat = sent.method == reqwest::Method::GET || sent.key.is_some();
        let mut attempt = 1;
        loop {
            let outcome = self.try_once(sent).await;
            let Err(failure) = outcome else {
                return outcome.map_err(|failure| failure.error);
            };
            if !may_repeat || !failure.retryable || attempt >= TRIES {
                return Err(failure.error);
            }
            let pause = ids::random_below(200 << attempt);
            tokio::time::sleep(Duration::from_millis(pause.unsigned_abs())).await;
            attempt += 1;
        }
    }

    async fn try_once(&self, sent: &Sent<'_>) -> Result<Value, Failure> {
        let inner = &self.stripe.inner;
        let base = match sent.host {
            Host::Api => &inner.base,
            Host::Files => &inner.files_base,
        };
        let mut request = inner
            .http
            .request(sent.method.clone(), format!("{base}{}", sent.path))
            .bearer_auth(inner.key.expose_secret())
            .header("Stripe-Version", sent.version);
        if let Some(account) = &self.account {
            // docs.stripe.com/context: `/v2/…` knows the account by its context.
            let header = match sent.is_v2() {
                true => "Stripe-Context",
                false => "Stripe-Account",
            };
            request = request.header(header, account.as_ref());
        }
        if let Some(key) = sent.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &sent.body {
            request = match body {
                Body::Form(form) => request
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .body(form.clone()),
                Body::Json(json) => request
                    .header("Content-Type", "application/json")
                    .body(json.clone()),
                Body::File(file) => request.multipart(file.form().map_err(Failure::ours)?),
            };
        }
        let response = request.send().await.map_err(|e| Failure::no_answer(&e))?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await.map_err(|e| Failure::no_answer(&e))?;
        if (200..300).contains(&status) {
            return serde_json::from_slice(&bytes).map_err(|e| {
                Failure::unknown(StripeFault {
                    status: Some(status),
                    message: format!("the answer is not JSON: {e}"),
                    ..StripeFault::default()
                })
            });
        }
        Err(Failure::answered(
            status,
            &headers,
            &bytes,
            self.concerned(&sent.path),
        ))
    }

    /// The connected account that a request concerns: the one that is acted on, or the one that the path names.
    fn concerned(&self, path: &str) -> Option<AccountId> {
        let named = || {
            let v1 = path.strip_prefix("/v1/accounts/");
            let rest = v1.or_else(|| path.strip_prefix("/v2/core/accounts/"))?;
            Some(AccountId::from(rest.split(['/', '?']).next()?))
        };
        self.account.clone().or_else(named)
    }
}

/// A request as it is tried, once or several times.
struct Sent<'a> {
    method: reqwest::Method,
    host: Host,
    /// Behind the host, with its query.
    path: String,
    body: Option<Body<'a>>,
    key: Option<&'a str>,
    version: &'a str,
}

/// Which of Stripe's hosts a request goes to.
#[derive(Clone, Copy)]
enum Host {
    Api,
    Files,
}

/// The body of a request: a form in `/v1/…`, JSON in `/v2/…`, and a file's.
enum Body<'a> {
    Form(String),
    Json(String),
    File(&'a Upload<'a>),
}

impl<'a> Sent<'a> {
    fn v1<R: StripeRequest>(request: &R, key: Option<&'a str>) -> Self {
        let (method, path, body) = parts(request.build());
        Self {
            method,
            host: Host::Api,
            path: format!("/v1{path}"),
            body: body.map(Body::Form),
            key,
            version: API_VERSION,
        }
    }

    fn v2(request: &V2Request, key: Option<&'a str>) -> Self {
        let json = request.body.as_ref().map(Value::to_string);
        Self {
            method: match json {
                Some(_) => reqwest::Method::POST,
                None => reqwest::Method::GET,
            },
            host: Host::Api,
            path: request.path.clone(),
            body: json.map(Body::Json),
            key,
            version: V2_API_VERSION,
        }
    }

    fn is_v2(&self) -> bool {
        self.path.starts_with("/v2/")
    }
}

/// A failed try. `retryable`: the same request may be sent again at once.
struct Failure {
    error: Error,
    retryable: bool,
}

impl Failure {
    /// Nothing was sent.
    fn ours(error: Error) -> Self {
        Self {
            error,
            retryable: false,
        }
    }

    fn unknown(fault: StripeFault) -> Self {
        Self {
            error: Error::StripeUnavailable(Box::new(fault)),
            retryable: true,
        }
    }

    fn no_answer(e: &reqwest::Error) -> Self {
        // Words of our own, since reqwest's error shows the URL, and that may hold an id.
        let message = if e.is_timeout() {
            "timed out".to_owned()
        } else if e.is_connect() {
            "no connection".to_owned()
        } else {
            "the connection broke off".to_owned()
        };
        Self::unknown(StripeFault {
            message,
            ..StripeFault::default()
        })
    }

    /// `Stripe-Should-Retry` decides; without it 409, 429 and 5xx are retryable (docs.stripe.com/error-low-level). An answer that
    /// isn't Stripe's says nothing of what Stripe did.
    fn answered(
        status: u16,
        headers: &HeaderMap,
        bytes: &[u8],
        account: Option<AccountId>,
    ) -> Self {
        let header = |name| {
            headers
                .get(name)
                .and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok())
        };
        let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let error = &body["error"];
        let text = |name: &str| error[name].as_str().map(str::to_owned);
        let fault = StripeFault {
            status: Some(status),
            kind: text("type").unwrap_or_default(),
            code: text("code"),
            decline_code: text("decline_code"),
            advice_code: text("advice_code"),
            param: text("param"),
            message: text("message").unwrap_or_else(|| format!("status {status}")),
            user_message: text("user_message"),
            request_id: header("request-id").map(str::to_owned),
        };
        let passing = matches!(status, 409 | 429) || status >= 500;
        // Something on the way may answer for Stripe, whose own errors always have this object.
        let is_stripes = error.is_object();
        let retryable = match header("stripe-should-retry") {
            Some("true") => true,
            Some("false") => false,
            _ => passing,
        };
        let is_access_lost = status == 403 && fault.code.as_deref() == Some("account_invalid");
        let error = match account.filter(|_| is_access_lost) {
            Some(account) => Error::AccessLost { account },
            None if passing || !is_stripes => Error::StripeUnavailable(Box::new(fault)),
            None if matches!(status, 401 | 403) => Error::KeyRefused(Box::new(fault)),
            None => Error::StripeRefused(Box::new(fault)),
        };
        Self { error, retryable }
    }
}

fn parts(request: RequestBuilder) -> (reqwest::Method, String, Option<String>) {
    let method = match request.method {
        StripeMethod::Get => reqwest::Method::GET,
        StripeMethod::Post => reqwest::Method::POST,
        StripeMethod::Delete => reqwest::Method::DELETE,
    };
    let query = request.query.filter(|query| !query.is_empty());
    let path = match query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path,
    };
    (method, path, request.body)
}

fn view<V: DeserializeOwned>(value: Value) -> Result<V> {
    let id = value["id"].as_str().unwrap_or("an object").to_owned();
    serde_path_to_error::deserialize(value).map_err(|e| {
        // The path without the value, which may hold a link or a secret.
        Error::internal(format!(
            "Stripe's {id} has an unexpected shape at {}",
            e.path()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_error_of_stripes_own_is_a_definite_no() {
        let stripes =
            r#"{ "error": { "type": "invalid_request_error", "message": "No such refund" } }"#;
        let of_v2 = r#"{ "error": { "code": "not_found", "message": "Account not found." } }"#;
        let foreign = r#"{ "message": "no Route matched with those values" }"#;
        let of = |status, body: &str| {
            Failure::answered(status, &HeaderMap::new(), body.as_bytes(), None).error
        };
        for status in [400, 402, 404, 422] {
            assert!(matches!(of(status, stripes), Error::StripeRefused(_)));
            assert!(matches!(of(status, of_v2), Error::StripeRefused(_)));
        }
        for status in [401, 403] {
            assert!(matches!(of(status, stripes), Error::KeyRefused(_)));
        }
        for status in [400, 401, 402, 403, 404, 407, 409, 413, 429, 500, 503] {
            for body in [
                foreign,
                "<html>Not here</html>",
                r#"{ "error": "denied" }"#,
                "",
            ] {
                let unknown = matches!(of(status, body), Error::StripeUnavailable(_));
                assert!(unknown, "{status} {body}");
            }
        }
    }
}
