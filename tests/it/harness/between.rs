//! Stands between the server and Stripe, and changes what Stripe answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use serde_json::Value;
use souk_simulator::Simulator;
use tokio::net::TcpListener;

use super::TestApp;

/// Status and body of an answer, which may be changed; given are path and query.
type Edit = Box<dyn FnMut(&str, &mut u16, &mut Value) + Send>;
/// What is asked of Stripe instead.
type Ask = Box<dyn FnMut(&str) -> String + Send>;

/// How long an answer is held back; given are path and query.
type Delay = Box<dyn FnMut(&str) -> Duration + Send>;

/// A server of Stripe's answers, not all of them as Stripe gave them.
#[derive(Clone)]
pub struct Between {
    base: String,
    inner: Arc<Mutex<Inner>>,
    http: reqwest::Client,
}

#[derive(Default)]
struct Inner {
    stripe: String,
    ask: Option<Ask>,
    edit: Option<Edit>,
    delay: Option<Delay>,
    asked: Vec<String>,
    sent: Vec<String>,
    versions: Vec<(String, String)>,
}

impl Between {
    /// A server of Souk's that asks Stripe through it.
    pub async fn start() -> (TestApp, Self) {
        Self::with(&[]).await
    }

    /// The same with settings of its own.
    pub async fn with(changed: &[(&str, &str)]) -> (TestApp, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let between = Self {
            base: format!("http://{}", listener.local_addr().expect("an address")),
            inner: Arc::default(),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        };
        let service = axum::Router::new()
            .fallback(pass_on)
            .with_state(between.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        let base = [("STRIPE_API_BASE", between.base.as_str())];
        let app = TestApp::with(&[&base, changed].concat()).await;
        between.stands_before(&app.simulator);
        (app, between)
    }

    fn stands_before(&self, simulator: &Simulator) {
        self.lock().stripe = simulator.base_url();
    }

    /// Changes answers from now on.
    pub fn edit(&self, edit: impl FnMut(&str, &mut u16, &mut Value) + Send + 'static) {
        self.lock().edit = Some(Box::new(edit));
    }

    /// Changes what is asked from now on: path and query.
    pub fn ask(&self, ask: impl FnMut(&str) -> String + Send + 'static) {
        self.lock().ask = Some(Box::new(ask));
    }

    /// Holds answers back from now on, which Stripe has given by then.
    pub fn delay(&self, delay: impl FnMut(&str) -> Duration + Send + 'static) {
        self.lock().delay = Some(Box::new(delay));
    }

    /// Answers as Stripe does from now on.
    pub fn be_honest(&self) {
        let mut inner = self.lock();
        inner.edit = None;
        inner.ask = None;
        inner.delay = None;
    }

    /// The requests since the last look, path and query.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.lock().asked)
    }

    /// The bodies that were posted to a path since the last look.
    pub fn sent(&self, path: &str) -> Vec<String> {
        let all = std::mem::take(&mut self.lock().sent).into_iter();
        all.filter(|sent| sent.starts_with(&format!("{path} ")))
            .collect()
    }

    /// The API versions of the requests to a path so far.
    pub fn versions(&self, path: &str) -> Vec<String> {
        let inner = self.lock();
        let of_path = inner.versions.iter().filter(|(to, _)| to == path);
        of_path.map(|(_, version)| version.clone()).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("a lock")
    }
}

async fn pass_on(State(between): State<Between>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let asked = parts
        .uri
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let address = {
        let mut inner = between.lock();
        inner.asked.push(asked.clone());
        let path = match &mut inner.ask {
            Some(ask) => ask(&asked),
            None => asked.clone(),
        };
        format!("{}{path}", inner.stripe)
    };
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let posted = String::from_utf8_lossy(&body);
    between.lock().sent.push(format!("{asked} {posted}"));
    let mut headers = parts.headers;
    let version = headers.get("stripe-version");
    let version = version.and_then(|version| version.to_str().ok());
    let version = (asked.clone(), version.unwrap_or_default().to_owned());
    between.lock().versions.push(version);
    headers.remove("host");
    let answer = between
        .http
        .request(parts.method, address)
        .headers(headers)
        .body(body)
        .send()
        .await
        .expect("an answer");
    let mut status = answer.status().as_u16();
    let bytes = answer.bytes().await.expect("a body");
    let held = between.lock().delay.as_mut().map(|delay| delay(&asked));
    tokio::time::sleep(held.unwrap_or_default()).await;
    let bytes = match serde_json::from_slice::<Value>(&bytes) {
        Ok(mut json) => {
            if let Some(edit) = &mut between.lock().edit {
                edit(&asked, &mut status, &mut json);
            }
            json.to_string().into()
        }
        Err(_) => bytes,
    };
    Response::builder()
        .status(status)
        .body(Body::from(bytes))
        .expect("an answer")
}
