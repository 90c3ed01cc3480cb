//! The proof of the checker: bugs in a copy of the server, switched on one at a time. It must find each.

mod after_sales;
mod holds;
mod patched;
mod plans;
mod renewals;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tempfile::TempDir;

use super::plan::Plan;
use super::scenario::{self, Context};
use super::{Args, disruption};
use crate::Failure;
use crate::database::Place;
pub use table::BUGS;

/// A bug that is put into a copy of the sources.
pub struct Bug {
    pub name: &'static str,
    pub does: &'static str,
    /// What the category begins with under which it must be reported.
    pub found_as: &'static str,
    /// A scenario in which it shows.
    plan: fn(u64, &Place) -> Plan,
    patches: &'static [Patch],
}

/// One text of a source file, which occurs there exactly once, and the text that the copy has in its place.
struct Patch {
    file: &'static str,
    find: &'static str,
    with: &'static str,
}

/// Runs a scenario with each bug. An error names those that were not found.
pub async fn run(args: &Args, folder: &Path, places: &[Place]) -> Result<(), Failure> {
    let binary = &patched::build()?;
    println!("server    {}\n", binary.display());
    let missed = places
        .iter()
        .map(|place| missed_on(args, binary, folder, place));
    let missed = join_all(missed).await.concat();
    match missed.as_slice() {
        [] => Ok(()),
        some => Err(format!("not found: {}", some.join(", ")).into()),
    }
}

/// The bugs that were not found on this database.
async fn missed_on(args: &Args, binary: &Path, folder: &Path, place: &Place) -> Vec<&'static str> {
    let on_postgres = matches!(place, Place::Postgres(_));
    // On PostgreSQL there is one database of ours; on SQLite each scenario has its own, and they mostly wait.
    let at_once = if on_postgres { 1 } else { 4 };
    let shows = |bug: &&Bug| {
        // Only PostgreSQL has replicas.
        let replicas = (bug.plan)(args.seed, place).replicas > 1;
        replicas == on_postgres || (on_postgres && !args.short)
    };
    let can = |bug: &&Bug| match disruption::impossible(&(bug.plan)(args.seed, place)) {
        None => true,
        Some(why) => {
            println!("{:<28} {:<9} not run: {why}", bug.name, place.name());
            false
        }
    };
    let wanted = BUGS.iter().filter(|bug| args.wants(bug.name));
    let scenarios = wanted.filter(shows).filter(can).map(|bug| async move {
        (
            bug,
            violations_with(bug, args.seed, binary, folder, place).await,
        )
    });
    let mut scenarios = stream::iter(scenarios).buffer_unordered(at_once);
    let mut missed = Vec::new();
    while let Some((bug, violations)) = scenarios.next().await {
        let found = violations
            .iter()
            .any(|wrong| wrong.starts_with(bug.found_as));
        let names: BTreeSet<&str> = violations
            .iter()
            .filter_map(|wrong| wrong.split([':', ' ']).next())
            .collect();
        let names: Vec<&str> = names.into_iter().collect();
        println!(
            "{:<28} {:<9} {:<7} {}",
            bug.name,
            place.name(),
            if found { "found" } else { "MISSED" },
            names.join(" ")
        );
        if !found {
            missed.push(bug.name);
        }
    }
    missed
}

/// How many seeds are tried: some bugs show by chance.
const SEEDS: u64 = 3;

/// What is found wrong after a scenario with this bug, by the first seed that shows it.
async fn violations_with(
    bug: &Bug,
    seed: u64,
    binary: &Path,
    folder: &Path,
    place: &Place,
) -> Vec<String> {
    let mut violations = Vec::new();
    for seed in seed..seed + SEEDS {
        let run = async {
            let folder = TempDir::new_in(folder)?;
            let context = Context {
                binary,
                folder: folder.path(),
                place,
                planted: Some(bug.name),
            };
            scenario::run(&(bug.plan)(seed, place), &context).await
        };
        violations = match run.await {
            Ok(outcome) => outcome.violations(),
            Err(e) => vec![format!("scenario: {e}")],
        };
        if violations
            .iter()
            .any(|wrong| wrong.starts_with(bug.found_as))
        {
            break;
        }
    }
    violations
}
