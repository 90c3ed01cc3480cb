//! `souk-bench stripe-mocks`: requests a second of the simulator beside other mocks of Stripe, in one run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::value_parser;
use serde_json::Value;
use souk_simulator::{Deliveries, Options, Simulator};
use tokio::task::JoinSet;

use crate::Failure;

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// A mock that runs already, as NAME=URL; the first is compared with the others. Repeatable.
    #[arg(long = "mock", value_name = "NAME=URL", required = true)]
    mocks: Vec<Mock>,
    /// Requests under way at a time, over kept-alive connections.
    #[arg(long, default_value_t = 8, value_parser = value_parser!(u32).range(1..=64))]
    concurrency: u32,
    /// Seconds for each mock and kind of work; all take turns, three times over.
    #[arg(long, default_value_t = 6, value_parser = value_parser!(u64).range(3..=60))]
    seconds: u64,
    /// Events to deliver from the built-in simulator to one endpoint.
    #[arg(long, default_value_t = 5000, value_parser = value_parser!(u32).range(100..=100_000))]
    events: u32,
}

#[derive(Clone)]
struct Mock {
    name: String,
    base: String,
}

impl std::str::FromStr for Mock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, base) = text
            .split_once('=')
            .filter(|(_, base)| base.starts_with("http://127.0.0.1:"))
            .ok_or("it is NAME=http://127.0.0.1:PORT")?;
        Ok(Self {
            name: name.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
        })
    }
}

/// A kind of work: what is asked, one after the other; `{id}` is that of the first answer.
struct Work {
    name: &'static str,
    asks: &'static [(&'static str, &'static str, &'static str)],
}

const WORK: [Work; 4] = [
    Work {
        name: "create and confirm a payment intent",
        asks: &[
            (
                "POST",
                "/v1/payment_intents",
                "amount=2000&currency=usd&payment_method=pm_card_visa&payment_method_types[]=card",
            ),
            ("POST", "/v1/payment_intents/{id}/confirm", ""),
        ],
    },
    Work {
        name: "list ten payment intents",
        asks: &[("GET", "/v1/payment_intents?limit=10", "")],
    },
    Work {
        name: "create a charge",
        asks: &[(
            "POST",
            "/v1/charges",
            "amount=2000&currency=usd&source=tok_visa",
        )],
    },
    Work {
        name: "list ten charges",
        asks: &[("GET", "/v1/charges?limit=10", "")],
    },
];

const ROUNDS: u32 = 3;

/// Runs all of it and prints a table.
///
/// # Errors
/// When the first mock can't do something, or events don't arrive.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let http = reqwest::Client::builder().no_proxy().build()?;
    println!("| work | mock | times/s | of the first |\n| --- | --- | --- | --- |");
    for work in &WORK {
        let mut done = vec![None; args.mocks.len()];
        for _ in 0..ROUNDS {
            for (at, mock) in args.mocks.iter().enumerate() {
                if once(&http, mock, work).await.is_err() {
                    continue;
                }
                let time = Duration::from_millis(args.seconds * 1000 / u64::from(ROUNDS));
                let count = load(&http, mock, work, args.concurrency, time).await;
                *done[at].get_or_insert(0) += count;
            }
        }
        let first = done[0].ok_or_else(|| format!("{} can't {}", args.mocks[0].name, work.name))?;
        for (mock, done) in args.mocks.iter().zip(done) {
            let (rate, ratio) = match done {
                None => ("can't".to_owned(), String::new()),
                Some(n) => (
                    (n / args.seconds).to_string(),
                    format!("{:.2}", n as f64 / first as f64),
                ),
            };
            println!("| {} | {} | {rate} | {ratio} |", work.name, mock.name);
        }
    }
    let rate = deliveries(&http, args.events).await?;
    println!("| deliver an event, signed | built-in simulator | {rate} | |");
    Ok(())
}

/// Asks once, each request after the other.
async fn once(http: &reqwest::Client, mock: &Mock, work: &Work) -> Result<(), Failure> {
    let mut id = String::new();
    for (method, path, form) in work.asks {
        let url = format!("{}{}", mock.base, path.replace("{id}", &id));
        let answer = http
            .request(method.parse()?, url)
            .header("Authorization", "Bearer sk_test_bench_0123456789")
            .header("Content-Type", "application/x-www-form-urlencoded")
            // The words of this version are those that the mocks know.
            .header("Stripe-Version", "2026-05-27.dahlia")
            .body(*form)
            .send()
            .await?
            .error_for_status()?;
        let body: Value = serde_json::from_slice(&answer.bytes().await?)?;
        id = body["id"].as_str().unwrap_or_default().to_owned();
    }
    Ok(())
}

/// How often work was done in a time, with so many at it.
async fn load(
    http: &reqwest::Client,
    mock: &Mock,
    work: &'static Work,
    concurrency: u32,
    time: Duration,
) -> u64 {
    let done = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + time;
    let mut all = JoinSet::new();
    for _ in 0..concurrency {
        let (http, mock, done) = (http.clone(), mock.clone(), done.clone());
        all.spawn(async move {
            while Instant::now() < until {
                if once(&http, &mock, work).await.is_ok() {
                    done.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    all.join_all().await;
    done.load(Ordering::Relaxed)
}

/// Events a second from the built-in simulator to an endpoint in this process, each once.
async fn deliveries(http: &reqwest::Client, events: u32) -> Result<u64, Failure> {
    let simulator = Simulator::start(Options {
        deliveries: Deliveries::Held,
        ..Options::default()
    })
    .await?;
    let got = Arc::new(AtomicU64::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/hook", listener.local_addr()?);
    let counts = got.clone();
    let hook = axum::routing::post(async move || {
        counts.fetch_add(1, Ordering::Relaxed);
    });
    let app = axum::Router::new().route("/hook", hook);
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    simulator
        .ensure_webhook_endpoint("bench", &url, false)
        .await;
    let mock = Mock {
        name: String::new(),
        base: simulator.base_url(),
    };
    let customer = Work {
        name: "",
        asks: &[("POST", "/v1/customers", "name=Ada")],
    };
    for _ in 0..events {
        once(http, &mock, &customer).await?;
    }
    let began = Instant::now();
    simulator.deliver_pending().await;
    let took = began.elapsed();
    server.abort();
    simulator.stop().await;
    let arrived = got.load(Ordering::Relaxed);
    if arrived < u64::from(events) {
        return Err(format!("{arrived} of {events} events arrived").into());
    }
    Ok(arrived * 1000 / u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1))
}
