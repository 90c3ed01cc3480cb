//! The checker's own proof: bugs in a copy of the server, switched on one at a time, each of which it must find.

mod patched;
mod plans;
mod table;

use std::collections::BTreeSet;
use std::path::Path;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tempfile::TempDir;

use super::day::{self, Stage};
use super::plan::Plan;
use super::{Args, trouble};
use crate::Failure;
use crate::database::Place;
pub use table::BUGS;

/// A bug that is put into a copy of the sources.
pub struct Bug {
    pub name: &'static str,
    pub does: &'static str,
    /// What the category begins with under which it must be reported.
    pub found_as: &'static str,
    /// A day on which it shows.
    plan: fn(u64, &Place) -> Plan,
    patches: &'static [Patch],
}

/// One text of a source file, which occurs there exactly once, and the text that the copy has in its place.
struct Patch {
    file: &'static str,
    find: &'static str,
    with: &'static str,
}

/// Plays a day with each bug. An error names those that were not found.
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
    // On PostgreSQL there is one database of ours; on SQLite each day has its own, and they mostly wait.
    let at_once = if on_postgres { 1 } else { 4 };
    let shows = |bug: &&Bug| {
        // Only PostgreSQL has replicas.
        let replicas = (bug.plan)(args.seed, place).replicas > 1;
        replicas == on_postgres || (on_postgres && !args.short)
    };
    let can = |bug: &&Bug| match trouble::impossible(&(bug.plan)(args.seed, place)) {
        None => true,
        Some(why) => {
            println!("{:<28} {:<9} not run: {why}", bug.name, place.name());
            false
        }
    };
    let wanted = BUGS.iter().filter(|bug| args.wants(bug.name));
    let days = wanted
        .filter(shows)
        .filter(can)
        .map(|bug| async move { (bug, day_with(bug, args.seed, binary, folder, place).await) });
    let mut days = stream::iter(days).buffer_unordered(at_once);
    let mut missed = Vec::new();
    while let Some((bug, wrongs)) = days.next().await {
        let found = wrongs.iter().any(|wrong| wrong.starts_with(bug.found_as));
        let names: BTreeSet<&str> = wrongs
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

/// Days that a bug is given to show: some need a chance.
const DAYS: u64 = 3;

/// What is found wrong after a day with this bug, or another day.
async fn day_with(
    bug: &Bug,
    seed: u64,
    binary: &Path,
    folder: &Path,
    place: &Place,
) -> Vec<String> {
    let mut wrongs = Vec::new();
    for seed in seed..seed + DAYS {
        let played = async {
            let folder = TempDir::new_in(folder)?;
            let stage = Stage {
                binary,
                folder: folder.path(),
                place,
                planted: Some(bug.name),
            };
            day::play(&(bug.plan)(seed, place), &stage).await
        };
        wrongs = match played.await {
            Ok(seen) => seen.wrongs(),
            Err(e) => vec![format!("day: {e}")],
        };
        if wrongs.iter().any(|wrong| wrong.starts_with(bug.found_as)) {
            break;
        }
    }
    wrongs
}
