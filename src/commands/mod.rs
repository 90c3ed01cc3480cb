//! The commands of the `souk` binary.

mod admin;
mod demo;
mod doctor;
mod replay;
mod seed;
mod serve;
mod webhooks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sea_orm::ActiveEnum;
use souk::clock::Clock;
use souk::config::{Config, ConfigFaults};
use souk::db::Db;
use souk::installation::{self, Mode};

const AFTER_HELP: &str = "\
Settings are environment variables, or lines of a .env file in the working directory:

  DATABASE_URL                   postgres://… or sqlite://PATH     [data/souk.sqlite]
  DATA_DIR                       SQLite, simulator and mails       [data]
  BIND                           where to listen                   [127.0.0.1:8080]
  TRUSTED_PROXIES                whose X-Forwarded-For is believed [none]
                                 addresses and networks, commas between them
  PUBLIC_URL                     how browsers reach us             [http://BIND]
  ALLOWED_REDIRECT_ORIGINS       where buyers may be sent back to  [PUBLIC_URL's]
  ALLOWED_APP_SCHEMES            of apps that buyers may be sent back to, such as myapp  [none]
  STRIPE_SECRET_KEY              without it, money is simulated
  STRIPE_PUBLISHABLE_KEY         for pages with Stripe.js: your own, and the one where a bank sees its customer
  STRIPE_WEBHOOK_SECRET          of /webhooks/stripe; a list while one is rolled
  STRIPE_CONNECT_WEBHOOK_SECRET  of /webhooks/stripe/connect; likewise
  STRIPE_API_BASE                another Stripe, such as a simulator on its own
  JWT_SECRET                     signs access tokens               [made once, kept in DATA_DIR]
  APPLICATION_FEE_BPS            hundredths of a per cent          [1000]
  APPLICATION_FEE_FIXED          minor units and currency,         [none]
                                 such as 30 usd, 25 eur
  APPLICATION_FEE_BASE           paid or subtotal                  [paid]
  STRIPE_ACCOUNTS                v2, or v1 for platforms that have it   [v2]
  CHARGE_PROFILE                 direct, direct_express, marketplace or white_label (docs/charge-profiles.md)   [direct]
  SMTP_URL, MAIL_FROM            mail                              [files in DATA_DIR/mail]
  SEED_DEMO                      demo data, simulated money only   [true]
  SIMULATOR_BIND                 the simulator of Stripe           [127.0.0.1:12111]
                                 its clock, which can be moved, is then the server's too
  WORKER                         whether `serve` does the jobs     [true]
  JOB_LEASE_SECONDS              after which another worker takes  [60]
                                 over the jobs of one that is silent
  METRICS_BIND                   where Prometheus asks             [nowhere]
  RUST_LOG                       what is logged                    [info]

Examples:
  souk                                        a marketplace with simulated money
  souk demo                                   its whole life, played and checked
  DATABASE_URL=postgres://localhost/souk souk
  souk replay --state dead --dry-run          what would become of events that were given up
  souk webhooks setup --write .env            what Souk needs at Stripe, and its secrets
  souk doctor                                 what is wrong with this installation, and what to do
  souk admin create --email me@example.com    the first admin of a real installation";

/// Souk: a self-hosted marketplace backend on Stripe Connect.
///
/// Without a command it serves; without settings, money is simulated.
#[derive(Parser)]
#[command(version, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the API, take webhooks and do the jobs (the default).
    Serve,
    /// Do the jobs and nothing else, beside servers with WORKER=false.
    Worker,
    /// Do the effects of stored events again: those named, or all that the filters hold for.
    Replay(replay::Args),
    /// Bring the database's schema up to date, and stop.
    Migrate(MigrateArgs),
    /// Play a marketplace's whole life against a server, and check that every cent is where it belongs.
    Demo(demo::Args),
    /// Say which events Stripe is to send to which webhook endpoint, or have it set up.
    Webhooks(webhooks::Args),
    /// Look at everything that an operator may have got wrong: a line each, with what to do.
    ///
    /// The exit code is 0 if all is well, 1 if there are warnings, and 2 if something doesn't work.
    Doctor(doctor::Args),
    /// Look after admins.
    #[command(subcommand)]
    Admin(admin::Command),
    /// Print the API's contract (openapi.yaml).
    Openapi,
}

#[derive(clap::Args)]
struct MigrateArgs {
    /// What kind of money a database from an older version holds, where its rows don't tell.
    ///
    /// Needed once, when a start says so. With test or live, the demo's users are closed if the database has them.
    #[arg(long, value_parser = mode)]
    mode: Option<Mode>,
}

fn mode(text: &str) -> Result<Mode, String> {
    Mode::try_from_value(&text.to_owned()).map_err(|_| "must be simulated, test or live".to_owned())
}

impl Cli {
    /// Runs the command.
    pub async fn run(self) -> ExitCode {
        let done: Result<(), Failure> = match self.command.unwrap_or(Command::Serve) {
            Command::Serve => serve::run().await,
            Command::Worker => serve::work().await,
            Command::Replay(args) => replay::run(args).await,
            Command::Migrate(args) => migrate(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Webhooks(args) => webhooks::run(args).await,
            Command::Doctor(args) => match doctor::run(args).await {
                Ok(code) => return code,
                Err(e) => Err(e),
            },
            Command::Admin(command) => admin::run(command).await,
            Command::Openapi => {
                print!("{}", souk::http::public::OPENAPI);
                Ok(())
            }
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("souk: {e}");
                ExitCode::FAILURE
            }
        }
    }
}

/// The error of a command, shown to whoever typed it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Adds the lines of `.env` to the environment.
fn read_dotenv() -> Result<(), Failure> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(e) if e.not_found() => Ok(()),
        Err(e) => Err(format!(".env: {e}").into()),
    }
}

/// The settings, `.env` included, with a signing key.
pub fn settings() -> Result<Config, Failure> {
    read_dotenv()?;
    let mut config = Config::from_env().map_err(|faults: ConfigFaults| faults.to_string())?;
    souk::config::ensure_jwt_secret(&mut config)
        .map_err(|e| format!("DATA_DIR {}: {e}", config.data_dir.display()))?;
    Ok(config)
}

async fn migrate(args: MigrateArgs) -> Result<(), Failure> {
    let config = settings()?;
    let db = Db::connect(&config.database_url, Clock::System).await?;
    db.migrate().await?;
    if let Some(mode) = args.mode {
        installation::set_mode(&db, mode).await?;
    }
    installation::open(&db, config.mode()).await?;
    db.close().await?;
    println!("The schema is up to date.");
    Ok(())
}
