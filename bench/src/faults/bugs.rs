//! The checker's own proof: bugs that are built into the server, switched on one at a time, each of which it must find.

use std::path::Path;

use tempfile::TempDir;

use super::day::{self, Stage};
use super::plan::Plan;
use super::{Args, planted_binary};
use crate::Failure;
use crate::database::Place;

/// A bug of the feature `planted-bugs`.
pub struct Bug {
    pub name: &'static str,
    pub does: &'static str,
    /// The category under which it must be reported.
    pub found_as: &'static str,
    pub plan: fn(u64) -> Plan,
}

pub const BUGS: [Bug; 0] = [];

/// Plays a day with each bug. An error names those that were not found.
pub async fn run(args: &Args, folder: &Path, places: &[Place]) -> Result<(), Failure> {
    let binary = planted_binary()?;
    println!("server    {}\n", binary.display());
    let mut missed = Vec::new();
    for bug in BUGS.iter().filter(|bug| args.wants(bug.name)) {
        for place in places {
            let folder = TempDir::new_in(folder)?;
            let stage = Stage {
                binary: &binary,
                folder: folder.path(),
                place,
                planted: Some(bug.name),
            };
            let seen = day::play(&(bug.plan)(args.seed), &stage).await;
            let wrongs = match &seen {
                Ok(seen) => seen.wrongs(),
                Err(e) => vec![format!("day: {e}")],
            };
            let found = wrongs.iter().any(|wrong| wrong.starts_with(bug.found_as));
            let names: Vec<&str> = wrongs
                .iter()
                .filter_map(|wrong| wrong.split(':').next())
                .collect();
            let verdict = if found { "found" } else { "MISSED" };
            println!(
                "{:<28} {:<9} {verdict:<7} {}",
                bug.name,
                place.name(),
                names.join(" ")
            );
            if !found {
                missed.push(bug.name);
            }
        }
    }
    match missed.as_slice() {
        [] => Ok(()),
        some => Err(format!("not found: {}", some.join(", ")).into()),
    }
}
