//! `souk-bench webhooks`: how many paying events a second, and how that compares with what the database allows.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::{ValueEnum, value_parser};
use tempfile::TempDir;

use crate::database::{Fresh, Place};
use crate::events::{CONNECT_SECRET, Events};
use crate::load::{self, Load, Request};
use crate::server::{self, Settings};
use crate::stripe::Stripe;
use crate::{Failure, bound};

/// Deliveries that the server's committer puts into one transaction at most.
const BATCH: u32 = 64;
/// A row takes no longer: after 300 s its signatures would be too old anyway.
const LIMIT: Duration = Duration::from_secs(240);
/// A machine that does the same work this many times slower a moment later has other things to do.
const NOISE: f64 = 1.5;

/// What to measure.
#[derive(clap::Args)]
pub struct Args {
    /// Events of each row of the table; each row has a fresh database and a fresh server.
    #[arg(long, default_value_t = 2000, value_parser = value_parser!(u32).range(1..=100_000))]
    events: u32,
    /// SQLite is a file in the folder for temporary ones; PostgreSQL is TEST_POSTGRES_URL, or a throw-away one.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// Deliveries in flight at a time, a row each.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64", value_parser = value_parser!(u32).range(1..=512))]
    concurrency: Vec<u32>,
    /// What the server's worker does meanwhile: wait for Stripe, or all that each payment stages.
    #[arg(long, value_enum, default_value_t = Worker::Both)]
    worker: Worker,
}

/// Which databases.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Databases {
    Sqlite,
    Postgres,
    Both,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Worker {
    /// Stripe doesn't answer it: the door alone is measured.
    Waits,
    /// Stripe answers at once: mails, re-reads and pulls take their share of processor and database.
    Works,
    Both,
}

impl Worker {
    /// What is to be measured, one after the other.
    fn each(self) -> Vec<Self> {
        match self {
            Self::Both => vec![Self::Waits, Self::Works],
            one => vec![one],
        }
    }
}

/// Measures, and prints a row as soon as it is known.
pub async fn run(args: &Args) -> Result<(), Failure> {
    let postgres = std::env::var("TEST_POSTGRES_URL").ok();
    if args.database != Databases::Sqlite && postgres.is_none() {
        return around_postgres();
    }
    let binary = server::binary()?;
    let folder = TempDir::with_prefix("souk-bench.")?;
    let mut places = Vec::new();
    if args.database != Databases::Postgres {
        places.push(Place::Sqlite(folder.path().to_owned()));
    }
    if args.database != Databases::Sqlite {
        places.extend(postgres.map(Place::Postgres));
    }
    introduce(args, &binary, &places).await?;
    let bench = Bench {
        args,
        binary: &binary,
        folder: folder.path(),
        http: reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(60))
            .build()?,
    };
    for place in &places {
        for &concurrency in &args.concurrency {
            bench.compare(place, concurrency).await?;
        }
    }
    println!(
        "\nEvery event was answered with 200, and every database had exactly {} orders paid and units taken.",
        args.events
    );
    Ok(())
}

/// Runs this program again inside `tests/postgres.sh`, which ends its PostgreSQL when we end.
pub fn around_postgres() -> Result<(), Failure> {
    use std::os::unix::process::CommandExt;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/postgres.sh");
    let failed = Command::new(&script)
        .arg(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        // Commits are what is measured: they must reach the disk.
        .env("SOUK_PG_FSYNC", "on")
        .exec();
    let script = script.display();
    Err(format!("{script}: {failed}. Set TEST_POSTGRES_URL to a server of your own, or choose --database sqlite.").into())
}

async fn introduce(args: &Args, binary: &Path, places: &[Place]) -> Result<(), Failure> {
    let build = if cfg!(debug_assertions) {
        "debug"
    } else {
        "release"
    };
    let processors = std::thread::available_parallelism()?;
    println!(
        "{} checkout.session.completed events a row; {build} build, {processors} processors",
        args.events
    );
    println!("server    {}", binary.display());
    for place in places {
        println!("{:<9} {}", place.name(), place.describe().await?);
    }
    println!(
        "\n{:<9} {:>9} {:>7} {:>9} {:>8} {:>8} {:>9} {:>10} {:>9} {:>9}",
        "database",
        "in flight",
        "worker",
        "events/s",
        "p50 ms",
        "p99 ms",
        "peak MiB",
        "jobs done",
        "bound/s",
        "of bound"
    );
    Ok(())
}

fn print_row(
    place: &Place,
    concurrency: u32,
    worker: Worker,
    seen: &Seen,
    before: f64,
    after: f64,
) {
    let load = &seen.load;
    let worker = worker
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned());
    let peak = seen
        .peak_kib
        .map_or_else(|| "-".to_owned(), |kib| (kib / 1024).to_string());
    let events = load.per_second() * load.took.as_secs_f64();
    // Of both measurements together.
    let bound = 2.0 * events / (before + after);
    let noisy = if before.max(after) > NOISE * before.min(after) {
        "  noisy"
    } else {
        ""
    };
    println!(
        "{:<9} {concurrency:>9} {worker:>7} {:>9.1} {:>8.2} {:>8.2} {peak:>9} {:>10} {bound:>9.1} {:>9.3}{noisy}",
        place.name(),
        load.per_second(),
        load.percentile(50),
        load.percentile(99),
        seen.jobs_done,
        load.per_second() / bound
    );
}

/// What all rows share.
struct Bench<'a> {
    args: &'a Args,
    binary: &'a Path,
    folder: &'a Path,
    http: reqwest::Client,
}

/// What was seen in one row.
struct Seen {
    load: Load,
    peak_kib: Option<u64>,
    jobs_done: i64,
}

impl Bench<'_> {
    /// Each row stands between two measurements of the bound, so that all three meet the same machine.
    async fn compare(&self, place: &Place, concurrency: u32) -> Result<(), Failure> {
        let batch = concurrency.min(BATCH);
        let mut before = self.bound(place, batch).await?;
        for worker in self.args.worker.each() {
            let seen = self.row(place, concurrency, worker).await?;
            let after = self.bound(place, batch).await?;
            print_row(place, concurrency, worker, &seen, before, after);
            before = after;
        }
        Ok(())
    }

    /// Seconds that the bound takes for the events of a row.
    async fn bound(&self, place: &Place, batch: u32) -> Result<f64, Failure> {
        let folder = TempDir::new_in(self.folder)?;
        let fresh = place.fresh(folder.path()).await?;
        let measured = async {
            self.prepare(&fresh, folder.path()).await?;
            let took = bound::measure(&fresh, self.args.events, batch).await?;
            fresh.check(self.args.events).await?;
            Ok(took.as_secs_f64())
        };
        let measured: Result<f64, Failure> = measured.await;
        fresh.discard().await?;
        measured.map_err(|e| format!("{}, bound at {batch}: {e}", place.name()).into())
    }

    async fn row(&self, place: &Place, concurrency: u32, worker: Worker) -> Result<Seen, Failure> {
        let folder = TempDir::new_in(self.folder)?;
        let fresh = place.fresh(folder.path()).await?;
        let seen = async {
            self.prepare(&fresh, folder.path()).await?;
            self.serve(&fresh, folder.path(), concurrency, worker).await
        };
        let seen: Result<Seen, Failure> = seen.await;
        fresh.discard().await?;
        seen.map_err(|e| format!("{} at {concurrency}: {e}", place.name()).into())
    }

    async fn prepare(&self, fresh: &Fresh, folder: &Path) -> Result<(), Failure> {
        // Nobody listens there, and migrating asks nobody.
        self.settings(fresh, folder, "http://127.0.0.1:9")
            .migrate()
            .await?;
        fresh.fill(self.args.events, 1).await
    }

    fn settings<'a>(&'a self, fresh: &'a Fresh, folder: &'a Path, stripe: &'a str) -> Settings<'a> {
        Settings {
            binary: self.binary,
            folder,
            database_url: &fresh.url,
            stripe,
            secrets: ("whsec_bench_platform", CONNECT_SECRET),
            more: &[],
        }
    }

    async fn serve(
        &self,
        fresh: &Fresh,
        folder: &Path,
        concurrency: u32,
        worker: Worker,
    ) -> Result<Seen, Failure> {
        let stripe = Stripe::start(worker == Worker::Works, Duration::ZERO).await?;
        let server = self
            .settings(fresh, folder, &stripe.base_url)
            .serve(&self.http)
            .await?;
        let deliveries = Events::new()?.signed(0, self.args.events)?;
        let requests = deliveries.iter().map(Request::delivery).collect();
        let sending = load::send(server.addr, requests, concurrency, is_processed);
        let load = tokio::time::timeout(LIMIT, sending)
            .await
            .map_err(|_| format!("not done within {} s:\n{}", LIMIT.as_secs(), server.said()))?
            .map_err(|e| format!("{e}\n{}", server.said()))?;
        let jobs_done = fresh.jobs_done().await?;
        let peak_kib = server.peak_memory();
        stripe.speak();
        server.stop().await?;
        fresh.check(self.args.events).await?;
        if stripe.unknown() > 0 {
            return Err("the worker asked Stripe for what the bench does not answer: teach bench/src/stripe.rs".into());
        }
        Ok(Seen {
            load,
            peak_kib,
            jobs_done,
        })
    }
}

/// What an event that had its effect is answered with.
fn is_processed(body: &str) -> bool {
    body.contains(r#""state":"processed""#)
}
