//! `souk doctor`.

mod play;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use serde_json::{Value, json};
use souk::clock::Clock;
use souk::config::{Config, ConfigFaults, StripeMode};
use souk::doctor::{Check, State, Subject, worst};
use souk::webhooks::destinations::Destination;

use super::{Failure, read_dotenv};

#[derive(clap::Args)]
pub struct Args {
    /// Only what can be seen without Stripe.
    #[arg(long)]
    offline: bool,
    /// Also play what everybody should have seen once before a launch, on a throw-away seller of the server that runs.
    ///
    /// Takes simulated or test money. With Stripe's test mode it prints the pages that a person is to fill in, and waits.
    #[arg(long, conflicts_with = "offline")]
    play: bool,
}

/// How long the simulator may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `souk doctor`. The exit code is 0 if all is well, 1 if there are warnings, 2 if something doesn't work.
pub async fn run(args: Args) -> Result<ExitCode, Failure> {
    read_dotenv()?;
    let checks = match Config::from_env() {
        Ok(config) => examine(config, &args).await?,
        Err(ConfigFaults(faults)) => faults.into_iter().map(unusable).collect(),
    };
    for check in &checks {
        tell(check);
    }
    let (code, verdict) = match worst(&checks) {
        State::Ok | State::Skipped => (0, "All is well."),
        State::Warning => (1, "It works; look at what is marked."),
        State::Failed => (2, "Something doesn't work."),
    };
    println!("\n{verdict}");
    Ok(ExitCode::from(code))
}

fn unusable(fault: String) -> Check {
    Check::failed(
        "settings",
        fault,
        "set it right; `souk --help` lists the settings",
    )
}

async fn examine(mut config: Config, args: &Args) -> Result<Vec<Check>, Failure> {
    let mut clock = Clock::System;
    if matches!(config.stripe_mode, StripeMode::Simulated) {
        // A server's own simulator. If none runs the checks say so.
        config.stripe_api_base = format!("http://{}", config.simulator_bind);
        config.stripe_files_base.clone_from(&config.stripe_api_base);
        if let Ok(ahead) = meet_simulator(&mut config).await {
            clock = Clock::Ahead(Arc::new(AtomicI64::new(ahead)));
        }
    }
    let subject = Subject::open(config.clone(), clock).await?;
    let mut checks = subject.examine(args.offline).await;
    if args.play {
        checks.extend(play::play(&config, &subject).await?);
    }
    subject.close().await;
    Ok(checks)
}

/// Asks the simulator of a running server for the secrets that it gave the server. Answers by how many seconds its clock is
/// ahead, as the server's is.
async fn meet_simulator(config: &mut Config) -> Result<i64, Failure> {
    let client = reqwest::Client::builder()
        .timeout(TIMEOUT)
        .no_proxy()
        .build()?;
    let controls = format!("{}/_simulator", config.stripe_api_base);
    for (destination, name) in [
        (Destination::Platform, "souk"),
        (Destination::Connect, "souk-connect"),
    ] {
        // The same names and addresses as the server's, so nothing is changed.
        let wish = json!({
            "name": name,
            "url": destination.url(config),
            "connect": destination == Destination::Connect,
        });
        let request = client.post(format!("{controls}/webhook_endpoints"));
        let answer = request.body(wish.to_string()).send().await?;
        let endpoint: Value = serde_json::from_slice(&answer.bytes().await?)?;
        let secret = endpoint["secret"].as_str().ok_or("no secret")?.to_owned();
        let secrets = match destination {
            Destination::Platform => &mut config.platform_webhook_secrets,
            Destination::Connect | Destination::Accounts => &mut config.connect_webhook_secrets,
        };
        secrets.push(secret.into());
    }
    let answer = client.get(format!("{controls}/clock")).send().await?;
    let clock: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let now = clock["now"].as_i64().ok_or("no time")?;
    Ok(now - Clock::System.now().seconds())
}

fn tell(check: &Check) {
    let mark = match check.state {
        State::Ok => "ok     ",
        State::Skipped => "skipped",
        State::Warning => "WARNING",
        State::Failed => "FAILED ",
    };
    println!("{mark}  {:<18}  {}", check.name, check.message);
    if let Some(action) = &check.action {
        println!("{:27}  -> {action}", "");
    }
}
