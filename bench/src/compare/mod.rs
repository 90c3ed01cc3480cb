//! `souk-bench compare`: Souk beside the handler that everybody copies and beside what the database allows, in one run,
//! in turn, over and over.

mod affinity;
mod chart;
mod contestants;
pub mod raw;
mod report;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::value_parser;
use sea_orm::ConnectionTrait;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::Failure;
use crate::database::{Databases, Fresh, Place, around_postgres};
use crate::events::{CONNECT_SECRET, Events, Way, id, prefix};
use crate::load::{self, Load, Request};
use crate::mail::SilentMail;
use crate::server::{self, Server, Settings};
use crate::stripe::Stripe;

use affinity::Affinity;
use contestants::{Contestant, Start};
use report::{Figures, Row};

/// A row takes no longer: after 300 s its signatures would be too old anyway.
const LIMIT: Duration = Duration::from_secs(240);
/// How long Stripe takes to tell of a session.
const TELLING: Duration = Duration::from_millis(100);
/// Express asks Stripe about each session, as everybody does.
const VERIFY: &str = "verify";
/// Express asks its own database first, too.
const VERIFY_OWN: &str = "verify, own database first";
/// Orders that are paid by an intent of their own.
const INTENTS: &str = "sales by an intent";
/// As `VERIFY`, of a paid intent.
const VERIFY_INTENT: &str = "verify of an intent";
/// Later periods of subscriptions, each with an order and a payment of its own.
const RENEWALS: &str = "renewals";
/// Who may use what they have subscribed to.
const ACCESS: &str = "access by a subscription";
/// Beside mails, re-reads and pulls.
const WORKING: &str = "sales, the worker at work";
/// Before sales are measured beside the worker, one of so many comes.
const WARMING: u32 = 5;
/// With a Stripe that takes its time.
const CHECKOUT: &str = "checkout";
/// Checkouts that each connection opens.
const CHECKOUTS: u32 = 40;
/// Products among which sales are spread where not all are of one.
const PRODUCTS: u32 = 100;

/// What a server's worker does meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Worker {
    /// It waits on its first jobs, since nobody answers it: Express and the bound have no jobs.
    Waits,
    /// Mail is files, and Stripe answers.
    Works,
}

/// Whether a body is what it should be.
type IsRight = fn(&str) -> bool;

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// Events of each row; each row has a fresh database and a fresh server.
    #[arg(long, default_value_t = 3000, value_parser = value_parser!(u32).range(100..=100_000))]
    events: u32,
    /// How often each row is measured, in turn with the others; the median counts.
    #[arg(long, default_value_t = 3, value_parser = value_parser!(u32).range(1..=20))]
    rounds: u32,
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// Connections at a time, a row each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64", value_parser = value_parser!(u32).range(1..=512))]
    connections: Vec<u32>,
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "express,souk,raw"
    )]
    against: Vec<Contestant>,
    /// Measure sales alone.
    #[arg(long)]
    sales: bool,
    /// Write the figures there, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Draw them there, as SVG.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// Measures, prints a table of medians and their ratios, and writes what was asked for.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let folder = TempDir::with_prefix("souk-bench.")?;
    let Some(places) = args.database.places(folder.path()) else {
        // The program that replaces this one would never delete it.
        folder.close()?;
        return around_postgres();
    };
    let affinity = Affinity::set(&places).await?;
    report::head(args.events, args.rounds, &places, &affinity, folder.path()).await?;
    let bench = Bench {
        args,
        souk: server::binary()?,
        folder: folder.path(),
        affinity,
    };
    let mut rows: BTreeMap<Row, Figures> = BTreeMap::new();
    for round in 1..=args.rounds {
        for place in &places {
            for &contestant in &args.against {
                eprintln!("round {round}: {} on {}", contestant.name(), place.name());
                bench.measure(place, contestant, &mut rows).await?;
            }
        }
    }
    println!("{}", report::tables(&rows));
    if let Some(path) = &args.json {
        std::fs::write(path, format!("{:#}\n", report::json(&rows)))?;
    }
    if let Some(path) = &args.svg {
        std::fs::write(path, chart::svg(&rows))?;
    }
    Ok(())
}

/// What all rows share.
struct Bench<'a> {
    args: &'a Args,
    souk: PathBuf,
    folder: &'a Path,
    affinity: Affinity,
}

/// The figures of one contestant on one database.
struct Notes<'a> {
    database: &'static str,
    contestant: Contestant,
    rows: &'a mut BTreeMap<Row, Figures>,
}

impl Notes<'_> {
    fn add(
        &mut self,
        what: &'static str,
        connections: u32,
        rate: f64,
        load: Option<&Load>,
        peak: Option<u64>,
    ) {
        let row = Row {
            database: self.database,
            what,
            connections,
            contestant: self.contestant,
        };
        self.rows.entry(row).or_default().add(rate, load, peak);
    }

    fn add_load(&mut self, what: &'static str, connections: u32, load: &Load) {
        self.add(what, connections, load.per_second(), Some(load), None);
    }
}

/// A server beside its database and its Stripe.
struct Environment {
    folder: TempDir,
    way: Way,
    fresh: Fresh,
    stripe: Stripe,
    _mail: Option<SilentMail>,
    server: Server,
    first_answer: Duration,
}

impl Bench<'_> {
    /// All rows of one contestant on one database, once.
    async fn measure(
        &self,
        place: &Place,
        contestant: Contestant,
        rows: &mut BTreeMap<Row, Figures>,
    ) -> Result<(), Failure> {
        let mut notes = Notes {
            database: place.name(),
            contestant,
            rows,
        };
        for &connections in &self.args.connections {
            let (way, worker) = (Way::Session, Worker::Waits);
            let environment = self.open(place, contestant, way, 1, worker).await?;
            let started = environment.first_answer.as_secs_f64() * 1000.0;
            let sales = self.sales(&environment, connections).await?;
            let peak = environment.server.peak_memory();
            // The first event was sent when the server started.
            environment
                .fresh
                .check(environment.way, self.args.events)
                .await?;
            let rate = sales.per_second();
            notes.add("sales", connections, rate, Some(&sales), peak);
            notes.add("start", 1, started, None, None);
            if connections == self.most() && !self.args.sales {
                self.measure_known(&environment, &mut notes).await?;
            }
            environment.close().await?;
        }
        if contestant == Contestant::Souk && !self.args.sales {
            self.measure_intents(place, &mut notes).await?;
            self.measure_renewals(place, &mut notes).await?;
            self.measure_souk(place, &mut notes).await?;
        }
        Ok(())
    }

    /// As sessions, and then verified like them.
    async fn measure_intents(&self, place: &Place, notes: &mut Notes<'_>) -> Result<(), Failure> {
        let (most, souk) = (self.most(), Contestant::Souk);
        let environment = self
            .open(place, souk, Way::Intent, 1, Worker::Waits)
            .await?;
        let sales = self.sales(&environment, most).await?;
        environment
            .fresh
            .check(environment.way, self.args.events)
            .await?;
        notes.add_load(INTENTS, most, &sales);
        let asked = self.asked(Way::Intent, "verify");
        let verified = self.send(&environment, asked, most, is_success).await?;
        notes.add_load(VERIFY_INTENT, most, &verified);
        environment.close().await
    }

    /// A night of renewals, and whom they entitle.
    async fn measure_renewals(&self, place: &Place, notes: &mut Notes<'_>) -> Result<(), Failure> {
        let (most, souk, way) = (self.most(), Contestant::Souk, Way::Renewal);
        let environment = self.open(place, souk, way, 1, Worker::Waits).await?;
        let renewals = self.sales(&environment, most).await?;
        let peak = environment.server.peak_memory();
        environment.fresh.check(way, self.args.events).await?;
        let rate = renewals.per_second();
        notes.add(RENEWALS, most, rate, Some(&renewals), peak);
        let token = environment.subscriber().await?;
        let authorization = format!("Bearer {token}");
        let headers = [("authorization", authorization.as_str())];
        let path = |i| format!("/v1/subscriptions/{}/access", id(prefix::SUBSCRIPTION, i));
        let ask = |i| Request::get(&path(i), &headers);
        let asked = (0..self.args.events).map(ask).collect();
        let answered = self.send(&environment, asked, most, is_entitled).await?;
        notes.add_load(ACCESS, most, &answered);
        environment.close().await
    }

    /// The rows about events and sessions that the server knows already.
    async fn measure_known(
        &self,
        environment: &Environment,
        notes: &mut Notes<'_>,
    ) -> Result<(), Failure> {
        let mut rows = vec![("duplicates", self.deliveries()?, is_duplicate as IsRight)];
        if notes.contestant != Contestant::Raw {
            let way = environment.way;
            rows.push((VERIFY, self.asked(way, "verify"), is_success));
            // Souk's verify asks its database first.
            let own = match notes.contestant {
                Contestant::Express => "status",
                _ => "verify",
            };
            rows.push((VERIFY_OWN, self.asked(way, own), is_success));
        }
        let most = self.most();
        for (what, requests, is_right) in rows {
            let load = self.send(environment, requests, most, is_right).await?;
            notes.add_load(what, most, &load);
        }
        Ok(())
    }

    /// The rows that only Souk has.
    async fn measure_souk(&self, place: &Place, notes: &mut Notes<'_>) -> Result<(), Failure> {
        let most = self.most();
        let open = async |products, worker| {
            let souk = Contestant::Souk;
            self.open(place, souk, Way::Session, products, worker).await
        };
        let environment = open(PRODUCTS, Worker::Waits).await?;
        let spread = self.sales(&environment, most).await?;
        environment
            .fresh
            .check(environment.way, self.args.events)
            .await?;
        notes.add_load("sales of many products", most, &spread);
        environment.close().await?;

        let environment = open(1, Worker::Works).await?;
        let first = self.args.events / WARMING;
        // By then the jobs of a start are done, and the worker's connections are open.
        self.deliver(&environment, 1..first, most).await?;
        let rest = first..self.args.events;
        let working = self.deliver(&environment, rest, most).await?;
        environment
            .fresh
            .check(environment.way, self.args.events)
            .await?;
        environment.stripe.was_understood()?;
        notes.add_load(WORKING, most, &working);
        environment.close().await?;

        let environment = open(1, Worker::Waits).await?;
        let events = Events::new()?;
        for (what, updates) in [
            (
                "account.updated",
                events.accounts_updated(self.args.events)?,
            ),
            (
                "thin events of an account",
                events.thin_accounts_updated(self.args.events)?,
            ),
        ] {
            let updates = updates.iter().map(Request::delivery).collect();
            let updates = self.send(&environment, updates, most, is_processed).await?;
            notes.add_load(what, most, &updates);
        }
        // Last, since the worker then has answers too.
        environment.stripe.speak();
        let checkouts = self.checkouts(most);
        let checkouts = self.send(&environment, checkouts, most, |_| true).await?;
        notes.add_load(CHECKOUT, most, &checkouts);
        environment.close().await
    }

    fn most(&self) -> u32 {
        self.args.connections.iter().copied().max().unwrap_or(1)
    }

    /// A fresh database of as many orders as there will be events, and a fresh server that has answered the first.
    async fn open(
        &self,
        place: &Place,
        contestant: Contestant,
        way: Way,
        products: u32,
        worker: Worker,
    ) -> Result<Environment, Failure> {
        let folder = TempDir::new_in(self.folder)?;
        let fresh = place.fresh(folder.path()).await?;
        let speaks = contestant != Contestant::Souk || worker == Worker::Works;
        let stripe = Stripe::start(speaks, TELLING).await?;
        let mail = match worker {
            Worker::Waits => Some(SilentMail::start()?),
            Worker::Works => None,
        };
        let migrate = Settings {
            binary: &self.souk,
            folder: folder.path(),
            database_url: &fresh.url,
            stripe: &stripe.base_url,
            secrets: ("whsec_bench_platform", CONNECT_SECRET),
            more: &[],
        };
        migrate.migrate().await?;
        let products = if self.args.events.is_multiple_of(products) {
            products
        } else {
            1
        };
        fresh.fill(way, self.args.events, products).await?;
        let start = Start {
            souk: &self.souk,
            folder: folder.path(),
            database_url: &fresh.url,
            stripe: &stripe.base_url,
            smtp: mail.as_ref().map_or("", |mail| &mail.url),
            core: self.affinity.servers,
        };
        let first = Events::new()?.signed(way, 0, 1)?;
        let began = Instant::now();
        let server = contestant.spawn(&start).await?;
        loop {
            if TcpStream::connect(server.addr).await.is_ok() {
                let first = first.iter().map(Request::delivery).collect();
                let answered = load::send(server.addr, first, 1, is_processed).await;
                answered.map_err(|e| format!("{}: {e}\n{}", contestant.name(), server.said()))?;
                break;
            }
            if began.elapsed() > Duration::from_secs(30) {
                return Err(
                    format!("{} doesn't start:\n{}", contestant.name(), server.said()).into(),
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(Environment {
            folder,
            way,
            fresh,
            stripe,
            _mail: mail,
            server,
            first_answer: began.elapsed(),
        })
    }

    async fn sales(&self, environment: &Environment, connections: u32) -> Result<Load, Failure> {
        self.deliver(environment, 1..self.args.events, connections)
            .await
    }

    async fn deliver(
        &self,
        environment: &Environment,
        events: Range<u32>,
        connections: u32,
    ) -> Result<Load, Failure> {
        let deliveries = Events::new()?.signed(environment.way, events.start, events.end)?;
        let deliveries = deliveries.iter().map(Request::delivery).collect();
        self.send(environment, deliveries, connections, is_processed)
            .await
    }

    fn deliveries(&self) -> Result<Vec<Request>, Failure> {
        let deliveries = Events::new()?.signed(Way::Session, 0, self.args.events)?;
        Ok(deliveries.iter().map(Request::delivery).collect())
    }

    /// A request about each session or intent.
    fn asked(&self, way: Way, what: &str) -> Vec<Request> {
        let kind = match way {
            Way::Session => "checkout_sessions",
            Way::Intent => "payment_intents",
            Way::Renewal => "subscriptions",
        };
        let path = |i| format!("/v1/{kind}/{}/{what}", id(way.prefix(), i));
        let ask = |i| Request::post(&path(i), &[], "{}");
        (0..self.args.events).map(ask).collect()
    }

    /// Guests who open checkouts, several in turn on each connection. There is stock for as many.
    fn checkouts(&self, connections: u32) -> Vec<Request> {
        let product = id(prefix::PRODUCT, 0);
        let body = format!(
            r#"{{"lines":[{{"product_id":"{product}","quantity":1}}],"customer_email":"buyer@example.com"}}"#
        );
        (0..connections * CHECKOUTS)
            .map(|_| Request::post("/v1/checkout_sessions", &[], &body))
            .collect()
    }

    async fn send(
        &self,
        environment: &Environment,
        requests: Vec<Request>,
        connections: u32,
        is_right: IsRight,
    ) -> Result<Load, Failure> {
        let before = environment.server.processor_time();
        let sending = load::send(environment.server.addr, requests, connections, is_right);
        let sent = tokio::time::timeout(LIMIT, sending).await;
        let sent = sent.map_err(|_| format!("not done within {} s", LIMIT.as_secs()))?;
        let mut sent = sent.map_err(|e| format!("{e}\n{}", environment.server.said()))?;
        let after = environment.server.processor_time();
        sent.processor = before.and_then(|before| after?.checked_sub(before));
        Ok(sent)
    }
}

impl Environment {
    /// Logs in whose the subscriptions are.
    async fn subscriber(&self) -> Result<String, Failure> {
        let body = json!({
            "email": "subscriber@example.com", "password": "correct horse battery", "name": "Bench",
        });
        let url = format!("http://{}/v1/auth/register", self.server.addr);
        let http = reqwest::Client::builder().no_proxy().build()?;
        let request = http.post(url).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await?.text().await?;
        let pair: Value = serde_json::from_str(&answer)?;
        let own = "UPDATE customers SET user_id = (SELECT id FROM users WHERE email = 'subscriber@example.com')";
        self.fresh.db.execute_unprepared(own).await?;
        let token = pair["access_token"].as_str();
        Ok(token.ok_or("no token for the subscriber")?.to_owned())
    }

    async fn close(self) -> Result<(), Failure> {
        self.stripe.speak();
        self.server.kill().await?;
        self.fresh.discard().await?;
        Ok(self.folder.close()?)
    }
}

fn is_processed(body: &str) -> bool {
    body.contains(r#""state":"processed""#)
}

fn is_success(body: &str) -> bool {
    body.contains(r#""success":true"#)
}

fn is_entitled(body: &str) -> bool {
    body.contains(r#""entitled":true"#)
}

fn is_duplicate(body: &str) -> bool {
    // The bound answers both alike.
    body.contains(r#""state":"duplicate""#) || body == r#"{"state":"processed"}"#
}
