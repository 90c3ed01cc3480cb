//! `souk-bench faults`: the real server under every kind of disruption, and whether a cent or an event is lost or doubled.

mod admin;
mod after_sales;
mod bugs;
mod checker;
mod checks;
mod clock;
mod delivery;
mod disruption;
mod environment;
mod holds;
mod lives;
mod load_balancer;
mod page;
mod plan;
mod renewals;
mod rng;
mod runs;
mod scenario;
mod workload;

use std::path::Path;
use std::time::Instant;

use futures_util::{StreamExt, stream};
use tempfile::TempDir;

use crate::Failure;
use crate::database::{Databases, Place, around_postgres};
use crate::server;
use plan::Plan;
use runs::{Only, RUNS, Run, Size};
use scenario::{Context, Outcome};

/// What to run.
#[derive(clap::Args)]
pub struct Args {
    /// Only these runs, by name.
    #[arg(long = "run", value_name = "NAME")]
    names: Vec<String>,
    /// SQLite is a temporary file. PostgreSQL is a throw-away server, or the one at TEST_POSTGRES_URL.
    #[arg(long, value_enum, default_value_t = Databases::Both)]
    database: Databases,
    /// Only storm, race, last, refunds and poison; with `--planted`, each bug on one database, SQLite where it shows there.
    #[arg(long, conflicts_with = "large")]
    short: bool,
    /// As long as the promise asks for (an hour or two), one run at a time.
    #[arg(long)]
    large: bool,
    /// Decides who buys what, what the network does, and when a process is killed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Lists all runs and planted bugs, and runs nothing.
    #[arg(long)]
    list: bool,
    /// Checks the checker instead: it must find each planted bug. The bugs are put into a copy of the sources, in
    /// target/planted, from which a server is built.
    #[arg(long)]
    planted: bool,
}

/// Runs what was asked for, and prints each row as soon as it is known.
///
/// # Errors
/// When a rule was broken, or a planted bug was not found.
pub async fn run(args: &Args) -> Result<(), Failure> {
    if args.list {
        for run in &RUNS {
            println!("{:<10} {}", run.name, run.shows);
        }
        for bug in &bugs::BUGS {
            println!("{:<28} {}", bug.name, bug.does);
        }
        return Ok(());
    }
    let known = |name: &String| {
        RUNS.iter().any(|run| run.name == name) || bugs::BUGS.iter().any(|bug| bug.name == name)
    };
    if let Some(name) = args.names.iter().find(|name| !known(name)) {
        return Err(format!("no run is called {name}: see --list").into());
    }
    let folder = TempDir::with_prefix("souk-faults.")?;
    let Some(places) = args.database.places(folder.path()) else {
        // The program that replaces this one would never delete it.
        folder.close()?;
        return around_postgres();
    };
    if args.planted {
        return bugs::run(args, folder.path(), &places).await;
    }
    let binary = server::binary()?;
    println!("server    {}", binary.display());
    println!("seed      {}\n", args.seed);
    print_head();
    let mut broken = 0;
    let wanted = |run: &&Run| args.wants(run.name) && (run.short || !args.short);
    for run in RUNS.iter().filter(wanted) {
        // The small runs mostly wait, so both databases fit side by side. The large ones measure times.
        let at_once = if args.large { 1 } else { places.len() };
        let rows = places
            .iter()
            .map(|place| args.row(run, place, &binary, folder.path()));
        let mut rows = stream::iter(rows).buffer_unordered(at_once);
        while let Some(well) = rows.next().await {
            broken += u32::from(!well?);
        }
    }
    match broken {
        0 => Ok(()),
        some => Err(format!("{some} of the runs found something that must not be").into()),
    }
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| wanted == name)
    }

    /// Runs it on one database. Whether no rule was broken.
    async fn row(
        &self,
        run: &Run,
        place: &Place,
        binary: &Path,
        folder: &Path,
    ) -> Result<bool, Failure> {
        let size = if self.large { Size::Large } else { Size::Small };
        let elsewhere = match run.only {
            Only::Both => false,
            Only::Postgres => matches!(place, Place::Sqlite(_)),
            Only::Sqlite => matches!(place, Place::Postgres(_)),
        };
        let Some(plan) = (run.plan)(size, self.seed, place).filter(|_| !elsewhere) else {
            return Ok(true);
        };
        if let Some(why) = disruption::impossible(&plan) {
            println!("{:<10} {:<9} not run: {why}", run.name, place.name());
            return Ok(true);
        }
        let folder = TempDir::new_in(folder)?;
        let context = Context {
            binary,
            folder: folder.path(),
            place,
            planted: None,
        };
        // The same without poison, to compare waits. A small run has too few events for that.
        let without = match self.large && plan.poison > 0.0 {
            true => {
                let clean = Plan {
                    poison: 0.0,
                    ..plan.clone()
                };
                Some(scenario::run(&clean, &context).await?.percentile(99))
            }
            false => None,
        };
        let start = Instant::now();
        let outcome = match scenario::run(&plan, &context).await {
            Ok(outcome) => Outcome {
                p99_without: without,
                ..outcome
            },
            Err(e) => {
                println!("{:<10} {:<9} {e}", run.name, place.name());
                return Ok(false);
            }
        };
        let mut wrong: Vec<String> = outcome.violations();
        wrong.extend((run.also)(&plan, &outcome));
        let took = start.elapsed().as_secs_f64();
        // Printed whole, since another run may be printing.
        println!("{}", row_text(run.name, place, &outcome, took, &wrong));
        Ok(wrong.is_empty())
    }
}

fn print_head() {
    println!(
        "{:<10} {:<9} {:>7} {:>7} {:>10} {:>6} {:>6} {:>7} {:>5} {:>6} {:>7} {:>8} {:>7}  found",
        "run",
        "database",
        "orders",
        "events",
        "deliveries",
        "lost",
        "503",
        "broken",
        "paid",
        "back",
        "p99 ms",
        "peak MiB",
        "seconds"
    );
}

fn row_text(
    name: &str,
    place: &Place,
    outcome: &Outcome,
    seconds: f64,
    wrong: &[String],
) -> String {
    let found = match wrong {
        [] if outcome.retried > 0 => {
            format!("nothing; jobs retried by an admin: {}", outcome.retried)
        }
        [] => "nothing".to_owned(),
        some => format!("\n    {}\n{}", some.join("\n    "), outcome.log_tail),
    };
    format!(
        "{name:<10} {:<9} {:>7} {:>7} {:>10} {:>6} {:>6} {:>7} {:>5} {:>6} {:>7.0} {:>8} {seconds:>7.1}  {found}",
        place.name(),
        outcome.orders,
        outcome.events,
        outcome.answers.values().sum::<u64>() + outcome.broken,
        outcome.lost,
        outcome.answers.get(&503).unwrap_or(&0),
        outcome.broken,
        outcome.sold,
        outcome.refunded,
        outcome.percentile(99),
        outcome
            .peak_kib
            .map_or_else(|| "-".to_owned(), |kib| (kib / 1024).to_string()),
    )
}
