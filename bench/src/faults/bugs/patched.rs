//! A copy of the sources with every bug in it, each of which `SOUK_PLANTED_BUG` switches on.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Patch;
use super::table::BUGS;
use crate::Failure;

/// All that a build of the workspace reads.
const SOURCES: [&str; 10] = [
    "Cargo.toml",
    "Cargo.lock",
    "openapi.yaml",
    "src",
    "entity",
    "migration",
    "simulator",
    "bench/Cargo.toml",
    "bench/src",
    "tests/conformance/rust",
];

/// Gives the copy another name and version. Cargo would otherwise take what is built from it for what is built from the
/// sources, since the two share a target folder.
const NAME: [Patch; 3] = [
    Patch {
        file: "Cargo.toml",
        find: "[[bin]]\nname = \"souk\"\n",
        with: "[[bin]]\nname = \"souk-planted\"\n",
    },
    Patch {
        file: "Cargo.toml",
        find: "default-run = \"souk\"\n",
        with: "",
    },
    Patch {
        file: "Cargo.toml",
        find: "[workspace.package]\nversion = \"",
        with: "[workspace.package]\nversion = \"0.0.0-planted.",
    },
];

/// At the end of `src/lib.rs`.
const SWITCH: &str = r#"
/// Whether this bug is switched on.
pub fn bug_is_on(bug: &str) -> bool {
    static ON: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("SOUK_PLANTED_BUG").ok());
    ON.as_deref() == Some(bug)
}
"#;

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A patch with the name of its bug and the text that it puts there.
type Named<'a> = (&'a str, &'a Patch, String);

/// Every patch there is.
fn patches() -> Vec<Named<'static>> {
    let of_bugs = BUGS.iter().flat_map(|bug| {
        let switch = format!("crate::bug_is_on(\"{}\")", bug.name);
        bug.patches
            .iter()
            .map(move |patch| (bug.name, patch, patch.with.replace("BUG_ON", &switch)))
    });
    let of_the_copy = NAME
        .iter()
        .map(|patch| ("the copy's name", patch, patch.with.to_owned()));
    of_bugs.chain(of_the_copy).collect()
}

/// The patched files, by path. An error names every patch whose text isn't there exactly once, or is part of another's.
fn patch(
    workspace: &Path,
    patches: Vec<Named<'_>>,
) -> Result<BTreeMap<&'static str, String>, Failure> {
    let (mut texts, mut wrong) = (BTreeMap::new(), Vec::new());
    let mut places: BTreeMap<&str, Vec<(usize, &str, &Patch, String)>> = BTreeMap::new();
    for (bug, patch, with) in patches {
        let Patch { file, find, .. } = patch;
        let text = texts
            .entry(*file)
            .or_insert_with(|| fs::read_to_string(workspace.join(file)).unwrap_or_default());
        let at: Vec<usize> = text.match_indices(find).map(|(at, _)| at).collect();
        match at.as_slice() {
            [at] => places
                .entry(file)
                .or_default()
                .push((*at, bug, patch, with)),
            [] => wrong.push(format!("{bug}: {file} has no {find:?}")),
            some => wrong.push(format!("{bug}: {file} has {} times {find:?}", some.len())),
        }
    }
    for (file, places) in &mut places {
        places.sort_by_key(|(at, ..)| *at);
        for pair in places.windows(2) {
            let ((at, one, patch, _), (next, other, ..)) = (&pair[0], &pair[1]);
            if at + patch.find.len() > *next {
                wrong.push(format!("{one} and {other}: their texts in {file} overlap"));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(format!("planted bugs:\n  {}", wrong.join("\n  ")).into());
    }
    for (file, places) in places {
        let text = texts.entry(file).or_default();
        for (at, _, patch, with) in places.iter().rev() {
            text.replace_range(*at..at + patch.find.len(), with);
        }
    }
    Ok(texts)
}

/// Writes the copy and builds its server, by the same profile and into the same folder as this program. Where it is.
pub fn build() -> Result<PathBuf, Failure> {
    let profile = std::env::current_exe()?;
    let profile = profile.parent().ok_or("this program is nowhere")?;
    let target = profile.parent().ok_or("this program is nowhere")?;
    let copy = target.join("planted");
    write(&workspace(), &copy)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    // There is no example. But with `--examples` dependencies have the features that tests need, and are those that the
    // tests have built.
    build
        .args(["build", "--quiet", "--workspace", "--examples"])
        .args(["--bin", "souk-planted"])
        .current_dir(&copy)
        .env("CARGO_TARGET_DIR", target);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    match build.status()?.success() {
        true => Ok(profile.join("souk-planted")),
        false => Err(format!("{} could not be built", copy.display()).into()),
    }
}

/// Makes the copy equal to the patched sources. What is right already keeps its time, so that nothing is built twice.
fn write(workspace: &Path, copy: &Path) -> Result<(), Failure> {
    let mut patched = patch(workspace, patches())?;
    let lib = patched
        .remove("src/lib.rs")
        .map_or_else(|| fs::read_to_string(workspace.join("src/lib.rs")), Ok)?;
    patched.insert("src/lib.rs", format!("{lib}{SWITCH}"));
    let mut files = Vec::new();
    for source in SOURCES {
        list(workspace, Path::new(source), &mut files)?;
    }
    for file in &files {
        let wanted = match file.to_str().and_then(|file| patched.get(file)) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(workspace.join(file))?,
        };
        let to = copy.join(file);
        if fs::read(&to).is_ok_and(|there| there == wanted) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(copy))?;
        fs::write(to, wanted)?;
    }
    // A file that is gone must not be built.
    let mut there = Vec::new();
    list(copy, Path::new(""), &mut there)?;
    for file in there.iter().filter(|file| !files.contains(file)) {
        fs::remove_file(copy.join(file))?;
    }
    Ok(())
}

/// Adds every file at or below `path`, by its path from `root`.
fn list(root: &Path, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let at = root.join(path);
    if !at.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(at)? {
        let name = entry?.file_name();
        if name != "target" && name != "node_modules" {
            list(root, &path.join(name), files)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_text_is_found_exactly_once_and_none_overlap() {
        if let Err(e) = patch(&workspace(), patches()) {
            panic!("{e}");
        }
    }

    #[test]
    fn every_patch_asks_whether_its_bug_is_on() {
        for bug in BUGS {
            let asks = |patch: &&Patch| patch.with.contains("BUG_ON");
            assert!(bug.patches.iter().any(|patch| asks(&patch)), "{}", bug.name);
        }
    }

    #[test]
    fn a_text_that_is_missing_or_twice_there_or_part_of_another_is_named() {
        let patch_of = |find| Patch {
            file: "lib.rs",
            find,
            with: "BUG_ON",
        };
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("lib.rs"), "one two two three four").expect("a file");
        let finds = ["one", "two", "five", "three f", "four"].map(patch_of);
        let named = finds.iter().map(|patch| ("bug", patch, String::new()));
        let wrong = patch(folder.path(), named.collect()).expect_err("wrong");
        assert_eq!(
            wrong.to_string(),
            "planted bugs:\n  bug: lib.rs has 2 times \"two\"\n  bug: lib.rs has no \"five\"\n  \
             bug and bug: their texts in lib.rs overlap"
        );
    }
}
