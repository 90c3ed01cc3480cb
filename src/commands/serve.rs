//! `souk serve`.

use souk::clock::Clock;
use souk::config::{Config, StripeMode, origin};
use souk::metrics::Exporter;
use souk_simulator::{Options, Simulator, State};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Failure, seed, settings};

/// Serves until it is told to stop.
pub async fn run() -> Result<(), Failure> {
    log();
    // Before anything can be reached, so that every stop is a clean one.
    let stop = Stop::listen()?;
    let mut served = start(settings()?).await?;
    served.announce();
    let refused = ended(stop, &mut served.running).await;
    served.stop().await;
    refused
}

/// Waits for a signal to stop, or for an error with which the server must not go on.
async fn ended(stop: Stop, running: &mut souk::Running) -> Result<(), Failure> {
    tokio::select! {
        () = stop.wanted() => {
            println!("Stopping.");
            Ok(())
        }
        error = running.refused() => Err(error.into()),
    }
}

/// `souk worker`: does the jobs until it is told to stop.
pub async fn work() -> Result<(), Failure> {
    log();
    let stop = Stop::listen()?;
    let config = settings()?;
    if matches!(config.stripe_mode, StripeMode::Simulated)
        || config.database_url.starts_with("sqlite:")
    {
        return Err("a worker apart from `souk serve` takes PostgreSQL (DATABASE_URL) and a STRIPE_SECRET_KEY".into());
    }
    let exporter = count(&config).await?;
    let mut running = souk::work(souk::assemble(config, Clock::System).await?);
    if let Some(exporter) = exporter {
        running.tell_prometheus(exporter);
    }
    println!("Souk's worker is at work. Ctrl-C stops it.");
    let refused = ended(stop, &mut running).await;
    running.stop().await;
    refused
}

fn log() {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,sea_orm=warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(std::io::stderr)
        .init();
}

/// Starts collecting metrics, if the settings want it.
async fn count(config: &Config) -> Result<Option<Exporter>, Failure> {
    let Some(addr) = config.metrics_bind else {
        return Ok(None);
    };
    let exporter = Exporter::bind(addr).await;
    Ok(Some(
        exporter.map_err(|e| format!("METRICS_BIND {addr}: {e}"))?,
    ))
}

/// A server, and with simulated money the simulator it talks to.
pub struct Served {
    /// The server.
    pub running: souk::Running,
    /// Where it listens.
    pub addr: std::net::SocketAddr,
    /// The simulator; none: Stripe is remote.
    pub simulator: Option<Simulator>,
    seeded: Option<seed::Seeded>,
}

/// Starts the simulator where money is simulated, then the server, then seeds the demo platform.
pub async fn start(mut config: Config) -> Result<Served, Failure> {
    let listener = TcpListener::bind(config.bind)
        .await
        .map_err(|e| format!("BIND {}: {e}", config.bind))?;
    let addr = listener.local_addr()?;
    config.bind = addr;
    name_the_port(&mut config, addr);
    let exporter = count(&config).await?;
    let simulator = match config.stripe_mode {
        StripeMode::Simulated => Some(simulate(&mut config, addr).await?),
        StripeMode::Remote => None,
    };
    let seeding = config.seed_demo && simulator.is_some();
    // With simulated money the server shares the simulator's time.
    let ahead = simulator.as_ref().and_then(Simulator::ahead);
    let clock = ahead.map_or(Clock::System, Clock::Ahead);
    let mut running = souk::run(souk::assemble(config, clock).await?, listener);
    if let Some(exporter) = exporter {
        running.tell_prometheus(exporter);
    }
    let seeded = match &simulator {
        Some(simulator) if seeding => Some(seed::seed(&running.app, &simulator.base_url()).await?),
        _ => None,
    };
    Ok(Served {
        running,
        addr,
        simulator,
        seeded,
    })
}

/// Puts the port that the system picked into the addresses of our pages.
fn name_the_port(config: &mut Config, addr: std::net::SocketAddr) {
    let before = origin(&config.public_url);
    if config.public_url.port() == Some(0) && config.public_url.set_port(Some(addr.port())).is_ok()
    {
        config.redirect_origins.retain(|allowed| *allowed != before);
        config.redirect_origins.push(origin(&config.public_url));
    }
}

/// Starts the simulator with its state beside the database, and registers our webhook endpoints there.
async fn simulate(config: &mut Config, addr: std::net::SocketAddr) -> Result<Simulator, Failure> {
    std::fs::create_dir_all(&config.data_dir)?;
    let options = Options {
        listen: config.simulator_bind,
        state: State::File(config.data_dir.join("simulator.jsonl")),
        ..Options::default()
    };
    let simulator = Simulator::start(options)
        .await
        .map_err(|e| format!("SIMULATOR_BIND {}: {e}", config.simulator_bind))?;
    config.stripe_api_base = simulator.base_url();
    config.stripe_files_base = simulator.base_url();
    let platform = simulator
        .ensure_webhook_endpoint("souk", &format!("http://{addr}/webhooks/stripe"), false)
        .await;
    let connect = simulator
        .ensure_webhook_endpoint(
            "souk-connect",
            &format!("http://{addr}/webhooks/stripe/connect"),
            true,
        )
        .await;
    let thin = simulator
        .ensure_event_destination(
            "souk-thin",
            &format!("http://{addr}/webhooks/stripe/connect"),
            &souk::webhooks::thin_types(),
        )
        .await;
    // Beside those of the environment, so that events can be signed by hand too.
    config.platform_webhook_secrets.push(platform.secret.into());
    config.connect_webhook_secrets.push(connect.secret.into());
    config.connect_webhook_secrets.push(thin.secret.into());
    Ok(simulator)
}

impl Served {
    fn announce(&self) {
        let config = &self.running.app.config;
        println!("\nSouk is open at {}", config.page("/"));
        println!(
            "  API      {}   (contract: {})",
            config.page("/docs"),
            config.page("/openapi.yaml")
        );
        if let Some(simulator) = &self.simulator {
            println!(
                "  Stripe   {}/_simulator   SIMULATED MONEY: nothing is charged",
                simulator.base_url()
            );
        }
        if let Some(seeded) = &self.seeded {
            println!("\n{seeded}");
        }
        println!("\nCtrl-C stops it.\n");
    }

    /// Stops the server before the simulator, so that its last requests are answered.
    pub async fn stop(self) {
        self.running.stop().await;
        if let Some(simulator) = self.simulator {
            simulator.stop().await;
        }
    }
}

/// Ctrl-C, and what a service manager sends.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for either.
    pub async fn wanted(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
