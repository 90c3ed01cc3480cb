//! The rules of ARCHITECTURE.md, held against the source. Each rule is a function from sources to faults; `rule_tests` shows
//! each of them a few bad lines that it reports.

mod reading_paths;
mod rooms;
mod source;

use std::path::{Path, PathBuf};

use rooms::Rooms;
use source::Source;

/// Files that may be longer than `LONGEST`, and why.
const LONG_FILES: &[(&str, &str)] = &[];
const LONGEST: usize = 600;

/// Files that may hold floats, and why. Never a file that sees money.
const FLOATS: &[(&str, &str)] = &[
    (
        "src/metrics.rs",
        "Prometheus's values; no amount is among them",
    ),
    (
        "simulator/src/delivery/rules.rs",
        "how likely a delivery is doubled, lost or late",
    ),
    ("simulator/src/faults.rs", "how likely a fault strikes"),
    ("simulator/src/server/limits.rs", "requests per second"),
];

/// Files of `entity/` that may have functions of their own, and why.
const ENTITY_FUNCTIONS: &[(&str, &str)] = &[
    ("entity/src/ids.rs", "id newtypes are made and shown"),
    (
        "entity/src/values.rs",
        "column types, such as times, are made and shown",
    ),
];

/// Paths that only `src/clock.rs` and `src/ids.rs` may name. A segment that ends in `*` is a prefix.
const MAKERS_OF_TIMES_AND_IDS: &[&[&str]] = &[
    &["SystemTime"],
    &["std", "time", "Instant"],
    &["std", "time", "*"],
    &["OffsetDateTime", "now_*"],
    &["UtcDateTime", "now"],
    &["Utc", "now"],
    &["Local", "now"],
    &["Uuid", "new_*"],
    &["Uuid", "now_*"],
];

/// The folders that hold code.
const FOLDERS: &[&str] = &[
    "src",
    "entity/src",
    "migration/src",
    "simulator/src",
    "simulator/tests",
    "bench/src",
    "tests/it",
];

// The rules.

/// `src/main.rs` and `src/commands` are the binary.
fn in_binary(source: &Source) -> bool {
    source.file == "src/main.rs" || source.is_in("src/commands")
}

/// The room of a file of the server's library.
fn room_of(source: &Source) -> Option<&str> {
    let inside = source.file.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    (!in_binary(source)).then_some(first.strip_suffix(".rs").unwrap_or(first))
}

fn forbidden_imports(rooms: &Rooms, sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources {
        let Some(room) = room_of(source) else {
            continue;
        };
        let file = &source.file;
        let Some(listed) = rooms.get(room) else {
            faults.push(rooms.missing(room, file));
            continue;
        };
        if room == "lib" {
            let modules = source.modules.iter().filter(|module| module.top_level);
            for module in modules.filter(|module| rooms.get(&module.name).is_none()) {
                faults.push(rooms.missing(&module.name, file));
            }
            continue;
        }
        for name in &source.names {
            let Some(path) = name.rooted() else { continue };
            let other = path.first().map(String::as_str);
            match other {
                // `pub(crate)` and the like.
                None if !name.in_use => {}
                None | Some("*") => faults.push(format!(
                    "{file}: `{}` takes in the whole crate; name the room",
                    name.text()
                )),
                Some(other) if other == room || listed.imports.contains(other) => {}
                Some(other) if rooms.get(other).is_none() => faults.push(format!(
                    "{file}: `{}`: `{other}` isn't a room of the table",
                    name.text()
                )),
                Some(other) => faults.push(format!(
                    "{file}: {room} may not import {other} (`{}`), says {}",
                    name.text(),
                    listed.place()
                )),
            }
        }
    }
    faults
}

fn rooms_without_code(rooms: &Rooms, sources: &[Source]) -> Vec<String> {
    let exists = |room: &str| sources.iter().any(|source| room_of(source) == Some(room));
    let gone = rooms.iter().filter(|room| !exists(&room.name));
    gone.map(|room| format!("{}: src/ has no room `{}`", room.place(), room.name))
        .collect()
}

fn imports_of_routes(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    let others = |s: &&Source| s.is_in("src") && s.file != "src/lib.rs";
    for source in sources.iter().filter(others) {
        for name in &source.names {
            let modules = match name.segments.as_slice() {
                // A lone `routes` in code is a variable; at the end of a path, a function.
                [modules @ .., _] if !name.in_use => modules,
                all => all,
            };
            if modules.iter().any(|segment| segment == "routes") {
                faults.push(format!(
                    "{}: only lib.rs names `{}`",
                    source.file,
                    name.text()
                ));
            }
        }
    }
    faults
}

fn async_stripe_outside_its_room(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources.iter().filter(|source| !source.is_in("src/stripe")) {
        for name in &source.names {
            if source.other_crate(name).is_some_and(is_async_stripe) {
                let (file, text) = (&source.file, name.text());
                faults.push(format!(
                    "{file}: only src/stripe names async-stripe (`{text}`)"
                ));
            }
        }
    }
    faults
}

fn is_async_stripe(name: &str) -> bool {
    name == "stripe" || name.starts_with("stripe_") || name.starts_with("async_stripe")
}

fn times_and_ids_made_elsewhere(sources: &[Source]) -> Vec<String> {
    let ours = |s: &&Source| {
        ["src", "entity", "migration"]
            .iter()
            .any(|folder| s.is_in(folder))
            && !s.is_in("src/clock")
            && !s.is_in("src/ids")
    };
    let fits = |segment: &String, wanted: &str| match wanted.strip_suffix('*') {
        Some(start) if !start.is_empty() => segment.starts_with(start),
        _ => segment == wanted,
    };
    let mut faults = vec![];
    for source in sources.iter().filter(ours) {
        for name in &source.names {
            let minted = MAKERS_OF_TIMES_AND_IDS.iter().any(|wanted| {
                let mut windows = name.segments.windows(wanted.len());
                windows.any(|w| {
                    w.iter()
                        .zip(*wanted)
                        .all(|(segment, want)| fits(segment, want))
                })
            });
            if minted {
                faults.push(format!(
                    "{}: only src/clock.rs reads the time and src/ids.rs makes ids (`{}`)",
                    source.file,
                    name.text()
                ));
            }
        }
    }
    faults
}

fn effects_that_see_app(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources {
        let Some(room) = room_of(source) else {
            continue;
        };
        if !source.is_in(&format!("src/{room}/events")) {
            continue;
        }
        for name in &source.names {
            let path = name.rooted().unwrap_or_default();
            if name.holds(&["App"]) || path.first().is_some_and(|room| room == "app") {
                let (file, text) = (&source.file, name.text());
                faults.push(format!(
                    "{file}: an effect receives &Tx, never App (`{text}`)"
                ));
            }
        }
    }
    faults
}

fn rules_in_entity(sources: &[Source], allowed: &[(&str, &str)]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources.iter().filter(|source| source.is_in("entity/src")) {
        let file = &source.file;
        if !allows(allowed, file) {
            let functions = source.functions.iter();
            faults.extend(functions.map(|f| format!("{file}: entity has no rules: move `{f}`")));
        }
        for name in &source.names {
            if source
                .other_crate(name)
                .is_some_and(|other| other.starts_with("souk"))
            {
                faults.push(format!(
                    "{file}: entity imports nothing of ours (`{}`)",
                    name.text()
                ));
            }
        }
    }
    faults
}

fn ours_in_simulator(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources.iter().filter(|source| source.is_in("simulator")) {
        for name in &source.names {
            let Some(other) = source.other_crate(name) else {
                continue;
            };
            let ours = other == "souk" || other.starts_with("souk_");
            if ours && other != "souk_simulator" {
                let (file, text) = (&source.file, name.text());
                faults.push(format!(
                    "{file}: the simulator imports nothing of ours (`{text}`)"
                ));
            }
        }
    }
    faults
}

/// Reads the dependency tables of a Cargo.toml, line by line.
fn ours_in_simulators_manifest(manifest: &str) -> Vec<String> {
    let forbidden = |name: &str| {
        let name = name.trim().trim_matches('"').replace('-', "_");
        name.starts_with("souk") || name.starts_with("async_stripe") || name.starts_with("stripe_")
    };
    let mut faults = vec![];
    let mut in_table = false;
    for line in manifest
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
    {
        let mut names: Vec<&str> = vec![];
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_matches(['[', ']']);
            in_table = header.contains("dependencies");
            names.extend(header.split("dependencies.").nth(1));
        } else if in_table {
            names.extend(line.split(['=', '.']).next());
            let renamed = line
                .split_once("package")
                .and_then(|(_, rest)| rest.split('"').nth(1));
            names.extend(renamed);
        }
        if names.into_iter().any(forbidden) {
            faults.push(format!(
                "simulator/Cargo.toml depends on nothing of ours: {line}"
            ));
        }
    }
    faults
}

fn floats(sources: &[Source], allowed: &[(&str, &str)]) -> Vec<String> {
    let money = |s: &&Source| {
        ["src", "entity/src", "migration/src", "simulator/src"]
            .iter()
            .any(|f| s.is_in(f))
    };
    let mut faults = vec![];
    for source in sources
        .iter()
        .filter(money)
        .filter(|s| !allows(allowed, &s.file))
    {
        let floats = source.floats.iter();
        faults.extend(floats.map(|f| format!("{}: no float comes near money: `{f}`", source.file)));
    }
    faults
}

fn binary_beyond_souk(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources.iter().filter(|source| source.is_in("src")) {
        let file = &source.file;
        if file == "src/main.rs" {
            let modules = source.modules.iter().filter(|m| m.name != "commands");
            faults
                .extend(modules.map(|m| format!("{file}: only `mod commands`, not `{}`", m.name)));
        }
        let may_simulate = source.is_in("src/commands/serve") || source.is_in("src/commands/demo");
        for name in &source.names {
            let text = name.text();
            match source.other_crate(name) {
                Some("souk_simulator") if !may_simulate => faults.push(format!(
                    "{file}: only commands/serve and commands/demo start the simulator (`{text}`)"
                )),
                Some("souk_entity" | "souk_migration" | "souk_bench") if in_binary(source) => {
                    faults.push(format!("{file}: the binary uses only `souk::` (`{text}`)"));
                }
                _ => {}
            }
        }
    }
    faults
}

fn code_that_cannot_be_followed(sources: &[Source]) -> Vec<String> {
    let mut faults = vec![];
    for source in sources {
        let hidden = source.hidden.iter();
        faults.extend(hidden.map(|h| format!("{}: these tests can't follow {h}", source.file)));
    }
    faults
}

fn long_files(sources: &[Source], allowed: &[(&str, &str)]) -> Vec<String> {
    let long = sources
        .iter()
        .filter(|s| s.lines > LONGEST && !allows(allowed, &s.file));
    long.map(|s| format!("{}: {} lines; split it by noun", s.file, s.lines))
        .collect()
}

fn allows(allowed: &[(&str, &str)], file: &str) -> bool {
    allowed.iter().any(|(name, _)| *name == file)
}

// The repository, held against the rules.

fn root() -> PathBuf {
    let now = std::env::var_os("CARGO_MANIFEST_DIR");
    now.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

fn repository() -> Vec<Source> {
    read(FOLDERS)
}

/// All code in these folders. Each test is a process, so a rule about one folder reads no others.
fn read(folders: &[&str]) -> Vec<Source> {
    let root = root();
    let mut files = vec![];
    for folder in folders {
        let before = files.len();
        list(&root, Path::new(folder), &mut files);
        assert!(files.len() > before, "{folder} holds no code");
    }
    files.sort();
    files.iter().map(|file| Source::read(&root, file)).collect()
}

fn list(root: &Path, folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        return;
    };
    for entry in entries {
        let entry = entry.expect("a folder of the repository can be read");
        let path = folder.join(entry.file_name());
        if entry.path().is_dir() {
            list(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path.to_str().expect("file names are UTF-8").to_owned());
        }
    }
}

#[track_caller]
fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn the_reader_finds_every_crate() {
    let sources = repository();
    for file in [
        "src/lib.rs",
        "src/main.rs",
        "entity/src/lib.rs",
        "simulator/src/lib.rs",
    ] {
        assert!(
            sources.iter().any(|source| source.file == file),
            "{file} was not read"
        );
    }
}

#[test]
fn rooms_import_only_what_the_table_says() {
    none(forbidden_imports(
        &Rooms::of_the_repository(),
        &read(&["src"]),
    ));
}

#[test]
fn every_room_of_the_table_exists() {
    none(rooms_without_code(
        &Rooms::of_the_repository(),
        &read(&["src"]),
    ));
}

#[test]
fn the_reading_paths_are_short_and_their_files_exist() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    let exists = |file: &str| root().join("src").join(file).is_file();
    let mut faults = reading_paths::faults(&page, exists);
    faults.extend(reading_paths::missing_files(&page, &root()));
    none(faults);
}

#[test]
fn only_lib_imports_routes() {
    none(imports_of_routes(&read(&["src"])));
}

#[test]
fn only_the_stripe_room_names_async_stripe() {
    none(async_stripe_outside_its_room(&repository()));
}

#[test]
fn only_clock_reads_the_time_and_only_ids_makes_ids() {
    none(times_and_ids_made_elsewhere(&read(&[
        "src",
        "entity/src",
        "migration/src",
    ])));
}

#[test]
fn effects_never_see_app() {
    none(effects_that_see_app(&read(&["src"])));
}

#[test]
fn entity_has_no_rules() {
    none(rules_in_entity(&read(&["entity/src"]), ENTITY_FUNCTIONS));
}

#[test]
fn the_simulator_imports_nothing_of_ours() {
    let mut faults = ours_in_simulator(&read(&["simulator/src", "simulator/tests"]));
    let manifest = std::fs::read_to_string(root().join("simulator/Cargo.toml"));
    faults.extend(ours_in_simulators_manifest(
        &manifest.expect("simulator/Cargo.toml"),
    ));
    none(faults);
}

#[test]
fn no_float_comes_near_money() {
    none(floats(&repository(), FLOATS));
}

#[test]
fn the_binary_uses_only_souk() {
    none(binary_beyond_souk(&read(&["src"])));
}

#[test]
fn these_tests_can_follow_all_code() {
    none(code_that_cannot_be_followed(&repository()));
}

#[test]
fn no_file_is_long_without_a_reason() {
    none(long_files(&repository(), LONG_FILES));
}

#[test]
fn every_exception_is_still_needed() {
    let sources = repository();
    let needed = |all: Vec<String>, allowed: &[(&str, &str)]| -> Vec<String> {
        let used = |file: &str| {
            all.iter()
                .any(|fault| fault.starts_with(&format!("{file}:")))
        };
        let idle = allowed.iter().filter(|(file, _)| !used(file));
        idle.map(|(file, _)| format!("{file} needs its exception no more"))
            .collect()
    };
    none(needed(long_files(&sources, &[]), LONG_FILES));
    none(needed(floats(&sources, &[]), FLOATS));
    none(needed(rules_in_entity(&sources, &[]), ENTITY_FUNCTIONS));
}

mod rule_tests;
