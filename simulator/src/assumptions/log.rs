//! Which test asked for which switch, so that only those tests need to run again under another
//! answer.

use std::{
    collections::HashSet,
    ffi::OsString,
    fs::{File, OpenOptions, create_dir_all},
    io::{self, Write},
    path::Path,
    sync::{LazyLock, Mutex, PoisonError},
};

/// Names the folder of the log. Nothing is logged without it.
const FOLDER: &str = "SIMULATOR_ASSUME_LOG";

/// The file in that folder.
const FILE: &str = "switches.tsv";

static LOG: LazyLock<Option<AssumptionLog>> = LazyLock::new(|| {
    let folder = std::env::var_os(FOLDER)?;
    // A log with a gap would leave a test out, so a run that can't write it is worth nothing.
    match AssumptionLog::open(Path::new(&folder)) {
        Ok(log) => Some(log),
        Err(error) => panic!("{FOLDER}: {}: {error}", folder.display()),
    }
});

/// Appends a line for each test and switch: `binary TAB test TAB switch`.
struct AssumptionLog {
    file: File,
    written: Mutex<HashSet<(String, &'static str)>>,
}

impl AssumptionLog {
    fn open(folder: &Path) -> io::Result<Self> {
        create_dir_all(folder)?;
        let mut file = OpenOptions::new();
        Ok(Self {
            file: file.create(true).append(true).open(folder.join(FILE))?,
            written: Mutex::default(),
        })
    }

    /// Many processes share the file, so a line is one write.
    fn record(&self, test: &str, switch: &'static str) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if !written.insert((test.to_owned(), switch)) {
            return Ok(());
        }
        (&self.file).write_all(format!("{test}\t{switch}\n").as_bytes())
    }
}

/// The running test as the log names it, or nothing when there is no log.
pub(super) fn running_test() -> Option<String> {
    LOG.as_ref()?;
    let thread = std::thread::current().name().map(str::to_owned);
    Some(test_name(|name| std::env::var_os(name), thread))
}

/// nextest says in the environment which test a process is for, and child processes inherit that.
/// Under `cargo test` a test's thread has its name.
fn test_name(variable: impl Fn(&str) -> Option<OsString>, thread: Option<String>) -> String {
    let text = |name| variable(name)?.into_string().ok();
    let (binary, test) = match (text("NEXTEST_BINARY_ID"), text("NEXTEST_TEST_NAME")) {
        (Some(binary), Some(test)) => (binary, test),
        _ => ("-".to_owned(), thread.unwrap_or_else(|| "-".to_owned())),
    };
    format!("{binary}\t{test}")
}

/// Logs that `test` asked for `switch`.
pub(super) fn record(test: &str, switch: &'static str) {
    let Some(log) = LOG.as_ref() else { return };
    if let Err(error) = log.record(test, switch) {
        panic!("{FOLDER}: {switch}: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_and_switch_is_one_line_of_a_process() {
        let folder = tempfile::tempdir().expect("folder");
        let new = folder.path().join("new");
        let log = AssumptionLog::open(&new).expect("opens");
        for switch in ["search", "search", "rounding", "search"] {
            log.record("shop::it\tone", switch).expect("writes");
        }
        log.record("shop::it\ttwo", "search").expect("writes");
        let other_process = AssumptionLog::open(&new).expect("opens");
        other_process
            .record("shop::it\tone", "search")
            .expect("writes");
        assert_eq!(
            std::fs::read_to_string(new.join(FILE)).expect("file"),
            "shop::it\tone\tsearch\n\
             shop::it\tone\trounding\n\
             shop::it\ttwo\tsearch\n\
             shop::it\tone\tsearch\n"
        );
    }

    #[test]
    fn a_test_is_named_by_nextest_else_by_its_thread() {
        let nextest = |name: &str| match name {
            "NEXTEST_BINARY_ID" => Some("shop::it".into()),
            "NEXTEST_TEST_NAME" => Some("refunds::one".into()),
            _ => None,
        };
        let thread = || Some("refunds::two".to_owned());
        assert_eq!(test_name(nextest, thread()), "shop::it\trefunds::one");
        assert_eq!(test_name(|_| None, thread()), "-\trefunds::two");
        assert_eq!(test_name(|_| None, None), "-\t-");
    }
}
