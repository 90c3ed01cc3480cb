//! The reading paths of ARCHITECTURE.md: few files to follow one thing through, each of them there.

use std::path::Path;

/// What each list begins with, and how long it may be.
const PATHS: [(&str, usize); 3] = [
    ("**`checkout.session.completed`, from the socket", 8),
    ("**A checkout, from the request", 8),
    ("**Verify, from the request", 5),
];

/// Faults of the lists of `page`; `exists` says whether a path under `src/` does.
pub fn faults(page: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = vec![];
    for (title, most) in PATHS {
        let Some((_, list)) = page.split_once(title) else {
            faults.push(format!("ARCHITECTURE.md has no list {title}"));
            continue;
        };
        let files: Vec<&str> = list
            .lines()
            .skip(1)
            .skip_while(|line| line.is_empty())
            .take_while(|line| !line.is_empty())
            .filter_map(|line| line.split('`').nth(1))
            .collect();
        if files.is_empty() || files.len() > most {
            let there = files.len();
            faults.push(format!("{title} has {there} files, and may have {most}"));
        }
        let gone = files.into_iter().filter(|file| !exists(file));
        faults.extend(gone.map(|file| format!("{title} names {file}, which isn't there")));
    }
    faults
}

/// Paths of source files that `page` names, wherever it does, and that don't exist.
pub fn missing_files(page: &str, root: &Path) -> Vec<String> {
    let in_backticks = page.split('`').skip(1).step_by(2);
    let files = in_backticks.filter(|name| name.ends_with(".rs") && name.contains('/'));
    let there = |file: &&str| root.join(file).exists() || root.join("src").join(file).exists();
    let gone = files.filter(|file| !there(file));
    gone.map(|file| format!("ARCHITECTURE.md names {file}, which isn't there"))
        .collect()
}

#[test]
fn a_list_that_is_missing_too_long_or_names_no_file_is_seen() {
    let list = |files: usize| {
        let lines = (1..=files).map(|n| format!("{n}. `a{n}.rs`: it\n"));
        format!("{}**\n\n{}\n", PATHS[0].0, lines.collect::<String>())
    };
    let rest = format!(
        "{}**\n\n1. `b.rs`\n\n{}**\n\n1. `c.rs`\n\n",
        PATHS[1].0, PATHS[2].0
    );
    let page = |files| format!("{}{rest}", list(files));
    assert_eq!(faults(&page(8), |_| true), Vec::<String>::new());
    assert_eq!(faults(&page(9), |_| true).len(), 1);
    assert_eq!(faults(&page(0), |_| true).len(), 1);
    assert_eq!(faults(&page(8), |file| file != "a3.rs").len(), 1);
    assert_eq!(faults(&rest, |_| true).len(), 1);
    let gone = missing_files("see `a/gone.rs` and `Tx`, or `a/`", Path::new("/nowhere"));
    assert_eq!(gone.len(), 1);
}
