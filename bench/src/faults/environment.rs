//! The environment of a run: the simulator, a fresh database, and real server processes, which can be killed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use souk_simulator::{Deliveries, Options, Simulator};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::clock;
use super::delivery::{DeliveryProxy, Network};
use super::load_balancer::LoadBalancer;
use crate::Failure;
use crate::database::Fresh;
use crate::server::{Server, Settings};

/// The types of thin events that Souk's event destination has (`souk webhooks` prints them). The thin forms of other events
/// would make up for snapshots that are lost on the way.
const THIN_TYPES: [&str; 12] = [
    "v2.core.account.closed",
    "v2.core.account.created",
    "v2.core.account.updated",
    "v2.core.account[configuration.merchant].capability_status_updated",
    "v2.core.account[configuration.merchant].updated",
    "v2.core.account[configuration.recipient].capability_status_updated",
    "v2.core.account[configuration.recipient].updated",
    "v2.core.account[defaults].updated",
    "v2.core.account[future_requirements].updated",
    "v2.core.account[identity].updated",
    "v2.core.account[requirements].updated",
    "v2.core.account_link.returned",
];

/// What an environment is made of.
pub struct Setup<'a> {
    pub binary: &'a Path,
    /// A folder of this run alone.
    pub folder: &'a Path,
    pub fresh: &'a Fresh,
    pub network: Network,
    pub replicas: usize,
    /// Settings of the first, second, … replica beside the usual ones.
    pub more: &'a [Vec<(&'a str, &'a str)>],
}

/// The simulator runs in this process, so that it survives whatever is done to the servers.
pub struct Environment<'a> {
    pub simulator: Simulator,
    pub proxy: DeliveryProxy,
    pub balancer: LoadBalancer,
    pub http: reqwest::Client,
    setup: Setup<'a>,
    secrets: (String, String),
    ports: Vec<SocketAddr>,
    servers: Mutex<Vec<Option<Server>>>,
    unrelated_events: AtomicU32,
    /// How far the time of Stripe and of the servers is ahead, in seconds.
    ahead: AtomicI64,
}

impl<'a> Environment<'a> {
    /// Starts everything, on an empty database.
    pub async fn open(setup: Setup<'a>) -> Result<Self, Failure> {
        let simulator = Simulator::start(Options {
            seed: setup.network.seed,
            // The proxy is the network. The simulator itself posts each event once.
            deliveries: Deliveries::Faithful,
            ..Options::default()
        })
        .await?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(40))
            .build()?;
        let mut ports = Vec::new();
        for _ in 0..setup.replicas {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            ports.push(listener.local_addr()?);
        }
        let balancer = LoadBalancer::open(ports.clone()).await?;
        let proxy = DeliveryProxy::start(setup.network, balancer.addr, http.clone()).await?;
        let base = &proxy.base_url;
        let platform = simulator
            .ensure_webhook_endpoint("platform", &format!("{base}/platform"), false)
            .await;
        let connect = simulator
            .ensure_webhook_endpoint("connect", &format!("{base}/connect"), true)
            .await;
        // The proxy signs what it passes on with the secret of the endpoint that it comes to.
        simulator
            .ensure_event_destination("thin", &format!("{base}/connect"), &THIN_TYPES)
            .await;
        proxy.set_secrets(platform.secret.clone(), connect.secret.clone());
        let environment = Self {
            servers: Mutex::new((0..setup.replicas).map(|_| None).collect()),
            secrets: (platform.secret, connect.secret),
            simulator,
            proxy,
            balancer,
            http,
            setup,
            ports,
            unrelated_events: AtomicU32::new(0),
            ahead: AtomicI64::new(0),
        };
        environment.start_all().await?;
        Ok(environment)
    }

    /// How many replicas there are.
    pub fn replicas(&self) -> usize {
        self.ports.len()
    }

    /// The address that buyers and sellers use.
    pub fn shop(&self) -> SocketAddr {
        match self.setup.network.clocks {
            true => self.ports[0],
            false => self.balancer.addr,
        }
    }

    /// Delivers an event without an effect to a replica, signed at this second. The answer's status.
    pub async fn send_unrelated_event(&self, replica: usize, at: i64) -> Result<u16, Failure> {
        let nth = self.unrelated_events.fetch_add(1, Ordering::Relaxed);
        let body = json!({
            "id": format!("evt_unrelated_{nth}"), "object": "event", "type": "customer.created", "livemode": false,
            "account": "acct_nobody", "created": at, "data": { "object": { "id": "cus_1" } },
        })
        .to_string();
        let signature = souk_simulator::sign(&self.secrets.1, at, body.as_bytes());
        let url = format!("http://{}/webhooks/stripe/connect", self.ports[replica]);
        let request = self.http.post(url).header("stripe-signature", signature);
        let answer = request.body(body).send().await?;
        Ok(answer.status().as_u16())
    }

    /// Where a replica keeps its log and mail.
    pub fn folder(&self, replica: usize) -> PathBuf {
        self.setup.folder.join(format!("replica-{replica}"))
    }

    /// Does something with a replica's settings and a few more.
    async fn with_settings<T>(
        &self,
        replica: usize,
        and: &[(&str, &str)],
        work: impl AsyncFnOnce(&Settings<'_>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let folder = self.folder(replica);
        std::fs::create_dir_all(&folder)?;
        let base = self.simulator.base_url();
        let mut more = vec![("JWT_SECRET", "the same secret for all of the replicas")];
        more.extend(self.setup.more.get(replica).into_iter().flatten());
        more.extend(and);
        let ahead = format!("{:+}", self.ahead.load(Ordering::SeqCst));
        more.extend(clock::settings(&ahead));
        let settings = Settings {
            binary: self.setup.binary,
            folder: &folder,
            database_url: &self.setup.fresh.url,
            stripe: &base,
            secrets: (&self.secrets.0, &self.secrets.1),
            more: &more,
        };
        work(&settings).await
    }

    /// Starts a replica that isn't running.
    pub async fn start(&self, replica: usize) -> Result<(), Failure> {
        let addr = self.ports[replica];
        let serve = async |settings: &Settings<'_>| settings.serve_at(addr, &self.http).await;
        let server = self.with_settings(replica, &[], serve).await?;
        self.servers.lock().await[replica] = Some(server);
        Ok(())
    }

    /// Lets time pass, at Stripe and for servers that start from now on. None may be running.
    pub async fn advance(&self, seconds: i64) {
        let ahead = self.ahead.fetch_add(seconds, Ordering::SeqCst) + seconds;
        self.proxy.set_ahead(ahead);
        self.simulator.advance(seconds).await;
    }

    /// The servers' time, in milliseconds.
    pub fn now_ms(&self) -> Result<i64, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        Ok(i64::try_from(now)? + self.ahead.load(Ordering::SeqCst) * 1000)
    }

    /// Makes somebody an admin.
    pub async fn make_admin(&self, email: &str, password: &str) -> Result<(), Failure> {
        let make = async |settings: &Settings<'_>| settings.make_admin(email).await;
        let password = [("SOUK_ADMIN_PASSWORD", password)];
        self.with_settings(0, &password, make).await
    }

    /// Starts those that aren't running.
    pub async fn start_all(&self) -> Result<(), Failure> {
        for replica in 0..self.replicas() {
            let runs = self.servers.lock().await[replica].is_some();
            if !runs {
                self.start(replica).await?;
            }
        }
        Ok(())
    }

    async fn take(&self, replica: usize) -> Option<Server> {
        self.servers.lock().await[replica].take()
    }

    /// `kill -9`.
    pub async fn kill(&self, replica: usize) -> Result<(), Failure> {
        match self.take(replica).await {
            Some(server) => server.kill().await,
            None => Ok(()),
        }
    }

    /// SIGTERM, and waits until it is gone.
    pub async fn stop(&self, replica: usize) -> Result<(), Failure> {
        match self.take(replica).await {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }

    /// Stops them all, at once.
    pub async fn stop_all(&self) -> Result<(), Failure> {
        let mut stops = JoinSet::new();
        for replica in 0..self.replicas() {
            if let Some(server) = self.take(replica).await {
                stops.spawn(server.stop());
            }
        }
        while let Some(stopped) = stops.join_next().await {
            stopped??;
        }
        Ok(())
    }

    /// Sends a running replica a signal, such as STOP.
    pub async fn signal(&self, replica: usize, name: &str) -> Result<(), Failure> {
        match &self.servers.lock().await[replica] {
            Some(server) => server.signal(name).await,
            None => Err("no such replica runs".into()),
        }
    }

    /// The most memory that any replica has had, in KiB.
    pub async fn peak_memory(&self) -> Option<u64> {
        let servers = self.servers.lock().await;
        servers
            .iter()
            .flatten()
            .filter_map(Server::peak_memory)
            .max()
    }

    /// Whether a replica's log has these words.
    pub fn said(&self, replica: usize, words: &str) -> bool {
        let log = self.folder(replica).join("souk.log");
        std::fs::read_to_string(log).is_ok_and(|text| text.contains(words))
    }

    /// The last lines of all logs.
    pub fn log_tail(&self) -> String {
        let tail = |replica| {
            let log = self.folder(replica).join("souk.log");
            let text = std::fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            format!(
                "-- replica {replica}\n{}\n",
                lines[lines.len().saturating_sub(15)..].join("\n")
            )
        };
        (0..self.replicas()).map(tail).collect()
    }
}
